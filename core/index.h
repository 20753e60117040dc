/* index.h - one generation, open: the index file, the store, the embedder.
 *
 * What a query runs against.  Opening maps index.rpx, checks header, section table and
 * each section's own header, opens store.db immutable, and compares both with the
 * manifest's counts: a few system calls, whatever the size.
 *
 * Errors  ERR_CORRUPT, ERR_FORMAT_NEW, ERR_NOT_FOUND, ERR_DB.
 * Threads none: one process uses one index, one query at a time.
 */
#ifndef RAGPOOL_INDEX_H
#define RAGPOOL_INDEX_H

#include <stdint.h>

#include "columns.h"
#include "dense.h"
#include "embed.h"
#include "err.h"
#include "generation.h"
#include "lex.h"
#include "rpx.h"
#include "store.h"

/* An entry of RPX_ROWS. */
struct index_row {
	uint64_t chunk;		/* identity: document key, title, headings, text */
	uint32_t document;	/* in store.db, from 1 */
	uint32_t passage;	/* in store.db, from 1; 0: none */
};
_Static_assert(sizeof(struct index_row) == 16, "RPX_ROWS is a file format");

struct index {
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
	struct manifest manifest;
	struct rpx rpx;
	uint32_t rows;
	const struct index_row *row;	/* borrowed from the map */
	struct lex *lex;
	struct embed *embed;
	struct dense *dense;		/* NULL: no dense arm */
	struct columns *columns;	/* NULL: none */
	struct store *store;
};

int index_open(struct index **out, const char *data_dir, const char *tenant,
    const char *generation, struct err *e);
/* What opening does not look at: every term, posting, vector and link, each row's document,
 * the store as a whole against the manifest's counts.  generation_verify() has the
 * checksums; both together are all that can be known of a generation by itself.  Linear. */
int index_verify(struct index *x, struct err *e);
/* The rows of the documents that the filter lets through, a bit each, into out ((rows + 63)
 * / 64 words), and how many.  ERR_UNAVAILABLE: the generation has no columns. */
int index_filter(const struct index *x, const struct filter *f, uint64_t *out, uint32_t *count,
    struct arena *a, struct err *e);
/* NULL is fine. */
void index_close(struct index *x);
const char *index_generation(const struct index *x);

#endif
