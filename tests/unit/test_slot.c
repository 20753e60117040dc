/* test_slot.c - worker slots: every phase against every event, and what a death costs. */
#include "unit.h"

#include "../../fcgi/slot.h"

static const struct slot_times times = {.boot_ms = 1000, .stop_ms = 500};

/* One row per event that does something; all other cells must do nothing. */
static const struct {
	enum slot_phase phase;
	enum slot_event event;
	enum slot_phase next;
	enum slot_action action;
} rows[] = {
    {PHASE_EMPTY, EV_WANT, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_STARTING, EV_UNWANT, PHASE_STOPPING, SLOT_TERM},
    {PHASE_STARTING, EV_ACKED, PHASE_READY, SLOT_NOTHING},
    {PHASE_STARTING, EV_LEFT, PHASE_BACKOFF, SLOT_NOTHING},
    {PHASE_STARTING, EV_KILLED, PHASE_BACKOFF, SLOT_NOTHING},
    {PHASE_STARTING, EV_CRASHED, PHASE_BACKOFF, SLOT_NOTHING},
    {PHASE_STARTING, EV_DUE, PHASE_KILLING, SLOT_KILL},
    {PHASE_STARTING, EV_OVERTIME, PHASE_KILLING, SLOT_KILL},
    {PHASE_READY, EV_UNWANT, PHASE_STOPPING, SLOT_TERM},
    {PHASE_READY, EV_LEFT, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_READY, EV_KILLED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_READY, EV_CRASHED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_READY, EV_REPLACE, PHASE_RETURNING, SLOT_TERM},
    {PHASE_READY, EV_OVERTIME, PHASE_KILLING, SLOT_KILL},
    {PHASE_KILLING, EV_UNWANT, PHASE_STOPPING, SLOT_NOTHING},
    {PHASE_KILLING, EV_LEFT, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_KILLING, EV_KILLED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_KILLING, EV_CRASHED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_BACKOFF, EV_UNWANT, PHASE_EMPTY, SLOT_NOTHING},
    {PHASE_BACKOFF, EV_DUE, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_STOPPING, EV_WANT, PHASE_RETURNING, SLOT_NOTHING},
    {PHASE_STOPPING, EV_LEFT, PHASE_EMPTY, SLOT_NOTHING},
    {PHASE_STOPPING, EV_KILLED, PHASE_EMPTY, SLOT_NOTHING},
    {PHASE_STOPPING, EV_CRASHED, PHASE_EMPTY, SLOT_NOTHING},
    {PHASE_STOPPING, EV_DUE, PHASE_STOPPING, SLOT_KILL},
    {PHASE_STOPPING, EV_OVERTIME, PHASE_STOPPING, SLOT_KILL},
    {PHASE_RETURNING, EV_UNWANT, PHASE_STOPPING, SLOT_NOTHING},
    {PHASE_RETURNING, EV_LEFT, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_RETURNING, EV_KILLED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_RETURNING, EV_CRASHED, PHASE_STARTING, SLOT_SPAWN},
    {PHASE_RETURNING, EV_DUE, PHASE_KILLING, SLOT_KILL},
    {PHASE_RETURNING, EV_OVERTIME, PHASE_KILLING, SLOT_KILL},
};

static size_t
row_of(enum slot_phase phase, enum slot_event event)
{
	size_t n = sizeof rows / sizeof rows[0], i = 0;

	while (i < n && (rows[i].phase != phase || rows[i].event != event))
		i++;
	return i;
}

static void
every_phase_answers_every_event_as_written(void **state)
{
	(void)state;
	for (int phase = 0; phase < PHASE_MAX; phase++)
		for (int event = 0; event < EV_MAX; event++) {
			struct slot s = {.phase = (enum slot_phase)phase};
			size_t row = row_of(s.phase, (enum slot_event)event);
			bool known = row < sizeof rows / sizeof rows[0];
			enum slot_action action =
			    slot_event(&s, (enum slot_event)event, &times, 9000);
			if (action != (known ? rows[row].action : SLOT_NOTHING) ||
			    s.phase != (known ? rows[row].next : (enum slot_phase)phase))
				fail_msg("%s, event %d: went to %s with action %d",
				    slot_phase_name((enum slot_phase)phase), event,
				    slot_phase_name(s.phase), action);
		}
}

static void
a_worker_that_dies_at_start_backs_off_to_ten_seconds(void **state)
{
	static const int64_t delays[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
	struct slot s = {0};
	int64_t now = 0;

	(void)state;
	assert_int_equal(slot_event(&s, EV_WANT, &times, now), SLOT_SPAWN);
	for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
		assert_int_equal(slot_event(&s, EV_CRASHED, &times, now += 5), SLOT_NOTHING);
		assert_int_equal(s.phase, PHASE_BACKOFF);
		assert_int_equal(s.due_ms - now, delays[i]);
		assert_int_equal(slot_event(&s, EV_DUE, &times, now = s.due_ms), SLOT_SPAWN);
	}
}

static void
a_ready_worker_that_is_killed_is_replaced_at_once_every_time(void **state)
{
	struct slot s = {0};

	(void)state;
	slot_event(&s, EV_WANT, &times, 0);
	for (int64_t now = 10; now < 1000; now += 20) {
		slot_event(&s, EV_ACKED, &times, now);
		assert_int_equal(slot_event(&s, EV_KILLED, &times, now + 10), SLOT_SPAWN);
	}
}

static void
young_crashes_back_off_from_the_second_on_and_age_forgives(void **state)
{
	struct slot s = {0};

	(void)state;
	slot_event(&s, EV_WANT, &times, 0);
	slot_event(&s, EV_ACKED, &times, 5);
	assert_int_equal(slot_event(&s, EV_CRASHED, &times, 20), SLOT_SPAWN);
	slot_event(&s, EV_ACKED, &times, 25);
	assert_int_equal(slot_event(&s, EV_CRASHED, &times, 40), SLOT_NOTHING);
	assert_int_equal(s.due_ms, 140);
	assert_int_equal(slot_event(&s, EV_DUE, &times, 140), SLOT_SPAWN);
	slot_event(&s, EV_ACKED, &times, 150);
	assert_int_equal(slot_event(&s, EV_CRASHED, &times, 140 + SLOT_YOUNG_MS), SLOT_SPAWN);
	assert_int_equal(s.failures, 0);
}

static void
phases_with_an_end_name_it(void **state)
{
	struct slot s = {0};

	(void)state;
	slot_event(&s, EV_WANT, &times, 100);
	assert_int_equal(s.due_ms, 1100);
	slot_event(&s, EV_ACKED, &times, 200);
	assert_int_equal(s.due_ms, 0);
	slot_event(&s, EV_UNWANT, &times, 300);
	assert_int_equal(s.due_ms, 800);
	slot_event(&s, EV_WANT, &times, 400);		/* the end stays */
	assert_int_equal(s.due_ms, 800);
	assert_int_equal(slot_event(&s, EV_DUE, &times, 800), SLOT_KILL);
	assert_int_equal(s.due_ms, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_phase_answers_every_event_as_written),
	    cmocka_unit_test(a_worker_that_dies_at_start_backs_off_to_ten_seconds),
	    cmocka_unit_test(a_ready_worker_that_is_killed_is_replaced_at_once_every_time),
	    cmocka_unit_test(young_crashes_back_off_from_the_second_on_and_age_forgives),
	    cmocka_unit_test(phases_with_an_end_name_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
