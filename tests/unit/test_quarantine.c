/* test_quarantine.c - what may not serve: kept, found by content, bounded, never misread. */
#include "unit.h"

#include "../../fcgi/quarantine.h"
#include "file.h"

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
add(struct quarantine *q, const char *tenant, const char *generation, int64_t since)
{
	struct err e;

	assert_ok(quarantine_add(q, tenant, generation, "bad", since, &e), &e);
}

static void
an_entry_stands_for_its_content(void **state)
{
	struct quarantine q = {0};

	(void)state;
	add(&q, "docs", "4-0123456789ab", 100);
	assert_non_null(quarantine_find(&q, "docs", "4-0123456789ab"));
	assert_non_null(quarantine_find(&q, "docs", "9-0123456789ab"));
	assert_null(quarantine_find(&q, "docs", "4-0123456789ac"));
	assert_null(quarantine_find(&q, "doc", "4-0123456789ab"));
	add(&q, "docs", "9-0123456789ab", 200);
	assert_int_equal(q.count, 1);
	assert_int_equal(q.at[0].since_s, 100);
	assert_true(quarantine_remove(&q, "docs", "9-0123456789ab"));
	assert_false(quarantine_remove(&q, "docs", "4-0123456789ab"));
	quarantine_fini(&q);
}

static void
it_reads_back_as_it_was(void **state)
{
	struct quarantine q = {0}, back = {0};
	size_t count;
	struct err e;

	(void)state;
	add(&q, "zeta", "1-aaaaaaaaaaaa", 5);
	add(&q, "docs", "7-bbbbbbbbbbbb", 6);
	assert_ok(quarantine_add(&q, "docs", "3-cccccccccccc", "two\nlines\tof it", 7, &e), &e);
	assert_ok(quarantine_save(&q, folder, &e), &e);
	assert_ok(quarantine_load(&back, folder, &e), &e);
	assert_int_equal(back.count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(back.at[i].tenant, q.at[i].tenant);
		assert_string_equal(back.at[i].generation, q.at[i].generation);
		assert_string_equal(back.at[i].reason, q.at[i].reason);
		assert_int_equal(back.at[i].since_s, q.at[i].since_s);
	}
	assert_string_equal(
	    quarantine_find(&back, "docs", "3-cccccccccccc")->reason, "two lines of it");
	assert_non_null(quarantine_of(&back, "docs", &count));
	assert_int_equal(count, 2);
	assert_int_equal(quarantine_remove_all(&back, "docs"), 2);
	assert_null(quarantine_of(&back, "docs", &count));
	assert_int_equal(back.count, 1);
	quarantine_fini(&q);
	quarantine_fini(&back);
}

static void
no_file_is_an_empty_list(void **state)
{
	struct quarantine q = {0};
	char elsewhere[600];
	struct err e;

	(void)state;
	snprintf(elsewhere, sizeof elsewhere, "%s/none", folder);
	assert_ok(quarantine_load(&q, elsewhere, &e), &e);
	assert_int_equal(q.count, 0);
}

/* Every byte changed, every length cut: refused, and never more than was written. */
static void
a_damaged_file_is_refused_whole(void **state)
{
	struct quarantine q = {0};
	char path[600], *bytes;
	size_t n;
	struct err e;

	(void)state;
	add(&q, "docs", "7-bbbbbbbbbbbb", 6);
	add(&q, "zeta", "1-aaaaaaaaaaaa", 5);
	assert_ok(quarantine_save(&q, folder, &e), &e);
	snprintf(path, sizeof path, "%s/quarantine", folder);
	assert_ok(file_read(&bytes, &n, path, 1 << 20, &e), &e);
	for (size_t i = 0; i < n; i++) {
		bytes[i] ^= 0x15;
		assert_ok(file_replace(path, bytes, n, 0640, &e), &e);
		assert_refused(quarantine_load(&q, folder, &e), &e, ERR_CORRUPT);
		assert_int_equal(q.count, 0);
		bytes[i] ^= 0x15;
		assert_ok(file_replace(path, bytes, i, 0640, &e), &e);
		assert_refused(quarantine_load(&q, folder, &e), &e, ERR_CORRUPT);
	}
	free(bytes);
	quarantine_fini(&q);
}

static void
names_that_are_none_never_enter(void **state)
{
	struct quarantine q = {0};
	struct err e;

	(void)state;
	assert_refused(
	    quarantine_add(&q, "../up", "1-aaaaaaaaaaaa", "x", 1, &e), &e, ERR_TENANT_NAME);
	assert_refused(quarantine_add(&q, "docs", "current", "x", 1, &e), &e, ERR_INPUT);
	assert_int_equal(q.count, 0);
	quarantine_fini(&q);
}

static void
the_oldest_gives_way(void **state)
{
	struct quarantine q = {0};
	char name[GENERATION_NAME_BYTES], tenant[32];
	size_t count;

	(void)state;
	for (int i = 0; i < QUARANTINE_PER_TENANT + 2; i++) {
		snprintf(name, sizeof name, "%d-%012x", i + 1, i * 7919);
		add(&q, "docs", name, 1000 + i);
	}
	quarantine_of(&q, "docs", &count);
	assert_int_equal(count, QUARANTINE_PER_TENANT);
	assert_null(quarantine_find(&q, "docs", "1-000000000000"));
	for (int i = 0; i < QUARANTINE_MAX; i++) {
		snprintf(tenant, sizeof tenant, "t%d", i);
		add(&q, tenant, "1-aaaaaaaaaaaa", 2000 + i);
	}
	assert_int_equal(q.count, QUARANTINE_MAX);
	assert_null(quarantine_of(&q, "docs", &count));
	assert_non_null(quarantine_find(&q, "t0", "1-aaaaaaaaaaaa"));
	quarantine_fini(&q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_entry_stands_for_its_content),
	    cmocka_unit_test(it_reads_back_as_it_was),
	    cmocka_unit_test(no_file_is_an_empty_list),
	    cmocka_unit_test(a_damaged_file_is_refused_whole),
	    cmocka_unit_test(names_that_are_none_never_enter),
	    cmocka_unit_test(the_oldest_gives_way),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
