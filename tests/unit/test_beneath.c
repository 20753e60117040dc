/* test_beneath.c - named paths stay below the folder that is allowed. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "file.h"

static char *base;

static char *
in(const char *name)
{
	static char path[2][800];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", base, name);
	return path[turn];
}

static int
make_folders(void **state)
{
	(void)state;
	base = unit_folder();
	mkdir(in("ok"), 0755);
	mkdir(in("ok/docs"), 0755);
	mkdir(in("secret"), 0755);
	return symlink("../secret", in("ok/out")) | symlink("docs", in("ok/in")) |
	    symlink("/etc", in("ok/etc"));
}

static int
drop_folders(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static void
a_path_is_opened_below_its_root_only(void **state)
{
	static const struct {
		const char *path;
		bool opens;
	} rows[] = {{"ok", true}, {"ok/docs", true}, {"ok/in", true}, {"ok//docs/", true},
	    {"ok/out", false}, {"ok/etc", false}, {"ok/../secret", false}, {"secret", false},
	    {"okay", false}, {"ok/docs/../../secret", false}};
	struct err e;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		fd = beneath_open(in(rows[i].path), in("ok"), O_RDONLY | O_DIRECTORY, &e);
		if ((fd != -1) != rows[i].opens)
			fail_msg("%s", rows[i].path);
		if (fd != -1)
			close(fd);
		else
			assert_string_equal(err_row(e.code)->slug, "source_invalid");
	}
}

static void
the_nearest_allowed_folder_is_chosen(void **state)
{
	char out[100];
	struct err e;

	(void)state;
	assert_ok(beneath_choose(out, sizeof out, "/a/b/c", "/a /a/b:/x", &e), &e);
	assert_string_equal(out, "/a/b");
	assert_ok(beneath_choose(out, sizeof out, "/x", "/a /a/b:/x", &e), &e);
	assert_string_equal(out, "/x");
	assert_ok(beneath_choose(out, sizeof out, "/anything", " ", &e), &e);
	assert_string_equal(out, "");
	assert_refused(beneath_choose(out, sizeof out, "/ab", "/a", &e), &e, ERR_SOURCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_path_is_opened_below_its_root_only),
	    cmocka_unit_test(the_nearest_allowed_folder_is_chosen),
	};
	return cmocka_run_group_tests(tests, make_folders, drop_folders);
}
