/* canary.c - is the worker on the new generations worse than those beside it? */
#include "canary.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static const double excess_max = 0.01, slower_max = 1.5;
enum { SLOWER_MAX_US = 20000 };

static const char *const verdict_names[CANARY_VERDICT_MAX] = {
#define X(symbol, name) [symbol] = name,
    CANARY_VERDICTS(X)
#undef X
};

const char *
canary_verdict_name(enum canary_verdict verdict)
{
	return (unsigned)verdict < CANARY_VERDICT_MAX ? verdict_names[verdict] : "unknown";
}

bool
canary_add(struct canary_side *side, const struct canary_side *before,
    const struct canary_side *after)
{
	if (after->requests < before->requests || after->failures < before->failures)
		return false;
	for (int i = 0; i < CANARY_BUCKETS; i++)
		if (after->latency[i] < before->latency[i])
			return false;
	side->requests += after->requests - before->requests;
	side->failures += after->failures - before->failures;
	for (int i = 0; i < CANARY_BUCKETS; i++)
		side->latency[i] += after->latency[i] - before->latency[i];
	return true;
}

static double
log_choose(uint64_t n, uint64_t k)
{
	return lgamma((double)n + 1) - lgamma((double)k + 1) - lgamma((double)(n - k) + 1);
}

/* The upper tail of the hypergeometric distribution.  Terms only shrink past its mean, and
 * the sum is at most 1. */
double
canary_chance(const struct canary_side *canary, const struct canary_side *others)
{
	uint64_t n = canary->requests, all = n + others->requests;
	uint64_t bad = canary->failures + others->failures;
	uint64_t most = bad < n ? bad : n;
	double whole, sum = 0;

	if (canary->failures == 0 || others->requests == 0)
		return 1;
	whole = log_choose(all, n);
	for (uint64_t k = canary->failures; k <= most; k++) {
		double term;
		if (n - k > all - bad)
			continue;	/* fewer good answers than that there were */
		term = exp(log_choose(bad, k) + log_choose(all - bad, n - k) - whole);
		sum += term;
		if (term < sum * 1e-12)
			break;
	}
	return sum < 1 ? sum : 1;
}

uint64_t
canary_p95_us(const struct canary_side *side)
{
	uint64_t count = 0, below = 0;

	for (int i = 0; i < CANARY_BUCKETS; i++)
		count += side->latency[i];
	for (int i = 0; i < CANARY_BUCKETS && count > 0; i++) {
		double into = 0.95 * (double)count - (double)below;
		if (into <= (double)side->latency[i]) {
			double low = i == 0 ? 0 : (double)(UINT64_C(1) << i);
			double width = (double)(UINT64_C(1) << (i == 0 ? 1 : i));
			return (uint64_t)(low + width * into / (double)side->latency[i]);
		}
		below += side->latency[i];
	}
	return 0;
}

static double
share(const struct canary_side *side)
{
	return side->requests == 0 ? 0 : (double)side->failures / (double)side->requests;
}

static bool
has_more_failures(const struct canary_report *r, double alpha)
{
	return share(&r->canary) - share(&r->others) > excess_max && r->p < alpha;
}

static bool
is_slower(const struct canary_report *r)
{
	return (double)r->canary_p95_us > slower_max * (double)r->others_p95_us &&
	    r->canary_p95_us > r->others_p95_us + SLOWER_MAX_US;
}

void
canary_judge(struct canary_report *r, const struct canary_side *canary,
    const struct canary_side *others, uint64_t min_samples, double alpha)
{
	*r = (struct canary_report){.canary = *canary, .others = *others,
	    .p = canary_chance(canary, others), .canary_p95_us = canary_p95_us(canary),
	    .others_p95_us = canary_p95_us(others)};
	if (has_more_failures(r, alpha)) {
		r->verdict = CANARY_FAIL;
		snprintf(r->why, sizeof r->why,
		    "%" PRIu64 " of %" PRIu64 " answers failed, beside %" PRIu64 " of %" PRIu64
		    " (p %.2g)", canary->failures, canary->requests, others->failures,
		    others->requests, r->p);
	} else if (canary->requests < min_samples || others->requests < min_samples) {
		r->verdict = CANARY_UNSURE;
		snprintf(r->why, sizeof r->why,
		    "%" PRIu64 " requests beside %" PRIu64 " are too few: %" PRIu64
		    " on either side are needed", canary->requests, others->requests, min_samples);
	} else if (is_slower(r)) {
		r->verdict = CANARY_FAIL;
		snprintf(r->why, sizeof r->why,
		    "95 %% of answers within %.1f ms, beside %.1f ms",
		    (double)r->canary_p95_us / 1e3, (double)r->others_p95_us / 1e3);
	} else {
		r->verdict = CANARY_PASS;
	}
}
