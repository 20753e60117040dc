/* latency.h - how long things took: a histogram of fixed size and bounded error.
 *
 * Units   microseconds, 0 to 2^32 - 1; longer ones count as that.
 * Error   a percentile is at most 1/64 above the true one (buckets: 64 to each power of two,
 *         as in HdrHistogram), never below it, never above the longest seen.
 * Memory  one allocation-free struct of 14 KiB.
 */
#ifndef RAGPOOL_LATENCY_H
#define RAGPOOL_LATENCY_H

#include <stdint.h>

enum { LATENCY_BUCKETS = 27 * 64 + 128 };

struct latency {
	uint64_t count, sum_us, most_us;
	uint64_t bucket[LATENCY_BUCKETS];
};

void latency_add(struct latency *l, int64_t us);
/* share: 0 to 1.  The least value that so large a share did not exceed; 0 for none. */
uint64_t latency_at(const struct latency *l, double share);
double latency_mean(const struct latency *l);

#endif
