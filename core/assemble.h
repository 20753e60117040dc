/* assemble.h - documents and their chunks to the files of one generation.
 *
 * Takes documents and chunks in order and writes store.db, index.rpx and manifest.json
 * into a folder of the caller's.  Knows neither where the documents come from nor how a
 * generation is published.
 *
 * Rows    a row's terms are those of its document's title, twice, its heading path and its
 *         text: what a passage is about counts more (doc/notes/ranking.md).
 * Errors  ERR_SOURCE when there was no chunk at all; what the store, the index and the
 *         embedder answer.
 */
#ifndef RAGPOOL_ASSEMBLE_H
#define RAGPOOL_ASSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "build.h"
#include "dense.h"
#include "err.h"
#include "hash.h"
#include "index.h"
#include "store.h"
#include "told.h"
#include "vectors.h"

struct assembly;

struct assembly_report {
	uint64_t documents;
	uint64_t chunks;
	uint32_t dim;		/* of the vectors, 0 without a dense arm */
	bool is_full;		/* nothing of the base is in it */
	uint64_t reused_rows;	/* of the base, unless it is full */
	uint64_t changed;	/* chunks, since the embedder was trained */
};

/* dir exists and is empty; dir, tenant and config are borrowed until the end. */
int assembly_new(struct assembly **out, const char *dir, const char *tenant,
    const struct build_config *config, struct err *e);
/* The generation to grow from, of the same parameters; borrowed until the end. */
void assembly_set_base(struct assembly *a, const struct index *base);
/* A model elsewhere has made the vectors of all chunks that will come; borrowed. */
void assembly_set_vectors(struct assembly *a, struct vectors *v);
/* Who is told of the passes of training, and of rows that are linked; borrowed. */
void assembly_set_told(
    struct assembly *a, const struct told *training, const struct told *linking);
/* NULL is fine. */
void assembly_free(struct assembly *a);
int assembly_add_document(struct assembly *a, const struct store_document *d, struct err *e);
/* Of the document added last; c->document is filled here. */
int assembly_add_chunk(struct assembly *a, const struct store_chunk *c, struct err *e);
/* Writes what is left to write.  a stays the caller's to free. */
int assembly_finish(struct assembly *a, struct assembly_report *report, struct err *e);

/* SHA-256 of what the bytes of index.rpx depend on besides those of store.db and, where it
 * grew, the base. */
int assembly_parameters(
    const struct build_config *c, char hex[SHA256_HEX_BYTES], struct err *e);

#endif
