/* test_bustle.c - when a worker counts as busy. */
#include "unit.h"

#include <sched.h>

#include "../../fcgi/bustle.h"

/* Requests at a constant rate; how often it changed. */
static unsigned
ask(struct bustle *b, int64_t *now_ns, int64_t rate, int64_t ms)
{
	int64_t end = *now_ns + ms * 1000000, step = 1000000000 / rate;
	unsigned changes = 0;

	for (*now_ns += step; *now_ns <= end; *now_ns += step)
		changes += bustle_note(b, *now_ns);
	*now_ns = end;
	return changes;
}

static void
many_requests_are_bustle_and_few_are_none(void **state)
{
	int64_t now_ns = 5000000000;
	struct bustle b = {0};

	(void)state;
	assert_int_equal(ask(&b, &now_ns, 100, 3000), 0);
	assert_false(b.is_busy);
	assert_int_equal(ask(&b, &now_ns, 900, 3000), 0);
	assert_int_equal(ask(&b, &now_ns, 5000, 300), 1);
	assert_true(b.is_busy);
	assert_int_equal(ask(&b, &now_ns, 700, 3000), 0);	/* in between it stays as it is */
	assert_true(b.is_busy);
	assert_int_equal(ask(&b, &now_ns, 300, 1000), 1);
	assert_false(b.is_busy);
}

static void
a_pause_ends_it_with_the_next_request(void **state)
{
	int64_t now_ns = 5000000000;
	struct bustle b = {0};

	(void)state;
	ask(&b, &now_ns, 5000, 500);
	assert_true(b.is_busy);
	now_ns += 3600000000000;
	assert_true(bustle_note(&b, now_ns));
	assert_false(b.is_busy);
}

static void
the_kernel_is_told(void **state)
{
	struct bustle b = {.is_busy = true};

	(void)state;
	bustle_apply(&b);
	assert_int_equal(sched_getscheduler(0), SCHED_BATCH);
	b.is_busy = false;
	bustle_apply(&b);
	assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_requests_are_bustle_and_few_are_none),
	    cmocka_unit_test(a_pause_ends_it_with_the_next_request),
	    cmocka_unit_test(the_kernel_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
