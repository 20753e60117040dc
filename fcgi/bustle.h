/* bustle.h - how a busy worker shares the processor with the web server.
 *
 * A worker that wakes takes the processor from whoever has it: at a few questions a second
 * nothing is quicker.  At thousands it is mostly the web server it interrupts, in the middle of
 * passing on what others wait for, and both start again with cold caches.  So one that answers
 * many requests takes the processor from nobody (SCHED_BATCH), and one that does not is as it
 * was.  Two workers, nginx and eight connections on two cores: 7 % more requests.
 */
#ifndef RAGPOOL_BUSTLE_H
#define RAGPOOL_BUSTLE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BUSTLE_WINDOW_NS = 100000000,
	BUSTLE_BEGINS = 1000,		/* requests a second */
	BUSTLE_ENDS = 500,
};

struct bustle {
	int64_t since_ns;
	int64_t requests;		/* since then */
	bool is_busy;
};

/* A request has been answered, not refused.  true: is_busy is another than before. */
bool bustle_note(struct bustle *b, int64_t now_ns);
/* Tells the kernel; where that does not allow it, nothing is lost. */
void bustle_apply(const struct bustle *b);

#endif
