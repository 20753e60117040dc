/* api_query.c - questions: POST /query/{tenant} and POST /retrieve.
 *
 *   {"query": "...", "top_k": 5, "mode": "hybrid"}
 *   -> {"tenant_id", "response", "hits": [...], "generation", "llm_generated": false}
 *   {"queries": ["...", "..."], ...}
 *   -> {"tenant_id", "results": [{"query", "response", "hits"}, ...], "generation", ...}
 *
 * /retrieve takes the tenant as a member, and answers the hits alone.
 */
#include "api.h"

#include <string.h>

#include "answer.h"
#include "hits.h"
#include "question.h"

struct asked {
	struct question q;
	const char *texts[QUERY_BATCH_MAX];	/* borrowed from the body */
	size_t lengths[QUERY_BATCH_MAX];
	size_t count;
	bool is_batch;
	bool with_response;
};

static void
add_text(struct asked *a, struct json_object *text)
{
	a->texts[a->count] = json_object_get_string(text);
	a->lengths[a->count++] = (size_t)json_object_get_string_len(text);
}

static int
read_batch(struct asked *a, struct json_object *list, struct err *e)
{
	size_t n = json_object_array_length(list);

	a->is_batch = true;
	if (n == 0 || n > QUERY_BATCH_MAX)
		return err_set(e, ERR_RANGE, "\"queries\" must hold 1 to %d texts", QUERY_BATCH_MAX);
	for (size_t i = 0; i < n; i++) {
		struct json_object *text = json_object_array_get_idx(list, i);
		if (!json_object_is_type(text, json_type_string))
			return err_set(e, ERR_TYPE, "\"queries\" must hold texts only");
		add_text(a, text);
	}
	return 0;
}

/* "query" or "queries", one of them. */
static int
read_texts(struct asked *a, struct json_object *body, struct err *e)
{
	struct json_object *list = NULL, *text;
	const char *one = NULL;

	if (json_get_array(body, "queries", false, &list, e) == -1 ||
	    json_get_text(body, "query", list == NULL, REQUEST_BODY_MAX, &one, e) == -1)
		return -1;
	if (list != NULL && one != NULL)
		return err_set(e, ERR_CONFLICT, "give \"query\" or \"queries\", not both");
	if (list != NULL)
		return read_batch(a, list, e);
	json_object_object_get_ex(body, "query", &text);
	add_text(a, text);
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
		buf_adds(b, "\"response\": ");
		json_put_text(b, text.data, text.len);
		buf_adds(b, ", ");
	}
	buf_fini(&text);
	return rc;
}

static int
put_result(struct buf *b, const struct asked *a, const struct query_result *r, struct err *e)
{
	if (a->with_response && put_response(b, r, e) == -1)
		return -1;
	if (r->degraded.code != ERR_NONE)
		buf_addf(b, "\"degraded\": \"%s\", ", err_row(r->degraded.code)->slug);
	buf_adds(b, "\"hits\": ");
	return hits_put(b, r, &a->q, e);
}

/* One text of a batch, or the only one. */
static int
answer_text(struct api *api, struct req *r, const struct asked *a, size_t i, struct index *x,
    struct buf *b, struct err *e)
{
	struct query_result result;

	if (question_ask(api, &a->q, x, a->texts[i], a->lengths[i], r->arena, &result, e) == -1)
		return -1;
	if (!a->is_batch)
		return put_result(b, a, &result, e);
	buf_adds(b, i > 0 ? ", {\"query\": " : "{\"query\": ");
	json_put_text(b, a->texts[i], a->lengths[i]);
	buf_adds(b, ", ");
	if (put_result(b, a, &result, e) == -1)
		return -1;
	buf_addc(b, '}');
	return 0;
}

static int
answer(struct api *api, struct req *r, struct asked *a, struct reply *p, struct err *e)
{
	struct buf *b = &p->body;
	struct index *x;

	if (question_open(api, &a->q, r, p, &x, e) == -1)
		return -1;
	if (question_was_answered(api, &a->q, r, x, p))
		return 0;
	buf_adds(b, "{\"tenant_id\": ");
	json_put_text(b, a->q.tenant, strlen(a->q.tenant));
	buf_adds(b, a->is_batch ? ", \"results\": [" : ", ");
	for (size_t i = 0; i < a->count; i++)
		if (answer_text(api, r, a, i, x, b, e) == -1)
			return -1;
	buf_addf(b, "%s, \"generation\": \"%s\"", a->is_batch ? "]" : "", index_generation(x));
	if (a->with_response)
		buf_adds(b, ", \"llm_generated\": false");
	buf_adds(b, "}\n");
	question_keep_answer(api, p);
	return 0;
}

int
api_query(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {"query", "queries", QUESTION_MEMBERS, NULL};
	struct asked a = {.q.tenant = r->hole[0], .with_response = true};
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == 0 && read_texts(&a, body, e) == 0 &&
	    question_read(&a.q, body, api->top_k_max, r->arena, e) == 0)
		rc = answer(api, r, &a, p, e);
	json_object_put(body);
	return rc;
}

int
api_retrieve(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {
	    "tenant", "query", "queries", QUESTION_MEMBERS, NULL};
	struct asked a = {.q.tenant = serving_only_tenant(api->serving)};
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == -1 || read_texts(&a, body, e) == -1 ||
	    question_read(&a.q, body, api->top_k_max, r->arena, e) == -1 ||
	    json_get_text(body, "tenant", false, 256, &a.q.tenant, e) == -1)
		goto out;
	if (a.q.tenant == NULL)
		err_set(e, ERR_MISSING_FIELD, "\"tenant\" is missing, and there is not just one");
	else
		rc = answer(api, r, &a, p, e);
out:
	json_object_put(body);
	return rc;
}
