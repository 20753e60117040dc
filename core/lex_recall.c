/* lex_recall.c - what became of words lately. */
#include "lex_recall.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum {
	SLOTS = 4096,
	TOGETHER = 4,		/* what wants the same place finds room beside it */
	FETCHED_MAX = 512,
};

struct lex_recall {
	struct lex_recalled slot[SLOTS];
};

struct lex_recall *
lex_recall_new(struct err *e)
{
	struct lex_recall *r = aligned_alloc(sizeof r->slot[0], sizeof *r);

	if (r == NULL)
		err_set(e, ERR_NOMEM, "no memory for a question's words");
	else
		memset(r, 0, sizeof *r);
	return r;
}

void
lex_recall_free(struct lex_recall *r)
{
	free(r);
}

/* The same word of several indexes lies in several places. */
static inline uint32_t
place_of(uint32_t serial, const char *bytes, size_t len)
{
	return (hash_word(bytes, len) + serial * 0x9e3779b1u) % SLOTS;
}

static inline bool
is_it(const struct lex_recalled *w, uint32_t serial, bool is_written, const char *bytes,
    size_t len)
{
	return w->serial == serial && w->len == len &&
	    (w->flags & LEX_RECALL_WRITTEN) == (is_written ? LEX_RECALL_WRITTEN : 0) &&
	    memcmp(w->bytes, bytes, len) == 0;
}

const struct lex_recalled *
lex_recall_find(const struct lex_recall *r, uint32_t serial, bool is_written, const char *bytes,
    size_t len)
{
	uint32_t at;

	if (len > LEX_RECALL_BYTES)
		return NULL;
	at = place_of(serial, bytes, len);
	for (uint32_t i = 0; i < TOGETHER; i++)
		if (is_it(&r->slot[at ^ i], serial, is_written, bytes, len))
			return &r->slot[at ^ i];
	return NULL;
}

/* To where what lies in the place may move: an empty one, else the next. */
static uint32_t
place_beside(const struct lex_recall *r, uint32_t at)
{
	for (uint32_t i = 1; i < TOGETHER; i++)
		if (r->slot[at ^ i].serial == 0)
			return at ^ i;
	return at ^ (1 + r->slot[at].len % (TOGETHER - 1));
}

void
lex_recall_put(struct lex_recall *r, uint32_t serial, unsigned flags, const char *bytes,
    size_t len, const struct lex_term *term)
{
	struct lex_recalled *w;
	uint32_t at;

	if (len > LEX_RECALL_BYTES)
		return;
	at = place_of(serial, bytes, len);
	w = &r->slot[at];
	if (w->serial != 0)
		r->slot[place_beside(r, at)] = *w;
	memset(w, 0, sizeof *w);
	w->serial = serial;
	w->len = (uint8_t)len;
	w->flags = (uint8_t)(flags | (term != NULL ? LEX_RECALL_IN_LEXICON : 0));
	memcpy(w->bytes, bytes, len);
	if (term != NULL)
		w->term = *term;
}

/* ---- ahead of time ---- */

static inline void
fetch(const struct lex_recall *r, uint32_t serial, const char *bytes, size_t len)
{
	__builtin_prefetch(&r->slot[place_of(serial, bytes, len)]);
}

/* Lower case of a letter or digit, 0 for all else. */
static inline char
lower(char c)
{
	char l = (char)(c | 0x20);

	return l >= 'a' && l <= 'z' ? l : c >= '0' && c <= '9' ? c : 0;
}

/* Guesses as the analyzer will read most text; a wrong guess costs nothing but itself. */
void
lex_recall_fetch(const struct lex_recall *r, uint32_t serial, const char *text, size_t len)
{
	char word[LEX_RECALL_BYTES], c;
	size_t n = 0;

	len = len < FETCHED_MAX ? len : FETCHED_MAX;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && (c = lower(text[i])) != 0) {
			if (n < sizeof word)
				word[n] = c;
			n++;
			continue;
		}
		if (n > 0 && n <= sizeof word)
			fetch(r, serial, word, n);
		n = 0;
		/* A character of three bytes, as Han: by itself and with the next. */
		if (i + 3 <= len && ((unsigned char)text[i] & 0xf0) == 0xe0) {
			fetch(r, serial, text + i, 3);
			if (i + 6 <= len)
				fetch(r, serial, text + i, 6);
			i += 2;
		}
	}
}
