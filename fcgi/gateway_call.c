/* gateway_call.c - one question to an endpoint: tries, failover, breaker, back-off.
 *
 * A round tries the model and then its failovers, passing over those whose breaker is open.
 * After a round in which something failed that may pass, another follows, later, as long as
 * there are retries and time left. */
#include "gateway_parts.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

enum { BODY_MAX = MODEL_TEXTS_MAX * 64 * 1024 + MODEL_CHAT_MAX, STATUS_WORDS = 160 };

/* What one try came to. */
enum outcome {
	TRY_GOOD,
	TRY_REFUSED,		/* the endpoint is well, the question is not */
	TRY_WRONG,		/* it would be wrong again */
	TRY_PASSING,		/* it may pass */
};

/* ---- codes ---- */

enum err_code
model_timeout(const struct upstream *u)
{
	static const enum err_code codes[] = {
	    ERR_EMBED_TIMEOUT, ERR_LLM_TIMEOUT, ERR_RERANK_TIMEOUT};

	return codes[u->conf->kind];
}

enum err_code
model_bad_answer(const struct upstream *u)
{
	static const enum err_code codes[] = {
	    ERR_EMBED_ANSWER, ERR_LLM_ANSWER, ERR_RERANK_ANSWER};

	return codes[u->conf->kind];
}

enum err_code
model_unavailable(const struct upstream *u)
{
	static const enum err_code codes[] = {
	    ERR_EMBED_UNAVAILABLE, ERR_LLM_UNAVAILABLE, ERR_RERANK_UNAVAILABLE};

	return codes[u->conf->kind];
}

/* ---- the list of calls ---- */

static void
free_call(struct call *c)
{
	struct call **link = &c->g->calls;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	if (c->easy != NULL) {
		curl_multi_remove_handle(c->g->multi, c->easy);
		curl_easy_cleanup(c->easy);
	}
	buf_fini(&c->body);
	buf_fini(&c->answer);
	free(c);
}

static void
tell_breaker(struct call *c, enum breaker_event event)
{
	struct breaker *b = &c->now->breaker;
	enum breaker_state before = b->state;

	if (!c->is_probe)
		return;
	c->is_probe = false;
	breaker_event(b, event, c->g->now_ms);
	if (b->state == before || b->state == BREAKER_HALF_OPEN)
		return;
	if (b->state == BREAKER_OPEN)
		log_warn("model %s is left alone for %lld ms: %s", c->now->conf->name,
		    (long long)breaker_wait_ms(b, c->g->now_ms), c->last.text);
	else
		log_info("model %s is back", c->now->conf->name);
}

static void
finish(struct call *c, enum call_end how, const struct err *e)
{
	struct err why = e != NULL ? *e : (struct err){0};

	c->kind->end(c->owner, c, how, &why);
	free_call(c);
}

void
call_cancel(struct call *c)
{
	tell_breaker(c, BREAKER_CANCELLED);
	free_call(c);
}

/* ---- tries ---- */

static struct upstream *
place_of(const struct call *c, size_t place)
{
	return place == 0 ? c->model : c->model->failover[place - 1];
}

/* True when a try is under way. */
static bool
try_now(struct call *c)
{
	CURLMcode rc;

	for (; c->place <= c->model->failovers; c->place++) {
		c->now = place_of(c, c->place);
		if (!breaker_admits(&c->now->breaker, c->g->now_ms))
			continue;
		c->is_probe = true;
		if (c->kind->begin != NULL)
			c->kind->begin(c->owner, c->now);
		if (http_prepare(c, &c->last) == -1) {
			c->has_tried = true;
			tell_breaker(c, BREAKER_CANCELLED);
			continue;
		}
		if ((rc = curl_multi_add_handle(c->g->multi, c->easy)) != CURLM_OK) {
			err_set(&c->last, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
			tell_breaker(c, BREAKER_CANCELLED);
			continue;
		}
		c->has_tried = true;
		c->now->count.sent++;
		c->now->count.failovers += c->place > 0;
		c->retry_ms = 0;
		return true;
	}
	return false;
}

/* How long until somebody of the list admits again. */
static int64_t
wait_for_breakers(const struct call *c)
{
	int64_t least = INT64_MAX, wait;

	for (size_t i = 0; i <= c->model->failovers; i++) {
		wait = breaker_wait_ms(&place_of(c, i)->breaker, c->g->now_ms);
		if (wait < least)
			least = wait;
	}
	return least > RETRY_PROBED_MS ? least : RETRY_PROBED_MS;
}

static bool
wait_until(struct call *c, int64_t when_ms)
{
	if (when_ms >= c->due_ms)
		return false;
	c->retry_ms = when_ms;
	c->place = 0;
	return true;
}

/* Full jitter: many callers that failed together do not come back together. */
static int64_t
back_off_ms(struct call *c)
{
	int64_t most = RETRY_BASE_MS;

	for (unsigned i = 0; i < c->round && most < RETRY_MAX_MS; i++)
		most *= 2;
	most = most < RETRY_MAX_MS ? most : RETRY_MAX_MS;
	return most / 2 + (int64_t)gateway_random(c->g, (uint64_t)most / 2 + 1);
}

static void
fail(struct call *c)
{
	struct err e;

	if (c->has_tried)
		e = c->last;
	else
		err_set(&e, model_unavailable(c->model), "model %s is left alone after failures",
		    c->model->conf->name);
	c->model->count.failed++;
	finish(c, CALL_FAILED, &e);
}

/* Everybody in the list was tried or is left alone. */
static void
end_round(struct call *c)
{
	int64_t now = c->g->now_ms, wait;

	if (c->has_tried && c->is_transient && c->round < (unsigned)c->model->conf->retries) {
		wait = back_off_ms(c);
		if (wait < c->asked_pause_ms)
			wait = c->asked_pause_ms;
		c->round++;
		c->is_transient = false;
		c->asked_pause_ms = 0;
		if (wait_until(c, now + wait)) {
			c->model->count.retries++;
			return;
		}
	} else if ((c->is_patient || c->round > 0) && (!c->has_tried || c->retry_ms != 0) &&
	    wait_until(c, now + wait_for_breakers(c))) {
		return;		/* nobody was asked this time: that is no round */
	}
	fail(c);
}

int
call_start(struct gateway *g, struct upstream *model, const struct call_kind *kind,
    void *owner, int64_t due_ms, bool is_patient, struct err *e)
{
	struct call *c = calloc(1, sizeof *c);

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a call");
	*c = (struct call){.next = g->calls, .g = g, .kind = kind, .owner = owner,
	    .model = model, .due_ms = due_ms, .is_patient = is_patient, .retry_ms = g->now_ms};
	buf_init(&c->body, BODY_MAX);
	buf_init(&c->answer, MODEL_ANSWER_MAX);
	g->calls = c;		/* begun by calls_turn(), never from here: end() may be far */
	return 0;
}

/* ---- what a try came to ---- */

/* A key that an endpoint repeats in its refusal is not passed on. */
static void
hide_key(const struct upstream *u, char *words)
{
	if (u->key != NULL && strstr(words, u->key) != NULL)
		words[0] = '\0';
}

static enum outcome
judge_status(struct call *c, long status)
{
	const struct upstream *u = c->now;
	char words[STATUS_WORDS];
	curl_off_t pause_s = 0;
	bool may_pass = status == 429 || status == 408 || status >= 500;

	wire_error_words(words, sizeof words, c->answer.data != NULL ? c->answer.data : "",
	    c->answer.len);
	hide_key(u, words);
	err_set(&c->last, may_pass ? model_unavailable(u) : model_bad_answer(u),
	    "model %s answered %ld%s%s", u->conf->name, status, words[0] != '\0' ? ": " : "",
	    words);
	if (status >= 300 && status < 400)
		err_set(&c->last, model_bad_answer(u),
		    "model %s answered %ld; redirects are not followed", u->conf->name, status);
	if (status == 400 || status == 413 || status == 422)
		return TRY_REFUSED;
	if (may_pass && curl_easy_getinfo(c->easy, CURLINFO_RETRY_AFTER, &pause_s) == CURLE_OK &&
	    pause_s > 0)
		c->asked_pause_ms = (pause_s < 3600 ? (int64_t)pause_s : 3600) * 1000;
	return may_pass ? TRY_PASSING : TRY_WRONG;
}

static enum outcome
judge_trouble(struct call *c, CURLcode code)
{
	const struct upstream *u = c->now;
	const char *why = c->reason[0] != '\0' ? c->reason : curl_easy_strerror(code);

	if (c->broke.code != ERR_NONE || code == CURLE_FILESIZE_EXCEEDED) {
		err_set(&c->last, model_bad_answer(u), "model %s: %s", u->conf->name,
		    c->broke.code != ERR_NONE ? c->broke.text : why);
		return TRY_WRONG;
	}
	if (code == CURLE_OPERATION_TIMEDOUT)
		err_set(&c->last, model_timeout(u), "model %s: %s", u->conf->name, why);
	else
		err_set(&c->last, model_unavailable(u), "model %s: %s", u->conf->name, why);
	return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_UNSUPPORTED_PROTOCOL
	    ? TRY_WRONG
	    : TRY_PASSING;
}

static enum outcome
judge(struct call *c, CURLcode code)
{
	struct err e;
	long status = 0;

	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (code != CURLE_OK)
		return judge_trouble(c, code);
	if (status != 200)
		return judge_status(c, status);
	if (c->kind->answer(c->owner, c->now, c->answer.data != NULL ? c->answer.data : "",
		c->answer.len, &e) == 0)
		return TRY_GOOD;
	err_set(&c->last, e.code == ERR_NOMEM ? ERR_NOMEM : model_bad_answer(c->now),
	    "model %s: %s", c->now->conf->name, e.text);
	return TRY_WRONG;
}

/* An endpoint that says how long it wants to be left alone is; without that it failed. */
static void
note_failure(struct call *c)
{
	if (c->asked_pause_ms > 0) {
		tell_breaker(c, BREAKER_CANCELLED);
		breaker_hold(&c->now->breaker, c->asked_pause_ms, c->g->now_ms);
		log_info("%s; left alone for the %lld ms it asks for", c->last.text,
		    (long long)breaker_wait_ms(&c->now->breaker, c->g->now_ms));
	} else {
		tell_breaker(c, BREAKER_FAILURE);
	}
}

static void
take_outcome(struct call *c, enum outcome outcome)
{
	switch (outcome) {
	case TRY_GOOD:
		tell_breaker(c, BREAKER_SUCCESS);
		finish(c, CALL_ANSWERED, NULL);
		return;
	case TRY_REFUSED:
		tell_breaker(c, BREAKER_SUCCESS);
		finish(c, CALL_REFUSED, &c->last);
		return;
	case TRY_WRONG:
	case TRY_PASSING:
		break;
	}
	log_debug("%s", c->last.text);
	note_failure(c);
	c->is_transient = c->is_transient || outcome == TRY_PASSING;
	if (c->kind->may_retry != NULL && !c->kind->may_retry(c->owner)) {
		fail(c);
		return;
	}
	c->place++;
	if (!try_now(c))
		end_round(c);
}

void
call_on_done(struct gateway *g, const CURLMsg *message)
{
	CURLcode code = message->data.result;
	struct call *c = NULL;

	curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &c);
	curl_multi_remove_handle(g->multi, c->easy);
	take_outcome(c, judge(c, code));
}

/* ---- time ---- */

static bool
is_due(const struct call *c)
{
	if (c->is_paused)
		return !c->kind->is_full(c->owner);
	return c->retry_ms != 0 && c->g->now_ms >= c->retry_ms;
}

static void
turn_call(struct call *c)
{
	if (c->is_paused) {
		c->is_paused = false;
		curl_easy_pause(c->easy, CURLPAUSE_CONT);
	} else if (!try_now(c)) {
		end_round(c);
	}
}

/* The end of one call may be the end of others: the list is looked at from its beginning
 * again.  What was due is not any more. */
void
calls_turn(struct gateway *g)
{
	struct call *c = g->calls;

	while (c != NULL) {
		if (is_due(c)) {
			turn_call(c);
			c = g->calls;
		} else {
			c = c->next;
		}
	}
}

int64_t
calls_due(const struct gateway *g)
{
	int64_t due = INT64_MAX;

	for (const struct call *c = g->calls; c != NULL; c = c->next)
		if (c->retry_ms != 0 && c->retry_ms < due)
			due = c->retry_ms;
	return due;
}
