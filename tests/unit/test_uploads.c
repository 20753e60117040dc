/* test_uploads.c - uploaded files: whole or not there, bounded, forgotten in time. */
#include "unit_inbox.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "uploads.h"

static const struct upload_limits roomy = {.bytes = 1 << 20, .files = 10};

static int
send_file(const char *area, const char *text, int64_t expires, const struct upload_limits *limits,
    struct upload *u, struct err *e)
{
	struct upload_writer w;

	*u = (struct upload){.name = "n\xc3\xa4me.md", .purpose = "assistants", .expires = expires};
	assert_ok(upload_begin(&w, base, area, e), e);
	assert_ok(upload_write(&w, text, strlen(text), e), e);
	return upload_commit(&w, u, limits, e);
}

static size_t
count_of(const char *area)
{
	char(*ids)[UPLOAD_ID_BYTES];
	size_t count;
	struct err e;

	assert_ok(upload_list(&ids, &count, base, area, &e), &e);
	for (size_t i = 1; i < count; i++)
		assert_true(strcmp(ids[i - 1], ids[i]) < 0);
	free(ids);
	return count;
}

static void
what_is_sent_comes_back_and_only_in_its_area(void **state)
{
	struct upload u, got;
	struct file_map m;
	struct err e;

	(void)state;
	assert_ok(send_file("t-a", "the bytes", 0, &roomy, &u, &e), &e);
	assert_true(upload_id_is_valid(u.id));
	assert_ok(upload_get(&got, &m, base, "t-a", u.id, &e), &e);
	assert_int_equal(got.bytes, 9);
	assert_memory_equal(m.data, "the bytes", 9);
	file_unmap(&m);
	assert_string_equal(got.name, "n\xc3\xa4me.md");
	assert_string_equal(got.purpose, "assistants");
	assert_int_equal(got.expires, 0);
	assert_refused(upload_get(&got, NULL, base, "t-b", u.id, &e), &e, ERR_FILE);
	assert_refused(upload_remove(base, "t-b", u.id, &e), &e, ERR_FILE);
	assert_int_equal(count_of("t-a"), 1);
	assert_int_equal(count_of("t-b"), 0);
	assert_ok(upload_remove(base, "t-a", u.id, &e), &e);
	assert_refused(upload_get(&got, NULL, base, "t-a", u.id, &e), &e, ERR_FILE);
	assert_refused(upload_remove(base, "t-a", u.id, &e), &e, ERR_FILE);
}

static void
names_from_outside_lead_nowhere_else(void **state)
{
	static const char *const bad[] = {"", ".", "..", "../t-a", "T", "a/b", ".files"};
	struct upload_writer w;
	struct upload u;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_refused(upload_begin(&w, base, bad[i], &e), &e, ERR_INPUT);
		assert_refused(upload_get(&u, NULL, base, "t-a", bad[i], &e), &e, ERR_FILE);
	}
}

static void
too_many_and_too_much_are_refused_and_leave_nothing(void **state)
{
	const struct upload_limits two = {.files = 2}, few = {.bytes = 100};
	struct upload u;
	struct err e;

	(void)state;
	assert_ok(send_file("k-a", "1", 0, &two, &u, &e), &e);
	assert_ok(send_file("k-a", "2", 0, &two, &u, &e), &e);
	assert_refused(send_file("k-a", "3", 0, &two, &u, &e), &e, ERR_FILES_FULL);
	assert_int_equal(count_of("k-a"), 2);
	assert_refused(send_file("k-a", "4", 0, &few, &u, &e), &e, ERR_FILES_FULL);
	assert_ok(send_file("k-b", "1", 0, &few, &u, &e), &e);	/* another's room is another's */
	assert_ok(upload_sweep(base, 0, &e), &e);
	assert_int_equal(count_of("k-a"), 2);
}

static void
what_has_expired_is_not_there_and_makes_room(void **state)
{
	const struct upload_limits one = {.files = 1};
	int64_t now = (int64_t)time(NULL);
	struct upload u, next, got;
	char path[700];
	struct stat st;
	struct err e;

	(void)state;
	assert_ok(send_file("k-c", "old", now - 5, &one, &u, &e), &e);
	assert_refused(upload_get(&got, NULL, base, "k-c", u.id, &e), &e, ERR_FILE);
	assert_int_equal(count_of("k-c"), 0);
	assert_ok(send_file("k-c", "new", now + 1000, &one, &next, &e), &e);
	assert_ok(upload_get(&got, NULL, base, "k-c", next.id, &e), &e);
	assert_int_equal(got.expires, now + 1000);
	snprintf(path, sizeof path, "%s/inbox/.files/k-c/%s", base, next.id);
	assert_ok(upload_sweep(base, now, &e), &e);
	assert_int_equal(stat(path, &st), 0);
	assert_ok(upload_sweep(base, now + 1000, &e), &e);
	assert_int_equal(stat(path, &st), -1);
}

static void
every_cut_of_a_file_is_refused(void **state)
{
	struct upload u, got;
	char path[700], *bytes;
	struct err e;
	size_t n;

	(void)state;
	assert_ok(send_file("k-d", "some text to cut", 0, &roomy, &u, &e), &e);
	snprintf(path, sizeof path, "%s/inbox/.files/k-d/%s", base, u.id);
	assert_ok(file_read(&bytes, &n, path, 10000, &e), &e);
	for (size_t cut = 0; cut < n; cut++) {
		const struct timespec never[2] = {{0}, {0}};
		assert_ok(file_replace(path, bytes, cut, 0640, &e), &e);
		assert_int_equal(utimensat(AT_FDCWD, path, never, 0), 0);
		assert_refused(upload_get(&got, NULL, base, "k-d", u.id, &e), &e, ERR_CORRUPT);
	}
	free(bytes);
}

static void
a_writer_that_dies_leaves_what_is_swept(void **state)
{
	struct upload_writer w;
	char path[700];
	struct stat st;
	struct err e;

	(void)state;
	assert_ok(upload_begin(&w, base, "k-e", &e), &e);
	assert_ok(upload_sweep(base, 0, &e), &e);
	assert_int_equal(stat(w.tmp, &st), 0);		/* of a process that lives */
	upload_abandon(&w);
	assert_int_equal(stat(w.tmp, &st), -1);
	snprintf(path, sizeof path, "%s/inbox/.files/k-e/.tmp-999999999-0", base);
	assert_ok(file_replace(path, "x", 1, 0640, &e), &e);
	assert_ok(upload_sweep(base, 0, &e), &e);
	assert_int_equal(stat(path, &st), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_sent_comes_back_and_only_in_its_area),
	    cmocka_unit_test(names_from_outside_lead_nowhere_else),
	    cmocka_unit_test(too_many_and_too_much_are_refused_and_leave_nothing),
	    cmocka_unit_test(what_has_expired_is_not_there_and_makes_room),
	    cmocka_unit_test(every_cut_of_a_file_is_refused),
	    cmocka_unit_test(a_writer_that_dies_leaves_what_is_swept),
	};
	return cmocka_run_group_tests(tests, inbox_set_up, inbox_tear_down);
}
