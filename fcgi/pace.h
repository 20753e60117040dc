/* pace.h - how fast long work goes, and how much longer it takes.
 *
 * Honest or silent: the rate is that of the last ten seconds, not of the whole, so that work
 * that stalls or gets harder says so; nothing is said before two seconds of it were seen.
 * Pure: times are the caller's, milliseconds of one clock.
 */
#ifndef RAGPOOL_PACE_H
#define RAGPOOL_PACE_H

#include <stdbool.h>
#include <stdint.h>

enum { PACE_WINDOW_MS = 10000, PACE_SURE_MS = 2000, PACE_SAMPLES = 24 };

struct pace_sample {
	int64_t ms;
	uint64_t done;
};

struct pace {
	struct pace_sample at[PACE_SAMPLES];	/* a ring, half a second apart */
	unsigned count, first;
	struct pace_sample now;
};

/* Something else is counted from here on. */
void pace_begin(struct pace *p, uint64_t done, int64_t now_ms);
void pace_note(struct pace *p, uint64_t done, int64_t now_ms);
/* A second; false: not known yet. */
bool pace_rate(const struct pace *p, double *rate);
/* Seconds until `all` is done; false: not known, as when all is 0 or nothing moves. */
bool pace_eta(const struct pace *p, uint64_t all, double *seconds);

#endif
