/* test_lex_best.c - the k best whatever the order, and which rows of a window are worth a look. */
#include "unit.h"

#include "lex_best.h"
#include "lex_window.h"

enum { ROWS_MAX = 3000, MOST = 1 << 22 };

static uint64_t random_state = 3;

static uint32_t
next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 32);
}

static int
best_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* ---- the k best ---- */

/* Rows 0..n-1 in an order that `step`, prime to n, makes; few different scores, so many ties. */
static void
check_best(struct lex_best *b, uint32_t n, uint32_t k, uint32_t scores, uint32_t step)
{
	uint64_t sorted[ROWS_MAX];
	struct err e;

	assert_ok(lex_best_begin(b, k, &e), &e);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = (uint32_t)((uint64_t)i * step % n);
		uint32_t any = step == 1 ? i : step == n - 1 ? n - i : next_random();
		uint32_t units = 1 + any % scores;
		sorted[i] = (uint64_t)units << 32 | (UINT32_MAX - row);
		lex_best_offer(b, row, units);
		if (i % 700 == 699)
			lex_best_trim(b);
		assert_true(b->held <= k || b->least == 0 || b->held <= b->room);
	}
	qsort(sorted, n, sizeof *sorted, best_first);
	lex_best_end(b);
	assert_int_equal(b->held, n < k ? n : k);
	for (uint32_t i = 0; i < b->held; i++) {
		assert_int_equal(lex_best_row(b, i), UINT32_MAX - (uint32_t)sorted[i]);
		assert_int_equal(lex_best_units(b, i), sorted[i] >> 32);
	}
}

static void
the_best_are_kept_in_order(void **state)
{
	static const uint32_t ks[] = {1, 2, 10, 30, 63, 64, 65, 100, 1000, 5000};
	static const uint32_t ns[] = {1, 2, 15, 16, 17, 18, 97, 127, 1009, 2999};
	struct lex_best b = {0};

	(void)state;
	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
		for (size_t j = 0; j < sizeof ns / sizeof *ns; j++)
			for (uint32_t scores = 1; scores < MOST; scores *= 37) {
				check_best(&b, ns[j], ks[i], scores, 1);
				check_best(&b, ns[j], ks[i], scores, ns[j] > 1 ? ns[j] - 1 : 1);
				check_best(&b, ns[j], ks[i], scores, 1013);
			}
	lex_best_fini(&b);
}

static void
what_is_let_go_of_is_told(void **state)
{
	struct lex_best b = {0};
	struct err e;

	(void)state;
	assert_ok(lex_best_begin(&b, 3, &e), &e);
	for (uint32_t row = 0; row < 3; row++)
		lex_best_offer(&b, row, 10 + row);
	lex_best_trim(&b);
	assert_int_equal(b.least, 0);	/* nothing was too many */
	lex_best_offer(&b, 3, 20);
	lex_best_trim(&b);
	assert_int_equal(b.held, 3);
	assert_int_equal(b.least, 11);
	lex_best_fini(&b);
}

/* ---- windows ---- */

static uint32_t
count_from(const uint32_t *units, uint32_t n, uint32_t least)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++)
		count += units[i] >= least;
	return count;
}

static void
check_window(const uint32_t *units, uint32_t n, uint32_t than)
{
	uint64_t bits[LEX_WINDOW / 64 + 1];
	uint32_t words = (n + 63) / 64;

	bits[words] = 0x5a5a;
	lex_window_above(bits, units, n, than);
	assert_true(bits[words] == 0x5a5a);
	for (uint32_t i = 0; i < words * 64; i++)
		if ((bits[i / 64] >> i % 64 & 1) != (i < n && units[i] > than))
			fail_msg("%u rows above %u: row %u of %u units", n, than, i, units[i]);
}

/* The best the k hands can tell is near the k-th best of all. */
static void
check_floor(const uint32_t *units, uint32_t n, uint32_t k)
{
	uint32_t floor = lex_window_floor(units, n, k, MOST), above;

	if (floor == 0)
		return;
	above = count_from(units, n, floor);
	if (above < k)
		fail_msg("%u rows: %u of %u wanted have %u units", n, above, k, floor);
}

static void
windows_tell_what_passes(void **state)
{
	static uint32_t units[LEX_WINDOW + LEX_WINDOW_TAIL];
	static const uint32_t ns[] = {1, 7, 8, 63, 64, 65, 511, 512, 513, 4096, 10313, LEX_WINDOW};

	(void)state;
	for (size_t i = 0; i < sizeof ns / sizeof *ns; i++)
		for (uint32_t range = 2; range <= MOST; range *= 64) {
			memset(units, 0, sizeof units);
			for (uint32_t row = 0; row < ns[i]; row++)
				units[row] = next_random() % 3 == 0 ? next_random() % range : 0;
			check_window(units, ns[i], 0);
			check_window(units, ns[i], range / 2);
			for (uint32_t k = 1; k < 400; k = k * 3 / 2 + 1)
				check_floor(units, ns[i], k);
		}
}

static void
a_floor_leaves_few(void **state)
{
	static uint32_t units[LEX_WINDOW + LEX_WINDOW_TAIL];
	uint32_t floor;

	(void)state;
	for (uint32_t row = 0; row < 10000; row++)
		units[row] = next_random() % MOST;
	floor = lex_window_floor(units, 10000, 30, MOST);
	assert_true(floor > 0);
	assert_in_range(count_from(units, 10000, floor), 30, 45);
	memset(units, 0, sizeof units);
	for (uint32_t row = 0; row < 29; row++)
		units[row * 300] = 5;
	assert_int_equal(lex_window_floor(units, 10000, 30, MOST), 0);
	units[9000] = 7;
	assert_int_equal(lex_window_floor(units, 10000, 30, MOST), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_best_are_kept_in_order),
	    cmocka_unit_test(what_is_let_go_of_is_told),
	    cmocka_unit_test(windows_tell_what_passes),
	    cmocka_unit_test(a_floor_leaves_few),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
