/* test_answer.c - answers without a model: passages on one line each, cut at a sentence. */
#include "unit.h"

#include "answer.h"
#include "utf8.h"

/* The rule, said slowly: characters from the first to the last, white space byte by byte. */
static void
extract_slowly(const char *text, size_t n, struct buf *out)
{
	size_t keep = n, sentence = 0, word = 0, len;
	uint32_t cp, before = 0;

	if (n > ANSWER_PASSAGE_BYTES) {
		for (size_t i = 0; i < ANSWER_PASSAGE_BYTES; i += len, before = cp) {
			if ((len = utf8_next(text + i, ANSWER_PASSAGE_BYTES - i, &cp)) == 0)
				break;
			bool is_space = cp == ' ' || cp == '\n' || cp == '\t';
			if (is_space && (before == '.' || before == '!' || before == '?'))
				sentence = i;
			if (cp == 0x3002 || cp == 0xff01 || cp == 0xff1f)
				sentence = i + len;
			if (is_space)
				word = i;
		}
		keep = word >= ANSWER_PASSAGE_BYTES / 2 ? word : utf8_floor(text, ANSWER_PASSAGE_BYTES);
		if (sentence >= ANSWER_PASSAGE_BYTES / 3)
			keep = sentence;
	}
	for (size_t i = 0; i < keep; i++) {
		if (strchr(" \n\r\t", text[i]) == NULL)
			buf_addc(out, text[i]);
		else if (i + 1 < keep && strchr(" \n\r\t", text[i + 1]) == NULL)
			buf_addc(out, ' ');
	}
	if (keep < n)
		buf_adds(out, " \xe2\x80\xa6");
	buf_adds(out, " [1]");
}

static void
assert_extract(const char *text, size_t n)
{
	struct query_hit hit = {.chunk.text = text, .chunk.text_len = n};
	struct query_result r = {.hits = &hit, .count = 1, .is_known = true};
	struct answer_mark marks[ANSWER_PASSAGES];
	struct buf got, wanted;

	buf_init(&got, 1 << 20);
	buf_init(&wanted, 1 << 20);
	extract_slowly(text, n, &wanted);
	assert_int_equal(answer_extract(&r, ANSWER_ENGLISH, &got, marks), 1);
	assert_string_equal(got.data, wanted.data);
	assert_int_equal(marks[0].end, got.len);
	assert_memory_equal(got.data + marks[0].start, "[1]", 3);
	buf_fini(&got);
	buf_fini(&wanted);
}

static void
passages_of_all_shapes(void **state)
{
	static const char *const pieces[] = {"word", "a", " ", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", ". ",
	    ".", "! ", "?\n", "\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", "\xe7\x81\xaf\xe5\xa1\x94", "\xc3\xa9t",
	    "longerwordthanmost", "\xf0\x9f\x98\x80"};
	uint64_t x = 88172645463325252u;
	char text[1400];

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t kinds = 1 + (size_t)i % (sizeof pieces / sizeof pieces[0]), n = 0, most;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		most = x % 1300;
		for (uint64_t y = x; n < most; y = y * 6364136223846793005u + 1442695040888963407u) {
			const char *piece = pieces[(y >> 33) % kinds + (sizeof pieces / sizeof pieces[0] - kinds)];
			memcpy(text + n, piece, strlen(piece));
			n += strlen(piece);
		}
		text[n] = '\0';
		assert_extract(text, n);
	}
}

static void
nothing_known_is_said_without_a_mark(void **state)
{
	struct query_result r = {0};
	struct answer_mark marks[ANSWER_PASSAGES];
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(answer_extract(&r, ANSWER_ENGLISH, &b, marks), 0);
	assert_string_equal(b.data, answer_unknown(ANSWER_ENGLISH));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(passages_of_all_shapes),
	    cmocka_unit_test(nothing_known_is_said_without_a_mark),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
