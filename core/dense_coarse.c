/* dense_coarse.c - three bits a value and how far they can be off: what a scan reads first.
 *
 * A vector is turned by a fixed rotation, which spreads it evenly over its values, and
 * rounded to 8 levels of one step.  What that leaves has a length, the error, stored
 * beside the codes.  By Cauchy and Schwarz no score is further from its estimate than the
 * query's length times the error, so that a row whose upper bound is below the k-th exact
 * score found cannot be a hit: the scan reads a tenth of the bytes of the vectors
 * and its answer is the exact one.  Turned, 3 bits leave 0.19 of a vector's length on any
 * data; unturned 0.36 on text, and 35 times as many rows to look at.
 *
 * Rotation  twice: signs flipped by a fixed pattern; Hadamard transform of the first P
 *           values, then of the last P, P the largest power of two within the dimension.
 *           Additions in one order: the same floats on every machine.
 * Source    Ailon, Chazelle 2006 (random signs and Hadamard); Gao, Long, "RaBitQ", 2024
 *           (rotated codes with a bound).  Ours differs in that the bound always holds. */
#include <float.h>
#include <math.h>

#include "dense_build.h"
#include "dense_coarse.h"

enum { ROUNDS = 2 };

#define SIGNS 0x7261677475726eull
#define MIDDLE 3.5f

/* Rounding of a turned vector, as a part of its length: some 50 steps of 2^-24. */
#define TURN_ROUNDING 1e-5f

/* How far off a likely bound may be: one product in millions is further. */
#define DEVIATIONS 5.0f

/* Steps tried, in standard deviations of the values; 0.59 is best for the bell curve. */
static const float steps[] = {0.44f, 0.51f, 0.58f, 0.66f, 0.76f};
enum { STEPS = sizeof steps / sizeof *steps };

/* ---- turning ---- */

static void
flip_signs(float *v, uint32_t dim, uint32_t round)
{
	uint64_t bits = 0;

	for (uint32_t i = 0; i < dim; i++) {
		if (i % 64 == 0)
			bits = mix64(SIGNS + (uint64_t)round * INDEX_DIM_MAX + i / 64);
		v[i] = bits >> i % 64 & 1 ? -v[i] : v[i];
	}
}

/* The first round, pairs beside each other, and the second. */
static void
hadamard_fours(float *v, uint32_t n)
{
	const floats4 odd = {1, -1, 1, -1}, high = {1, 1, -1, -1};

	for (uint32_t i = 0; i < n; i += 4) {
		floats4 x = *(floats4 *)(v + i);
		x = __builtin_shuffle(x, (ints4){0, 0, 2, 2}) +
		    odd * __builtin_shuffle(x, (ints4){1, 1, 3, 3});
		*(floats4 *)(v + i) = __builtin_shuffle(x, (ints4){0, 1, 0, 1}) +
		    high * __builtin_shuffle(x, (ints4){2, 3, 2, 3});
	}
}

static void
hadamard(float *v, uint32_t n)
{
	float by = 1 / sqrtf((float)n);

	if (n < 4) {
		for (uint32_t i = 0; i + 1 < n; i += 2) {
			float a = v[i], b = v[i + 1];
			v[i] = by * (a + b);
			v[i + 1] = by * (a - b);
		}
		return;
	}
	hadamard_fours(v, n);
	for (uint32_t half = 4; half < n; half *= 2)
		for (uint32_t at = 0; at < n; at += 2 * half)
			for (uint32_t i = at; i < at + half; i += 4) {
				floats4 a = *(floats4 *)(v + i), b = *(floats4 *)(v + i + half);
				*(floats4 *)(v + i) = a + b;
				*(floats4 *)(v + i + half) = a - b;
			}
	for (uint32_t i = 0; i < n; i += 4)
		*(floats4 *)(v + i) *= by;
}

static void
turn(float *v, uint32_t dim)
{
	uint32_t n = 1;

	while (2 * n <= dim)
		n *= 2;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		flip_signs(v, dim, round);
		hadamard(v, n);
		if (n < dim)
			hadamard(v + dim - n, n);
	}
}

/* ---- a row ---- */

/* Codes of four values. */
static inline ints4
levels_of(const float *v, float per_step)
{
	const floats4 least = {0}, most = {7, 7, 7, 7};
	floats4 level = *(const floats4 *)v * per_step + 4;

	level = floats4_pick(level > least, level, least);
	level = floats4_pick(level < most, level, most);
	return __builtin_convertvector(level, ints4);
}

/* How much of the vector's squared length codes by this step keep, and the step that fits
 * them best.  Twice code - MIDDLE is a whole number; v is filled up to four with zeros, whose
 * code is 4. */
static float
try_step(const float *v, uint32_t dim, float step, float *best)
{
	float per_step = 1 / step, along, size;
	floats4 lane = {0};
	ints4 sizes = {0};

	for (uint32_t i = 0; i < dim; i += 4) {
		ints4 twice = 2 * levels_of(v + i, per_step) - 7;
		lane += *(const floats4 *)(v + i) * __builtin_convertvector(twice, floats4);
		sizes += twice * twice;
	}
	along = lane[0] + lane[1] + (lane[2] + lane[3]);
	size = (float)(sizes[0] + sizes[1] + sizes[2] + sizes[3] - (int32_t)(-dim % 4));
	*best = 2 * along / size;
	return along / size * along;
}

static void
round_to(uint8_t *code, const float *v, uint32_t dim, float step)
{
	for (uint32_t i = 0; i < dim; i += 4) {
		ints4 level = levels_of(v + i, 1 / step);
		for (uint32_t k = 0; k < 4; k++)
			code[i + k] = i + k < dim ? (uint8_t)level[k] : 0;
	}
}

static float
error_of(const uint8_t *code, const float *v, uint32_t dim, float step)
{
	double sum[4] = {0};

	for (uint32_t i = 0; i < dim; i++) {
		double left = v[i] - (double)step * (code[i] - MIDDLE);
		sum[i % 4] += left * left;
	}
	return (float)(sqrt(sum[0] + sum[1] + (sum[2] + sum[3])) * (1 + 1e-6));
}

void
dense_coarse_encode(uint8_t *record, const float *v, uint32_t dim)
{
	uint8_t code[INDEX_DIM_MAX + VEC_GROUP];
	float turned[INDEX_DIM_MAX + 4], step, spread, kept, most = -1, by = 0;
	struct coarse_tail t = {.norm2 = (float)vec_norm2(v, dim), .error = FLT_MIN};
	size_t n = coarse_values_of(dim);

	memcpy(turned, v, dim * sizeof *v);
	memset(turned + dim, 0, 4 * sizeof *turned);
	turn(turned, dim);
	spread = sqrtf((float)vec_norm2(turned, dim) / (float)dim);
	for (int i = 0; i < STEPS && spread > FLT_MIN && isfinite(spread); i++) {
		kept = try_step(turned, dim, spread * steps[i], &step);
		if (kept <= most)
			continue;
		most = kept;
		by = spread * steps[i];
		t.step = step;
	}
	memset(code, 0, n);
	if (by > 0)
		round_to(code, turned, dim, by);
	t.error += error_of(code, turned, dim, t.step) + TURN_ROUNDING * sqrtf(t.norm2);
	memset(record, 0, coarse_stride_of(dim));
	vec_pack3(record, code, n);
	memcpy(record + n / 8 * 3, &t, sizeof t);
}

void
dense_coarse_of_row(const struct dense *d, uint32_t row, uint8_t *record)
{
	float v[INDEX_DIM_MAX];

	if (dense_vector(d, row, v))
		dense_coarse_encode(record, v, d->h.dim);
	else
		memset(record, 0, coarse_stride_of(d->h.dim));
}

/* ---- a query ---- */

/* The codes lose a part of the query as well; and floats round. */
static float
margin(const struct dense *d, const struct dense_query *q, float lost)
{
	float longest = d->h.longest * 1.001f;	/* halves may be longer than the vector was */
	float length = sqrtf(q->norm2), by = ((float)d->h.dim / 32 + 64) * 0x1p-22f;

	if (d->h.metric == DENSE_L2)
		return 2 * longest * lost + by * (length + longest) * (length + longest);
	return longest * (lost + by * length);
}

/* Whether every step of a bound is a finite float, with room for sums of up to
 * INDEX_DIM_MAX products. */
static bool
bounds_are_finite(const struct dense *d, const struct dense_query *q)
{
	float sum = sqrtf(q->norm2) + d->h.longest + 1;

	return sum * sum < FLT_MAX * 0x1p-17f;
}

/* Numbers too large for bounds: each row's is infinite, and every exact vector is read. */
static void
bound_nothing(struct coarse_query *c)
{
	c->by_dot = c->middle = c->by_norm2 = 0;
	c->by_error = 1;	/* an error may be infinite itself */
	c->plus = INFINITY;
}

void
dense_coarse_query(struct coarse_query *c, const struct dense *d, const struct dense_query *q)
{
	uint32_t dim = d->h.dim;
	bool is_l2 = d->h.metric == DENSE_L2;
	float turned[INDEX_DIM_MAX], most = 0, scale, two = is_l2 ? 2 : 1;
	double lost = 0;
	int32_t sum = 0;

	memcpy(turned, q->exact, dim * sizeof *turned);
	turn(turned, dim);
	for (uint32_t i = 0; i < dim; i++)
		most = fmaxf(most, fabsf(turned[i]));
	scale = most / CODE_MAX;
	memset(c->code, 0, coarse_values_of(dim));
	for (uint32_t i = 0; i < dim; i++) {
		double left;
		if (scale > 0)
			c->code[i] = (int8_t)lrintf(fmaxf(-CODE_MAX, fminf(CODE_MAX,
			    turned[i] / scale)));
		left = turned[i] - (double)scale * c->code[i];
		lost += left * left;
		sum += c->code[i];
	}
	c->by_dot = two * scale;
	c->middle = MIDDLE * (float)sum;
	c->by_error = two * sqrtf(q->norm2) * (1 + TURN_ROUNDING);
	c->by_norm2 = q->by_norm2;
	c->plus = margin(d, q, (float)(sqrt(lost) * (1 + 1e-6))) - (is_l2 ? q->norm2 : 0);
	if (!bounds_are_finite(d, q))
		bound_nothing(c);
}

/* The step leaves nothing of the codes' direction in what is lost, so that by dividing by the
 * part of the vector that was kept the estimate has no bias (as RaBitQ's).  What is left of the
 * error points anywhere: its product with the query has a deviation of both lengths' product by
 * the root of the dimension. */
void
dense_coarse_query_likely(struct coarse_query *c, uint32_t dim)
{
	c->by_error *= fminf(1, DEVIATIONS / sqrtf((float)dim));
}
