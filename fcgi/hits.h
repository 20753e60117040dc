/* hits.h - the hits of a question as JSON, in the product's own shape.
 *
 *   [{"score", "text", "title", "source", "start", "end", "heading"}, ...]
 *
 * with "page" where the document has pages, "matched" where the hit is a part of the passage
 * that is shown, "explain" and "metadata" where the question asks for them.
 * Errors  ERR_CORRUPT: a document's metadata in the store is no strict JSON.
 */
#ifndef RAGPOOL_HITS_H
#define RAGPOOL_HITS_H

#include "question.h"

int hits_put(struct buf *b, const struct query_result *r, const struct question *q,
    struct err *e);
/* A document's metadata, "{}" when there is none. */
int hits_put_metadata(struct buf *b, const char *meta, struct err *e);

#endif
