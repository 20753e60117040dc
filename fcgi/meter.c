/* meter.c - how often is too often. */
#include "meter.h"

#define TIME_BITS 44
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

struct meter_rule
meter_rule_of(uint32_t n, uint32_t seconds)
{
	int64_t interval;

	if (n == 0)
		return (struct meter_rule){0};
	interval = (int64_t)seconds * 1000000 / n;
	return (struct meter_rule){.interval_us = interval > 0 ? interval : 1, .burst = n};
}

/* FNV-1a, then the finishing steps of MurmurHash3 so that all bits count. */
uint64_t
meter_key(uint64_t seed, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
	h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t
tag_of(uint64_t key)
{
	uint64_t tag = key >> TIME_BITS;

	return tag != 0 ? tag : 1;	/* 0 is an entry that was never used */
}

/* How far the entry's time lies ahead of now; what lies further ahead than anything is let is
 * of a time that has wrapped round, and long past. */
static int64_t
ahead_of(uint64_t word, int64_t now_us)
{
	uint64_t d = (word - (uint64_t)now_us) & TIME_MASK;

	return word == 0 || d > (uint64_t)METER_HORIZON_US ? 0 : (int64_t)d;
}

/* The key's entry, else the one to take over. */
static _Atomic uint64_t *
find(struct meter *m, uint64_t key, int64_t now_us, uint64_t *word)
{
	_Atomic uint64_t *set = m->word[key % METER_SETS], *best = NULL;
	uint64_t tag = tag_of(key);
	int64_t least = INT64_MAX;

	for (int i = 0; i < METER_WAYS; i++) {
		uint64_t w = atomic_load_explicit(&set[i], memory_order_relaxed);
		int64_t ahead = ahead_of(w, now_us);
		if (w >> TIME_BITS == tag) {
			*word = w;
			return &set[i];
		}
		if (ahead < least) {
			least = ahead;
			best = &set[i];
			*word = w;
		}
	}
	return best;
}

static int64_t
debt_in(uint64_t word, uint64_t key, int64_t now_us)
{
	return word >> TIME_BITS == tag_of(key) ? ahead_of(word, now_us) : 0;
}

static bool
replace(_Atomic uint64_t *at, uint64_t was, uint64_t key, int64_t time_us)
{
	return atomic_compare_exchange_weak_explicit(at, &was,
	    tag_of(key) << TIME_BITS | ((uint64_t)time_us & TIME_MASK), memory_order_relaxed,
	    memory_order_relaxed);
}

static uint32_t
seconds_of(int64_t us)
{
	return us > 0 ? (uint32_t)((us + 999999) / 1000000) : 0;
}

bool
meter_take(struct meter *m, uint64_t key, const struct meter_rule *rule, int64_t now_us,
    struct meter_answer *answer)
{
	int64_t window = rule->interval_us * rule->burst, debt;
	_Atomic uint64_t *at;
	uint64_t word;

	if (window > METER_HORIZON_US)
		window = METER_HORIZON_US;
	for (;;) {
		at = find(m, key, now_us, &word);
		debt = debt_in(word, key, now_us);
		if (debt + rule->interval_us > window) {
			*answer = (struct meter_answer){.limit = rule->burst,
			    .reset_s = seconds_of(debt),
			    .retry_s = seconds_of(debt + rule->interval_us - window)};
			return false;
		}
		if (replace(at, word, key, now_us + debt + rule->interval_us))
			break;
	}
	debt += rule->interval_us;
	*answer = (struct meter_answer){.limit = rule->burst,
	    .remaining = (uint32_t)((window - debt) / rule->interval_us),
	    .reset_s = seconds_of(debt)};
	return true;
}

int64_t
meter_debt(const struct meter *m, uint64_t key, int64_t now_us)
{
	uint64_t word;

	/* find() only reads, but answers what others may write through. */
	find((struct meter *)(uintptr_t)m, key, now_us, &word);
	return debt_in(word, key, now_us);
}

void
meter_charge(struct meter *m, uint64_t key, int64_t cost_us, int64_t most_us, int64_t now_us)
{
	_Atomic uint64_t *at;
	uint64_t word;
	int64_t debt;

	do {
		at = find(m, key, now_us, &word);
		debt = debt_in(word, key, now_us) + cost_us;
		if (debt > most_us)
			debt = most_us;
	} while (!replace(at, word, key, now_us + debt));
}
