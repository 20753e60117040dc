/* test_cold.c - the life of a tenant that nobody asks for, step by step and at random. */
#include "unit.h"

#include "../../fcgi/cold.h"

/* Everything speaks for leaving. */
static const struct cold_view idle = {
    .may_leave = true, .has_store = true, .is_idle = true, .is_unused = true, .now_ms = 5000};

static void
there_and_back(void **state)
{
	struct cold c = {0};

	(void)state;
	assert_int_equal(cold_decide(&c, &idle), COLD_SECURE);
	assert_int_equal(cold_decide(&c, &idle), COLD_REST);	/* the child is at it */
	assert_false(cold_is_out(&c));
	cold_secured(&c, true, 6000);
	assert_int_equal(cold_decide(&c, &idle), COLD_LEAVE);
	assert_true(cold_is_out(&c));
	assert_int_equal(cold_decide(&c, &idle), COLD_DROP);
	cold_dropped(&c);
	assert_int_equal(c.state, COLD_AWAY);
	assert_int_equal(cold_decide(&c, &idle), COLD_REST);	/* nobody asks */
	cold_asked(&c);
	assert_int_equal(cold_decide(&c, &idle), COLD_FETCH);
	cold_asked(&c);
	assert_int_equal(cold_decide(&c, &idle), COLD_REST);	/* one fetch for all */
	cold_fetched(&c, true, 7000);
	assert_true(cold_is_out(&c));
	assert_int_equal(cold_decide(&c, &idle), COLD_RETURN);
	assert_int_equal(c.state, COLD_WARM);
	assert_false(c.is_asked);
}

static void
what_is_used_or_asked_for_does_not_leave(void **state)
{
	struct cold_view v = idle;
	struct cold c = {0};

	(void)state;
	v.is_idle = false;
	assert_int_equal(cold_decide(&c, &v), COLD_REST);
	v = idle;
	v.may_leave = false;
	assert_int_equal(cold_decide(&c, &v), COLD_REST);
	assert_int_equal(cold_decide(&c, &idle), COLD_SECURE);
	cold_asked(&c);				/* while it is secured */
	cold_secured(&c, true, 6000);
	assert_int_equal(cold_decide(&c, &idle), COLD_REST);
	assert_int_equal(c.state, COLD_WARM);

	c = (struct cold){.state = COLD_LEAVING};
	v = idle;
	v.is_unused = false;
	assert_int_equal(cold_decide(&c, &v), COLD_REST);
	cold_asked(&c);				/* its files are still here */
	assert_int_equal(cold_decide(&c, &idle), COLD_RETURN);
	assert_int_equal(c.state, COLD_WARM);
	c = (struct cold){.state = COLD_LEAVING};
	v.may_leave = false;			/* a build began */
	assert_int_equal(cold_decide(&c, &v), COLD_RETURN);
}

static void
a_store_that_fails_is_asked_again_later(void **state)
{
	struct cold_view v = idle;
	struct cold c = {0};

	(void)state;
	assert_int_equal(cold_decide(&c, &v), COLD_SECURE);
	cold_secured(&c, false, 6000);
	assert_int_equal(c.state, COLD_WARM);
	assert_int_equal(cold_decide(&c, &v), COLD_REST);
	v.now_ms = 6000 + COLD_SECURE_RETRY_MS;
	assert_int_equal(cold_decide(&c, &v), COLD_SECURE);

	c = (struct cold){.state = COLD_AWAY};
	v = idle;
	for (int64_t wait = COLD_RETRY_MIN_MS; wait < 10 * COLD_RETRY_MAX_MS; wait *= 2) {
		int64_t least = wait < COLD_RETRY_MAX_MS ? wait : COLD_RETRY_MAX_MS;
		cold_asked(&c);
		assert_int_equal(cold_decide(&c, &v), COLD_FETCH);
		cold_fetched(&c, false, v.now_ms);
		assert_true(c.is_missed);
		cold_asked(&c);
		v.now_ms += least - 1;
		assert_int_equal(cold_decide(&c, &v), COLD_REST);
		v.now_ms += 1;
	}
	v.has_store = false;
	assert_int_equal(cold_decide(&c, &v), COLD_REST);
}

static void
for_want_of_a_place_it_waits(void **state)
{
	struct cold c = {0};

	(void)state;
	assert_int_equal(cold_decide(&c, &idle), COLD_SECURE);
	cold_wait(&c);
	assert_int_equal(c.state, COLD_WARM);
	c = (struct cold){.state = COLD_AWAY};
	cold_asked(&c);
	assert_int_equal(cold_decide(&c, &idle), COLD_FETCH);
	cold_wait(&c);
	assert_int_equal(c.state, COLD_AWAY);
	assert_int_equal(cold_decide(&c, &idle), COLD_FETCH);	/* it is not forgotten */
}

/* Whatever happens in whatever order: files are dropped only when the store has them and
 * nobody can be asked for them, and there is never more than one child. */
static void
at_random_nothing_is_dropped_that_is_needed(void **state)
{
	uint64_t x = 1;
	struct cold c = {0};
	bool has_files = true, is_in_store = false, is_served = true;
	unsigned children = 0, dropped = 0, returned = 0;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		struct cold_view v;
		enum cold_step step;
		x = x * 6364136223846793005u + 1442695040888963407u;
		v = (struct cold_view){.may_leave = x >> 33 & 3, .has_store = x >> 35 & 3,
		    .is_idle = x >> 37 & 3, .is_unused = !is_served && (x >> 39 & 1),
		    .now_ms = i * INT64_C(10000)};
		if ((x >> 41 & 15) == 0)
			cold_asked(&c);
		if (children > 0 && (x >> 45 & 3) == 0) {
			bool well = x >> 47 & 1;
			children--;
			if (c.state == COLD_SECURING) {
				is_in_store |= well;
				cold_secured(&c, well, v.now_ms);
			} else {
				assert_int_equal(c.state, COLD_FETCHING);
				has_files |= well;
				cold_fetched(&c, well, v.now_ms);
			}
		}
		step = cold_decide(&c, &v);
		switch (step) {
		case COLD_SECURE:
		case COLD_FETCH:
			assert_int_equal(children, 0);
			if (x >> 48 & 1)
				children++;
			else
				cold_wait(&c);
			break;
		case COLD_LEAVE:
			assert_true(is_in_store);
			is_served = false;
			break;
		case COLD_DROP:
			assert_true(is_in_store && !is_served && v.is_unused);
			has_files = false;
			dropped++;
			cold_dropped(&c);
			break;
		case COLD_RETURN:
			assert_true(has_files);
			is_served = true;
			returned++;
			break;
		default:
			break;
		}
		assert_int_equal(cold_is_out(&c), !is_served);
		assert_true(has_files || c.state == COLD_AWAY || c.state == COLD_FETCHING);
	}
	assert_true(dropped > 100 && returned > 100);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(what_is_used_or_asked_for_does_not_leave),
	    cmocka_unit_test(a_store_that_fails_is_asked_again_later),
	    cmocka_unit_test(for_want_of_a_place_it_waits),
	    cmocka_unit_test(at_random_nothing_is_dropped_that_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
