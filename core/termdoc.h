/* termdoc.h - the token sequences of all rows, with their dictionary.
 *
 * What the lexical index and the built-in embedder are both made from.  Rows are
 * added in order; termdoc_seal() sorts the dictionary bytewise and renumbers, so term
 * ids do not depend on the order of the texts' words.  The same rows in the same order
 * give the same arrays, whatever the hash's seed.
 *
 * Shapes  rows < INDEX_ROWS_MAX; a row may have no token.
 * Memory  4 bytes a token and about 24 + length bytes a distinct term; growing may
 *         hold half as much again for a moment.
 * Errors  ERR_NOMEM; ERR_LIMIT past INDEX_ROWS_MAX rows or 2^32 - 2 terms.  After a
 *         failure only termdoc_fini() is allowed.
 * Cost    about 0.1 us a token on top of the analyzer's.
 */
#ifndef RAGPOOL_TERMDOC_H
#define RAGPOOL_TERMDOC_H

#include <stddef.h>
#include <stdint.h>

#include "analyze.h"
#include "err.h"

struct termdoc {
	uint32_t rows;
	uint32_t terms;
	uint64_t *row_at;	/* rows + 1 offsets into token */
	uint32_t *token;	/* term ids in text order */
	uint32_t *df;		/* terms: rows that hold the term (after seal) */
	uint64_t *term_at;	/* terms + 1 offsets into term_bytes (after seal) */
	char *term_bytes;	/* sorted bytewise, no separators (after seal) */
	struct termdoc_building *building;	/* until sealed */
};

int termdoc_init(struct termdoc *t, struct err *e);
/* Also after a failed termdoc_init(). */
void termdoc_fini(struct termdoc *t);
/* Begins the next row; the texts of its fields are then added in order. */
int termdoc_begin_row(struct termdoc *t, struct err *e);
int termdoc_add_text(
    struct termdoc *t, struct analyzer *a, const char *text, size_t len, struct err *e);
int termdoc_seal(struct termdoc *t, struct err *e);
/* After the seal: the id of a term, UINT32_MAX when there is none.  O(log terms). */
uint32_t termdoc_find(const struct termdoc *t, const char *term, size_t len);

#endif
