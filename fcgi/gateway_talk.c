/* gateway_talk.c - chats and reranks: each question is one call. */
#include "gateway_parts.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

struct talk {
	struct talk *next;
	struct gateway *g;
	struct peer *peer;
	uint32_t id;
	struct upstream *model;
	struct call *call;
	struct json_object *question;	/* owned; what follows is borrowed from it */
	struct wire_chat_question chat;
	struct wire_chat stream;
	bool has_stream;
	bool has_passed_on;		/* a piece went to the peer: no other try */
	const char *query;
	char *body;			/* owned: the texts to rerank */
	struct embed_text *texts;
	size_t count;
	float *scores;
};

static void
free_talk(struct talk *t)
{
	struct talk **link = &t->g->talks;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	t->model->running--;
	if (t->has_stream)
		wire_chat_fini(&t->stream);
	json_object_put(t->question);
	free(t->body);
	free(t->texts);
	free(t->scores);
	free(t);
}

static struct talk *
new_talk(struct gateway *g, struct peer *p, uint32_t id, struct upstream *u,
    struct json_object *o, struct err *e)
{
	struct talk *t = calloc(1, sizeof *t);

	if (t == NULL) {
		err_set(e, ERR_NOMEM, "no memory for a question");
		return NULL;
	}
	*t = (struct talk){.next = g->talks, .g = g, .peer = p, .id = id, .model = u,
	    .question = json_object_get(o)};
	g->talks = t;
	u->running++;
	u->count.requests++;
	return t;
}

static int
start_talk(struct talk *t, const struct call_kind *kind, int64_t budget_ms, struct err *e)
{
	struct gateway *g = t->g;
	int64_t most = t->model->conf->budget_ms;
	int64_t budget = budget_ms > 0 && budget_ms < most ? budget_ms : most;

	if (call_start(g, t->model, kind, t, g->now_ms + budget, false, e) == -1) {
		free_talk(t);
		return -1;
	}
	t->call = g->calls;
	return 0;
}

/* Chats and reranks do not wait in a queue: whoever asks has a person waiting. */
static int
check_place(struct upstream *u, struct err *e)
{
	if (u->running < (unsigned)(u->conf->concurrency + u->conf->queue))
		return 0;
	u->count.refused++;
	return err_set(e, ERR_MODEL_BUSY, "model %s: %u questions are under way", u->conf->name,
	    u->running);
}

static void
end_refused(struct talk *t, const struct err *e)
{
	peer_refuse(t->g, t->peer, t->id, t->model, e);
	free_talk(t);
}

void
talk_forget(struct gateway *g, const struct peer *p)
{
	struct talk *t = g->talks, *next;

	for (; t != NULL; t = next) {
		next = t->next;
		if (t->peer != p)
			continue;
		call_cancel(t->call);
		free_talk(t);
	}
}

/* ---- chat ---- */

static void
chat_ask(void *owner, const struct upstream *u, struct buf *body)
{
	struct talk *t = owner;

	wire_chat_question(body, u->conf, &t->chat);
}

static void
pass_on(void *context, const char *text, size_t n)
{
	struct talk *t = context;

	t->has_passed_on = true;
	peer_delta(t->peer, t->id, text, n);
}

static void
chat_begin(void *owner, const struct upstream *u)
{
	struct talk *t = owner;

	if (t->has_stream)
		wire_chat_fini(&t->stream);
	wire_chat_init(&t->stream, u->conf, pass_on, t);
	t->has_stream = true;
}

static int
chat_piece(void *owner, const struct upstream *u, const char *bytes, size_t n, struct err *e)
{
	struct talk *t = owner;

	(void)u;
	return wire_chat_add(&t->stream, bytes, n, e);
}

static int
chat_answer(void *owner, const struct upstream *u, const char *bytes, size_t n, struct err *e)
{
	struct talk *t = owner;

	(void)u;
	(void)bytes;
	(void)n;
	return wire_chat_end(&t->stream, e);
}

static bool
chat_may_retry(void *owner)
{
	return !((struct talk *)owner)->has_passed_on;
}

static bool
chat_is_full(void *owner)
{
	const struct peer *p = ((struct talk *)owner)->peer;

	return p->out.len - p->sent > PEER_OUT_FULL;
}

static void
chat_end(void *owner, struct call *call, enum call_end how, const struct err *e)
{
	struct talk *t = owner;
	struct buf b;

	if (how != CALL_ANSWERED) {
		end_refused(t, e);
		return;
	}
	t->model->count.tokens += t->stream.prompt_tokens + t->stream.answer_tokens;
	buf_init(&b, 4096);
	buf_addf(&b, "{\"model\": \"%s\", \"finish_reason\": ", call->now->conf->name);
	json_put_text(&b, t->stream.finish, strlen(t->stream.finish));
	buf_addf(&b, ", \"prompt_tokens\": %llu, \"completion_tokens\": %llu}",
	    (unsigned long long)t->stream.prompt_tokens,
	    (unsigned long long)t->stream.answer_tokens);
	peer_answer(t->peer, t->id, b.data, b.len, "", 0);
	buf_fini(&b);
	free_talk(t);
}

static const struct call_kind chat_kind = {.ask = chat_ask,
    .answer = chat_answer,
    .piece = chat_piece,
    .begin = chat_begin,
    .may_retry = chat_may_retry,
    .is_full = chat_is_full,
    .end = chat_end};

int
talk_chat(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e)
{
	struct wire_chat_question chat = {.temperature = -1};
	const char *model = NULL;
	int64_t budget_ms = 0;
	struct upstream *u;
	struct talk *t;

	if (json_get_text(o, "model", true, 256, &model, e) == -1 ||
	    (u = gateway_model(g, model, 0, MODEL_CHAT, e)) == NULL ||
	    json_get_array(o, "messages", true, &chat.messages, e) == -1 ||
	    json_get_int(o, "max_tokens", false, 0, INT32_MAX, &chat.max_tokens, e) == -1 ||
	    json_get_double(o, "temperature", false, -1, 100, &chat.temperature, e) == -1 ||
	    json_get_int(o, "budget_ms", false, 0, INT32_MAX, &budget_ms, e) == -1 ||
	    check_place(u, e) == -1 || (t = new_talk(g, p, f->id, u, o, e)) == NULL)
		return -1;
	t->chat = chat;
	return start_talk(t, &chat_kind, budget_ms, e);
}

/* ---- rerank ---- */

static void
rerank_ask(void *owner, const struct upstream *u, struct buf *body)
{
	struct talk *t = owner;

	wire_rerank_question(body, u->conf, t->query, t->texts, t->count);
}

static int
rerank_answer(
    void *owner, const struct upstream *u, const char *bytes, size_t n, struct err *e)
{
	struct talk *t = owner;

	(void)u;
	return wire_rerank_answer(t->scores, t->count, bytes, n, e);
}

static void
rerank_end(void *owner, struct call *call, enum call_end how, const struct err *e)
{
	struct talk *t = owner;
	struct buf b;

	if (how != CALL_ANSWERED) {
		end_refused(t, e);
		return;
	}
	buf_init(&b, 1024);
	buf_addf(&b, "{\"model\": \"%s\", \"texts\": %zu}", call->now->conf->name, t->count);
	peer_answer(t->peer, t->id, b.data, b.len, t->scores, t->count * sizeof *t->scores);
	buf_fini(&b);
	free_talk(t);
}

static const struct call_kind rerank_kind = {
    .ask = rerank_ask, .answer = rerank_answer, .end = rerank_end};

/* The frame's bytes are gone when the call is made: it keeps its own. */
static int
keep_texts(struct talk *t, const struct frame *f, size_t count, struct err *e)
{
	struct frame mine = *f;

	t->body = malloc(f->body_bytes + 1);
	t->texts = calloc(count, sizeof *t->texts);
	t->scores = calloc(count, sizeof *t->scores);
	if (t->body == NULL || t->texts == NULL || t->scores == NULL)
		return err_set(e, ERR_NOMEM, "no memory for texts");
	memcpy(t->body, f->body, f->body_bytes);
	mine.body = t->body;
	t->count = count;
	return frame_take_texts(t->texts, count, &mine, e);
}

int
talk_rerank(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e)
{
	const char *model = NULL, *query = NULL;
	int64_t texts = 0, budget_ms = 0;
	struct upstream *u;
	struct talk *t;

	if (json_get_text(o, "model", true, 256, &model, e) == -1 ||
	    (u = gateway_model(g, model, 0, MODEL_RERANK, e)) == NULL ||
	    json_get_text(o, "query", true, QUERY_TEXT_MAX, &query, e) == -1 ||
	    json_get_int(o, "texts", true, 1, MODEL_TEXTS_MAX, &texts, e) == -1 ||
	    json_get_int(o, "budget_ms", false, 0, INT32_MAX, &budget_ms, e) == -1 ||
	    check_place(u, e) == -1 || (t = new_talk(g, p, f->id, u, o, e)) == NULL)
		return -1;
	t->query = query;
	if (keep_texts(t, f, (size_t)texts, e) == -1) {
		free_talk(t);
		return -1;
	}
	return start_talk(t, &rerank_kind, budget_ms, e);
}
