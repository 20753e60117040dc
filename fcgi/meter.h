/* meter.h - how often is too often: rates counted exactly over all workers.
 *
 * The generic cell rate algorithm (ITU-T I.371; "leaky bucket as a meter"): for each key one
 * time, its theoretical arrival time, which every request that is let in moves on by the
 * emission interval.  A key whose time lies behind now has its whole burst, so an entry of the
 * past is as good as none and nothing is ever cleaned up.
 *
 * The table lies in shared memory.  An entry is one word: 20 bits of the key's hash, 44 bits of
 * microseconds of CLOCK_MONOTONIC; a request is one compare-and-swap.  Two keys of one set with
 * the same 20 bits share their bucket (10,000 keys at once: 0.15 % that any two do).  A set of
 * eight is full only when more than eight of its keys are under way; the one that is soonest
 * free is then taken over, which gives its key a new burst.
 *
 * Shapes  burst >= 1; interval 1 us ... ; burst * interval at most an hour.
 * Units   microseconds of CLOCK_MONOTONIC.
 * Errors  none.
 */
#ifndef RAGPOOL_METER_H
#define RAGPOOL_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METER_SETS = 32768, METER_WAYS = 8, METER_RATE_MAX = 1000000 };
#define METER_HORIZON_US INT64_C(3600000000)

struct meter {
	_Alignas(64) _Atomic uint64_t word[METER_SETS][METER_WAYS];
};

struct meter_rule {
	int64_t interval_us;	/* from one request to the next; 0: no limit */
	uint32_t burst;		/* requests that may come at once */
};

/* What to tell the caller. */
struct meter_answer {
	uint32_t limit;		/* the burst */
	uint32_t remaining;	/* requests that would be let in now */
	uint32_t reset_s;	/* until all of the burst is there again */
	uint32_t retry_s;	/* until one is let in; 0 when this one was */
};

/* n requests in so many seconds, which may come at once; n 0: no limit. */
struct meter_rule meter_rule_of(uint32_t n, uint32_t seconds);
/* A number for a text, to be mixed with others. */
uint64_t meter_key(uint64_t seed, const void *bytes, size_t n);
/* Lets one request in, or not. */
bool meter_take(struct meter *m, uint64_t key, const struct meter_rule *rule, int64_t now_us,
    struct meter_answer *answer);
/* How far ahead of now the key's time is, 0 when it is not. */
int64_t meter_debt(const struct meter *m, uint64_t key, int64_t now_us);
/* Moves the key's time on by so much, but no further ahead than most_us. */
void meter_charge(
    struct meter *m, uint64_t key, int64_t cost_us, int64_t most_us, int64_t now_us);

#endif
