/* lex.h - lexical search: BM25 over the postings of index.rpx.
 *
 * Scores  BM25, k1 1.2, b 0.75, idf ln(1 + (N - df + .5) / (df + .5)); larger is better,
 *         ties go to the lower row.
 */
#ifndef RAGPOOL_LEX_H
#define RAGPOOL_LEX_H

#include <stddef.h>
#include <stdint.h>

#include "analyze.h"
#include "arena.h"
#include "err.h"
#include "rpx.h"
#include "termdoc.h"

struct lex;
struct lex_hit {
	uint32_t row;
	float score;
};

int lex_write(struct rpx_writer *w, const struct termdoc *t, struct err *e);
int lex_open(struct lex **out, const struct rpx *r, struct err *e);
void lex_close(struct lex *x);
uint32_t lex_rows(const struct lex *x);
/* The best k rows for the text, into out[k]; memory from the arena. */
int lex_search(const struct lex *x, struct analyzer *a, const char *text, size_t len,
    uint32_t k, struct arena *arena, struct lex_hit *out, uint32_t *count, struct err *e);

#endif
