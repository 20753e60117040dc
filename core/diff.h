/* diff.h - which documents two generations of a tenant differ in.
 *
 * Order   by key, each document once.
 * Memory  the keys and hashes of one generation, while it runs; what is told is borrowed for
 *         the call.
 * Errors  what the store answers; ERR_NOMEM; a non-zero answer of each() is passed on.
 * Cost    reads the documents' rows of both, no text and no index.
 */
#ifndef RAGPOOL_DIFF_H
#define RAGPOOL_DIFF_H

#include <stdint.h>

#include "err.h"
#include "store.h"

#define DIFF_KINDS(X) \
	X(DIFF_ADDED, "added") \
	X(DIFF_REMOVED, "removed") \
	X(DIFF_CHANGED, "changed")	/* the same key, other bytes */
enum diff_kind {
#define X(symbol, name) symbol,
	DIFF_KINDS(X)
#undef X
	DIFF_KIND_MAX
};

struct diff_counts {
	uint64_t of[DIFF_KIND_MAX], same;
};

/* each may be NULL: then only the counts are wanted. */
int diff_documents(struct store *before, struct store *after, struct diff_counts *counts,
    int (*each)(void *context, enum diff_kind kind, const char *key, struct err *e),
    void *context, struct err *e);
const char *diff_kind_name(enum diff_kind kind);

#endif
