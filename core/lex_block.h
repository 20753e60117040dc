/* lex_block.h - what is done with a whole block of postings at once.
 *
 * With AVX2 where the CPU has it (vec.h, RAGPOOL_CPU), eight values a step; the plain loops give
 * the same integers.  Private to lex_*.c.
 *
 * Shapes  p: a packed array of lex_format.h, bits 0..32, n up to LEX_BLOCK values.
 * Reads   what lex_packed_at() may read, and nothing from `end` on: eight values at a time only
 *         as far as that allows.
 * Cost    a block of 128: rows 33 ns, scores 40, half of a sum 16; without AVX2 86, 193 and 59.
 * Source  byte shuffle and variable shift: Lemire, Boytsov 2015, "Decoding billions of integers
 *         per second through vectorization", for values that lie one behind the other.
 */
#ifndef RAGPOOL_LEX_BLOCK_H
#define RAGPOOL_LEX_BLOCK_H

#include <stdint.h>

#include "lex_format.h"

/* Values are distances less 1: row[i] = next + the first i + 1 values + i, cut to 32 bits, next
 * being the lowest row there can be, at most INDEX_ROWS_MAX.  Answers the lowest that can follow,
 * uncut.  row has room for n rounded up to a multiple of 8. */
uint64_t lex_block_rows(uint32_t *row, const unsigned char *p, const unsigned char *end,
    unsigned bits, uint32_t n, uint32_t next);
/* The sum of the first n values. */
uint64_t lex_block_sum(
    const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n);
/* score[i] = lex_units_of(weight, lex_impact(value i + 1, norm[row[i]])).  row has rows, of any
 * kind, and score has room for n rounded up to a multiple of 8. */
void lex_block_score(uint32_t *score, const uint32_t *row, uint32_t n, const float *norm,
    float weight, const unsigned char *p, const unsigned char *end, unsigned bits);
/* Where each of count rows is among the first n > 0, which ascend; LEX_BLOCK when it is not.  What
 * lies behind them is read, and may be anything. */
void lex_block_find(const uint32_t row[LEX_BLOCK], uint32_t n, const uint32_t *wanted,
    uint32_t count, uint32_t *at);

#endif
