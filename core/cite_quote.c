/* cite_quote.c - what a mark cites: a span of a passage, checked against the store. */
#include "cite.h"

#include <string.h>

#include "glance.h"
#include "utf8.h"

enum { WORDS_MAX = 128, WORD_MIN = 3, QUOTED_MIN = 8, SENTENCE_MAX = 4096 };

/* ---- sentences ---- */

/* Does a sentence end behind cp, which stands behind `before`? */
static inline bool
ends_sentence(uint32_t before, uint32_t cp)
{
	if (cp == 0x3002 || cp == 0xff01 || cp == 0xff1f)	/* 。！？ */
		return true;
	if (cp == '\n' && before == '\n')
		return true;
	return (cp == ' ' || cp == '\n') && (before == '.' || before == '!' || before == '?');
}

/* Where the sentence that begins at `from` ends: behind its last mark and the space after it, at
 * an empty line, or at the end. */
static size_t
sentence_end(const char *text, size_t n, size_t from)
{
	uint32_t cp, before = 0;
	size_t len;

	for (size_t i = from; i < n; i += len, before = cp) {
		if ((signed char)text[i] > ' ') {		/* most are ASCII and end nothing */
			cp = (unsigned char)text[i];
			len = 1;
			continue;
		}
		if ((len = utf8_next(text + i, n - i, &cp)) == 0)
			return n;
		if (ends_sentence(before, cp))
			return i + len;
	}
	return n;
}

void
cite_sentence(const struct cite *c, size_t mark, const char **sentence, size_t *len)
{
	const char *text = c->text.data;
	size_t end = c->marks[mark].start, next;
	size_t from = end > SENTENCE_MAX ? utf8_floor(text, end - SENTENCE_MAX) : 0;

	/* "Yes. [1]": the mark stands behind the sentence it is for. */
	while (end > 0 && strchr(" .!?]", text[end - 1]) != NULL)
		end--;
	while ((next = sentence_end(text, c->text.len, from)) < end)
		from = next;
	*sentence = text + from;
	*len = end - from;
}

/* ---- words ---- */

/* Different words, as hashes. */
struct words {
	uint32_t at[WORDS_MAX];
	size_t count;
	uint32_t lengths[128];	/* of those that begin with this letter of ASCII: a bit for each */
};

/* Where the word stands; WORDS_MAX: nowhere. */
static size_t
place_of(const struct words *w, uint32_t word)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->at[i] == word)
			return i;
	return WORDS_MAX;
}

static void
add_word(struct words *w, uint32_t word)
{
	if (w->count < WORDS_MAX && place_of(w, word) == WORDS_MAX)
		w->at[w->count++] = word;
}

static uint32_t
length_bit(size_t letters)
{
	return 1u << (letters < 31 ? letters : 31);
}

/* A letter or digit of ASCII, without its case; 0: none. */
static inline uint32_t
ascii_letter(unsigned char c)
{
	if ((unsigned char)((c | 32) - 'a') < 26)
		return c | 32u;
	return (unsigned char)(c - '0') < 10 ? c : 0;
}

/* The same question, asked of every byte of every passage. */
static const bool is_letter[256] = {['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true};

/* FNV-1a of the letters of a word. */
#define WORD_BEGINS 2166136261u

static inline uint32_t
add_letter(uint32_t hash, uint32_t letter)
{
	return (hash ^ letter) * 16777619u;
}

static inline uint32_t
han_pair(uint32_t first, uint32_t second)
{
	return (first * 31 + second) | 0x80000000u;
}

/* Words of WORD_MIN letters and more, without their case, and pairs of Han characters. */
static void
words_of(struct words *w, const char *text, size_t n)
{
	uint32_t cp, han = 0, hash = WORD_BEGINS, first = 0;
	size_t len, letters = 0;

	*w = (struct words){0};
	for (size_t i = 0; i <= n; i += len) {
		uint32_t letter = i < n ? ascii_letter((unsigned char)text[i]) : 0;
		if (letter != 0) {
			first = letters == 0 ? letter : first;
			hash = add_letter(hash, letter);
			letters++;
			han = 0;
			len = 1;
			continue;
		}
		cp = ' ';
		len = i < n ? utf8_next(text + i, n - i, &cp) : 1;
		if (len == 0)
			break;
		if (utf8_is_word(cp)) {
			hash = add_letter(hash, cp);
			letters++;
		} else {
			if (letters >= WORD_MIN) {
				add_word(w, hash);
				w->lengths[first] |= length_bit(letters);
			}
			letters = 0;
			hash = WORD_BEGINS;
		}
		if (utf8_is_han(cp) && han != 0)
			add_word(w, han_pair(han, cp));
		han = utf8_is_han(cp) ? cp : 0;
	}
}

/* A sentence of a passage, read once for its end and for what it shares with the words wanted. */
struct sentence {
	const struct words *wanted;
	uint64_t seen[WORDS_MAX / 64];
	size_t shared;
	uint32_t before;	/* the character before */
	uint32_t han;		/* the same, if it is one; else 0 */
	uint32_t hash;		/* of the word in hand */
	size_t letters;		/* of it */
};

static void
see_word(struct sentence *s, uint32_t word)
{
	size_t at = place_of(s->wanted, word);

	if (at == WORDS_MAX || (s->seen[at / 64] >> at % 64 & 1) != 0)
		return;
	s->seen[at / 64] |= UINT64_C(1) << at % 64;
	s->shared++;
}

/* A letter or digit of ASCII as ascii_letter() has it, of one that is. */
static inline uint32_t
small_letter(char c)
{
	return (uint32_t)(c & 0x7f) | 0x20;
}

static inline bool
may_be_wanted(const struct words *w, char first, size_t letters)
{
	return w->lengths[small_letter(first)] >> (letters < 31 ? letters : 31) & 1;
}

/* Letters of ASCII from text[i] on, to the first other byte.  Where they are a word by themselves
 * that begins and is as long as none of those wanted, they need no hash. */
static size_t
see_letters(struct sentence *s, const char *text, size_t n, size_t i)
{
	size_t end = i;

	while (end < n && is_letter[(unsigned char)text[end]])
		end++;
	s->before = ascii_letter((unsigned char)text[i]);
	s->han = 0;
	if (s->letters == 0 && (end == n || (signed char)text[end] >= 0) &&
	    !may_be_wanted(s->wanted, text[i], end - i))
		return end;
	for (; i < end; i++) {
		s->hash = add_letter(s->hash, small_letter(text[i]));
		s->letters++;
	}
	return end;
}

static void
end_word(struct sentence *s)
{
	if (s->letters >= WORD_MIN)
		see_word(s, s->hash);
	s->letters = 0;
	s->hash = WORD_BEGINS;
}

/* Anything but a letter of ASCII. */
static void
see_other(struct sentence *s, uint32_t cp)
{
	bool is_han = cp >= 0x80 && utf8_is_han(cp);

	if (cp >= 0x80 && utf8_is_word(cp)) {
		s->hash = add_letter(s->hash, cp);
		s->letters++;
	} else {
		end_word(s);
	}
	if (is_han && s->han != 0)
		see_word(s, han_pair(s->han, cp));
	s->han = is_han ? cp : 0;
}

/* Reads the sentence that begins at `from`; where it ends, as sentence_end(). */
static size_t
read_sentence(struct sentence *s, const char *text, size_t n, size_t from)
{
	size_t i = from, len;
	bool is_over = false;
	uint32_t cp;

	while (i < n && !is_over) {
		if (is_letter[(unsigned char)text[i]]) {
			i = see_letters(s, text, n, i);
			continue;
		}
		if ((len = utf8_next(text + i, n - i, &cp)) == 0) {
			i = n;
			break;
		}
		see_other(s, cp);
		is_over = ends_sentence(s->before, cp);
		s->before = cp;
		i += len;
	}
	end_word(s);
	return i;
}

/* ---- a passage ---- */

/* Read from the first sentence to the last, for the one that shares most with the words wanted. */
struct reading {
	const char *text;
	size_t n;
	size_t from;		/* the sentence in hand begins here */
	struct sentence s;
	size_t start, len, shared;	/* of the best so far; the first one when none shares anything */
};

static void
begin_sentence(struct reading *r, size_t from)
{
	r->from = from;
	r->s = (struct sentence){.wanted = r->s.wanted, .hash = WORD_BEGINS};
}

static void
end_sentence(struct reading *r, size_t end)
{
	if (r->from == 0 || r->s.shared > r->shared) {
		r->start = r->from;
		r->len = end - r->from;
		r->shared = r->s.shared;
	}
	begin_sentence(r, end);
}

/* A bit's place among 64; the bit goes. */
static inline size_t
take_bit(uint64_t *bits)
{
	size_t at = (size_t)__builtin_ctzll(*bits);

	*bits &= *bits - 1;
	return at;
}

/* Where the word ends that begins at bit `at` of 64 bytes from `base` on. */
static inline size_t
word_end(const struct reading *r, size_t base, size_t at, uint64_t letters)
{
	uint64_t others = ~(letters >> at);
	size_t end = base + (others != 0 ? at + (size_t)__builtin_ctzll(others) : GLANCE_BYTES);

	if (end == base + GLANCE_BYTES)
		while (end < r->n && is_letter[(unsigned char)r->text[end]])
			end++;
	return end;
}

/* The words that begin where `starts` says, of 64 bytes from `base` on. */
static void
see_ascii_words(struct reading *r, size_t base, uint64_t starts, uint64_t letters)
{
	while (starts != 0) {
		size_t at = take_bit(&starts), i = base + at, end = word_end(r, base, at, letters);
		uint32_t hash = WORD_BEGINS;
		if (!may_be_wanted(r->s.wanted, r->text[i], end - i))
			continue;
		for (; i < end; i++)
			hash = add_letter(hash, small_letter(r->text[i]));
		see_word(&r->s, hash);
	}
}

/* A word begins behind no letter, and a sentence ends with a byte as ends_sentence() has it.  `before`:
 * the 64 bytes before these. */
static void
read_block(struct reading *r, size_t base, const struct glance *g, const struct glance *before)
{
	uint64_t starts = g->letter & ~(g->letter << 1 | before->letter >> 63);
	uint64_t stop = g->stop << 1 | before->stop >> 63, line = g->line << 1 | before->line >> 63;
	uint64_t overs = (stop & (g->space | g->line)) | (line & g->line);

	if (g->high != 0)		/* it ends before that */
		overs &= (g->high & -g->high) - 1;
	while (overs != 0) {
		size_t over = take_bit(&overs);
		uint64_t passed = (UINT64_C(2) << over) - 1;
		if (base + over == r->from)
			continue;	/* what stands before it is of another sentence */
		see_ascii_words(r, base, starts & passed, g->letter);
		starts &= ~passed;
		end_sentence(r, base + over + 1);
	}
	if (g->high == 0)
		see_ascii_words(r, base, starts, g->letter);
}

/* Reads sentences as long as there is nothing but ASCII; true: to the end.  The one that has
 * something else is begun afresh. */
static bool
read_ascii(struct reading *r)
{
	struct glance now, before = {0};

	for (size_t i = r->from; i < r->n; i += GLANCE_BYTES, before = now) {
		if (r->n - i >= GLANCE_BYTES)
			glance(r->text + i, &now);
		else
			glance_rest(r->text + i, r->n - i, &now);
		read_block(r, i, &now, &before);
		if (now.high != 0) {
			begin_sentence(r, r->from);
			return false;
		}
	}
	if (r->from < r->n)
		end_sentence(r, r->n);
	return true;
}

static void
read_passage(struct reading *r)
{
	begin_sentence(r, 0);
	while (r->from < r->n && !read_ascii(r))
		end_sentence(r, read_sentence(&r->s, r->text, r->n, r->from));
}

/* ---- quotes ---- */

/* What quotes are to be about. */
struct about {
	const char *text;
	size_t n;
	struct words words;
	bool may_quote;		/* there are bytes that quotation marks begin with */
};

static void
about_read(struct about *a, const char *text, size_t n)
{
	a->text = text;
	a->n = n;
	a->may_quote = memchr(text, '"', n) != NULL;
	for (size_t i = 0; i < n && !a->may_quote; i++)
		a->may_quote = (signed char)text[i] < 0;
	words_of(&a->words, text, n);
}

/* The longest piece that the sentence has in quotation marks and the passage word by word. */
static bool
find_quoted(const char *sentence, size_t n, const char *passage, size_t passage_len,
    size_t *start, size_t *len)
{
	static const struct {
		const char *open, *close;
	} marks[] = {{"\"", "\""}, {"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"\xe3\x80\x8c", "\xe3\x80\x8d"},
	    {"\xc2\xab", "\xc2\xbb"}};
	const char *end = sentence + n, *from, *to, *found;

	*len = 0;
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		const char *s = sentence;
		while ((from = memmem(s, (size_t)(end - s), marks[i].open, strlen(marks[i].open))) != NULL) {
			from += strlen(marks[i].open);
			to = memmem(from, (size_t)(end - from), marks[i].close, strlen(marks[i].close));
			if (to == NULL)
				break;
			s = to + strlen(marks[i].close);
			if ((size_t)(to - from) < QUOTED_MIN || (size_t)(to - from) > CITE_QUOTE_MAX ||
			    (size_t)(to - from) <= *len)
				continue;
			found = memmem(passage, passage_len, from, (size_t)(to - from));
			if (found == NULL)
				continue;
			*start = (size_t)(found - passage);
			*len = (size_t)(to - from);
		}
	}
	return *len > 0;
}

/* White space around it is no part of a quote, and it ends on a character. */
static void
trim(const char *text, size_t *start, size_t *len)
{
	while (*len > 0 && strchr(" \t\r\n", text[*start]) != NULL) {
		++*start;
		--*len;
	}
	if (*len > CITE_QUOTE_MAX)
		*len = utf8_floor(text + *start, CITE_QUOTE_MAX);
	while (*len > 0 && strchr(" \t\r\n", text[*start + *len - 1]) != NULL)
		--*len;
}

static void
quote_about(const struct about *a, const char *passage, size_t n, size_t *start, size_t *len)
{
	struct reading r = {.text = passage, .n = n, .s.wanted = &a->words};

	if (a->may_quote && find_quoted(a->text, a->n, passage, n, start, len))
		return;
	read_passage(&r);
	*start = r.start;
	*len = r.len;
	trim(passage, start, len);
}

void
cite_quote(const char *sentence, size_t sentence_len, const char *passage, size_t passage_len,
    size_t *start, size_t *len)
{
	struct about a;

	about_read(&a, sentence, sentence_len);
	quote_about(&a, passage, passage_len, start, len);
}

/* ---- citations ---- */

int
cite_check(struct index *x, const struct citation *c, struct arena *a, struct err *e)
{
	struct store_chunk now;
	const char *text;
	size_t len, offset = (size_t)(c->quote - c->hit->chunk.text);

	if (store_fetch(x->store, c->hit->row, a, &now, e) == -1)
		return -1;
	text = now.parent.text_len > 0 ? now.parent.text : now.text;
	len = now.parent.text_len > 0 ? now.parent.text_len : now.text_len;
	if (offset > len || c->quote_len > len - offset ||
	    memcmp(text + offset, c->quote, c->quote_len) != 0)
		return err_set(e, ERR_CORRUPT, "a quote is not what the store holds in row %u",
		    c->hit->row);
	return 0;
}

/* Texts that are their document byte for byte have exact spans; others that of the passage. */
static void
set_span(struct citation *c, size_t start)
{
	const struct store_chunk *chunk = &c->hit->chunk;

	c->start = chunk->start;
	c->end = chunk->end;
	if (chunk->end - chunk->start != chunk->text_len)
		return;
	c->start = chunk->start + start;
	c->end = c->start + c->quote_len;
}

int
cite_all(const struct cite *c, const char *about, const struct query_result *r,
    struct index *x, struct arena *a, struct citation **out, size_t *count, unsigned *failed,
    struct err *e)
{
	bool *seen = arena_calloc(a, r->count + 1, sizeof *seen);
	struct about wanted;
	size_t sentence_len, start;
	const char *sentence;

	*count = 0;
	*failed = 0;
	*out = arena_calloc(a, c->mark_count + 1, sizeof **out);
	if (seen == NULL || *out == NULL)
		return err_set(e, ERR_NOMEM, "no memory for citations");
	if (about != NULL && c->mark_count > 0)
		about_read(&wanted, about, strlen(about));
	for (size_t i = 0; i < c->mark_count; i++) {
		struct citation *at = &(*out)[*count];
		unsigned n = c->marks[i].number;
		if (n > r->count || seen[n - 1])
			continue;
		seen[n - 1] = true;
		*at = (struct citation){.number = n, .hit = &r->hits[n - 1]};
		if (about == NULL) {
			cite_sentence(c, i, &sentence, &sentence_len);
			about_read(&wanted, sentence, sentence_len);
		}
		quote_about(&wanted, at->hit->chunk.text, at->hit->chunk.text_len, &start, &at->quote_len);
		at->quote = at->hit->chunk.text + start;
		set_span(at, start);
		/* An answer of passages says what the store said for this very question. */
		if (about != NULL || cite_check(x, at, a, e) == 0)
			++*count;
		else
			++*failed;
	}
	return 0;
}
