/* test_pace.c - rates and what they promise. */
#include "unit.h"

#include <math.h>

#include "../../fcgi/pace.h"

#define assert_near(a, b) assert_true(fabs((a) - (b)) < 0.01 * fabs((double)(b)) + 1e-9)

/* Notes `rate` a second for so long, ten times a second. */
static uint64_t
run(struct pace *p, uint64_t done, int64_t *ms, double rate, int64_t for_ms)
{
	double exact = (double)done;

	for (int64_t end = *ms + for_ms; *ms < end;) {
		*ms += 100;
		exact += rate / 10;
		pace_note(p, (uint64_t)llround(exact), *ms);
	}
	return (uint64_t)llround(exact);
}

static void
nothing_is_said_before_two_seconds(void **state)
{
	int64_t ms = 5000;
	struct pace p;
	double x;

	(void)state;
	pace_begin(&p, 0, ms);
	assert_false(pace_rate(&p, &x));
	run(&p, 0, &ms, 100, 1900);
	assert_false(pace_rate(&p, &x));
	assert_false(pace_eta(&p, 1000, &x));
	pace_note(&p, 200, 7000);
	assert_true(pace_rate(&p, &x));
	assert_near(x, 100);
	assert_true(pace_eta(&p, 1000, &x));
	assert_near(x, 8);
}

static void
the_rate_is_that_of_the_last_ten_seconds(void **state)
{
	int64_t ms = 0;
	struct pace p;
	uint64_t done;
	double x;

	(void)state;
	pace_begin(&p, 0, 0);
	done = run(&p, 0, &ms, 1000, 60000);
	assert_true(pace_rate(&p, &x));
	assert_near(x, 1000);
	done = run(&p, done, &ms, 10, 11000);
	assert_true(pace_rate(&p, &x));
	assert_true(x < 100);		/* the fast minute is forgotten */
	assert_true(pace_eta(&p, done + 100, &x));
	assert_true(x > 1 && x <= 10);
}

static void
what_stands_still_has_no_end(void **state)
{
	int64_t ms = 0;
	struct pace p;
	uint64_t done;
	double x;

	(void)state;
	pace_begin(&p, 0, 0);
	done = run(&p, 0, &ms, 100, 5000);
	run(&p, done, &ms, 0, 12000);
	assert_true(pace_rate(&p, &x));
	assert_near(x + 1, 1);
	assert_false(pace_eta(&p, 10000, &x));
}

static void
an_end_that_is_unknown_or_passed_is_not_told(void **state)
{
	int64_t ms = 0;
	struct pace p;
	double x;

	(void)state;
	pace_begin(&p, 40, 0);
	run(&p, 40, &ms, 100, 5000);
	assert_false(pace_eta(&p, 0, &x));
	assert_false(pace_eta(&p, 100, &x));
	assert_true(pace_eta(&p, 540, &x));
	assert_near(x + 1, 1);
	pace_begin(&p, 500, ms);	/* another step begins */
	assert_false(pace_rate(&p, &x));
}

/* A program that was stopped for long: what it did since counts, over the whole time. */
static void
a_gap_is_part_of_the_rate(void **state)
{
	struct pace p;
	double x;

	(void)state;
	pace_begin(&p, 0, 0);
	pace_note(&p, 100, 1000);
	pace_note(&p, 200, 100000);
	assert_true(pace_rate(&p, &x));
	assert_true(x > 0.9 && x < 2.1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_said_before_two_seconds),
	    cmocka_unit_test(the_rate_is_that_of_the_last_ten_seconds),
	    cmocka_unit_test(what_stands_still_has_no_end),
	    cmocka_unit_test(an_end_that_is_unknown_or_passed_is_not_told),
	    cmocka_unit_test(a_gap_is_part_of_the_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
