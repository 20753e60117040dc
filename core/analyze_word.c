/* analyze_word.c - words and, of compound ones, their parts. */
#include <string.h>

#include "analyze_parts.h"

void
word_emit(
    struct walk *w, const char *word, size_t len, bool is_foreign, size_t start, size_t end)
{
	struct stem s = {word, len, false};

	if (!is_foreign && w->ask != NULL) {
		w->rc = w->ask(w->context, word, len, start, end);
		if (w->rc != 0) {
			w->rc = w->rc == ANALYZE_DONE ? 0 : w->rc;
			return;
		}
	}
	if (!is_foreign)
		s = stemmer_stem(w->a->stemmer, word, len);
	w->rc = w->each(w->context, s.bytes, s.len, s.is_stop_word ? ANALYZE_STOP_WORD : 0,
	    start, end);
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static inline bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

/* Whether a part begins at s[i], i > 0, of a word of n letters and digits as written. */
static inline bool
is_cut(const char *s, size_t n, size_t i)
{
	if (is_digit(s[i - 1]) != is_digit(s[i]))
		return true;
	if (!is_upper(s[i]))
		return false;
	return is_lower(s[i - 1]) || (is_upper(s[i - 1]) && i + 1 < n && is_lower(s[i + 1]));
}

void
word_emit_parts(struct walk *w, const char *word, size_t len, size_t start)
{
	const char *written = w->text + start;
	size_t from = 0;

	for (size_t i = 1; i <= len && w->rc == 0; i++) {
		if (i < len ? !is_cut(written, len, i) : from == 0)
			continue;
		if (i - from > 1)
			word_emit(w, word + from, i - from, false, start + from, start + i);
		from = i;
	}
}

void
word_grow(struct walk *w, const char *bytes, size_t n, size_t start, size_t end)
{
	if (w->word_len == 0)
		w->word_start = start;
	w->word_end = end;
	if (w->is_full || w->word_len + n > sizeof w->word) {
		w->is_full = true;
		return;
	}
	memcpy(w->word + w->word_len, bytes, n);
	w->word_len += n;
}

/* Whether the word is what the text says at its place, but for lower case: only ASCII
 * gives one byte for one byte. */
static bool
is_as_written(const struct walk *w)
{
	if (w->word_end - w->word_start < w->word_len)
		return false;
	for (size_t i = 0; i < w->word_len; i++)
		if (is_high(w->text[w->word_start + i]))
			return false;
	return true;
}

void
word_flush(struct walk *w)
{
	if (w->word_len == 0)
		return;
	word_emit(w, w->word, w->word_len, w->is_foreign, w->word_start, w->word_end);
	if (w->rc == 0 && is_as_written(w))
		word_emit_parts(w, w->word, w->word_len, w->word_start);
	w->word_len = 0;
	w->is_full = false;
	w->is_foreign = false;
}
