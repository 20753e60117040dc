/* vec_cpu.c - which tier this CPU runs, decided once. */
#include "vec.h"

#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1 << 20)
#endif
#endif

const struct vec_ops *
vec_ops_of(enum vec_tier tier)
{
	if (tier == VEC_SCALAR)
		return &vec_scalar_ops;
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (tier == VEC_AVX2 && __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("f16c"))
		return &vec_avx2_ops;
	if (tier == VEC_AVX512 && __builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
	    __builtin_cpu_supports("avx512vnni"))
		return &vec_avx512_ops;
#elif defined(__aarch64__)
	if (tier == VEC_NEON && (getauxval(AT_HWCAP) & HWCAP_ASIMDDP))
		return &vec_neon_ops;
#endif
	return NULL;
}

/* The best tier, or the one RAGPOOL_CPU names if this CPU can run it. */
static const struct vec_ops *
choose(void)
{
	static const char names[VEC_TIER_MAX][8] = {"scalar", "avx2", "avx512", "neon"};
	const char *wanted = getenv("RAGPOOL_CPU");
	const struct vec_ops *best = NULL, *ops;

	for (int tier = VEC_TIER_MAX - 1; tier >= 0; tier--) {
		ops = vec_ops_of((enum vec_tier)tier);
		if (ops == NULL)
			continue;
		if (wanted != NULL && strcmp(wanted, names[tier]) == 0)
			return ops;
		if (best == NULL)
			best = ops;
	}
	return best;
}

const struct vec_ops *vec_chosen;

const struct vec_ops *
vec_choose(void)
{
	const struct vec_ops *ops = choose();	/* threads may choose at once; they choose alike */

	__atomic_store_n(&vec_chosen, ops, __ATOMIC_RELEASE);
	return ops;
}
