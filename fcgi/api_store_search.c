/* api_store_search.c - POST /v1/vector_stores/{id}/search: a tenant asked as a vector store.
 *
 *   {"query", "filters", "max_num_results", "ranking_options", "rewrite_query"}
 *
 * The id is the tenant's name.
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <stdlib.h>
#include <string.h>

#include "file_id.h"
#include "hits.h"
#include "question.h"
#include "store_files.h"
#include "unit_score.h"
#include "wanted.h"

enum { RESULTS_DEFAULT = 10, RESULTS_MAX = 50 };

struct search {
	struct question q;
	const char *texts[QUERY_BATCH_MAX];
	size_t lengths[QUERY_BATCH_MAX];
	size_t count;
};

static int
add_text(struct search *s, struct json_object *text, struct err *e)
{
	if (!json_object_is_type(text, json_type_string))
		return err_set(e, ERR_TYPE, "\"query\" must be a text or a list of texts");
	if (s->count == QUERY_BATCH_MAX)
		return err_set(e, ERR_RANGE, "\"query\" may hold %d texts", QUERY_BATCH_MAX);
	s->texts[s->count] = json_object_get_string(text);
	s->lengths[s->count++] = (size_t)json_object_get_string_len(text);
	return 0;
}

static int
read_texts(struct search *s, struct json_object *body, struct err *e)
{
	struct json_object *o;

	if (!json_object_object_get_ex(body, "query", &o) || o == NULL)
		return err_set(e, ERR_MISSING_FIELD, "\"query\" is missing");
	if (!json_object_is_type(o, json_type_array))
		return add_text(s, o, e);
	for (size_t i = 0; i < json_object_array_length(o); i++)
		if (add_text(s, json_object_array_get_idx(o, i), e) == -1)
			return -1;
	return s->count > 0 ? 0 : err_set(e, ERR_EMPTY_QUERY, "\"query\" is an empty list");
}

/* {"ranker": "auto", "score_threshold": 0.5}; every ranker is ours. */
static int
read_ranking(struct question *q, struct json_object *body, struct err *e)
{
	static const char *const members[] = {
	    "ranker", "score_threshold", "hybrid_search", NULL};
	struct json_object *o = NULL;
	const char *ranker = "auto";
	double least = 0;

	if (json_get_object(body, "ranking_options", false, &o, e) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "ranker", false, 64, &ranker, e) == -1 ||
	    json_get_double(o, "score_threshold", false, 0, 1, &least, e) == -1)
		return -1;
	q->has_threshold = least > 0;
	q->threshold = (float)least;
	return 0;
}

static int
read_search(struct search *s, struct json_object *body, struct arena *a, struct err *e)
{
	static const char *const members[] = {
	    "query", "filters", "max_num_results", "ranking_options", "rewrite_query", NULL};
	int64_t most = RESULTS_DEFAULT;
	bool rewrite = false;

	if (json_only(body, members, e) == -1 || read_texts(s, body, e) == -1 ||
	    question_read_filter(&s->q, body, a, e) == -1 ||
	    json_get_int(body, "max_num_results", false, 1, RESULTS_MAX, &most, e) == -1 ||
	    json_get_bool(body, "rewrite_query", false, &rewrite, e) == -1 ||
	    read_ranking(&s->q, body, e) == -1)
		return -1;
	s->q.query.top_k = (unsigned)most;
	return 0;
}

static int
put_hit(struct buf *b, const struct query_hit *h, struct err *e)
{
	const struct store_chunk *c = &h->chunk;
	char id[FILE_ID_BYTES];

	file_id_of(c->key, id);
	buf_addf(b, "{\"file_id\": \"%s\", \"filename\": ", id);
	json_put_text(b, file_name_of(c->key), strlen(file_name_of(c->key)));
	buf_adds(b, ", \"score\": ");
	json_put_float(b, unit_score(h->score));
	buf_adds(b, ", \"attributes\": ");
	if (store_file_put_attributes(b, c->meta, e) == -1)
		return -1;
	buf_adds(b, ", \"content\": [{\"type\": \"text\", \"text\": ");
	json_put_text(b, c->text, c->text_len);
	buf_adds(b, "}]}");
	return 0;
}

static bool
has_row(const struct query_hit *hits, size_t n, uint32_t row)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].row == row)
			return true;
	return false;
}

/* Hits of all texts, best first; a passage that several found counts once. */
static int
ask_all(struct api *api, struct search *s, struct index *x, struct arena *a,
    struct query_result *out, struct err *e)
{
	struct query_result one;
	struct query_hit *all =
	    arena_alloc(a, (s->count * s->q.query.top_k + 1) * sizeof *all);
	size_t n = 0, kept = 0;

	if (all == NULL)
		return err_set(e, ERR_NOMEM, "no memory for hits");
	for (size_t i = 0; i < s->count; i++) {
		if (question_ask(api, &s->q, x, s->texts[i], s->lengths[i], a, &one, e) == -1)
			return -1;
		memcpy(all + n, one.hits, one.count * sizeof *all);
		n += one.count;
	}
	if (s->count > 1)
		qsort(all, n, sizeof *all, query_hit_by_score);
	for (size_t i = 0; i < n && kept < s->q.query.top_k; i++)
		if (!has_row(all, kept, all[i].row))
			all[kept++] = all[i];
	*out = (struct query_result){.hits = all, .count = kept};
	return 0;
}

static int
search_store(struct api *api, struct req *r, struct search *s, struct reply *p, struct err *e)
{
	struct buf *b = &p->body;
	struct query_result result = {0};
	struct index *x;

	if (question_open(api, &s->q, r, p, &x, e) == -1)
		return -1;
	if (question_was_answered(api, &s->q, r, x, p))
		return 0;
	if (ask_all(api, s, x, r->arena, &result, e) == -1)
		return -1;
	buf_adds(b, "{\"object\": \"vector_store.search_results.page\", \"search_query\": [");
	for (size_t i = 0; i < s->count; i++) {
		buf_adds(b, i > 0 ? ", " : "");
		json_put_text(b, s->texts[i], s->lengths[i]);
	}
	buf_adds(b, "], \"data\": [");
	for (size_t i = 0; i < result.count; i++) {
		buf_adds(b, i > 0 ? ", " : "");
		if (put_hit(b, &result.hits[i], e) == -1)
			return -1;
	}
	buf_adds(b, "], \"has_more\": false, \"next_page\": null}\n");
	question_keep_answer(api, p);
	return 0;
}

int
api_vector_store_search(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct search s = {.q.tenant = r->hole[0]};
	struct json_object *body;
	int rc = -1;

	if (!wanted_has(api, s.q.tenant))	/* deleted: also before the roll */
		return err_set(e, ERR_TENANT, "there is no tenant \"%.63s\"", s.q.tenant);
	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (read_search(&s, body, r->arena, e) == 0)
		rc = search_store(api, r, &s, p, e);
	json_object_put(body);
	return rc;
}
