/* chunk_split.c - where text may be cut: clusters, sentences, clauses, words.
 *
 * Sentence ends by rule, not by model: a full stop, question or exclamation mark with
 * its closing quotes, then white space, then no small letter, and not behind a known
 * abbreviation or an initial; the marks of Chinese and Japanese (also the semicolon,
 * which there parts sentences) end one wherever they stand; so does a blank line.
 */
#include "chunk_parts.h"

#include <string.h>
#include <strings.h>
#include <utf8proc.h>

enum { CLUSTER_CHARACTERS_MAX = 64 };	/* twice Unicode's stream-safe limit */

/* The character that ends at `at`; at > 0. */
static uint32_t
character_before(const char *s, size_t at)
{
	size_t lead = at - 1;
	uint32_t cp;

	while (lead > 0 && at - lead < 4 && ((unsigned char)s[lead] & 0xc0) == 0x80)
		lead--;
	return utf8_next(s + lead, at - lead, &cp) > 0 ? cp : 0xfffd;
}

static int
break_class(uint32_t cp)
{
	return (int)utf8proc_get_property((utf8proc_int32_t)cp)->boundclass;
}

static bool
is_jamo(int class)
{
	return class == UTF8PROC_BOUNDCLASS_L || class == UTF8PROC_BOUNDCLASS_V ||
	    class == UTF8PROC_BOUNDCLASS_T || class == UTF8PROC_BOUNDCLASS_LV ||
	    class == UTF8PROC_BOUNDCLASS_LVT;
}

/* The rules GB6..GB13 of UAX 29 as seen from the two neighbours. */
bool
chunk_may_cut(const char *s, size_t n, size_t at)
{
	uint32_t before, after;
	int a, b;

	if (at == 0 || at >= n || utf8_next(s + at, n - at, &after) == 0)
		return true;
	before = character_before(s, at);
	if (before < 0x300 && after < 0x300)
		return before != '\r' || after != '\n';
	a = break_class(before);
	b = break_class(after);
	if (a == UTF8PROC_BOUNDCLASS_CONTROL || a == UTF8PROC_BOUNDCLASS_LF ||
	    a == UTF8PROC_BOUNDCLASS_CR)
		return true;
	if (b == UTF8PROC_BOUNDCLASS_EXTEND || b == UTF8PROC_BOUNDCLASS_ZWJ ||
	    b == UTF8PROC_BOUNDCLASS_SPACINGMARK || a == UTF8PROC_BOUNDCLASS_PREPEND)
		return false;
	if (is_jamo(b) && is_jamo(a))
		return (b == UTF8PROC_BOUNDCLASS_L || b == UTF8PROC_BOUNDCLASS_LV ||
			   b == UTF8PROC_BOUNDCLASS_LVT) &&
		    a != UTF8PROC_BOUNDCLASS_L;
	if (a == UTF8PROC_BOUNDCLASS_ZWJ && b == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC)
		return false;
	return a != UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR ||
	    b != UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR;
}

/* The end of the cluster that begins at `at`, where one is known to begin. */
static size_t
cluster_end(const char *s, size_t at, size_t end)
{
	utf8proc_int32_t state = 0;
	uint32_t before, cp;
	size_t len = utf8_next(s + at, end - at, &before);

	if (len == 0)
		return at + 1;
	at += len;
	for (int count = 1; at < end && count < CLUSTER_CHARACTERS_MAX; count++, at += len) {
		if ((len = utf8_next(s + at, end - at, &cp)) == 0 ||
		    utf8proc_grapheme_break_stateful((utf8proc_int32_t)before,
			(utf8proc_int32_t)cp, &state))
			break;
		before = cp;
	}
	return at;
}

/* ---- sentences ---- */

static bool
ends_sentence_anywhere(uint32_t cp)
{
	return cp == 0x3002 || cp == 0xff01 || cp == 0xff1f || cp == 0xff1b || cp == 0xff61 ||
	    cp == 0x0964 || cp == 0x0965 || cp == 0x061f || cp == 0x06d4;
}

/* Closing quotes and brackets, and Markdown's emphasis. */
static bool
is_closer(uint32_t cp)
{
	return cp == '"' || cp == '\'' || cp == ')' || cp == ']' || cp == '}' || cp == '*' ||
	    cp == '_' || cp == 0x2019 || cp == 0x201d || cp == 0xbb || cp == 0x300d ||
	    cp == 0x300f || cp == 0xff09 || cp == 0x300b || cp == 0x3011 || cp == 0x3015 ||
	    cp == 0x3009;
}

static size_t
skip_closers(const char *s, size_t at, size_t end)
{
	uint32_t cp;
	size_t len;

	while (at < end && (len = utf8_next(s + at, end - at, &cp)) > 0 &&
	    (is_closer(cp) || ends_sentence_anywhere(cp) || cp == '.' || cp == '!' ||
		cp == '?'))
		at += len;
	return at;
}

static bool
is_letter(char c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* Whether the word before the full stop at `stop` asks for it: an initial ("J."), a
 * one-letter part ("e.g."), a title, a counter. */
static bool
is_abbreviation(const char *s, size_t from, size_t stop)
{
	static const char *const known[] = {"mr", "mrs", "ms", "dr", "prof", "st", "vs", "fig",
	    "eq", "al", "cf", "jr", "sr", "no", "vol", "pp", "ed", "gen", "rep", "sen", "gov",
	    "approx", "inc", "ltd", "corp", "dept", "sec"};
	size_t at = stop;

	while (at > from && stop - at < 8 && is_letter(s[at - 1]))
		at--;
	if (stop - at == 1)
		return s[at] >= 'A' && s[at] <= 'Z' ? true : at > from && s[at - 1] == '.';
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strlen(known[i]) == stop - at &&
		    strncasecmp(known[i], s + at, stop - at) == 0)
			return true;
	return false;
}

/* Whether the marks at [stop, after) end a sentence. */
static bool
ends_sentence(const char *s, size_t from, size_t stop, size_t after, size_t end)
{
	size_t next;

	if (after == end)
		return true;
	if (text_space_len(s + after, end - after) == 0)
		return false;
	if (s[stop] != '.')
		return true;
	next = text_skip_space(s, after, end);
	if (next < end && s[next] >= 'a' && s[next] <= 'z')
		return false;
	return after > stop + 1 || !is_abbreviation(s, from, stop);
}

static bool
is_blank_line_at(const char *s, size_t at, size_t end, size_t *next)
{
	size_t lines = 0;

	for (; at < end && (s[at] == ' ' || (s[at] >= '\t' && s[at] <= '\r')); at++)
		lines += s[at] == '\n';
	*next = at;
	return lines > 1;
}

size_t
chunk_sentence_end(const char *s, size_t at, size_t end)
{
	size_t from = at, next, len;
	uint32_t cp;

	while (at < end) {
		unsigned char c = (unsigned char)s[at];

		if (c == '.' || c == '!' || c == '?') {
			next = skip_closers(s, at + 1, end);
			if (ends_sentence(s, from, at, next, end))
				return next;
			at = next;
		} else if (c == '\n') {
			if (is_blank_line_at(s, at, end, &next))
				return at;
			at = next;
		} else if (c < 0x80) {
			at++;
		} else if ((len = utf8_next(s + at, end - at, &cp)) == 0) {
			at++;
		} else if (ends_sentence_anywhere(cp)) {
			at = skip_closers(s, at + len, end);
			if (chunk_may_cut(s, end, at))
				return at;
		} else {
			at += len;
		}
	}
	return end;
}

/* ---- pieces of what is too long ---- */

static bool
ends_clause(uint32_t cp)
{
	return cp == ',' || cp == ';' || cp == ':' || cp == 0xff0c || cp == 0x3001 ||
	    cp == 0xff1a || cp == 0x2014;
}

/* Behind this character a line may be broken without white space. */
static bool
breaks_anywhere(uint32_t cp)
{
	return utf8_is_han(cp) || utf8_is_kana(cp) || cp == 0xff0c || cp == 0x3001 ||
	    cp == 0xff1a || cp == 0x3002;
}

/* The end of the word at `at` (no white space there): at most about 256 bytes of it
 * are looked at, so that a long word costs no more than its length. */
static size_t
word_end(const char *s, size_t at, size_t end, uint32_t *last)
{
	size_t from = at, len;
	uint32_t cp;

	*last = 0;
	while (at < end && text_space_len(s + at, end - at) == 0) {
		if ((len = utf8_next(s + at, end - at, &cp)) == 0)
			len = 1, cp = 0xfffd;
		if (at > from && (breaks_anywhere(*last) || breaks_anywhere(cp) ||
		    at - from >= 256) && !ends_clause(cp) && chunk_may_cut(s, end, at))
			break;
		*last = cp;
		at += len;
	}
	return at;
}

/* As many clusters as fit, one at least. */
static size_t
clusters_end(const char *s, size_t at, size_t end, enum chunk_unit unit, size_t max)
{
	size_t used = 0, next;

	while (at < end) {
		size_t size;

		next = cluster_end(s, at, end);
		size = chunk_measure(unit, s + at, next - at);
		if (used > 0 && used + size > max)
			break;
		used += size > 0 ? size : 1;
		at = next;
	}
	return at;
}

size_t
chunk_piece_end(const char *s, size_t at, size_t end, enum chunk_unit unit, size_t max,
    enum chunk_cut *cut)
{
	size_t used = 0, from = at;

	while (at < end) {
		size_t begin = text_skip_space(s, at, end), next, size;
		uint32_t last;

		if (used > 0 && memchr(s + at, '\n', begin - at) != NULL) {
			*cut = CUT_LINE;
			return at;
		}
		next = word_end(s, begin, end, &last);
		size = chunk_measure(unit, s + (unit == CHUNK_CHARACTERS ? at : begin),
		    next - (unit == CHUNK_CHARACTERS ? at : begin));
		if (used + size > max && used > 0) {
			*cut = CUT_INSIDE;
			if (begin > at || breaks_anywhere(character_before(s, at)))
				*cut = CUT_WORD;
			return at;
		}
		if (size > max) {
			*cut = CUT_INSIDE;
			return clusters_end(s, from, next, unit, max);
		}
		used += size;
		at = next;
		if (ends_clause(last) && used * 4 >= max) {
			*cut = CUT_CLAUSE;
			return at;
		}
	}
	*cut = CUT_SENTENCE;
	return end;
}
