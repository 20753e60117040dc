/* answer.c - an answer without a language model. */
#include "answer.h"

#include <stdbool.h>
#include <string.h>

#include "glance.h"
#include "utf8.h"

static inline bool
is_white(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Where text[0..n) ends a sentence at i: behind a mark of Chinese there, or at the space behind one of
 * ours; 0: it does not. */
static size_t
sentence_at(const char *text, size_t n, size_t i)
{
	static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f"};	/* 。！？ */

	if (text[i] == ' ' || text[i] == '\n' || text[i] == '\t')
		return i > 0 && (text[i - 1] == '.' || text[i - 1] == '!' || text[i - 1] == '?') ? i : 0;
	for (size_t k = 0; k < 3 && (signed char)text[i] < 0; k++)
		if (n - i >= 3 && memcmp(text + i, wide[k], 3) == 0)
			return i + 3;
	return 0;
}

/* Where the last whole sentence ends within n bytes, or the last word, or the last
 * character.  From the end: what is found first is it. */
static size_t
cut_at_sentence(const char *text, size_t n)
{
	size_t word = 0, sentence, least = n / 3, base = n, i;
	struct glance g;

	while (base + 3 > least && base >= GLANCE_BYTES) {
		base -= GLANCE_BYTES;
		glance(text + base, &g);
		for (uint64_t bits = g.space | g.control | g.high; bits != 0;) {
			i = (size_t)__builtin_clzll(bits) ^ 63;
			bits ^= UINT64_C(1) << i;
			i += base;
			if (i + 3 >= least && (sentence = sentence_at(text, n, i)) != 0 && sentence >= least)
				return sentence;
			if (word == 0 && (text[i] == ' ' || text[i] == '\n' || text[i] == '\t'))
				word = i;
		}
	}
	return word >= n / 2 ? word : utf8_floor(text, n);
}
_Static_assert(ANSWER_PASSAGE_BYTES / 3 >= GLANCE_BYTES, "whole glances, down to the least");

/* Where white space begins that is anything but one space, from text[from] on; n: nowhere. */
static size_t
odd_white(const char *text, size_t n, size_t from)
{
	uint64_t was_white = 0, white, odd;
	struct glance g;
	size_t at;

	for (size_t i = from; i < n; i += GLANCE_BYTES) {
		if (n - i >= GLANCE_BYTES)
			glance(text + i, &g);
		else
			glance_rest(text + i, n - i, &g);
		white = g.space | g.control;
		odd = g.control | (g.space & (white << 1 | was_white));
		for (; odd != 0; odd &= odd - 1) {
			at = i + (size_t)__builtin_ctzll(odd);
			if (at >= n || !is_white(text[at]))
				continue;
			return at > from && text[at - 1] == ' ' ? at - 1 : at;
		}
		was_white = white >> 63;
	}
	return n;
}

/* One passage on one line. */
static void
add_passage(struct buf *out, const char *text, size_t n)
{
	size_t keep = n <= ANSWER_PASSAGE_BYTES ? n : cut_at_sentence(text, ANSWER_PASSAGE_BYTES);
	bool is_cut = keep < n;
	size_t from = 0, odd;

	while (keep > 0 && is_white(text[keep - 1]))
		keep--;
	while ((odd = odd_white(text, keep, from)) < keep) {
		buf_add(out, text + from, odd - from);
		buf_addc(out, ' ');
		for (from = odd; is_white(text[from]);)
			from++;
	}
	buf_add(out, text + from, keep - from);
	if (is_cut)
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
	buf_room(out, ANSWER_PASSAGES * (ANSWER_PASSAGE_BYTES + 16));	/* at once */
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_adds(out, "\n\n");
		add_passage(out, r->hits[i].chunk.text, r->hits[i].chunk.text_len);
		buf_addc(out, ' ');
		marks[i] = (struct answer_mark){.number = (unsigned)i + 1, .start = out->len};
		buf_addc(out, '[');
		buf_addu(out, i + 1);
		buf_addc(out, ']');
		marks[i].end = out->len;
	}
	return n;
}
