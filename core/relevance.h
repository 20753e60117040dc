/* relevance.h - how well texts answer a query, by their words alone: no index, no model.
 *
 *   score = coverage by weight   sum idf(t) * tf(t) * 1.9 / (tf(t) + 0.9 * (0.6 + 0.4 * len / mean))
 *                                -------------------------------------------------------------------
 *                                sum idf(t) * 1.9                                  over the query's terms
 *
 * BM25 with k1 = 0.9, b = 0.4, the usual ones for passages, over the texts given as the collection, divided by
 * what no text can pass: 0 where no word of the query is, towards 1 where all are, often.
 * Stop words count only when there is nothing else.
 *
 * Memory  scratch is arena.
 * Cost    one pass over the texts, at analyze()'s speed.
 * Source  Robertson, Zaragoza 2009.
 */
#ifndef RAGPOOL_RELEVANCE_H
#define RAGPOOL_RELEVANCE_H

#include <stddef.h>

#include "analyze.h"
#include "arena.h"
#include "embed_service.h"
#include "err.h"

/* score[count], each 0..1. */
int relevance_by_words(struct analyzer *a, const char *query, size_t query_len,
    const struct embed_text *texts, size_t count, struct arena *arena, float *score,
    struct err *e);

#endif
