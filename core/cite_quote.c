/* cite_quote.c - what a mark cites: a span of a passage, checked against the store. */
#include "cite.h"

#include <endian.h>
#include <string.h>

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

/* Of eight bytes the upper bit of each that is a letter or digit of ASCII.  None of the sums leaves its
 * byte. */
static inline uint64_t
letters_of(uint64_t x)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t low = x & ~high, small = low | ones * 0x20;
	uint64_t alpha = (small + ones * (0x80 - 'a')) & ~(small + ones * (0x7f - 'z'));
	uint64_t digit = (low + ones * (0x80 - '0')) & ~(low + ones * (0x7f - '9'));

	return (alpha | digit) & ~x & high;
}

/* Where the letters from text[i] on end. */
static inline size_t
letters_end(const char *text, size_t n, size_t i)
{
	const uint64_t high = UINT64_MAX / 255 << 7;
	uint64_t x;

	for (; n - i >= sizeof x; i += sizeof x) {
		memcpy(&x, text + i, sizeof x);
		if ((x = ~letters_of(le64toh(x)) & high) != 0)
			return i + (size_t)__builtin_ctzll(x) / 8;
	}
	while (i < n && is_letter[(unsigned char)text[i]])
		i++;
	return i;
}

/* Letters of ASCII from text[i] on, to the first other byte.  Where they are a word by themselves
 * that begins and is as long as none of those wanted, they need no hash. */
static size_t
see_letters(struct sentence *s, const char *text, size_t n, size_t i)
{
	uint32_t first = ascii_letter((unsigned char)text[i]);
	size_t end = letters_end(text, n, i), letters = end - i;

	s->before = first;
	s->han = 0;
	if (s->letters == 0 && (end == n || (signed char)text[end] >= 0) &&
	    (s->wanted->lengths[first] & length_bit(letters)) == 0)
		return end;
	for (; i < end; i++)
		s->hash = add_letter(s->hash, ascii_letter((unsigned char)text[i]));
	s->letters += letters;
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

/* Where the sentence that begins at `from` ends, as sentence_end(); in *shared how many different
 * words of those wanted it has. */
static size_t
read_sentence(const struct words *wanted, const char *text, size_t n, size_t from, size_t *shared)
{
	struct sentence s = {.wanted = wanted, .hash = WORD_BEGINS};
	size_t i = from, len;
	bool is_over = false;
	uint32_t cp;

	while (i < n && !is_over) {
		if (is_letter[(unsigned char)text[i]]) {
			i = see_letters(&s, text, n, i);
			continue;
		}
		if ((len = utf8_next(text + i, n - i, &cp)) == 0) {
			i = n;
			break;
		}
		see_other(&s, cp);
		is_over = ends_sentence(s.before, cp);
		s.before = cp;
		i += len;
	}
	end_word(&s);
	*shared = s.shared;
	return i;
}

/* ---- quotes ---- */

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

void
cite_quote(const char *sentence, size_t sentence_len, const char *passage, size_t passage_len,
    size_t *start, size_t *len)
{
	struct words wanted;
	size_t best = 0, shared, end;

	if (find_quoted(sentence, sentence_len, passage, passage_len, start, len))
		return;
	*start = *len = 0;
	words_of(&wanted, sentence, sentence_len);
	for (size_t from = 0; from < passage_len; from = end) {
		end = read_sentence(&wanted, passage, passage_len, from, &shared);
		if (from > 0 && shared <= best)
			continue;	/* the first one when none shares anything */
		best = shared;
		*start = from;
		*len = end - from;
	}
	trim(passage, start, len);
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
	const char *sentence = about;
	size_t sentence_len = about != NULL ? strlen(about) : 0, start;

	*count = 0;
	*failed = 0;
	*out = arena_calloc(a, c->mark_count + 1, sizeof **out);
	if (seen == NULL || *out == NULL)
		return err_set(e, ERR_NOMEM, "no memory for citations");
	for (size_t i = 0; i < c->mark_count; i++) {
		struct citation *at = &(*out)[*count];
		unsigned n = c->marks[i].number;
		if (n > r->count || seen[n - 1])
			continue;
		seen[n - 1] = true;
		*at = (struct citation){.number = n, .hit = &r->hits[n - 1]};
		if (about == NULL)
			cite_sentence(c, i, &sentence, &sentence_len);
		cite_quote(sentence, sentence_len, at->hit->chunk.text, at->hit->chunk.text_len,
		    &start, &at->quote_len);
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
