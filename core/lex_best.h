/* lex_best.h - the k best of the rows that are offered, in any order.
 *
 * Better is what has more units, and of two with as many the lower row; so no two are alike and
 * what is kept does not depend on the order.  Twice k are taken in before the worse ones are
 * let go of at once, which costs a fraction of a heap kept in order all the time.
 *
 * Shapes  units > 0; a row is offered once.
 * Memory  16 bytes a row of k, grows to the largest k and is used again.  Private to lex_*.c.
 * Cost    3,300 rows in any order, k 30: 4 us; sorting the 30 out of 34: 0.2.
 */
#ifndef RAGPOOL_LEX_BEST_H
#define RAGPOOL_LEX_BEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct lex_best {
	uint64_t *key;		/* units above, the row's complement below */
	size_t cap;
	uint32_t k;
	uint32_t room;		/* keys that are taken in before some are let go of */
	uint32_t held;
	uint32_t least;		/* a row with no more units, and behind those held, is none of
				 * the k best; 0 as long as nothing is known */
};

/* *b begins as zeros. */
int lex_best_begin(struct lex_best *b, uint32_t k, struct err *e);
void lex_best_fini(struct lex_best *b);
/* Lets go of all but the k best, if there are more. */
void lex_best_trim(struct lex_best *b);
/* The k best, or what there is, are then b->held keys, best first. */
void lex_best_end(struct lex_best *b);

static inline void
lex_best_offer(struct lex_best *b, uint32_t row, uint32_t units)
{
	if (b->held == b->room)
		lex_best_trim(b);
	b->key[b->held++] = (uint64_t)units << 32 | (UINT32_MAX - row);
}

static inline uint32_t
lex_best_row(const struct lex_best *b, uint32_t i)
{
	return UINT32_MAX - (uint32_t)b->key[i];
}

static inline uint32_t
lex_best_units(const struct lex_best *b, uint32_t i)
{
	return (uint32_t)(b->key[i] >> 32);
}

#endif
