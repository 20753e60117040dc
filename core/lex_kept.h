/* lex_kept.h - rows of posting lists that were decoded for the question at hand.
 *
 * The search decodes nearly all blocks of a question's lists, and nearness and known.c ask for the
 * same ones again.  A cursor that is given its list here decodes into it and takes what is there.
 *
 * Shapes  lists of indexes of up to LEX_WINDOW rows, up to LEX_KEPT_LISTS, until there is no more
 *         room; of what is not kept, cursors decode into themselves.
 * Memory  128 KB, of one thread; pages that no question needed are never touched.  Rows are valid
 *         until the next lex_kept_begin().  Private to lex_*.c.
 */
#ifndef RAGPOOL_LEX_KEPT_H
#define RAGPOOL_LEX_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { LEX_KEPT_LISTS = 64 };

struct lex_kept_list {
	uint32_t *row;		/* of its first block, the others behind it */
	uint64_t done[2];	/* a bit a block */
	uint32_t id;		/* of the term */
};

struct lex_kept {
	uint32_t *rows;
	uint32_t used;
	uint32_t serial;	/* of the index they are of */
	uint32_t lists;
	struct lex_kept_list list[LEX_KEPT_LISTS];
};

int lex_kept_init(struct lex_kept *k, struct err *e);
void lex_kept_fini(struct lex_kept *k);
/* Forgets all; the lists that follow are of this index, which has so many rows. */
void lex_kept_begin(struct lex_kept *k, uint32_t serial, uint32_t rows);
/* Makes room for a list; NULL where there is none. */
struct lex_kept_list *lex_kept_add(struct lex_kept *k, uint32_t id, uint32_t df);
/* NULL: not kept.  k may be NULL. */
struct lex_kept_list *lex_kept_find(struct lex_kept *k, uint32_t serial, uint32_t id);

static inline bool
lex_kept_has(const struct lex_kept_list *l, uint32_t block)
{
	return (l->done[block / 64] >> block % 64 & 1) != 0;
}

static inline void
lex_kept_put(struct lex_kept_list *l, uint32_t block)
{
	l->done[block / 64] |= UINT64_C(1) << block % 64;
}

#endif
