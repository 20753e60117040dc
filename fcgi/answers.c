/* answers.c - an answer to a question, by a language model or without one. */
#include "answers.h"

#include <stdio.h>
#include <string.h>

#include "chunk.h"
#include "clk.h"
#include "json.h"
#include "log.h"

enum { LEAST_MS = 50 };		/* with less time left a model is not asked */

/* An answer in the making. */
struct making {
	struct api *api;
	const struct answer_request *q;
	struct reply *reply;
	struct index *x;
	const struct query_result *r;
	struct arena *a;
	struct prompt_passage *passages;
	bool *given;
	struct cite cite;
	size_t sent;		/* bytes of cite.text */
	struct buf messages;
	struct answer *out;
};

/* ---- the model ---- */

static const char *
model_named(const struct api *api, const struct answer_request *q, const struct index *x)
{
	const char *own = x->manifest.answer_model;

	if (q->without_model || strcmp(own, "none") == 0)
		return "";
	return own[0] != '\0' ? own : api->answering->model;
}

bool
answer_has_model(const struct api *api, const struct answer_request *q, const struct index *x)
{
	return model_named(api, q, x)[0] != '\0';
}

static int
write_prompt(struct making *m, struct err *e)
{
	struct prompt_parts parts = {.tenant = m->x->tenant,
	    .language = answer_language_of(m->q->question, m->q->question_len),
	    .question = m->q->question, .question_len = m->q->question_len,
	    .passages = m->passages, .passage_count = m->r->count,
	    .turns = m->q->turns, .turn_count = m->q->turn_count,
	    .budget = m->api->answering->context_tokens};

	for (size_t i = 0; i < m->r->count; i++) {
		const struct store_chunk *c = &m->r->hits[i].chunk;
		m->passages[i] = (struct prompt_passage){.title = c->title, .source = c->source,
		    .text = c->text, .text_len = c->text_len};
	}
	if (prompt_build(prompts_for(m->api->prompts, m->x->tenant), &parts, &m->messages, e) == -1)
		return -1;
	for (size_t i = 0; i < m->r->count; i++)
		m->given[i] = m->passages[i].is_taken;
	return 0;
}

/* What the citations let through since the last time. */
static int
pass_on(struct making *m, struct err *e)
{
	const struct answer_sink *sink = m->q->sink;
	size_t from = m->sent;

	m->sent = m->cite.text.len;
	if (sink == NULL || m->sent == from)
		return 0;
	return sink->piece(sink->context, m->cite.text.data + from, m->sent - from, e);
}

static int
take_piece(void *context, const char *text, size_t n, struct err *e)
{
	struct making *m = context;

	if (cite_add(&m->cite, text, n, e) == -1)
		return -1;
	return pass_on(m, e);
}

static int
stay_awake(void *context, struct err *e)
{
	struct making *m = context;

	return m->q->sink->idle(m->q->sink->context, e);
}

/* From now on nobody should wait for this worker. */
static void
begin_wait(struct making *m)
{
	const struct board_slot *s = m->api->slot;

	watch_stage(m->api->watch, STAGE_ANSWER);
	if (s != NULL && atomic_load(&s->cmd_seq) != atomic_load(&s->acked_seq))
		board_wake(m->api->board);
}

static void
set_usage(struct answer *out, const struct making *m, const struct gateway_chat_end *end)
{
	out->prompt_tokens = end->prompt_tokens;
	out->completion_tokens = end->completion_tokens;
	if (end->prompt_tokens == 0)
		out->prompt_tokens = chunk_tokens(m->messages.data, m->messages.len);
	if (end->completion_tokens == 0)
		out->completion_tokens = chunk_tokens(m->cite.text.data, m->cite.text.len);
}

/* The whole answer by the model, as far as it went. */
static int
generate(struct making *m, const char *model, struct err *e)
{
	const struct answer_options *o = m->api->answering;
	int64_t most = o->max_tokens;
	struct gateway_chat chat = {.model = model, .temperature = m->q->temperature,
	    .max_tokens = m->q->max_tokens > 0 && m->q->max_tokens < most ? m->q->max_tokens : most,
	    .budget_ms = o->timeout_ms - (clk_ns() - m->api->watch->began_ns) / 1000000,
	    .reader_fd = m->reply->peer_fd, .idle = m->q->sink != NULL ? stay_awake : NULL,
	    .idle_ms = o->keepalive_ms};
	struct gateway_chat_end end = {0};
	int rc;

	if (m->api->gateway == NULL)
		return err_set(e, ERR_LLM_UNAVAILABLE, "there is no gateway to models");
	if (chat.budget_ms < LEAST_MS)
		return err_set(e, ERR_LLM_TIMEOUT, "no time is left to ask a model");
	if (write_prompt(m, e) == -1)
		return -1;
	chat.messages = m->messages.data;
	begin_wait(m);
	/* What a model takes is not the tenant's use of a worker: fair shares are of our time. */
	quota_end(m->api->quota);
	rc = gateway_chat(m->api->gateway, &chat, take_piece, m, &end, e);
	watch_stage(m->api->watch, STAGE_OTHER);
	if (rc == -1 && e->code != ERR_LIMIT)
		return -1;
	snprintf(m->out->finish_reason, sizeof m->out->finish_reason, "%s",
	    rc == -1 || strcmp(end.finish_reason, "length") == 0 ? "length" : "stop");
	if (rc == 0 && (cite_end(&m->cite, e) == -1 || pass_on(m, e) == -1))
		return -1;
	set_usage(m->out, m, &end);
	m->out->is_generated = true;
	return 0;
}

/* ---- without it ---- */

/* The best passages, or that there are none, in place of whatever was said so far. */
static int
extract(struct making *m, struct err *e)
{
	const struct answer_sink *sink = m->q->sink;
	bool was_begun = m->sent > 0;
	struct cite *c = &m->cite;

	buf_reset(&c->text);
	c->mark_count = answer_extract(
	    m->r, answer_language_of(m->q->question, m->q->question_len), &c->text, c->marks);
	if (buf_check(&c->text, "the response", e) == -1)
		return -1;
	memcpy(m->out->finish_reason, "stop", sizeof "stop");
	if (sink == NULL)
		return 0;
	return (was_begun ? sink->replace : sink->piece)(sink->context, c->text.data, c->text.len, e);
}

/* ---- both ---- */

/* Nobody reads an answer any more: that is no failure of anybody's. */
static bool
is_left(struct making *m, struct err *e)
{
	if (reply_has_reader(m->reply))
		return false;
	m->reply->is_cut = true;
	err_set(e, ERR_PEER, "the client has gone away");
	return true;
}

static int
write_text(struct making *m, struct err *e)
{
	const char *model = model_named(m->api, m->q, m->x);

	if (model[0] == '\0' || !m->r->is_known)
		return extract(m, e);
	if (generate(m, model, e) == 0)
		return 0;
	if (is_left(m, e) || e->code == ERR_NOMEM)
		return -1;
	log_warn("tenant=%s answered without its model %s: %s", m->x->tenant, model, e->text);
	m->out->degraded = e->code;
	return extract(m, e);
}

static int
cite_sources(struct making *m, struct err *e)
{
	struct answer *out = m->out;
	struct citation *citations;
	struct answer_mark *marks;
	unsigned failed;

	if (cite_all(&m->cite, out->is_generated ? NULL : m->q->question, m->r, m->x, m->a,
		&citations, &out->citation_count, &failed, e) == -1)
		return -1;
	if (failed > 0)
		log_error("tenant=%s generation=%s: %u quotes are not what the store holds",
		    m->x->tenant, index_generation(m->x), failed);
	marks = arena_alloc(m->a, (m->cite.mark_count + 1) * sizeof *marks);
	out->text = arena_copy(m->a, m->cite.text.data, m->cite.text.len);
	if (marks == NULL || out->text == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an answer");
	memcpy(marks, m->cite.marks, m->cite.mark_count * sizeof *marks);
	out->len = m->cite.text.len;
	out->marks = marks;
	out->mark_count = m->cite.mark_count;
	out->citations = citations;
	return 0;
}

int
answer_make(struct api *api, const struct answer_request *q, struct reply *p, struct index *x,
    const struct query_result *r, struct arena *a, struct answer *out, struct err *e)
{
	struct making m = {.api = api, .q = q, .reply = p, .x = x, .r = r, .a = a, .out = out};
	struct err mine;
	int rc = -1;

	e = e != NULL ? e : &mine;
	*out = (struct answer){0};
	m.passages = arena_calloc(a, r->count + 1, sizeof *m.passages);
	m.given = arena_calloc(a, r->count + 1, sizeof *m.given);
	if (m.passages == NULL || m.given == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an answer");
	cite_init(&m.cite, m.given, r->count);
	buf_init(&m.messages, MODEL_CHAT_MAX);
	if (write_text(&m, e) == 0 && cite_sources(&m, e) == 0)
		rc = 0;
	buf_fini(&m.messages);
	cite_fini(&m.cite);
	return rc;
}

/* ---- JSON ---- */

static void
put_member(struct buf *b, const char *name, const char *text)
{
	buf_adds(b, ", \"");
	buf_adds(b, name);
	buf_adds(b, "\": ");
	json_put_text(b, text, strlen(text));
}

void
answer_put_citations(struct buf *b, const struct answer *w, const char *generation)
{
	buf_addc(b, '[');
	for (size_t i = 0; i < w->citation_count; i++) {
		const struct citation *c = &w->citations[i];
		buf_adds(b, i > 0 ? ", {\"n\": " : "{\"n\": ");
		buf_addu(b, c->number);
		put_member(b, "document", c->hit->chunk.key);
		put_member(b, "title", c->hit->chunk.title);
		put_member(b, "source", c->hit->chunk.source);
		if (c->hit->chunk.page != 0)
			buf_addf(b, ", \"page\": %u", c->hit->chunk.page);
		buf_adds(b, ", \"start\": ");
		buf_addu(b, c->start);
		buf_adds(b, ", \"end\": ");
		buf_addu(b, c->end);
		put_member(b, "generation", generation);
		buf_adds(b, ", \"quote\": ");
		json_put_text(b, c->quote, c->quote_len);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
}

void
answer_put_usage(struct buf *b, const struct answer *w)
{
	buf_addf(b, "{\"prompt_tokens\": %llu, \"completion_tokens\": %llu, \"total_tokens\": %llu}",
	    (unsigned long long)w->prompt_tokens, (unsigned long long)w->completion_tokens,
	    (unsigned long long)(w->prompt_tokens + w->completion_tokens));
}
