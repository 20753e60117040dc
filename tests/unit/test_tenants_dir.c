/* test_tenants_dir.c - the watched folder: what is a document, and what an event is. */
#include "unit.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clk.h"
#include "file.h"
#include "../../fcgi/tenants_dir.h"

static char *folder, path[600];
static struct catalog *c;
static struct tenants_dir *d;

static int
begin(void **state)
{
	struct err e;

	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/tenants.d", folder);
	return catalog_new(&c, folder, &e) == 0 && file_make_dirs(path, 0700, &e) == 0 ? 0 : -1;
}

static int
end(void **state)
{
	(void)state;
	tenants_dir_close(d);
	d = NULL;
	catalog_free(c);
	unit_folder_gone(folder);
	return 0;
}

static void
start(void)
{
	struct err e;

	assert_ok(tenants_dir_open(&d, path, c, clk_ms(), &e), &e);
}

static void
put(const char *file, const char *version)
{
	char name[700], text[300];
	struct err e;

	snprintf(name, sizeof name, "%s/%s", path, file);
	snprintf(text, sizeof text,
	    "{\"version\":\"%s\",\"data_source\":{\"type\":\"directory\",\"path\":\"/a\"}}", version);
	assert_ok(file_replace(name, text, strlen(text), 0600, &e), &e);
}

/* Turns the loop until the next change, or until the deadline: "" then. */
static const char *
next_change(int64_t wait_ms)
{
	static char text[100];
	struct catalog_change change;
	int64_t deadline = clk_ms() + wait_ms, now;

	for (;;) {
		if (catalog_next_change(c, &change)) {
			snprintf(text, sizeof text, "%s %s", catalog_change_name(change.kind),
			    change.tenant);
			return text;
		}
		now = clk_ms();
		if (now >= deadline)
			return "";
		struct pollfd p = {.fd = tenants_dir_fd(d), .events = POLLIN};
		int64_t delay = tenants_dir_timeout(d, now);
		if (delay > deadline - now)
			delay = deadline - now;
		if (poll(&p, 1, (int)delay) > 0)
			tenants_dir_on_readable(d, clk_ms());
		tenants_dir_tick(d, clk_ms());
	}
}

enum { SOON = 60000, NEVER = 400 };

static void
only_documents_are_read_at_the_start(void **state)
{
	(void)state;
	put("b.json", "v1");
	put("a.json", "v1");
	put(".hidden.json", "v1");
	put("c.json~", "v1");
	put("d.json.bak", "v1");
	put("Upper.json", "v1");
	put("notes.txt", "v1");
	put(".json", "v1");
	start();
	assert_string_equal(next_change(0), "changed a");
	assert_string_equal(next_change(0), "changed b");
	assert_string_equal(next_change(0), "");
	assert_int_equal(catalog_count(c), 2);
	assert_int_equal(tenants_dir_trouble(d)->code, ERR_NONE);
}

static void
changes_are_seen_without_a_question(void **state)
{
	char name[700], other[700];

	(void)state;
	start();
	put("a.json", "v1");
	assert_string_equal(next_change(SOON), "changed a");
	put("a.json", "v2");
	assert_string_equal(next_change(SOON), "changed a");
	assert_string_equal(catalog_find(c, "a")->config.version, "v2");
	snprintf(name, sizeof name, "%s/a.json", path);
	snprintf(other, sizeof other, "%s/b.json", path);
	assert_int_equal(rename(name, other), 0);
	assert_string_equal(next_change(SOON), "changed b");
	assert_string_equal(next_change(SOON), "removed a");
	assert_int_equal(unlink(other), 0);
	assert_string_equal(next_change(SOON), "removed b");
}

static void
a_file_under_the_pen_is_left_alone(void **state)
{
	char name[700];
	FILE *f;

	(void)state;
	start();
	snprintf(name, sizeof name, "%s/a.json", path);
	f = fopen(name, "w");
	fputs("{\"version\":\"v1\",", f);
	fflush(f);
	assert_string_equal(next_change(NEVER), "");
	fputs("\"data_source\":{\"type\":\"directory\",\"path\":\"/a\"}}", f);
	fclose(f);
	assert_string_equal(next_change(SOON), "changed a");
	assert_int_equal(catalog_find(c, "a")->refusal.code, ERR_NONE);
}

static void
files_that_cannot_be_read_are_refused_by_name(void **state)
{
	char name[700];

	(void)state;
	start();
	snprintf(name, sizeof name, "%s/dir.json", path);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_string_equal(next_change(SOON), "refused dir");
	snprintf(name, sizeof name, "%s/link.json", path);
	assert_int_equal(symlink("/nonexistent", name), 0);
	assert_string_equal(next_change(SOON), "refused link");
	assert_int_equal(catalog_find(c, "link")->refusal.code, ERR_NOT_FOUND);
	assert_int_equal(catalog_find(c, "dir")->refusal.code, ERR_IO);
	assert_int_equal(unlink(name), 0);
	assert_string_equal(next_change(NEVER), "");
	assert_null(catalog_find(c, "link"));
}

static void
many_deletions_in_a_burst_are_one_event(void **state)
{
	char name[700];

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "t%d.json", i);
		put(name, "v1");
	}
	start();
	while (next_change(0)[0] != '\0')
		;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "%s/t%d.json", path, i);
		assert_int_equal(unlink(name), 0);
	}
	assert_memory_equal(next_change(SOON), "gone t", 6);
	while (next_change(0)[0] != '\0')
		;
	assert_int_equal(catalog_count(c), 20);
}

static void
a_folder_that_is_away_removes_nobody(void **state)
{
	char away[700];

	(void)state;
	put("a.json", "v1");
	start();
	assert_string_equal(next_change(0), "changed a");
	snprintf(away, sizeof away, "%s.away", path);
	assert_int_equal(rename(path, away), 0);
	assert_string_equal(next_change(NEVER), "");
	assert_int_equal(tenants_dir_trouble(d)->code, ERR_NOT_FOUND);
	assert_non_null(catalog_find(c, "a"));
	/* another one in its place is read, and watched */
	assert_int_equal(mkdir(path, 0700), 0);
	put("b.json", "v1");
	assert_string_equal(next_change(SOON), "changed b");
	assert_string_equal(next_change(SOON), "removed a");
	put("c.json", "v1");
	assert_string_equal(next_change(SOON), "changed c");
	assert_int_equal(tenants_dir_trouble(d)->code, ERR_NONE);
}

static void
a_folder_that_comes_later_is_found(void **state)
{
	(void)state;
	assert_int_equal(rmdir(path), 0);
	start();
	assert_int_equal(tenants_dir_trouble(d)->code, ERR_NOT_FOUND);
	assert_int_equal(mkdir(path, 0700), 0);
	put("a.json", "v1");
	assert_string_equal(next_change(SOON), "changed a");
}

static void
unchanged_files_are_not_read_again(void **state)
{
	char name[700];
	struct err e;

	(void)state;
	put("a.json", "v1");
	put("b.json", "v1");
	start();
	next_change(0);
	next_change(0);
	/* the catalog forgets what it is told to; a file that was not touched stays away */
	snprintf(name, sizeof name, "%s/x", path);
	assert_ok(file_replace(name, "", 0, 0600, &e), &e);
	assert_string_equal(next_change(NEVER), "");
	assert_int_equal(catalog_count(c), 2);
	tenants_dir_rescan(d, clk_ms());
	assert_string_equal(next_change(0), "");
	assert_int_equal(catalog_count(c), 2);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(only_documents_are_read_at_the_start),
	    T(changes_are_seen_without_a_question),
	    T(a_file_under_the_pen_is_left_alone),
	    T(files_that_cannot_be_read_are_refused_by_name),
	    T(many_deletions_in_a_burst_are_one_event),
	    T(a_folder_that_is_away_removes_nobody),
	    T(a_folder_that_comes_later_is_found),
	    T(unchanged_files_are_not_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
