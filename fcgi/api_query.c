/* api_query.c - questions: POST /query/{tenant} and POST /retrieve.
 *
 *   {"query": "...", "top_k": 5, "mode": "hybrid"}
 *   -> {"tenant_id", "response", "citations", "hits": [...], "generation", "llm_generated"}
 *   {"query": "...", "stream": true}
 *   -> events hits, delta ..., citations, done
 *   {"queries": ["...", "..."], ...}
 *   -> {"tenant_id", "results": [{"query", "response", "hits"}, ...], "generation", ...}
 *
 * One question is answered by a language model where there is one (answers.h), unless it says
 * "generate": false; several are answered by their passages.  /retrieve takes the tenant as a
 * member, and answers the hits alone.
 */
#include "api.h"

#include <string.h>

#include "answers.h"
#include "hits.h"
#include "question.h"
#include "sse.h"

struct asked {
	struct question q;
	const char *texts[QUERY_BATCH_MAX];	/* borrowed from the body */
	size_t lengths[QUERY_BATCH_MAX];
	size_t count;
	bool is_batch;
	bool with_response;
	bool is_streamed;
	bool generates;
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

/* ---- several questions, or hits alone ---- */

static int
put_passages(struct buf *b, const struct asked *a, size_t i, const struct query_result *r,
    struct err *e)
{
	struct answer_mark marks[ANSWER_PASSAGES];
	struct buf text;
	int rc;

	buf_init(&text, 64 * 1024);
	answer_extract(r, answer_language_of(a->texts[i], a->lengths[i]), &text, marks);
	if ((rc = buf_check(&text, "the response", e)) == 0) {
		buf_adds(b, "\"response\": ");
		json_put_text(b, text.data, text.len);
		buf_adds(b, ", ");
	}
	buf_fini(&text);
	return rc;
}

static void
put_degraded(struct buf *b, enum err_code code)
{
	if (code != ERR_NONE)
		buf_addf(b, "\"degraded\": \"%s\", ", err_row(code)->slug);
}

static int
put_result(struct buf *b, const struct asked *a, size_t i, const struct query_result *r,
    struct err *e)
{
	if (a->with_response && put_passages(b, a, i, r, e) == -1)
		return -1;
	put_degraded(b, r->degraded.code);
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
		return put_result(b, a, i, &result, e);
	buf_adds(b, i > 0 ? ", {\"query\": " : "{\"query\": ");
	json_put_text(b, a->texts[i], a->lengths[i]);
	buf_adds(b, ", ");
	if (put_result(b, a, i, &result, e) == -1)
		return -1;
	buf_addc(b, '}');
	return 0;
}

static void
put_tenant(struct buf *b, const struct asked *a)
{
	buf_adds(b, "{\"tenant_id\": ");
	json_put_text(b, a->q.tenant, strlen(a->q.tenant));
	buf_adds(b, ", ");
}

static int
answer_all(struct api *api, struct req *r, struct asked *a, struct index *x, struct buf *b,
    struct err *e)
{
	put_tenant(b, a);
	if (a->is_batch)
		buf_adds(b, "\"results\": [");
	for (size_t i = 0; i < a->count; i++)
		if (answer_text(api, r, a, i, x, b, e) == -1)
			return -1;
	buf_addf(b, "%s, \"generation\": \"%s\"", a->is_batch ? "]" : "", index_generation(x));
	if (a->with_response)
		buf_adds(b, ", \"llm_generated\": false");
	buf_adds(b, "}\n");
	return 0;
}

/* ---- one question ---- */

/* What is the same of an answer that is whole and of the last event of one that is streamed. */
static void
put_outcome(struct buf *b, const struct answer *w, const struct query_result *r,
    const struct index *x)
{
	put_degraded(b, w->degraded != ERR_NONE ? w->degraded : r->degraded.code);
	if (w->is_generated) {
		buf_adds(b, "\"usage\": ");
		answer_put_usage(b, w);
		buf_addf(b, ", \"finish_reason\": \"%s\", ", w->finish_reason);
	}
	buf_adds(b, "\"generation\": \"");
	buf_adds(b, index_generation(x));
	buf_adds(b, w->is_generated ? "\", \"llm_generated\": true}" : "\", \"llm_generated\": false}");
}

static int
answer_whole(struct api *api, const struct answer_request *q, const struct asked *a, struct req *r,
    struct reply *p, struct index *x, const struct query_result *result, struct err *e)
{
	struct buf *b = &p->body;
	struct answer w;

	if (answer_make(api, q, p, x, result, r->arena, &w, e) == -1)
		return -1;
	put_tenant(b, a);
	buf_adds(b, "\"response\": ");
	json_put_text(b, w.text, w.len);
	buf_adds(b, ", \"citations\": ");
	answer_put_citations(b, &w, index_generation(x));
	buf_adds(b, ", \"hits\": ");
	if (hits_put(b, result, &a->q, e) == -1)
		return -1;
	buf_adds(b, ", ");
	put_outcome(b, &w, result, x);
	buf_addc(b, '\n');
	return 0;
}

/* The event with what `b` holds, which is empty then. */
static void
put_event(struct reply *p, const char *name, struct buf *b)
{
	if (b->failed)
		p->body.failed = true;
	sse_event(&p->body, name, b->data != NULL ? b->data : "", b->len);
	buf_reset(b);
}

static int
send_text(struct reply *p, const char *event, const char *text, size_t n, struct err *e)
{
	struct buf b;

	buf_init(&b, REPLY_BODY_MAX);
	buf_adds(&b, "{\"text\": ");
	json_put_text(&b, text, n);
	buf_addc(&b, '}');
	put_event(p, event, &b);
	buf_fini(&b);
	return reply_stream_flush(p, e);
}

static int
send_piece(void *context, const char *text, size_t n, struct err *e)
{
	return send_text(context, "delta", text, n, e);
}

static int
send_replacement(void *context, const char *text, size_t n, struct err *e)
{
	return send_text(context, "replace", text, n, e);
}

static int
send_comment(void *context, struct err *e)
{
	struct reply *p = context;

	sse_comment(&p->body);
	return reply_stream_flush(p, e);
}

static int
send_hits(const struct asked *a, struct reply *p, struct index *x,
    const struct query_result *result, struct buf *b, struct err *e)
{
	put_tenant(b, a);
	buf_adds(b, "\"hits\": ");
	if (hits_put(b, result, &a->q, e) == -1)
		return -1;
	buf_addf(b, ", \"generation\": \"%s\"}", index_generation(x));
	if (buf_check(b, "the hits", e) == -1 || reply_stream_begin(p, SSE_TYPE, e) == -1)
		return -1;
	put_event(p, "hits", b);
	return reply_stream_flush(p, e);
}

static int
answer_streamed(struct api *api, const struct answer_request *asked, const struct asked *a,
    struct req *r, struct reply *p, struct index *x, const struct query_result *result,
    struct err *e)
{
	const struct answer_sink sink = {send_piece, send_replacement, send_comment, p};
	struct answer_request q = *asked;
	struct answer w;
	struct buf b;
	int rc = -1;

	q.sink = &sink;
	buf_init(&b, REPLY_BODY_MAX);
	if (send_hits(a, p, x, result, &b, e) == -1 ||
	    answer_make(api, &q, p, x, result, r->arena, &w, e) == -1)
		goto out;
	buf_adds(&b, "{\"citations\": ");
	answer_put_citations(&b, &w, index_generation(x));
	buf_addc(&b, '}');
	put_event(p, "citations", &b);
	buf_addc(&b, '{');
	put_outcome(&b, &w, result, x);
	put_event(p, "done", &b);
	rc = buf_check(&p->body, "the answer", e);
out:
	if (rc == -1 && p->is_streaming && e->code != ERR_PEER)
		send_text(p, "error", err_row(e->code)->slug, strlen(err_row(e->code)->slug), NULL);
	buf_fini(&b);
	return rc;
}

static int
answer_one(struct api *api, struct req *r, struct asked *a, struct index *x, struct reply *p,
    struct err *e)
{
	struct answer_request q = {.question = a->texts[0], .question_len = a->lengths[0],
	    .temperature = -1, .without_model = !a->generates};
	bool is_kept = !a->is_streamed && !answer_has_model(api, &q, x);
	struct query_result result;

	if (is_kept && question_was_answered(api, &a->q, r, x, p))
		return 0;
	if (question_ask(api, &a->q, x, a->texts[0], a->lengths[0], r->arena, &result, e) == -1)
		return -1;
	if ((a->is_streamed ? answer_streamed : answer_whole)(api, &q, a, r, p, x, &result, e) == -1)
		return -1;
	if (is_kept)
		question_keep_answer(api, p);
	return 0;
}

static int
answer(struct api *api, struct req *r, struct asked *a, struct reply *p, struct err *e)
{
	struct index *x;

	if (a->is_streamed && a->is_batch)
		return err_set(e, ERR_CONFLICT, "\"stream\" is for one question, not for \"queries\"");
	if (question_open(api, &a->q, r, p, &x, e) == -1)
		return -1;
	if (a->with_response && !a->is_batch)
		return answer_one(api, r, a, x, p, e);
	if (question_was_answered(api, &a->q, r, x, p))
		return 0;
	if (answer_all(api, r, a, x, &p->body, e) == -1)
		return -1;
	question_keep_answer(api, p);
	return 0;
}

int
api_query(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {
	    "query", "queries", "stream", "generate", QUESTION_MEMBERS, NULL};
	struct asked a = {.q.tenant = r->hole[0], .with_response = true, .generates = true};
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == 0 && read_texts(&a, body, e) == 0 &&
	    json_get_bool(body, "stream", false, &a.is_streamed, e) == 0 &&
	    json_get_bool(body, "generate", false, &a.generates, e) == 0 &&
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
