/* lex_block.c - what is done with a whole block of postings at once. */
#include "lex_block.h"

#include "lex_parts.h"
#include "vec.h"

/* Eight values are read by two loads of 16 bytes, in which four values of up to 24 bits lie
 * wherever the first begins; and 128 of 24 bits cannot wrap a sum of 32. */
enum { NARROW = 24, STEP = 8, LOAD_BYTES = 16, AT_ONCE = 32 };

/* ---- one by one, from value `i` on ---- */

static uint64_t
rows_from(uint32_t *row, const unsigned char *p, unsigned bits, uint32_t i, uint32_t n,
    uint64_t next)
{
	for (; i < n; i++) {
		next += lex_packed_at(p, i, bits);
		row[i] = (uint32_t)next++;
	}
	return next;
}

static uint64_t
sum_of(const unsigned char *p, unsigned bits, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n && bits > 0; i++)
		sum += lex_packed_at(p, i, bits);
	return sum;
}

static void
score_from(uint32_t *score, const uint32_t *row, uint32_t i, uint32_t n, const float *norm,
    float weight, const unsigned char *p, unsigned bits)
{
	for (; i < n; i++)
		score[i] = lex_units_of(
		    weight, lex_impact(lex_packed_at(p, i, bits) + 1, norm[row[i]]));
}

/* Where the last `few` of n > 0 ascending rows begin that may be the one looked for, or the first
 * behind it.  By masks, since of a choice the compiler makes a branch, and that is guessed wrong
 * every other time. */
static inline uint32_t
halve(const uint32_t *row, uint32_t n, uint32_t wanted, uint32_t few)
{
	uint32_t low = 0;

	for (uint32_t half; n > few; n -= half) {
		half = n / 2;
		low += half & -(uint32_t)(row[low + half - 1] < wanted);
	}
	return low;
}

/* ---- eight at once ---- */

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

/* How to take eight values of `bits` apart: they fill `bits` bytes.  The upper four begin at
 * the byte `middle`, or four bits behind it. */
struct apart {
	__m256i bytes, shift, mask;
	unsigned bits, middle;
};

AVX2_INLINE struct apart
apart_of(unsigned bits)
{
	int w = (int)bits, odd = w % 2 * 4;
	__m256i at = _mm256_setr_epi32(0, w, 2 * w, 3 * w, odd, odd + w, odd + 2 * w, odd + 3 * w);
	__m256i byte = _mm256_srli_epi32(at, 3);

	return (struct apart){
	    .bytes = _mm256_add_epi32(_mm256_mullo_epi32(byte, _mm256_set1_epi32(0x01010101)),
		_mm256_set1_epi32(0x03020100)),
	    .shift = _mm256_and_si256(at, _mm256_set1_epi32(7)),
	    .mask = _mm256_set1_epi32((int)((1u << bits) - 1)),
	    .bits = bits,
	    .middle = bits / 2,
	};
}

AVX2_INLINE __m256i
take_apart(const struct apart *a, const unsigned char *p)
{
	__m128i low = _mm_loadu_si128((const __m128i *)p);
	__m128i high = _mm_loadu_si128((const __m128i *)(p + a->middle));
	__m256i x = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), a->bytes);

	return _mm256_and_si256(_mm256_srlv_epi32(x, a->shift), a->mask);
}

/* Steps of n values that read nothing from end on. */
static uint32_t
steps_of(const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n)
{
	size_t first = bits / 2 + LOAD_BYTES, room = (size_t)(end - p), steps = n / STEP;

	if (bits > NARROW || room < first)
		return 0;
	if (bits > 0 && (room - first) / bits + 1 < steps)
		steps = (room - first) / bits + 1;
	return (uint32_t)steps;
}

AVX2 static uint64_t
avx2_rows(uint32_t *row, const unsigned char *p, unsigned bits, uint32_t steps, uint32_t next)
{
	const __m256i third = _mm256_set1_epi32(3), last = _mm256_set1_epi32(7);
	const __m256i upper = _mm256_setr_epi32(0, 0, 0, 0, -1, -1, -1, -1);
	__m256i base = _mm256_set1_epi32((int)next - 1), x;
	struct apart a = apart_of(bits);

	for (uint32_t i = 0; i < steps; i++, p += bits) {
		x = _mm256_add_epi32(take_apart(&a, p), _mm256_set1_epi32(1));
		x = _mm256_add_epi32(x, _mm256_slli_si256(x, 4));
		x = _mm256_add_epi32(x, _mm256_slli_si256(x, 8));
		x = _mm256_add_epi32(x,
		    _mm256_and_si256(_mm256_permutevar8x32_epi32(x, third), upper));
		_mm256_storeu_si256((__m256i *)(row + STEP * i), _mm256_add_epi32(x, base));
		base = _mm256_add_epi32(base, _mm256_permutevar8x32_epi32(x, last));
	}
	return (uint64_t)(uint32_t)_mm256_cvtsi256_si32(base) + 1;
}

/* n > 0. */
AVX2 static uint32_t
avx2_sum(const unsigned char *p, unsigned bits, uint32_t n)
{
	const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
	__m256i sum = _mm256_setzero_si256(), there;
	struct apart a = apart_of(bits);
	__m128i x;

	for (; n > STEP; n -= STEP, p += bits)
		sum = _mm256_add_epi32(sum, take_apart(&a, p));
	there = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), place);
	sum = _mm256_add_epi32(sum, _mm256_and_si256(take_apart(&a, p), there));
	x = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0x4e));
	x = _mm_add_epi32(x, _mm_shuffle_epi32(x, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(x);
}

/* lex_impact() and lex_units_of(); minimum and maximum answer the second where one is NaN, as
 * the comparisons there do. */
AVX2_INLINE __m256i
units_of(__m256i tf, __m256 norm, __m256 weight)
{
	__m256 t = _mm256_cvtepi32_ps(tf), f = _mm256_div_ps(t, _mm256_add_ps(t, norm));

	f = _mm256_max_ps(_mm256_min_ps(f, _mm256_set1_ps(1)), _mm256_setzero_ps());
	return _mm256_add_epi32(
	    _mm256_cvttps_epi32(_mm256_mul_ps(weight, f)), _mm256_set1_epi32(1));
}

/* Two rows by one load each, and a load a norm: 85 cycles a block where gathering takes 150. */
AVX2_INLINE __m256
norms_of(const float *norm, const uint32_t *row)
{
	uint64_t a, b, c, d;

	memcpy(&a, row, 8);
	memcpy(&b, row + 2, 8);
	memcpy(&c, row + 4, 8);
	memcpy(&d, row + 6, 8);
	return _mm256_setr_ps(norm[(uint32_t)a], norm[a >> 32], norm[(uint32_t)b], norm[b >> 32],
	    norm[(uint32_t)c], norm[c >> 32], norm[(uint32_t)d], norm[d >> 32]);
}

AVX2 static void
avx2_score(uint32_t *score, const uint32_t *row, const float *norm, float weight,
    const unsigned char *p, unsigned bits, uint32_t steps)
{
	struct apart a = apart_of(bits);
	__m256 by = _mm256_set1_ps(weight);

	for (uint32_t i = 0; i < steps; i++, p += bits) {
		__m256i tf = _mm256_add_epi32(take_apart(&a, p), _mm256_set1_epi32(1));
		_mm256_storeu_si256((__m256i *)(score + STEP * i),
		    units_of(tf, norms_of(norm, row + STEP * i), by));
	}
}

/* A bit for each of 32 rows that is the one looked for. */
AVX2_INLINE uint32_t
equal_rows(const uint32_t *row, __m256i wanted)
{
	const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256i a = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)row), wanted);
	__m256i b = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)(row + 8)), wanted);
	__m256i c = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)(row + 16)), wanted);
	__m256i d = _mm256_cmpeq_epi32(_mm256_loadu_si256((const __m256i *)(row + 24)), wanted);

	a = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
	return (uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(a, in_order));
}

/* What lies behind the n-th is left over from another block. */
AVX2 static void
avx2_find(const uint32_t row[LEX_BLOCK], uint32_t n, const uint32_t *wanted, uint32_t count,
    uint32_t *at)
{
	for (uint32_t k = 0; k < count; k++) {
		uint32_t low = halve(row, n, wanted[k], AT_ONCE), equal, found;
		low = low < LEX_BLOCK - AT_ONCE ? low : LEX_BLOCK - AT_ONCE;
		equal = equal_rows(row + low, _mm256_set1_epi32((int)wanted[k]));
		found = equal != 0 ? low + (uint32_t)__builtin_ctz(equal) : LEX_BLOCK;
		at[k] = found < n ? found : LEX_BLOCK;
	}
}

#endif

uint64_t
lex_block_rows(uint32_t *row, const unsigned char *p, const unsigned char *end, unsigned bits,
    uint32_t n, uint32_t next)
{
	uint64_t follows = next;
	uint32_t steps = 0;

#if defined(__x86_64__)
	/* The last step may take values in that are none: one block in full has 127. */
	if (vec_has_avx2() && (steps = steps_of(p, end, bits, n + STEP - 1)) > 0)
		follows = avx2_rows(row, p, bits, steps, next);
	if (STEP * steps >= n && n > 0)
		return row[n - 1] + UINT64_C(1);
#endif
	(void)end;
	return rows_from(row, p, bits, STEP * steps, n, follows);
}

uint64_t
lex_block_sum(const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n)
{
#if defined(__x86_64__)
	if (n > 0 && vec_has_avx2() && STEP * steps_of(p, end, bits, n + STEP - 1) >= n)
		return avx2_sum(p, bits, n);
#endif
	(void)end;
	return sum_of(p, bits, n);
}

void
lex_block_score(uint32_t *score, const uint32_t *row, uint32_t n, const float *norm, float weight,
    const unsigned char *p, const unsigned char *end, unsigned bits)
{
	uint32_t steps = 0;

#if defined(__x86_64__)
	if (vec_has_avx2() && (steps = steps_of(p, end, bits, n + STEP - 1)) > 0)
		avx2_score(score, row, norm, weight, p, bits, steps);
#endif
	(void)end;
	score_from(score, row, STEP * steps, n, norm, weight, p, bits);
}

void
lex_block_find(const uint32_t row[LEX_BLOCK], uint32_t n, const uint32_t *wanted, uint32_t count,
    uint32_t *at)
{
#if defined(__x86_64__)
	if (vec_has_avx2()) {
		avx2_find(row, n, wanted, count, at);
		return;
	}
#endif
	for (uint32_t k = 0; k < count; k++) {
		at[k] = halve(row, n, wanted[k], 1);
		if (row[at[k]] != wanted[k])
			at[k] = LEX_BLOCK;
	}
}
