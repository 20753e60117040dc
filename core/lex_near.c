/* lex_near.c - how near a query's neighbouring words stand in given rows. */
#include "lex_near.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lex_parts.h"

enum {
	TERMS_MAX = LEX_NEAR_PAIRS_MAX + 1,	/* a chain of pairs; others end it sooner */
	FEW_ROWS = 48,		/* put in order by comparing each with each */
	FETCHED_ROWS = 8,	/* of those that come first, most scores are asked for */
};

struct near_term {
	struct lex_term term;
	uint32_t read_for;			/* the row of place[], 1 + its number; 0: none */
	uint32_t places;
	uint32_t place[LEX_NEAR_PLACES_MAX];	/* ascending */
};

struct near_pair {
	uint32_t a, b;		/* in term[] */
	uint32_t times;
	double weight;		/* of a nearness of 1 */
};

struct lex_near {
	const struct lex *x;
	uint32_t terms;
	uint32_t pairs;
	struct lex_kept *kept;		/* borrowed; NULL: none */
	struct lex_cursor cursor;	/* each list's in turn */
	struct near_term term[TERMS_MAX];
	struct near_pair pair[LEX_NEAR_PAIRS_MAX];
	/* Of the rows at hand, by number, ascending: */
	uint32_t rows;
	uint32_t rows_cap;
	uint64_t *order;	/* row << 32 | its place in the caller's array */
	uint32_t *row;
	uint32_t *number;	/* of each place in the caller's array; behind all: none */
	uint64_t *held;		/* pairs in each row */
	struct lex_spot *spot;	/* a term's, one behind the other, then the next term's */
	size_t spots_cap;
};

struct lex_near *
lex_near_new(struct err *e)
{
	struct lex_near *n = calloc(1, sizeof *n);

	if (n == NULL)
		err_sys(e, ERR_NOMEM, "proximity");
	return n;
}

void
lex_near_free(struct lex_near *n)
{
	if (n == NULL)
		return;
	free(n->order);
	free(n->row);
	free(n->number);
	free(n->held);
	free(n->spot);
	free(n);
}

void
lex_near_share(struct lex_near *n, struct lex_scratch *s)
{
	n->kept = &s->kept;
}

/* ---- the query ---- */

/* The term's number, UINT32_MAX when there is no more room. */
static uint32_t
number_of(struct lex_near *n, const struct lex_term *t)
{
	for (uint32_t i = 0; i < n->terms; i++)
		if (n->term[i].term.id == t->id)
			return i;
	if (n->terms == TERMS_MAX)
		return UINT32_MAX;
	n->term[n->terms].term = *t;
	return n->terms++;
}

static void
add_pair(struct lex_near *n, const struct lex_term *one, const struct lex_term *two)
{
	uint32_t a, b;

	if (one->id == two->id || n->pairs == LEX_NEAR_PAIRS_MAX)
		return;
	a = number_of(n, one);
	b = number_of(n, two);
	if (a == UINT32_MAX || b == UINT32_MAX)
		return;
	for (uint32_t i = 0; i < n->pairs; i++) {
		if (n->pair[i].a == a && n->pair[i].b == b) {
			n->pair[i].times++;
			return;
		}
	}
	n->pair[n->pairs++] = (struct near_pair){.a = a, .b = b, .times = 1};
}

uint32_t
lex_near_pairs(struct lex_near *n, const struct lex_words *w)
{
	n->terms = n->pairs = n->rows = 0;
	for (uint32_t i = 1; i < w->count; i++) {
		const struct lex_word *a = &w->word[i - 1], *b = &w->word[i];
		if (a->is_known && b->is_known && a->end <= b->start)
			add_pair(n, &a->term, &b->term);
	}
	return n->pairs;
}

/* ---- where the words stand ---- */

static int
fit_rows(struct lex_near *n, uint32_t rows, struct err *e)
{
	size_t spots = (size_t)n->terms * rows;

	if (rows > n->rows_cap) {
		free(n->order);
		free(n->row);
		free(n->number);
		free(n->held);
		n->order = malloc(rows * sizeof *n->order);
		n->row = malloc(rows * sizeof *n->row);
		n->number = malloc(rows * sizeof *n->number);
		n->held = malloc(rows * sizeof *n->held);
		n->rows_cap = n->order && n->row && n->number && n->held ? rows : 0;
	}
	if (spots > n->spots_cap) {
		free(n->spot);
		n->spot = malloc(spots * sizeof *n->spot);
		n->spots_cap = n->spot != NULL ? spots : 0;
	}
	if (rows > n->rows_cap || spots > n->spots_cap)
		return err_set(e, ERR_NOMEM, "proximity of %u rows", rows);
	return 0;
}

/* Each compared with each, without a branch to guess wrong: for the few rows there mostly are. */
static void
rank_few(const uint64_t *key, uint32_t count, uint64_t *out)
{
	uint32_t rank[FEW_ROWS];

	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = 0;
		for (uint32_t k = 0; k < i; k++) {
			uint32_t is_less = key[k] < key[i];
			before += is_less;
			rank[k] += 1 - is_less;
		}
		rank[i] = before;
	}
	for (uint32_t i = 0; i < count; i++)
		out[rank[i]] = key[i];
}

/* Shell's sort (gaps: Ciura 2001). */
static void
sort_ascending(uint64_t *key, uint32_t count)
{
	static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

	for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
		for (uint32_t gap = gaps[g], i = gap; i < count; i++) {
			uint64_t moving = key[i];
			uint32_t at = i;
			for (; at >= gap && key[at - gap] > moving; at -= gap)
				key[at] = key[at - gap];
			key[at] = moving;
		}
}

/* Ascending, so that each block of postings is decoded once for all rows of it.  Rows that
 * do not exist are left out. */
static void
take_rows(struct lex_near *n, const struct lex *x, const uint32_t *row, uint32_t rows)
{
	uint64_t few[FEW_ROWS], *key = rows <= FEW_ROWS ? few : n->order;

	for (uint32_t i = 0; i < rows; i++)
		key[i] = (uint64_t)row[i] << 32 | i;
	if (key == few)
		rank_few(key, rows, n->order);
	else
		sort_ascending(n->order, rows);
	for (n->rows = 0; n->rows < rows; n->rows++) {
		uint64_t o = n->order[n->rows];
		if (o >> 32 >= x->rows)
			break;
		n->row[n->rows] = (uint32_t)(o >> 32);
		n->number[(uint32_t)o] = n->rows;
	}
	for (uint32_t i = n->rows; i < rows; i++)
		n->number[(uint32_t)n->order[i]] = n->rows;
}

static const struct lex_spot *
spots_of(const struct lex_near *n, uint32_t term)
{
	return n->spot + (size_t)term * n->rows;
}

static int
find_words(struct lex_near *n, struct err *e)
{
	for (uint32_t k = 0; k < n->terms; k++) {
		struct near_term *t = &n->term[k];
		struct lex_kept_list *kept = lex_kept_find(n->kept, n->x->serial, t->term.id);
		if (lex_cursor_open_kept(&n->cursor, n->x, &t->term, 1, kept, e) == -1 ||
		    lex_cursor_find(&n->cursor, n->row, n->rows,
			n->spot + (size_t)k * n->rows, e) == -1)
			return -1;
		t->read_for = 0;
	}
	for (uint32_t i = 0; i < n->pairs; i++) {
		struct near_pair *p = &n->pair[i];
		p->weight = p->times * (n->term[p->a].term.idf + n->term[p->b].term.idf) / 2 *
		    (n->x->k1 + 1.0);
	}
	return 0;
}

/* ---- what a row can have at most ---- */

static double
norm_of(const struct lex *x, uint32_t row)
{
	double norm = x->norm[row];

	return norm > 1e-9 ? norm : 1e-9;	/* less, only a damaged file can say */
}

/* The largest sum of 1 / d^2 that a places of one word and b of the other can have: no two
 * of a word are at the same place, so that at most two are d away from one of the other. */
static double
nearness_most(uint32_t a, uint32_t b)
{
	static const double around[] = {0, 1, 2, 2.25, 2.5, 2.6112, 2.7223, 2.7848, 2.8473,
	    2.8873, 2.9273, 2.9551, 2.9829, 3.0033, 3.0237, 3.0393, 3.0550};
	enum { ALL = 2 * LEX_NEAR_WINDOW };
	_Static_assert(sizeof around / sizeof around[0] == ALL + 1, "one for each place");
	double of_a = a * around[b < ALL ? b : ALL], of_b = b * around[a < ALL ? a : ALL];

	return of_a < of_b ? of_a : of_b;
}

/* Which pairs each row holds, a bit a pair: told without a branch, which would be guessed wrong
 * as often as not. */
static void
find_pairs(struct lex_near *n)
{
	memset(n->held, 0, n->rows * sizeof *n->held);
	for (uint32_t i = 0; i < n->pairs; i++) {
		const struct lex_spot *a = spots_of(n, n->pair[i].a), *b = spots_of(n, n->pair[i].b);
		for (uint32_t k = 0; k < n->rows; k++)
			n->held[k] |= (uint64_t)((a[k].tf != 0) & (b[k].tf != 0)) << i;
	}
}
_Static_assert(LEX_NEAR_PAIRS_MAX <= 64, "a bit for each");

/* The pairs of n->held[], one after the other; NULL behind the last. */
static const struct near_pair *
next_pair(const struct lex_near *n, uint64_t *held)
{
	uint64_t left = *held;

	*held = left & (left - 1);
	return left != 0 ? &n->pair[__builtin_ctzll(left)] : NULL;
}

/* A hair above, for what rounding makes of the score itself. */
static float
most_of(const struct lex_near *n, uint32_t k)
{
	double most = 0, norm = norm_of(n->x, n->row[k]), tp;
	uint64_t held = n->held[k];
	const struct near_pair *p;

	while ((p = next_pair(n, &held)) != NULL) {
		tp = nearness_most(spots_of(n, p->a)[k].tf, spots_of(n, p->b)[k].tf);
		most += 1.000001 * p->weight * tp / (tp + norm);
	}
	return (float)most;
}

typedef void fetch_fn(const struct lex *x, const struct lex_term *t, uint32_t posting);

/* For the words of pairs in the first rows of the caller's. */
static void
fetch_first(const struct lex_near *n, uint32_t rows, fetch_fn *fetch)
{
	for (uint32_t i = 0; i < rows && i < FETCHED_ROWS; i++) {
		uint32_t k = n->number[i];
		uint64_t held = k < n->rows ? n->held[k] : 0;
		const struct near_pair *p;
		while ((p = next_pair(n, &held)) != NULL) {
			fetch(n->x, &n->term[p->a].term, spots_of(n, p->a)[k].posting);
			fetch(n->x, &n->term[p->b].term, spots_of(n, p->b)[k].posting);
		}
	}
}

int
lex_near_find(struct lex_near *n, const struct lex *x, const uint32_t *row, uint32_t rows,
    float *most, struct err *e)
{
	n->x = x;
	n->rows = 0;
	for (uint32_t i = 0; i < rows; i++)
		most[i] = 0;
	if (x->posn == NULL || n->pairs == 0 || rows == 0)
		return 0;
	if (fit_rows(n, rows, e) == -1)
		return -1;
	take_rows(n, x, row, rows);
	if (find_words(n, e) == -1)
		return -1;
	find_pairs(n);
	fetch_first(n, rows, lex_positions_fetch_block);
	for (uint32_t k = 0; k < n->rows; k++)
		most[(uint32_t)n->order[k]] = most_of(n, k);
	fetch_first(n, rows, lex_positions_fetch);
	return 0;
}

/* ---- the score ---- */

/* The term's places in row number k, read once for all its pairs. */
static int
read_places(struct lex_near *n, uint32_t term, uint32_t k, struct err *e)
{
	struct near_term *t = &n->term[term];
	int places;

	if (t->read_for == k + 1)
		return 0;
	if (lex_cursor_open(&n->cursor, n->x, &t->term, 1, e) == -1)
		return -1;
	places = lex_cursor_positions_at(&n->cursor, &t->term, spots_of(n, term)[k].posting,
	    t->place, LEX_NEAR_PLACES_MAX);
	if (places == -1)
		return lex_corrupt(e);
	t->places = (uint32_t)places;
	t->read_for = k + 1;
	return 0;
}

/* Sum of 1 / d^2 over the places of a and b that are 1..LEX_NEAR_WINDOW apart. */
static double
nearness(const struct near_term *a, const struct near_term *b)
{
	/* 0 apart only in a damaged file. */
	static const double at_distance[LEX_NEAR_WINDOW + 1] = {0, 1, 1 / 4., 1 / 9., 1 / 16.,
	    1 / 25., 1 / 36., 1 / 49., 1 / 64.};
	double sum = 0;
	uint32_t from = 0;

	for (uint32_t i = 0; i < a->places; i++) {
		uint64_t at = a->place[i];
		while (from < b->places && b->place[from] + (uint64_t)LEX_NEAR_WINDOW < at)
			from++;
		for (uint32_t k = from; k < b->places && b->place[k] <= at + LEX_NEAR_WINDOW; k++)
			sum += at_distance[b->place[k] < at ? at - b->place[k] : b->place[k] - at];
	}
	return sum;
}

int
lex_near_score(struct lex_near *n, uint32_t i, float *out, struct err *e)
{
	uint32_t k = n->rows > 0 ? n->number[i] : 0;
	double sum = 0, norm, tp;
	const struct near_pair *p;
	uint64_t held;

	*out = 0;
	if (k >= n->rows)
		return 0;
	norm = norm_of(n->x, n->row[k]);
	held = n->held[k];
	while ((p = next_pair(n, &held)) != NULL) {
		if (read_places(n, p->a, k, e) == -1 || read_places(n, p->b, k, e) == -1)
			return -1;
		tp = nearness(&n->term[p->a], &n->term[p->b]);
		sum += p->weight * tp / (tp + norm);
	}
	*out = (float)sum;
	return 0;
}

int
lex_near_rows(struct lex_near *n, const struct lex *x, const uint32_t *row, uint32_t rows,
    float *out, struct err *e)
{
	if (lex_near_find(n, x, row, rows, out, e) == -1)
		return -1;
	for (uint32_t i = 0; i < rows; i++)
		if (out[i] > 0 && lex_near_score(n, i, &out[i], e) == -1)
			return -1;
	return 0;
}
