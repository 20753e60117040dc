/* sup_wait.c - answers on the control socket: now, or when the workers have moved.
 *
 * Exit codes of what is waited for: 0 every worker serves it, 3 it was rolled back, 4 the
 * roll is paused, 5 not every worker came, or not in time.
 */
#include "sup.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"
#include "log.h"

enum { EXIT_ROLLED_BACK = 3, EXIT_PAUSED = 4, EXIT_TIMEOUT = 5 };

void
sup_answer(struct sup *s, control_id client, struct buf *b)
{
	struct err e;

	if (buf_check(b, "answer", &e) == -1)
		control_send(s->control, client,
		    "{\"error\":{\"code\":\"internal\","
		    "\"message\":\"the answer is too large\"},\"exit\":70}",
		    true);
	else
		control_send(s->control, client, b->data, true);
	buf_fini(b);
}

void
sup_refuse(struct sup *s, control_id client, const struct err *e, int exit_code)
{
	const struct err_row *row = err_row(e->code);
	struct buf b;

	buf_init(&b, CONTROL_ANSWER_MAX);
	buf_addf(&b, "{\"error\":{\"code\":\"%s\",\"message\":", row->slug);
	json_put_text(&b, e->text, strlen(e->text));
	buf_addf(&b, "},\"exit\":%d}", exit_code != 0 ? exit_code : row->exit_code);
	sup_answer(s, client, &b);
}

/* ---- waiting ---- */

static struct waiter *
free_waiter(struct sup *s)
{
	for (int i = 0; i < WAITERS_MAX; i++)
		if (s->waiters[i].client == 0)
			return &s->waiters[i];
	return NULL;
}

int
sup_wait_check(struct sup *s, struct err *e)
{
	return free_waiter(s) != NULL ? 0 : err_set(e, ERR_BUSY, "too many wait already");
}

static int64_t
longest_window(const struct sup *s)
{
	int64_t window = s->roll.bake_ms;

	for (size_t i = 0; i < s->conf.pool_count; i++)
		if (s->conf.pools[i].canary_window_ms > window)
			window = s->conf.pools[i].canary_window_ms;
	return window;
}

/* Every worker in turn, and what else a roll does, twice over: then something hangs. */
static int64_t
patience_of(const struct sup *s)
{
	const struct conf_global *g = &s->conf.global;

	return g->hold_down_ms + g->progress_deadline_ms + 2 * longest_window(s) +
	    2 * (s->slots * g->reload_timeout_ms + SUP_VERIFY_MS);
}

static uint64_t
wish_of(const struct sup *s, enum wait_kind kind)
{
	return kind == WAIT_URGENT   ? s->roll.urgent.wanted :
	    kind == WAIT_RESPAWN ? s->respawn.wanted :
				   s->roll.plain.wanted;
}

void
sup_wait(struct sup *s, control_id client, enum wait_kind kind, int64_t patience_ms)
{
	struct waiter *w = free_waiter(s);

	if (patience_ms == 0)
		patience_ms =
		    kind == WAIT_RESPAWN ? sup_respawn_patience_ms(s) : patience_of(s);
	*w = (struct waiter){.client = client, .kind = kind, .since_ms = s->now_ms,
	    .due_ms = s->now_ms + patience_ms, .wish = wish_of(s, kind)};
}

/* Its wish was carried by a roll that has ended. */
static bool
is_over(const struct sup *s, const struct waiter *w)
{
	switch (w->kind) {
	case WAIT_URGENT:
		return s->roll.urgent.done >= w->wish;
	case WAIT_ABORT:
		return !roll_is_moving(&s->roll);
	case WAIT_RESPAWN:
		return s->respawn.done >= w->wish;
	default:
		return s->roll.plain.done >= w->wish;
	}
}

static void
say_done(struct sup *s, const struct waiter *w)
{
	struct buf b;

	buf_init(&b, 256);
	buf_addf(&b, "{\"ok\":true,\"epoch\":%" PRIu64 ",\"workers\":%u,\"ms\":%" PRId64 "}",
	    s->roster.epoch, sup_workers_ready(s), s->now_ms - w->since_ms);
	sup_answer(s, w->client, &b);
}

static void
say_ended(struct sup *s, const struct waiter *w)
{
	enum roll_result result = s->roll.result;
	struct err e;

	if (w->kind == WAIT_ABORT || result == ROLL_COMPLETE || result == ROLL_NO_RESULT) {
		say_done(s, w);
	} else if (result == ROLL_INCOMPLETE) {
		err_set(&e, ERR_TIMEOUT, "the roll ended, not every worker took it");
		sup_refuse(s, w->client, &e, EXIT_TIMEOUT);
	} else {
		err_set(&e, ERR_UNAVAILABLE, "rolled back: %s", s->roll_reason);
		sup_refuse(s, w->client, &e, EXIT_ROLLED_BACK);
	}
}

static void
answer_respawn(struct sup *s, struct waiter *w)
{
	struct buf b;
	struct err e;

	if (is_over(s, w) && !s->respawn.failed) {
		buf_init(&b, 256);
		buf_addf(&b, "{\"ok\":true,\"workers\":%u,\"ms\":%" PRId64 "}",
		    s->respawn.replaced, s->now_ms - w->since_ms);
		sup_answer(s, w->client, &b);
	} else if (is_over(s, w)) {
		err_set(&e, ERR_TIMEOUT,
		    "a new worker did not come up; the others were not touched");
		sup_refuse(s, w->client, &e, EXIT_TIMEOUT);
	} else if (s->now_ms >= w->due_ms) {
		err_set(&e, ERR_TIMEOUT, "the workers were not replaced in time");
		sup_refuse(s, w->client, &e, EXIT_TIMEOUT);
	} else {
		return;
	}
	*w = (struct waiter){0};
}

static void
answer_waiter(struct sup *s, struct waiter *w)
{
	struct err e;

	if (is_over(s, w)) {
		say_ended(s, w);
	} else if (s->roll.paused) {
		err_set(&e, ERR_BUSY, "the roll is paused in %s: ragpool resume, or abort",
		    roll_phase_name(s->roll.phase));
		sup_refuse(s, w->client, &e, EXIT_PAUSED);
	} else if (s->now_ms >= w->due_ms) {
		err_set(&e, ERR_TIMEOUT, "the roll is in %s and did not end in time",
		    roll_phase_name(s->roll.phase));
		sup_refuse(s, w->client, &e, EXIT_TIMEOUT);
	} else {
		return;
	}
	*w = (struct waiter){0};
}

void
sup_wait_turn(struct sup *s)
{
	for (int i = 0; i < WAITERS_MAX; i++)
		if (s->waiters[i].client != 0 && s->waiters[i].kind == WAIT_RESPAWN)
			answer_respawn(s, &s->waiters[i]);
		else if (s->waiters[i].client != 0)
			answer_waiter(s, &s->waiters[i]);
}

int64_t
sup_wait_due(const struct sup *s)
{
	int64_t due = INT64_MAX;

	for (int i = 0; i < WAITERS_MAX; i++)
		if (s->waiters[i].client != 0 && s->waiters[i].due_ms < due)
			due = s->waiters[i].due_ms;
	return due;
}
