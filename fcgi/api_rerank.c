/* api_rerank.c - POST /v1/rerank, /v2/rerank and /rerank: given texts, best first.
 *
 *   {"model", "query", "documents": ["...", {"text": "..."}], "top_n", "return_documents"}
 *   -> {"id", "model", "results": [{"index", "relevance_score", "document": {"text"}}],
 *       "usage": {"total_tokens"}, "meta": {"api_version": {"version"}}}
 *
 * One answer for three dialects: Cohere's first and second, which read id and meta, and
 * Jina's (as vLLM and llama.cpp speak it), which reads model and usage.  Texts come back on
 * Cohere's and Jina's first, where asked for.  Without "model" the built-in scores.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "chunk.h"
#include "json.h"
#include "rerank.h"

struct reranking {
	const char *model, *query;
	size_t query_len;
	struct embed_text *texts;
	float *score;
	size_t *order;
	size_t count, top_n, tokens;
	bool with_texts;
};

static int
read_document(struct embed_text *t, struct json_object *o, struct err *e)
{
	if (json_object_is_type(o, json_type_object)) {
		struct json_object *text;
		if (!json_object_object_get_ex(o, "text", &text))
			return err_set(e, ERR_MISSING_FIELD, "\"documents\" holds one without \"text\"");
		o = text;
	}
	if (!json_object_is_type(o, json_type_string))
		return err_set(e, ERR_TYPE, "\"documents\" must hold texts, or objects with a \"text\"");
	t->text = json_object_get_string(o);
	t->len = (size_t)json_object_get_string_len(o);
	return 0;
}

static int
read_documents(struct reranking *k, struct json_object *body, struct arena *a, struct err *e)
{
	struct json_object *list;
	size_t n;

	if (json_get_array(body, "documents", true, &list, e) == -1)
		return -1;
	n = json_object_array_length(list);
	if (n == 0 || n > RERANK_TEXTS_MAX)
		return err_set(e, ERR_RANGE, "\"documents\" must hold 1 to %d texts", RERANK_TEXTS_MAX);
	k->texts = arena_calloc(a, n, sizeof *k->texts);
	k->score = arena_calloc(a, n, sizeof *k->score);
	k->order = arena_calloc(a, n, sizeof *k->order);
	if (a->failed)
		return err_set(e, ERR_NOMEM, "no memory for texts");
	for (; k->count < n; k->count++) {
		struct embed_text *t = &k->texts[k->count];
		if (read_document(t, json_object_array_get_idx(list, k->count), e) == -1)
			return -1;
		k->tokens += chunk_tokens(t->text, t->len);
	}
	return 0;
}

/* Cohere's bounds on how much of a text counts are taken and change nothing: all of it does. */
static int
read_body(struct reranking *k, struct json_object *body, struct arena *a, struct err *e)
{
	static const char *const members[] = {"model", "query", "documents", "top_n",
	    "return_documents", "rank_fields", "max_chunks_per_doc", "max_tokens_per_doc", "priority",
	    "truncation", "user", NULL};
	struct json_object *query, *fields = NULL;
	int64_t top_n = RERANK_TEXTS_MAX;

	if (json_only(body, members, e) == -1 ||
	    json_get_text(body, "model", false, 256, &k->model, e) == -1 ||
	    json_get_text(body, "query", true, QUERY_TEXT_MAX, &k->query, e) == -1 ||
	    json_get_int(body, "top_n", false, 1, INT32_MAX, &top_n, e) == -1 ||
	    json_get_bool(body, "return_documents", false, &k->with_texts, e) == -1 ||
	    json_get_array(body, "rank_fields", false, &fields, e) == -1)
		return -1;
	for (size_t i = 0; fields != NULL && i < json_object_array_length(fields); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(fields, i));
		if (name == NULL || strcmp(name, "text") != 0)
			return err_set(e, ERR_RANGE, "\"rank_fields\" can be [\"text\"] only");
	}
	json_object_object_get_ex(body, "query", &query);
	k->query_len = (size_t)json_object_get_string_len(query);
	if (strspn(k->query, " \t\r\n") == k->query_len)
		return err_set(e, ERR_EMPTY_QUERY, "\"query\" has no text");
	k->top_n = (size_t)top_n;
	k->tokens = chunk_tokens(k->query, k->query_len);
	return read_documents(k, body, a, e);
}

static int
by_score(const void *a, const void *b, void *context)
{
	const float *score = context;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	if (score[x] != score[y])
		return score[x] < score[y] ? 1 : -1;
	return x < y ? -1 : x > y;
}

static void
put_results(struct buf *b, const struct reranking *k)
{
	for (size_t i = 0; i < k->count && i < k->top_n; i++) {
		size_t at = k->order[i];
		buf_addf(b, "%s{\"index\": %zu, \"relevance_score\": ", i > 0 ? ", " : "", at);
		json_put_float(b, k->score[at]);
		if (k->with_texts) {
			buf_adds(b, ", \"document\": {\"text\": ");
			json_put_text(b, k->texts[at].text, k->texts[at].len);
			buf_addc(b, '}');
		}
		buf_addc(b, '}');
	}
}

static void
put_answer(struct buf *b, const struct reranking *k, const struct req *r)
{
	buf_adds(b, "{\"id\": ");
	json_put_text(b, r->id, strlen(r->id));
	buf_adds(b, ", \"model\": ");
	json_put_text(b, k->model, strlen(k->model));
	buf_adds(b, ", \"results\": [");
	put_results(b, k);
	buf_addf(b, "], \"usage\": {\"total_tokens\": %zu}, \"meta\": {\"api_version\": "
		    "{\"version\": \"%s\"}}}\n",
	    k->tokens, strncmp(r->path, "/v2/", 4) == 0 ? "2" : "1");
}

int
api_rerank(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct reranking k = {.model = RERANK_BUILTIN};
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (read_body(&k, body, r->arena, e) == 0 &&
	    rerank_score(api, k.model, "english", k.query, k.query_len, k.texts, k.count, r->arena,
		k.score, e) == 0) {
		for (size_t i = 0; i < k.count; i++)
			k.order[i] = i;
		qsort_r(k.order, k.count, sizeof *k.order, by_score, k.score);
		put_answer(&p->body, &k, r);
		rc = 0;
	}
	json_object_put(body);
	return rc;
}
