/* test_err.c - error values, and the one table of codes that doc/API.md repeats. */
#include "unit.h"

#include <errno.h>

#include "file.h"

static void
errno_chooses_the_code(void **state)
{
	struct err e;

	(void)state;
	errno = ENOENT;
	assert_refused(err_sys(&e, ERR_IO, "opening %s", "x"), &e, ERR_NOT_FOUND);
	assert_string_equal(e.text, "opening x: No such file or directory");
	errno = EACCES;
	assert_refused(err_sys(&e, ERR_IO, "x"), &e, ERR_PERMISSION);
	errno = EIO;
	assert_refused(err_sys(&e, ERR_DB, "x"), &e, ERR_DB);
}

static void
long_texts_are_cut_not_spilled(void **state)
{
	char text[2000];
	struct err e;

	(void)state;
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	err_set(&e, ERR_IO, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
	err_prefix(&e, "b");
	assert_int_equal(strncmp(e.text, "b: aaa", 6), 0);
	err_prefix(&e, "%s", text);
	assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
}

static void
slugs_are_unique(void **state)
{
	(void)state;
	for (int i = 0; i < ERR_CODE_MAX; i++)
		for (int k = 0; k < i; k++)
			if (strcmp(err_row(i)->slug, err_row(k)->slug) == 0)
				fail_msg("%s twice", err_row(i)->slug);
}

static void
the_manual_lists_every_code(void **state)
{
	const char *source = getenv("RAGPOOL_SOURCE");
	char path[600], line[400], *text;
	struct err e;

	(void)state;
	snprintf(path, sizeof path, "%s/doc/API.md", source != NULL ? source : ".");
	assert_ok(file_read(&text, NULL, path, 1 << 20, &e), &e);
	for (int i = 1; i < ERR_CODE_MAX; i++) {
		const struct err_row *row = err_row(i);
		snprintf(line, sizeof line, "| `%s` | %d | %d | %s |\n", row->slug,
		    row->http_status, row->exit_code, row->meaning);
		if (strstr(text, line) == NULL)
			fail_msg("doc/API.md lacks the line: %s", line);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(errno_chooses_the_code),
	    cmocka_unit_test(long_texts_are_cut_not_spilled),
	    cmocka_unit_test(slugs_are_unique),
	    cmocka_unit_test(the_manual_lists_every_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
