/* vec_arm.c - vector arithmetic for AArch64 with the dot product (ARMv8.2 and later).
 *
 * scripts/check-arm tests it on other machines, by emulation. */
#include "vec.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <string.h>

#define NEON __attribute__((target("arch=armv8.2-a+dotprod")))
#define NEON_INLINE \
	__attribute__((target("arch=armv8.2-a+dotprod"), always_inline)) static inline

enum { LANES = 32, RECORD_TAIL = 16 };

static inline void
fetch(const uint8_t *row, size_t n)
{
	for (size_t at = 0; at < n + RECORD_TAIL; at += 64)
		__builtin_prefetch(row + at);
}

static int32_t
dot7_tail(const int8_t *q, const uint8_t *code, size_t from, size_t n)
{
	int32_t sum = 0;

	for (size_t i = from; i < n; i++)
		sum += q[i] * code[i];
	return sum;
}

NEON_INLINE int32x4_t
add_products(int32x4_t sum, const uint8_t *code, int8x16_t q)
{
	return vdotq_s32(sum, vreinterpretq_s8_u8(vld1q_u8(code)), q);
}

NEON static int32_t
neon_dot7(const int8_t *q, const uint8_t *code, size_t n)
{
	int32x4_t s = vdupq_n_s32(0), t = s;
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		s = add_products(s, code + i, vld1q_s8(q + i));
		t = add_products(t, code + i + 16, vld1q_s8(q + i + 16));
	}
	for (; i + 16 <= n; i += 16)
		s = add_products(s, code + i, vld1q_s8(q + i));
	return vaddvq_s32(vaddq_s32(s, t)) + dot7_tail(q, code, i, n);
}

NEON_INLINE void
neon_four(const int8_t *q, size_t n, const uint8_t *const row[4], int32_t *out)
{
	int32x4_t s0 = vdupq_n_s32(0), s1 = s0, s2 = s0, s3 = s0;
	size_t i = 0;

	for (; i + 16 <= n; i += 16) {
		int8x16_t x = vld1q_s8(q + i);
		s0 = add_products(s0, row[0] + i, x);
		s1 = add_products(s1, row[1] + i, x);
		s2 = add_products(s2, row[2] + i, x);
		s3 = add_products(s3, row[3] + i, x);
	}
	vst1q_s32(out, vpaddq_s32(vpaddq_s32(s0, s1), vpaddq_s32(s2, s3)));
	for (int r = 0; r < 4 && i < n; r++)
		out[r] += dot7_tail(q, row[r], i, n);
}

NEON static void
neon_dot7_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	size_t i = 0;

	for (; i + 4 <= count; i += 4, codes += 4 * stride) {
		const uint8_t *row[4] = {
		    codes, codes + stride, codes + 2 * stride, codes + 3 * stride};
		neon_four(q, n, row, out + i);
	}
	for (; i < count; i++, codes += stride)
		out[i] = neon_dot7(q, codes, n);
}

NEON static void
neon_dot7_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	size_t i = 0, ahead = count < 4 ? count : 4;

	for (; i < ahead; i++)
		fetch(codes + ids[i] * stride, n);
	for (i = 0; i + 4 <= count; i += 4) {
		const uint8_t *row[4] = {codes + ids[i] * stride, codes + ids[i + 1] * stride,
		    codes + ids[i + 2] * stride, codes + ids[i + 3] * stride};
		for (; ahead < i + 8 && ahead < count; ahead++)
			fetch(codes + ids[ahead] * stride, n);
		neon_four(q, n, row, out + i);
	}
	for (; i < count; i++)
		out[i] = neon_dot7(q, codes + ids[i] * stride, n);
}

/* ---- three bits a value ---- */

NEON_INLINE int32x4_t
add_field(int32x4_t sum, uint8x16_t field, const int8_t *q)
{
	return vdotq_s32(sum, vreinterpretq_s8_u8(field), vld1q_s8(q));
}

NEON_INLINE int32x4_t
add_group(int32x4_t s, const uint8_t *group, const int8_t *q)
{
	const uint8x16_t seven = vdupq_n_u8(7), four = vdupq_n_u8(4);
	uint8x16_t a = vld1q_u8(group), b = vld1q_u8(group + 16), c = vld1q_u8(group + 32);

	s = add_field(s, vandq_u8(a, seven), q);
	s = add_field(s, vandq_u8(vshrq_n_u8(a, 3), seven), q + 16);
	s = add_field(s, vandq_u8(b, seven), q + 32);
	s = add_field(s, vandq_u8(vshrq_n_u8(b, 3), seven), q + 48);
	s = add_field(s, vandq_u8(c, seven), q + 64);
	s = add_field(s, vandq_u8(vshrq_n_u8(c, 3), seven), q + 80);
	s = add_field(s, vorrq_u8(vshrq_n_u8(a, 6), vandq_u8(vshrq_n_u8(b, 4), four)), q + 96);
	return add_field(s, vorrq_u8(vshrq_n_u8(c, 6), vandq_u8(vshrq_n_u8(b, 5), four)),
	    q + 112);
}

NEON_INLINE int32_t
neon_dot3(const int8_t *q, size_t n, const uint8_t *code)
{
	int32x4_t s = vdupq_n_s32(0);

	for (size_t at = 0, i = 0; i < n; i += VEC_GROUP, at += VEC_GROUP_BYTES)
		s = add_group(s, code + at, q + i);
	return vaddvq_s32(s);
}

NEON static void
neon_dot3_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	for (size_t i = 0; i < count; i++)
		out[i] = neon_dot3(q, n, codes + i * stride);
}

NEON static void
neon_dot3_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	size_t ahead = 0;

	for (size_t i = 0; i < count; i++) {
		for (; ahead < i + 12 && ahead < count; ahead++)
			fetch(codes + ids[ahead] * stride, n / 8 * 3);
		out[i] = neon_dot3(q, n, codes + ids[i] * stride);
	}
}

/* ---- floats: sums 4i..4i+3 in register i; a tail goes by way of zeros ---- */

struct lanes {
	float32x4_t s[8];
};

NEON_INLINE float
fold(struct lanes *l)
{
	float32x2_t x;

	for (int half = 4; half > 0; half /= 2)
		for (int i = 0; i < half; i++)
			l->s[i] = vaddq_f32(l->s[i], l->s[i + half]);
	x = vadd_f32(vget_low_f32(l->s[0]), vget_high_f32(l->s[0]));
	return vget_lane_f32(x, 0) + vget_lane_f32(x, 1);
}

NEON_INLINE void
clear(struct lanes *l)
{
	for (int i = 0; i < 8; i++)
		l->s[i] = vdupq_n_f32(0);
}

NEON_INLINE void
add_dot(struct lanes *l, const float *a, const float *b)
{
	for (int i = 0; i < 8; i++)
		l->s[i] = vaddq_f32(l->s[i], vmulq_f32(vld1q_f32(a + 4 * i),
		    vld1q_f32(b + 4 * i)));
}

NEON_INLINE void
add_l2(struct lanes *l, const float *a, const float *b)
{
	for (int i = 0; i < 8; i++) {
		float32x4_t d = vsubq_f32(vld1q_f32(a + 4 * i), vld1q_f32(b + 4 * i));
		l->s[i] = vaddq_f32(l->s[i], vmulq_f32(d, d));
	}
}

NEON_INLINE float32x4_t
widen(const uint16_t *in)
{
	return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(in)));
}

NEON static void
neon_from_half(float *out, const uint16_t *in, size_t n)
{
	uint16_t t[4] = {0};
	float wide[4];
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		vst1q_f32(out + i, widen(in + i));
	if (i < n) {
		memcpy(t, in + i, (n - i) * sizeof *t);
		vst1q_f32(wide, widen(t));
		memcpy(out + i, wide, (n - i) * sizeof *out);
	}
}

NEON static void
neon_to_half(uint16_t *out, const float *in, size_t n)
{
	uint16_t narrow[4];
	float t[4] = {0};
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		vst1_u16(out + i, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(in + i))));
	if (i < n) {
		memcpy(t, in + i, (n - i) * sizeof *t);
		vst1_u16(narrow, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(t))));
		memcpy(out + i, narrow, (n - i) * sizeof *out);
	}
}

typedef void (*adder)(struct lanes *, const float *, const float *);

NEON_INLINE float
over_floats(adder add, const float *a, const float *b, size_t n)
{
	float ta[LANES] = {0}, tb[LANES] = {0};
	struct lanes l;
	size_t i = 0;

	clear(&l);
	for (; i + LANES <= n; i += LANES)
		add(&l, a + i, b + i);
	if (i < n) {
		memcpy(ta, a + i, (n - i) * sizeof *a);
		memcpy(tb, b + i, (n - i) * sizeof *b);
		add(&l, ta, tb);
	}
	return fold(&l);
}

NEON_INLINE float
over_halves(adder add, const float *a, const uint16_t *b, size_t n)
{
	float ta[LANES] = {0}, wide[LANES];
	struct lanes l;
	size_t i = 0;

	clear(&l);
	for (; i + LANES <= n; i += LANES) {
		neon_from_half(wide, b + i, LANES);
		add(&l, a + i, wide);
	}
	if (i < n) {
		memset(wide, 0, sizeof wide);
		memcpy(ta, a + i, (n - i) * sizeof *a);
		neon_from_half(wide, b + i, n - i);
		add(&l, ta, wide);
	}
	return fold(&l);
}

NEON static float
neon_dot(const float *a, const float *b, size_t n)
{
	return over_floats(add_dot, a, b, n);
}

NEON static float
neon_l2(const float *a, const float *b, size_t n)
{
	return over_floats(add_l2, a, b, n);
}

NEON static float
neon_dot_half(const float *a, const uint16_t *b, size_t n)
{
	return over_halves(add_dot, a, b, n);
}

NEON static float
neon_l2_half(const float *a, const uint16_t *b, size_t n)
{
	return over_halves(add_l2, a, b, n);
}

NEON static void
neon_add_codes(float *sum, float factor, const int8_t *code, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += factor * (float)code[i];
}

NEON static void
neon_add(float *sum, float factor, const float *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += factor * v[i];
}

NEON static void
neon_scale(float *out, const float *v, double by, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (float)(v[i] * by);
}

NEON static bool
neon_scales_alike(const float *v, double low, double high, size_t n)
{
	bool alike = true;

	for (size_t i = 0; i < n; i++)
		alike &= (float)(v[i] * low) == (float)(v[i] * high);
	return alike;
}

const struct vec_ops vec_neon_ops = {
    .name = "neon",
    .dot7 = neon_dot7,
    .dot7_rows = neon_dot7_rows,
    .dot7_ids = neon_dot7_ids,
    .dot3_rows = neon_dot3_rows,
    .dot3_ids = neon_dot3_ids,
    .dot = neon_dot,
    .l2 = neon_l2,
    .dot_half = neon_dot_half,
    .l2_half = neon_l2_half,
    .to_half = neon_to_half,
    .from_half = neon_from_half,
    .add_codes = neon_add_codes,
    .add = neon_add,
    .scale = neon_scale,
    .scales_alike = neon_scales_alike,
};

#else
typedef int vec_arm_is_empty;
#endif
