/* lex_window.c - a window of rows, units added up: which of them are worth looking at.
 *
 * The floor: rows are dealt to many hands, and what k hands have at their best, k rows have. */
#include "lex_window.h"

#include <stdbool.h>
#include <string.h>

#include "vec.h"

enum {
	HANDS = 512,		/* at most, a multiple of STEP */
	HANDS_A_ROW = 8,	/* so many that two of the k best are seldom in one hand */
	STEP = 8,
	SIDE = 16,
	WORD = 64,		/* rows of a word of bits */
	SLACK = 8,		/* the floor may leave k + k / SLACK hands above it */
};

/* ---- one by one ---- */

/* Mostly none of SIDE rows passes, which one look at them all tells: below 2^31, what is less
 * than another goes below 0 without it. */
static bool
is_any_above(const uint32_t *units, uint32_t than)
{
	uint32_t signs = 0;

	for (uint32_t k = 0; k < SIDE; k++)
		signs |= than - units[k];
	return signs >> 31 != 0;
}

static void
plain_above(uint64_t *bits, const uint32_t *units, uint32_t n, uint32_t than)
{
	for (uint32_t i = 0; i < n; i += WORD) {
		uint64_t word = 0;
		for (uint32_t k = 0; k < WORD; k++) {
			if (k % SIDE == 0 && !is_any_above(units + i + k, than))
				k += SIDE - 1;
			else
				word |= (uint64_t)(units[i + k] > than) << k;
		}
		bits[i / WORD] = word;
	}
}

/* STEP hands are dealt rows that follow each other, in turn, `turns` each; then the next. */
static void
plain_deal(uint32_t *best, const uint32_t *units, uint32_t hands, uint32_t turns)
{
	memset(best, 0, hands * sizeof *best);
	for (uint32_t h = 0; h < hands; h += STEP, best += STEP)
		for (uint32_t t = 0; t < turns; t++, units += STEP)
			for (uint32_t k = 0; k < STEP; k++)
				best[k] = units[k] > best[k] ? units[k] : best[k];
}

static uint32_t
plain_count(const uint32_t *best, uint32_t hands, uint32_t than)
{
	uint32_t count = 0;

	for (uint32_t h = 0; h < hands; h++)
		count += best[h] > than;
	return count;
}

/* ---- eight at once ---- */

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE __attribute__((target("avx2"), always_inline)) static inline

AVX2_INLINE __m256i
load(const uint32_t *units)
{
	return _mm256_loadu_si256((const __m256i *)units);
}

/* A bit for each of 32 rows: packing leaves pairs of four rows in the order 0 2 4 6 1 3 5 7. */
AVX2_INLINE uint32_t
bits_of(const uint32_t *u, __m256i than)
{
	__m256i a = _mm256_packs_epi32(_mm256_cmpgt_epi32(load(u), than),
	    _mm256_cmpgt_epi32(load(u + STEP), than));
	__m256i b = _mm256_packs_epi32(_mm256_cmpgt_epi32(load(u + 2 * STEP), than),
	    _mm256_cmpgt_epi32(load(u + 3 * STEP), than));

	return (uint32_t)_mm256_movemask_epi8(_mm256_permutevar8x32_epi32(
	    _mm256_packs_epi16(a, b), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)));
}

AVX2 static void
avx2_above(uint64_t *bits, const uint32_t *units, uint32_t n, uint32_t than)
{
	__m256i x = _mm256_set1_epi32((int)than);

	for (uint32_t i = 0; i < n; i += WORD)
		bits[i / WORD] = bits_of(units + i, x) |
		    (uint64_t)bits_of(units + i + WORD / 2, x) << WORD / 2;
}

AVX2 static void
avx2_deal(uint32_t *best, const uint32_t *units, uint32_t hands, uint32_t turns)
{
	for (uint32_t h = 0; h < hands; h += STEP) {
		__m256i most = load(units);
		for (uint32_t t = 0; t < turns; t++, units += STEP)
			most = _mm256_max_epi32(most, load(units));
		_mm256_storeu_si256((__m256i *)(best + h), most);
	}
}

AVX2 static uint32_t
avx2_count(const uint32_t *best, uint32_t hands, uint32_t than)
{
	__m256i x = _mm256_set1_epi32((int)than), count = _mm256_setzero_si256();
	__m128i sum;

	for (uint32_t h = 0; h < hands; h += STEP)
		count = _mm256_sub_epi32(count, _mm256_cmpgt_epi32(load(best + h), x));
	sum = _mm_add_epi32(
	    _mm256_castsi256_si128(count), _mm256_extracti128_si256(count, 1));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
	sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(sum);
}

#endif

struct kernels {
	void (*above)(uint64_t *bits, const uint32_t *units, uint32_t n, uint32_t than);
	void (*deal)(uint32_t *best, const uint32_t *units, uint32_t hands, uint32_t turns);
	uint32_t (*count)(const uint32_t *best, uint32_t hands, uint32_t than);
};

static const struct kernels plain = {plain_above, plain_deal, plain_count};

static const struct kernels *
kernels(void)
{
#if defined(__x86_64__)
	static const struct kernels avx2 = {avx2_above, avx2_deal, avx2_count};
	if (vec_has_avx2())
		return &avx2;
#endif
	return &plain;
}

void
lex_window_above(uint64_t *bits, const uint32_t *units, uint32_t n, uint32_t than)
{
	kernels()->above(bits, units, n, than);
}

/* 0: they would be too few. */
static uint32_t
hands_for(uint32_t n, uint32_t k)
{
	uint32_t wanted = k < HANDS / HANDS_A_ROW ? HANDS_A_ROW * (k + 1) : HANDS;
	uint32_t hands = (n < wanted ? n : wanted) / STEP * STEP;

	return k <= hands / 2 ? hands : 0;
}

uint32_t
lex_window_floor(const uint32_t *units, uint32_t n, uint32_t k, uint32_t most)
{
	const struct kernels *with = kernels();
	uint32_t best[HANDS], hands = hands_for(n, k);
	uint32_t low = 0, high = most;	/* at least k hands have more than low, fewer than high */

	if (hands == 0)
		return 0;
	with->deal(best, units, hands, n / hands);
	if (with->count(best, hands, 0) < k)
		return 0;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		uint32_t count = with->count(best, hands, middle);
		if (count < k)
			high = middle;
		else
			low = middle;
		if (count >= k && count <= k + k / SLACK)
			break;
	}
	return low + 1;
}
