/* roll.h - moving the workers from one epoch to the next, as tables without system calls.
 *
 *   IDLE -want-> HOLD -> LOCK -> BEGIN -> SURGE -> CANARY -> BAKE -pass-> MOVE -> VERIFY -> IDLE
 *                                             `--------`-------`-fail---`---`-> BACK -> BACK_VERIFY -> IDLE
 *
 *   HOLD    changes that come within it share one roll; the first waits no longer than hold_ms
 *   LOCK    a place among the hosts of the fleet that may roll
 *   BEGIN   the target's roster is written
 *   SURGE   workers above the pool's number start on the target, where that is asked for
 *   CANARY  one worker of each pool moves
 *   BAKE    and is watched beside the others for bake_ms; 0: it is not judged
 *   MOVE    all others, within the bounds of their pools
 *   VERIFY  everyone is there, also who was starting
 *   BACK    the same walk to the epoch they came from; nothing is judged on that way
 *
 * A worker is OLD, ORDERED, SETTLING (it has acknowledged, and is watched for min_ready_ms),
 * MOVED, or OWING: ordered, and engaged with a request that may take minutes.
 *
 * Rules   one roll at a time, to one epoch: what is wanted during a roll shares the next
 *         one, so that the workers are never on more than two epochs.  Only what an operator
 *         waits for (URGENT) ends a roll that has not passed its canary: that one goes back,
 *         unjudged, and is wanted again.
 *         A worker counts as unavailable while it is ordered, settling or starting.  A slot
 *         that keeps dying is no worker: it would hold up its own repair.
 *         An OWING worker is gone around: it counts as being at work, is never late, and a roll
 *         ends without it.  It obeys before it takes another request, so nobody is answered by
 *         what it has not moved from yet.  Once free it is ORDERED again, and has its time.
 *         A worker that refuses the target, or dies by itself on it, is a failure; so is
 *         every worker after the first that does not answer in time.  `failures` of them
 *         send the roll back; one below the limit is replaced.  A worker that is killed from
 *         outside is no failure.  A single tenant's refusal is the worker's to report, and
 *         holds up nobody.
 *         progress_ms without any worker getting ahead sends the roll back.  Where there
 *         is no worker, or none gets ready within reload_ms, nobody is put at risk and no
 *         canary is waited for: what was there may be the fault.
 *         A paused roll orders nobody and its clocks stand still.  It can be aborted.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_ROLL_H
#define RAGPOOL_ROLL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"

enum { ROLL_POOLS_MAX = 16 };

#define ROLL_PHASES(X) \
	X(ROLL_IDLE, "idle") \
	X(ROLL_HOLD, "hold") \
	X(ROLL_LOCK, "lock") \
	X(ROLL_BEGIN, "begin") \
	X(ROLL_SURGE, "surge") \
	X(ROLL_CANARY, "canary") \
	X(ROLL_BAKE, "bake") \
	X(ROLL_MOVE, "roll") \
	X(ROLL_VERIFY, "verify") \
	X(ROLL_BACK, "back") \
	X(ROLL_BACK_VERIFY, "back-verify")
enum roll_phase {
#define X(symbol, name) symbol,
	ROLL_PHASES(X)
#undef X
	    ROLL_PHASE_MAX
};

#define ROLL_STEPS(X) \
	X(STEP_OLD, "old") \
	X(STEP_ORDERED, "ordered") \
	X(STEP_SETTLING, "settling") \
	X(STEP_MOVED, "moved") \
	X(STEP_OWING, "owing")
enum roll_step {
#define X(symbol, name) symbol,
	ROLL_STEPS(X)
#undef X
	    ROLL_STEP_MAX
};

#define ROLL_EVENTS(X) \
	X(ROLL_EV_NONE, "none") \
	/* of the roll */ \
	X(ROLL_EV_WANT, "want")		/* something changed for the workers */ \
	X(ROLL_EV_URGENT, "urgent")	/* an operator waits for something else */ \
	X(ROLL_EV_ABORT, "abort") \
	X(ROLL_EV_DUE, "due")		/* the phase's time is over */ \
	X(ROLL_EV_LOCKED, "locked")	/* this host may roll */ \
	X(ROLL_EV_BEGUN, "begun")	/* the target is written */ \
	X(ROLL_EV_UNWRITTEN, "unwritten") /* it could not be */ \
	X(ROLL_EV_DONE, "done")		/* whoever the phase moves has moved */ \
	X(ROLL_EV_BARE, "bare")		/* a pool's canary is gone */ \
	X(ROLL_EV_NOBODY, "nobody")	/* no worker serves: none is put at risk */ \
	X(ROLL_EV_PASS, "pass")		/* verdicts on the canary */ \
	X(ROLL_EV_FAIL, "fail") \
	X(ROLL_EV_UNSURE, "unsure") \
	X(ROLL_EV_STUCK, "stuck")	/* nobody got ahead for progress_ms */ \
	X(ROLL_EV_GOOD, "good")		/* every worker serves the target */ \
	X(ROLL_EV_BAD, "bad")		/* a ready worker does not */ \
	/* of worker `at` */ \
	X(ROLL_EV_GO, "go")		/* it can take the order */ \
	X(ROLL_EV_SKIP, "skip")		/* it is on the target already */ \
	X(ROLL_EV_ENGAGED, "engaged")	/* it cannot obey yet */ \
	X(ROLL_EV_FREE, "free")		/* now it can */ \
	X(ROLL_EV_ACKED, "acked")	/* it serves the target */ \
	X(ROLL_EV_SETTLED, "settled")	/* and has for long enough */ \
	X(ROLL_EV_REFUSED, "refused")	/* it stays where it was */ \
	X(ROLL_EV_LATE, "late")		/* it does not answer */ \
	X(ROLL_EV_LOST, "lost")		/* it is gone */ \
	X(ROLL_EV_CRASHED, "crashed")	/* it died by itself, on the target */
enum roll_event {
#define X(symbol, name) symbol,
	ROLL_EVENTS(X)
#undef X
	    ROLL_EV_MAX
};

enum roll_action {
	ROLL_DO_NOTHING,
	ROLL_DO_BEGIN,		/* write the target, set bake_ms, then BEGUN or UNWRITTEN */
	ROLL_DO_SURGE,		/* start the workers above the number, if any */
	ROLL_DO_WATCH,		/* the canaries' window begins: remember the counters */
	ROLL_DO_ORDER,		/* tell worker `at` */
	ROLL_DO_KILL,		/* worker `at`: a fresh one takes its place */
	ROLL_DO_JUDGE,		/* then PASS, FAIL or UNSURE */
	ROLL_DO_PROVE,		/* who starts from now on, or is starting, starts on the target */
	ROLL_DO_BACK,		/* the target, and where to start, is the epoch before; see `why` */
	ROLL_DO_FINISH,		/* ended; see `result` */
	ROLL_DO_DROP,		/* aborted before it began */
};

/* How the last roll ended. */
#define ROLL_RESULTS(X) \
	X(ROLL_NO_RESULT, "none")	/* there was none yet */ \
	X(ROLL_COMPLETE, "done") \
	X(ROLL_INCOMPLETE, "incomplete") /* a worker was not there in time; no way back */ \
	X(ROLL_ROLLED_BACK, "rolled-back") \
	X(ROLL_ABORTED, "aborted") \
	X(ROLL_SUPERSEDED, "superseded") /* gave way, and is wanted again */
enum roll_result {
#define X(symbol, name) symbol,
	ROLL_RESULTS(X)
#undef X
	    ROLL_RESULT_MAX
};

struct roll_limits {
	int64_t hold_ms;	/* changes within it share one roll */
	int64_t retry_ms;	/* after UNWRITTEN */
	int64_t reload_ms;	/* one worker's acknowledgement; the surge's start */
	int64_t verify_ms;	/* all of them, at the end */
	int64_t progress_ms;
	unsigned failures;	/* at least 1 */
	bool pauses_unsure;	/* an UNSURE verdict pauses; else it passes */
	struct {
		unsigned max_unavailable;	/* at least 1 */
		unsigned min_available;		/* at most all but one count */
		int64_t min_ready_ms;
	} pools[ROLL_POOLS_MAX];
};

struct roll_worker {
	enum roll_step step;
	int64_t due_ms;		/* of ORDERED and SETTLING */
};

/* Wishes of one kind: numbered as they come. */
struct roll_wishes {
	uint64_t wanted;	/* so far */
	uint64_t taken;		/* those the current or last roll carries */
	uint64_t done;		/* those whose roll has ended */
};

struct roll {
	enum roll_phase phase;
	enum roll_phase pause_at;	/* ROLL_IDLE: nowhere */
	bool paused;
	bool held;		/* no new orders, no clock of progress; the caller's word */
	bool again;		/* something newer is wanted */
	bool is_urgent;		/* this roll carries only what operators wait for */
	bool wants_urgent;	/* the next one does */
	bool is_unsure;		/* the canary's verdict, waiting for resume */
	bool has_passed;	/* the canary */
	unsigned at, at_pool;	/* the worker of the last event, and its pool */
	unsigned failures, late;
	int64_t bake_ms;
	int64_t due_ms;		/* of the phase; 0: none */
	int64_t paused_ms;	/* when */
	int64_t begun_ms;
	int64_t progress_ms;	/* when somebody last got ahead */
	struct roll_worker workers[WORKERS_MAX];
	struct roll_wishes plain, urgent;
	enum roll_event why;	/* it goes back: FAIL, STUCK, ABORT, URGENT; else NONE */
	enum roll_result result;
	uint64_t count[ROLL_RESULT_MAX];
	uint64_t killed;	/* workers */
};

/* What the roll has to know of a worker slot. */
struct roll_view {
	bool present;		/* meant to be filled, and not in back-off */
	bool ready;		/* can take orders */
	bool starting;		/* will be there by itself */
	bool engaged;		/* has a request in hand that may take minutes */
	bool current;		/* serves the target */
	bool refused;		/* answered its last order and stays where it was */
	bool crashed;		/* died by itself on the target; forgotten by the caller once told */
	bool surge;		/* above the pool's number */
	unsigned pool;
};

/* What these views mean now, of worker r->at where it is one's; ROLL_EV_NONE: nothing yet. */
enum roll_event roll_look(struct roll *r, const struct roll_view *views, size_t n,
    const struct roll_limits *limits, int64_t now_ms);
/* An event that means nothing in the phase changes nothing. */
enum roll_action roll_event(
    struct roll *r, enum roll_event event, const struct roll_limits *limits, int64_t now_ms);
void roll_pause(struct roll *r, int64_t now_ms);
void roll_resume(struct roll *r, int64_t now_ms);
/* Paused as soon as it enters the phase, once.  False for one it cannot stop at. */
bool roll_pause_at(struct roll *r, enum roll_phase phase);
/* Something is on its way to the workers, or waiting to be. */
bool roll_is_busy(const struct roll *r);
/* Workers may be on two epochs. */
bool roll_is_moving(const struct roll *r);
/* When roll_look() must be asked again at the latest; 0: only after an event. */
int64_t roll_due(const struct roll *r, const struct roll_limits *limits);
const char *roll_phase_name(enum roll_phase phase);
/* ROLL_PHASE_MAX when there is none of that name. */
enum roll_phase roll_phase_of(const char *name);
const char *roll_step_name(enum roll_step step);
const char *roll_event_name(enum roll_event event);
const char *roll_result_name(enum roll_result result);

#endif
