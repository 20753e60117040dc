/* canary.h - is the worker on the new generations worse than those beside it?
 *
 * Both sides are what the scoreboard counted over the same window.  A canary fails when
 *   its share of answers of 500 and above is more than 1 point over the others', and chance
 *   alone would do that or more with p < alpha (Fisher's exact test, one-sided); or
 *   its 95th percentile of latency is over 1.5 times the others' and more than 20 ms longer.
 * With fewer than min_samples requests on either side nothing can be said of it, unless it
 * fails by the test: that one is exact for any number.
 *
 * Units   latencies in microseconds; bucket i counts 2^i .. 2^(i+1) - 1 of them, and a
 *         percentile is taken evenly spread within its bucket.
 * Cost    O(failures of the canary).
 * Source  R. A. Fisher, Statistical Methods for Research Workers, 21.02.
 */
#ifndef RAGPOOL_CANARY_H
#define RAGPOOL_CANARY_H

#include <stdbool.h>
#include <stdint.h>

enum { CANARY_BUCKETS = 24, CANARY_WHY_BYTES = 192 };

#define CANARY_VERDICTS(X) \
	X(CANARY_NONE, "none")		/* nothing was judged */ \
	X(CANARY_PASS, "pass") \
	X(CANARY_FAIL, "fail") \
	X(CANARY_UNSURE, "inconclusive")
enum canary_verdict {
#define X(symbol, name) symbol,
	CANARY_VERDICTS(X)
#undef X
	    CANARY_VERDICT_MAX
};

struct canary_side {
	uint64_t requests, failures;
	uint64_t latency[CANARY_BUCKETS];
};

struct canary_report {
	enum canary_verdict verdict;
	struct canary_side canary, others;
	double p;			/* of the failures, by chance */
	uint64_t canary_p95_us, others_p95_us;
	char why[CANARY_WHY_BYTES];	/* a sentence; "" after a pass */
};

void canary_judge(struct canary_report *r, const struct canary_side *canary,
    const struct canary_side *others, uint64_t min_samples, double alpha);
/* The chance of at least so many failures of the canary, when both sides are alike. */
double canary_chance(const struct canary_side *canary, const struct canary_side *others);
/* 0 when nothing was counted. */
uint64_t canary_p95_us(const struct canary_side *side);
/* Adds what was counted between two looks at one worker's counters.  False, and nothing
 * added, when they ran backwards: another worker has taken the slot. */
bool canary_add(struct canary_side *side, const struct canary_side *before,
    const struct canary_side *after);
const char *canary_verdict_name(enum canary_verdict verdict);

#endif
