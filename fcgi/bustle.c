/* bustle.c - how a busy worker shares the processor with the web server. */
#include "bustle.h"

#include <sched.h>

bool
bustle_note(struct bustle *b, int64_t now_ns)
{
	int64_t passed = now_ns - b->since_ns, least = b->is_busy ? BUSTLE_ENDS : BUSTLE_BEGINS;
	bool was_busy = b->is_busy;

	b->requests++;
	if (passed < BUSTLE_WINDOW_NS)
		return false;
	b->is_busy = b->requests >= least * (passed / 1000) / 1000000;
	b->since_ns = now_ns;
	b->requests = 0;
	return b->is_busy != was_busy;
}

void
bustle_apply(const struct bustle *b)
{
	const struct sched_param none = {0};

	sched_setscheduler(0, b->is_busy ? SCHED_BATCH : SCHED_OTHER, &none);
}
