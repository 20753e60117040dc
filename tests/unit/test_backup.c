/* test_backup.c - what a backup says is in it, read as if an enemy had written it; copies of
 * databases that are written meanwhile; uploaded files, there and back. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../../fcgi/backup_list.h"
#include "../../fcgi/backup_place.h"
#include "../../fcgi/backup_uploads.h"
#include "db.h"
#include "file.h"
#include "uploads.h"

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

/* ---- uploaded files ---- */

enum { MINUTE = 60, YEAR = 366 * 86400 };

static void
send_file(const char *area, const char *text, int64_t expires, struct upload *u)
{
	static const struct upload_limits roomy = {.bytes = 1 << 20, .files = 10};
	struct upload_writer w;
	struct err e;

	*u = (struct upload){.name = "a.md", .purpose = "assistants", .expires = expires};
	assert_ok(file_make_dirs(path_of("data/inbox"), 0755, &e), &e);
	assert_ok(upload_begin(&w, path_of("data"), area, &e), &e);
	assert_ok(upload_write(&w, text, strlen(text), &e), &e);
	assert_ok(upload_commit(&w, u, &roomy, &e), &e);
}

/* A backup of these areas in the folder `name`, on the one in the folder `before`. */
static void
back_up(const char *name, const char *before, bool copies, const char *a, const char *b,
    uint64_t *new_bytes)
{
	char to[600], last[600] = "", data[600];
	struct backup_list l, listed;
	struct place p = {.folder = to, .list = &l, .listed = &listed, .copies = copies};
	struct err e;

	snprintf(to, sizeof to, "%s", path_of(name));
	snprintf(data, sizeof data, "%s", path_of("data"));
	backup_list_init(&l);
	backup_list_init(&listed);
	snprintf(l.at, sizeof l.at, "2026-01-31T12:00:00Z");
	if (before != NULL) {
		snprintf(last, sizeof last, "%s", path_of(before));
		p.before = last;
		assert_ok(backup_list_load(&listed, last, &e), &e);
	}
	assert_ok(file_make_dirs(to, 0755, &e), &e);
	assert_ok(backup_save_uploads(&p, data, a, &e), &e);
	assert_ok(backup_save_uploads(&p, data, b, &e), &e);
	assert_ok(backup_list_save(&l, to, &e), &e);
	*new_bytes = p.new_bytes;
	backup_list_fini(&l);
	backup_list_fini(&listed);
}

/* area NULL: all of them. */
static int
bring_back(const char *name, const char *area, bool copies, size_t *restored, struct err *e)
{
	char from[600], data[600];
	struct backup_list l;
	struct restore_request r = {.data_dir = data, .backup = from, .list = &l, .copies = copies};
	int rc;

	snprintf(from, sizeof from, "%s", path_of(name));
	snprintf(data, sizeof data, "%s", path_of("data"));
	backup_list_init(&l);
	assert_ok(backup_list_load(&l, from, e), e);
	rc = area != NULL ? restore_uploads_of(&r, area, restored, e) :
			    restore_uploads(&r, restored, e);
	backup_list_fini(&l);
	return rc;
}

static ino_t
inode_of(const char *under, const char *area, const char *id)
{
	char path[UPLOAD_PATH_BYTES], whole[600];
	struct stat st;

	upload_path(path, area, id);
	snprintf(whole, sizeof whole, "%.300s/%s", path_of(under), path);
	return stat(whole, &st) == 0 ? st.st_ino : 0;
}

static void
assert_is_there(const char *area, const struct upload *u, const char *text)
{
	struct upload got;
	struct file_map m;
	struct err e;

	assert_ok(upload_get(&got, &m, path_of("data"), area, u->id, &e), &e);
	assert_int_equal(got.bytes, strlen(text));
	assert_memory_equal(m.data, text, strlen(text));
	assert_int_equal(got.expires, u->expires);
	assert_int_equal(got.created, u->created);
	file_unmap(&m);
}

static void
remove_files(void)
{
	struct err e;

	assert_ok(file_remove_tree(path_of("data"), &e), &e);
}

static void
uploads_come_back_with_their_time(void **state)
{
	int64_t in_a_year = (int64_t)time(NULL) + YEAR;
	struct upload kept, ends;
	uint64_t new_bytes;
	size_t restored;
	struct err e;

	(void)state;
	for (int copies = 0; copies < 2; copies++) {
		send_file("t-a", "for ever", 0, &kept);
		send_file("k-1", "for a year", in_a_year, &ends);
		back_up("first", NULL, copies, "t-a", "k-1", &new_bytes);
		assert_true(copies ? new_bytes > 0 : new_bytes == 0);
		assert_true((inode_of("first", "t-a", kept.id) ==
				inode_of("data", "t-a", kept.id)) == !copies);
		back_up("second", "first", copies, "t-a", "k-1", &new_bytes);
		assert_int_equal(new_bytes, 0);
		assert_int_equal(
		    inode_of("second", "k-1", ends.id), inode_of("first", "k-1", ends.id));
		remove_files();
		assert_ok(bring_back("second", "t-a", copies, &restored, &e), &e);
		assert_int_equal(restored, 1);
		assert_is_there("t-a", &kept, "for ever");
		assert_int_equal(inode_of("data", "k-1", ends.id), 0);
		assert_ok(bring_back("second", NULL, copies, &restored, &e), &e);
		assert_int_equal(restored, 1);		/* the other was there */
		assert_is_there("k-1", &ends, "for a year");
		assert_ok(bring_back("second", NULL, copies, &restored, &e), &e);
		assert_int_equal(restored, 0);
		remove_files();
		assert_ok(file_remove_tree(path_of("first"), &e), &e);
		assert_ok(file_remove_tree(path_of("second"), &e), &e);
	}
}

/* A backup that was carried by something that keeps no times of files. */
static void
the_time_is_the_manifests(void **state)
{
	int64_t in_a_year = (int64_t)time(NULL) + YEAR;
	struct upload u;
	char path[UPLOAD_PATH_BYTES], whole[600];
	uint64_t new_bytes;
	size_t restored;
	struct err e;

	(void)state;
	send_file("t-a", "carried", in_a_year, &u);
	back_up("carried", NULL, true, "t-a", "t-b", &new_bytes);
	remove_files();
	upload_path(path, "t-a", u.id);
	snprintf(whole, sizeof whole, "%.300s/%s", path_of("carried"), path);
	assert_int_equal(utimensat(AT_FDCWD, whole, NULL, 0), 0);
	assert_ok(bring_back("carried", NULL, false, &restored, &e), &e);
	assert_is_there("t-a", &u, "carried");
	assert_int_not_equal(inode_of("data", "t-a", u.id), inode_of("carried", "t-a", u.id));
	remove_files();
}

static void
what_is_there_or_has_expired_is_left_alone(void **state)
{
	int64_t now = (int64_t)time(NULL);
	struct upload here, old, soon;
	uint64_t new_bytes;
	struct backup_list l;
	size_t restored;
	ino_t inode;
	struct err e;

	(void)state;
	send_file("t-a", "here", 0, &here);
	send_file("t-a", "old", now - MINUTE, &old);
	send_file("t-a", "soon", now + MINUTE, &soon);
	back_up("some", NULL, true, "t-a", "t-b", &new_bytes);
	assert_int_equal(inode_of("some", "t-a", old.id), 0);	/* not even saved */
	assert_int_not_equal(inode_of("some", "t-a", soon.id), 0);
	assert_ok(upload_remove(path_of("data"), "t-a", soon.id, &e), &e);
	/* A minute passes. */
	backup_list_init(&l);
	assert_ok(backup_list_load(&l, path_of("some"), &e), &e);
	for (size_t i = 0; i < l.count; i++)
		if (l.files[i].expires != 0)
			l.files[i].expires -= 2 * MINUTE;
	assert_ok(backup_list_save(&l, path_of("some"), &e), &e);
	backup_list_fini(&l);
	inode = inode_of("data", "t-a", here.id);
	assert_ok(bring_back("some", NULL, false, &restored, &e), &e);
	assert_int_equal(restored, 0);
	assert_int_equal(inode_of("data", "t-a", here.id), inode);
	assert_int_equal(inode_of("data", "t-a", soon.id), 0);
	remove_files();
}

/* Of two one is damaged: the other comes back. */
static void
a_damaged_upload_stays_away_and_hinders_no_other(void **state)
{
	struct upload good, bad;
	char path[UPLOAD_PATH_BYTES], whole[600];
	uint64_t new_bytes;
	size_t restored;
	struct err e;

	(void)state;
	send_file("k-1", "bad", 0, &bad);
	send_file("k-1", "good", 0, &good);
	back_up("hurt", NULL, true, "k-1", "k-2", &new_bytes);
	remove_files();
	upload_path(path, "k-1", bad.id);
	snprintf(whole, sizeof whole, "%.300s/%s", path_of("hurt"), path);
	assert_ok(file_replace(whole, "forged", 6, 0640, &e), &e);
	assert_refused(bring_back("hurt", NULL, false, &restored, &e), &e, ERR_CORRUPT);
	assert_non_null(strstr(e.text, "1 of 2 uploaded files"));
	assert_int_equal(restored, 1);
	assert_is_there("k-1", &good, "good");
	assert_int_equal(inode_of("data", "k-1", bad.id), 0);
	remove_files();
}

static void
uploads_lie_in_an_area_or_nowhere(void **state)
{
#define ID "019ac1234560123456789abc"
	static const char *const bad[] = {"inbox/.files/" ID, "inbox/.files/.bell/" ID,
	    "inbox/.files/T/" ID, "inbox/.files/t-a/lock", "inbox/.files/t-a/" ID "0",
	    "inbox/.files/t-a/b/" ID, "inbox/.files/t-a/.tmp-1-restore",
	    "inbox/.files/t-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaa/" ID};
	static const char *const good = "inbox/.files/t-a/" ID;
	struct restore_request r = {.data_dir = path_of("data"), .backup = folder};
	struct backup_list l;
	size_t restored;
	struct err e;

	(void)state;
	assert_false(backup_is_no_upload(good));
	assert_false(backup_is_no_upload("inbox/a/" ID));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_true(backup_is_no_upload(bad[i]));
		save(&bad[i], 1);
		backup_list_init(&l);
		assert_ok(backup_list_load(&l, folder, &e), &e);
		r.list = &l;
		assert_refused(restore_uploads(&r, &restored, &e), &e, ERR_CORRUPT);
		assert_int_equal(restored, 0);
		assert_int_equal(access(path_of("data"), F_OK), -1);
		backup_list_fini(&l);
	}
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
	    cmocka_unit_test(uploads_come_back_with_their_time),
	    cmocka_unit_test(the_time_is_the_manifests),
	    cmocka_unit_test(what_is_there_or_has_expired_is_left_alone),
	    cmocka_unit_test(a_damaged_upload_stays_away_and_hinders_no_other),
	    cmocka_unit_test(uploads_lie_in_an_area_or_nowhere),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
