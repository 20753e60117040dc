/* status_roll.c - where the roll is, and what held tenants back, as JSON. */
#include "status.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "json.h"

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "\"%s\":", name);
	json_put_text(b, text, strlen(text));
}

static void
put_or_null(struct buf *b, const char *name, const char *text)
{
	if (text[0] != '\0')
		put_text(b, name, text);
	else
		buf_addf(b, "\"%s\":null", name);
}

static void
put_side(struct buf *b, const char *name, const struct canary_side *side, uint64_t p95_us)
{
	buf_addf(b, "\"%s\":{\"requests\":%" PRIu64 ",\"failures\":%" PRIu64 ",\"p95_ms\":%.3f}",
	    name, side->requests, side->failures, (double)p95_us / 1e3);
}

/* null until a canary was judged, in this roll or the last one. */
static void
put_canary(const struct canary_report *r, struct buf *b)
{
	buf_adds(b, "\"canary\":");
	if (r->verdict == CANARY_NONE) {
		buf_adds(b, "null");
		return;
	}
	buf_addc(b, '{');
	put_text(b, "verdict", canary_verdict_name(r->verdict));
	buf_addc(b, ',');
	put_or_null(b, "why", r->why);
	buf_addf(b, ",\"p\":%.6g,", r->p);
	put_side(b, "canary", &r->canary, r->canary_p95_us);
	buf_addc(b, ',');
	put_side(b, "others", &r->others, r->others_p95_us);
	buf_addc(b, '}');
}

/* How many of the workers that are there serve the target. */
static void
put_progress(const struct sup *s, struct buf *b)
{
	unsigned moved = 0, present = 0;

	for (unsigned i = 0; i < s->slots; i++) {
		const struct worker *w = &s->workers[i];
		if (!w->is_wanted)
			continue;
		present++;
		moved += w->slot.phase == PHASE_READY && sup_worker_is_current(s, i);
	}
	buf_addf(b, "\"moved\":%u,\"of\":%u", moved, present);
}

static void
put_last(const struct sup *s, struct buf *b)
{
	buf_adds(b, "\"last\":");
	if (s->roll.result == ROLL_NO_RESULT) {
		buf_adds(b, "null");
		return;
	}
	buf_addc(b, '{');
	put_text(b, "result", roll_result_name(s->roll.result));
	buf_addf(b, ",\"ended_s\":%" PRId64 "}", (s->now_ms - s->ended_ms) / 1000);
}

static void
put_counts(const struct roll *r, struct buf *b)
{
	uint64_t all = 0;

	for (int i = ROLL_COMPLETE; i < ROLL_RESULT_MAX; i++)
		all += r->count[i];
	buf_addf(b,
	    "\"rolls\":%" PRIu64 ",\"incomplete\":%" PRIu64 ",\"rolled_back\":%" PRIu64
	    ",\"aborted\":%" PRIu64 ",\"superseded\":%" PRIu64 ",\"killed\":%" PRIu64,
	    all, r->count[ROLL_INCOMPLETE], r->count[ROLL_ROLLED_BACK], r->count[ROLL_ABORTED],
	    r->count[ROLL_SUPERSEDED], r->killed);
}

/* For its place among the hosts that roll. */
static void
put_wait(const struct sup *s, struct buf *b)
{
	struct fleet_wait w;

	buf_adds(b, ",\"waits\":");
	if (sup_fleet_roll_waits(s, &w)) {
		buf_addf(b, "{\"for_s\":%" PRId64 ",\"overdue\":%s,", w.for_ms / 1000,
		    w.is_overdue ? "true" : "false");
		put_or_null(b, "holder", w.holder != NULL ? w.holder : "");
		buf_adds(b, "},");
	} else {
		buf_adds(b, "null,");
	}
}

void
status_put_roll(const struct sup *s, struct buf *b)
{
	const struct roll *r = &s->roll;
	bool is_moving = roll_is_moving(r);

	buf_addc(b, '{');
	put_text(b, "state", r->paused ? "paused" : r->held ? "held" : roll_phase_name(r->phase));
	buf_addc(b, ',');
	put_text(b, "phase", roll_phase_name(r->phase));
	buf_addf(b, ",\"target\":%" PRIu64 ",\"from\":", s->roster.epoch);
	if (is_moving && s->from.epoch != 0)
		buf_addf(b, "%" PRIu64, s->from.epoch);
	else
		buf_adds(b, "null");
	buf_addf(b, ",\"brings\":%zu,", s->brought);
	put_progress(s, b);
	buf_addf(b, ",\"worker\":%u,\"again\":%s,\"urgent\":%s,\"failures\":%u,\"age_ms\":%" PRId64
	    ",\"left_ms\":%" PRId64 ",", r->at, r->again ? "true" : "false",
	    is_moving && r->is_urgent ? "true" : "false", r->failures,
	    is_moving ? s->now_ms - r->begun_ms : 0,
	    r->due_ms > s->now_ms && !r->paused ? r->due_ms - s->now_ms : 0);
	put_or_null(b, "reason", s->roll_reason);
	put_wait(s, b);
	put_canary(&s->report, b);
	buf_addc(b, ',');
	put_last(s, b);
	buf_addc(b, ',');
	put_counts(r, b);
	buf_addc(b, '}');
}

static void
put_quarantined(const struct sup *s, const char *tenant, struct buf *b)
{
	const struct quarantine_entry *q;
	size_t count;

	q = quarantine_of(&s->quarantine, tenant, &count);
	buf_adds(b, "\"quarantined\":[");
	for (size_t i = 0; q != NULL && i < count; i++) {
		buf_adds(b, i > 0 ? ",{" : "{");
		put_text(b, "generation", q[i].generation);
		buf_addf(b, ",\"since\":%" PRId64 ",", q[i].since_s);
		put_text(b, "reason", q[i].reason);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
}

void
status_put_held(const struct sup *s, const char *tenant, struct buf *b)
{
	const struct pin *pin = pins_of(&s->pins, tenant);
	const struct live_tenant *l = live_find(&s->live, tenant);

	put_or_null(b, "pointer", l != NULL ? l->pointer : "");
	buf_adds(b, ",\"pinned\":");
	if (pin != NULL) {
		buf_addc(b, '{');
		put_text(b, "generation", pin->generation);
		buf_addc(b, ',');
		put_text(b, "origin", pin_origin_name(pin->origin));
		buf_addc(b, '}');
	} else {
		buf_adds(b, "null");
	}
	buf_addc(b, ',');
	put_quarantined(s, tenant, b);
}
