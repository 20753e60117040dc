/* test_respawn.c - new processes for all workers: never more than one is missing, whatever
 * the others do meanwhile. */
#include "unit.h"

#include "../../fcgi/respawn.h"

enum { MOST = 5 };
static const struct respawn_times times = {.wait_ms = 1000};
static const struct respawn_times careful = {.wait_ms = 1000, .bake_ms = 5000};

/* A pool in which a replaced worker is away for some time. */
struct model {
	struct respawn r;
	struct respawn_view v[MOST];
	int64_t back_ms[MOST];
	size_t n;
	int64_t now_ms;
	unsigned missing_at_most, orders;
};

static struct model
make(size_t n)
{
	struct model m = {.n = n, .now_ms = 1000};

	for (size_t i = 0; i < n; i++)
		m.v[i] = (struct respawn_view){.wanted = true, .ready = true, .spawned_ms = 10};
	return m;
}

static enum respawn_action
step(struct model *m, const struct respawn_times *t, int64_t away_ms, int64_t by_ms)
{
	enum respawn_action action;
	unsigned missing = 0;

	m->now_ms += by_ms;
	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].ready && m->back_ms[i] != 0 && m->now_ms >= m->back_ms[i]) {
			m->v[i].ready = true;
			m->v[i].spawned_ms = m->back_ms[i];
		}
	action = respawn_look(&m->r, m->v, m->n, true, t, m->now_ms);
	if (action == RESPAWN_REPLACE) {
		m->v[m->r.at].ready = false;
		m->back_ms[m->r.at] = away_ms != 0 ? m->now_ms + away_ms : 0;
		m->orders++;
	}
	for (size_t i = 0; i < m->n; i++)
		missing += m->v[i].wanted && !m->v[i].ready;
	if (missing > m->missing_at_most)
		m->missing_at_most = missing;
	return action;
}

static void
everybody_is_replaced_and_one_is_missing_at_most(void **state)
{
	(void)state;
	for (size_t n = 1; n <= MOST; n++)
		for (int64_t away = 1; away < 900; away += 97) {
			struct model m = make(n);
			uint64_t wish = respawn_begin(&m.r, m.now_ms);
			for (int i = 0; i < 3000 && m.r.done < wish; i++)
				step(&m, &times, away, 10);
			assert_int_equal(m.r.done, wish);
			assert_false(m.r.failed);
			assert_int_equal(m.orders, n);
			assert_int_equal(m.r.replaced, n);
			assert_int_equal(m.missing_at_most, 1);
			for (size_t i = 0; i < n; i++)
				assert_true(m.v[i].spawned_ms >= m.r.since_ms);
		}
}

static void
one_that_does_not_come_up_ends_the_walk(void **state)
{
	struct model m = make(4);

	(void)state;
	respawn_begin(&m.r, m.now_ms);
	for (int i = 0; i < 300; i++)
		step(&m, &times, 0, 10);
	assert_true(m.r.failed);
	assert_int_equal(m.r.phase, RESPAWN_IDLE);
	assert_int_equal(m.orders, 1);
}

static void
nobody_is_told_while_another_is_missing_or_a_roll_runs(void **state)
{
	struct model m = make(3);

	(void)state;
	respawn_begin(&m.r, m.now_ms);
	m.v[2].ready = false;
	assert_int_equal(step(&m, &times, 50, 10), RESPAWN_NOTHING);
	m.v[2].ready = true;
	assert_int_equal(
	    respawn_look(&m.r, m.v, m.n, false, &times, m.now_ms), RESPAWN_NOTHING);
	assert_int_equal(step(&m, &times, 50, 10), RESPAWN_REPLACE);
}

static void
the_first_is_watched_before_the_others_follow(void **state)
{
	struct model m = make(3);

	(void)state;
	respawn_begin(&m.r, m.now_ms);
	for (int i = 0; i < 400; i++)
		step(&m, &careful, 50, 10);
	assert_int_equal(m.orders, 1);
	for (int i = 0; i < 300; i++)
		step(&m, &careful, 50, 10);
	assert_int_equal(m.orders, 3);
	assert_false(m.r.failed);
}

static void
its_death_while_it_is_watched_ends_the_walk(void **state)
{
	struct model m = make(3);

	(void)state;
	respawn_begin(&m.r, m.now_ms);
	for (int i = 0; i < 100; i++)
		step(&m, &careful, 50, 10);
	assert_int_equal(m.r.phase, RESPAWN_BAKE);
	m.v[m.r.at].ready = false;
	m.back_ms[m.r.at] = 0;
	assert_int_equal(step(&m, &careful, 50, 10), RESPAWN_END);
	assert_true(m.r.failed);
}

static void
a_second_wish_replaces_those_of_the_first_too(void **state)
{
	struct model m = make(2);
	uint64_t wish;

	(void)state;
	respawn_begin(&m.r, m.now_ms);
	for (int i = 0; i < 10; i++)
		step(&m, &times, 50, 10);
	wish = respawn_begin(&m.r, m.now_ms + 1);
	for (int i = 0; i < 200 && m.r.done < wish; i++)
		step(&m, &times, 50, 10);
	assert_int_equal(m.r.done, wish);
	assert_true(m.v[0].spawned_ms >= m.r.since_ms && m.v[1].spawned_ms >= m.r.since_ms);
	assert_int_equal(m.missing_at_most, 1);
}

static void
a_slot_that_is_given_up_meanwhile_holds_up_nobody(void **state)
{
	struct model m = make(2);
	uint64_t wish = respawn_begin(&m.r, m.now_ms);

	(void)state;
	step(&m, &times, 0, 10);
	m.v[m.r.at].wanted = false;
	for (int i = 0; i < 100 && m.r.done < wish; i++)
		step(&m, &times, 50, 10);
	assert_int_equal(m.r.done, wish);
	assert_false(m.r.failed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everybody_is_replaced_and_one_is_missing_at_most),
	    cmocka_unit_test(one_that_does_not_come_up_ends_the_walk),
	    cmocka_unit_test(nobody_is_told_while_another_is_missing_or_a_roll_runs),
	    cmocka_unit_test(the_first_is_watched_before_the_others_follow),
	    cmocka_unit_test(its_death_while_it_is_watched_ends_the_walk),
	    cmocka_unit_test(a_second_wish_replaces_those_of_the_first_too),
	    cmocka_unit_test(a_slot_that_is_given_up_meanwhile_holds_up_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
