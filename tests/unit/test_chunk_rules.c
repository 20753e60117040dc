/* test_chunk_rules.c - separators as regular expressions: strength, place, limits. */
#include "unit_text.h"

#include "clk.h"

static struct chunk_rules *
rules_of(const char *a, const char *b)
{
	const char *const patterns[] = {a, b};
	struct chunk_rules *r;
	struct err e;

	assert_ok(chunk_rules_new(&r, patterns, b != NULL ? 2 : 1, &e), &e);
	return r;
}

static void
bad_patterns_are_refused_with_their_place(void **state)
{
	char longest[CHUNK_SEPARATOR_BYTES + 2];
	const char *many[CHUNK_SEPARATORS_MAX + 1];
	const struct {
		const char *pattern;
		enum err_code code;
	} t[] = {
	    {"(", ERR_INPUT}, {"a{2,1}", ERR_INPUT}, {"\xff", ERR_INPUT}, {"\\C", ERR_INPUT},
	    {"", ERR_RANGE}, {longest, ERR_RANGE},
	    {"((((((((((((((((((((((((((((((((((((((((((((((((((((((((x))))))))))))))))))))))))))))"
	     "))))))))))))))))))))))))))))",
		ERR_INPUT},
	    {"(((a{1,1000}){1,1000}){1,1000})", ERR_INPUT},
	};
	struct chunk_rules *r;
	struct err e;

	(void)state;
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_refused(chunk_rules_new(&r, &t[i].pattern, 1, &e), &e, t[i].code);
		assert_null(r);
		assert_non_null(strstr(e.text, "separator 1"));
	}
	for (size_t i = 0; i <= CHUNK_SEPARATORS_MAX; i++)
		many[i] = "a";
	assert_refused(chunk_rules_new(&r, many, CHUNK_SEPARATORS_MAX + 1, &e), &e, ERR_RANGE);
	longest[CHUNK_SEPARATOR_BYTES] = '\0';
	many[0] = longest;
	assert_ok(chunk_rules_new(&r, many, 1, &e), &e);
	chunk_rules_free(r);
}

static void
cuts_come_in_order_with_the_stronger_rule_first(void **state)
{
	const char *s = "a;b|c;|d";
	static const struct {
		size_t at;
		int cut;
	} want[] = {{2, CUT_RULE}, {4, CUT_RULE + 1}, {6, CUT_RULE}, {7, CUT_RULE + 1}, {0, 0}};
	struct chunk_rules *r = rules_of("\\|", ";");
	enum chunk_cut cut = CUT_INSIDE;
	size_t after = 0, at;
	struct err e;

	(void)state;
	chunk_rules_start(r, s, strlen(s));
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++, after = at) {
		assert_ok(chunk_rules_next(r, after, strlen(s), &at, &cut, &e), &e);
		assert_int_equal(at, want[i].at);
		if (at != 0)
			assert_int_equal(cut, want[i].cut);
	}
	chunk_rules_free(r);
}

/* The segments of the matcher must not be seen: matches across their ends, lookahead
 * over them, anchors at line ends, empty matches. */
static void
segments_leave_no_trace(void **state)
{
	static const char *const patterns[] = {"aX{5000}b", "(?=END)", "\\n(?=line)", "$", "z+",
	    "(?<=aX)X", "\\bEND", "q*"};
	size_t n = 40000;
	char *s = malloc(n + 1);

	(void)state;
	memset(s, 'X', n);
	s[n] = '\0';
	s[3000] = 'a';
	s[8001] = 'b';
	memcpy(s + 4095, "\nline", 5);
	memcpy(s + 4094 + 4096, "END", 3);
	memset(s + 12280, 'z', 20);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct chunk_rules *r = rules_of(patterns[i], NULL);
		enum chunk_cut cut;
		size_t at = 1, last = 0, cuts = 0;
		struct err e;

		chunk_rules_start(r, s, n);
		for (; at != 0; last = at != 0 ? at : last, cuts++)
			assert_ok(chunk_rules_next(r, last, n, &at, &cut, &e), &e);
		if (i == 0)
			assert_int_equal(cuts, 1);	/* the line feed broke the run */
		if (i == 1)
			assert_int_equal(last, 4094 + 4096);
		if (i == 2)
			assert_int_equal(last, 4096);
		if (i == 4)
			assert_int_equal(last, 12300);
		if (i == 5)
			assert_int_equal(last, 3003);
		chunk_rules_free(r);
	}
	free(s);
}

static void
chunks_are_cut_at_separators_before_anything_else(void **state)
{
	struct chunk_params p = {.size = 16, .unit = CHUNK_TOKENS};
	struct text_document d;
	struct chunk_list l;

	(void)state;
	p.rules = rules_of("@@", NULL);
	extract(&d, "a.txt", "One two three four five six seven eight nine@@ten. Eleven twelve "
			     "thirteen. Fourteen.");
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.at[0].end, 46);
	assert_memory_equal(d.text + l.at[0].end - 2, "@@", 2);
	chunk_list_fini(&l);
	text_document_fini(&d);
	chunk_rules_free(p.rules);
}

static void
whole_code_is_not_torn_by_a_separator(void **state)
{
	struct chunk_params p = {.size = 16, .unit = CHUNK_TOKENS};
	struct text_document d;
	struct chunk_list l;

	(void)state;
	p.rules = rules_of("\n", NULL);
	extract(&d, "a.md", "```\na b c\nd e f\n```\n\nSome more words are here, are they not, at last?");
	chunk_checked(&d, &p, &l);
	assert_int_equal(l.at[0].start, 0);
	assert_int_equal(l.at[0].end, 19);
	chunk_list_fini(&l);
	text_document_fini(&d);
	chunk_rules_free(p.rules);
}

static void
a_costly_pattern_ends_in_an_error_soon(void **state)
{
	static const char *const patterns[] = {"(a+)+$", "(a|aa)+b", "(?:a*)*b", "(a?){30}a{30}b"};
	enum { BYTES = 300000 };
	char *s = malloc(BYTES + 1);
	struct text_document d;
	struct chunk_list l;
	struct err e;

	(void)state;
	memset(s, 'a', BYTES);
	for (size_t i = 0; i < BYTES; i += 60)
		s[i] = 'c';
	s[BYTES] = '\0';
	extract(&d, "a.txt", s);
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct chunk_params p = {.size = 64, .unit = CHUNK_TOKENS};
		int64_t began = clk_cpu_ns();

		p.rules = rules_of(patterns[i], NULL);
		if (chunk_document(&d, &p, &l, &e) == 0)
			chunk_list_fini(&l);
		else
			assert_int_equal(e.code, ERR_LIMIT);
		if (clk_cpu_ns() - began > INT64_C(20000000000))
			fail_msg("\"%s\" took too long", patterns[i]);
		chunk_rules_free(p.rules);
	}
	text_document_fini(&d);
	free(s);
}

static void
promises_hold_under_rules(void **state)
{
	static const char *const patterns[] = {"", ".", "\\s+", "(?=\xe4\xb8\xad)", "\\X", "\xcc\x81"};
	const char *s = "# A\n\ne\xcc\x81t\xcc\x81 \xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87 one two three "
			"four five six seven.\n\n```\ncode\n\ncode\n```\n- a\n- b\n\n|x|y|\n|-|-|\n|1|2|\n";
	struct text_document d;

	(void)state;
	extract(&d, "a.md", s);
	for (size_t i = 1; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct chunk_params p = {.size = 16, .overlap = 4, .unit = CHUNK_TOKENS};
		struct chunk_list l;

		p.rules = rules_of(patterns[i], "\\.");
		chunk_checked(&d, &p, &l);
		chunk_list_fini(&l);
		chunk_rules_free(p.rules);
	}
	text_document_fini(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bad_patterns_are_refused_with_their_place),
	    cmocka_unit_test(cuts_come_in_order_with_the_stronger_rule_first),
	    cmocka_unit_test(segments_leave_no_trace),
	    cmocka_unit_test(chunks_are_cut_at_separators_before_anything_else),
	    cmocka_unit_test(whole_code_is_not_torn_by_a_separator),
	    cmocka_unit_test(a_costly_pattern_ends_in_an_error_soon),
	    cmocka_unit_test(promises_hold_under_rules),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
