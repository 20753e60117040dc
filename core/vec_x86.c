/* vec_x86.c - vector arithmetic for AVX2 and for AVX-512 with VNNI.
 *
 * Every function carries its instruction set as an attribute: the file compiles with
 * plain flags and nothing here runs before vec_cpu.c asked the CPU. */
#include "vec.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,f16c")))
#define AVX2_INLINE __attribute__((target("avx2,f16c"), always_inline)) static inline
#define AVX512 __attribute__((target("avx2,f16c,avx512f,avx512bw,avx512vl,avx512vnni")))
#define AVX512_INLINE \
	__attribute__((target("avx2,f16c,avx512f,avx512bw,avx512vl,avx512vnni"), \
	    always_inline)) static inline

enum { LANES = 32, RECORD_TAIL = 16 };

/* A row and the affine record behind it. */
static inline void
fetch(const uint8_t *row, size_t n)
{
	for (size_t at = 0; at < n + RECORD_TAIL; at += 64)
		_mm_prefetch((const char *)row + at, _MM_HINT_T0);
}

static int32_t
dot7_tail(const int8_t *q, const uint8_t *code, size_t from, size_t n)
{
	int32_t sum = 0;

	for (size_t i = from; i < n; i++)
		sum += q[i] * code[i];
	return sum;
}

/* The bodies of dot3_rows and dot3_ids, four rows at once; what is left over is computed
 * beside copies of itself. */
#define OVER_ROWS3(four) \
	for (size_t i = 0; i < count; i += 4) { \
		size_t last = count - i - 1; \
		const uint8_t *r = codes + i * stride, \
			      *row[4] = {r, r + (last < 1 ? last : 1) * stride, \
				  r + (last < 2 ? last : 2) * stride, \
				  r + (last < 3 ? last : 3) * stride}; \
		int32_t dot[4]; \
		four(q, n, row, dot); \
		memcpy(out + i, dot, (last < 3 ? last + 1 : 4) * sizeof *out); \
	}

#define OVER_IDS3(four) \
	size_t ahead = 0; \
	for (size_t i = 0; i < count; i += 4) { \
		size_t last = count - i - 1; \
		const uint8_t *row[4]; \
		int32_t dot[4]; \
		for (; ahead < i + 12 && ahead < count; ahead++) \
			fetch(codes + ids[ahead] * stride, n / 8 * 3); \
		for (size_t k = 0; k < 4; k++) \
			row[k] = codes + ids[i + (last < k ? last : k)] * stride; \
		four(q, n, row, dot); \
		memcpy(out + i, dot, (last < 3 ? last + 1 : 4) * sizeof *out); \
	}

/* ---- AVX2, codes ---- */

AVX2_INLINE __m256i
load256(const void *p)
{
	return _mm256_loadu_si256(p);
}

AVX2_INLINE __m256i
add_products(__m256i sum, __m256i code, __m256i q)
{
	__m256i pairs = _mm256_maddubs_epi16(code, q);

	return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

AVX2_INLINE __m256i
load128(const void *p)
{
	return _mm256_zextsi128_si256(_mm_loadu_si128(p));
}

AVX2_INLINE int32_t
sum256(__m256i v)
{
	__m128i x = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));

	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return _mm_cvtsi128_si32(x);
}

AVX2 static int32_t
avx2_dot7(const int8_t *q, const uint8_t *code, size_t n)
{
	__m256i s = _mm256_setzero_si256(), t = s;
	size_t i = 0;

	for (; i + 64 <= n; i += 64) {
		s = add_products(s, load256(code + i), load256(q + i));
		t = add_products(t, load256(code + i + 32), load256(q + i + 32));
	}
	for (; i + 16 <= n; i += 16)
		t = add_products(t, load128(code + i), load128(q + i));
	return sum256(_mm256_add_epi32(s, t)) + dot7_tail(q, code, i, n);
}

/* The sums of four rows; also of those the AVX-512 tier adds up. */
AVX2_INLINE void
store_four(int32_t *out, __m256i s0, __m256i s1, __m256i s2, __m256i s3)
{
	__m256i x = _mm256_hadd_epi32(_mm256_hadd_epi32(s0, s1), _mm256_hadd_epi32(s2, s3));

	_mm_storeu_si128((__m128i *)out,
	    _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1)));
}

/* Four rows at once share the loads of q and the folding of the sums. */
AVX2_INLINE void
avx2_four(const int8_t *q, size_t n, const uint8_t *a, const uint8_t *b, const uint8_t *c,
    const uint8_t *d, int32_t *out)
{
	__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0, x;
	size_t i = 0;

	for (; i + 32 <= n; i += 32) {
		x = load256(q + i);
		s0 = add_products(s0, load256(a + i), x);
		s1 = add_products(s1, load256(b + i), x);
		s2 = add_products(s2, load256(c + i), x);
		s3 = add_products(s3, load256(d + i), x);
	}
	if (i + 16 <= n) {
		x = load128(q + i);
		s0 = add_products(s0, load128(a + i), x);
		s1 = add_products(s1, load128(b + i), x);
		s2 = add_products(s2, load128(c + i), x);
		s3 = add_products(s3, load128(d + i), x);
		i += 16;
	}
	store_four(out, s0, s1, s2, s3);
	if (i < n) {
		out[0] += dot7_tail(q, a, i, n);
		out[1] += dot7_tail(q, b, i, n);
		out[2] += dot7_tail(q, c, i, n);
		out[3] += dot7_tail(q, d, i, n);
	}
}

AVX2 static void
avx2_dot7_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	size_t i = 0;

	for (; i + 4 <= count; i += 4, codes += 4 * stride)
		avx2_four(q, n, codes, codes + stride, codes + 2 * stride, codes + 3 * stride,
		    out + i);
	for (; i < count; i++, codes += stride)
		out[i] = avx2_dot7(q, codes, n);
}

AVX2 static void
avx2_dot7_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	size_t i = 0, ahead = count < 4 ? count : 4;

	for (; i < ahead; i++)
		fetch(codes + ids[i] * stride, n);
	for (i = 0; i + 4 <= count; i += 4) {
		for (; ahead < i + 8 && ahead < count; ahead++)
			fetch(codes + ids[ahead] * stride, n);
		avx2_four(q, n, codes + ids[i] * stride, codes + ids[i + 1] * stride,
		    codes + ids[i + 2] * stride, codes + ids[i + 3] * stride, out + i);
	}
	for (; i < count; i++)
		out[i] = avx2_dot7(q, codes + ids[i] * stride, n);
}

/* ---- AVX2, three bits a value: fields in pairs, the even one in the low half ---- */

struct fields {
	__m256i pair[4];
};

AVX2_INLINE __m256i
both_halves(const uint8_t *p)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)p));
}

AVX2_INLINE struct fields
unpack3(const uint8_t *group)
{
	const __m256i by3 = _mm256_setr_epi32(0, 0, 0, 0, 3, 3, 3, 3);
	const __m256i by45 = _mm256_setr_epi32(4, 4, 4, 4, 5, 5, 5, 5);
	const __m256i seven = _mm256_set1_epi8(7);
	__m256i a = both_halves(group), b = both_halves(group + 16);
	__m256i c = both_halves(group + 32), low, high;
	struct fields f;

	f.pair[0] = _mm256_and_si256(_mm256_srlv_epi32(a, by3), seven);
	f.pair[1] = _mm256_and_si256(_mm256_srlv_epi32(b, by3), seven);
	f.pair[2] = _mm256_and_si256(_mm256_srlv_epi32(c, by3), seven);
	low = _mm256_and_si256(_mm256_srli_epi32(_mm256_blend_epi32(a, c, 0xf0), 6),
	    _mm256_set1_epi8(3));
	high = _mm256_and_si256(_mm256_srlv_epi32(b, by45), _mm256_set1_epi8(4));
	f.pair[3] = _mm256_or_si256(low, high);
	return f;
}

/* Pairs of products are at most 2 * 7 * 128 = 1792: a group's four fit 16 bits. */
AVX2_INLINE __m256i
add_group(__m256i sum, const uint8_t *group, const int8_t *q)
{
	struct fields f = unpack3(group);
	__m256i s = _mm256_add_epi16(_mm256_maddubs_epi16(f.pair[0], load256(q)),
	    _mm256_maddubs_epi16(f.pair[1], load256(q + 32)));
	__m256i t = _mm256_add_epi16(_mm256_maddubs_epi16(f.pair[2], load256(q + 64)),
	    _mm256_maddubs_epi16(f.pair[3], load256(q + 96)));

	return _mm256_add_epi32(sum,
	    _mm256_madd_epi16(_mm256_add_epi16(s, t), _mm256_set1_epi16(1)));
}

AVX2_INLINE void
avx2_four3(const int8_t *q, size_t n, const uint8_t *const row[4], int32_t *out)
{
	__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;

	for (size_t at = 0, i = 0; i < n; i += VEC_GROUP, at += VEC_GROUP_BYTES) {
		s0 = add_group(s0, row[0] + at, q + i);
		s1 = add_group(s1, row[1] + at, q + i);
		s2 = add_group(s2, row[2] + at, q + i);
		s3 = add_group(s3, row[3] + at, q + i);
	}
	store_four(out, s0, s1, s2, s3);
}

AVX2 static void
avx2_dot3_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	OVER_IDS3(avx2_four3)
}

AVX2 static void
avx2_dot3_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	OVER_ROWS3(avx2_four3)
}

/* ---- AVX2, floats: sums 0..7, 8..15, 16..23, 24..31 in four registers.  The last
 * n % 32 elements go by way of a copy filled with zeros: 0 * 0 adds nothing. ---- */

struct lanes256 {
	__m256 s[4];
};

/* Without it -O2 keeps the sums in memory. */
#define EACH_SUM(i) _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)

AVX2_INLINE float
fold256(const struct lanes256 *l)
{
	__m256 y = _mm256_add_ps(
	    _mm256_add_ps(l->s[0], l->s[2]), _mm256_add_ps(l->s[1], l->s[3]));
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));

	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	x = _mm_add_ss(x, _mm_shuffle_ps(x, x, 1));
	return _mm_cvtss_f32(x);
}

AVX2_INLINE void
add_dot256(struct lanes256 *l, const float *a, const float *b)
{
	EACH_SUM(i)
		l->s[i] = _mm256_add_ps(l->s[i],
		    _mm256_mul_ps(_mm256_loadu_ps(a + 8 * i), _mm256_loadu_ps(b + 8 * i)));
}

AVX2_INLINE void
add_l2_256(struct lanes256 *l, const float *a, const float *b)
{
	EACH_SUM(i) {
		__m256 d = _mm256_sub_ps(_mm256_loadu_ps(a + 8 * i),
		    _mm256_loadu_ps(b + 8 * i));
		l->s[i] = _mm256_add_ps(l->s[i], _mm256_mul_ps(d, d));
	}
}

AVX2_INLINE __m256
load_half256(const uint16_t *p)
{
	return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}

AVX2_INLINE void
add_dot_half256(struct lanes256 *l, const float *a, const uint16_t *b)
{
	EACH_SUM(i)
		l->s[i] = _mm256_add_ps(l->s[i],
		    _mm256_mul_ps(_mm256_loadu_ps(a + 8 * i), load_half256(b + 8 * i)));
}

AVX2_INLINE void
add_l2_half256(struct lanes256 *l, const float *a, const uint16_t *b)
{
	EACH_SUM(i) {
		__m256 d = _mm256_sub_ps(_mm256_loadu_ps(a + 8 * i), load_half256(b + 8 * i));
		l->s[i] = _mm256_add_ps(l->s[i], _mm256_mul_ps(d, d));
	}
}

AVX2_INLINE void
clear256(struct lanes256 *l)
{
	EACH_SUM(i)
		l->s[i] = _mm256_setzero_ps();
}

AVX2 static float
avx2_dot(const float *a, const float *b, size_t n)
{
	struct lanes256 l;
	size_t i = 0;

	clear256(&l);
	for (; i + LANES <= n; i += LANES)
		add_dot256(&l, a + i, b + i);
	if (i < n) {
		float ta[LANES] = {0}, tb[LANES] = {0};
		memcpy(ta, a + i, (n - i) * sizeof *a);
		memcpy(tb, b + i, (n - i) * sizeof *b);
		add_dot256(&l, ta, tb);
	}
	return fold256(&l);
}

AVX2 static float
avx2_l2(const float *a, const float *b, size_t n)
{
	struct lanes256 l;
	size_t i = 0;

	clear256(&l);
	for (; i + LANES <= n; i += LANES)
		add_l2_256(&l, a + i, b + i);
	if (i < n) {
		float ta[LANES] = {0}, tb[LANES] = {0};
		memcpy(ta, a + i, (n - i) * sizeof *a);
		memcpy(tb, b + i, (n - i) * sizeof *b);
		add_l2_256(&l, ta, tb);
	}
	return fold256(&l);
}

AVX2 static float
avx2_dot_half(const float *a, const uint16_t *b, size_t n)
{
	struct lanes256 l;
	size_t i = 0;

	clear256(&l);
	for (; i + LANES <= n; i += LANES)
		add_dot_half256(&l, a + i, b + i);
	if (i < n) {
		float ta[LANES] = {0};
		uint16_t tb[LANES] = {0};
		memcpy(ta, a + i, (n - i) * sizeof *a);
		memcpy(tb, b + i, (n - i) * sizeof *b);
		add_dot_half256(&l, ta, tb);
	}
	return fold256(&l);
}

AVX2 static float
avx2_l2_half(const float *a, const uint16_t *b, size_t n)
{
	struct lanes256 l;
	size_t i = 0;

	clear256(&l);
	for (; i + LANES <= n; i += LANES)
		add_l2_half256(&l, a + i, b + i);
	if (i < n) {
		float ta[LANES] = {0};
		uint16_t tb[LANES] = {0};
		memcpy(ta, a + i, (n - i) * sizeof *a);
		memcpy(tb, b + i, (n - i) * sizeof *b);
		add_l2_half256(&l, ta, tb);
	}
	return fold256(&l);
}

AVX2 static void
avx2_to_half(uint16_t *out, const float *in, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm_storeu_si128((__m128i *)(out + i),
		    _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
	for (; i < n; i++)
		out[i] = _cvtss_sh(in[i], _MM_FROUND_TO_NEAREST_INT);
}

AVX2 static void
avx2_from_half(float *out, const uint16_t *in, size_t n)
{
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(out + i,
		    _mm256_cvtph_ps(_mm_loadu_si128((const void *)(in + i))));
	for (; i < n; i++)
		out[i] = _cvtsh_ss(in[i]);
}

AVX2 static void
avx2_add_codes(float *sum, float factor, const int8_t *code, size_t n)
{
	__m256 by = _mm256_set1_ps(factor), wide;
	size_t i = 0;

	for (; i + 8 <= n; i += 8) {
		wide = _mm256_cvtepi32_ps(
		    _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(code + i))));
		_mm256_storeu_ps(sum + i,
		    _mm256_add_ps(_mm256_loadu_ps(sum + i), _mm256_mul_ps(by, wide)));
	}
	for (; i < n; i++)
		sum[i] += factor * (float)code[i];
}

AVX2 static void
avx2_add(float *sum, float factor, const float *v, size_t n)
{
	__m256 by = _mm256_set1_ps(factor);
	size_t i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(sum + i, _mm256_add_ps(_mm256_loadu_ps(sum + i),
		    _mm256_mul_ps(by, _mm256_loadu_ps(v + i))));
	for (; i < n; i++)
		sum[i] += factor * v[i];
}

AVX2 static void
avx2_scale(float *out, const float *v, double by, size_t n)
{
	__m256d factor = _mm256_set1_pd(by);
	size_t i = 0;

	for (; i + 4 <= n; i += 4)
		_mm_storeu_ps(out + i, _mm256_cvtpd_ps(
		    _mm256_mul_pd(_mm256_cvtps_pd(_mm_loadu_ps(v + i)), factor)));
	for (; i < n; i++)
		out[i] = (float)(v[i] * by);
}

AVX2 static bool
avx2_scales_alike(const float *v, double low, double high, size_t n)
{
	__m256d a = _mm256_set1_pd(low), b = _mm256_set1_pd(high), x;
	__m128 differ = _mm_setzero_ps();
	size_t i = 0;

	for (; i + 4 <= n; i += 4) {
		x = _mm256_cvtps_pd(_mm_loadu_ps(v + i));
		differ = _mm_or_ps(differ, _mm_cmpneq_ps(_mm256_cvtpd_ps(_mm256_mul_pd(x, a)),
		    _mm256_cvtpd_ps(_mm256_mul_pd(x, b))));
	}
	for (; i < n; i++)
		if ((float)(v[i] * low) != (float)(v[i] * high))
			return false;
	return _mm_movemask_ps(differ) == 0;
}

const struct vec_ops vec_avx2_ops = {
    .name = "avx2",
    .has_avx2 = true,
    .dot7 = avx2_dot7,
    .dot7_rows = avx2_dot7_rows,
    .dot7_ids = avx2_dot7_ids,
    .dot3_rows = avx2_dot3_rows,
    .dot3_ids = avx2_dot3_ids,
    .dot = avx2_dot,
    .l2 = avx2_l2,
    .dot_half = avx2_dot_half,
    .l2_half = avx2_l2_half,
    .to_half = avx2_to_half,
    .from_half = avx2_from_half,
    .add_codes = avx2_add_codes,
    .add = avx2_add,
    .scale = avx2_scale,
    .scales_alike = avx2_scales_alike,
};

/* ---- AVX-512 with VNNI: the codes; floats are not the bottleneck and stay AVX2 ---- */

AVX512_INLINE __m512i
load512(const void *p)
{
	return _mm512_loadu_si512(p);
}

AVX512_INLINE __m512i
load_part(const void *p, size_t n)
{
	return _mm512_maskz_loadu_epi8(((__mmask64)1 << n) - 1, p);
}

AVX512 static int32_t
avx512_dot7(const int8_t *q, const uint8_t *code, size_t n)
{
	__m512i s = _mm512_setzero_si512(), t = s;
	size_t i = 0;

	for (; i + 128 <= n; i += 128) {
		s = _mm512_dpbusd_epi32(s, load512(code + i), load512(q + i));
		t = _mm512_dpbusd_epi32(t, load512(code + i + 64), load512(q + i + 64));
	}
	for (; i + 64 <= n; i += 64)
		s = _mm512_dpbusd_epi32(s, load512(code + i), load512(q + i));
	if (i < n)
		t = _mm512_dpbusd_epi32(t, load_part(code + i, n - i), load_part(q + i, n - i));
	return _mm512_reduce_add_epi32(_mm512_add_epi32(s, t));
}

AVX512_INLINE __m256i
halves_added(__m512i v)
{
	return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

AVX512_INLINE void
avx512_four(const int8_t *q, size_t n, const uint8_t *a, const uint8_t *b, const uint8_t *c,
    const uint8_t *d, int32_t *out)
{
	__m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0, x;
	size_t i = 0;

	for (; i + 64 <= n; i += 64) {
		x = load512(q + i);
		s0 = _mm512_dpbusd_epi32(s0, load512(a + i), x);
		s1 = _mm512_dpbusd_epi32(s1, load512(b + i), x);
		s2 = _mm512_dpbusd_epi32(s2, load512(c + i), x);
		s3 = _mm512_dpbusd_epi32(s3, load512(d + i), x);
	}
	if (i < n) {
		x = load_part(q + i, n - i);
		s0 = _mm512_dpbusd_epi32(s0, load_part(a + i, n - i), x);
		s1 = _mm512_dpbusd_epi32(s1, load_part(b + i, n - i), x);
		s2 = _mm512_dpbusd_epi32(s2, load_part(c + i, n - i), x);
		s3 = _mm512_dpbusd_epi32(s3, load_part(d + i, n - i), x);
	}
	store_four(out, halves_added(s0), halves_added(s1), halves_added(s2), halves_added(s3));
}

AVX512 static void
avx512_dot7_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	size_t i = 0;

	for (; i + 4 <= count; i += 4, codes += 4 * stride)
		avx512_four(q, n, codes, codes + stride, codes + 2 * stride,
		    codes + 3 * stride, out + i);
	for (; i < count; i++, codes += stride)
		out[i] = avx512_dot7(q, codes, n);
}

AVX512 static void
avx512_dot7_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	size_t i = 0, ahead = count < 4 ? count : 4;

	for (; i < ahead; i++)
		fetch(codes + ids[i] * stride, n);
	for (i = 0; i + 4 <= count; i += 4) {
		for (; ahead < i + 8 && ahead < count; ahead++)
			fetch(codes + ids[ahead] * stride, n);
		avx512_four(q, n, codes + ids[i] * stride, codes + ids[i + 1] * stride,
		    codes + ids[i + 2] * stride, codes + ids[i + 3] * stride, out + i);
	}
	for (; i < count; i++)
		out[i] = avx512_dot7(q, codes + ids[i] * stride, n);
}

/* Groups are as wide as AVX2's registers.  VNNI's sums are wide enough for fields that are
 * masked where they lie: those of the high half, bits 3..5 of their bytes, count eight
 * times, which halves_of3() takes back.  4.2 ns a row of 384 from the first cache where
 * shifting every field down, as AVX2 must, takes 4.8 (Zen 4). */
AVX512_INLINE __m256i
two_halves(int low, int high)
{
	return _mm256_setr_epi32(low, low, low, low, high, high, high, high);
}

AVX512_INLINE __m256i
avx512_add_group(__m256i sum, const uint8_t *group, const int8_t *q)
{
	const __m256i field = two_halves(0x07070707, 0x38383838);
	const __m256i third_bit = two_halves(0x04040404, 0x20202020);
	__m256i a = both_halves(group), b = both_halves(group + 16);
	__m256i c = both_halves(group + 32), low, high;

	sum = _mm256_dpbusd_epi32(sum, _mm256_and_si256(a, field), load256(q));
	sum = _mm256_dpbusd_epi32(sum, _mm256_and_si256(b, field), load256(q + 32));
	sum = _mm256_dpbusd_epi32(sum, _mm256_and_si256(c, field), load256(q + 64));
	low = _mm256_srlv_epi32(_mm256_blend_epi32(a, c, 0xf0), two_halves(6, 3));
	high = _mm256_srlv_epi32(b, two_halves(4, 2));
	/* Bits of `high` where third_bit is set, of `low` elsewhere. */
	low = _mm256_ternarylogic_epi32(low, high, third_bit, 0xd8);
	return _mm256_dpbusd_epi32(sum, _mm256_and_si256(low, field), load256(q + 96));
}

/* Exact: what is shifted out are zeros. */
AVX512_INLINE __m256i
halves_of3(__m256i sum)
{
	return _mm256_srav_epi32(sum, two_halves(0, 3));
}

AVX512_INLINE void
avx512_four3(const int8_t *q, size_t n, const uint8_t *const row[4], int32_t *out)
{
	__m256i s0 = _mm256_setzero_si256(), s1 = s0, s2 = s0, s3 = s0;

	for (size_t at = 0, i = 0; i < n; i += VEC_GROUP, at += VEC_GROUP_BYTES) {
		s0 = avx512_add_group(s0, row[0] + at, q + i);
		s1 = avx512_add_group(s1, row[1] + at, q + i);
		s2 = avx512_add_group(s2, row[2] + at, q + i);
		s3 = avx512_add_group(s3, row[3] + at, q + i);
	}
	store_four(out, halves_of3(s0), halves_of3(s1), halves_of3(s2), halves_of3(s3));
}

AVX512 static void
avx512_dot3_ids(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
    const uint32_t *ids, size_t count, int32_t *out)
{
	OVER_IDS3(avx512_four3)
}

AVX512 static void
avx512_dot3_rows(const int8_t *q, size_t n, const uint8_t *codes, size_t stride, size_t count,
    int32_t *out)
{
	OVER_ROWS3(avx512_four3)
}

const struct vec_ops vec_avx512_ops = {
    .name = "avx512",
    .has_avx2 = true,
    .dot7 = avx512_dot7,
    .dot7_rows = avx512_dot7_rows,
    .dot7_ids = avx512_dot7_ids,
    .dot3_rows = avx512_dot3_rows,
    .dot3_ids = avx512_dot3_ids,
    .dot = avx2_dot,
    .l2 = avx2_l2,
    .dot_half = avx2_dot_half,
    .l2_half = avx2_l2_half,
    .to_half = avx2_to_half,
    .from_half = avx2_from_half,
    .add_codes = avx2_add_codes,
    .add = avx2_add,
    .scale = avx2_scale,
    .scales_alike = avx2_scales_alike,
};

#else
typedef int vec_x86_is_empty;
#endif
