/* test_roll.c - rolls: the table, and whole rolls against workers that misbehave. */
#include "unit.h"

#include "../../fcgi/roll.h"

static const struct roll_times times = {
    .hold_ms = 200, .reload_ms = 30000, .verify_ms = 5000, .retry_ms = 1000};

static const struct {
	enum roll_phase phase;
	enum roll_event event;
	enum roll_phase next;
	enum roll_action action;
	unsigned at;		/* from 3 */
} rows[] = {
    {ROLL_IDLE, ROLL_EV_WANT, ROLL_HOLD, ROLL_DO_NOTHING, 3},
    {ROLL_HOLD, ROLL_EV_DUE, ROLL_BEGIN, ROLL_DO_BEGIN, 3},
    {ROLL_BEGIN, ROLL_EV_BEGUN, ROLL_NEXT, ROLL_DO_NOTHING, 0},
    {ROLL_BEGIN, ROLL_EV_FAILED, ROLL_HOLD, ROLL_DO_NOTHING, 3},
    {ROLL_NEXT, ROLL_EV_GO, ROLL_WAIT, ROLL_DO_ORDER, 3},
    {ROLL_NEXT, ROLL_EV_SKIP, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_NEXT, ROLL_EV_END, ROLL_VERIFY, ROLL_DO_NOTHING, 3},
    {ROLL_WAIT, ROLL_EV_ACKED, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_WAIT, ROLL_EV_LOST, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_WAIT, ROLL_EV_DUE, ROLL_LATE, ROLL_DO_KILL, 3},
    {ROLL_WAIT, ROLL_EV_REFUSED, ROLL_IDLE, ROLL_DO_GIVE_UP, 3},
    {ROLL_LATE, ROLL_EV_REFUSED, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_LATE, ROLL_EV_ACKED, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_LATE, ROLL_EV_LOST, ROLL_NEXT, ROLL_DO_NOTHING, 4},
    {ROLL_VERIFY, ROLL_EV_GOOD, ROLL_IDLE, ROLL_DO_FINISH, 3},
    {ROLL_VERIFY, ROLL_EV_BAD, ROLL_NEXT, ROLL_DO_NOTHING, 0},
    {ROLL_VERIFY, ROLL_EV_DUE, ROLL_IDLE, ROLL_DO_GIVE_UP, 3},
};

static void
every_phase_answers_every_event_as_written(void **state)
{
	(void)state;
	for (int phase = 0; phase < ROLL_PHASE_MAX; phase++)
		for (int event = 0; event < ROLL_EV_MAX; event++) {
			struct roll r = {.phase = (enum roll_phase)phase, .at = 3};
			size_t n = sizeof rows / sizeof rows[0], i = 0;
			enum roll_action action;

			while (i < n &&
			    ((int)rows[i].phase != phase || (int)rows[i].event != event))
				i++;
			action = roll_event(&r, (enum roll_event)event, &times, 1000);
			if (action != (i < n ? rows[i].action : ROLL_DO_NOTHING) ||
			    r.phase != (i < n ? rows[i].next : (enum roll_phase)phase) ||
			    r.at != (i < n ? rows[i].at : 3))
				fail_msg("%s, event %d: went to %s at %u with action %d",
				    roll_phase_name((enum roll_phase)phase), event,
				    roll_phase_name(r.phase), r.at, action);
		}
}

/* Workers for whole rolls. */
enum { WORKERS = 4 };
static struct {
	unsigned epoch[WORKERS];
	bool deaf[WORKERS];		/* takes an order and never answers */
	bool stubborn[WORKERS];		/* answers, and stays where it is */
	bool absent[WORKERS];
	bool starting[WORKERS];
	unsigned target, orders, kills, finished, gave_up;
	bool disk_full;
} pool;

static void
look_at(struct roll_view *views)
{
	for (int i = 0; i < WORKERS; i++)
		views[i] = (struct roll_view){
		    .ready = !pool.absent[i] && !pool.starting[i],
		    .starting = pool.starting[i],
		    .refused = pool.stubborn[i] && pool.orders > 0,
		    .current = pool.epoch[i] == pool.target};
}

static void
carry_out(struct roll *r, enum roll_action action, int64_t now)
{
	switch (action) {
	case ROLL_DO_BEGIN:
		if (!pool.disk_full)
			pool.target++;
		roll_event(r, pool.disk_full ? ROLL_EV_FAILED : ROLL_EV_BEGUN, &times, now);
		break;
	case ROLL_DO_ORDER:
		pool.orders++;
		if (!pool.deaf[r->at] && !pool.stubborn[r->at])
			pool.epoch[r->at] = pool.target;
		break;
	case ROLL_DO_KILL:
		pool.kills++;
		pool.deaf[r->at] = false;
		pool.starting[r->at] = true;
		break;
	case ROLL_DO_FINISH:
		pool.finished++;
		break;
	case ROLL_DO_GIVE_UP:
		pool.gave_up++;
		break;
	default:
		break;
	}
}

/* Runs until nothing happens any more at this moment; never for ever. */
static void
settle(struct roll *r, int64_t now)
{
	struct roll_view views[WORKERS];
	enum roll_event event;

	for (int turns = 0; turns < 100; turns++) {
		look_at(views);
		if ((event = roll_look(r, views, WORKERS, now)) == ROLL_EV_NONE)
			return;
		carry_out(r, roll_event(r, event, &times, now), now);
	}
	fail_msg("the roll spins in %s", roll_phase_name(r->phase));
}

static int
fresh_pool(void **state)
{
	(void)state;
	memset(&pool, 0, sizeof pool);
	return 0;
}

static void
a_roll_reaches_everyone_after_the_hold_down(void **state)
{
	struct roll r = {0};

	(void)state;
	roll_event(&r, ROLL_EV_WANT, &times, 1000);
	settle(&r, 1199);
	assert_int_equal(pool.orders, 0);
	settle(&r, 1200);
	assert_int_equal(pool.orders, WORKERS);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.done, 1);
	assert_true(r.complete);
	assert_false(roll_is_busy(&r));
}

static void
a_thousand_wishes_within_the_hold_down_share_one_roll(void **state)
{
	struct roll r = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		roll_event(&r, ROLL_EV_WANT, &times, 1000 + i / 10);
	settle(&r, 1200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.done, 1000);
	assert_false(roll_is_busy(&r));
}

static void
a_wish_during_a_roll_is_served_by_the_next_one(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[2] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 1000);
	settle(&r, 1200);
	assert_int_equal(r.phase, ROLL_WAIT);
	roll_event(&r, ROLL_EV_WANT, &times, 1300);
	settle(&r, 1300);
	assert_int_equal(pool.target, 1);	/* never a third epoch */
	pool.deaf[2] = false;
	pool.epoch[2] = 1;
	settle(&r, 1400);
	assert_int_equal(r.done, 1);
	assert_int_equal(r.phase, ROLL_HOLD);
	settle(&r, 1600);
	assert_int_equal(r.done, 2);
	assert_int_equal(pool.finished, 2);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pool.epoch[i], 2);
}

static void
nobody_is_ordered_before_the_one_before_has_answered(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	for (int64_t now = 200; now < 30000; now += 100)
		settle(&r, now);
	assert_int_equal(pool.orders, 2);
	assert_int_equal(pool.kills, 0);
}

static void
a_worker_that_never_answers_is_killed_and_the_roll_goes_on(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[1] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	settle(&r, 30200);
	assert_int_equal(pool.kills, 1);
	assert_int_equal(pool.orders, WORKERS);
	assert_int_equal(r.phase, ROLL_VERIFY);
	pool.starting[1] = false;
	pool.epoch[1] = pool.target;
	settle(&r, 30300);
	assert_int_equal(pool.finished, 1);
}

static void
a_worker_that_refuses_the_target_ends_the_roll_for_those_behind_it(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.stubborn[1] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	assert_int_equal(pool.orders, 2);
	assert_int_equal(pool.kills, 0);
	assert_int_equal(pool.gave_up, 1);
	assert_false(r.complete);
	assert_int_equal(pool.epoch[2], 0);
}

static void
dead_and_empty_slots_hold_up_nobody(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.absent[0] = pool.absent[3] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(pool.orders, 2);
}

static void
a_worker_that_never_boots_ends_in_giving_up(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.starting[3] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	settle(&r, 5199);
	assert_int_equal(pool.gave_up, 0);
	settle(&r, 5200);
	assert_int_equal(pool.gave_up, 1);
	assert_false(r.complete);
	assert_false(roll_is_busy(&r));
}

static void
a_target_that_cannot_be_written_is_tried_again(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.disk_full = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	assert_int_equal(pool.orders, 0);
	assert_int_equal(r.phase, ROLL_HOLD);
	settle(&r, 1199);
	pool.disk_full = false;
	settle(&r, 1200);
	assert_int_equal(pool.finished, 1);
	assert_int_equal(r.done, 1);
}

static void
a_pause_orders_nobody_and_stops_the_clock(void **state)
{
	struct roll r = {0};

	(void)state;
	pool.deaf[0] = true;
	roll_event(&r, ROLL_EV_WANT, &times, 0);
	settle(&r, 200);
	roll_pause(&r, 1000);
	roll_pause(&r, 2000);			/* a second one changes nothing */
	assert_int_equal(roll_due(&r), 0);
	settle(&r, 900000);
	assert_int_equal(pool.kills, 0);
	pool.epoch[0] = pool.target;
	settle(&r, 900000);
	assert_int_equal(pool.orders, 1);
	roll_resume(&r, 901000);
	assert_int_equal(roll_due(&r), 200 + 30000 + 900000);
	settle(&r, 901000);
	assert_int_equal(pool.finished, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_phase_answers_every_event_as_written),
	    cmocka_unit_test_setup(a_roll_reaches_everyone_after_the_hold_down, fresh_pool),
	    cmocka_unit_test_setup(
		a_thousand_wishes_within_the_hold_down_share_one_roll, fresh_pool),
	    cmocka_unit_test_setup(a_wish_during_a_roll_is_served_by_the_next_one, fresh_pool),
	    cmocka_unit_test_setup(
		nobody_is_ordered_before_the_one_before_has_answered, fresh_pool),
	    cmocka_unit_test_setup(
		a_worker_that_never_answers_is_killed_and_the_roll_goes_on, fresh_pool),
	    cmocka_unit_test_setup(
		a_worker_that_refuses_the_target_ends_the_roll_for_those_behind_it, fresh_pool),
	    cmocka_unit_test_setup(dead_and_empty_slots_hold_up_nobody, fresh_pool),
	    cmocka_unit_test_setup(a_worker_that_never_boots_ends_in_giving_up, fresh_pool),
	    cmocka_unit_test_setup(a_target_that_cannot_be_written_is_tried_again, fresh_pool),
	    cmocka_unit_test_setup(a_pause_orders_nobody_and_stops_the_clock, fresh_pool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
