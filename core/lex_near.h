/* lex_near.h - how near a query's neighbouring words stand in given rows.
 *
 * near(row) = sum over the query's pairs of
 *             times * (idf a + idf b) / 2 * (k1 + 1) * tp / (tp + norm of the row)
 * tp        = sum over the places of a and b in the row that are d <= 8 tokens apart, in
 *             either order, of 1 / d^2
 *
 * A pair is two terms that follow each other in the query once stop words are left out;
 * terms that overlap in its text (Han bigrams, a compound word and its parts) make none,
 * nor does a term with itself, and a word that is not in the lexicon separates.  The score
 * is on the scale of BM25's, norm being the same, and means to be added to it with a weight
 * of about a half; for the candidates only, since it needs positions.
 *
 * Shapes  at most LEX_NEAR_PAIRS_MAX different pairs, the rest of the query is not read;
 *         of one term in one row the first LEX_NEAR_PLACES_MAX places.
 * Memory  struct lex_near (70 KB, 24 bytes a row, 8 a row and term) belongs to one thread and is
 *         used again and again.
 * Errors  ERR_CORRUPT as in lex.h.  An index without positions gives zeros.  ERR_NOMEM.
 * Cost    where the words stand, for 30 rows and a claim of SciFact: 50 thousand instructions;
 *         the scores of all these rows as much again.
 * Source  Rasolofo, Savoy 2003 (pairs, 1 / d^2); Buettcher, Clarke, Lushman 2006.  Mean idf
 *         instead of the smaller one, as measured: doc/notes/ranking.md.
 */
#ifndef RAGPOOL_LEX_NEAR_H
#define RAGPOOL_LEX_NEAR_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "lex.h"
#include "lex_words.h"

enum {
	LEX_NEAR_WINDOW = 8,
	LEX_NEAR_PAIRS_MAX = 64,
	LEX_NEAR_PLACES_MAX = 256,
};

struct lex_near;

struct lex_near *lex_near_new(struct err *e);
/* s is borrowed: what its last search decoded is not decoded again. */
void lex_near_share(struct lex_near *n, struct lex_scratch *s);
/* NULL is fine. */
void lex_near_free(struct lex_near *n);
/* Takes the pairs of a query's words; answers how many different ones. */
uint32_t lex_near_pairs(struct lex_near *n, const struct lex_words *w);
/* Looks where the words of the pairs taken last stand in rows, in any order, of the same x;
 * no score is above most[], which is 0 for nothing else than 0.  Those whose scores are asked for
 * had better come first. */
int lex_near_find(struct lex_near *n, const struct lex *x, const uint32_t *row, uint32_t rows,
    float *most, struct err *e);
/* The score of the i-th of these rows; x must still be open. */
int lex_near_score(struct lex_near *n, uint32_t i, float *out, struct err *e);
/* Both: the scores of rows. */
int lex_near_rows(struct lex_near *n, const struct lex *x, const uint32_t *row, uint32_t rows,
    float *out, struct err *e);

#endif
