/* lex_window.h - a window of rows, units added up: which of them are worth looking at.
 *
 * With AVX2 where the CPU has it (vec.h, RAGPOOL_CPU); the plain loops give the same answers.
 * Private to lex_*.c.
 *
 * Shapes  units below 2^31; n up to LEX_WINDOW, and LEX_WINDOW_TAIL zeros behind the last.
 * Cost    10,000 rows: those above a score 0.4 us, the floor for 30 0.7; without AVX2 4 and 6.
 */
#ifndef RAGPOOL_LEX_WINDOW_H
#define RAGPOOL_LEX_WINDOW_H

#include <stdint.h>

enum {
	LEX_WINDOW = 16384,	/* rows, a multiple of 64 */
	LEX_WINDOW_TAIL = 64,
};

/* bits[n / 64, rounded up]: a bit for each row that has more than `than` units. */
void lex_window_above(uint64_t *bits, const uint32_t *units, uint32_t n, uint32_t than);
/* A number of units that at least k of the rows have, mostly hardly more; 0 when that is not
 * told easily.  No row has more than `most`; k > 0. */
uint32_t lex_window_floor(const uint32_t *units, uint32_t n, uint32_t k, uint32_t most);

#endif
