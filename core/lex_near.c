/* lex_near.c - what it is worth that words of the query stand close in a row.
 *
 * After Tao, Zhai 2007 and the unordered window of Metzler, Croft 2005, cut down to pairs
 * that are neighbours in the query: the closeness of a pair is the sum over its
 * occurrences, at most LEX_NEAR_SPAN apart, of 1 / distance^2, and saturates as a term
 * frequency does.  Measured in doc/notes/ranking.md.
 */
#include "lex_parts.h"

enum {
	LEX_NEAR_SPAN = 8,		/* positions */
	LEX_NEAR_POSITIONS = 512,	/* of a term in a row; what comes behind is not seen */
};

static float
closeness(const uint32_t *a, int n, const uint32_t *b, int m)
{
	float sum = 0;
	int first = 0;

	for (int i = 0; i < n; i++) {
		while (first < m && (int64_t)b[first] < (int64_t)a[i] - LEX_NEAR_SPAN)
			first++;
		for (int k = first; k < m && (int64_t)b[k] <= (int64_t)a[i] + LEX_NEAR_SPAN; k++) {
			float d = (float)((int64_t)b[k] - (int64_t)a[i]);
			if (d != 0)
				sum += 1 / (d * d);
		}
	}
	return sum;
}

/* The pair's closeness in the row into *tp: 0 when one of the two is not there. */
static int
closeness_in_row(struct lex_scratch *s, const struct lex_term *a, const struct lex_term *b,
    uint32_t row, float *tp, struct err *e)
{
	struct lex_cursor *c = s->cursor;
	int has_a, has_b, n, m;

	*tp = 0;
	if ((has_a = lex_cursor_jump(&c[0], row, e)) == -1)
		return -1;
	if (!has_a)
		return 0;
	if ((has_b = lex_cursor_jump(&c[1], row, e)) == -1)
		return -1;
	if (!has_b)
		return 0;
	n = lex_cursor_positions(&c[0], a, c[0].i, s->position[0], LEX_NEAR_POSITIONS);
	m = lex_cursor_positions(&c[1], b, c[1].i, s->position[1], LEX_NEAR_POSITIONS);
	if (n == -1 || m == -1)
		return lex_corrupt(e);
	*tp = closeness(s->position[0], n, s->position[1], m);
	return 0;
}

static int
add_pair(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const struct lex_pair *pair, const uint32_t *row, uint32_t rows, float *out, struct err *e)
{
	const struct lex_term *a = &q->term[pair->a].term, *b = &q->term[pair->b].term;
	float worth = (float)((lex_idf(x, a->df) + lex_idf(x, b->df)) / 2) * pair->count;
	float tp;

	if (lex_cursor_open(&s->cursor[0], x, a, 1, e) == -1 ||
	    lex_cursor_open(&s->cursor[1], x, b, 1, e) == -1)
		return -1;
	for (uint32_t i = 0; i < rows; i++) {
		if (row[i] >= x->rows)
			continue;
		if (closeness_in_row(s, a, b, row[i], &tp, e) == -1)
			return -1;
		if (tp > 0)
			out[i] += worth * tp * (x->k1 + 1) / (tp + x->norm[row[i]]);
	}
	return 0;
}

int
lex_near_rows(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint32_t *row, uint32_t rows, float *out, struct err *e)
{
	for (uint32_t i = 0; i < rows; i++)
		out[i] = 0;
	if (x->posn == NULL || q->pairs == 0)
		return 0;
	if (lex_scratch_fit_cursors(s, 2, e) == -1)
		return -1;
	for (uint32_t p = 0; p < q->pairs; p++)
		if (add_pair(x, s, q, &q->pair[p], row, rows, out, e) == -1)
			return -1;
	return 0;
}
