/* test_gates.c - the gate's table, its queue, and its counters. */
#include "unit.h"

#include "../../fcgi/gates.h"

#define A "1-aaaaaaaaaaaa"
#define B "2-bbbbbbbbbbbb"
#define C "3-cccccccccccc"

static const struct {
	enum gate_state state;
	enum gate_event event;
	enum gate_state next;
} rows[] = {
    {GATE_CLEAR, GATE_EV_OFFER, GATE_QUEUED},
    {GATE_CLEAR, GATE_EV_REFUSE, GATE_FAILED},
    {GATE_QUEUED, GATE_EV_REFUSE, GATE_FAILED},
    {GATE_QUEUED, GATE_EV_START, GATE_PROBING},
    {GATE_QUEUED, GATE_EV_DROP, GATE_CLEAR},
    {GATE_PROBING, GATE_EV_OFFER, GATE_STALE},
    {GATE_PROBING, GATE_EV_PASS, GATE_PASSED},
    {GATE_PROBING, GATE_EV_FAIL, GATE_FAILED},
    {GATE_PROBING, GATE_EV_HOLD, GATE_HELD},
    {GATE_PROBING, GATE_EV_DROP, GATE_LEAVING},
    {GATE_STALE, GATE_EV_PASS, GATE_QUEUED},
    {GATE_STALE, GATE_EV_FAIL, GATE_QUEUED},
    {GATE_STALE, GATE_EV_HOLD, GATE_QUEUED},
    {GATE_STALE, GATE_EV_DROP, GATE_LEAVING},
    {GATE_LEAVING, GATE_EV_OFFER, GATE_STALE},
    {GATE_LEAVING, GATE_EV_PASS, GATE_CLEAR},
    {GATE_LEAVING, GATE_EV_FAIL, GATE_CLEAR},
    {GATE_LEAVING, GATE_EV_HOLD, GATE_CLEAR},
    {GATE_PASSED, GATE_EV_OFFER, GATE_QUEUED},
    {GATE_PASSED, GATE_EV_REFUSE, GATE_FAILED},
    {GATE_PASSED, GATE_EV_DROP, GATE_CLEAR},
    {GATE_FAILED, GATE_EV_OFFER, GATE_QUEUED},
    {GATE_FAILED, GATE_EV_DROP, GATE_CLEAR},
    {GATE_HELD, GATE_EV_OFFER, GATE_QUEUED},
    {GATE_HELD, GATE_EV_REFUSE, GATE_FAILED},
    {GATE_HELD, GATE_EV_DROP, GATE_CLEAR},
};

static void
every_state_answers_every_event_as_written(void **state)
{
	(void)state;
	for (int s = 0; s < GATE_STATE_MAX; s++)
		for (int ev = 0; ev < GATE_EV_MAX; ev++) {
			size_t n = sizeof rows / sizeof rows[0], i = 0;
			int next = gate_next_state((enum gate_state)s, (enum gate_event)ev);

			while (i < n && ((int)rows[i].state != s || (int)rows[i].event != ev))
				i++;
			if (next != (i < n ? (int)rows[i].next : s))
				fail_msg("%s, event %d: went to %s",
				    gate_state_name((enum gate_state)s), ev,
				    gate_state_name((enum gate_state)next));
		}
}

static bool
offer(struct gates *g, const char *tenant, const char *candidate)
{
	bool stop;
	struct err e;

	assert_ok(gates_offer(g, tenant, candidate, GATE_OF_BUILD, false, 100, &stop, &e), &e);
	return stop;
}

static void
start(struct gates *g, const char *tenant)
{
	const struct gate *x = gates_next(g);

	assert_non_null(x);
	assert_string_equal(x->tenant, tenant);
	gates_started(g, tenant, 200);
}

static void
nobody_waits_for_anothers_verdict(void **state)
{
	struct gates g;

	(void)state;
	gates_init(&g, 2);
	offer(&g, "zebra", A);
	offer(&g, "alpha", A);
	offer(&g, "mango", A);
	start(&g, "zebra");
	start(&g, "alpha");
	assert_null(gates_next(&g));
	assert_true(gates_ended(&g, "alpha", GATE_EV_FAIL, "bad", 300));
	start(&g, "mango");		/* zebra hangs: that is zebra's */
	assert_true(gates_ended(&g, "mango", GATE_EV_PASS, "", 300));
	assert_int_equal(g.running, 1);
	assert_string_equal(gates_find(&g, "alpha")->reason, "bad");
	assert_int_equal(gates_find(&g, "alpha")->since_ms, 300);
	assert_true(gates_ended(&g, "zebra", GATE_EV_HOLD, "late", 400));
	assert_int_equal(g.passed, 1);
	assert_int_equal(g.failed, 1);
	assert_int_equal(g.held, 1);
	gates_fini(&g);
}

static void
who_is_deferred_holds_up_nobody(void **state)
{
	struct gates g;

	(void)state;
	gates_init(&g, 2);
	offer(&g, "zebra", A);
	offer(&g, "alpha", A);
	g.at[1].is_deferred = true;
	start(&g, "alpha");
	assert_null(gates_next(&g));
	g.at[1].is_deferred = false;
	start(&g, "zebra");
	gates_fini(&g);
}

static void
a_newer_candidate_ends_the_probe_of_the_older(void **state)
{
	struct gates g;

	(void)state;
	gates_init(&g, 1);
	assert_false(offer(&g, "docs", A));
	start(&g, "docs");
	assert_false(offer(&g, "docs", A));	/* it is under way */
	assert_true(offer(&g, "docs", B));
	assert_false(offer(&g, "docs", B));
	assert_true(gates_wants(&g, "docs", A));
	assert_true(gates_wants(&g, "docs", B));
	assert_null(gates_next(&g));
	assert_false(gates_ended(&g, "docs", GATE_EV_PASS, "", 300));
	assert_false(gates_wants(&g, "docs", A));
	start(&g, "docs");
	assert_string_equal(gates_find(&g, "docs")->probing, B);
	assert_true(gates_ended(&g, "docs", GATE_EV_PASS, "", 300));
	assert_int_equal(g.passed, 1);
	assert_false(gates_wants(&g, "docs", B));
	gates_fini(&g);
}

static void
a_failure_stands_until_something_is_offered(void **state)
{
	struct gates g;
	bool stop;
	struct err e;

	(void)state;
	gates_init(&g, 1);
	offer(&g, "docs", A);
	start(&g, "docs");
	assert_true(gates_ended(&g, "docs", GATE_EV_FAIL, "half the rows", 300));
	assert_null(gates_next(&g));
	assert_true(gates_wants(&g, "docs", A));
	/* The same, accepted by somebody. */
	assert_ok(gates_offer(&g, "docs", A, GATE_OF_BUILD, true, 400, &stop, &e), &e);
	start(&g, "docs");
	assert_true(gates_find(&g, "docs")->is_accepted);
	assert_string_equal(gates_find(&g, "docs")->reason, "");
	assert_true(gates_ended(&g, "docs", GATE_EV_PASS, "accepted", 500));
	gates_fini(&g);
}

static void
acceptance_ends_a_probe_that_would_not_know_of_it(void **state)
{
	struct gates g;
	bool stop;
	struct err e;

	(void)state;
	gates_init(&g, 1);
	offer(&g, "docs", A);
	start(&g, "docs");
	assert_ok(gates_offer(&g, "docs", A, GATE_OF_BUILD, true, 400, &stop, &e), &e);
	assert_true(stop);
	assert_false(gates_ended(&g, "docs", GATE_EV_FAIL, "bad", 500));
	start(&g, "docs");
	assert_true(gates_find(&g, "docs")->is_accepted);
	gates_fini(&g);
}

static void
what_is_in_quarantine_is_refused_unprobed(void **state)
{
	struct gates g;
	struct err e;

	(void)state;
	gates_init(&g, 1);
	assert_ok(gates_refuse(&g, "docs", A, GATE_OF_BUILD, "known", 1, &e), &e);
	assert_int_equal(gates_find(&g, "docs")->state, GATE_FAILED);
	assert_string_equal(gates_find(&g, "docs")->reason, "known");
	assert_null(gates_next(&g));
	offer(&g, "docs", B);
	start(&g, "docs");
	assert_ok(gates_refuse(&g, "docs", A, GATE_OF_POINTER, "known", 1, &e), &e);
	assert_string_equal(gates_find(&g, "docs")->candidate, B);
	gates_fini(&g);
}

static void
a_tenant_that_leaves_takes_its_candidate_with_it(void **state)
{
	struct gates g;

	(void)state;
	gates_init(&g, 1);
	offer(&g, "docs", A);
	assert_false(gates_drop(&g, "docs", 1));
	assert_null(gates_find(&g, "docs"));
	offer(&g, "docs", A);
	start(&g, "docs");
	assert_true(gates_drop(&g, "docs", 1));
	offer(&g, "docs", C);			/* back again before it ended */
	assert_null(gates_next(&g));
	assert_false(gates_ended(&g, "docs", GATE_EV_FAIL, "x", 1));
	start(&g, "docs");
	assert_string_equal(gates_find(&g, "docs")->probing, C);
	assert_true(gates_drop(&g, "docs", 1));
	assert_false(gates_ended(&g, "docs", GATE_EV_PASS, "", 1));
	assert_null(gates_find(&g, "docs"));
	assert_false(gates_drop(&g, "nobody", 1));
	gates_fini(&g);
}

/* Whatever happens in whatever order, the counters say what the gates say. */
static void
counters_stay_true_in_a_storm(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	static const char *const candidates[] = {A, B, C};
	struct gates g;
	uint32_t random = 11;
	struct err e;

	(void)state;
	gates_init(&g, 2);
	for (int i = 0; i < 20000; i++) {
		const char *tenant = names[(random >> 9) % 5];
		const char *candidate = candidates[(random >> 5) % 3];
		unsigned running = 0, queued = 0;

		random = random * 1664525 + 1013904223;
		switch ((random >> 20) % 8) {
		case 0:
		case 1:
			offer(&g, tenant, candidate);
			break;
		case 2:
			gates_drop(&g, tenant, i);
			break;
		case 3:
			assert_ok(gates_refuse(&g, tenant, candidate, GATE_OF_BUILD, "x", i, &e),
			    &e);
			break;
		case 4:
		case 5:
			gates_ended(&g, tenant, GATE_EV_PASS + (random >> 16) % 3, "y", i);
			break;
		default:
			if (gates_next(&g) != NULL)
				gates_started(&g, gates_next(&g)->tenant, i);
		}
		for (size_t j = 0; j < g.count; j++) {
			enum gate_state s = g.at[j].state;
			bool runs = s == GATE_PROBING || s == GATE_STALE || s == GATE_LEAVING;
			running += runs;
			queued += s == GATE_QUEUED;
			assert_int_equal(runs, g.at[j].probing[0] != '\0');
			assert_true(s != GATE_CLEAR);
		}
		assert_int_equal(running, g.running);
		assert_int_equal(queued, g.queued);
		assert_true(running <= 2);
	}
	gates_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_state_answers_every_event_as_written),
	    cmocka_unit_test(nobody_waits_for_anothers_verdict),
	    cmocka_unit_test(who_is_deferred_holds_up_nobody),
	    cmocka_unit_test(a_newer_candidate_ends_the_probe_of_the_older),
	    cmocka_unit_test(a_failure_stands_until_something_is_offered),
	    cmocka_unit_test(acceptance_ends_a_probe_that_would_not_know_of_it),
	    cmocka_unit_test(what_is_in_quarantine_is_refused_unprobed),
	    cmocka_unit_test(a_tenant_that_leaves_takes_its_candidate_with_it),
	    cmocka_unit_test(counters_stay_true_in_a_storm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
