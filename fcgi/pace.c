/* pace.c - how fast long work goes, and how much longer it takes. */
#include "pace.h"

enum { APART_MS = PACE_WINDOW_MS / (PACE_SAMPLES - 4) };

static void
keep(struct pace *p)
{
	if (p->count == PACE_SAMPLES) {
		p->first = (p->first + 1) % PACE_SAMPLES;
		p->count--;
	}
	p->at[(p->first + p->count++) % PACE_SAMPLES] = p->now;
}

void
pace_begin(struct pace *p, uint64_t done, int64_t now_ms)
{
	*p = (struct pace){.now = {now_ms, done}};
	keep(p);
}

void
pace_note(struct pace *p, uint64_t done, int64_t now_ms)
{
	const struct pace_sample *last = &p->at[(p->first + p->count - 1) % PACE_SAMPLES];

	p->now = (struct pace_sample){now_ms, done};
	if (now_ms - last->ms >= APART_MS)
		keep(p);
	/* One sample from before the window stays: the window is whole. */
	while (p->count > 1 &&
	    p->at[(p->first + 1) % PACE_SAMPLES].ms <= now_ms - PACE_WINDOW_MS) {
		p->first = (p->first + 1) % PACE_SAMPLES;
		p->count--;
	}
}

bool
pace_rate(const struct pace *p, double *rate)
{
	const struct pace_sample *from = &p->at[p->first];
	int64_t ms = p->now.ms - from->ms;

	if (ms < PACE_SURE_MS || p->now.done < from->done)
		return false;
	*rate = (double)(p->now.done - from->done) * 1000.0 / (double)ms;
	return true;
}

bool
pace_eta(const struct pace *p, uint64_t all, double *seconds)
{
	double rate;

	if (all < p->now.done || all == 0 || !pace_rate(p, &rate) || !(rate > 0))
		return false;
	*seconds = (double)(all - p->now.done) / rate;
	return true;
}
