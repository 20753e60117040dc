/* grow.h - which rows of a new generation are rows of the one before, and whether that is
 * enough to grow from it.
 *
 * Rows are the same when their identity is (index_row.chunk: document, title,
 * headings, text).  Of several with one identity the first is the first again, and so on.
 *
 * Limits  GROW_GONE_MAX_PERCENT of the base's rows may be gone, and, where the base carries a
 *         model trained on its own rows, less than GROW_CHANGED_PERCENT of the rows may have
 *         changed since the training: past that a generation is built from its input alone.
 * Memory  4 bytes a row, 16 more a row of both while matching.
 * Cost    sorting the identities: 0.1 s a million.
 */
#ifndef RAGPOOL_GROW_H
#define RAGPOOL_GROW_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "index.h"

enum { GROW_GONE_MAX_PERCENT = 20, GROW_CHANGED_PERCENT = 10 };

struct grow {
	uint32_t *old_row_of_new;	/* rows; DENSE_NO_ROW: new.  Owned, grow_fini() */
	uint32_t rows;
	uint32_t old_rows;
	uint32_t same;			/* rows that were there before */
};

int grow_match(struct grow *g, const struct index_row *rows, uint32_t n,
    const struct index_row *old, uint32_t old_n, struct err *e);
void grow_fini(struct grow *g);

/* Rows that came or went, whichever are more: an edited row is one of each. */
uint64_t grow_changed(const struct grow *g);
bool grow_is_gone_too_much(const struct grow *g);
/* before: changed since training, up to the base. */
bool grow_is_trained_too_long_ago(const struct grow *g, uint64_t before);

#endif
