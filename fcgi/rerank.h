/* rerank.h - the order of texts for a query, by a model or by our own count of words.
 *
 *   "builtin"    relevance.h: no model, no network
 *   any other    a [model NAME] of the kind rerank, through the gateway
 *
 * Errors  ERR_MODEL for a name that is none, those of reranking.
 */
#ifndef RAGPOOL_RERANK_H
#define RAGPOOL_RERANK_H

#include "api.h"

#define RERANK_BUILTIN "builtin"

/* score[count], larger is better; 0..1 by the built-in, else as the model scores.  language:
 * of the analyzer, for the built-in. */
int rerank_score(struct api *api, const char *model, const char *language, const char *query,
    size_t query_len, const struct embed_text *texts, size_t count, struct arena *a,
    float *score, struct err *e);

#endif
