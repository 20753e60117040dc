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
#include "give_way.h"

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

/* A tail and the four bytes before it: nothing is read behind the last row. */
static inline floats4
tail_of(const struct dense *d, const uint8_t *record)
{
	floats4 v;

	memcpy(&v, record + d->coarse_stride - sizeof v, sizeof v);
	return v;
}
_Static_assert(sizeof(struct coarse_tail) == 3 * sizeof(float) &&
    offsetof(struct coarse_tail, step) == 0 && offsetof(struct coarse_tail, error) == 4,
    "what put_tails() takes apart");

/* The tails of four rows, by column. */
static inline void
put_tails(struct batch *b, uint32_t at, bool is_likely, floats4 w, floats4 x, floats4 y,
    floats4 z)
{
	floats4 wx = __builtin_shuffle(w, x, (ints4){2, 6, 3, 7});
	floats4 yz = __builtin_shuffle(y, z, (ints4){2, 6, 3, 7});
	floats4 step = __builtin_shuffle(__builtin_shuffle(w, x, (ints4){0, 4, 1, 5}),
	    __builtin_shuffle(y, z, (ints4){0, 4, 1, 5}), (ints4){2, 3, 6, 7});
	floats4 error = __builtin_shuffle(wx, yz, (ints4){0, 1, 4, 5});
	floats4 norm2 = __builtin_shuffle(wx, yz, (ints4){2, 3, 6, 7});

	if (is_likely)
		dense_coarse_make_likely(&step, &error, norm2);
	*(floats4 *)(b->step + at) = step;
	*(floats4 *)(b->error + at) = error;
	*(floats4 *)(b->norm2 + at) = norm2;
}

/* Tails of n places from `at` on. */
static void
read_tails(const struct dense *d, struct batch *b, const struct chunk *c, uint32_t at,
    uint32_t n, bool is_likely)
{
	size_t stride = d->coarse_stride;
	uint32_t last = at + n - 1;

	for (uint32_t i = 0; i < n; i += 4) {
		uint32_t p = at + i;
		const uint8_t *r = chunk_record(d, c, p);
		if (c->rows == NULL && p + 3 <= last)
			put_tails(b, i, is_likely, tail_of(d, r), tail_of(d, r + stride),
			    tail_of(d, r + 2 * stride), tail_of(d, r + 3 * stride));
		else
			put_tails(b, i, is_likely, tail_of(d, r),
			    tail_of(d, chunk_record(d, c, p + 1 < last ? p + 1 : last)),
			    tail_of(d, chunk_record(d, c, p + 2 < last ? p + 2 : last)),
			    tail_of(d, chunk_record(d, c, p + 3 < last ? p + 3 : last)));
	}
}

/* A row without one has a bound all the same.  Where all have one, nothing is read. */
static bool
has_vector(const struct dense *d, const struct chunk *c, uint32_t place)
{
	struct coarse_tail t;

	if (d->h.rows_with_vector == d->h.rows)
		return true;
	memcpy(&t, chunk_record(d, c, place) + d->coarse_stride - sizeof t, sizeof t);
	return t.error != 0;
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

/* Bounds of a batch; whether one of them reaches the floor. */
static inline bool
bound_rows(const struct coarse_query *q, const struct batch *b, const int32_t *dot,
    float floor, float *upper, bool has_norm2)
{
	const float by_dot = q->by_dot, middle = q->middle, by_error = q->by_error;
	const float by_norm2 = q->by_norm2, plus = q->plus;
	ints4 any = {0};

	for (uint32_t i = 0; i < VEC_BATCH; i += 4) {
		floats4 products = __builtin_convertvector(*(const ints4 *)(dot + i), floats4);
		floats4 u = *(const floats4 *)(b->step + i) * (by_dot * (products - middle)) +
		    by_error * *(const floats4 *)(b->error + i);
		if (has_norm2)
			u -= by_norm2 * *(const floats4 *)(b->norm2 + i);
		u += plus;
		any |= u >= floor;
		*(floats4 *)(upper + i) = u;
	}
	return (any[0] | any[1] | any[2] | any[3]) != 0;
}

static bool
bound_batch(const struct coarse_query *q, const struct batch *b, const int32_t *dot,
    float floor, float *upper)
{
	return q->by_norm2 != 0 ? bound_rows(q, b, dot, floor, upper, true)
				: bound_rows(q, b, dot, floor, upper, false);
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
put_aside(const struct dense *d, struct scan_lane *lane, const struct chunk *c, uint32_t at,
    uint32_t n, float floor)
{
	const float *upper = lane->upper + at;
	struct pool *aside = &lane->pool;

	for (uint32_t i = 0; i < n; i++) {
		if (!(upper[i] >= floor) || !has_vector(d, c, at + i))
			continue;
		aside->key[aside->len++] = key_of(upper[i], at + i);
		if (aside->len < aside->cap)
			continue;
		thin_aside(aside, lane->best.cap);
		floor = key_score(aside->floor);
	}
}

static void
bound_lane(const struct dense *d, struct scan_lane *lane, const struct batch *b,
    const int32_t *dot, const struct chunk *c, uint32_t at, uint32_t n)
{
	struct pool *aside = &lane->pool;
	float floor = aside->floor == 0 ? -FLT_MAX : key_score(aside->floor);

	if (bound_batch(&lane->coarse, b, dot, floor, lane->upper + at))
		put_aside(d, lane, c, at, n, floor);
}

/* Places behind the chunk's last are no rows. */
static void
end_bounds(struct scan_lane *lane, uint32_t lanes, uint32_t len)
{
	for (uint32_t l = 0; l < lanes; l++)
		for (uint32_t at = len; at % VEC_BATCH != 0; at++)
			lane[l].upper[at] = -INFINITY;
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
			bound_lane(d, &lane[l], &b, dot, c, at, n);
		}
		report->scored += n * lanes;
		give_way_after((uint64_t)n * lanes * SCAN_ROW_NS);
		if (scan_is_late(ask, until_check, report)) {
			c->len = at + n;
			break;
		}
	}
	end_bounds(lane, lanes, c->len);
}

/* Exact scores of n places; none is looked at again. */
static void
put_exact(const struct dense *d, struct scan_lane *lane, const struct chunk *c,
    const uint32_t *place, uint32_t n, struct dense_report *report)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = chunk_row(c, place[i]);
		if (i + 3 < n)
			dense_fetch_exact(d, chunk_row(c, place[i + 3]));
		lane->upper[place[i]] = -INFINITY;
		if (!has_vector(d, c, place[i]))
			continue;
		report->exact++;
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
 * -INFINITY is of a row that was dealt with. */
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
