/* test_canary.c - the canary's verdicts, against numbers computed elsewhere. */
#include "unit.h"

#include <math.h>

#include "../../fcgi/canary.h"

/* p: the sum of the hypergeometric distribution's tail, in exact rational arithmetic. */
static const struct {
	uint64_t canary[2], others[2];	/* requests, failures */
	double p;
} tables[] = {
    {{10, 5}, {10, 0}, 0.016253869969040248},
    {{10, 8}, {12, 2}, 0.004780049671690539},
    {{200, 10}, {600, 5}, 0.0007047231712131824},
    {{1000, 20}, {3000, 60}, 0.543615146202842},
    {{300, 300}, {300, 0}, 7.401489395998409e-180},
    {{5, 1}, {100000, 0}, 4.999750012499375e-05},
    {{7, 0}, {9, 4}, 1},
};

static struct canary_side
side(const uint64_t numbers[2])
{
	return (struct canary_side){.requests = numbers[0], .failures = numbers[1]};
}

static void
the_chance_is_fishers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct canary_side c = side(tables[i].canary), o = side(tables[i].others);
		double p = canary_chance(&c, &o);
		if (fabs(p - tables[i].p) > 1e-8 * tables[i].p)
			fail_msg("row %zu: %.17g, wanted %.17g", i, p, tables[i].p);
	}
}

static enum canary_verdict
judge(uint64_t requests, uint64_t failures, uint64_t other_requests, uint64_t other_failures)
{
	struct canary_side c = {.requests = requests, .failures = failures};
	struct canary_side o = {.requests = other_requests, .failures = other_failures};
	struct canary_report r;

	canary_judge(&r, &c, &o, 200, 0.01);
	assert_int_equal(r.why[0] == '\0', r.verdict == CANARY_PASS);
	return r.verdict;
}

static void
verdicts_on_failures(void **state)
{
	(void)state;
	assert_int_equal(judge(1000, 0, 3000, 0), CANARY_PASS);
	assert_int_equal(judge(1000, 20, 3000, 60), CANARY_PASS);	/* all fail alike */
	assert_int_equal(judge(1000, 50, 3000, 15), CANARY_FAIL);
	/* sure, but under one point: 0.9 % of 100,000 */
	assert_int_equal(judge(100000, 900, 300000, 0), CANARY_PASS);
	/* over one point, but it may be chance */
	assert_int_equal(judge(200, 4, 600, 4), CANARY_PASS);
	assert_int_equal(judge(199, 0, 3000, 0), CANARY_UNSURE);
	assert_int_equal(judge(3000, 0, 199, 0), CANARY_UNSURE);
	assert_int_equal(judge(0, 0, 0, 0), CANARY_UNSURE);
	assert_int_equal(judge(5, 5, 0, 0), CANARY_UNSURE);	/* nobody to compare with */
	assert_int_equal(judge(20, 20, 60, 0), CANARY_FAIL);	/* few, but no chance */
}

/* Requests that took about so many milliseconds. */
static struct canary_side
took(unsigned ms, unsigned slow_percent, unsigned slow_ms)
{
	struct canary_side s = {.requests = 1000};
	unsigned slow = 10 * slow_percent;

	s.latency[(int)log2(ms * 1000.0)] += 1000 - slow;
	s.latency[(int)log2(slow_ms * 1000.0)] += slow;
	return s;
}

static void
verdicts_on_latency(void **state)
{
	struct canary_side quick = took(8, 0, 8), slow = took(8, 10, 100), tail = took(8, 4, 100);
	struct canary_side quicker = took(1, 0, 1);
	struct canary_report r;

	(void)state;
	canary_judge(&r, &slow, &quick, 200, 0.01);
	assert_int_equal(r.verdict, CANARY_FAIL);
	assert_non_null(strstr(r.why, "ms"));
	canary_judge(&r, &quick, &slow, 200, 0.01);
	assert_int_equal(r.verdict, CANARY_PASS);
	canary_judge(&r, &tail, &quick, 200, 0.01);	/* only the slowest 4 % */
	assert_int_equal(r.verdict, CANARY_PASS);
	canary_judge(&r, &quick, &quicker, 200, 0.01);	/* eight times, but under 20 ms */
	assert_int_equal(r.verdict, CANARY_PASS);
}

static void
a_percentile_lies_within_its_bucket(void **state)
{
	struct canary_side s = {0};

	(void)state;
	assert_int_equal(canary_p95_us(&s), 0);
	s.latency[0] = 100;
	assert_in_range(canary_p95_us(&s), 1, 2);
	s.latency[0] = 0;
	s.latency[13] = 100;
	assert_int_equal(canary_p95_us(&s), 8192 + 7782);
	s.latency[23] = 6;
	assert_in_range(canary_p95_us(&s), 1 << 23, 1 << 24);
}

static void
counters_that_ran_backwards_are_another_workers(void **state)
{
	struct canary_side sum = {0}, before = {.requests = 10, .failures = 1, .latency = {3, 7}};
	struct canary_side after = {.requests = 15, .failures = 1, .latency = {3, 12}};

	(void)state;
	assert_true(canary_add(&sum, &before, &after));
	assert_int_equal(sum.requests, 5);
	assert_int_equal(sum.failures, 0);
	assert_int_equal(sum.latency[1], 5);
	assert_false(canary_add(&sum, &after, &before));
	assert_int_equal(sum.requests, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_chance_is_fishers),
	    cmocka_unit_test(verdicts_on_failures),
	    cmocka_unit_test(verdicts_on_latency),
	    cmocka_unit_test(a_percentile_lies_within_its_bucket),
	    cmocka_unit_test(counters_that_ran_backwards_are_another_workers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
