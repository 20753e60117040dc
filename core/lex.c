/* lex.c - lexical search over plain postings.
 *
 * RPX_LENGTHS  u32 tokens of each row
 * RPX_TERMS    u32 terms, u32 0, u64 bytes_at[terms + 1], u64 postings_at[terms + 1], bytes
 * RPX_POSTINGS {u32 row, u32 tf} by term, rows ascending
 */
#include "lex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

struct posting {
	uint32_t row, tf;
};

struct lex {
	uint32_t rows, terms;
	const uint32_t *length;
	const uint64_t *bytes_at, *postings_at;
	const char *bytes;
	uint64_t bytes_len, postings;
	const struct posting *posting;
	double average;
};

static int
by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int
write_postings(struct rpx_writer *w, const struct termdoc *t, uint64_t *at, struct err *e)
{
	uint64_t total = 0, *next;
	struct posting *p;
	int rc;

	for (uint32_t i = 0; i < t->terms; i++) {
		at[i] = total;
		total += t->df[i];
	}
	at[t->terms] = total;
	p = calloc(total + 1, sizeof *p);
	next = malloc((t->terms + 1) * sizeof *next);
	if (p == NULL || next == NULL) {
		free(p);
		free(next);
		return err_sys(e, ERR_NOMEM, "postings");
	}
	memcpy(next, at, (t->terms + 1) * sizeof *next);
	for (uint32_t r = 0; r < t->rows; r++) {
		uint32_t *token = t->token + t->row_at[r];
		size_t n = (size_t)(t->row_at[r + 1] - t->row_at[r]);
		uint32_t *sorted = malloc((n + 1) * sizeof *sorted);
		if (sorted == NULL) {
			free(p);
			free(next);
			return err_sys(e, ERR_NOMEM, "postings");
		}
		memcpy(sorted, token, n * sizeof *sorted);
		qsort(sorted, n, sizeof *sorted, by_number);
		for (size_t i = 0, j; i < n; i = j) {
			for (j = i; j < n && sorted[j] == sorted[i]; j++)
				;
			p[next[sorted[i]]++] = (struct posting){r, (uint32_t)(j - i)};
		}
		free(sorted);
	}
	rc = rpx_add(w, RPX_POSTINGS, p, total * sizeof *p, total, e);
	free(p);
	free(next);
	return rc;
}

int
lex_write(struct rpx_writer *w, const struct termdoc *t, struct err *e)
{
	uint64_t *at = malloc((t->terms + 1) * sizeof *at);
	uint32_t head[2] = {t->terms, 0};
	int rc = -1;

	if (at == NULL)
		return err_sys(e, ERR_NOMEM, "postings");
	if (rpx_begin(w, RPX_LENGTHS, e) == -1)
		goto out;
	for (uint32_t r = 0; r < t->rows; r++) {
		uint32_t n = (uint32_t)(t->row_at[r + 1] - t->row_at[r]);
		if (rpx_put(w, &n, sizeof n, e) == -1)
			goto out;
	}
	if (rpx_end(w, t->rows, e) == -1 || write_postings(w, t, at, e) == -1 ||
	    rpx_begin(w, RPX_TERMS, e) == -1 || rpx_put(w, head, sizeof head, e) == -1 ||
	    rpx_put(w, t->term_at, (t->terms + 1) * sizeof(uint64_t), e) == -1 ||
	    rpx_put(w, at, (t->terms + 1) * sizeof(uint64_t), e) == -1 ||
	    rpx_put(w, t->term_bytes, t->term_at[t->terms], e) == -1)
		goto out;
	rc = rpx_end(w, t->terms, e);
out:
	free(at);
	return rc;
}

int
lex_open(struct lex **out, const struct rpx *r, struct err *e)
{
	struct lex *x = calloc(1, sizeof *x);
	const uint32_t *head;
	size_t n, lengths;
	uint64_t rows, fixed;

	*out = NULL;
	if (x == NULL)
		return err_sys(e, ERR_NOMEM, "index");
	if ((x->length = rpx_need(r, RPX_LENGTHS, &lengths, &rows, e)) == NULL ||
	    (x->posting = rpx_need(r, RPX_POSTINGS, &n, &x->postings, e)) == NULL)
		goto fail;
	if (rows > INDEX_ROWS_MAX || rows * 4 != lengths || n / sizeof *x->posting != x->postings) {
		err_set(e, ERR_CORRUPT, "index.rpx: sizes differ");
		goto fail;
	}
	x->rows = (uint32_t)rows;
	if ((head = rpx_need(r, RPX_TERMS, &n, NULL, e)) == NULL)
		goto fail;
	fixed = n >= 8 ? 8 + 16 * ((uint64_t)head[0] + 1) : 0;
	if (fixed == 0 || fixed > n) {
		err_set(e, ERR_CORRUPT, "index.rpx: lexicon cut short");
		goto fail;
	}
	x->terms = head[0];
	x->bytes_at = (const uint64_t *)(head + 2);
	x->postings_at = x->bytes_at + x->terms + 1;
	x->bytes = (const char *)(x->postings_at + x->terms + 1);
	x->bytes_len = n - fixed;
	x->average = x->rows > 0 ? (double)x->postings / x->rows : 1;
	*out = x;
	return 0;
fail:
	free(x);
	return -1;
}

void
lex_close(struct lex *x)
{
	free(x);
}

uint32_t
lex_rows(const struct lex *x)
{
	return x->rows;
}

struct search {
	const struct lex *x;
	float *score;
};

static void
add_term(struct search *s, uint32_t term)
{
	const struct lex *x = s->x;
	uint64_t from = x->postings_at[term], to = x->postings_at[term + 1];

	if (from > to || to > x->postings)
		return;
	double df = (double)(to - from), idf = log(1 + (x->rows - df + .5) / (df + .5));
	for (uint64_t i = from; i < to; i++) {
		const struct posting *p = &x->posting[i];
		if (p->row >= x->rows)
			continue;
		double norm = 1.2 * (.25 + .75 * x->length[p->row] / x->average);
		s->score[p->row] += (float)(idf * p->tf * 2.2 / (p->tf + norm));
	}
}

static int
on_term(void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
{
	struct search *s = context;
	const struct lex *x = s->x;
	uint32_t lo = 0, hi = x->terms;

	(void)start, (void)end;
	if (flags & ANALYZE_STOP_WORD)
		return 0;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		uint64_t a = x->bytes_at[mid], b = x->bytes_at[mid + 1];
		if (a > b || b > x->bytes_len)
			return 0;
		size_t n = (size_t)(b - a) < len ? (size_t)(b - a) : len;
		int c = memcmp(x->bytes + a, term, n);
		if (c == 0)
			c = (b - a > len) - (b - a < len);
		if (c == 0) {
			add_term(s, mid);
			return 0;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return 0;
}

int
lex_search(const struct lex *x, struct analyzer *a, const char *text, size_t len, uint32_t k,
    struct arena *arena, struct lex_hit *out, uint32_t *count, struct err *e)
{
	struct search s = {.x = x, .score = arena_calloc(arena, x->rows + 1, sizeof(float))};
	uint32_t n = 0;

	if (s.score == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the search");
	analyze(a, text, len, on_term, &s);
	for (uint32_t r = 0; r < x->rows; r++) {
		if (s.score[r] <= 0 || (n == k && s.score[r] <= out[n - 1].score))
			continue;
		uint32_t at = n < k ? n++ : n - 1;
		for (; at > 0 && out[at - 1].score < s.score[r]; at--)
			out[at] = out[at - 1];
		out[at] = (struct lex_hit){r, s.score[r]};
	}
	*count = n;
	return 0;
}
