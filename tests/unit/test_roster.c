/* test_roster.c - rosters: saved, loaded, found, and refused when damaged. */
#include "unit.h"

#include <unistd.h>

#include "file.h"
#include "roster.h"

static char *folder;

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static void
save_three(uint64_t epoch)
{
	struct roster r = {.epoch = epoch};
	struct err e;

	assert_ok(roster_add(&r, "zeta", "12-0123456789ab", &e), &e);
	assert_ok(roster_add(&r, "alpha", NULL, &e), &e);
	assert_ok(roster_add_cold(&r, "mid.dle", "3-ffffffffffff", &e), &e);
	assert_ok(roster_save(&r, folder, &e), &e);
	roster_fini(&r);
}

static void
a_roster_reads_back_sorted(void **state)
{
	struct roster r;
	struct err e;

	(void)state;
	save_three(7);
	assert_ok(roster_load(&r, folder, 7, &e), &e);
	assert_int_equal(r.count, 3);
	assert_string_equal(r.entries[0].tenant, "alpha");
	assert_int_equal(roster_find(&r, "alpha")->state, ROSTER_BUILDING);
	assert_int_equal(roster_find(&r, "mid.dle")->state, ROSTER_COLD);
	assert_string_equal(roster_find(&r, "mid.dle")->generation, "3-ffffffffffff");
	assert_int_equal(roster_find(&r, "zeta")->state, ROSTER_LIVE);
	assert_string_equal(roster_find(&r, "zeta")->generation, "12-0123456789ab");
	assert_null(roster_find(&r, "mid"));
	assert_null(roster_find(&r, ""));
	roster_fini(&r);
}

static void
bad_names_never_enter(void **state)
{
	struct roster r = {.epoch = 1};
	struct err e;

	(void)state;
	assert_refused(roster_add(&r, "../x", NULL, &e), &e, ERR_TENANT_NAME);
	assert_refused(roster_add(&r, "ok", "../../etc", &e), &e, ERR_INPUT);
	assert_refused(roster_add(&r, "ok", "0-0123456789ab", &e), &e, ERR_INPUT);
	assert_refused(roster_add(&r, "ok", "1-0123456789aB", &e), &e, ERR_INPUT);
	assert_int_equal(r.count, 0);
	roster_fini(&r);
}

static void
any_damage_is_refused(void **state)
{
	char path[600], *bytes;
	size_t n;
	struct roster r;
	struct err e;

	(void)state;
	save_three(9);
	snprintf(path, sizeof path, "%s/roster/9", folder);
	assert_ok(file_read(&bytes, &n, path, 1 << 20, &e), &e);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 4;
		assert_ok(file_replace(path, bytes, n, 0600, &e), &e);
		if (roster_load(&r, folder, 9, &e) == 0)
			fail_msg("byte %zu changed unseen", i);
		bytes[i] ^= 4;
	}
	for (size_t len = 0; len < n; len++) {
		assert_ok(file_replace(path, bytes, len, 0600, &e), &e);
		assert_int_equal(roster_load(&r, folder, 9, &e), -1);
	}
	free(bytes);
}

static void
sweeping_keeps_the_newest_epochs(void **state)
{
	struct roster r;
	struct err e;

	(void)state;
	for (uint64_t epoch = 20; epoch <= 25; epoch++)
		save_three(epoch);
	assert_int_equal(roster_newest(folder), 25);
	assert_ok(roster_sweep(folder, 24, &e), &e);
	assert_refused(roster_load(&r, folder, 23, &e), &e, ERR_NOT_FOUND);
	assert_ok(roster_load(&r, folder, 24, &e), &e);
	roster_fini(&r);
}

static void
ten_thousand_tenants_are_found(void **state)
{
	struct roster r = {.epoch = 30};
	struct err e;
	char name[64];

	(void)state;
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "t%d", i * 7919 % 10000);
		assert_ok(roster_add(&r, name, "1-0123456789ab", &e), &e);
	}
	assert_ok(roster_save(&r, folder, &e), &e);
	roster_fini(&r);
	assert_ok(roster_load(&r, folder, 30, &e), &e);
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "t%d", i);
		assert_string_equal(roster_find(&r, name)->tenant, name);
	}
	roster_fini(&r);
}

static void
what_is_proven_is_remembered(void **state)
{
	char *dir = unit_folder(), path[600];
	struct err e;

	(void)state;
	assert_int_equal(roster_proven(dir), 0);
	snprintf(path, sizeof path, "%s/roster", dir);
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	assert_ok(roster_set_proven(dir, 41, &e), &e);
	assert_ok(roster_set_proven(dir, 18446744073709551615u, &e), &e);
	assert_true(roster_proven(dir) == 18446744073709551615u);
	assert_int_equal(roster_newest(dir), 0);	/* it is no roster */
	snprintf(path, sizeof path, "%s/roster/proven", dir);
	assert_ok(file_replace(path, "7x\n", 3, 0644, &e), &e);
	assert_int_equal(roster_proven(dir), 0);
	unit_folder_gone(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_proven_is_remembered),
	    cmocka_unit_test(a_roster_reads_back_sorted),
	    cmocka_unit_test(bad_names_never_enter),
	    cmocka_unit_test(any_damage_is_refused),
	    cmocka_unit_test(sweeping_keeps_the_newest_epochs),
	    cmocka_unit_test(ten_thousand_tenants_are_found),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
