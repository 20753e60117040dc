/* test_backup.c - what a backup says is in it, read as if an enemy had written it; and copies
 * of databases that are written meanwhile. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../fcgi/backup_list.h"
#include "../../fcgi/backup_place.h"
#include "db.h"
#include "file.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

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

static const char *
path_of(const char *name)
{
	static char path[2][600];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
	return path[turn];
}

static void
save(const char *const *paths, size_t n)
{
	struct backup_list l;
	struct err e;

	backup_list_init(&l);
	snprintf(l.at, sizeof l.at, "2026-01-31T12:00:00Z");
	for (size_t i = 0; i < n; i++)
		assert_ok(backup_list_add(&l, paths[i], i, SHA, &e), &e);
	assert_ok(backup_list_save(&l, folder, &e), &e);
	backup_list_fini(&l);
}

static int
load(struct err *e)
{
	struct backup_list l;
	int rc;

	backup_list_init(&l);
	rc = backup_list_load(&l, folder, e);
	backup_list_fini(&l);
	return rc;
}

static void
a_list_comes_back_sorted(void **state)
{
	static const char *const paths[] = {"tenants/b/current", "pins", "tenants/a/current"};
	struct backup_list l;
	struct err e;
	size_t count;

	(void)state;
	save(paths, 3);
	backup_list_init(&l);
	assert_ok(backup_list_load(&l, folder, &e), &e);
	assert_string_equal(l.at, "2026-01-31T12:00:00Z");
	assert_int_equal(l.count, 3);
	assert_int_equal(backup_list_find(&l, "tenants/a/current")->bytes, 2);
	assert_null(backup_list_find(&l, "tenants/a"));
	assert_string_equal(backup_list_below(&l, "tenants/", &count)->path, "tenants/a/current");
	assert_int_equal(count, 2);
	assert_null(backup_list_below(&l, "tenants/c", &count));
	backup_list_fini(&l);
}

static void
paths_that_lead_elsewhere_are_refused(void **state)
{
	static const char *const bad[] = {"../x", "a/../../x", "/etc/passwd", "a//b", "a/", ".", "",
	    "a/./b", "a\nb", "a/.."};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		save(&bad[i], 1);
		assert_refused(load(&e), &e, ERR_CORRUPT);
	}
}

/* Every prefix, and every byte changed: never taken for whole. */
static void
what_was_cut_or_changed_is_refused(void **state)
{
	static const char *const paths[] = {"pins", "tenants/a/current"};
	struct err e;
	char *text;
	size_t n;

	(void)state;
	save(paths, 2);
	assert_ok(load(&e), &e);
	assert_ok(file_read(&text, &n, path_of("manifest.jsonl"), 1 << 20, &e), &e);
	for (size_t cut = 0; cut < n; cut++) {
		assert_ok(file_replace(path_of("manifest.jsonl"), text, cut, 0600, &e), &e);
		assert_refused(load(&e), &e, ERR_CORRUPT);
	}
	/* But for the last line, where one blank more or less means nothing. */
	for (size_t i = 0; text[i] != '\0' && memcmp(text + i, "{\"files\"", 8) != 0; i++) {
		text[i] ^= 1;
		assert_ok(file_replace(path_of("manifest.jsonl"), text, n, 0600, &e), &e);
		assert_int_equal(load(&e), -1);
		text[i] ^= 1;
	}
	free(text);
}

static void
a_file_that_is_a_link_is_refused(void **state)
{
	static const struct backup_file f = {.path = "x", .sha256 = SHA};
	struct placed placed;
	struct err e;

	(void)state;
	assert_ok(file_replace(path_of("empty"), "", 0, 0600, &e), &e);
	assert_int_equal(symlink(path_of("empty"), path_of("x")), 0);
	assert_refused(backup_file_check(&f, folder, &e), &e, ERR_CORRUPT);
	assert_int_equal(place_copy(path_of("x"), path_of("y"), 0600, &placed, &e), -1);
	assert_int_equal(access(path_of("y"), F_OK), -1);
	assert_int_equal(unlink(path_of("x")), 0);
	assert_ok(place_copy(path_of("empty"), path_of("x"), 0600, &placed, &e), &e);
	assert_string_equal(placed.sha256, SHA);
	assert_ok(backup_file_check(&f, folder, &e), &e);
}

static int64_t
count_rows(const char *path)
{
	sqlite3_stmt *s;
	sqlite3 *db;
	int64_t n;
	struct err e;

	assert_ok(db_open_foreign(&db, path, &e), &e);
	assert_ok(db_statement(&s, db, "select count(*) from t", &e), &e);
	assert_int_equal(db_step_row(s, &e), 1);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	db_close(db);
	return n;
}

/* A writer holds its transaction open all the while: the copy is of what was committed. */
static void
a_database_is_copied_under_its_writer(void **state)
{
	sqlite3 *db;
	struct err e;

	(void)state;
	assert_ok(db_open_write(&db, path_of("a.db"), &e), &e);
	assert_ok(db_run(db, "create table t(x); insert into t values(1)", &e), &e);
	assert_ok(db_run(db, "begin immediate; insert into t values(2)", &e), &e);
	assert_ok(db_copy(path_of("a.db"), path_of("b.db"), &e), &e);
	assert_ok(db_run(db, "commit", &e), &e);
	assert_int_equal(count_rows(path_of("b.db")), 1);
	assert_int_equal(count_rows(path_of("a.db")), 2);
	assert_int_equal(db_copy(path_of("a.db"), path_of("b.db"), &e), -1);
	db_close(db);
	assert_ok(file_replace(path_of("c.db"), "no database at all", 18, 0600, &e), &e);
	assert_int_equal(db_copy(path_of("c.db"), path_of("d.db"), &e), -1);
	assert_int_equal(access(path_of("d.db"), F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_list_comes_back_sorted),
	    cmocka_unit_test(paths_that_lead_elsewhere_are_refused),
	    cmocka_unit_test(what_was_cut_or_changed_is_refused),
	    cmocka_unit_test(a_file_that_is_a_link_is_refused),
	    cmocka_unit_test(a_database_is_copied_under_its_writer),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
