/* rerank.c - the order of texts for a query. */
#include "rerank.h"

#include <string.h>

#include "clk.h"
#include "models.h"
#include "relevance.h"

static int
score_with_model(struct api *api, const char *model, const char *query,
    const struct embed_text *texts, size_t count, float *score, struct err *e)
{
	int64_t due_ms = clk_ms() + api->model_ms;

	if (models_need_gateway(api, model, e) == -1)
		return -1;
	watch_stage(api->watch, STAGE_RERANK);
	for (size_t i = 0; i < count; i += MODEL_TEXTS_MAX) {
		size_t n = count - i < MODEL_TEXTS_MAX ? count - i : MODEL_TEXTS_MAX;
		int64_t left_ms = due_ms - clk_ms();
		if (left_ms <= 0)
			return err_set(e, ERR_RERANK_TIMEOUT, "%zu of %zu texts were scored in time", i,
			    count);
		if (gateway_rerank(api->gateway, model, query, texts + i, n, left_ms, score + i, e) ==
		    -1)
			return models_refused(api, model, e);
	}
	watch_stage(api->watch, STAGE_OTHER);
	return 0;
}

int
rerank_score(struct api *api, const char *model, const char *language, const char *query,
    size_t query_len, const struct embed_text *texts, size_t count, struct arena *a,
    float *score, struct err *e)
{
	struct analyzer *analyzer;

	if (strcmp(model, RERANK_BUILTIN) != 0)
		return score_with_model(api, model, query, texts, count, score, e);
	if ((analyzer = query_analyzer(api->scratch, language, e)) == NULL)
		return -1;
	watch_stage(api->watch, STAGE_RERANK);
	if (relevance_by_words(analyzer, query, query_len, texts, count, a, score, e) == -1)
		return -1;
	watch_stage(api->watch, STAGE_OTHER);
	return 0;
}
