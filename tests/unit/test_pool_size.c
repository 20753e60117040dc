/* test_pool_size.c - how many workers a pool has: every small case, and loads over time. */
#include "unit.h"

#include "../../fcgi/pool_size.h"

static const struct pool_rules fixed = {.manager = POOL_STATIC, .start = 4, .max = 4};
static const struct pool_rules dynamic = {.manager = POOL_DYNAMIC,
    .start = 2,
    .max = 16,
    .min_spare = 1,
    .max_spare = 3,
    .idle_ms = 10000};
static const struct pool_rules ondemand = {
    .manager = POOL_ONDEMAND, .max = 8, .min_spare = 1, .max_spare = 3, .idle_ms = 10000};

/* One tick of a pool whose load is `milli`, served by whoever is there. */
static void
tick(struct pool_size *p, const struct pool_rules *r, uint32_t milli, int64_t now_ms)
{
	uint32_t all = p->target * 1000;
	struct pool_view v = {.load = milli < all ? milli : all,
	    .all_busy = milli >= all,
	    .waiting = milli > all ? (milli - all + 999) / 1000 : 0};

	pool_size_tick(p, r, &v, now_ms);
}

static void
a_static_pool_never_changes(void **state)
{
	struct pool_size p;

	(void)state;
	pool_size_begin(&p, &fixed);
	for (uint32_t load = 0; load <= 8000; load += 250) {
		tick(&p, &fixed, load, load);
		assert_int_equal(p.target, 4);
	}
	assert_int_equal(p.max_reached, 0);
}

/* Every number of workers against every load, by steps of a hundredth of a worker: the next
 * size is within the bounds, grows only when too few are idle, shrinks only when the smaller
 * pool would have been enough, and never both ways for one load. */
static void
every_size_and_load_moves_the_right_way(void **state)
{
	(void)state;
	for (unsigned low = 1; low <= 4; low++)
		for (unsigned high = low; high <= 6; high++)
			for (unsigned n = low; n <= 8; n++)
				for (uint32_t load = 0; load <= n * 1000; load += 10) {
					struct pool_rules r = dynamic;
					struct pool_size p = {.target = n, .rate = 1, .calm_ms = 1};
					uint32_t idle = n * 1000 - load;
					struct pool_view v = {.load = load};
					r.min_spare = low;
					r.max_spare = high;
					r.max = 8;
					pool_size_tick(&p, &r, &v, 20000);
					assert_in_range(p.target, low, 8);
					if (p.target > n)
						assert_true(idle < low * 1000);
					if (idle < low * 1000 && n < 8)
						assert_int_equal(p.target, n + 1);
					if (p.target < n) {
						assert_true(idle > high * 1000);
						assert_true(idle - 1000 >= low * 1000);
					}
				}
}

/* Whatever the steady load, the size settles and stays: no worker comes and goes. */
static void
a_steady_load_ends_in_a_steady_size(void **state)
{
	(void)state;
	for (uint32_t load = 0; load <= 20000; load += 130) {
		struct pool_size p;
		unsigned changes = 0, before;
		int64_t now = 1000;
		pool_size_begin(&p, &dynamic);
		for (int i = 0; i < 200; i++)
			tick(&p, &dynamic, load, now += POOL_TICK_MS);
		before = p.target;
		for (int i = 0; i < 500; i++) {
			tick(&p, &dynamic, load, now += POOL_TICK_MS);
			changes += p.target != before;
			before = p.target;
		}
		if (changes != 0)
			fail_msg("load %u: %u changes after it had settled", load, changes);
	}
}

/* The same when the load is noise around a mean. */
static void
noise_does_not_shake_it(void **state)
{
	struct pool_size p;
	unsigned changes = 0, before;
	uint64_t random = 12345;
	int64_t now = 1000;

	(void)state;
	pool_size_begin(&p, &dynamic);
	for (int i = 0; i < 2000; i++) {
		random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
		before = p.target;
		tick(&p, &dynamic, 3000 + (uint32_t)(random >> 40) % 1500, now += POOL_TICK_MS);
		if (i > 50)
			changes += p.target != before;
	}
	assert_true(changes <= 2);
}

static void
a_burst_is_met_by_one_two_four(void **state)
{
	static const unsigned sizes[] = {3, 5, 9, 16, 16};
	struct pool_size p;
	int64_t now = 1000;

	(void)state;
	pool_size_begin(&p, &dynamic);
	assert_int_equal(p.target, 2);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		tick(&p, &dynamic, 40000, now += POOL_TICK_MS);
		assert_int_equal(p.target, sizes[i]);
	}
	assert_true(p.max_reached >= 1);
}

static void
a_dynamic_pool_shrinks_by_one_a_second_after_its_idle_time(void **state)
{
	struct pool_size p = {.target = 10, .rate = 1};
	int64_t now = 1000;

	(void)state;
	for (int i = 0; i < 10; i++) {
		tick(&p, &dynamic, 0, now += POOL_TICK_MS);
		assert_int_equal(p.target, 10);
	}
	for (unsigned n = 9; n >= 3; n--) {
		tick(&p, &dynamic, 0, now += POOL_TICK_MS);
		assert_int_equal(p.target, n);
	}
	tick(&p, &dynamic, 0, now += POOL_TICK_MS);
	assert_int_equal(p.target, 3);		/* max_spare may be idle */
}

static void
ondemand_starts_with_none_and_ends_with_none(void **state)
{
	struct pool_size p;
	struct pool_view v = {.all_busy = true, .waiting = 3};
	int64_t now = 5000;

	(void)state;
	pool_size_begin(&p, &ondemand);
	assert_int_equal(p.target, 0);
	assert_true(pool_size_wants_demand(&p, &ondemand, true, now));
	assert_false(pool_size_wants_demand(&p, &ondemand, false, now));
	pool_size_demand(&p, &ondemand, &v, now);
	assert_int_equal(p.target, 3);
	while (p.target > 0 && now < 60000)
		tick(&p, &ondemand, 0, now += POOL_TICK_MS);
	assert_int_equal(p.target, 0);
	assert_in_range(now, 15000, 20000);
	tick(&p, &ondemand, 0, now += POOL_TICK_MS);
	assert_int_equal(p.target, 0);
}

static void
ondemand_keeps_who_is_used_now_and_then(void **state)
{
	struct pool_size p = {.target = 1, .rate = 1};
	int64_t now = 5000;

	(void)state;
	for (int i = 0; i < 100; i++)
		tick(&p, &ondemand, i % 9 == 0 ? 2 : 0, now += POOL_TICK_MS);
	assert_int_equal(p.target, 1);
}

static void
demand_forks_no_more_than_the_rate(void **state)
{
	struct pool_rules r = ondemand;
	struct pool_view v = {.all_busy = true, .waiting = 5};
	struct pool_size p;

	(void)state;
	r.max = 256;
	pool_size_begin(&p, &r);
	for (int i = 0; i < 100; i++)
		pool_size_demand(&p, &r, &v, 5000 + i);
	assert_int_equal(p.target, POOL_RATE_MAX);
	assert_false(pool_size_wants_demand(&p, &r, true, 5100));	/* so nobody spins */
	assert_true(pool_size_wants_demand(&p, &r, true, 6000));
	pool_size_demand(&p, &r, &v, 6000);
	assert_int_equal(p.target, POOL_RATE_MAX + 5);
}

static void
demand_beyond_max_is_counted(void **state)
{
	struct pool_size p = {.target = 7, .rate = 1};
	struct pool_view v = {.all_busy = true, .waiting = 5};

	(void)state;
	pool_size_demand(&p, &ondemand, &v, 5000);
	assert_int_equal(p.target, 8);
	assert_int_equal(p.max_reached, 1);
	assert_false(pool_size_wants_demand(&p, &ondemand, true, 9000));
}

static void
new_rules_bound_the_old_size(void **state)
{
	struct pool_size p = {.target = 9, .rate = 8};

	(void)state;
	pool_size_adopt(&p, &fixed);
	assert_int_equal(p.target, 4);
	pool_size_adopt(&p, &dynamic);
	assert_int_equal(p.target, 4);
	pool_size_adopt(&p, &ondemand);
	assert_int_equal(p.target, 4);
	p.target = 0;
	pool_size_adopt(&p, &dynamic);
	assert_int_equal(p.target, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_static_pool_never_changes),
	    cmocka_unit_test(every_size_and_load_moves_the_right_way),
	    cmocka_unit_test(a_steady_load_ends_in_a_steady_size),
	    cmocka_unit_test(noise_does_not_shake_it),
	    cmocka_unit_test(a_burst_is_met_by_one_two_four),
	    cmocka_unit_test(a_dynamic_pool_shrinks_by_one_a_second_after_its_idle_time),
	    cmocka_unit_test(ondemand_starts_with_none_and_ends_with_none),
	    cmocka_unit_test(ondemand_keeps_who_is_used_now_and_then),
	    cmocka_unit_test(demand_forks_no_more_than_the_rate),
	    cmocka_unit_test(demand_beyond_max_is_counted),
	    cmocka_unit_test(new_rules_bound_the_old_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
