/* test_glob.c - patterns over paths. */
#include "unit.h"

#include "glob.h"

static const struct {
	const char *pattern, *path;
	bool matches;
} rows[] = {
    {"*.md", "a.md", true},
    {"*.md", "x/y/a.md", true},
    {"*.md", "a.mdx", false},
    {"x/*.md", "x/a.md", true},
    {"/x/*.md", "x/a.md", true},
    {"x/*.md", "x/y/a.md", false},
    {"x/**", "x/y/a.md", true},
    {"x/**", "y/x/a.md", false},
    {"**/x/*", "x/a", true},
    {"**/x/*", "p/q/x/a", true},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/1/2/b", true},
    {"a/**/b", "ab", false},
    {"x/", "x/y/a.md", true},
    {"x/", "x", false},
    {"**/node_modules/", "a/node_modules/b/c.js", true},
    {"?.md", "\xe7\x9f\xa5.md", true},
    {"?.md", "/.md", false},
    {"[a-c].md", "b.md", true},
    {"[!a-c].md", "b.md", false},
    {"[\xe4\xb8\x80-\xe9\xbe\xa5].md", "\xe7\x9f\xa5.md", true},
    {"[]x].md", "].md", true},
    {"[a-].md", "-.md", true},
    {"\\*.md", "*.md", true},
    {"\\*.md", "a.md", false},
    {"*", "", true},
    {"**", "a/b/c", true},
    {"a*b*c", "aXbYbZc", true},
    {"a*b*c", "aXbYbZ", false},
};

static void
patterns_match_as_the_table_says(void **state)
{
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = strlen(rows[i].pattern);
		assert_ok(glob_check(rows[i].pattern, n, &e), &e);
		if (glob_match(rows[i].pattern, n, rows[i].path) != rows[i].matches)
			fail_msg("\"%s\" and \"%s\"", rows[i].pattern, rows[i].path);
	}
}

static void
a_pattern_that_means_nothing_is_refused(void **state)
{
	static const char *const bad[] = {"", "[a", "[]", "a[!", "*a*a*a*a*a*a*a*a*a", "\xff"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(glob_check(bad[i], strlen(bad[i]), &e), &e, ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(patterns_match_as_the_table_says),
	    cmocka_unit_test(a_pattern_that_means_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
