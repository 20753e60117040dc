/* dense_scan_coarse.c - comparing every row by its coarse code: the answer for small
 * collections, for filters and for whoever asks for the exact one.
 *
 * Two steps over a chunk of rows.  The first computes a bound on each row's score and keeps
 * the rows of the largest bounds aside; their exact scores come first, so that the k-th best
 * stands high from the start.  The second looks at the rows whose bound reaches it.  The
 * answer is that of comparing every exact vector (dense_coarse.c says why). */
#include <float.h>
#include <math.h>

#include "dense_scratch.h"

enum { CHUNK_BOUNDS = 2 << 20, SIDE = 16, LANES_TO_UNPACK = 4 };

struct chunk {
	uint32_t first;			/* row of place 0, without a filter */
	const uint32_t *rows;		/* of each place, under one */
	uint32_t len;
};

static uint32_t
chunk_row(const struct chunk *c, uint32_t place)
{
	return c->rows != NULL ? c->rows[place] : c->first + place;
}

/* What the lanes share of VEC_BATCH places, by column. */
struct batch {
	const uint8_t *unpacked;	/* codes, a byte each; NULL: too few lanes for that */
	float step[VEC_BATCH];
	float error[VEC_BATCH];
	float norm2[VEC_BATCH];
	float most[VEC_BATCH];		/* -INFINITY for a row without a vector */
};

static const uint8_t *
chunk_record(const struct dense *d, const struct chunk *c, uint32_t place)
{
	return d->coarse + (size_t)chunk_row(c, place) * d->coarse_stride;
}

static void
unpack(const struct dense *d, uint8_t *out, const struct chunk *c, uint32_t at, uint32_t n)
{
	size_t values = coarse_values_of(d->h.dim);

	for (uint32_t i = 0; i < n; i++)
		vec_unpack3(out + i * values, chunk_record(d, c, at + i), values);
}

/* Tails of the four records that end at p[]; each is read with the four bytes before it. */
static inline void
read_four(struct batch *b, uint32_t at, const uint8_t *const p[4], bool is_likely)
{
	const floats4 all = {INFINITY, INFINITY, INFINITY, INFINITY};
	floats4 w = *(const floats4 *)(p[0] - 16), x = *(const floats4 *)(p[1] - 16);
	floats4 y = *(const floats4 *)(p[2] - 16), z = *(const floats4 *)(p[3] - 16);
	floats4 wx = __builtin_shuffle(w, x, (ints4){2, 6, 3, 7});
	floats4 yz = __builtin_shuffle(y, z, (ints4){2, 6, 3, 7});
	floats4 step = __builtin_shuffle(__builtin_shuffle(w, x, (ints4){1, 5, 1, 5}),
	    __builtin_shuffle(y, z, (ints4){1, 5, 1, 5}), (ints4){0, 1, 4, 5});
	floats4 error = __builtin_shuffle(wx, yz, (ints4){0, 1, 4, 5});
	floats4 norm2 = __builtin_shuffle(wx, yz, (ints4){2, 3, 6, 7});

	*(floats4 *)(b->most + at) = floats4_pick(error == 0, -all, all);
	if (is_likely)
		dense_coarse_make_likely(&step, &error, norm2);
	*(floats4 *)(b->step + at) = step;
	*(floats4 *)(b->error + at) = error;
	*(floats4 *)(b->norm2 + at) = norm2;
}

/* Tails of n places from `at` on; what is missing of a batch has no vectors. */
static void
read_tails(const struct dense *d, struct batch *b, const struct chunk *c, uint32_t at,
    uint32_t n, bool is_likely)
{
	static const struct coarse_tail none[2];	/* read with what is before it */
	const uint8_t *p[4];

	for (uint32_t i = 0; i < VEC_BATCH; i += 4) {
		for (uint32_t k = 0; k < 4; k++)
			p[k] = i + k < n ? chunk_record(d, c, at + i + k) + d->coarse_stride
					 : (const uint8_t *)(none + 2);
		read_four(b, i, p, is_likely);
	}
}

/* Products of a lane's query with the codes of n places. */
static void
multiply(const struct dense *d, const struct scan_lane *lane, const struct batch *b,
    const struct chunk *c, uint32_t at, uint32_t n, int32_t *dot)
{
	const int8_t *q = lane->coarse.code;
	size_t stride = d->coarse_stride, values = coarse_values_of(d->h.dim);

	if (b->unpacked != NULL)
		d->ops->dot7_rows(q, values, b->unpacked, values, n, dot);
	else if (c->rows != NULL)
		d->ops->dot3_ids(q, values, d->coarse, stride, c->rows + at, n, dot);
	else
		d->ops->dot3_rows(q, values, chunk_record(d, c, at), stride, n, dot);
}

/* Bounds of a batch; whether one of them reaches the floor.  What overflowed holds nothing
 * back; only a row without a vector has -INFINITY. */
static bool
bound_batch(const struct coarse_query *q, const struct batch *b, const int32_t *dot,
    float floor, float *upper)
{
	const floats4 low = {-FLT_MAX, -FLT_MAX, -FLT_MAX, -FLT_MAX};
	const float by_dot = q->by_dot, middle = q->middle, by_error = q->by_error;
	const float by_norm2 = q->by_norm2, plus = q->plus;
	ints4 any = {0};

	for (uint32_t i = 0; i < VEC_BATCH; i += 4) {
		floats4 products = __builtin_convertvector(*(const ints4 *)(dot + i), floats4);
		floats4 most = *(const floats4 *)(b->most + i);
		floats4 u = *(const floats4 *)(b->step + i) * (by_dot * (products - middle)) +
		    by_error * *(const floats4 *)(b->error + i) -
		    by_norm2 * *(const floats4 *)(b->norm2 + i) + plus;
		u = floats4_pick(u < low, low, u);
		u = floats4_pick(u < most, u, most);
		any |= u >= floor;
		*(floats4 *)(upper + i) = u;
	}
	return (any[0] | any[1] | any[2] | any[3]) != 0;
}

/* Moves the `wanted` largest of n keys to the front (Hoare 1961).  No two are equal. */
static void
select_largest(uint64_t *key, uint32_t n, uint32_t wanted)
{
	int32_t low = 0, high = (int32_t)n - 1, last = (int32_t)wanted - 1;

	while (low < high) {
		uint64_t pivot = key[low + (high - low) / 2], moved;
		int32_t i = low, k = high;
		while (i <= k) {
			while (key[i] > pivot)
				i++;
			while (key[k] < pivot)
				k--;
			if (i > k)
				break;
			moved = key[i];
			key[i++] = key[k];
			key[k--] = moved;
		}
		if (last <= k)
			high = k;
		else if (last >= i)
			low = i;
		else
			return;
	}
}

/* Leaves the k best of what was put aside, and its floor at the least of them. */
static void
thin_aside(struct pool *aside, uint32_t k)
{
	uint64_t least = UINT64_MAX;

	if (aside->len <= k)
		return;
	select_largest(aside->key, aside->len, k);
	aside->len = k;
	for (uint32_t i = 0; i < k; i++)
		least = aside->key[i] < least ? aside->key[i] : least;
	aside->floor = least;
}

/* In no order, and thinned when it is full: a place in order costs ten times as much. */
static void
put_aside(struct pool *aside, uint32_t k, const float *upper, uint32_t at, float floor)
{
	for (uint32_t i = 0; i < VEC_BATCH; i++) {
		if (!(upper[i] >= floor))
			continue;
		aside->key[aside->len++] = key_of(upper[i], at + i);
		if (aside->len < aside->cap)
			continue;
		thin_aside(aside, k);
		floor = key_score(aside->floor);
	}
}

static void
bound_lane(struct scan_lane *lane, const struct batch *b, const int32_t *dot, uint32_t at)
{
	struct pool *aside = &lane->pool;
	float floor = aside->floor == 0 ? -FLT_MAX : key_score(aside->floor);

	if (bound_batch(&lane->coarse, b, dot, floor, lane->upper + at))
		put_aside(aside, lane->best.cap, lane->upper + at, at, floor);
}

static void
bound_chunk(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct scan_lane *lane, uint32_t lanes, struct chunk *c, uint32_t *until_check,
    struct dense_report *report)
{
	struct batch b = {.unpacked = lanes >= LANES_TO_UNPACK ? s->unpacked : NULL};
	int32_t dot[VEC_BATCH] = {0};
	uint32_t n;

	for (uint32_t at = 0; at < c->len; at += n) {
		n = c->len - at < VEC_BATCH ? c->len - at : VEC_BATCH;
		if (b.unpacked != NULL)
			unpack(d, s->unpacked, c, at, n);
		for (uint32_t l = 0; l < lanes; l++) {
			multiply(d, &lane[l], &b, c, at, n, dot);
			if (l == 0)	/* after the codes: memory is read in order */
				read_tails(d, &b, c, at, n, ask->nearly);
			bound_lane(&lane[l], &b, dot, at);
		}
		report->scored += n * lanes;
		if (scan_is_late(ask, until_check, report)) {
			c->len = at + n;
			return;
		}
	}
}

/* Exact scores of n places; none is looked at again. */
static void
put_exact(const struct dense *d, struct scan_lane *lane, const struct chunk *c,
    const uint32_t *place, uint32_t n, struct dense_report *report)
{
	report->exact += n;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = chunk_row(c, place[i]);
		if (i + 3 < n)
			dense_fetch_exact(d, chunk_row(c, place[i + 3]));
		lane->upper[place[i]] = -INFINITY;
		pool_put(&lane->best, key_of(dense_exact_score(d, &lane->query, row), row));
	}
}

static float
kth_score(const struct scan_lane *lane)
{
	const struct pool *p = &lane->best;

	return p->len < p->cap ? -INFINITY : key_score(p->key[p->cap - 1]);
}

/* Places whose bound reaches the k-th score, the next of them from *at on; a bound of
 * -INFINITY is of a row that was dealt with or has no vector. */
static uint32_t
next_places(const struct scan_lane *lane, uint32_t len, uint32_t *at, uint32_t *place)
{
	float least = kth_score(lane);
	uint32_t n = 0;

	for (; *at < len && n < VEC_BATCH; *at += SIDE) {
		const float *upper = lane->upper + *at;
		uint32_t any = 0;
		for (uint32_t i = 0; i < SIDE; i++)
			any |= upper[i] >= least;
		if (!any)
			continue;
		for (uint32_t i = 0; i < SIDE; i++)
			if (upper[i] >= least && upper[i] > -INFINITY)
				place[n++] = *at + i;
	}
	return n;
}

/* The chunk's rows that belong among the k best. */
static void
settle_chunk(const struct dense *d, const struct dense_ask *ask, struct scan_lane *lane,
    const struct chunk *c, struct dense_report *report)
{
	uint32_t place[VEC_BATCH + SIDE], at = 0, n, until_check = SCAN_ROWS_A_DEADLINE;
	struct pool *aside = &lane->pool;

	thin_aside(aside, lane->best.cap);
	for (uint32_t i = 0; i < aside->len; i += n) {
		n = aside->len - i < VEC_BATCH ? aside->len - i : VEC_BATCH;
		for (uint32_t k = 0; k < n; k++)
			place[k] = key_row(aside->key[i + k]);
		put_exact(d, lane, c, place, n, report);
	}
	aside->len = 0;
	aside->floor = 0;
	while ((n = next_places(lane, c->len, &at, place)) > 0) {
		put_exact(d, lane, c, place, n, report);
		if (scan_is_late(ask, &until_check, report))
			return;
	}
}

static int
fit_chunk(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct scan_lane *lane, uint32_t lanes, uint32_t *most, struct err *e)
{
	uint32_t all = ask->allowed != NULL && ask->allowed_count < d->h.rows
	    ? ask->allowed_count
	    : d->h.rows;
	size_t each, values = coarse_values_of(d->h.dim);

	/* Also when more bits are set than counted. */
	*most = CHUNK_BOUNDS / lanes & ~(uint32_t)(VEC_BATCH - 1);
	*most = all < *most ? (all | (VEC_BATCH - 1)) + 1 : *most;
	each = *most;
	if (scratch_fit(&s->upper, &s->upper_bytes, lanes * each * sizeof(float), e) == -1 ||
	    scratch_fit(&s->coarse, &s->coarse_bytes, lanes * values, e) == -1 ||
	    scratch_fit(&s->unpacked, &s->unpacked_bytes, VEC_BATCH * values, e) == -1)
		return -1;
	if (ask->allowed != NULL &&
	    scratch_fit(&s->rows, &s->rows_bytes, *most * sizeof *s->rows, e) == -1)
		return -1;
	for (uint32_t l = 0; l < lanes; l++) {
		lane[l].upper = s->upper + l * each;
		lane[l].coarse.code = s->coarse + l * values;
		dense_coarse_query(&lane[l].coarse, d, &lane[l].query);
		if (ask->nearly)
			dense_coarse_query_likely(&lane[l].coarse, d->h.dim);
	}
	return 0;
}

/* The next rows to look at, at most `most`, a multiple of VEC_BATCH. */
static struct chunk
next_chunk(const struct dense *d, const struct dense_ask *ask, uint32_t *rows, uint32_t most,
    uint32_t *row)
{
	struct chunk c = {.first = *row};

	if (ask->allowed == NULL) {
		c.len = d->h.rows - *row < most ? d->h.rows - *row : most;
		*row += c.len;
		return c;
	}
	c.rows = rows;
	while (c.len < most && *row < d->h.rows)
		c.len += scan_next_allowed(ask->allowed, d->h.rows, row, rows + c.len);
	return c;
}

int
dense_scan_coarse(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct scan_lane *lane, uint32_t lanes, struct dense_report *report, struct err *e)
{
	uint32_t row = 0, most, until_check = SCAN_ROWS_A_DEADLINE;
	struct chunk c;

	report->scanned = true;
	if (fit_chunk(d, s, ask, lane, lanes, &most, e) == -1)
		return -1;
	while (row < d->h.rows && !report->cut) {
		c = next_chunk(d, ask, s->rows, most, &row);
		bound_chunk(d, s, ask, lane, lanes, &c, &until_check, report);
		for (uint32_t l = 0; l < lanes; l++)
			settle_chunk(d, ask, &lane[l], &c, report);
	}
	return 0;
}
