/* termdoc.h - the token sequences of all rows, with their dictionary.
 *
 * What the lexical index and the built-in embedder are both made from.  Rows are
 * added in order; termdoc_seal() sorts the dictionary bytewise and renumbers, so term
 * ids do not depend on the order of the texts' words.
 *
 * Shapes  rows < INDEX_ROWS_MAX; a row may have no token.
 * Memory  4 bytes a token and about 24 + length bytes a distinct term.
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
void termdoc_fini(struct termdoc *t);
/* Begins the next row; the texts of its fields are then added in order. */
int termdoc_begin_row(struct termdoc *t, struct err *e);
int termdoc_add_text(
    struct termdoc *t, struct analyzer *a, const char *text, size_t len, struct err *e);
int termdoc_seal(struct termdoc *t, struct err *e);

#endif
