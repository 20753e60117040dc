/* api_chat.c - tenants as models that chat: POST /v1/chat/completions (OpenAI) and /api/chat
 * (Ollama).
 *
 * Both read a conversation (chat.h) and answer it (answers.h), whole or in pieces; what differs is
 * the shape, which is a struct wire.  Members of a question (question.h: top_k, filters, ...) may
 * be given as well; what is not known is ignored, as clients send much that means nothing here.
 */
#include "api.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "answers.h"
#include "chat.h"
#include "question.h"
#include "sse.h"
#include "utf8.h"

struct talk {
	const struct wire *wire;
	struct question q;
	struct chat chat;
	struct reply *reply;
	const char *model;	/* as it was asked for */
	const char *id;
	const char *generation;
	int64_t max_tokens;
	double temperature;
	bool is_streamed;
	bool with_usage;	/* a piece of its own at the end */
	time_t created;
};

struct wire {
	const char *type;	/* of a stream */
	bool is_streamed;	/* unless it says otherwise */
	int (*read)(struct talk *t, struct json_object *o, struct err *e);
	/* NULL: a stream begins with its first piece. */
	void (*begin)(struct talk *t, struct buf *b);
	void (*piece)(struct talk *t, struct buf *b, const char *text, size_t n);
	void (*end)(struct talk *t, struct buf *b, const struct answer *w);
	void (*whole)(struct talk *t, struct buf *b, const struct answer *w);
};

static void
put_string(struct buf *b, const char *text)
{
	json_put_text(b, text, strlen(text));
}

/* What neither wire has a place for. */
static void
put_ours(struct talk *t, struct buf *b, const struct answer *w)
{
	buf_addf(b, "\"ragpool\": {\"generation\": \"%s\", \"llm_generated\": %s", t->generation,
	    w->is_generated ? "true" : "false");
	if (w->degraded != ERR_NONE)
		buf_addf(b, ", \"degraded\": \"%s\"", err_row(w->degraded)->slug);
	buf_adds(b, ", \"citations\": ");
	answer_put_citations(b, w, t->generation);
	buf_addc(b, '}');
}

/* ---- OpenAI ---- */

static int
read_openai(struct talk *t, struct json_object *o, struct err *e)
{
	struct json_object *options = NULL;
	int64_t n = 1;

	if (json_get_int(o, "n", false, 1, 1, &n, e) == -1 ||
	    json_get_int(o, "max_tokens", false, 1, INT32_MAX, &t->max_tokens, e) == -1 ||
	    json_get_int(o, "max_completion_tokens", false, 1, INT32_MAX, &t->max_tokens, e) == -1 ||
	    json_get_double(o, "temperature", false, 0, 2, &t->temperature, e) == -1 ||
	    json_get_object(o, "stream_options", false, &options, e) == -1)
		return -1;
	return options == NULL ?
	    0 :
	    json_get_bool(options, "include_usage", false, &t->with_usage, e);
}

static void
put_head(struct talk *t, struct buf *b, const char *object)
{
	buf_adds(b, "{\"id\": \"chatcmpl-");
	for (const char *s = t->id; *s != '\0'; s++)
		if (*s != '"' && *s != '\\')
			buf_addc(b, *s);
	buf_addf(b, "\", \"object\": \"%s\", \"created\": %lld, \"model\": ", object,
	    (long long)t->created);
	put_string(b, t->model);
	buf_addf(b, ", \"system_fingerprint\": \"%s\", ", t->generation);
}

/* A chunk around what delta() writes; finish NULL: there is more. */
static void
put_chunk(struct talk *t, struct buf *b, const struct buf *delta, const char *finish,
    const struct answer *w)
{
	struct buf chunk;

	buf_init(&chunk, REPLY_BODY_MAX);
	put_head(t, &chunk, "chat.completion.chunk");
	buf_adds(&chunk, "\"choices\": [{\"index\": 0, \"delta\": ");
	buf_add(&chunk, delta->data, delta->len);
	buf_adds(&chunk, ", \"logprobs\": null, \"finish_reason\": ");
	if (finish != NULL)
		put_string(&chunk, finish);
	else
		buf_adds(&chunk, "null");
	buf_adds(&chunk, "}]");
	if (t->with_usage)
		buf_adds(&chunk, ", \"usage\": null");
	if (w != NULL) {
		buf_adds(&chunk, ", ");
		put_ours(t, &chunk, w);
	}
	buf_addc(&chunk, '}');
	if (chunk.failed || delta->failed)
		b->failed = true;
	sse_event(b, NULL, chunk.data, chunk.len);
	buf_fini(&chunk);
}

static void
begin_openai(struct talk *t, struct buf *b)
{
	struct buf delta;

	buf_init(&delta, 256);
	buf_adds(&delta, "{\"role\": \"assistant\", \"content\": \"\", \"refusal\": null}");
	put_chunk(t, b, &delta, NULL, NULL);
	buf_fini(&delta);
}

static void
piece_openai(struct talk *t, struct buf *b, const char *text, size_t n)
{
	struct buf delta;

	buf_init(&delta, REPLY_BODY_MAX);
	buf_adds(&delta, "{\"content\": ");
	json_put_text(&delta, text, n);
	buf_addc(&delta, '}');
	put_chunk(t, b, &delta, NULL, NULL);
	buf_fini(&delta);
}

static const struct citation *
citation_of(const struct answer *w, unsigned number)
{
	for (size_t i = 0; i < w->citation_count; i++)
		if (w->citations[i].number == number)
			return &w->citations[i];
	return NULL;
}

/* Characters in the first n bytes, counted on from *at. */
static size_t
characters_to(const char *text, size_t n, size_t *at, size_t *count)
{
	for (; *at < n; ++*at)
		*count += ((unsigned char)text[*at] & 0xc0) != 0x80;
	return *count;
}

/* One for each mark; places are counted in characters, as OpenAI does. */
static void
put_annotations(struct buf *b, const struct answer *w)
{
	size_t at = 0, count = 0, put = 0, start, end;

	buf_addc(b, '[');
	for (size_t i = 0; i < w->mark_count; i++) {
		const struct citation *c = citation_of(w, w->marks[i].number);
		if (c == NULL)
			continue;
		start = characters_to(w->text, w->marks[i].start, &at, &count);
		end = characters_to(w->text, w->marks[i].end, &at, &count);
		buf_addf(b, "%s{\"type\": \"url_citation\", \"url_citation\": {\"start_index\": %zu, "
			    "\"end_index\": %zu, \"url\": ", put++ > 0 ? ", " : "", start, end);
		put_string(b, c->hit->chunk.source);
		buf_adds(b, ", \"title\": ");
		put_string(b, c->hit->chunk.title);
		buf_adds(b, "}}");
	}
	buf_addc(b, ']');
}

static void
end_openai(struct talk *t, struct buf *b, const struct answer *w)
{
	struct buf delta;

	buf_init(&delta, REPLY_BODY_MAX);
	buf_adds(&delta, "{\"annotations\": ");
	put_annotations(&delta, w);
	buf_addc(&delta, '}');
	put_chunk(t, b, &delta, w->finish_reason, w);
	if (t->with_usage) {
		buf_reset(&delta);
		put_head(t, &delta, "chat.completion.chunk");
		buf_adds(&delta, "\"choices\": [], \"usage\": ");
		answer_put_usage(&delta, w);
		buf_addc(&delta, '}');
		sse_event(b, NULL, delta.data, delta.len);
	}
	sse_event(b, NULL, "[DONE]", 6);
	buf_fini(&delta);
}

static void
whole_openai(struct talk *t, struct buf *b, const struct answer *w)
{
	put_head(t, b, "chat.completion");
	buf_adds(b, "\"choices\": [{\"index\": 0, \"message\": {\"role\": \"assistant\", \"content\": ");
	json_put_text(b, w->text, w->len);
	buf_adds(b, ", \"refusal\": null, \"annotations\": ");
	put_annotations(b, w);
	buf_addf(b, "}, \"logprobs\": null, \"finish_reason\": \"%s\"}], \"usage\": ",
	    w->finish_reason);
	answer_put_usage(b, w);
	buf_adds(b, ", ");
	put_ours(t, b, w);
	buf_adds(b, "}\n");
}

/* ---- Ollama ---- */

static int
read_ollama(struct talk *t, struct json_object *o, struct err *e)
{
	struct json_object *options = NULL;

	if (json_get_object(o, "options", false, &options, e) == -1)
		return -1;
	if (options == NULL)
		return 0;
	/* -1 and -2 mean "as much as there is" there. */
	if (json_get_int(options, "num_predict", false, -2, INT32_MAX, &t->max_tokens, e) == -1 ||
	    json_get_double(options, "temperature", false, 0, 100, &t->temperature, e) == -1)
		return -1;
	t->max_tokens = t->max_tokens > 0 ? t->max_tokens : 0;
	return 0;
}

static void
put_ollama(struct talk *t, struct buf *b, const char *text, size_t n)
{
	struct tm utc;
	char when[32];

	gmtime_r(&t->created, &utc);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
	buf_adds(b, "{\"model\": ");
	put_string(b, t->model);
	buf_addf(b, ", \"created_at\": \"%s\", \"message\": {\"role\": \"assistant\", \"content\": ",
	    when);
	json_put_text(b, text, n);
	buf_addc(b, '}');
}

static void
piece_ollama(struct talk *t, struct buf *b, const char *text, size_t n)
{
	put_ollama(t, b, text, n);
	buf_adds(b, ", \"done\": false}\n");
}

static void
put_ollama_end(struct talk *t, struct buf *b, const struct answer *w)
{
	buf_addf(b, ", \"done\": true, \"done_reason\": \"%s\", \"prompt_eval_count\": %llu, "
		    "\"eval_count\": %llu, ", w->finish_reason,
	    (unsigned long long)w->prompt_tokens, (unsigned long long)w->completion_tokens);
	put_ours(t, b, w);
	buf_adds(b, "}\n");
}

static void
end_ollama(struct talk *t, struct buf *b, const struct answer *w)
{
	put_ollama(t, b, "", 0);
	put_ollama_end(t, b, w);
}

static void
whole_ollama(struct talk *t, struct buf *b, const struct answer *w)
{
	put_ollama(t, b, w->text, w->len);
	put_ollama_end(t, b, w);
}

/* ---- both ---- */

static const struct wire openai = {.type = SSE_TYPE, .read = read_openai, .begin = begin_openai,
    .piece = piece_openai, .end = end_openai, .whole = whole_openai};
static const struct wire ollama = {.type = "application/x-ndjson", .is_streamed = true,
    .read = read_ollama, .piece = piece_ollama, .end = end_ollama, .whole = whole_ollama};

static int
send_piece(void *context, const char *text, size_t n, struct err *e)
{
	struct talk *t = context;

	t->wire->piece(t, &t->reply->body, text, n);
	return reply_stream_flush(t->reply, e);
}

/* Neither wire can take a piece back: what stands in its place follows it. */
static int
send_replacement(void *context, const char *text, size_t n, struct err *e)
{
	struct talk *t = context;

	t->wire->piece(t, &t->reply->body, "\n\n---\n\n", 7);
	return send_piece(context, text, n, e);
}

/* NDJSON has no comments: an empty piece does it there. */
static int
send_idle(void *context, struct err *e)
{
	struct talk *t = context;

	if (t->wire->type == ollama.type)
		piece_ollama(t, &t->reply->body, "", 0);
	else
		sse_comment(&t->reply->body);
	return reply_stream_flush(t->reply, e);
}

static int
begin_stream(struct talk *t, struct err *e)
{
	if (reply_stream_begin(t->reply, t->wire->type, e) == -1)
		return -1;
	if (t->wire->begin != NULL)
		t->wire->begin(t, &t->reply->body);
	return reply_stream_flush(t->reply, e);
}

static int
answer(struct api *api, struct req *r, struct talk *t, struct err *e)
{
	const struct answer_sink sink = {send_piece, send_replacement, send_idle, t};
	struct answer_request q = {.question = t->chat.question,
	    .question_len = t->chat.question_len, .turns = t->chat.turns,
	    .turn_count = t->chat.turn_count, .max_tokens = t->max_tokens,
	    .temperature = t->temperature, .sink = t->is_streamed ? &sink : NULL};
	struct query_result result;
	struct answer w;
	struct index *x;

	if (question_open(api, &t->q, r, t->reply, &x, e) == -1 ||
	    question_ask(
		api, &t->q, x, t->chat.search, t->chat.search_len, r->arena, &result, e) == -1)
		return -1;
	t->generation = index_generation(x);
	if ((t->is_streamed && begin_stream(t, e) == -1) ||
	    answer_make(api, &q, t->reply, x, &result, r->arena, &w, e) == -1)
		return -1;
	(t->is_streamed ? t->wire->end : t->wire->whole)(t, &t->reply->body, &w);
	return 0;
}

static int
read_talk(struct talk *t, struct json_object *o, struct api *api, struct req *r, struct err *e)
{
	struct json_object *messages = NULL;

	if (json_get_text(o, "model", true, 256, &t->model, e) == -1 ||
	    json_get_array(o, "messages", true, &messages, e) == -1 ||
	    json_get_bool(o, "stream", false, &t->is_streamed, e) == -1 ||
	    t->wire->read(t, o, e) == -1 ||
	    question_read(&t->q, o, api->top_k_max, r->arena, e) == -1 ||
	    chat_read(&t->chat, messages, r->arena, e) == -1)
		return -1;
	if ((t->q.tenant = chat_tenant(t->model, r->arena)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a name");
	return 0;
}

static int
chat(const struct wire *wire, struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct talk t = {.wire = wire, .reply = p, .id = r->id, .temperature = -1,
	    .is_streamed = wire->is_streamed, .created = time(NULL)};
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (read_talk(&t, body, api, r, e) == 0)
		rc = answer(api, r, &t, e);
	json_object_put(body);
	return rc;
}

int
api_chat(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return chat(&openai, api, r, p, e);
}

int
api_ollama_chat(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return chat(&ollama, api, r, p, e);
}
