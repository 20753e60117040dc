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
	    {"english", "theirs thea", "their* thea"},
	    {"english", "What Does I'm mean?", "what* doe* i* mean"},
	    {"english", "don't stop: it's the dog's", "don* stop it* the* dog"},
	    {"english", "we\xe2\x80\x99ve o\xe2\x80\x99 x'y 'll", "we* o x y ll"},
	    {"english", "snake_case kebab-case v2.0 1,000", "snake case kebab case v2 0 1 000"},
	    {"english", "na\xc3\xafve NAI\xcc\x88VE caf\xc3\xa9", "naiv naiv cafe"},
	    {"english", "\xef\xac\x81le \xe2\x91\xa0 \xc2\xb2 \xef\xbc\xa1\xef\xbc\xa2", "file 1 2 ab"},
	    {"english", "STRASSE Stra\xc3\x9f" "e", "strass strass"},
	    {"english", "soft\xc2\xadhyphen zero\xe2\x80\x8bwidth", "softhyphen zero width"},
	    {"english", "\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0 runs",
	        "\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0 run"},
	    {"english", "中华人民", "中 中华 华 华人 人 人民 民"},
	    {"english", "我", "我"},
	    {"english", "我,你好", "我 你 你好 好"},
	    {"english", "使用GPU加速2024年", "使 使用 用 gpu 加 加速 速 2024 年"},
	    {"english", "東京タワーへ行く", "東 東京 京 京タ タワ ワー ーへ へ行 行 行く"},
	    {"english", "ひらがな の", "ひら らが がな の"},
	    {"english", "人の", "人 人の"},
	    {"english", "の人", "の人 人"},
	    {"english", "ｶﾞｷﾞ", "ガギ"},
	    {"english", "か\xe3\x82\x99き", "がき"},
	    {"english", "㍿", "株 株式 式 式会 会 会社 社"},
	    {"english", "時々 〇", "時 時々 々 〇"},
	    {"english", "가나다 라", "가나 나다 라"},
	    {"english", "\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8", "각"},
	    {"english", "中・国", "中 国"},
	    {"english", "a\xff" "b\xc3 c\xe4\xb8", "a* b c"},
	    {"english", "\xcc\x81 \xcc\x81", ""},
	    {"none", "The running Dogs don't", "the running dogs don t"},
	    {"none", "isValid utf8 为什么", "isvalid is valid utf8 utf 为 为什 什 什么 么"},
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
	    {"中国人", "中[0,3) 中国[0,6) 国[3,6) 国人[3,9) 人[6,9)"},
	    {"a中b国", "a*[0,1) 中[1,4) b[4,5) 国[5,8)"},
	    {"㍿人", "株[0,3) 株式[0,3) 式[0,3) 式会[0,3) 会[0,3) 会社[0,3) 社[0,3) 社人[0,6) 人[3,6)"},
	    {"谁a什么", "谁*[0,3) a*[3,4) 什*[4,7) 什么*[4,10) 么*[7,10)"},
	    {"a runTarget's x", "a*[0,1) runtarget[2,11) run[2,5) target[5,11) x[14,15)"},
	    {"miR21中", "mir21[0,5) mi[0,2) 21[3,5) 中[5,8)"},
	    {"x\xef\xac\x81Le", "xfile[0,6)"},
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
parts_follow_a_compound_word(void **state)
{
	static const char *const t[][2] = {
	    {"runTarget", "runtarget run target"},
	    {"HTTPServer", "httpserver http server"},
	    {"getHTTPResponse2Code", "gethttpresponse2cod get http respons code"},
	    {"miR21 utf8 sha256sum", "mir21 mi 21 utf8 utf sha256sum sha 256 sum"},
	    {"runningDogs", "runningdog run dog"},
	    {"isValid theIDs", "isvalid is* valid theid the* ds"},
	    {"aB v2 X9C 2nd B2B", "ab v2 x9c 2nd nd b2b"},
	    {"Word WORD word 2024 iPhone", "word word word 2024 iphon phone"},
	    {"runTarget中 fooBar\xe2\x80\x94" "x", "runtarget run target 中 foobar foo bar x"},
	    {"中runTarget", "中 runtarget run target"},
	    {"fooBar\xe2\x80\x99s utf8\xef\xbc\x8c", "foobar foo bar utf8 utf"},
	    {"na\xc3\xafveBayes \xef\xbc\xa1" "bCd", "naivebay abcd"},
	    {"run\xc2\xadTarget", "runtarget"},
	    {"fooBa\xcc\x81", "fooba foo ba"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const char *got = terms_of("english", t[i][0], strlen(t[i][0]), false);
		if (strcmp(got, t[i][1]) != 0)
			fail_msg("\"%s\": \"%s\", not \"%s\"", t[i][0], got, t[i][1]);
	}
}

static void
question_phrases_are_stop_words(void **state)
{
	static const char *const t[][2] = {
	    {"谁是王", "谁* 谁是 是 是王 王"},
	    {"为什么要", "为* 为什* 什* 什么* 么* 么要 要"},
	    {"怎么样走", "怎* 怎么* 么* 么样* 样* 样走 走"},
	    {"为什麼嗎", "为 为什 什* 什麼* 麼* 麼嗎* 嗎*"},
	    {"人是什么", "人 人是 是* 是什* 什* 什么* 么*"},
	    {"如何时", "如* 如何* 何* 何时* 时*"},	/* two phrases that overlap */
	    {"请问谁", "请* 请问* 问* 问谁* 谁*"},	/* one after the other */
	    {"什,么", "什 么"},
	    {"什 么", "什 么"},
	    {"几何", "几* 几何 何"},
	    {"什锦如果", "什 什锦 锦 锦如 如 如果 果"},
	    {"の谁の", "の谁 谁* 谁の"},
	    {"谁", "谁*"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const char *got = terms_of("english", t[i][0], strlen(t[i][0]), false);
		if (strcmp(got, t[i][1]) != 0)
			fail_msg("\"%s\": \"%s\", not \"%s\"", t[i][0], got, t[i][1]);
		got = terms_of("german", t[i][0], strlen(t[i][0]), false);
		assert_string_equal(got, t[i][1]);
	}
}

/* A question finds a word wherever it stands: what precedes and follows it changes
 * neither its terms nor their flags. */
static void
neighbours_do_not_change_a_words_terms(void **state)
{
	static const char *const word[] = {"runTarget", "HTTPServer", "miR21", "what", "utf8"};
	static const char *const around[][2] = {{"", ""}, {"(", ")"}, {"", "'s"},
	    {"", "\xe2\x80\x99s"}, {"", "\xe2\x80\x94"}, {"\xe2\x80\x9c", "\xe2\x80\x9d"},
	    {"\xef\xbc\x88", "\xef\xbc\x89"}, {"_", "_"}, {"\xff", "\xff"},
	    {"", "\xe3\x80\x82"}};

	(void)state;
	for (size_t i = 0; i < sizeof word / sizeof word[0]; i++) {
		char alone[256], text[64];
		snprintf(alone, sizeof alone, "%s",
		    terms_of("english", word[i], strlen(word[i]), false));
		for (size_t k = 0; k < sizeof around / sizeof around[0]; k++) {
			int n = snprintf(
			    text, sizeof text, "%s%s%s", around[k][0], word[i], around[k][1]);
			assert_string_equal(terms_of("english", text, (size_t)n, false), alone);
		}
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
	memset(text, 'q', 300);	/* the parts are those of what was kept */
	text[60] = text[63] = 'Q';
	assert_string_equal(terms_of("none", text, 300, false) + TERM_BYTES_MAX,
	    " qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq qqq");
	memcpy(text + 299, "\xc3\xa9", 2);
	assert_string_equal(terms_of("none", text, 301, false) + TERM_BYTES_MAX,
	    " qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq qqq");
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
	static const char *const texts[] = {"one two three", "中国人民", "é ü x", "a b ", "a中国人b",
	    "runTarget", "x fooBar", "fooBarBaz中", "の中", "中国"};
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

/* analyze_word_fn: knows "running" and, as the second word, ends the walk at "stop". */
static int
know_running(void *context, const char *word, size_t len, size_t start, size_t end)
{
	struct collected *c = context;

	assert_int_equal(end - start, len);
	c->len += (size_t)snprintf(c->out + c->len, sizeof c->out - c->len, "(%.*s)", (int)len, word);
	if (len == 7 && memcmp(word, "running", 7) == 0)
		return ANALYZE_DONE;
	return len == 4 && memcmp(word, "stop", 4) == 0 ? -3 : 0;
}

static void
words_are_asked_for_before_they_are_stemmed(void **state)
{
	static const struct {
		const char *text, *told;
		int rc;
	} t[] = {
	    {"Running dogs RUNNING", "(running)(dogs) dog(running)", 0},
	    {"中国 dogs й", "中 中国 国(dogs) dog й", 0},
	    {"fooBar's", "(foobar) foobar(foo) foo(bar) bar", 0},
	    {"the stop running", "(the) the*(stop)", -3},
	};
	struct analyzer *a;
	struct err e;

	(void)state;
	assert_ok(analyzer_new(&a, "english", &e), &e);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct collected c = {.terms = 0};
		const char *text = t[i].text;
		assert_int_equal(analyze_words(a, text, strlen(text), know_running, collect, &c), t[i].rc);
		assert_string_equal(c.out, t[i].told);
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
check_bounds(
    void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
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
	    "\xe0\xb8\xb5", "\xc3", "\xf4\x8f\xbf\xbf", "什", "么", "为", "怎么样", "是什",
	    "几", "Ab", "HTTPs", "x9", "runTarget", "の"};
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
	    cmocka_unit_test(parts_follow_a_compound_word),
	    cmocka_unit_test(question_phrases_are_stop_words),
	    cmocka_unit_test(neighbours_do_not_change_a_words_terms),
	    cmocka_unit_test(long_words_are_cut_at_a_character),
	    cmocka_unit_test(a_nul_byte_separates_words),
	    cmocka_unit_test(callback_can_end_the_walk),
	    cmocka_unit_test(words_are_asked_for_before_they_are_stemmed),
	    cmocka_unit_test(unknown_language_is_refused),
	    cmocka_unit_test(any_bytes_are_walked_safely),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
