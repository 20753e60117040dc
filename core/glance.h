/* glance.h - sixty-four bytes of text at a glance: of each kind a bit for each byte.
 *
 * Bit i is of byte i.  Kinds that a caller does not look at cost nothing: it is all inline.
 * SSE2 is in every x86-64; elsewhere eight bytes at a time.
 */
#ifndef RAGPOOL_GLANCE_H
#define RAGPOOL_GLANCE_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { GLANCE_BYTES = 64 };

struct glance {
	uint64_t letter;	/* or digit, of ASCII */
	uint64_t space;
	uint64_t line;		/* its end, '\n' */
	uint64_t stop;		/* . ! ? */
	uint64_t control;	/* below a space, and DEL */
	uint64_t quote;		/* " and \ */
	uint64_t high;		/* not of ASCII */
};

/* Of eight bytes without an upper bit the upper bit of each that is `n`, or 0 there becomes any
 * other: no sum leaves its byte. */
static inline uint64_t
glance_eight_equal(uint64_t low, unsigned char n)
{
	const uint64_t ones = UINT64_MAX / 255;

	return ~((low ^ ones * n) + ones * 0x7f);
}

/* From `first` to `last`. */
static inline uint64_t
glance_eight_between(uint64_t low, unsigned char first, unsigned char last)
{
	const uint64_t ones = UINT64_MAX / 255;

	return (low + ones * (0x80u - first)) & ~(low + ones * (0x7fu - last));
}

/* The upper bits of eight bytes as the bits from `at` on. */
static inline uint64_t
glance_eight_bits(uint64_t x, size_t at)
{
	return ((x >> 7 & UINT64_MAX / 255) * 0x0102040810204080u >> 56) << at;
}

static inline void
glance_plain(const char text[GLANCE_BYTES], struct glance *g)
{
	const uint64_t high = UINT64_MAX / 255 << 7;

	*g = (struct glance){0};
	for (size_t i = 0; i < GLANCE_BYTES; i += 8) {
		uint64_t x, low, small, ascii;
		memcpy(&x, text + i, sizeof x);
		x = le64toh(x);
		low = x & ~high;
		small = low | high >> 2;
		ascii = ~x & high;
		g->letter |= glance_eight_bits(ascii & (glance_eight_between(small, 'a', 'z') |
			glance_eight_between(low, '0', '9')), i);
		g->space |= glance_eight_bits(ascii & glance_eight_equal(low, ' '), i);
		g->line |= glance_eight_bits(ascii & glance_eight_equal(low, '\n'), i);
		g->stop |= glance_eight_bits(ascii & (glance_eight_equal(low, '.') |
			glance_eight_equal(low, '!') | glance_eight_equal(low, '?')), i);
		g->control |= glance_eight_bits(ascii & (glance_eight_between(low, 0, 0x1f) |
			glance_eight_equal(low, 0x7f)), i);
		g->quote |= glance_eight_bits(ascii & (glance_eight_equal(low, '"') |
			glance_eight_equal(low, '\\')), i);
		g->high |= glance_eight_bits(x & high, i);
	}
}

#ifdef __SSE2__
static inline uint64_t
glance_bits(__m128i x, size_t at)
{
	return (uint64_t)(unsigned)_mm_movemask_epi8(x) << at;
}

static inline __m128i
glance_equal(__m128i x, char c)
{
	return _mm_cmpeq_epi8(x, _mm_set1_epi8(c));
}

/* n bytes from `first` on. */
static inline __m128i
glance_among(__m128i x, char first, char n)
{
	__m128i from = _mm_sub_epi8(x, _mm_set1_epi8(first));

	return _mm_cmpeq_epi8(_mm_min_epu8(from, _mm_set1_epi8((char)(n - 1))), from);
}

static inline void
glance(const char text[GLANCE_BYTES], struct glance *g)
{
	*g = (struct glance){0};
#pragma GCC unroll 4
	for (size_t i = 0; i < GLANCE_BYTES; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		__m128i small = _mm_or_si128(x, _mm_set1_epi8(0x20));
		g->letter |= glance_bits(
		    _mm_or_si128(glance_among(small, 'a', 26), glance_among(x, '0', 10)), i);
		g->space |= glance_bits(glance_equal(x, ' '), i);
		g->line |= glance_bits(glance_equal(x, '\n'), i);
		g->stop |= glance_bits(_mm_or_si128(_mm_or_si128(glance_equal(x, '.'),
			glance_equal(x, '!')), glance_equal(x, '?')), i);
		g->control |= glance_bits(
		    _mm_or_si128(glance_among(x, 0, 0x20), glance_equal(x, 0x7f)), i);
		g->quote |= glance_bits(
		    _mm_or_si128(glance_equal(x, '"'), glance_equal(x, '\\')), i);
		g->high |= glance_bits(x, i);
	}
}
#else
static inline void
glance(const char text[GLANCE_BYTES], struct glance *g)
{
	glance_plain(text, g);
}
#endif

/* Those that do not stand for themselves in a string of JSON: control, quote and high together. */
static inline uint64_t
glance_special(const char text[GLANCE_BYTES])
{
#ifdef __SSE2__
	uint64_t bits = 0;

#pragma GCC unroll 4
	for (size_t i = 0; i < GLANCE_BYTES; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(text + i));
		__m128i quote = _mm_or_si128(glance_equal(x, '"'), glance_equal(x, '\\'));
		/* Below a space, or above 0x7f: less than one with a sign. */
		__m128i other = _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(' ')), glance_equal(x, 0x7f));
		bits |= glance_bits(_mm_or_si128(quote, other), i);
	}
	return bits;
#else
	struct glance g;

	glance_plain(text, &g);
	return g.control | g.quote | g.high;
#endif
}

/* Of fewer bytes, down to none: what is missing is of no kind but control. */
static inline void
glance_rest(const char *text, size_t n, struct glance *g)
{
	char block[GLANCE_BYTES] = {0};

	memcpy(block, text, n);
	glance(block, g);
}

#endif
