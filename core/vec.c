/* vec.c - vector arithmetic in plain C: what every faster tier must equal. */
#include "vec.h"

#include <math.h>
#include <string.h>

enum { LANES = 32 };

static int32_t
dot7(const int8_t *q, const uint8_t *code, size_t n)
{
	int32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += q[i] * code[i];
	return sum;
}

static void
dot7_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = dot7(q, codes + i * stride, n);
}

static void
dot7_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, const uint32_t *ids,
    size_t count, int32_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = dot7(q, codes + ids[i] * stride, n);
}

/* ---- three bits a value ---- */

void
vec_pack3(uint8_t *out, const uint8_t *in, size_t n)
{
	for (size_t at = 0; at < n; at += VEC_GROUP, in += VEC_GROUP, out += VEC_GROUP_BYTES)
		for (size_t i = 0; i < 16; i++) {
			unsigned six = in[96 + i], seven = in[112 + i];
			out[i] = (uint8_t)(in[i] | in[16 + i] << 3 | (six & 3) << 6);
			out[16 + i] = (uint8_t)(in[32 + i] | in[48 + i] << 3 |
			    (six & 4) << 4 | (seven & 4) << 5);
			out[32 + i] = (uint8_t)(in[64 + i] | in[80 + i] << 3 | (seven & 3) << 6);
		}
}

void
vec_unpack3(uint8_t *restrict out, const uint8_t *restrict in, size_t n)
{
	for (size_t at = 0; at < n; at += VEC_GROUP, out += VEC_GROUP, in += VEC_GROUP_BYTES)
		for (size_t i = 0; i < 16; i++) {
			unsigned a = in[i], b = in[16 + i], c = in[32 + i];
			out[i] = a & 7;
			out[16 + i] = a >> 3 & 7;
			out[32 + i] = b & 7;
			out[48 + i] = b >> 3 & 7;
			out[64 + i] = c & 7;
			out[80 + i] = c >> 3 & 7;
			out[96 + i] = (uint8_t)(a >> 6 | (b >> 4 & 4));
			out[112 + i] = (uint8_t)(c >> 6 | (b >> 5 & 4));
		}
}

static int32_t
dot3(const int8_t *q, const uint8_t *code, size_t n)
{
	uint8_t value[VEC_GROUP];
	int32_t sum = 0;

	for (size_t at = 0; at < n; at += VEC_GROUP, code += VEC_GROUP_BYTES) {
		vec_unpack3(value, code, VEC_GROUP);
		sum += dot7(q + at, value, VEC_GROUP);
	}
	return sum;
}

static void
dot3_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = dot3(q, codes + i * stride, n);
}

static void
dot3_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, const uint32_t *ids,
    size_t count, int32_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = dot3(q, codes + ids[i] * stride, n);
}

/* ---- floats ---- */

/* Sum i takes sum i + half, down to one. */
static float
fold(float lane[LANES])
{
	for (int half = LANES / 2; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			lane[i] += lane[i + half];
	return lane[0];
}

static float
dot(const float *a, const float *b, size_t n)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i++)
		lane[i % LANES] += a[i] * b[i];
	return fold(lane);
}

static float
l2(const float *a, const float *b, size_t n)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i++) {
		float d = a[i] - b[i];
		lane[i % LANES] += d * d;
	}
	return fold(lane);
}

static uint16_t
half_of(float f)
{
	uint32_t x, sign, low, cut;

	memcpy(&x, &f, sizeof x);
	sign = x >> 16 & 0x8000;
	x &= 0x7fffffff;
	if (x > 0x7f800000)			/* NaN stays one, quiet */
		return (uint16_t)(sign | 0x7e00 | (x >> 13 & 0x3ff));
	if (x >= 0x477ff000)			/* 65520 and more */
		return (uint16_t)(sign | 0x7c00);
	if (x >= 0x38800000) {			/* normal: move the exponent, round to even */
		x += 0xfff + (x >> 13 & 1);
		return (uint16_t)(sign | (x - 0x38000000) >> 13);
	}
	if (x < 0x33000000)			/* below half of the smallest */
		return (uint16_t)sign;
	cut = 126 - (x >> 23);			/* subnormal: 14..24 bits fall off */
	x = (x & 0x7fffff) | 0x800000;
	low = x & ((1u << cut) - 1);
	x >>= cut;
	if (low > 1u << (cut - 1) || (low == 1u << (cut - 1) && (x & 1)))
		x++;
	return (uint16_t)(sign | x);
}

static float
float_of(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16, x = h & 0x7fff;
	float f;

	if (x < 0x400) {			/* zero and subnormal: exact in a float */
		f = (float)x * 0x1p-24f;
		return sign ? -f : f;
	}
	if (x < 0x7c00)
		x = (x << 13) + 0x38000000;
	else if (x == 0x7c00)
		x = 0x7f800000;
	else
		x = 0x7fc00000 | x << 13;	/* NaN, made quiet as the CPU does */
	x |= sign;
	memcpy(&f, &x, sizeof f);
	return f;
}

static float
dot_half(const float *a, const uint16_t *b, size_t n)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i++)
		lane[i % LANES] += a[i] * float_of(b[i]);
	return fold(lane);
}

static float
l2_half(const float *a, const uint16_t *b, size_t n)
{
	float lane[LANES] = {0};

	for (size_t i = 0; i < n; i++) {
		float d = a[i] - float_of(b[i]);
		lane[i % LANES] += d * d;
	}
	return fold(lane);
}

static void
to_half(uint16_t *out, const float *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = half_of(in[i]);
}

static void
from_half(float *out, const uint16_t *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = float_of(in[i]);
}

static void
add_codes(float *sum, float factor, const int8_t *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += factor * (float)code[i];
}

static void
add(float *sum, float factor, const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += factor * v[i];
}

static void
scale(float *out, const float *v, double by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (float)(v[i] * by);
}

static bool
scales_alike(const float *v, double low, double high, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((float)(v[i] * low) != (float)(v[i] * high))
			return false;
	return true;
}

const struct vec_ops vec_scalar_ops = {
    .name = "scalar",
    .dot7 = dot7,
    .dot7_rows = dot7_rows,
    .dot7_ids = dot7_ids,
    .dot3_rows = dot3_rows,
    .dot3_ids = dot3_ids,
    .dot = dot,
    .l2 = l2,
    .dot_half = dot_half,
    .l2_half = l2_half,
    .to_half = to_half,
    .from_half = from_half,
    .add_codes = add_codes,
    .add = add,
    .scale = scale,
    .scales_alike = scales_alike,
};

double
vec_norm2(const float *v, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (double)v[i] * v[i];
	return sum;
}

/* The sum of squares by four sums, since one waits for each addition: off from vec_norm2() by
 * n rounding errors in all at most, as all is positive and squares of floats are exact. */
static double
about_norm2(const float *v, size_t n)
{
	double sum[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		sum[0] += (double)v[i] * v[i];
		sum[1] += (double)v[i + 1] * v[i + 1];
		sum[2] += (double)v[i + 2] * v[i + 2];
		sum[3] += (double)v[i + 3] * v[i + 3];
	}
	for (; i < n; i++)
		sum[0] += (double)v[i] * v[i];
	return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* Into *by what every number is to be multiplied with, so that the outcome is in every bit that
 * of 1 / sqrt(vec_norm2()): mostly it is sure before that is known. */
static bool
find_factor(const float *v, size_t n, double *by)
{
	double norm2 = about_norm2(v, n), off = 0x1p-52 * (double)(n + 8);

	*by = 1;
	/* Within 5e-8 of 1, dividing moves no number by the half of what lies between it and the
	 * next, 2^-25 of it at least. */
	if (fabs(norm2 - 1) < 5e-8)
		return true;
	*by = 1 / sqrt(norm2);
	if (norm2 > 0 && isfinite(norm2) &&
	    vec_ops()->scales_alike(v, *by * (1 - off), *by * (1 + off), n))
		return true;
	norm2 = vec_norm2(v, n);
	*by = 1 / sqrt(norm2);
	return norm2 > 0 && isfinite(norm2);
}

bool
vec_normalise(float *out, const float *v, size_t n)
{
	double by;

	if (!find_factor(v, n, &by)) {
		memset(out, 0, n * sizeof *out);
		return false;
	}
	vec_ops()->scale(out, v, by, n);
	return true;
}

bool
vec_is_finite(const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return false;
	return true;
}
