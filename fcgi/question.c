/* question.c - what a caller may ask of a knowledge base. */
#include "question.h"

#include <stdlib.h>
#include <string.h>

#include "enter.h"
#include "filter_json.h"
#include "models.h"
#include "rerank.h"

enum { RERANK_TOP_DEFAULT = 30, RERANK_TOP_MAX = 200 };

static int
read_mode(struct question *q, struct json_object *o, struct err *e)
{
	const char *name = "hybrid";

	if (json_get_text(o, "mode", false, 32, &name, e) == -1)
		return -1;
	if (fuse_mode_of(name, &q->query.mode) == 0)
		return 0;
	return err_set(e, ERR_RANGE, "\"mode\" must be hybrid, minmax, rrf, lexical or dense");
}

/* "recall" and "min_recall" are one thing. */
static int
read_recall(struct question *q, struct json_object *o, struct err *e)
{
	static const char *const names[] = {"recall", "min_recall"};
	double recall = 0;

	for (int i = 0; i < 2; i++) {
		double given = 0;
		if (json_get_double(o, names[i], false, 0.5, 1, &given, e) == -1)
			return -1;
		if (given != 0 && recall != 0)
			return err_set(e, ERR_RANGE,
			    "\"recall\" and \"min_recall\" mean the same: give one of them");
		if (given != 0)
			recall = given;
	}
	q->query.recall = (float)recall;
	return 0;
}

/* "mmr": 0..1, "group_by": "document" with "group_size". */
static int
read_arrangement(struct question *q, struct json_object *o, struct err *e)
{
	const char *by = NULL;
	double lambda = -1;
	int64_t size = 1;

	if (json_get_double(o, "mmr", false, 0, 1, &lambda, e) == -1 ||
	    json_get_text(o, "group_by", false, 32, &by, e) == -1 ||
	    json_get_int(o, "group_size", false, 1, TOP_K_MAX, &size, e) == -1)
		return -1;
	if (by != NULL && strcmp(by, "document") != 0)
		return err_set(e, ERR_RANGE, "\"group_by\" must be document");
	q->query.per_document = by != NULL ? (unsigned)size : 0;
	q->query.diverse = lambda >= 0;
	q->query.lambda = (float)lambda;
	return 0;
}

/* "filters", or "filter": one of them. */
int
question_read_filter(
    struct question *q, struct json_object *body, struct arena *a, struct err *e)
{
	static const char *const names[] = {"filters", "filter"};
	struct json_object *o;

	for (int i = 0; i < 2; i++) {
		if (!json_object_object_get_ex(body, names[i], &o) || o == NULL)
			continue;
		if (q->query.filter != NULL)
			return err_set(e, ERR_FILTER, "filter: \"filters\" is there already");
		if (filter_from_json(&q->query.filter, o, names[i], a, e) == -1)
			return -1;
	}
	return 0;
}

static int
read_threshold(struct question *q, struct json_object *o, struct err *e)
{
	struct json_object *there;
	double least = 0;

	if (json_get_double(o, "score_threshold", false, -1e6, 1e6, &least, e) == -1)
		return -1;
	q->has_threshold =
	    json_object_object_get_ex(o, "score_threshold", &there) && there != NULL;
	q->threshold = (float)least;
	return 0;
}

static int
read_generation(struct question *q, struct json_object *o, struct err *e)
{
	if (json_get_text(
		o, "generation", false, GENERATION_NAME_BYTES - 1, &q->generation, e) == -1)
		return -1;
	if (q->generation == NULL || generation_name_check(q->generation, NULL) == 0)
		return 0;
	return err_set(e, ERR_RANGE, "\"generation\" must be a name such as 7-0c51d3a9b2e4");
}

/* "rerank": true, or a name; "rerank_top". */
static int
read_rerank(struct question *q, struct json_object *o, struct err *e)
{
	struct json_object *how;
	int64_t top = RERANK_TOP_DEFAULT;

	if (json_get_int(o, "rerank_top", false, 1, RERANK_TOP_MAX, &top, e) == -1)
		return -1;
	q->rerank_top = (unsigned)top;
	if (!json_object_object_get_ex(o, "rerank", &how) || how == NULL)
		return 0;
	if (json_object_is_type(how, json_type_boolean)) {
		q->rerank = json_object_get_boolean(how) ? "" : NULL;
		return 0;
	}
	if (!json_object_is_type(how, json_type_string))
		return err_set(e, ERR_TYPE, "\"rerank\" must be true, or the name of a model");
	return json_get_text(o, "rerank", true, 256, &q->rerank, e);
}

int
question_read(struct question *q, struct json_object *o, unsigned top_k_max, struct arena *a,
    struct err *e)
{
	int64_t top_k = TOP_K_DEFAULT < top_k_max ? TOP_K_DEFAULT : top_k_max;

	if (json_get_int(o, "top_k", false, 1, top_k_max, &top_k, e) == -1 ||
	    json_get_bool(o, "operators", false, &q->query.operators, e) == -1 ||
	    json_get_bool(o, "explain", false, &q->explain, e) == -1 ||
	    json_get_bool(o, "with_metadata", false, &q->with_metadata, e) == -1 ||
	    read_mode(q, o, e) == -1 || read_recall(q, o, e) == -1 ||
	    read_arrangement(q, o, e) == -1 || question_read_filter(q, o, a, e) == -1 ||
	    read_threshold(q, o, e) == -1 || read_generation(q, o, e) == -1 ||
	    read_rerank(q, o, e) == -1)
		return -1;
	q->query.top_k = (unsigned)top_k;
	return 0;
}

int
question_open(struct api *api, struct question *q, const struct req *r, struct reply *p,
    struct index **out, struct err *e)
{
	if (q->rerank != NULL && q->rerank[0] == '\0' &&
	    (q->rerank = models_first(api, "rerank", r->arena)) == NULL)
		return err_set(e, ERR_MODEL,
		    "\"rerank\": no model of the kind rerank is configured; \"builtin\" counts words");
	if (enter_tenant(api, r, p, q->tenant, e) == -1 ||
	    caller_join_filter(&r->caller, &q->query.filter, r->arena, e) == -1)
		return -1;
	if (q->generation != NULL) {
		if (serving_get_pinned(api->serving, q->tenant, q->generation, out, e) == -1)
			return -1;
	} else if (serving_get(api->serving, q->tenant, out, e) == -1) {
		return -1;
	}
	reply_header(p, "X-Ragpool-Generation", index_generation(*out));
	return 0;
}

static bool
was_kept(struct api *api, const struct answer_source *s, struct reply *p, struct buf *b)
{
	bool found;

	api->has_key = api->answers.max > 0 && answer_cache_key(s, api->key) == 0;
	if (!api->has_key)
		return false;
	found = answer_cache_get(&api->answers, api->key, b);
	reply_header(p, "X-Ragpool-Cache", found ? "hit" : "miss");
	return found;
}

bool
question_was_answered(struct api *api, const struct question *q, const struct req *r,
    const struct index *x, struct reply *p)
{
	const struct answer_source s = {.path = r->path, .tenant = q->tenant,
	    .generation = index_generation(x), .filter = r->caller.filter, .body = r->body,
	    .body_bytes = r->content_length};

	return was_kept(api, &s, p, &p->body);
}

bool
question_call_was_answered(struct api *api, const struct question *q, const struct req *r,
    const struct index *x, const char *path, const char *asked, struct reply *p, struct buf *b)
{
	const struct answer_source s = {.path = path, .tenant = q->tenant,
	    .generation = index_generation(x), .filter = r->caller.filter, .body = asked,
	    .body_bytes = strlen(asked)};

	return was_kept(api, &s, p, b);
}

void
question_keep_call(struct api *api, const char *bytes, size_t n)
{
	if (api->has_key)
		answer_cache_put(&api->answers, api->key, bytes, n);
	api->has_key = false;
}

void
question_keep_answer(struct api *api, const struct reply *p)
{
	if (!p->body.failed)
		question_keep_call(api, p->body.data, p->body.len);
	api->has_key = false;
}

/* Puts the hits in the order of the reranker, which cannot fail but by a wrong name. */
static int
rerank(struct api *api, const struct question *q, const struct index *x, const char *text,
    size_t n, struct arena *a, struct query_result *out, struct err *e)
{
	struct embed_text *texts = arena_calloc(a, out->count + 1, sizeof *texts);
	float *score = arena_calloc(a, out->count + 1, sizeof *score);

	if (a->failed)
		return err_set(e, ERR_NOMEM, "no memory for texts");
	for (size_t i = 0; i < out->count; i++)
		texts[i] = (struct embed_text){
		    .text = out->hits[i].chunk.text, .len = out->hits[i].chunk.text_len};
	if (out->count > 0 && rerank_score(api, q->rerank, x->manifest.language, text, n, texts,
				  out->count, a, score, e) == -1) {
		if (err_row(e->code)->http_status < 500)
			return -1;
		out->degraded = *e;
	} else {
		for (size_t i = 0; i < out->count; i++)
			out->hits[i].score = score[i];
		qsort(out->hits, out->count, sizeof *out->hits, query_hit_by_score);
	}
	if (out->count > q->query.top_k)
		out->count = q->query.top_k;
	return 0;
}

int
question_ask(struct api *api, const struct question *q, struct index *x, const char *text,
    size_t n, struct arena *a, struct query_result *out, struct err *e)
{
	struct query query = q->query;
	size_t kept = 0;

	if (q->rerank != NULL && query.top_k < q->rerank_top)
		query.top_k = q->rerank_top;
	query.text = text;
	query.text_len = n;
	query.places = q->explain;
	query.service = api->service;
	query.needs_vectors = api->needs_vectors;
	query.on_stage = watch_query;
	query.stage_context = api->watch;
	if (query_run(x, api->scratch, &query, a, out, e) == -1)
		return -1;
	watch_stage(api->watch, STAGE_OTHER);
	if (q->rerank != NULL && rerank(api, q, x, text, n, a, out, e) == -1)
		return -1;
	if (out->degraded.code != ERR_NONE)
		api->has_key = false;	/* it will be better another time */
	for (size_t i = 0; q->has_threshold && i < out->count; i++)
		if (out->hits[i].score >= q->threshold)
			out->hits[kept++] = out->hits[i];
	if (q->has_threshold) {
		out->count = kept;
		out->is_known &= kept > 0;
	}
	return 0;
}
