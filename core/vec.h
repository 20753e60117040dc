/* vec.h - arithmetic on vectors: 7-bit codes, half floats, floats.
 *
 * One table of functions a CPU tier, chosen once: scalar C (the reference), AVX2,
 * AVX-512 VNNI, NEON with the dot product.  The environment variable RAGPOOL_CPU
 * (scalar, avx2, avx512, neon) lowers the tier, for tests and for doubtful machines.
 *
 * Dtypes  dot7: u8 in 0..127 times s8 into s32.  A pair of products is at most
 *         2 * 127 * 128 = 32512 and fits 16 bits, so vpmaddubsw cannot saturate and all
 *         tiers give the SAME INTEGER; the sum fits 32 bits up to n = 131072.  A code is
 *         itself a valid s8, so dot7 also multiplies code by code.
 *         dot3: u8 in 0..7, packed, times s8 into s32; the same integer on all tiers.
 *         Floats: 32 running sums, element i into sum i % 32, product and sum rounded
 *         apart (the build sets -ffp-contract=off), folded 16, 8, 4, 2, 1.  All tiers
 *         therefore give the same float, bit for bit.  Error at most (n/32 + 5) ulp of
 *         the sum of magnitudes.
 *         Halves: IEEE binary16, round to nearest even; past 65519 becomes infinite.
 * Shapes  any n, tails included; no alignment is needed.  Batches may be any length, the
 *         callers' are at most VEC_BATCH; rows are prefetched ahead within a batch.
 * Source  AVX2 in pairs of bytes as every int8 library does it; measured on Zen 3, four
 *         rows at a time 12 cycles a row of 384, memory being the limit beyond the cache.
 */
#ifndef RAGPOOL_VEC_H
#define RAGPOOL_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VEC_BATCH = 32,
	VEC_GROUP = 128,		/* values of a group of 3-bit codes */
	VEC_GROUP_BYTES = 48,
};

enum vec_tier { VEC_SCALAR, VEC_AVX2, VEC_AVX512, VEC_NEON, VEC_TIER_MAX };

struct vec_ops {
	const char *name;
	bool has_avx2;
	int32_t (*dot7)(const int8_t *q, const uint8_t *code, size_t n);
	/* count rows that follow each other, stride bytes apart. */
	void (*dot7_rows)(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
	    size_t count, int32_t *out);
	/* The rows ids[0..count). */
	void (*dot7_ids)(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
	    const uint32_t *ids, size_t count, int32_t *out);
	/* Coarse codes, 3 bits a value, n a multiple of VEC_GROUP: rows that follow each other
	 * and the rows ids[0..count).  Layout of a group: vec_unpack3(). */
	void (*dot3_rows)(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
	    size_t count, int32_t *out);
	void (*dot3_ids)(const int8_t *q, size_t n, const uint8_t *codes, size_t stride,
	    const uint32_t *ids, size_t count, int32_t *out);
	float (*dot)(const float *a, const float *b, size_t n);
	float (*l2)(const float *a, const float *b, size_t n);	/* squared distance */
	float (*dot_half)(const float *a, const uint16_t *b, size_t n);
	float (*l2_half)(const float *a, const uint16_t *b, size_t n);
	void (*to_half)(uint16_t *out, const float *in, size_t n);
	void (*from_half)(float *out, const uint16_t *in, size_t n);
	/* sum[i] += factor * code[i], product and sum rounded apart. */
	void (*add_codes)(float *sum, float factor, const int8_t *code, size_t n);
	/* The same of floats. */
	void (*add)(float *sum, float factor, const float *v, size_t n);
	/* out[i] = v[i] * by, rounded once; out may be v. */
	void (*scale)(float *out, const float *v, double by, size_t n);
	/* Whether that is the same of both. */
	bool (*scales_alike)(const float *v, double low, double high, size_t n);
};

/* Three bits a value: 128 values u8 in 0..7 to and from 48 bytes a, b, c of 16 each.
 * Value 16 f + i is field f of byte i: fields 0 and 1 are bits 0..2 and 3..5 of a[i], fields
 * 2 and 3 those of b[i], 4 and 5 of c[i]; field 6 is bits 6 and 7 of a[i], and bit 6 of b[i]
 * above them; field 7 is bits 6 and 7 of c[i], and bit 7 of b[i].  So fields come apart by
 * shifts and masks in registers of 16 bytes, and no value crosses a byte's lane. */
void vec_pack3(uint8_t *out, const uint8_t *in, size_t n);
void vec_unpack3(uint8_t *out, const uint8_t *in, size_t n);

extern const struct vec_ops *vec_chosen;	/* NULL until vec_choose() */
const struct vec_ops *vec_choose(void);

/* The table of this machine; never NULL, the same one at every call. */
static inline const struct vec_ops *
vec_ops(void)
{
	const struct vec_ops *ops = __atomic_load_n(&vec_chosen, __ATOMIC_ACQUIRE);

	return ops != NULL ? ops : vec_choose();
}

/* The table of one tier, NULL when this CPU cannot run it. */
const struct vec_ops *vec_ops_of(enum vec_tier tier);

/* Whether the chosen tier has AVX2, for what is not in its table. */
static inline bool
vec_has_avx2(void)
{
	return vec_ops()->has_avx2;
}

/* Sum of squares, in double. */
double vec_norm2(const float *v, size_t n);
/* out = v / |v|; false, and zeros, when v is zero or not finite. */
bool vec_normalise(float *out, const float *v, size_t n);
bool vec_is_finite(const float *v, size_t n);

/* The tables, by tier; only vec_cpu.c names them. */
extern const struct vec_ops vec_scalar_ops, vec_avx2_ops, vec_avx512_ops, vec_neon_ops;

#endif
