/* give_way.h - places in long work where the process may let others have the processor.
 *
 * The work says about how long it took since it said so last; every GIVE_WAY_NS of it, which is
 * much less than anybody notices, the process is asked.  What it does then is its own business:
 * give_way_by(), once, at its start.  Until then nothing happens.
 *
 * Units    nanoseconds, as measured once and written beside the loop: a half or a double does no harm.
 * Threads  each counts for itself; the process is asked in the thread that works.
 * Cost     an addition and a comparison.
 */
#ifndef RAGPOOL_GIVE_WAY_H
#define RAGPOOL_GIVE_WAY_H

#include <stdint.h>

enum { GIVE_WAY_NS = 50000 };

typedef void give_way_fn(void *context);

/* NULL: nobody is asked.  The context is borrowed. */
void give_way_by(give_way_fn *ask, void *context);
void give_way_now(void);

extern _Thread_local uint64_t give_way_worked_ns;

static inline void
give_way_after(uint64_t ns)
{
	if ((give_way_worked_ns += ns) >= GIVE_WAY_NS)
		give_way_now();
}

#endif
