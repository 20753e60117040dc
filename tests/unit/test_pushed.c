/* test_pushed.c - documents that were sent, kept and listed. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "pushed.h"

static char *base;

static int
set_up(void **state)
{
	(void)state;
	base = unit_folder();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static int
put(const char *key, const char *title, const char *meta, const char *bytes, struct err *e)
{
	const struct pushed_document d = {.key = key, .title = title, .meta = meta, .bytes = bytes,
	    .n = strlen(bytes)};

	return pushed_put(base, "t", &d, e);
}

static int
note(void *context, const struct source_item *item, struct err *e)
{
	char *out = context;

	(void)e;
	snprintf(out + strlen(out), 600, "[%s|%llu|%s|%s]", item->key, (unsigned long long)item->size,
	    item->title != NULL ? item->title : "", item->meta != NULL ? item->meta : "");
	return 0;
}

static void
list(char out[4000])
{
	struct source *s;
	struct err e;

	out[0] = '\0';
	assert_ok(source_pushed_open(&s, base, "t", &e), &e);
	assert_ok(s->list(s, note, out, &e), &e);
	source_close(s);
}

static void
what_was_put_is_listed_and_read_until_it_is_removed(void **state)
{
	struct source_item item = {.key = "../../etc/passwd"};
	char out[4000], *bytes;
	struct source *s;
	struct err e;
	size_t n;
	bool was;

	(void)state;
	list(out);
	assert_string_equal(out, "");
	assert_ok(put("../../etc/passwd", "A \"title\"", "{\"n\": 1}", "one\ntwo", &e), &e);
	assert_ok(put("../../etc/passwd", NULL, "{\"n\": 2}", "newer", &e), &e);
	list(out);
	assert_string_equal(out, "[../../etc/passwd|5||{\"n\": 2}]");
	assert_ok(source_pushed_open(&s, base, "t", &e), &e);
	assert_ok(s->read(s, &item, &bytes, &n, &e), &e);
	assert_string_equal(bytes, "newer");
	assert_int_equal(n, 5);
	free(bytes);
	assert_ok(pushed_remove(base, "t", "../../etc/passwd", &was, &e), &e);
	assert_true(was);
	assert_ok(pushed_remove(base, "t", "../../etc/passwd", &was, &e), &e);
	assert_false(was);
	assert_refused(s->read(s, &item, &bytes, &n, &e), &e, ERR_NOT_FOUND);
	source_close(s);
	list(out);
	assert_string_equal(out, "");
}

static void
a_key_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {"", "a\nb", "\x7f", "\xff\xfe"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(put(bad[i], NULL, NULL, "x", &e), &e, ERR_INPUT);
}

static void
a_damaged_file_ends_the_listing(void **state)
{
	char path[900], out[4000] = "";
	struct source *s;
	struct err e;

	(void)state;
	assert_ok(put("good", NULL, NULL, "bytes", &e), &e);
	snprintf(path, sizeof path, "%s/tenants/t/pushed/aa", base);
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	strcat(path, "/aaaa");
	assert_ok(file_replace(path, "no head", 7, 0644, &e), &e);
	assert_ok(source_pushed_open(&s, base, "t", &e), &e);
	assert_refused(s->list(s, note, out, &e), &e, ERR_CORRUPT);
	assert_ok(file_replace(path, "{\"key\": 1}\n", 11, 0644, &e), &e);
	assert_int_equal(s->list(s, note, out, &e), -1);
	unlink(path);
	/* What a killed writer left is passed by. */
	snprintf(path, sizeof path, "%s/tenants/t/pushed/.unfinished", base);
	assert_ok(file_replace(path, "half", 4, 0644, &e), &e);
	out[0] = '\0';
	assert_ok(s->list(s, note, out, &e), &e);
	assert_string_equal(out, "[good|5||]");
	/* And goes with the next one that comes to its end. */
	assert_ok(pushed_sync(base, "t", &e), &e);
	assert_int_equal(access(path, F_OK), -1);
	source_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_was_put_is_listed_and_read_until_it_is_removed, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_key_that_is_none_is_refused, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_damaged_file_ends_the_listing, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
