/* test_roll.c - rolls: every phase and step against every event, and whole rolls against
 * workers that misbehave. */
#include "unit.h"

#include "../../fcgi/roll.h"

static const struct roll_limits limits = {.hold_ms = 200, .reload_ms = 30000, .verify_ms = 5000,
    .retry_ms = 1000, .progress_ms = 300000, .failures = 1,
    .pools = {{.max_unavailable = 1}, {.max_unavailable = 1}}};

/* ---- the tables ---- */

static const struct {
	enum roll_phase phase;
	enum roll_event event;
	enum roll_phase next;
	enum roll_action action;
} phase_rows[] = {
    {ROLL_IDLE, ROLL_EV_WANT, ROLL_HOLD, ROLL_DO_NOTHING},
    {ROLL_IDLE, ROLL_EV_URGENT, ROLL_LOCK, ROLL_DO_NOTHING},
    {ROLL_HOLD, ROLL_EV_DUE, ROLL_LOCK, ROLL_DO_NOTHING},
    {ROLL_HOLD, ROLL_EV_URGENT, ROLL_LOCK, ROLL_DO_NOTHING},
    {ROLL_HOLD, ROLL_EV_ABORT, ROLL_IDLE, ROLL_DO_DROP},
    {ROLL_LOCK, ROLL_EV_LOCKED, ROLL_BEGIN, ROLL_DO_BEGIN},
    {ROLL_LOCK, ROLL_EV_ABORT, ROLL_IDLE, ROLL_DO_DROP},
    {ROLL_BEGIN, ROLL_EV_BEGUN, ROLL_SURGE, ROLL_DO_SURGE},
    {ROLL_BEGIN, ROLL_EV_UNWRITTEN, ROLL_HOLD, ROLL_DO_NOTHING},
    {ROLL_BEGIN, ROLL_EV_ABORT, ROLL_IDLE, ROLL_DO_DROP},
    {ROLL_SURGE, ROLL_EV_DONE, ROLL_CANARY, ROLL_DO_NOTHING},
    {ROLL_SURGE, ROLL_EV_DUE, ROLL_CANARY, ROLL_DO_NOTHING},
    {ROLL_SURGE, ROLL_EV_FAIL, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_SURGE, ROLL_EV_ABORT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_SURGE, ROLL_EV_STUCK, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_SURGE, ROLL_EV_URGENT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_CANARY, ROLL_EV_DONE, ROLL_BAKE, ROLL_DO_WATCH},
    {ROLL_CANARY, ROLL_EV_NOBODY, ROLL_MOVE, ROLL_DO_PROVE},
    {ROLL_CANARY, ROLL_EV_FAIL, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_CANARY, ROLL_EV_ABORT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_CANARY, ROLL_EV_STUCK, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_CANARY, ROLL_EV_URGENT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_BAKE, ROLL_EV_DUE, ROLL_BAKE, ROLL_DO_JUDGE},
    {ROLL_BAKE, ROLL_EV_PASS, ROLL_MOVE, ROLL_DO_PROVE},
    {ROLL_BAKE, ROLL_EV_UNSURE, ROLL_BAKE, ROLL_DO_NOTHING},
    {ROLL_BAKE, ROLL_EV_BARE, ROLL_CANARY, ROLL_DO_NOTHING},
    {ROLL_BAKE, ROLL_EV_FAIL, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_BAKE, ROLL_EV_ABORT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_BAKE, ROLL_EV_STUCK, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_BAKE, ROLL_EV_URGENT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_MOVE, ROLL_EV_DONE, ROLL_VERIFY, ROLL_DO_NOTHING},
    {ROLL_MOVE, ROLL_EV_FAIL, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_MOVE, ROLL_EV_ABORT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_MOVE, ROLL_EV_STUCK, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_VERIFY, ROLL_EV_GOOD, ROLL_IDLE, ROLL_DO_FINISH},
    {ROLL_VERIFY, ROLL_EV_DUE, ROLL_IDLE, ROLL_DO_FINISH},
    {ROLL_VERIFY, ROLL_EV_BAD, ROLL_MOVE, ROLL_DO_NOTHING},
    {ROLL_VERIFY, ROLL_EV_FAIL, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_VERIFY, ROLL_EV_ABORT, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_VERIFY, ROLL_EV_STUCK, ROLL_BACK, ROLL_DO_BACK},
    {ROLL_BACK, ROLL_EV_DONE, ROLL_BACK_VERIFY, ROLL_DO_NOTHING},
    {ROLL_BACK_VERIFY, ROLL_EV_GOOD, ROLL_IDLE, ROLL_DO_FINISH},
    {ROLL_BACK_VERIFY, ROLL_EV_DUE, ROLL_IDLE, ROLL_DO_FINISH},
    {ROLL_BACK_VERIFY, ROLL_EV_BAD, ROLL_BACK, ROLL_DO_NOTHING},
};

static void
every_phase_answers_every_event_as_written(void **state)
{
	size_t n = sizeof phase_rows / sizeof phase_rows[0];

	(void)state;
	for (int phase = 0; phase < ROLL_PHASE_MAX; phase++)
		for (int event = 0; event < ROLL_EV_GO; event++) {
			struct roll r = {.phase = (enum roll_phase)phase, .at = 3};
			enum roll_action action;
			size_t i = 0;

			while (i < n && ((int)phase_rows[i].phase != phase ||
					    (int)phase_rows[i].event != event))
				i++;
			action = roll_event(&r, (enum roll_event)event, &limits, 1000);
			if (action != (i < n ? phase_rows[i].action : ROLL_DO_NOTHING) ||
			    r.phase != (i < n ? phase_rows[i].next : (enum roll_phase)phase))
				fail_msg("%s, %s: went to %s with action %d",
				    roll_phase_name((enum roll_phase)phase),
				    roll_event_name((enum roll_event)event),
				    roll_phase_name(r.phase), action);
		}
}

static const struct {
	enum roll_step step;
	enum roll_event event;
	enum roll_step next;
	enum roll_action action;	/* while it goes back, and so nothing is a failure */
	bool is_failure;		/* on the way forward */
} step_rows[] = {
    {STEP_OLD, ROLL_EV_GO, STEP_ORDERED, ROLL_DO_ORDER, false},
    {STEP_OLD, ROLL_EV_SKIP, STEP_MOVED, ROLL_DO_NOTHING, false},
    {STEP_OLD, ROLL_EV_CRASHED, STEP_OLD, ROLL_DO_NOTHING, true},
    {STEP_ORDERED, ROLL_EV_ACKED, STEP_SETTLING, ROLL_DO_NOTHING, false},
    {STEP_ORDERED, ROLL_EV_REFUSED, STEP_OLD, ROLL_DO_KILL, true},
    {STEP_ORDERED, ROLL_EV_LATE, STEP_OLD, ROLL_DO_KILL, false},
    {STEP_ORDERED, ROLL_EV_LOST, STEP_OLD, ROLL_DO_NOTHING, false},
    {STEP_ORDERED, ROLL_EV_CRASHED, STEP_OLD, ROLL_DO_NOTHING, true},
    {STEP_ORDERED, ROLL_EV_ENGAGED, STEP_OWING, ROLL_DO_NOTHING, false},
    {STEP_OWING, ROLL_EV_FREE, STEP_ORDERED, ROLL_DO_NOTHING, false},
    {STEP_OWING, ROLL_EV_LOST, STEP_OLD, ROLL_DO_NOTHING, false},
    {STEP_OWING, ROLL_EV_CRASHED, STEP_OLD, ROLL_DO_NOTHING, true},
    {STEP_SETTLING, ROLL_EV_SETTLED, STEP_MOVED, ROLL_DO_NOTHING, false},
    {STEP_SETTLING, ROLL_EV_LOST, STEP_OLD, ROLL_DO_NOTHING, false},
    {STEP_SETTLING, ROLL_EV_CRASHED, STEP_OLD, ROLL_DO_NOTHING, true},
    {STEP_MOVED, ROLL_EV_LOST, STEP_OLD, ROLL_DO_NOTHING, false},
    {STEP_MOVED, ROLL_EV_CRASHED, STEP_OLD, ROLL_DO_NOTHING, true},
};

static void
check_step(enum roll_phase phase, enum roll_step step, enum roll_event event)
{
	struct roll r = {.phase = phase, .at = 3, .workers[3].step = step};
	size_t n = sizeof step_rows / sizeof step_rows[0], i = 0;
	enum roll_action action, wanted = ROLL_DO_NOTHING;
	enum roll_step next = step;
	bool fails;

	while (i < n && (step_rows[i].step != step || step_rows[i].event != event))
		i++;
	if (i < n && phase >= ROLL_SURGE) {
		fails = step_rows[i].is_failure && phase < ROLL_BACK;
		wanted = fails ? ROLL_DO_BACK : step_rows[i].action;
		next = fails ? STEP_OLD : step_rows[i].next;
	}
	action = roll_event(&r, event, &limits, 1000);
	if (action != wanted || r.workers[3].step != next)
		fail_msg("%s in %s, %s: went to %s with action %d", roll_step_name(step),
		    roll_phase_name(phase), roll_event_name(event),
		    roll_step_name(r.workers[3].step), action);
}

static void
every_step_answers_every_event_as_written(void **state)
{
	(void)state;
	for (int phase = 0; phase < ROLL_PHASE_MAX; phase++)
		for (int step = 0; step < ROLL_STEP_MAX; step++)
			for (int event = ROLL_EV_GO; event < ROLL_EV_MAX; event++)
				check_step((enum roll_phase)phase, (enum roll_step)step,
				    (enum roll_event)event);
}

static void
every_name_leads_back_to_its_phase(void **state)
{
	(void)state;
	for (int i = 0; i < ROLL_PHASE_MAX; i++)
		assert_int_equal(roll_phase_of(roll_phase_name((enum roll_phase)i)), i);
	assert_int_equal(roll_phase_of("nowhere"), ROLL_PHASE_MAX);
}

/* ---- whole rolls ---- */

enum { WORKERS = 4 };
static struct {
	unsigned workers;
	unsigned epoch[WORKERS_MAX], start_epoch, target, before, newest;
	bool deaf[WORKERS_MAX];		/* takes an order and never answers */
	bool stubborn[WORKERS_MAX];	/* answers, and stays where it is */
	bool absent[WORKERS_MAX], starting[WORKERS_MAX], crashed[WORKERS_MAX];
	bool engaged[WORKERS_MAX];	/* obeys later: */
	bool owes[WORKERS_MAX];
	unsigned owed[WORKERS_MAX];
	bool ordered[WORKERS_MAX], surge[WORKERS_MAX];
	unsigned pool[WORKERS_MAX];
	unsigned orders, kills, finished, backs, judged, watched, proven, dropped;
	int64_t bake_ms;
	bool disk_full, wants_surge;
	enum roll_event verdict;
} pool;

static int
fresh_pool(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof pool);
	pool.workers = WORKERS;
	pool.verdict = ROLL_EV_PASS;
	return 0;
}

static void
look_at(struct roll_view *views)
{
	for (unsigned i = 0; i < pool.workers; i++)
		views[i] = (struct roll_view){.present = !pool.absent[i],
		    .ready = !pool.absent[i] && !pool.starting[i],
		    .starting = pool.starting[i],
		    .refused = pool.stubborn[i] && pool.ordered[i],
		    .crashed = pool.crashed[i],
		    .engaged = pool.engaged[i],
		    .surge = pool.surge[i],
		    .pool = pool.pool[i],
		    .current = pool.epoch[i] == pool.target &&
			!(pool.owes[i] && pool.owed[i] != pool.target)};
}

static void carry_out(
    struct roll *r, enum roll_action action, const struct roll_limits *l, int64_t now);

static void
tell(struct roll *r, enum roll_event event, const struct roll_limits *l, int64_t now)
{
	carry_out(r, roll_event(r, event, l, now), l, now);
}

static void
begin(struct roll *r, const struct roll_limits *l, int64_t now)
{
	if (!pool.disk_full) {
		pool.before = pool.target;
		pool.target = ++pool.newest;
		r->bake_ms = pool.bake_ms;
	}
	tell(r, pool.disk_full ? ROLL_EV_UNWRITTEN : ROLL_EV_BEGUN, l, now);
}

static void
start_fresh(unsigned i)
{
	pool.starting[i] = true;
	pool.engaged[i] = pool.owes[i] = false;
	pool.deaf[i] = pool.stubborn[i] = pool.ordered[i] = false;
	pool.epoch[i] = pool.surge[i] ? pool.target : pool.start_epoch;
}

/* Who is starting hears of it, so that nobody ever comes up on an epoch that is over. */
static void
start_from(unsigned epoch)
{
	pool.start_epoch = epoch;
	for (unsigned i = 0; i < pool.workers; i++)
		if (pool.starting[i])
			pool.epoch[i] = epoch;
}

static void
retire_surge(void)
{
	while (pool.workers > 0 && pool.surge[pool.workers - 1])
		pool.surge[--pool.workers] = false;
}

static void
carry_out(struct roll *r, enum roll_action action, const struct roll_limits *l, int64_t now)
{
	switch (action) {
	case ROLL_DO_BEGIN:
		begin(r, l, now);
		break;
	case ROLL_DO_SURGE:
		if (pool.wants_surge) {
			pool.surge[pool.workers] = true;
			start_fresh(pool.workers++);
		}
		break;
	case ROLL_DO_ORDER:
		pool.orders++;
		pool.ordered[r->at] = true;
		pool.owes[r->at] = pool.engaged[r->at];
		pool.owed[r->at] = pool.target;
		if (!pool.deaf[r->at] && !pool.stubborn[r->at] && !pool.engaged[r->at])
			pool.epoch[r->at] = pool.target;
		break;
	case ROLL_DO_KILL:
		pool.kills++;
		start_fresh(r->at);
		break;
	case ROLL_DO_WATCH:
		pool.watched++;
		break;
	case ROLL_DO_JUDGE:
		pool.judged++;
		tell(r, pool.verdict, l, now);
		break;
	case ROLL_DO_PROVE:
		pool.proven++;
		start_from(pool.target);
		break;
	case ROLL_DO_BACK:
		pool.backs++;
		pool.target = pool.before;
		memset(pool.stubborn, 0, sizeof pool.stubborn);	/* the old epoch is good */
		retire_surge();
		start_from(pool.target);
		break;
	case ROLL_DO_FINISH:
		pool.finished++;
		retire_surge();
		break;
	case ROLL_DO_DROP:
		pool.dropped++;
		break;
	default:
		break;
	}
	if (action == ROLL_DO_BACK || action == ROLL_DO_NOTHING || action == ROLL_DO_FINISH)
		pool.crashed[r->at] = false;
}

/* What must hold at every moment of every roll. */
static void
check_invariants(const struct roll *r)
{
	unsigned seen[2], count = 0;

	for (unsigned i = 0; i < pool.workers; i++) {
		unsigned j = 0;
		if (pool.absent[i] || pool.engaged[i])
			continue;	/* nobody gets a new answer from one that is engaged */
		while (j < count && seen[j] != pool.epoch[i])
			j++;
		if (j == count && count == 2)
			fail_msg("a third epoch in %s", roll_phase_name(r->phase));
		else if (j == count)
			seen[count++] = pool.epoch[i];
	}
}

/* Runs until nothing happens any more at this moment; never for ever. */
static void
settle_by(struct roll *r, const struct roll_limits *l, int64_t now)
{
	struct roll_view views[WORKERS_MAX];
	enum roll_event event;

	for (int turns = 0; turns < 2000; turns++) {
		check_invariants(r);
		if (r->phase == ROLL_LOCK && !r->paused)
			tell(r, ROLL_EV_LOCKED, l, now);
		look_at(views);
		if ((event = roll_look(r, views, pool.workers, l, now)) == ROLL_EV_NONE) {
			if (r->phase != ROLL_LOCK || r->paused)
				return;
			continue;
		}
		tell(r, event, l, now);
	}
	fail_msg("the roll spins in %s", roll_phase_name(r->phase));
}

static void
settle(struct roll *r, int64_t now)
{
	settle_by(r, &limits, now);
}

/* The starting are there. */
static void
boot_all(void)
{
	memset(pool.starting, 0, sizeof pool.starting);
}

static void
want_at(struct roll *r, int64_t now)
{
	roll_event(r, ROLL_EV_WANT, &limits, now);
}

static void
expect_everyone_on(unsigned epoch)
{
	for (unsigned i = 0; i < pool.workers; i++)
		if (!pool.absent[i])
			assert_int_equal(pool.epoch[i], epoch);
}

static void
a_roll_reaches_everyone_after_the_hold_down(void **state)
{
	struct roll r = {0};

	(void)state;
	want_at(&r, 1000);
	settle(&r, 1199);
	assert_int_equal(pool.orders, 0);
	settle(&r, 1200);
	assert_int_equal(pool.orders, WORKERS);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(pool.judged, 0);	/* no window, no verdict */
	assert_int_equal(r.plain.done, 1);
	assert_int_equal(r.result, ROLL_COMPLETE);
	assert_false(roll_is_busy(&r));
	expect_everyone_on(1);
}

static void
a_thousand_wishes_within_the_hold_down_share_one_roll(void **state)
{
	struct roll r = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		want_at(&r, 1000 + i / 10);
	settle(&r, 1200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.plain.done, 1000);
	assert_false(roll_is_busy(&r));
}

static void
a_wish_during_a_roll_is_served_by_the_next_one(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[2] = true;
	want_at(&r, 1000);
	settle(&r, 1200);
	assert_int_equal(r.phase, ROLL_MOVE);
	want_at(&r, 1300);
	settle(&r, 1300);
	assert_int_equal(pool.target, 1);	/* never a third epoch */
	pool.deaf[2] = false;
	pool.epoch[2] = 1;
	settle(&r, 1400);
	assert_int_equal(r.plain.done, 1);
	assert_int_equal(r.phase, ROLL_HOLD);
	settle(&r, 1600);
	assert_int_equal(r.plain.done, 2);
	assert_int_equal(pool.finished, 2);
	expect_everyone_on(2);
}

static void
nobody_is_ordered_before_the_one_before_has_answered(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = true;
	want_at(&r, 0);
	for (int64_t now = 200; now < 30000; now += 100)
		settle(&r, now);
	assert_int_equal(pool.orders, 2);
	assert_int_equal(pool.kills, 0);
}

static void
as_many_are_ordered_at_once_as_may_be_unavailable(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.pools[0].max_unavailable = 2;
	pool.deaf[1] = pool.deaf[2] = pool.deaf[3] = true;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(pool.orders, 3);	/* the canary, then two */
	pool.epoch[2] = 1;
	settle_by(&r, &l, 300);
	assert_int_equal(pool.orders, 4);
}

static void
enough_stay_available(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.pools[0].max_unavailable = 4;
	l.pools[0].min_available = 2;
	pool.deaf[1] = pool.deaf[2] = pool.deaf[3] = true;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(pool.orders, 3);
	/* More than there are: one is let go all the same, else nothing could ever be new. */
	r = (struct roll){0};
	fresh_pool(NULL);
	l.pools[0].min_available = 64;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(pool.finished, 1);
}

static void
a_worker_that_starts_anew_counts_as_unavailable(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.starting[3] = true;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(pool.orders, 0);
	boot_all();
	settle(&r, 300);
	assert_int_equal(pool.finished, 1);
}

static void
each_worker_settles_before_the_next(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.pools[0].min_ready_ms = 1000;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(pool.orders, 1);
	settle_by(&r, &l, 1199);
	assert_int_equal(pool.orders, 1);
	assert_int_equal(roll_due(&r, &l), 1200);
	for (int64_t now = 1200; now <= 4200; now += 1000)
		settle_by(&r, &l, now);
	assert_int_equal(pool.orders, WORKERS);
	assert_int_equal(pool.finished, 1);
}

static void
one_late_worker_is_replaced_and_the_roll_goes_on(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = true;
	want_at(&r, 0);
	settle(&r, 200);
	settle(&r, 30200);
	assert_int_equal(pool.kills, 1);
	assert_int_equal(pool.orders, 2);	/* nobody else while it starts */
	boot_all();
	settle(&r, 30300);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.result, ROLL_COMPLETE);
	expect_everyone_on(1);
}

static void
a_second_late_worker_sends_the_roll_back(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = pool.deaf[2] = true;
	want_at(&r, 0);
	settle(&r, 200);
	settle(&r, 30200);
	boot_all();
	settle(&r, 30300);
	pool.deaf[2] = true;
	settle(&r, 60300);
	assert_int_equal(pool.backs, 1);
	settle(&r, 90300);		/* it hangs on the way back as well */
	boot_all();
	settle(&r, 90400);
	assert_int_equal(r.result, ROLL_ROLLED_BACK);
	assert_false(roll_is_busy(&r));
	expect_everyone_on(0);
}

static void
a_worker_that_refuses_the_target_sends_it_back(void **state)
{
	struct roll r = {0};

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		r = (struct roll){0};
		fresh_pool(NULL);
		pool.stubborn[i] = true;
		want_at(&r, 0);
		settle(&r, 200);
		assert_int_equal(pool.backs, 1);
		assert_int_equal(pool.proven, i > 0);
		assert_int_equal(pool.kills, 0);
		assert_int_equal(r.result, ROLL_ROLLED_BACK);
		assert_int_equal(r.why, ROLL_EV_FAIL);
		assert_int_equal(r.plain.done, 1);
		expect_everyone_on(0);
	}
}

static void
below_the_limit_a_refusal_costs_that_worker(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.failures = 2;
	pool.stubborn[1] = true;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(pool.kills, 1);
	boot_all();
	settle_by(&r, &l, 300);
	assert_int_equal(r.result, ROLL_COMPLETE);
	expect_everyone_on(1);
}

static void
a_crash_on_the_target_sends_it_back_a_kill_does_not(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[2] = true;
	want_at(&r, 0);
	settle(&r, 200);
	start_fresh(0);				/* killed from outside */
	settle(&r, 300);
	assert_int_equal(pool.backs, 0);
	boot_all();
	settle(&r, 400);
	assert_int_equal(r.phase, ROLL_MOVE);
	pool.crashed[1] = true;
	start_fresh(1);
	settle(&r, 500);
	assert_int_equal(pool.backs, 1);
	pool.epoch[2] = pool.target;
	boot_all();
	for (unsigned i = 0; i < WORKERS; i++)
		pool.epoch[i] = pool.target;	/* they start where new ones start */
	settle(&r, 600);
	assert_int_equal(r.result, ROLL_ROLLED_BACK);
}

static void
dead_and_empty_slots_hold_up_nobody(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.absent[0] = pool.absent[3] = true;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(pool.orders, 2);
}

static void
a_worker_that_never_boots_ends_incomplete(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.pools[0].max_unavailable = 2;
	pool.starting[3] = true;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	settle_by(&r, &l, 5199);
	assert_int_equal(r.phase, ROLL_VERIFY);
	settle_by(&r, &l, 5200);
	assert_int_equal(r.result, ROLL_INCOMPLETE);
	assert_false(roll_is_busy(&r));
}

static void
where_nobody_serves_the_target_is_not_held_back(void **state)
{
	struct roll r = {0};

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		pool.absent[i] = true;		/* all of them in back-off, or none needed */
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.result, ROLL_COMPLETE);
	assert_int_equal(pool.proven, 1);
	r = (struct roll){0};
	fresh_pool(NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		pool.starting[i] = true;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.phase, ROLL_CANARY);
	assert_int_equal(roll_due(&r, &limits), 30200);
	settle(&r, 30200);
	assert_int_equal(pool.proven, 1);	/* who comes back starts on the new one */
	assert_int_equal(pool.backs, 0);
}

static void
no_progress_sends_it_back(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.starting[3] = true;		/* the pool's bound leaves no room */
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.phase, ROLL_CANARY);
	settle(&r, 300199);
	assert_int_equal(pool.backs, 0);
	settle(&r, 300200);
	assert_int_equal(pool.backs, 1);
	assert_int_equal(r.why, ROLL_EV_STUCK);
	boot_all();
	settle(&r, 300300);
	assert_int_equal(r.result, ROLL_ROLLED_BACK);
}

static void
a_target_that_cannot_be_written_is_tried_again(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.disk_full = true;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(pool.orders, 0);
	assert_int_equal(r.phase, ROLL_HOLD);
	settle(&r, 1199);
	pool.disk_full = false;
	settle(&r, 1200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.plain.done, 1);
}

/* ---- the canary ---- */

static void
the_canary_is_watched_before_the_others(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 60000;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.phase, ROLL_BAKE);
	assert_int_equal(pool.orders, 1);
	assert_int_equal(pool.watched, 1);
	assert_int_equal(pool.proven, 0);
	settle(&r, 60199);
	assert_int_equal(pool.judged, 0);
	settle(&r, 60200);
	assert_int_equal(pool.judged, 1);
	assert_int_equal(pool.proven, 1);
	assert_int_equal(r.result, ROLL_COMPLETE);
	expect_everyone_on(1);
}

static void
a_failed_canary_goes_back_alone(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 60000;
	pool.verdict = ROLL_EV_FAIL;
	want_at(&r, 0);
	settle(&r, 200);
	settle(&r, 60200);
	assert_int_equal(pool.orders, 2);	/* there and back */
	assert_int_equal(pool.proven, 0);
	assert_int_equal(r.result, ROLL_ROLLED_BACK);
	expect_everyone_on(0);
}

static void
an_unsure_verdict_proceeds_or_pauses(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 60000;
	pool.verdict = ROLL_EV_UNSURE;
	want_at(&r, 0);
	settle(&r, 200);
	settle(&r, 60200);
	assert_int_equal(r.result, ROLL_COMPLETE);
	r = (struct roll){0};
	fresh_pool(NULL);
	pool.bake_ms = 60000;
	pool.verdict = ROLL_EV_UNSURE;
	l.pauses_unsure = true;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	settle_by(&r, &l, 60200);
	assert_true(r.paused);
	assert_int_equal(pool.orders, 1);
	roll_resume(&r, 70000);
	settle_by(&r, &l, 70000);
	assert_int_equal(pool.judged, 1);
	assert_int_equal(r.result, ROLL_COMPLETE);
}

static void
another_canary_takes_the_place_of_one_that_died(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 60000;
	want_at(&r, 0);
	settle(&r, 200);
	start_fresh(0);				/* on the old epoch: nothing is proven */
	settle(&r, 30000);
	assert_int_equal(r.phase, ROLL_CANARY);
	boot_all();
	settle(&r, 30100);
	assert_int_equal(r.phase, ROLL_BAKE);
	assert_int_equal(pool.watched, 2);
	assert_int_equal(roll_due(&r, &limits), 90100);	/* a window of its own */
}

static void
each_pool_has_its_canary(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 60000;
	pool.pool[2] = pool.pool[3] = 1;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(pool.orders, 2);
	assert_int_equal(pool.epoch[0], 1);
	assert_int_equal(pool.epoch[2], 1);
	assert_int_equal(r.phase, ROLL_BAKE);
}

static void
a_fresh_worker_goes_first_where_there_may_be_one_more(void **state)
{
	struct roll_limits l = limits;
	struct roll r = {0};

	(void)state;
	l.pools[0].min_available = WORKERS;	/* nobody is missed */
	pool.wants_surge = true;
	pool.bake_ms = 60000;
	want_at(&r, 0);
	settle_by(&r, &l, 200);
	assert_int_equal(r.phase, ROLL_SURGE);
	boot_all();
	settle_by(&r, &l, 300);
	assert_int_equal(r.phase, ROLL_BAKE);
	assert_int_equal(pool.orders, 0);	/* the fresh one is the canary */
	pool.deaf[1] = true;
	settle_by(&r, &l, 60300);
	assert_int_equal(pool.orders, 2);
	pool.epoch[1] = 1;
	settle_by(&r, &l, 60400);
	assert_int_equal(r.result, ROLL_COMPLETE);
	assert_int_equal(pool.workers, WORKERS);
	expect_everyone_on(1);
}

/* ---- operators ---- */

static void
a_pause_orders_nobody_and_stops_the_clock(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[0] = true;
	want_at(&r, 0);
	settle(&r, 200);
	roll_pause(&r, 1000);
	roll_pause(&r, 2000);			/* a second one changes nothing */
	assert_int_equal(roll_due(&r, &limits), 0);
	settle(&r, 900000);
	assert_int_equal(pool.kills, 0);
	pool.epoch[0] = pool.target;
	settle(&r, 900000);
	assert_int_equal(pool.orders, 1);
	roll_resume(&r, 901000);
	assert_int_equal(roll_due(&r, &limits), 200 + 30000 + 900000);
	settle(&r, 901000);
	assert_int_equal(pool.finished, 1);
}

static void
it_can_be_paused_where_it_will_come(void **state)
{
	(void)state;
	for (int phase = 0; phase < ROLL_PHASE_MAX; phase++) {
		struct roll r = {0};
		fresh_pool(NULL);
		if (!roll_pause_at(&r, (enum roll_phase)phase)) {
			assert_true(phase == ROLL_IDLE || phase == ROLL_BEGIN);
			continue;
		}
		pool.stubborn[3] = phase >= ROLL_BACK;
		want_at(&r, 0);
		settle(&r, 200);
		if (!r.paused || (int)r.phase != phase)
			fail_msg("not paused at %s but in %s",
			    roll_phase_name((enum roll_phase)phase), roll_phase_name(r.phase));
		roll_resume(&r, 1000);
		settle(&r, 1200);
		assert_false(r.paused);
		assert_int_equal(
		    r.result, phase >= ROLL_BACK ? ROLL_ROLLED_BACK : ROLL_COMPLETE);
	}
}

static void
an_abort_works_in_every_phase_also_paused(void **state)
{
	(void)state;
	for (int phase = ROLL_HOLD; phase < ROLL_BACK; phase++) {
		struct roll r = {0};
		fresh_pool(NULL);
		if (!roll_pause_at(&r, (enum roll_phase)phase))
			continue;
		want_at(&r, 0);
		settle(&r, 200);
		assert_int_equal(r.phase, phase);
		tell(&r, ROLL_EV_ABORT, &limits, 300);
		assert_false(r.paused);
		settle(&r, 300);
		assert_false(roll_is_busy(&r));
		assert_int_equal(r.result, ROLL_ABORTED);
		assert_int_equal(r.plain.done, 1);
		expect_everyone_on(0);
	}
}

static void
what_an_operator_waits_for_does_not_wait_for_a_canary(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.bake_ms = 3600000;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.phase, ROLL_BAKE);
	tell(&r, ROLL_EV_URGENT, &limits, 1000);
	pool.bake_ms = 0;
	settle(&r, 1000);
	assert_int_equal(r.count[ROLL_SUPERSEDED], 1);
	assert_int_equal(r.urgent.done, 1);
	assert_int_equal(r.plain.done, 0);	/* and is wanted still */
	expect_everyone_on(2);
	assert_int_equal(r.phase, ROLL_HOLD);
	settle(&r, 1200);
	assert_int_equal(r.plain.done, 1);
	expect_everyone_on(3);
}

static void
an_urgent_wish_waits_for_a_roll_that_has_passed(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[2] = true;
	want_at(&r, 0);
	settle(&r, 200);
	assert_int_equal(r.phase, ROLL_MOVE);
	roll_event(&r, ROLL_EV_URGENT, &limits, 300);
	settle(&r, 300);
	assert_int_equal(pool.backs, 0);
	pool.deaf[2] = false;
	pool.epoch[2] = 1;
	settle(&r, 400);			/* without a hold-down */
	assert_int_equal(r.plain.done, 1);
	assert_int_equal(r.urgent.done, 1);
	expect_everyone_on(2);
}

static void
a_roll_that_is_held_finishes_the_worker_in_hand(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = true;
	want_at(&r, 0);
	settle(&r, 200);
	r.held = true;
	pool.epoch[1] = 1;
	settle(&r, 400000);
	assert_int_equal(pool.orders, 2);
	assert_int_equal(pool.backs, 0);	/* its clock stands still */
	assert_int_equal(r.workers[1].step, STEP_MOVED);
	r.held = false;
	settle(&r, 400000);
	assert_int_equal(r.result, ROLL_COMPLETE);
}

/* ---- anything at all ---- */

static unsigned
draw(uint64_t *seed, unsigned below)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(*seed >> 33) % below;
}

/* Something happens to the world. */
/* Its request is done: it does what it was told last before it takes another. */
static void
disengage(unsigned i)
{
	pool.engaged[i] = false;
	if (pool.owes[i] && pool.stubborn[i] && pool.epoch[i] != pool.owed[i])
		start_fresh(i);		/* replaced by whoever sees it */
	else if (pool.owes[i])
		pool.epoch[i] = pool.owed[i];
	pool.owes[i] = false;
}

static void
disturb(struct roll *r, uint64_t *seed, int64_t now)
{
	unsigned i = draw(seed, pool.workers);

	switch (draw(seed, 14)) {
	case 0:
		want_at(r, now);
		break;
	case 1:
		tell(r, ROLL_EV_URGENT, &limits, now);
		break;
	case 2:
		tell(r, ROLL_EV_ABORT, &limits, now);
		break;
	case 3:
		roll_pause(r, now);
		break;
	case 4:
	case 5:
		roll_resume(r, now);
		break;
	case 6:
		start_fresh(i);
		break;
	case 7:
		pool.crashed[i] = roll_is_moving(r) && r->phase < ROLL_BACK &&
		    pool.epoch[i] == pool.target;
		start_fresh(i);
		break;
	case 8:
		pool.deaf[i] = true;
		break;
	case 9:
		pool.stubborn[i] = true;
		break;
	case 10:
		pool.disk_full = draw(seed, 2) == 0;
		break;
	case 11:
		pool.engaged[i] = !pool.absent[i] && !pool.starting[i];
		pool.owes[i] = pool.owes[i] || (pool.engaged[i] && r->workers[i].step == STEP_ORDERED);
		break;
	case 12:
		disengage(i);
		break;
	default:
		boot_all();
	}
}

static void
whatever_happens_there_are_two_epochs_and_an_end(void **state)
{
	static const enum roll_event verdicts[] = {ROLL_EV_PASS, ROLL_EV_FAIL, ROLL_EV_UNSURE};

	(void)state;
	for (uint64_t round = 0; round < 2000; round++) {
		struct roll r = {0};
		uint64_t seed = round;
		int64_t now = 1000;

		fresh_pool(NULL);
		pool.workers = 1 + draw(&seed, 8);
		pool.bake_ms = draw(&seed, 2) * 500;
		for (unsigned i = 0; i < pool.workers; i++)
			pool.pool[i] = draw(&seed, 2);
		for (int i = 0; i < 60; i++) {
			pool.verdict = verdicts[draw(&seed, 3)];
			disturb(&r, &seed, now);
			settle(&r, now);
			now += draw(&seed, 3) == 0 ? 31000 : 100;
		}
		pool.disk_full = false;
		for (int i = 0; i < 60; i++) {	/* the world is well again */
			roll_resume(&r, now);
			boot_all();
			memset(pool.deaf, 0, sizeof pool.deaf);
			memset(pool.stubborn, 0, sizeof pool.stubborn);
			for (unsigned j = 0; j < pool.workers; j++)
				disengage(j);
			pool.verdict = ROLL_EV_PASS;
			settle(&r, now += 31000);
		}
		if (roll_is_busy(&r))
			fail_msg("round %d hangs in %s", (int)round, roll_phase_name(r.phase));
		assert_int_equal(r.plain.done, r.plain.wanted);
		assert_int_equal(r.urgent.done, r.urgent.wanted);
		expect_everyone_on(pool.target);
	}
}

static void
a_roll_goes_around_who_is_engaged(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.engaged[0] = pool.engaged[2] = true;
	for (int64_t now = 1000; now < 1000 + 20 * 60000; now += 60000) {	/* twenty rolls */
		want_at(&r, now);
		settle(&r, now + 200);
		assert_false(roll_is_busy(&r));
		assert_int_equal(r.result, ROLL_COMPLETE);
	}
	assert_int_equal(pool.finished, 20);
	assert_int_equal(pool.kills, 0);
	assert_int_equal(pool.epoch[0], 0);
	assert_int_equal(pool.epoch[1], 20);
	disengage(0);
	disengage(2);
	expect_everyone_on(20);
}

static void
who_is_free_again_within_the_roll_has_its_time(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.engaged[1] = true;
	pool.deaf[3] = true;
	want_at(&r, 1000);
	settle(&r, 1200);
	assert_int_equal(r.workers[1].step, STEP_OWING);
	assert_int_equal(r.phase, ROLL_MOVE);
	pool.engaged[1] = false;	/* and does not look at its order yet */
	settle(&r, 20000);
	assert_int_equal(r.workers[1].step, STEP_ORDERED);
	disengage(1);
	settle(&r, 25000);
	assert_int_equal(r.workers[1].step, STEP_MOVED);
	assert_int_equal(pool.kills, 0);
}

static void
one_that_was_ordered_and_is_engaged_now_is_not_late(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[2] = true;
	want_at(&r, 1000);
	settle(&r, 1200);
	assert_int_equal(r.workers[2].step, STEP_ORDERED);
	pool.engaged[2] = pool.owes[2] = true;	/* it took a request before it saw the order */
	settle(&r, 1200 + limits.reload_ms);
	assert_int_equal(pool.kills, 0);
	assert_int_equal(pool.finished, 1);
}

static void
nobody_is_a_canary_while_engaged(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.engaged[0] = true;
	pool.bake_ms = 1000;
	want_at(&r, 1000);
	settle(&r, 1200);
	assert_int_equal(r.phase, ROLL_BAKE);
	assert_int_equal(r.workers[0].step, STEP_OLD);
	assert_int_equal(r.workers[1].step, STEP_MOVED);
	settle(&r, 2200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(pool.epoch[0], 0);
}

static void
when_all_are_engaged_the_roll_waits_and_then_goes_on(void **state)
{
	struct roll r = {0};

	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		pool.engaged[i] = true;
	want_at(&r, 1000);
	settle(&r, 1200);
	assert_int_equal(r.phase, ROLL_CANARY);
	settle(&r, 1200 + limits.reload_ms);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(pool.orders, WORKERS);
	for (unsigned i = 0; i < WORKERS; i++)
		disengage(i);
	expect_everyone_on(1);
}

static void
a_roll_goes_back_around_who_is_engaged_too(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.engaged[0] = true;
	pool.stubborn[1] = true;
	want_at(&r, 1000);
	settle(&r, 1200);
	boot_all();
	settle(&r, 1300);
	assert_int_equal(r.result, ROLL_ROLLED_BACK);
	disengage(0);
	expect_everyone_on(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_POOL(test) cmocka_unit_test_setup(test, fresh_pool)
	    cmocka_unit_test(every_phase_answers_every_event_as_written),
	    cmocka_unit_test(every_step_answers_every_event_as_written),
	    cmocka_unit_test(every_name_leads_back_to_its_phase),
	    WITH_POOL(a_roll_reaches_everyone_after_the_hold_down),
	    WITH_POOL(a_thousand_wishes_within_the_hold_down_share_one_roll),
	    WITH_POOL(a_wish_during_a_roll_is_served_by_the_next_one),
	    WITH_POOL(nobody_is_ordered_before_the_one_before_has_answered),
	    WITH_POOL(as_many_are_ordered_at_once_as_may_be_unavailable),
	    WITH_POOL(enough_stay_available),
	    WITH_POOL(a_worker_that_starts_anew_counts_as_unavailable),
	    WITH_POOL(each_worker_settles_before_the_next),
	    WITH_POOL(one_late_worker_is_replaced_and_the_roll_goes_on),
	    WITH_POOL(a_second_late_worker_sends_the_roll_back),
	    WITH_POOL(a_worker_that_refuses_the_target_sends_it_back),
	    WITH_POOL(below_the_limit_a_refusal_costs_that_worker),
	    WITH_POOL(a_crash_on_the_target_sends_it_back_a_kill_does_not),
	    WITH_POOL(dead_and_empty_slots_hold_up_nobody),
	    WITH_POOL(a_worker_that_never_boots_ends_incomplete),
	    WITH_POOL(where_nobody_serves_the_target_is_not_held_back),
	    WITH_POOL(no_progress_sends_it_back),
	    WITH_POOL(a_target_that_cannot_be_written_is_tried_again),
	    WITH_POOL(the_canary_is_watched_before_the_others),
	    WITH_POOL(a_failed_canary_goes_back_alone),
	    WITH_POOL(an_unsure_verdict_proceeds_or_pauses),
	    WITH_POOL(another_canary_takes_the_place_of_one_that_died),
	    WITH_POOL(each_pool_has_its_canary),
	    WITH_POOL(a_fresh_worker_goes_first_where_there_may_be_one_more),
	    WITH_POOL(a_pause_orders_nobody_and_stops_the_clock),
	    WITH_POOL(it_can_be_paused_where_it_will_come),
	    WITH_POOL(an_abort_works_in_every_phase_also_paused),
	    WITH_POOL(what_an_operator_waits_for_does_not_wait_for_a_canary),
	    WITH_POOL(an_urgent_wish_waits_for_a_roll_that_has_passed),
	    WITH_POOL(a_roll_that_is_held_finishes_the_worker_in_hand),
	    WITH_POOL(a_roll_goes_around_who_is_engaged),
	    WITH_POOL(who_is_free_again_within_the_roll_has_its_time),
	    WITH_POOL(one_that_was_ordered_and_is_engaged_now_is_not_late),
	    WITH_POOL(nobody_is_a_canary_while_engaged),
	    WITH_POOL(when_all_are_engaged_the_roll_waits_and_then_goes_on),
	    WITH_POOL(a_roll_goes_back_around_who_is_engaged_too),
	    WITH_POOL(whatever_happens_there_are_two_epochs_and_an_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
