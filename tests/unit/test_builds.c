/* test_builds.c - the build scheduler: the table, the queue, and its counters. */
#include "unit.h"

#include "../../fcgi/builds.h"

enum { DROP = BUILD_STATE_MAX };

static const struct {
	enum build_state state;
	enum build_event event;
	int next;
} rows[] = {
    {BUILD_CURRENT, BUILD_EV_NEW, BUILD_QUEUED},
    {BUILD_CURRENT, BUILD_EV_RETRY, BUILD_QUEUED},
    {BUILD_CURRENT, BUILD_EV_GONE, DROP},
    {BUILD_QUEUED, BUILD_EV_HAVE, BUILD_CURRENT},
    {BUILD_QUEUED, BUILD_EV_START, BUILD_RUNNING},
    {BUILD_QUEUED, BUILD_EV_GONE, DROP},
    {BUILD_RUNNING, BUILD_EV_NEW, BUILD_STALE},
    {BUILD_RUNNING, BUILD_EV_DONE, BUILD_CURRENT},
    {BUILD_RUNNING, BUILD_EV_FAIL, BUILD_FAILED},
    {BUILD_RUNNING, BUILD_EV_GONE, BUILD_LEAVING},
    {BUILD_STALE, BUILD_EV_DONE, BUILD_QUEUED},
    {BUILD_STALE, BUILD_EV_FAIL, BUILD_QUEUED},
    {BUILD_STALE, BUILD_EV_GONE, BUILD_LEAVING},
    {BUILD_LEAVING, BUILD_EV_HAVE, BUILD_STALE},
    {BUILD_LEAVING, BUILD_EV_SAME, BUILD_STALE},
    {BUILD_LEAVING, BUILD_EV_NEW, BUILD_STALE},
    {BUILD_LEAVING, BUILD_EV_DONE, DROP},
    {BUILD_LEAVING, BUILD_EV_FAIL, DROP},
    {BUILD_FAILED, BUILD_EV_HAVE, BUILD_CURRENT},
    {BUILD_FAILED, BUILD_EV_NEW, BUILD_QUEUED},
    {BUILD_FAILED, BUILD_EV_RETRY, BUILD_QUEUED},
    {BUILD_FAILED, BUILD_EV_GONE, DROP},
    {BUILD_CURRENT, BUILD_EV_WORK, BUILD_QUEUED},
    {BUILD_RUNNING, BUILD_EV_WORK, BUILD_STALE},
    {BUILD_FAILED, BUILD_EV_WORK, BUILD_QUEUED},
    {BUILD_QUEUED, BUILD_EV_CANCEL, BUILD_FAILED},
};

static void
every_state_answers_every_event_as_written(void **state)
{
	(void)state;
	for (int s = 0; s < BUILD_STATE_MAX; s++)
		for (int ev = 0; ev < BUILD_EV_MAX; ev++) {
			size_t n = sizeof rows / sizeof rows[0], i = 0;
			int next = build_next_state((enum build_state)s, (enum build_event)ev);

			while (i < n && ((int)rows[i].state != s || (int)rows[i].event != ev))
				i++;
			if (next != (i < n ? rows[i].next : s))
				fail_msg("%s, event %d: went to %s",
				    build_state_name((enum build_state)s), ev,
				    build_state_name((enum build_state)next));
		}
}

static void
want(struct builds *b, const char *tenant, const char *version, bool have)
{
	struct err e;

	assert_ok(builds_want(b, tenant, version, version, have, &e), &e);
}

/* Starts the next one, which must be this. */
static void
start(struct builds *b, const char *tenant)
{
	const struct build_job *j = builds_next(b);

	assert_non_null(j);
	assert_string_equal(j->tenant, tenant);
	builds_started(b, tenant);
}

static void
builds_run_in_the_order_of_their_wishes_and_never_too_many(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 2);
	want(&b, "zebra", "v1", false);
	want(&b, "alpha", "v1", false);
	want(&b, "mango", "v1", false);
	start(&b, "zebra");
	start(&b, "alpha");
	assert_null(builds_next(&b));
	builds_done(&b, "zebra");
	start(&b, "mango");
	builds_done(&b, "alpha");
	builds_done(&b, "mango");
	assert_null(builds_next(&b));
	assert_int_equal(b.running, 0);
	builds_fini(&b);
}

static void
a_restart_with_live_generations_builds_nothing(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", true);
	want(&b, "beta", "v7", true);
	assert_null(builds_next(&b));
	builds_fini(&b);
}

static void
a_newer_document_lets_the_build_finish_and_runs_again(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", false);
	start(&b, "alpha");
	assert_string_equal(builds_find(&b, "alpha")->building, "v1");
	want(&b, "alpha", "v2", false);
	want(&b, "alpha", "v3", false);
	assert_null(builds_next(&b));
	builds_done(&b, "alpha");
	start(&b, "alpha");
	assert_string_equal(builds_find(&b, "alpha")->building, "v3");
	builds_done(&b, "alpha");
	assert_null(builds_next(&b));
	builds_fini(&b);
}

static void
a_failure_waits_for_another_document_or_an_operator(void **state)
{
	struct builds b;
	struct err e;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", false);
	start(&b, "alpha");
	assert_false(builds_retry(&b, "alpha", false));
	builds_failed(&b, "alpha", "no such folder", false);
	for (int i = 0; i < 10; i++)
		want(&b, "alpha", "v1", false);
	assert_null(builds_next(&b));
	assert_string_equal(builds_find(&b, "alpha")->reason, "no such folder");
	assert_true(builds_retry(&b, "alpha", false));
	start(&b, "alpha");
	builds_failed(&b, "alpha", "still none", false);
	/* The same version, mended. */
	assert_ok(builds_want(&b, "alpha", "v1", "other bytes", false, &e), &e);
	start(&b, "alpha");
	builds_done(&b, "alpha");
	assert_string_equal(builds_find(&b, "alpha")->reason, "");
	assert_false(builds_retry(&b, "nobody", false));
	builds_fini(&b);
}

static void
a_build_that_found_a_lock_held_is_tried_again(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", false);
	start(&b, "alpha");
	builds_failed(&b, "alpha", "another build runs", true);
	assert_null(builds_next(&b));
	assert_int_equal(builds_retry_busy(&b), 1);
	assert_int_equal(builds_retry_busy(&b), 0);
	start(&b, "alpha");
	builds_failed(&b, "alpha", "no such folder", false);
	assert_int_equal(builds_retry_busy(&b), 0);
	builds_fini(&b);
}

static void
a_tenant_that_leaves_during_its_build_keeps_the_place(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", false);
	want(&b, "beta", "v1", false);
	start(&b, "alpha");
	assert_true(builds_forget(&b, "alpha"));
	assert_null(builds_next(&b));
	want(&b, "alpha", "v1", false);		/* back again before it ended */
	assert_null(builds_next(&b));
	builds_failed(&b, "alpha", "ended by a signal", false);
	assert_int_equal(b.running, 0);
	start(&b, "beta");
	assert_true(builds_forget(&b, "beta"));
	builds_failed(&b, "beta", "ended by a signal", false);
	assert_null(builds_find(&b, "beta"));
	start(&b, "alpha");
	assert_false(builds_forget(&b, "nobody"));
	builds_fini(&b);
}

/* Whatever happens in whatever order, the counters say what the jobs say. */
static void
counters_stay_true_in_a_storm(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	static const char *const versions[] = {"v1", "v2"};
	struct builds b;
	uint32_t random = 7;

	(void)state;
	builds_init(&b, 2);
	for (int i = 0; i < 20000; i++) {
		const char *tenant = names[(random >> 9) % 5];
		unsigned running = 0, queued = 0;

		random = random * 1664525 + 1013904223;
		switch ((random >> 20) % 7) {
		case 0:
			want(&b, tenant, versions[random >> 31], (random >> 17) % 4 == 0);
			break;
		case 1:
			builds_done(&b, tenant);
			break;
		case 2:
			builds_failed(&b, tenant, "x", false);
			break;
		case 3:
			builds_forget(&b, tenant);
			break;
		case 4:
			builds_retry(&b, tenant, false);
			break;
		default:
			if (builds_next(&b) != NULL)
				builds_started(&b, builds_next(&b)->tenant);
		}
		for (size_t j = 0; j < b.count; j++) {
			running += b.jobs[j].state == BUILD_RUNNING ||
			    b.jobs[j].state == BUILD_STALE || b.jobs[j].state == BUILD_LEAVING;
			queued += b.jobs[j].state == BUILD_QUEUED;
		}
		assert_int_equal(running, b.running);
		assert_int_equal(queued, b.queued);
		assert_true(running <= 2);
	}
	builds_fini(&b);
}

static void
work_waits_its_moment_and_is_built_though_the_version_is_live(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", true);
	builds_tick(&b, 1000);
	builds_work(&b, "alpha", 1500);
	builds_work(&b, "alpha", 9999);		/* the first wish counts */
	assert_null(builds_next(&b));
	assert_int_equal(builds_due(&b), 1500);
	want(&b, "alpha", "v1", true);		/* a reload in between takes nothing away */
	builds_tick(&b, 1500);
	start(&b, "alpha");
	assert_true(builds_find(&b, "alpha")->takes_work);
	want(&b, "alpha", "v1", true);
	builds_work(&b, "alpha", 1600);		/* comes while it runs: once more */
	builds_done(&b, "alpha");
	start(&b, "alpha");
	builds_done(&b, "alpha");
	assert_null(builds_next(&b));
	builds_work(&b, "nobody", 0);
	builds_fini(&b);
}

static void
one_that_sends_all_the_time_takes_turns_with_the_others(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "busy", "v1", true);
	want(&b, "quiet", "v1", true);
	for (int i = 0; i < 5; i++) {
		builds_work(&b, "busy", 0);
		if (i == 0)
			start(&b, "busy");
		builds_work(&b, "quiet", 0);
		builds_work(&b, "busy", 0);
		builds_done(&b, "busy");
		start(&b, "quiet");
		builds_done(&b, "quiet");
		start(&b, "busy");
	}
	builds_fini(&b);
}

static void
a_full_disk_is_waited_for_as_long_as_it_takes(void **state)
{
	int64_t now = 1000;
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", true);
	builds_work(&b, "alpha", 0);
	for (unsigned i = 0; i < 3 * BUILD_TRIES_MAX; i++) {
		builds_tick(&b, now);
		start(&b, "alpha");
		builds_failed(&b, "alpha", "the disk is full", false);
		assert_true(builds_retry_later(&b, "alpha", now, false));
		assert_in_range(builds_due(&b), now + BUILD_BACKOFF_MS, now + BUILD_BACKOFF_MAX_MS);
		now = builds_due(&b);
	}
	builds_fini(&b);
}

static void
a_failure_that_may_pass_is_tried_again_later_and_later_but_not_for_ever(void **state)
{
	int64_t now = 1000, waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000};
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", true);
	builds_work(&b, "alpha", 0);
	for (unsigned i = 0; i < BUILD_TRIES_MAX; i++) {
		builds_tick(&b, now);
		start(&b, "alpha");
		builds_failed(&b, "alpha", "died", false);
		if (i + 1 == BUILD_TRIES_MAX) {
			assert_false(builds_retry_later(&b, "alpha", now, true));
			break;
		}
		assert_true(builds_retry_later(&b, "alpha", now, true));
		builds_work(&b, "alpha", now);	/* more of it does not shorten the wait */
		assert_null(builds_next(&b));
		assert_int_equal(builds_due(&b), now + waits[i]);
		now += waits[i];
	}
	builds_tick(&b, now + 1000000);
	assert_null(builds_next(&b));
	assert_int_equal(builds_due(&b), INT64_MAX);
	builds_work(&b, "alpha", 0);		/* something new: from the beginning */
	start(&b, "alpha");
	builds_done(&b, "alpha");
	assert_int_equal(builds_find(&b, "alpha")->failures, 0);
	builds_fini(&b);
}

static void
what_waits_can_be_cancelled_and_what_runs_not_here(void **state)
{
	struct builds b;

	(void)state;
	builds_init(&b, 1);
	want(&b, "alpha", "v1", true);
	assert_false(builds_cancel(&b, "alpha", "not wanted"));
	builds_work(&b, "alpha", 0);
	assert_true(builds_cancel(&b, "alpha", "not wanted"));
	assert_null(builds_next(&b));
	assert_string_equal(builds_find(&b, "alpha")->reason, "not wanted");
	builds_work(&b, "alpha", 0);
	start(&b, "alpha");
	assert_false(builds_cancel(&b, "alpha", "not wanted"));
	builds_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_state_answers_every_event_as_written),
	    cmocka_unit_test(builds_run_in_the_order_of_their_wishes_and_never_too_many),
	    cmocka_unit_test(a_restart_with_live_generations_builds_nothing),
	    cmocka_unit_test(work_waits_its_moment_and_is_built_though_the_version_is_live),
	    cmocka_unit_test(one_that_sends_all_the_time_takes_turns_with_the_others),
	    cmocka_unit_test(a_failure_that_may_pass_is_tried_again_later_and_later_but_not_for_ever),
	    cmocka_unit_test(what_waits_can_be_cancelled_and_what_runs_not_here),
	    cmocka_unit_test(a_newer_document_lets_the_build_finish_and_runs_again),
	    cmocka_unit_test(a_failure_waits_for_another_document_or_an_operator),
	    cmocka_unit_test(a_build_that_found_a_lock_held_is_tried_again),
	    cmocka_unit_test(a_tenant_that_leaves_during_its_build_keeps_the_place),
	    cmocka_unit_test(counters_stay_true_in_a_storm),
	    cmocka_unit_test(a_full_disk_is_waited_for_as_long_as_it_takes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
