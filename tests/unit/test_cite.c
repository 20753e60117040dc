/* test_cite.c - marks in an answer, whole and in pieces; quotes. */
#include "unit.h"

#include "cite.h"
#include "utf8.h"

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

/* ---- the same, said slowly ---- */

enum { WORDS = 256, WORD_BYTES = 1100 };

struct bag {
	char word[WORDS][WORD_BYTES];
	size_t count;
};

static void
put_in_bag(struct bag *b, const char *word, size_t n)
{
	for (size_t i = 0; i < b->count; i++)
		if (strlen(b->word[i]) == n && memcmp(b->word[i], word, n) == 0)
			return;
	assert_true(b->count < WORDS && n < sizeof b->word[0]);
	memcpy(b->word[b->count], word, n);
	b->word[b->count++][n] = '\0';
}

/* Words of three letters and more in small letters, and pairs of Han characters. */
static void
fill_bag(struct bag *b, const char *text, size_t n)
{
	char word[WORD_BYTES];
	size_t bytes = 0, letters = 0, before = 0;

	b->count = 0;
	for (size_t i = 0, len; i <= n; i += len) {
		uint32_t cp = ' ';
		len = i < n ? utf8_next(text + i, n - i, &cp) : 1;
		if (utf8_is_word(cp)) {
			memcpy(word + bytes, text + i, len);
			if (cp >= 'A' && cp <= 'Z')
				word[bytes] |= 32;
			bytes += len;
			letters++;
		} else {
			if (letters >= 3)
				put_in_bag(b, word, bytes);
			bytes = letters = 0;
		}
		if (utf8_is_han(cp) && before > 0)
			put_in_bag(b, text + i - before, before + len);
		before = utf8_is_han(cp) ? len : 0;
	}
}

static size_t
end_slowly(const char *text, size_t n, size_t from)
{
	uint32_t cp, before = 0;

	for (size_t i = from, len; i < n; i += len, before = cp) {
		len = utf8_next(text + i, n - i, &cp);
		bool is_mark = before == '.' || before == '!' || before == '?';
		if (cp == 0x3002 || cp == 0xff01 || cp == 0xff1f || (cp == '\n' && before == '\n') ||
		    ((cp == ' ' || cp == '\n') && is_mark))
			return i + len;
	}
	return n;
}

static void
quote_slowly(const char *sentence, const char *text, size_t n, size_t *start, size_t *len)
{
	static struct bag wanted, has;
	size_t best = 0;

	*start = 0;
	*len = end_slowly(text, n, 0);
	fill_bag(&wanted, sentence, strlen(sentence));
	for (size_t from = 0, end; from < n; from = end) {
		size_t before, shared = 0;
		end = end_slowly(text, n, from);
		fill_bag(&has, text + from, end - from);
		for (size_t i = 0; i < has.count; i++) {
			before = wanted.count;
			put_in_bag(&wanted, has.word[i], strlen(has.word[i]));
			shared += wanted.count == before;
			wanted.count = before;
		}
		if (shared > best) {
			best = shared;
			*start = from;
			*len = end - from;
		}
	}
	for (; *len > 0 && strchr(" \t\r\n", text[*start]) != NULL; --*len)
		++*start;
	if (*len > CITE_QUOTE_MAX)
		*len = utf8_floor(text + *start, CITE_QUOTE_MAX);
	while (*len > 0 && strchr(" \t\r\n", text[*start + *len - 1]) != NULL)
		--*len;
}

static void
put_pieces(char *out, size_t most, uint64_t *x)
{
	static const char *const pieces[] = {"lamp", "Lamp", "lamps", "tower", "TOWER", "fog", "of", "a", "1837",
	    "granite", "\xc3\xa9t\xc3\xa9", "caf\xc3\xa9s", "na\xc3\xafve", "\xe7\x81\xaf", "\xe5\xa1\x94",
	    "\xe5\xae\x88", "\xe3\x80\x82", "\xef\xbc\x9f", ". ", ".\n", "! ", "\n\n", "\n", "? ", ", ", "-", ".",
	    "\xe2\x80\x99s", "\xe3\x81\x82", "\xf0\x9f\x98\x80", "averyveryverylongwordthatisofmorethanthirty", "'"};
	size_t n = 0;

	while (n < most) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		size_t at = (*x >> 33) % (2 * sizeof pieces / sizeof pieces[0]);
		const char *piece = at % 2 == 0 ? pieces[at / 2] : " ";
		if (at % 4 == 1)
			continue;
		memcpy(out + n, piece, strlen(piece) + 1);
		n += strlen(piece);
	}
	out[n] = '\0';
}

static void
quotes_are_the_same_said_slowly(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char sentence[400], text[1000];
		size_t start, len, wanted_start, wanted_len;
		put_pieces(sentence, 20 + (size_t)i % 60, &x);
		put_pieces(text, (size_t)i % 600, &x);
		cite_quote(sentence, strlen(sentence), text, strlen(text), &start, &len);
		quote_slowly(sentence, text, strlen(text), &wanted_start, &wanted_len);
		if (start != wanted_start || len != wanted_len)
			fail_msg("\"%s\" in \"%s\": [%zu, %zu), not [%zu, %zu)", sentence, text, start,
			    start + len, wanted_start, wanted_start + wanted_len);
	}
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
	    cmocka_unit_test(quotes_are_the_same_said_slowly),
	    cmocka_unit_test(a_mark_belongs_to_the_sentence_before_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
