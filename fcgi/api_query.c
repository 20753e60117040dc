/* api_query.c - questions: POST /query/{tenant} and POST /retrieve.
 *
 *   {"query": "...", "top_k": 5, "mode": "hybrid"}
 *   -> {"tenant_id", "response", "hits": [{"score", "text", "title", "source", "start",
 *      "end", "heading"}], "generation", "llm_generated": false}
 *
 * /retrieve takes the tenant as a member, and answers the hits alone.
 */
#include "api.h"

#include <string.h>

#include "answer.h"
#include "filter_json.h"
#include "json.h"

struct question {
	struct json_object *body;	/* owned; the texts below are borrowed from it */
	const char *tenant;
	struct query query;
	bool explain;
	bool with_metadata;
};

static int
read_mode(struct question *q, struct err *e)
{
	const char *name = "hybrid";

	if (json_get_text(q->body, "mode", false, 32, &name, e) == -1)
		return -1;
	if (fuse_mode_of(name, &q->query.mode) == 0)
		return 0;
	return err_set(e, ERR_RANGE, "\"mode\" must be hybrid, minmax, rrf, lexical or dense");
}

/* "mmr": 0..1, "recall": 0.5..1, "group_by": "document" with "group_size". */
static int
read_arrangement(struct question *q, struct err *e)
{
	const char *by = NULL;
	double lambda = -1, recall = 0;
	int64_t size = 1;

	if (json_get_double(q->body, "mmr", false, 0, 1, &lambda, e) == -1 ||
	    json_get_double(q->body, "recall", false, 0.5, 1, &recall, e) == -1 ||
	    json_get_text(q->body, "group_by", false, 32, &by, e) == -1 ||
	    json_get_int(q->body, "group_size", false, 1, TOP_K_MAX, &size, e) == -1 ||
	    json_get_bool(q->body, "explain", false, &q->explain, e) == -1)
		return -1;
	if (by != NULL && strcmp(by, "document") != 0)
		return err_set(e, ERR_RANGE, "\"group_by\" must be document");
	q->query.per_document = by != NULL ? (unsigned)size : 0;
	q->query.diverse = lambda >= 0;
	q->query.lambda = (float)lambda;
	q->query.recall = (float)recall;
	return 0;
}

/* "filters", or "filter": one of them. */
static int
read_filter(struct question *q, struct req *r, struct err *e)
{
	static const char *const names[] = {"filters", "filter"};
	struct json_object *o;

	for (int i = 0; i < 2; i++) {
		if (!json_object_object_get_ex(q->body, names[i], &o) || o == NULL)
			continue;
		if (q->query.filter != NULL)
			return err_set(e, ERR_FILTER, "filter: \"filters\" is there already");
		if (filter_from_json(&q->query.filter, o, names[i], r->arena, e) == -1)
			return -1;
	}
	return json_get_bool(q->body, "with_metadata", false, &q->with_metadata, e);
}

static int
read_question(struct question *q, struct api *api, struct req *r, const char *const *allowed,
    struct err *e)
{
	int64_t top_k = TOP_K_DEFAULT;
	struct json_object *text;

	if (json_parse_object(&q->body, r->body, r->content_length, e) == -1 ||
	    json_only(q->body, allowed, e) == -1 ||
	    json_get_text(q->body, "query", true, REQUEST_BODY_MAX, &q->query.text, e) == -1 ||
	    json_get_int(q->body, "top_k", false, 1, api->top_k_max, &top_k, e) == -1 ||
	    json_get_bool(q->body, "operators", false, &q->query.operators, e) == -1 ||
	    read_mode(q, e) == -1 || read_arrangement(q, e) == -1 || read_filter(q, r, e) == -1)
		return -1;
	json_object_object_get_ex(q->body, "query", &text);
	q->query.text_len = (size_t)json_object_get_string_len(text);
	q->query.top_k = (unsigned)top_k;
	return 0;
}

/* Parts of the score, which add up to it, and where the hit stood in each half. */
static void
put_explanation(struct buf *b, const struct fuse_hit *h)
{
	buf_adds(b, ", \"explain\": {\"words\": ");
	json_put_float(b, h->part.bm25);
	buf_adds(b, ", \"nearness\": ");
	json_put_float(b, h->part.near);
	buf_adds(b, ", \"vector\": ");
	json_put_float(b, h->part.dense);
	buf_adds(b, ", \"bm25\": ");
	json_put_float(b, h->bm25);
	buf_adds(b, ", \"cosine\": ");
	json_put_float(b, h->cosine);
	buf_addf(b, ", \"word_rank\": %u, \"vector_rank\": %u}", h->lexical_place, h->dense_place);
}

/* It comes from a file: only an object of strict JSON goes into the answer. */
static int
put_metadata(struct buf *b, const char *meta, struct err *e)
{
	struct json_object *o;

	if (json_parse_object(&o, meta, strlen(meta), NULL) == -1)
		return err_set(e, ERR_CORRUPT, "store.db: the metadata of a document is damaged");
	json_object_put(o);
	buf_adds(b, ", \"metadata\": ");
	buf_adds(b, meta);
	return 0;
}

static int
put_hit(struct buf *b, const struct query_hit *h, const struct question *q, struct err *e)
{
	buf_adds(b, "{\"score\": ");
	json_put_float(b, h->score);
	buf_adds(b, ", \"text\": ");
	json_put_text(b, h->chunk.text, h->chunk.text_len);
	buf_adds(b, ", \"title\": ");
	json_put_text(b, h->chunk.title, strlen(h->chunk.title));
	buf_adds(b, ", \"source\": ");
	json_put_text(b, h->chunk.source, strlen(h->chunk.source));
	buf_addf(b, ", \"start\": %llu, \"end\": %llu, \"heading\": ",
	    (unsigned long long)h->chunk.start, (unsigned long long)h->chunk.end);
	json_put_text(b, h->chunk.heading, strlen(h->chunk.heading));
	if (q->explain)
		put_explanation(b, &h->how);
	if (q->with_metadata && put_metadata(b, h->chunk.meta, e) == -1)
		return -1;
	buf_addc(b, '}');
	return 0;
}

static int
put_hits(struct buf *b, const struct query_result *r, const struct question *q, struct err *e)
{
	buf_adds(b, "\"hits\": [");
	for (size_t i = 0; i < r->count; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		if (put_hit(b, &r->hits[i], q, e) == -1)
			return -1;
	}
	buf_addc(b, ']');
	return 0;
}

static int
put_response(struct buf *b, const struct query_result *r, struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, 64 * 1024);
	answer_extract(r, &text);
	if ((rc = buf_check(&text, "the response", e)) == 0) {
		buf_adds(b, ", \"response\": ");
		json_put_text(b, text.data, text.len);
	}
	buf_fini(&text);
	return rc;
}

/* Runs the question; with_response adds the extractive answer. */
static int
answer_question(struct api *api, struct req *r, const struct question *q, int with_response,
    struct reply *p, struct err *e)
{
	struct query_result result;
	struct index *index;

	if (serving_get(api->serving, q->tenant, &index, e) == -1)
		return -1;
	reply_header(p, "X-Ragpool-Generation", index_generation(index));
	if (query_run(index, api->scratch, &q->query, r->arena, &result, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"tenant_id\": ");
	json_put_text(&p->body, q->tenant, strlen(q->tenant));
	if (with_response && put_response(&p->body, &result, e) == -1)
		return -1;
	buf_adds(&p->body, ", ");
	if (put_hits(&p->body, &result, q, e) == -1)
		return -1;
	buf_addf(&p->body, ", \"generation\": \"%s\"", index_generation(index));
	if (with_response)
		buf_adds(&p->body, ", \"llm_generated\": false");
	buf_adds(&p->body, "}\n");
	return 0;
}

static void
note_tenant(struct api *api, const char *tenant)
{
	if (api->slot == NULL)
		return;
	strncpy(api->slot->tenant, tenant, sizeof api->slot->tenant - 1);
}

int
api_query(struct api *api, struct req *r, const char *segment, struct reply *p, struct err *e)
{
	static const char *const members[] = {"query", "top_k", "mode", "operators", "mmr", "recall",
	    "group_by", "group_size", "explain", "filters", "filter", "with_metadata", NULL};
	struct question q = {.tenant = segment};
	int rc = -1;

	note_tenant(api, segment);
	if (read_question(&q, api, r, members, e) == 0)
		rc = answer_question(api, r, &q, 1, p, e);
	json_object_put(q.body);
	return rc;
}

int
api_retrieve(
    struct api *api, struct req *r, const char *segment, struct reply *p, struct err *e)
{
	static const char *const members[] = {"tenant", "query", "top_k", "mode", "operators",
	    "mmr", "recall", "group_by", "group_size", "explain", "filters", "filter",
	    "with_metadata", NULL};
	struct question q = {.tenant = serving_only_tenant(api->serving)};
	int rc = -1;

	(void)segment;
	if (read_question(&q, api, r, members, e) == -1 ||
	    json_get_text(q.body, "tenant", false, 256, &q.tenant, e) == -1)
		goto out;
	if (q.tenant == NULL) {
		err_set(e, ERR_MISSING_FIELD, "\"tenant\" is missing, and there is not just one");
		goto out;
	}
	note_tenant(api, q.tenant);
	rc = answer_question(api, r, &q, 0, p, e);
out:
	json_object_put(q.body);
	return rc;
}
