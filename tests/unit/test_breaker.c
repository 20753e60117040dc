/* test_breaker.c - the circuit breaker, cell by cell and by whole stories. */
#include "unit.h"

#include "../../fcgi/breaker.h"

enum { LIMIT = 5, PAUSE = 10000 };

static void
every_state_answers_every_event_as_written(void **state)
{
	static const struct {
		enum breaker_state from;
		enum breaker_event event;
		unsigned failures;
		enum breaker_state to;
	} rows[] = {
	    {BREAKER_CLOSED, BREAKER_SUCCESS, 4, BREAKER_CLOSED},
	    {BREAKER_CLOSED, BREAKER_FAILURE, 0, BREAKER_CLOSED},
	    {BREAKER_CLOSED, BREAKER_FAILURE, 3, BREAKER_CLOSED},
	    {BREAKER_CLOSED, BREAKER_FAILURE, 4, BREAKER_OPEN},
	    {BREAKER_CLOSED, BREAKER_CANCELLED, 4, BREAKER_CLOSED},
	    {BREAKER_OPEN, BREAKER_SUCCESS, 5, BREAKER_CLOSED},
	    {BREAKER_OPEN, BREAKER_FAILURE, 5, BREAKER_OPEN},
	    {BREAKER_OPEN, BREAKER_CANCELLED, 5, BREAKER_OPEN},
	    {BREAKER_HALF_OPEN, BREAKER_SUCCESS, 5, BREAKER_CLOSED},
	    {BREAKER_HALF_OPEN, BREAKER_FAILURE, 5, BREAKER_OPEN},
	    {BREAKER_HALF_OPEN, BREAKER_CANCELLED, 5, BREAKER_HALF_OPEN},
	};

	(void)state;
	assert_int_equal(sizeof rows / sizeof rows[0],
	    BREAKER_STATE_MAX * BREAKER_EVENT_MAX + 2);	/* two more for counting */
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct breaker b;

		breaker_init(&b, LIMIT, PAUSE);
		b.state = rows[i].from;
		b.failures = rows[i].failures;
		b.is_probed = b.state == BREAKER_HALF_OPEN;
		b.until_ms = b.state == BREAKER_OPEN ? 500 : 0;
		breaker_event(&b, rows[i].event, 100);
		if (b.state != rows[i].to)
			fail_msg("row %zu: went to %s", i, breaker_state_name(b.state));
		if (rows[i].event == BREAKER_SUCCESS && b.failures != 0)
			fail_msg("row %zu: a success forgets failures", i);
	}
}

static struct breaker
opened_at(int64_t now)
{
	struct breaker b;

	breaker_init(&b, LIMIT, PAUSE);
	for (int i = 0; i < LIMIT; i++) {
		assert_true(breaker_admits(&b, now));
		breaker_event(&b, BREAKER_FAILURE, now);
	}
	assert_int_equal(b.state, BREAKER_OPEN);
	return b;
}

static void
it_refuses_for_the_pause_and_then_admits_one(void **state)
{
	struct breaker b = opened_at(1000);

	(void)state;
	assert_false(breaker_admits(&b, 1000));
	assert_false(breaker_admits(&b, 1000 + PAUSE - 1));
	assert_int_equal(breaker_wait_ms(&b, 1000 + PAUSE - 1), 1);
	assert_true(breaker_would_admit(&b, 1000 + PAUSE));
	assert_true(breaker_admits(&b, 1000 + PAUSE));
	assert_int_equal(b.state, BREAKER_HALF_OPEN);
	assert_false(breaker_admits(&b, 1000 + PAUSE));
	assert_false(breaker_would_admit(&b, 1000 + PAUSE));
	breaker_event(&b, BREAKER_SUCCESS, 1000 + PAUSE);
	assert_int_equal(b.state, BREAKER_CLOSED);
	assert_true(breaker_admits(&b, 1000 + PAUSE));
	assert_true(breaker_admits(&b, 1000 + PAUSE));
}

static void
a_probe_that_fails_opens_it_for_another_pause(void **state)
{
	struct breaker b = opened_at(0);

	(void)state;
	assert_true(breaker_admits(&b, PAUSE));
	breaker_event(&b, BREAKER_FAILURE, PAUSE + 50);
	assert_false(breaker_admits(&b, 2 * PAUSE));
	assert_true(breaker_admits(&b, 2 * PAUSE + 50));
	assert_int_equal(b.opened, 2);
}

static void
a_probe_whose_asker_left_gives_its_place_back(void **state)
{
	struct breaker b = opened_at(0);

	(void)state;
	assert_true(breaker_admits(&b, PAUSE));
	breaker_event(&b, BREAKER_CANCELLED, PAUSE);
	assert_true(breaker_admits(&b, PAUSE));
}

static void
only_failures_in_a_row_count(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, LIMIT, PAUSE);
	for (int i = 0; i < 100; i++)
		breaker_event(&b, i % LIMIT == LIMIT - 1 ? BREAKER_SUCCESS : BREAKER_FAILURE, i);
	assert_int_equal(b.state, BREAKER_CLOSED);
}

static void
what_fails_late_does_not_lengthen_the_pause(void **state)
{
	struct breaker b = opened_at(0);

	(void)state;
	breaker_event(&b, BREAKER_FAILURE, PAUSE - 1);
	assert_true(breaker_admits(&b, PAUSE));
}

static void
an_endpoint_is_left_alone_as_long_as_it_asks_within_bounds(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, LIMIT, PAUSE);
	breaker_hold(&b, 3000, 1000);
	assert_false(breaker_admits(&b, 3999));
	breaker_hold(&b, 1000, 1000);		/* a shorter wish changes nothing */
	assert_int_equal(breaker_wait_ms(&b, 1000), 3000);
	assert_true(breaker_admits(&b, 4000));
	breaker_event(&b, BREAKER_SUCCESS, 4000);
	breaker_hold(&b, INT64_C(1) << 50, 5000);
	assert_int_equal(breaker_wait_ms(&b, 5000), BREAKER_HOLD_MAX_MS);
	breaker_init(&b, LIMIT, PAUSE);
	breaker_hold(&b, 0, 0);
	breaker_hold(&b, -5, 0);
	assert_int_equal(b.state, BREAKER_CLOSED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_state_answers_every_event_as_written),
	    cmocka_unit_test(it_refuses_for_the_pause_and_then_admits_one),
	    cmocka_unit_test(a_probe_that_fails_opens_it_for_another_pause),
	    cmocka_unit_test(a_probe_whose_asker_left_gives_its_place_back),
	    cmocka_unit_test(only_failures_in_a_row_count),
	    cmocka_unit_test(what_fails_late_does_not_lengthen_the_pause),
	    cmocka_unit_test(an_endpoint_is_left_alone_as_long_as_it_asks_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
