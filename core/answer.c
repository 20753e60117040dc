/* answer.c - an answer without a language model. */
#include "answer.h"

#include <stdbool.h>
#include <string.h>

#include "utf8.h"

/* Where the last whole sentence ends within n bytes, or the last word, or the last
 * character. */
static size_t
cut_at_sentence(const char *text, size_t n)
{
	size_t sentence = 0, word = 0, len;
	uint32_t cp, before = 0;

	for (size_t i = 0; i < n; i += len, before = cp) {
		if ((len = utf8_next(text + i, n - i, &cp)) == 0)
			break;
		bool is_space = cp == ' ' || cp == '\n' || cp == '\t';
		if (is_space && (before == '.' || before == '!' || before == '?'))
			sentence = i;
		if (cp == 0x3002 || cp == 0xff01 || cp == 0xff1f)	/* 。！？ */
			sentence = i + len;
		if (is_space)
			word = i;
	}
	if (sentence >= n / 3)
		return sentence;
	return word >= n / 2 ? word : utf8_floor(text, n);
}

static inline bool
is_white(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* One passage on one line. */
static void
add_passage(struct buf *out, const char *text, size_t n)
{
	size_t keep = n <= ANSWER_PASSAGE_BYTES ? n : cut_at_sentence(text, ANSWER_PASSAGE_BYTES);
	for (size_t i = 0, run; i < keep; i += run) {
		bool white = is_white(text[i]);
		for (run = 1; i + run < keep && is_white(text[i + run]) == white;)
			run++;
		if (!white)
			buf_add(out, text + i, run);
		else if (i + run < keep)
			buf_addc(out, ' ');
	}
	if (keep < n)
		buf_adds(out, " \xe2\x80\xa6");		/* … */
}

enum answer_language
answer_language_of(const char *text, size_t n)
{
	size_t han = 0, words = 0, len;
	bool in_word = false, is_word;
	uint32_t cp;

	for (size_t i = 0; i < n; i += len) {
		if ((len = utf8_next(text + i, n - i, &cp)) == 0)
			break;
		if (utf8_is_kana(cp))
			return ANSWER_ENGLISH;
		is_word = utf8_is_word(cp);
		han += utf8_is_han(cp);
		words += is_word && !in_word;
		in_word = is_word;
	}
	return han > 0 && han >= words ? ANSWER_CHINESE : ANSWER_ENGLISH;
}

const char *
answer_language_name(enum answer_language language)
{
	return language == ANSWER_CHINESE ? "Chinese" : "English";
}

const char *
answer_unknown(enum answer_language language)
{
	return language == ANSWER_CHINESE ? "知识库中没有相关内容。" :
					    "This is not in the knowledge base.";
}

size_t
answer_extract(const struct query_result *r, enum answer_language language, struct buf *out,
    struct answer_mark *marks)
{
	size_t n = r->count < ANSWER_PASSAGES ? r->count : ANSWER_PASSAGES;

	if (!r->is_known) {
		buf_adds(out, answer_unknown(language));
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_adds(out, "\n\n");
		add_passage(out, r->hits[i].chunk.text, r->hits[i].chunk.text_len);
		buf_addc(out, ' ');
		marks[i] = (struct answer_mark){.number = (unsigned)i + 1, .start = out->len};
		buf_addf(out, "[%zu]", i + 1);
		marks[i].end = out->len;
	}
	return n;
}
