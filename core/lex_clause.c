/* lex_clause.c - which rows obey a query's clauses. */
#include "lex_parts.h"

#include <stdlib.h>

static int
fit_rows(struct lex_scratch *s, size_t words, struct err *e)
{
	if (words <= s->rows_cap)
		return 0;
	free(s->rows);
	free(s->found);
	s->rows = malloc(words * sizeof *s->rows);
	s->found = malloc(words * sizeof *s->found);
	s->rows_cap = s->rows != NULL && s->found != NULL ? words : 0;
	return s->rows_cap > 0 ? 0 : err_set(e, ERR_NOMEM, "no memory for a query's clauses");
}

static void
mark(struct lex_scratch *s, uint32_t row)
{
	s->found[row / 64] |= UINT64_C(1) << row % 64;
}

static int
mark_word(struct lex_scratch *s, struct err *e)
{
	struct lex_cursor *c = s->cursor;

	for (; c->block < c->blocks; c->block++) {
		if (lex_cursor_decode(c, e) == -1)
			return -1;
		for (uint32_t i = 0; i < c->n; i++)
			mark(s, c->row[i]);
	}
	return 0;
}

/* Keeps those of here[n], places of word `i`, that word `k` continues. */
static int
keep_continued(uint32_t *here, int n, const uint32_t *there, int m, uint32_t i, uint32_t k)
{
	int kept = 0;

	for (int a = 0, b = 0; a < n; a++) {
		int64_t want = (int64_t)here[a] - i + k;
		while (b < m && there[b] < want)
			b++;
		if (b < m && there[b] == want)
			here[kept++] = here[a];
	}
	return kept;
}

/* Whether the row all cursors stand on holds the words one behind the other. */
static int
is_phrase(struct lex_scratch *s, const struct lex_term *word, uint32_t words, uint32_t rarest,
    struct err *e)
{
	struct lex_cursor *c = s->cursor;
	int n, m;

	n = lex_cursor_positions(
	    &c[rarest], &word[rarest], c[rarest].i, s->position[0], LEX_POSITIONS_MAX);
	if (n == -1)
		return lex_corrupt(e);
	for (uint32_t k = 0; k < words && n > 0; k++) {
		if (k == rarest)
			continue;
		m = lex_cursor_positions(
		    &c[k], &word[k], c[k].i, s->position[1], LEX_POSITIONS_MAX);
		if (m == -1)
			return lex_corrupt(e);
		n = keep_continued(s->position[0], n, s->position[1], m, rarest, k);
	}
	return n > 0;
}

/* Moves all other words to the row: 1 when all are there, 0, -1. */
static int
seek_all(struct lex_scratch *s, uint32_t words, uint32_t rarest, uint32_t row, struct err *e)
{
	for (uint32_t k = 0; k < words; k++) {
		int there = k == rarest ? 1 : lex_cursor_seek(&s->cursor[k], row, e);
		if (there != 1)
			return there;
	}
	return 1;
}

static int
mark_phrase(struct lex_scratch *s, const struct lex_term *word, uint32_t words, struct err *e)
{
	uint32_t rarest = 0;
	struct lex_cursor *c;
	int there;

	for (uint32_t k = 1; k < words; k++)
		if (word[k].df < word[rarest].df)
			rarest = k;
	for (c = &s->cursor[rarest]; c->block < c->blocks; c->block++) {
		if (lex_cursor_decode(c, e) == -1)
			return -1;
		for (; c->i < c->n; c->i++) {
			there = seek_all(s, words, rarest, c->row[c->i], e);
			if (there == 1 && c->x->posn != NULL)
				there = is_phrase(s, word, words, rarest, e);
			if (there == -1)
				return -1;
			if (there == 1)
				mark(s, c->row[c->i]);
		}
	}
	return 0;
}

static int
mark_clause(const struct lex *x, struct lex_scratch *s, const struct lex_term *word,
    uint32_t words, struct err *e)
{
	if (lex_scratch_fit_cursors(s, words, e) == -1)
		return -1;
	for (uint32_t k = 0; k < words; k++)
		if (lex_cursor_open(&s->cursor[k], x, &word[k], 0, e) == -1)
			return -1;
	return words == 1 ? mark_word(s, e) : mark_phrase(s, word, words, e);
}

int
lex_clauses_apply(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint64_t *allowed, struct err *e)
{
	size_t words = ((size_t)x->rows + 63) / 64;

	if (fit_rows(s, words + 1, e) == -1)
		return -1;
	if (allowed != NULL)
		memcpy(s->rows, allowed, words * sizeof *s->rows);
	else
		memset(s->rows, 0xff, words * sizeof *s->rows);
	for (uint32_t i = 0; i < q->clauses; i++) {
		const struct lex_clause *c = &q->clause[i];
		uint64_t flip = c->is_not ? ~UINT64_C(0) : 0;
		memset(s->found, 0, words * sizeof *s->found);
		if (mark_clause(x, s, q->clause_word + c->word, c->words, e) == -1)
			return -1;
		for (size_t k = 0; k < words; k++)
			s->rows[k] &= s->found[k] ^ flip;
	}
	return 0;
}

int
lex_rows_allowed(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint64_t *allowed, uint64_t *out, uint32_t *count, struct err *e)
{
	size_t words = ((size_t)x->rows + 63) / 64;

	*count = 0;
	if (q->is_impossible) {
		memset(out, 0, words * sizeof *out);
		return 0;
	}
	if (lex_clauses_apply(x, s, q, allowed, e) == -1)
		return -1;
	memcpy(out, s->rows, words * sizeof *out);
	if (x->rows % 64 != 0)
		out[words - 1] &= (UINT64_C(1) << x->rows % 64) - 1;
	for (size_t i = 0; i < words; i++)
		*count += (uint32_t)__builtin_popcountll(out[i]);
	return 0;
}
