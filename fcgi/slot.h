/* slot.h - the life of one worker slot, as a table without system calls.
 *
 * The supervisor feeds events and carries out the action that comes back; the slot
 * decides what a death means: respawn at once, or back off because the worker dies
 * before it is any use.
 *
 *   empty -want-> starting -acked-> ready -unwant-> stopping -died-> empty
 *                    |                |--died, young crash--> backoff -due-> starting
 *                    `---died--> backoff (0.1, 0.2, 0.4 ... 10 s)
 *
 * Back-off  a worker that never acknowledged counts; so does a crash within
 *           SLOT_YOUNG_MS of the spawn, but the first of these is respawned at once.
 *           SIGKILL from outside and a clean exit of a ready worker never wait.
 * Units     milliseconds of clk_ms().
 */
#ifndef RAGPOOL_SLOT_H
#define RAGPOOL_SLOT_H

#include <stdbool.h>
#include <stdint.h>

enum { SLOT_YOUNG_MS = 2000, SLOT_BACKOFF_MIN_MS = 100, SLOT_BACKOFF_MAX_MS = 10000 };

#define SLOT_PHASES(X) \
	X(PHASE_EMPTY, "empty") \
	X(PHASE_STARTING, "starting") \
	X(PHASE_READY, "ready") \
	X(PHASE_KILLING, "killing") \
	X(PHASE_BACKOFF, "backoff") \
	X(PHASE_STOPPING, "stopping") \
	X(PHASE_RETURNING, "returning")
enum slot_phase {
#define X(symbol, name) symbol,
	SLOT_PHASES(X)
#undef X
	    PHASE_MAX
};

#define SLOT_EVENTS(X) \
	X(EV_WANT, "want")		/* the slot is to be filled */ \
	X(EV_UNWANT, "unwant")		/* the slot is to be emptied, gracefully */ \
	X(EV_ACKED, "acked")		/* the worker serves its target epoch */ \
	X(EV_LEFT, "left")		/* exited with 0 */ \
	X(EV_KILLED, "killed")		/* ended by SIGKILL */ \
	X(EV_CRASHED, "crashed")	/* any other end, or no process at all */ \
	X(EV_DUE, "due")		/* the phase's time is over */ \
	X(EV_REPLACE, "replace")	/* by a new process, gracefully */ \
	X(EV_OVERTIME, "overtime")	/* a request or a reopen takes too long */
enum slot_event {
#define X(symbol, name) symbol,
	SLOT_EVENTS(X)
#undef X
	    EV_MAX
};

enum slot_action { SLOT_NOTHING, SLOT_SPAWN, SLOT_TERM, SLOT_KILL };

struct slot_times {
	int64_t boot_ms;	/* from spawn to the first acknowledgement */
	int64_t stop_ms;	/* from TERM to KILL */
};

struct slot {
	enum slot_phase phase;
	unsigned failures;	/* young deaths in a row */
	bool is_useless;	/* the last one died before it had acknowledged anything */
	int64_t spawned_ms;
	int64_t due_ms;		/* 0: the phase has no end of its own */
};

/* What to do now.  An event that means nothing in the phase changes nothing. */
enum slot_action slot_event(
    struct slot *s, enum slot_event event, const struct slot_times *times, int64_t now_ms);
/* How long to wait after `failures` young deaths in a row. */
int64_t slot_backoff_ms(unsigned failures);
/* There is a process in it. */
bool slot_is_live(const struct slot *s);
const char *slot_phase_name(enum slot_phase phase);

#endif
