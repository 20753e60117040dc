/* roll.h - the walk over the workers, one order and one acknowledgement at a time,
 * as a table without system calls.
 *
 *   IDLE -want-> HOLD -due-> BEGIN -begun-> NEXT -go-> WAIT -acked-> NEXT ... -end->
 *   VERIFY -good-> IDLE (or HOLD, when something newer was wanted meanwhile)
 *
 * Steps that judge a candidate before it reaches anyone, or that watch the first worker
 * for a while, stand between BEGIN and NEXT: they are more rows, not another machine.
 *
 * Rules   one roll at a time: what is wanted during a roll shares the next one, so the
 *         workers are never on more than two epochs.  The hold-down is not prolonged
 *         by further wishes: the first one waits no longer than hold_ms.
 *         A worker that dies while it is waited for starts anew on the target, which
 *         is as good as its acknowledgement.  One that takes longer than reload_ms is
 *         killed (its request with it, counted) and starts on the target too.
 *         One that cannot take the target as a whole ends the roll: the workers behind it
 *         are not touched.  (A single tenant's refusal is not that: it is the worker's
 *         to report, and holds up nobody.)
 *         A paused roll orders nobody and its clock stands still.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_ROLL_H
#define RAGPOOL_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLL_PHASES(X) \
	X(ROLL_IDLE, "idle") \
	X(ROLL_HOLD, "hold") \
	X(ROLL_BEGIN, "begin") \
	X(ROLL_NEXT, "next") \
	X(ROLL_WAIT, "wait") \
	X(ROLL_LATE, "late") \
	X(ROLL_VERIFY, "verify")
enum roll_phase {
#define X(symbol, name) symbol,
	ROLL_PHASES(X)
#undef X
	    ROLL_PHASE_MAX
};

#define ROLL_EVENTS(X) \
	X(ROLL_EV_NONE, "none") \
	X(ROLL_EV_WANT, "want")		/* something changed for the workers */ \
	X(ROLL_EV_DUE, "due")		/* the phase's time is over */ \
	X(ROLL_EV_BEGUN, "begun")	/* the target is written and named */ \
	X(ROLL_EV_FAILED, "failed")	/* it could not be written */ \
	X(ROLL_EV_GO, "go")		/* worker `at` can take the order */ \
	X(ROLL_EV_SKIP, "skip")		/* nobody there, or already on the target */ \
	X(ROLL_EV_END, "end")		/* `at` is behind the last worker */ \
	X(ROLL_EV_ACKED, "acked")	/* worker `at` serves the target */ \
	X(ROLL_EV_REFUSED, "refused")	/* it stays where it was */ \
	X(ROLL_EV_LOST, "lost")		/* worker `at` is gone */ \
	X(ROLL_EV_GOOD, "good")		/* every worker serves the target */ \
	X(ROLL_EV_BAD, "bad")		/* a ready worker does not */
enum roll_event {
#define X(symbol, name) symbol,
	ROLL_EVENTS(X)
#undef X
	    ROLL_EV_MAX
};

enum roll_action {
	ROLL_DO_NOTHING,
	ROLL_DO_BEGIN,		/* write the target, then BEGUN or FAILED */
	ROLL_DO_ORDER,		/* tell worker `at` */
	ROLL_DO_KILL,		/* worker `at` is too late */
	ROLL_DO_FINISH,		/* everyone is there: sweep */
	ROLL_DO_GIVE_UP,	/* not everyone, but time is over: say so */
};

struct roll_times {
	int64_t hold_ms;	/* changes within it share one roll */
	int64_t reload_ms;	/* one worker's acknowledgement */
	int64_t verify_ms;	/* all of them, at the end */
	int64_t retry_ms;	/* after FAILED */
};

struct roll {
	enum roll_phase phase;
	bool again;		/* something newer is wanted */
	bool paused;
	unsigned at;
	int64_t due_ms;
	int64_t paused_ms;	/* when */
	int64_t begun_ms;
	uint64_t wanted;	/* wishes so far */
	uint64_t taken;		/* wishes that the current or last roll carries */
	uint64_t done;		/* wishes that every worker serves, as far as is known */
	bool complete;		/* the last roll ended with everyone on its target */
	uint64_t rolls;		/* ended */
	uint64_t killed;	/* workers, for being late */
};

/* What the roll has to know of a worker slot. */
struct roll_view {
	bool ready;		/* can take orders */
	bool starting;		/* will be on the target by itself */
	bool current;		/* serves the target */
	bool refused;		/* answered its last order and stays where it was */
};

/* What these views mean in this phase; ROLL_EV_NONE: nothing to do yet. */
enum roll_event roll_look(
    const struct roll *r, const struct roll_view *views, size_t n, int64_t now_ms);
enum roll_action roll_event(
    struct roll *r, enum roll_event event, const struct roll_times *times, int64_t now_ms);
void roll_pause(struct roll *r, int64_t now_ms);
void roll_resume(struct roll *r, int64_t now_ms);
/* Something is on its way to the workers, or waiting to be. */
bool roll_is_busy(const struct roll *r);
/* When roll_look() must be asked again at the latest; 0: only after an event. */
int64_t roll_due(const struct roll *r);
const char *roll_phase_name(enum roll_phase phase);

#endif
