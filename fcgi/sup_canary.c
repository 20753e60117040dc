/* sup_canary.c - what the scoreboard counted of the canaries and of those beside them. */
#include "sup.h"

#include <stdio.h>
#include <string.h>

#include "log.h"

/* A verdict before the window's end is one of many looks: only what chance would not do in
 * ten thousand of them counts. */
static const double alpha = 0.01, alpha_early = 0.0001;
enum { LOOK_MS = 1000 };

static struct canary_side
counters_of(const struct board_slot *b)
{
	struct canary_side side = {.requests = atomic_load(&b->requests),
	    .failures = atomic_load(&b->failures)};

	_Static_assert((int)CANARY_BUCKETS == (int)BOARD_LATENCIES, "the same buckets");
	for (int i = 0; i < CANARY_BUCKETS; i++)
		side.latency[i] = atomic_load(&b->latency[i]);
	return side;
}

void
sup_canary_watch(struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++) {
		s->watched[i].incarnation = atomic_load(&s->board.slots[i].incarnation);
		s->watched[i].before = counters_of(&s->board.slots[i]);
	}
	s->look_ms = s->now_ms + LOOK_MS;
	if (s->roll.bake_ms == 0)
		return;
	s->report = (struct canary_report){0};	/* until then, what was last judged is shown */
	log_info("canary watched for %lld ms", (long long)s->roll.bake_ms);
}

/* What the window counted of one worker; a successor in its slot is not compared. */
static void
add_worker(const struct sup *s, unsigned i, struct canary_side *side)
{
	const struct board_slot *b = &s->board.slots[i];
	struct canary_side now = counters_of(b);

	if (s->workers[i].slot.phase == PHASE_READY &&
	    s->watched[i].incarnation == atomic_load(&b->incarnation))
		canary_add(side, &s->watched[i].before, &now);
}

static struct canary_report
judge_pool(const struct sup *s, unsigned pool, double a)
{
	struct canary_side canary = {0}, others = {0};
	struct canary_report r;

	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pool == pool && s->workers[i].is_wanted)
			add_worker(s, i,
			    s->roll.workers[i].step == STEP_MOVED ? &canary : &others);
	canary_judge(&r, &canary, &others, (uint64_t)s->conf.global.canary_min_samples, a);
	return r;
}

static bool
has_window(const struct sup *s, unsigned pool)
{
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pool == pool && s->workers[i].is_wanted)
			return true;
	return false;
}

/* The worst of the pools: fail before inconclusive before pass. */
static struct canary_report
judge(const struct sup *s, double a)
{
	struct canary_report worst = {0};

	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		struct canary_report r;
		if (!has_window(s, i))
			continue;
		r = judge_pool(s, i, a);
		if (worst.verdict == CANARY_NONE || r.verdict == CANARY_FAIL ||
		    (r.verdict == CANARY_UNSURE && worst.verdict == CANARY_PASS))
			worst = r;
		if (r.verdict == CANARY_FAIL)
			break;
	}
	return worst;
}

void
sup_canary_judge(struct sup *s)
{
	s->report = judge(s, alpha);
	log_line(s->report.verdict == CANARY_PASS ? LOG_INFO : LOG_WARN, "canary: %s%s%s",
	    canary_verdict_name(s->report.verdict), s->report.why[0] != '\0' ? ": " : "",
	    s->report.why);
}

bool
sup_canary_fails_early(struct sup *s)
{
	struct canary_report r;

	if (s->roll.bake_ms == 0 || s->now_ms < s->look_ms)
		return false;
	s->look_ms = s->now_ms + LOOK_MS;
	r = judge(s, alpha_early);
	/* Failures only: a percentile of a short while says little. */
	if (r.verdict != CANARY_FAIL || r.p >= alpha_early)
		return false;
	s->report = r;
	log_warn("canary: fail: %s", r.why);
	return true;
}

int64_t
sup_canary_due(const struct sup *s)
{
	return s->roll.phase == ROLL_BAKE && s->roll.bake_ms > 0 && !s->roll.paused ? s->look_ms :
										       0;
}
