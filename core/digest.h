/* digest.h - a document's bytes to what is kept of it: its text and its chunks, or why not.
 *
 * Faults of the document are not errors of the caller: they are in `refused`, as
 * "slug: words".
 */
#ifndef RAGPOOL_DIGEST_H
#define RAGPOOL_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "chunk.h"
#include "err.h"
#include "hash.h"
#include "text.h"

struct digest {
	char sha256[SHA256_HEX_BYTES];
	struct text_document text;
	struct chunk_list chunks;
	char refused[ERR_TEXT_BYTES + 64];
};

/* name tells the format.  bytes must stay until digest_fini(). */
int digest_make(struct digest *d, const char *name, const char *bytes, size_t n,
    const struct chunk_params *p, struct err *e);
/* Of a text that is there; borrowed until digest_fini(), which leaves it alone. */
int digest_of_text(struct digest *d, const struct text_document *text,
    const struct chunk_params *p, struct err *e);
void digest_refuse(struct digest *d, const struct err *why);
void digest_fini(struct digest *d);

/* Whether an error is the fault of a document, which is then refused alone. */
bool digest_is_fault(const struct err *e);
/* The heading path of a chunk, and behind it the header row of the table it begins in. */
void digest_heading(const struct digest *d, const struct chunk *c, char *out, size_t size);

#endif
