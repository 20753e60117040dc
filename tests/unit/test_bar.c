/* test_bar.c - lines about progress, and the file between a build and who is asked about it. */
#include "unit.h"

#include "../../fcgi/bar.h"
#include "../../fcgi/progress.h"
#include "file.h"

static const struct {
	struct bar bar;
	const char *line;
} lines[] = {
    {{"read", 410, 1000, 61.2, 9.6}, "read     [########            ] 410/1000 61/s, 10 s left"},
    {{"read", 0, 1000, -1, -1}, "read     [                    ] 0/1000"},
    {{"list", 12, 0, -1, -1}, "list     12"},
    {{"link", 1000000, 1000000, 5.25, 0}, "link     [####################] 1000000/1000000 5.2/s, 0 s left"},
    {{"index", 1, 3, 0.25, 480}, "index    [######              ] 1/3 0.2/s, 8 min left"},
    {{"index", 5, 3, 1, 10800}, "index    [####################] 5/3 1.0/s, 3 h left"},
    {{"x", UINT64_MAX, UINT64_MAX, 1e300, 1e300},
	"x        [####################] 18446744073709551615/18446744073709551615"},
};

static void
lines_say_what_is_known(void **state)
{
	char out[BAR_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		bar_format(out, &lines[i].bar);
		assert_string_equal(out, lines[i].line);
	}
}

static const char *
members(const char *line)
{
	static struct buf b;

	buf_fini(&b);
	buf_init(&b, 4096);
	progress_put(&b, line);
	return b.data;
}

#define NOTHING "\"step\": null, \"done\": null, \"all\": null, \"rate\": null, \"eta_s\": null"

static void
what_a_build_said_is_not_trusted(void **state)
{
	(void)state;
	assert_string_equal(members("{\"progress\": \"read\", \"done\": 7, \"all\": 9, \"rate\": 2.25, "
				    "\"eta_s\": 0.5}"),
	    "\"step\": \"read\", \"done\": 7, \"all\": 9, \"rate\": 2.2, \"eta_s\": 0.5");
	assert_string_equal(members("{\"progress\": \"list\", \"done\": 7, \"all\": null, "
				    "\"rate\": null, \"eta_s\": null}"),
	    "\"step\": \"list\", \"done\": 7, \"all\": null, \"rate\": null, \"eta_s\": null");
	assert_string_equal(members(""), NOTHING);
	assert_string_equal(members("{\"progress\": \"read\""), NOTHING);
	assert_string_equal(members("{\"progress\": \"\\\"x\", \"done\": 1}"), NOTHING);
	assert_string_equal(members("{\"progress\": \"read\", \"done\": -1}"), NOTHING);
	assert_string_equal(members("{\"progress\": \"read\", \"done\": 1, \"rate\": \"fast\"}"),
	    "\"step\": \"read\", \"done\": 1, \"all\": null, \"rate\": null, \"eta_s\": null");
}

static void
the_file_is_there_while_a_build_is(void **state)
{
	char *data = unit_folder(), path[600], line[PROGRESS_LINE_BYTES];
	struct err e;

	(void)state;
	assert_false(progress_read(line, data, "t"));
	progress_write(data, "t", "{}");	/* no such tenant: no harm */
	snprintf(path, sizeof path, "%s/tenants/t", data);
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	progress_write(data, "t", "{\"progress\": \"read\", \"done\": 1}");
	assert_true(progress_read(line, data, "t"));
	assert_string_equal(line, "{\"progress\": \"read\", \"done\": 1}");
	progress_write(data, "t", "{\"progress\": \"link\", \"done\": 2}");
	assert_true(progress_read(line, data, "t"));
	assert_string_equal(line, "{\"progress\": \"link\", \"done\": 2}");
	progress_remove(data, "t");
	assert_false(progress_read(line, data, "t"));
	unit_folder_gone(data);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_say_what_is_known),
	    cmocka_unit_test(what_a_build_said_is_not_trusted),
	    cmocka_unit_test(the_file_is_there_while_a_build_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
