/* test_pins.c - whose pin holds, and what is left of pins after a restart. */
#include "unit.h"

#include "file.h"
#include "../../fcgi/pins.h"

#define ONE "1-0123456789ab"
#define TWO "2-ba9876543210"

static char *data;

static int
make_folder(void **state)
{
	(void)state;
	data = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(data);
	return 0;
}

static bool
set(struct pins *p, const char *tenant, const char *generation, enum pin_origin origin)
{
	struct err e;
	bool changed;

	assert_ok(pins_set(p, tenant, generation, origin, &changed, &e), &e);
	return changed;
}

static void
the_operators_pin_holds_over_the_fleets(void **state)
{
	struct pins p = {0};

	(void)state;
	assert_null(pins_of(&p, "docs"));
	assert_true(set(&p, "docs", ONE, PIN_CONSUL));
	assert_string_equal(pins_of(&p, "docs")->generation, ONE);
	assert_true(set(&p, "docs", TWO, PIN_OPERATOR));
	assert_string_equal(pins_of(&p, "docs")->generation, TWO);
	assert_true(set(&p, "docs", NULL, PIN_OPERATOR));
	assert_string_equal(pins_of(&p, "docs")->generation, ONE);
	assert_int_equal(pins_of(&p, "docs")->origin, PIN_CONSUL);
	assert_true(set(&p, "docs", NULL, PIN_CONSUL));
	assert_null(pins_of(&p, "docs"));
	pins_fini(&p);
}

static void
what_changes_nothing_is_said_to(void **state)
{
	struct pins p = {0};

	(void)state;
	assert_false(set(&p, "docs", NULL, PIN_CONSUL));
	assert_true(set(&p, "docs", ONE, PIN_CONSUL));
	assert_false(set(&p, "docs", ONE, PIN_CONSUL));
	assert_true(set(&p, "docs", TWO, PIN_CONSUL));
	pins_fini(&p);
}

static void
names_that_are_none_are_refused(void **state)
{
	struct pins p = {0};
	struct err e;
	bool changed;

	(void)state;
	assert_refused(
	    pins_set(&p, "../etc", ONE, PIN_OPERATOR, &changed, &e), &e, ERR_TENANT_NAME);
	assert_int_equal(pins_set(&p, "docs", "../../x", PIN_OPERATOR, &changed, &e), -1);
	assert_int_equal(p.count, 0);
}

static void
pins_outlive_a_restart(void **state)
{
	struct pins p = {0}, q = {0};
	struct err e;
	char name[16];

	(void)state;
	assert_ok(pins_load(&q, data, &e), &e);
	assert_int_equal(q.count, 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "t%d", i * 7919 % 300);
		set(&p, name, i % 2 == 0 ? ONE : TWO, i % 3 == 0 ? PIN_OPERATOR : PIN_CONSUL);
	}
	set(&p, "t7", ONE, PIN_OPERATOR);
	set(&p, "t7", TWO, PIN_CONSUL);
	assert_ok(pins_save(&p, data, &e), &e);
	assert_ok(pins_load(&q, data, &e), &e);
	assert_int_equal(q.count, p.count);
	for (size_t i = 0; i < p.count; i++) {
		assert_string_equal(q.at[i].tenant, p.at[i].tenant);
		assert_string_equal(q.at[i].generation, p.at[i].generation);
		assert_int_equal(q.at[i].origin, p.at[i].origin);
	}
	assert_true(pins_forget(&q, "t7"));
	assert_null(pins_of(&q, "t7"));
	assert_false(pins_forget(&q, "t7"));
	assert_int_equal(q.count, 299);
	pins_fini(&p);
	pins_fini(&q);
}

static void
a_damaged_file_is_refused_whole(void **state)
{
	struct pins p = {0}, q = {0};
	char path[600], *bytes;
	struct err e;
	size_t n;

	(void)state;
	set(&p, "docs", ONE, PIN_OPERATOR);
	set(&p, "news", TWO, PIN_CONSUL);
	assert_ok(pins_save(&p, data, &e), &e);
	snprintf(path, sizeof path, "%s/pins", data);
	assert_ok(file_read(&bytes, &n, path, 4096, &e), &e);
	for (size_t cut = 0; cut < n; cut++) {
		assert_ok(file_replace(path, bytes, cut, 0640, &e), &e);
		assert_refused(pins_load(&q, data, &e), &e, ERR_CORRUPT);
		assert_int_equal(q.count, 0);
	}
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 1;
		assert_ok(file_replace(path, bytes, n, 0640, &e), &e);
		assert_refused(pins_load(&q, data, &e), &e, ERR_CORRUPT);
		bytes[i] ^= 1;
	}
	free(bytes);
	pins_fini(&p);
	pins_fini(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_operators_pin_holds_over_the_fleets),
	    cmocka_unit_test(what_changes_nothing_is_said_to),
	    cmocka_unit_test(names_that_are_none_are_refused),
	    cmocka_unit_test(pins_outlive_a_restart),
	    cmocka_unit_test(a_damaged_file_is_refused_whole),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
