/* exchange.h - a tenant's documents and chunks as JSON lines, out and in.
 *
 *   {"ragpool_export": 1, "tenant": "docs", "from": "source.db"}
 *   {"key": "a.md", "title": "A", "charset": "utf-8", "bytes": 120, "sha256": "...",
 *    "cut": "...", "meta": {...}, "text": "...",
 *    "chunks": [{"start": 0, "end": 60, "heading": "A > B", "page": 3, "text": "...",
 *                "parent": {"start": 0, "end": 120, "heading": "A", "page": 3, "text": "..."},
 *                "vectors": [{"identity": 17, "f32": "AACAPw"}]}]}
 *
 * One document a line, in the order of keys.  Spans are bytes of "text".  doc/DOCUMENTS.md has
 * the form in full.
 *
 * Vectors  of a model elsewhere as it made them, for each model that source.db remembers.  Of
 *          a generation: those of its index, whatever the embedder, with identity 0 where
 *          nobody could use them again.
 * Import   documents are sent to the tenant's inbox, in batches, each accepted when it is durable
 *          (inbox.h), and source.db is given their chunks and vectors: the next build of a tenant
 *          whose source is "push", with the same index_params, makes the same passages without
 *          reading, cutting or embedding any.  A build cannot begin meanwhile.
 * Memory   one document at a time.
 * Errors   export: ERR_NOT_FOUND, ERR_CORRUPT, ERR_IO.  import: ERR_BUSY a build runs,
 *          ERR_INPUT not an export; a line that is refused is told of, the others are taken;
 *          after an error those of the batches before are accepted all the same.
 */
#ifndef RAGPOOL_EXCHANGE_H
#define RAGPOOL_EXCHANGE_H

#include <stdint.h>
#include <stdio.h>

#include "err.h"

enum exchange_vectors { EXCHANGE_BASE64, EXCHANGE_JSON, EXCHANGE_NONE };

struct exchange_report {
	uint64_t documents, chunks, vectors;
	uint64_t refused;	/* lines */
};

/* generation NULL: what source.db holds, documents with their whole text. */
int exchange_export(const char *data_dir, const char *tenant, const char *generation_or_null,
    enum exchange_vectors vectors, FILE *out, struct exchange_report *report, struct err *e);
int exchange_import(const char *data_dir, const char *tenant, FILE *in,
    void (*refused)(void *context, uint64_t line, const struct err *why), void *context,
    struct exchange_report *report, struct err *e);

#endif
