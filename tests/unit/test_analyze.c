/* test_analyze.c - text to terms: every script, offsets into the text as given. */
#include "unit.h"

#include "analyze.h"
#include "bounds.h"

/* Terms joined as "term[start,end) ", a stop word with "*" behind it. */
struct collected {
	char out[4096];
	size_t len;
	int stop_at;	/* answer 7 at the term of this number */
	int terms;
	bool with_offsets;
};

static int
collect(void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
{
	struct collected *c = context;

	assert_in_range(len, 1, TERM_BYTES_MAX);
	assert_true(start < end);
	if (++c->terms == c->stop_at)
		return 7;
	c->len += (size_t)snprintf(c->out + c->len, sizeof c->out - c->len, "%s%.*s%s",
	    c->len > 0 ? " " : "", (int)len, term, flags & ANALYZE_STOP_WORD ? "*" : "");
	if (c->with_offsets)
		c->len += (size_t)snprintf(
		    c->out + c->len, sizeof c->out - c->len, "[%zu,%zu)", start, end);
	return 0;
}

static const char *
terms_of(const char *language, const char *text, size_t len, bool with_offsets)
{
	static struct collected c;
	struct analyzer *a;
	struct err e;

	memset(&c, 0, sizeof c);
	c.with_offsets = with_offsets;
	assert_ok(analyzer_new(&a, language, &e), &e);
	assert_int_equal(analyze(a, text, len, collect, &c), 0);
	analyzer_free(a);
	return c.out;
}

static void
text_becomes_these_terms(void **state)
{
	static const struct {
		const char *language, *text, *terms;
	} t[] = {
	    {"english", "", ""},
	    {"english", " .,; \n", ""},
	    {"english", "The running Dogs", "the* run dog"},
	    {"english", "to be or not", "to* be* or* not*"},
	    {"english", "theirs thea", "their thea"},
	    {"english", "don't stop: it's the dog's", "don stop it* the* dog"},
	    {"english", "we\xe2\x80\x99ve o\xe2\x80\x99 x'y 'll", "we o x y ll"},
	    {"english", "snake_case camelCase v2.0 1,000", "snake case camelcas v2 0 1 000"},
	    {"english", "na\xc3\xafve NAI\xcc\x88VE caf\xc3\xa9", "naiv naiv cafe"},
	    {"english", "\xef\xac\x81le \xe2\x91\xa0 \xc2\xb2 \xef\xbc\xa1\xef\xbc\xa2", "file 1 2 ab"},
	    {"english", "STRASSE Stra\xc3\x9f" "e", "strass strass"},
	    {"english", "soft\xc2\xadhyphen zero\xe2\x80\x8bwidth", "softhyphen zero width"},
	    {"english", "\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0 runs",
	        "\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0 run"},
	    {"english", "中华人民", "中华 华人 人民"},
	    {"english", "我", "我"},
	    {"english", "我,你好", "我 你好"},
	    {"english", "使用GPU加速2024年", "使用 gpu 加速 2024 年"},
	    {"english", "東京タワーへ", "東京 京タ タワ ワー ーへ"},
	    {"english", "ｶﾞｷﾞ", "ガギ"},
	    {"english", "か\xe3\x82\x99き", "がき"},
	    {"english", "㍿", "株式 式会 会社"},
	    {"english", "가나다 라", "가나 나다 라"},
	    {"english", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "각"},
	    {"english", "中・国", "中 国"},
	    {"english", "a\xff" "b\xc3 c\xe4\xb8", "a* b c"},
	    {"english", "\xcc\x81 \xcc\x81", ""},
	    {"none", "The running Dogs don't", "the running dogs don t"},
	    {"none", "Caf\xc3\xa9 CAFE\xcc\x81", "caf\xc3\xa9 caf\xc3\xa9"},
	    {"german", "die H\xc3\xa4user des Hauses", "die haus des haus"},
	    {"french", "l'avion nationale", "l avion national"},
	    {"russian", "\xd0\xba\xd0\xbd\xd0\xb8\xd0\xb3\xd0\xb8 running",
	        "\xd0\xba\xd0\xbd\xd0\xb8\xd0\xb3 running"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const char *got = terms_of(t[i].language, t[i].text, strlen(t[i].text), false);
		if (strcmp(got, t[i].terms) != 0)
			fail_msg("%s \"%s\": \"%s\", not \"%s\"", t[i].language, t[i].text,
			    got, t[i].terms);
	}
}

static void
offsets_point_into_the_text_as_given(void **state)
{
	static const struct {
		const char *text, *terms;
	} t[] = {
	    {"ab  cd", "ab[0,2) cd[4,6)"},
	    {"na\xc3\xafve x", "naiv[0,6) x[7,8)"},
	    {"x\xef\xac\x81le", "xfile[0,6)"},
	    {"中国人", "中国[0,6) 国人[3,9)"},
	    {"a中b国", "a*[0,1) 中[1,4) b[4,5) 国[5,8)"},
	    {"㍿人", "株式[0,3) 式会[0,3) 会社[0,3) 社人[0,6)"},
	    {"ｶﾞｷ", "ガキ[0,9)"},
	    {"e\xcc\x81" "a", "ea[0,4)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const char *got = terms_of("english", t[i].text, strlen(t[i].text), true);
		if (strcmp(got, t[i].terms) != 0)
			fail_msg("\"%s\": \"%s\", not \"%s\"", t[i].text, got, t[i].terms);
	}
}

static void
long_words_are_cut_at_a_character(void **state)
{
	char text[400];
	size_t n = 0;

	(void)state;
	memset(text, 'q', 300);
	assert_int_equal(strlen(terms_of("english", text, 300, false)), TERM_BYTES_MAX);
	for (int i = 0; i < 40; i++) {	/* 21 characters of 3 bytes fit into 64 */
		memcpy(text + n, "\xe1\xb8\x80", 3);
		n += 3;
	}
	assert_int_equal(strlen(terms_of("none", text, n, false)), 63);
}

static void
a_nul_byte_separates_words(void **state)
{
	(void)state;
	assert_string_equal(terms_of("english", "ab\0cd", 5, false), "ab cd");
}

static void
callback_can_end_the_walk(void **state)
{
	static const char *const texts[] = {"one two three", "中国人民", "é ü x", "a b ", "a中国人b"};
	struct analyzer *a;
	struct err e;

	(void)state;
	assert_ok(analyzer_new(&a, "english", &e), &e);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct collected c = {.stop_at = 2};
		assert_int_equal(analyze(a, texts[i], strlen(texts[i]), collect, &c), 7);
		assert_int_equal(c.terms, 2);
	}
	analyzer_free(a);
}

static void
unknown_language_is_refused(void **state)
{
	struct analyzer *a;
	struct err e;

	(void)state;
	assert_refused(analyzer_new(&a, "klingon", &e), &e, ERR_RANGE);
	assert_null(a);
	assert_refused(analyzer_new(&a, "", &e), &e, ERR_RANGE);
}

static int
check_bounds(void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
{
	size_t *text_len = context;

	(void)flags;
	assert_in_range(len, 1, TERM_BYTES_MAX);
	assert_true(start < end && end <= *text_len);
	assert_null(memchr(term, '\0', len));
	return 0;
}

/* Random bytes, half of them pieces of UTF-8, walk without a read outside the text. */
static void
any_bytes_are_walked_safely(void **state)
{
	static const char *const piece[] = {"a", "'s", " ", "\xcc\x81", "ｶ", "ﾞ", "㍿", "\xe1\x84\x80",
	    "\xe1\x85\xa1", "中", "\xef\xb7\xba", "\xf0\x9f\x98\x80", "\xe2\x80\x99", "\xe0\xb8\x97",
	    "\xe0\xb8\xb5", "\xc3", "\xf4\x8f\xbf\xbf"};
	struct analyzer *a;
	struct err e;
	uint32_t random = 7;

	(void)state;
	assert_ok(analyzer_new(&a, "english", &e), &e);
	for (int round = 0; round < 20000; round++) {
		char text[200];
		size_t n = 0, want;
		char *exact;

		random = random * 1664525 + 1013904223;
		want = (random >> 8) % 120;
		while (n < want) {
			random = random * 1664525 + 1013904223;
			if (random >> 31) {
				const char *p = piece[(random >> 8) % (sizeof piece / sizeof *piece)];
				memcpy(text + n, p, strlen(p));
				n += strlen(p);
			} else {
				text[n++] = (char)(random >> 8);
			}
		}
		exact = malloc(n + 1);	/* so that the sanitizer sees a read past the end */
		memcpy(exact, text, n);
		exact = realloc(exact, n > 0 ? n : 1);
		assert_int_equal(analyze(a, exact, n, check_bounds, &n), 0);
		free(exact);
	}
	analyzer_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_becomes_these_terms),
	    cmocka_unit_test(offsets_point_into_the_text_as_given),
	    cmocka_unit_test(long_words_are_cut_at_a_character),
	    cmocka_unit_test(a_nul_byte_separates_words),
	    cmocka_unit_test(callback_can_end_the_walk),
	    cmocka_unit_test(unknown_language_is_refused),
	    cmocka_unit_test(any_bytes_are_walked_safely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
