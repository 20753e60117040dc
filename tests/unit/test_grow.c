/* test_grow.c - which rows are those of the generation before. */
#include "unit.h"

#include "grow.h"

static void
match(struct grow *g, const char *new, const char *old)
{
	struct index_row a[64] = {{0}}, b[64] = {{0}};
	struct err e;

	for (size_t i = 0; i < strlen(new); i++)
		a[i].chunk = (uint64_t)new[i] << 56;
	for (size_t i = 0; i < strlen(old); i++)
		b[i].chunk = (uint64_t)old[i] << 56;
	assert_ok(grow_match(g, a, (uint32_t)strlen(new), b, (uint32_t)strlen(old), &e), &e);
}

static void
rows_are_matched_by_identity_wherever_they_stand(void **state)
{
	static const uint32_t none = DENSE_NO_ROW;
	static const struct {
		const char *new, *old;
		uint32_t row[4];
		uint32_t same;
	} t[] = {
	    {"abc", "abc", {0, 1, 2}, 3},
	    {"cxa", "abc", {2, none, 0}, 2},
	    {"xyz", "abc", {none, none, none}, 0},
	    {"abc", "", {none, none, none}, 0},
	    {"", "abc", {0}, 0},
	    {"aaa", "aab", {0, 1, none}, 2},	/* of equal ones the first is the first */
	    {"ba", "aab", {2, 0}, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct grow g;
		match(&g, t[i].new, t[i].old);
		for (size_t k = 0; k < strlen(t[i].new); k++)
			if (g.old_row_of_new[k] != t[i].row[k])
				fail_msg("%s from %s: row %zu was %u", t[i].new, t[i].old, k,
				    g.old_row_of_new[k]);
		assert_int_equal(g.same, t[i].same);
		grow_fini(&g);
	}
}

static void
limits_are_where_the_header_says(void **state)
{
	struct grow g = {.rows = 100, .old_rows = 100, .same = 80};

	(void)state;
	assert_false(grow_is_gone_too_much(&g));
	g.same = 79;
	assert_true(grow_is_gone_too_much(&g));
	g = (struct grow){.rows = 100, .old_rows = 98, .same = 95};
	assert_int_equal(grow_changed(&g), 5);		/* five came, three went */
	assert_false(grow_is_trained_too_long_ago(&g, 4));
	assert_true(grow_is_trained_too_long_ago(&g, 5));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_matched_by_identity_wherever_they_stand),
	    cmocka_unit_test(limits_are_where_the_header_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
