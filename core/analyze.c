/* analyze.c - text to terms, the same for documents and queries. */
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "analyze_parts.h"
#include "utf8.h"

enum {
	CLUSTER_CHARS_MAX = 32,	/* a character and its marks; hostile rows of marks are split */
	CLUSTER_OUT_MAX = 640,	/* NFKC makes at most 18 characters of one (U+FDFA) */
};

enum kind { GAP, WORD, RUN, MARK };

/* ASCII: letters and digits to lower case, 0 for all that separates words. */
static const char ascii_lower[256] = {
    ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',
    ['7'] = '7', ['8'] = '8', ['9'] = '9', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',
    ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',
    ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
    ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',
    ['z'] = 'z', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f',
    ['G'] = 'g', ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',
    ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't',
    ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
};

static inline char
lower_at(const struct walk *w, size_t i)
{
	return ascii_lower[(unsigned char)w->text[i]];
}

/* ---- characters that are not ASCII ---- */

/* Scripts written without spaces, and Hangul for its endings. */
static bool
is_run_script(uint32_t cp)
{
	return utf8_is_han(cp) || utf8_is_kana(cp) || (cp >= 0xac00 && cp <= 0xd7a3) ||
	    (cp >= 0xe00 && cp <= 0xeff) || (cp >= 0x1000 && cp <= 0x109f) ||
	    (cp >= 0x1780 && cp <= 0x17ff);
}

static enum kind
kind_of(uint32_t cp)
{
	if (cp < 0x80)
		return ascii_lower[cp] != 0 ? WORD : GAP;
	switch (utf8proc_category((utf8proc_int32_t)cp)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
		return is_run_script(cp) ? RUN : WORD;
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_NO:
		return utf8_is_han(cp) ? RUN : WORD;
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
		return MARK;
	default:
		return GAP;
	}
}

/* Whether NFKC may join the character to the one before it. */
static bool
is_joining(uint32_t cp)
{
	if (cp < 0x300 || utf8_is_han(cp))
		return false;
	if (cp == 0xff9e || cp == 0xff9f || (cp >= 0x1160 && cp <= 0x11ff))
		return true;	/* half-width voice marks, vowels and finals of Hangul */
	switch (utf8proc_category((utf8proc_int32_t)cp)) {
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
		return true;
	default:
		return false;
	}
}

/* NFKC and case folding leave these as they are when no mark follows. */
static bool
is_plain(uint32_t cp)
{
	return (cp >= 0x4e00 && cp <= 0x9fff) || (cp >= 0x3041 && cp <= 0x3096) ||
	    (cp >= 0x30a1 && cp <= 0x30fa) || cp == 0x30fc || (cp >= 0xac00 && cp <= 0xd7a3);
}

static void
add_char(struct walk *w, uint32_t cp, size_t start, size_t end)
{
	utf8proc_uint8_t bytes[4];
	size_t n = (size_t)utf8proc_encode_char((utf8proc_int32_t)cp, bytes);

	switch (kind_of(cp)) {
	case GAP:
		word_flush(w);
		run_flush(w);
		break;
	case RUN:
		word_flush(w);
		run_add(w, cp, (char *)bytes, n, start, end);
		break;
	case WORD:
		run_flush(w);
		if (cp > 0x7f && !stemmer_reads(w->a->stemmer, cp))
			w->is_foreign = true;
		word_grow(w, (char *)bytes, n, start, end);
		break;
	case MARK:	/* a mark with nothing to stand on is no term */
		if (w->word_len > 0)
			word_grow(w, (char *)bytes, n, start, end);
		else if (w->now.len > 0)
			run_grow(w, (char *)bytes, n, end);
		break;
	}
}

/* Drops the accents of a Latin letter, so that English finds naive in "naïve". */
static utf8proc_ssize_t
drop_accents(utf8proc_int32_t *chars, utf8proc_ssize_t n)
{
	utf8proc_ssize_t kept = 0;

	for (utf8proc_ssize_t i = 0; i < n; i++)
		if (chars[i] < 0x300 || chars[i] > 0x36f)
			chars[kept++] = chars[i];
	return kept;
}

static void
normalize_cluster(struct walk *w, size_t start, size_t end)
{
	utf8proc_int32_t chars[CLUSTER_OUT_MAX];
	const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)w->text + start;
	utf8proc_option_t how =
	    UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
	utf8proc_ssize_t n;

	n = utf8proc_decompose(bytes, (utf8proc_ssize_t)(end - start), chars, CLUSTER_OUT_MAX,
	    how | UTF8PROC_DECOMPOSE);
	if (n <= 0 || n > CLUSTER_OUT_MAX)
		return;
	if (w->a->is_english && stem_is_latin((uint32_t)chars[0]))
		n = drop_accents(chars, n);
	n = utf8proc_normalize_utf32(chars, n, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
	for (utf8proc_ssize_t i = 0; i < n && w->rc == 0; i++)
		add_char(w, (uint32_t)chars[i], start, end);
}

/* One character of any script with the marks that follow it. */
static void
walk_cluster(struct walk *w)
{
	size_t start = w->at, n, chars = 1;
	uint32_t cp, next;

	n = utf8_next(w->text + start, w->len - start, &cp);
	if (n == 0 || cp == 0x200b) {
		w->at += n > 0 ? n : 1;
		add_char(w, ' ', start, w->at);
		return;
	}
	w->at += n;
	while (w->at < w->len && is_high(w->text[w->at]) && chars < CLUSTER_CHARS_MAX) {
		n = utf8_next(w->text + w->at, w->len - w->at, &next);
		if (n == 0 || !is_joining(next))
			break;
		w->at += n;
		chars++;
	}
	if (chars == 1 && is_plain(cp))
		add_char(w, cp, start, w->at);
	else
		normalize_cluster(w, start, w->at);
}

/* ---- ASCII ---- */

/* Length of an apostrophe at `at` and the tail behind it that makes no term of its
 * own: 's 't 'd 'm 're 've 'll at the end of a word.  0: none. */
static size_t
tail_at(const struct walk *w, size_t at)
{
	const char *p = w->text + at;
	size_t left = w->len - at, n, i;
	char a, b;

	if (!w->a->is_english || left < 2)
		return 0;
	if (*p == '\'')
		n = 1;
	else if (left > 3 && memcmp(p, "\xe2\x80\x99", 3) == 0)
		n = 3;
	else
		return 0;
	for (i = n; i < left && i < n + 3 && (lower_at(w, at + i) != 0 || is_high(p[i])); i++)
		if (is_high(p[i]))
			return 0;
	a = lower_at(w, at + n);
	if (i == n + 1)
		return a == 's' || a == 't' || a == 'd' || a == 'm' ? i : 0;
	if (i != n + 2)
		return 0;
	b = lower_at(w, at + n + 1);
	return (a == 'l' && b == 'l') || (b == 'e' && (a == 'r' || a == 'v')) ? i : 0;
}

/* Adds text[w->at, end) to the word in progress. */
static void
grow_ascii(struct walk *w, size_t end)
{
	for (; w->at < end; w->at++) {
		char c = lower_at(w, w->at);
		word_grow(w, &c, 1, w->at, w->at + 1);
	}
}

/* Letters and digits.  What stands before a character that is not ASCII may have to
 * join it, so the last one is left to walk_cluster() then. */
static void
walk_ascii(struct walk *w)
{
	char word[TERM_BYTES_MAX], c, changed = 0, common = 0x40;
	size_t start = w->at, i = start, n = 0;

	for (; i < w->len && (c = lower_at(w, i)) != 0; i++) {
		changed |= c ^ w->text[i];
		common &= c;	/* letters have 0x40, digits have not */
		if (n < sizeof word)
			word[n++] = c;
	}
	run_flush(w);
	if (w->rc != 0)
		return;
	if (i < w->len && is_high(w->text[i])) {
		grow_ascii(w, i - 1);
		walk_cluster(w);
	} else if (w->word_len > 0) {
		grow_ascii(w, i);
	} else {
		w->at = i;
		word_emit(w, word, n, false, start, i);
		if (w->rc == 0 && (changed != 0 || common == 0))
			word_emit_parts(w, word, n, start);
		if (i < w->len && w->text[i] == '\'')
			w->at += tail_at(w, i);
	}
}

int
analyze(struct analyzer *a, const char *text, size_t len, analyze_fn *each, void *context)
{
	return analyze_words(a, text, len, NULL, each, context);
}

int
analyze_words(struct analyzer *a, const char *text, size_t len, analyze_word_fn *word,
    analyze_fn *each, void *context)
{
	struct walk w;
	size_t tail;

	memset(&w, 0, offsetof(struct walk, before));
	w.before.len = w.now.len = 0;
	w.a = a;
	w.text = text;
	w.len = len;
	w.each = each;
	w.ask = word;
	w.context = context;
	while (w.at < len && w.rc == 0) {
		if (lower_at(&w, w.at) != 0) {
			walk_ascii(&w);
		} else if (w.word_len > 0 && (tail = tail_at(&w, w.at)) > 0) {
			word_flush(&w);
			w.at += tail;
		} else if (is_high(text[w.at])) {
			walk_cluster(&w);
		} else {
			word_flush(&w);
			if (w.rc == 0)
				run_flush(&w);
			w.at++;
		}
	}
	if (w.rc == 0)
		word_flush(&w);
	if (w.rc == 0)
		run_flush(&w);
	return w.rc;
}

int
analyzer_new(struct analyzer **out, const char *language, struct err *e)
{
	struct analyzer *a = calloc(1, sizeof *a);

	*out = NULL;
	if (a == NULL)
		return err_sys(e, ERR_NOMEM, "analyzer");
	if (stemmer_new(&a->stemmer, language, e) == -1) {
		free(a);
		return -1;
	}
	a->is_english = stemmer_is_english(a->stemmer);
	a->has_stop_words = strcmp(language, "none") != 0;
	*out = a;
	return 0;
}

void
analyzer_free(struct analyzer *a)
{
	if (a == NULL)
		return;
	stemmer_free(a->stemmer);
	free(a);
}
