/* known.h - has what was found to do with the question at all?
 *
 * A question that a knowledge base cannot answer still finds something: any two texts share a
 * word.  What tells it apart is how much of the question one passage holds.  A word weighs
 * idf / idf of a word that one passage has, so at most 1, and 1 when none has it.  With W the sum
 * over the question's words and H the part of it that the best of the first hits holds, the
 * question is known when
 *
 *   H >= W * min(1, KNOWN_SHARE / W^KNOWN_FALL)
 *
 * that is: of a natural question a fourth, of a long one less.  By the vectors of a model (not of
 * those that are built in, which find likeness everywhere) it is also known when a hit's cosine is
 * at least KNOWN_COSINE: such a question may share no word.
 *
 * Figures  of 1,552 questions to nine sets, English and Chinese, 0.3 % are refused; of 5,560 that
 *         were put to a set of the same script that is about something else, 49 %; with 6 to 50
 *         documents 1 to 2 % and 69 to 88 %.  See doc/notes/known.md, and bench/known.py.
 * Cost    one posting a word of the question until enough of it is held, for one hit nearly always,
 *         for KNOWN_HITS at most.
 */
#ifndef RAGPOOL_KNOWN_H
#define RAGPOOL_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "index.h"
#include "lex.h"

enum { KNOWN_HITS = 5 };
#define KNOWN_SHARE 0.4
#define KNOWN_FALL 0.3
#define KNOWN_COSINE 0.4f

struct query_hit;

/* What a word weighs that so many rows hold, 0 too. */
double known_weight(const struct lex *x, uint32_t df);
/* Of W, the part that must be held, 0..W. */
double known_needed(double all);
/* hits as query_rank() answers them, words as they were asked.  ERR_CORRUPT. */
int known_check(const struct index *x, struct lex_scratch *s, const struct lex_query *words,
    const struct query_hit *hits, size_t count, bool *is_known, struct err *e);

#endif
