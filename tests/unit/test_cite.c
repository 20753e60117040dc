/* test_cite.c - marks in an answer, whole and in pieces; quotes. */
#include "unit.h"

#include "cite.h"

static const bool given[] = {true, true, false, true};	/* 1, 2, 4 */

/* The text that leaves when the answer comes in pieces of so many bytes. */
static const char *
passed(const char *answer, size_t piece, struct cite *c)
{
	size_t n = strlen(answer), part;
	struct err e;

	cite_init(c, given, 4);
	for (size_t i = 0; i < n; i += part) {
		part = n - i < piece ? n - i : piece;
		assert_ok(cite_add(c, answer + i, part, &e), &e);
	}
	assert_ok(cite_end(c, &e), &e);
	return c->text.data != NULL ? c->text.data : "";
}

static const struct {
	const char *answer, *text;
	unsigned dropped;
} rows[] = {
    {"Granite [1].", "Granite [1].", 0},
    {"Granite [7].", "Granite.", 1},
    {"Granite[3] and oil [2]", "Granite and oil [2]", 1},
    {"Both [1, 2].", "Both [1][2].", 0},
    {"Some [1,3,2].", "Some [1][2].", 1},
    {"All [1-4].", "All [1][2][4].", 1},
    {"Footnote [^2].", "Footnote [2].", 0},
    {"\xe7\x81\xaf\xe5\xa1\x94\xe3\x80\x90" "1\xe3\x80\x91\xe3\x80\x82",
	"\xe7\x81\xaf\xe5\xa1\x94[1]\xe3\x80\x82", 0},
    {"Zero [0] and none [99999].", "Zero and none [99999].", 1},
    {"A [word] and [1 word] stay.", "A [word] and [1 word] stay.", 0},
    {"Open [1", "Open [1", 0},
    {"Empty [] and [,] and [-1]", "Empty [] and [,] and [-1]", 0},
    {"Code `a[3]` is code [1]", "Code `a[3]` is code [1]", 0},
    {"```c\na[3] = `b`[9];\n``` done [3]", "```c\na[3] = `b`[9];\n``` done", 1},
    {"[1][2] [3]", "[1][2]", 1},
    {"Space at the end ", "Space at the end ", 0},
    {"\xe3\x81", "\xe3\x81", 0},
    {"[1-", "[1-", 0},
    {"", "", 0},
};

static void
marks_cite_what_was_given_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (size_t piece = 1; piece < 40; piece++) {
			struct cite c;
			assert_string_equal(passed(rows[i].answer, piece, &c), rows[i].text);
			assert_int_equal(c.dropped, rows[i].dropped);
			for (size_t j = 0; j < c.mark_count; j++) {
				char mark[16];
				snprintf(mark, sizeof mark, "[%u]", c.marks[j].number);
				assert_memory_equal(c.text.data + c.marks[j].start, mark, strlen(mark));
				assert_int_equal(c.marks[j].end - c.marks[j].start, strlen(mark));
				assert_true(given[c.marks[j].number - 1]);
			}
			cite_fini(&c);
		}
}

/* A mark that never ends must not be waited for, and none of it may be lost. */
static void
what_looks_like_a_mark_leaves_in_the_end(void **state)
{
	char longest[400];
	struct cite c;

	(void)state;
	memset(longest, ' ', sizeof longest);
	longest[0] = '[';
	longest[1] = '1';
	longest[sizeof longest - 1] = '\0';
	assert_string_equal(passed(longest, 7, &c), longest);
	assert_int_equal(c.mark_count, 0);
	cite_fini(&c);
	memset(longest, '[', sizeof longest - 1);
	assert_string_equal(passed(longest, 400, &c), longest);
	cite_fini(&c);
}

static void
an_answer_has_a_size_and_a_number_of_marks(void **state)
{
	char piece[4096];
	struct cite c;
	struct err e;
	int rc = 0;

	(void)state;
	for (size_t i = 0; i + 3 <= sizeof piece; i += 3)
		memcpy(piece + i, "[1]", 3);
	piece[sizeof piece - 1] = 'x';
	cite_init(&c, given, 4);
	for (int i = 0; i < 600 && rc == 0; i++)
		rc = cite_add(&c, piece, sizeof piece, &e);
	assert_int_equal(c.mark_count, CITE_MARKS_MAX);
	memset(piece, 'y', sizeof piece);
	for (int i = 0; i < 600 && rc == 0; i++)
		rc = cite_add(&c, piece, sizeof piece, &e);
	assert_int_equal(rc, -1);
	assert_int_equal(e.code, ERR_LIMIT);
	cite_fini(&c);
}

static const char passage[] = "# The lighthouse\n\nThe keeper trims the lamp every evening. In fog "
			      "the horn sounds twice a minute. The tower was built of granite.";

static void
assert_quote(const char *sentence, const char *text, const char *wanted)
{
	size_t start, len;

	cite_quote(sentence, strlen(sentence), text, strlen(text), &start, &len);
	assert_true(start + len <= strlen(text));
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(text + start, wanted, len);
}

static void
a_quote_is_the_sentence_that_says_it(void **state)
{
	(void)state;
	assert_quote("It is made of granite, the tower", passage, "The tower was built of granite.");
	assert_quote("When there is fog, a horn sounds", passage,
	    "In fog the horn sounds twice a minute.");
	assert_quote("It says \"trims the lamp every evening\"", passage, "trims the lamp every evening");
	assert_quote("It says \"trims the lamp every morning\"", passage,
	    "The keeper trims the lamp every evening.");
	assert_quote("Nothing in common", passage, "# The lighthouse");
	assert_quote("", "", "");
	assert_quote("x", "   \n", "");
	assert_quote("滚动升级的顺序", "备份每天一次。滚动升级逐个进行。", "滚动升级逐个进行。");
}

static void
a_quote_is_bounded_and_whole_characters(void **state)
{
	char text[3000];
	size_t start, len;

	(void)state;
	for (size_t i = 0; i < sizeof text; i += 3)
		memcpy(text + i, "灯", 3);
	cite_quote("灯灯", 6, text, sizeof text, &start, &len);
	assert_true(len <= CITE_QUOTE_MAX && len > CITE_QUOTE_MAX - 4);
	assert_int_equal(len % 3, 0);
}

static void
a_mark_belongs_to_the_sentence_before_it(void **state)
{
	const char *sentence;
	struct cite c;
	size_t len;

	(void)state;
	passed("First thing. Second thing [1]. Third thing. [2]", 100, &c);
	cite_sentence(&c, 0, &sentence, &len);
	assert_memory_equal(sentence, "Second thing", len);
	assert_int_equal(len, 12);
	cite_sentence(&c, 1, &sentence, &len);
	assert_memory_equal(sentence, "Third thing", len);
	assert_int_equal(len, 11);
	cite_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(marks_cite_what_was_given_and_nothing_else),
	    cmocka_unit_test(what_looks_like_a_mark_leaves_in_the_end),
	    cmocka_unit_test(an_answer_has_a_size_and_a_number_of_marks),
	    cmocka_unit_test(a_quote_is_the_sentence_that_says_it),
	    cmocka_unit_test(a_quote_is_bounded_and_whole_characters),
	    cmocka_unit_test(a_mark_belongs_to_the_sentence_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
