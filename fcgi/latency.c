/* latency.c - a histogram with a bounded relative error. */
#include "latency.h"

/* Up to 127 each value has its own; above, the six bits behind the leading one decide. */
static unsigned
bucket_of(uint64_t us)
{
	unsigned shift;

	if (us < 128)
		return (unsigned)us;
	shift = 63 - (unsigned)__builtin_clzll(us) - 6;
	return shift * 64 + (unsigned)(us >> shift);
}

/* The largest value of a bucket. */
static uint64_t
top_of(unsigned bucket)
{
	unsigned shift;

	if (bucket < 128)
		return bucket;
	shift = bucket / 64 - 1;
	return ((uint64_t)(bucket - shift * 64) + 1) * ((uint64_t)1 << shift) - 1;
}

void
latency_add(struct latency *l, int64_t us)
{
	uint64_t v = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint64_t)us;

	l->count++;
	l->sum_us += v;
	if (v > l->most_us)
		l->most_us = v;
	l->bucket[bucket_of(v)]++;
}

uint64_t
latency_at(const struct latency *l, double share)
{
	double wanted = share * (double)l->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen > 0 && (double)seen >= wanted)
			return top_of(i) < l->most_us ? top_of(i) : l->most_us;
	}
	return l->most_us;
}

double
latency_mean(const struct latency *l)
{
	return l->count == 0 ? 0 : (double)l->sum_us / (double)l->count;
}
