/* respawn.h - new processes for all workers, one after another: the walk, without system
 * calls.
 *
 * What a roll is to data, this is to the worker program: after a new one was installed, each
 * worker finishes its request, leaves, and the next one is not told before its successor is
 * ready.  So never more than one is missing.  A program that does not come up costs the pool
 * that one worker: the walk ends, the others keep the binary they have.
 *
 *   IDLE -begin-> NEXT -replace-> WAIT -ready-> [BAKE after the first] -> NEXT ... -> IDLE
 *                                   `-due-> IDLE, failed
 *
 * Units  milliseconds of clk_ms().
 */
#ifndef RAGPOOL_RESPAWN_H
#define RAGPOOL_RESPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum respawn_phase { RESPAWN_IDLE, RESPAWN_NEXT, RESPAWN_WAIT, RESPAWN_BAKE };

struct respawn {
	enum respawn_phase phase;
	int64_t since_ms;	/* workers that are older are to go */
	int64_t due_ms;		/* of the phase; 0: none */
	unsigned at;		/* the worker in hand */
	unsigned replaced;
	bool failed;		/* how the last walk ended */
	uint64_t wanted, done;	/* walks asked for, and the last that ended */
};

struct respawn_times {
	int64_t wait_ms;	/* from the order to the successor's readiness */
	int64_t bake_ms;	/* the first one is watched for so long */
};

struct respawn_view {
	bool wanted, ready;
	int64_t spawned_ms;
};

enum respawn_action { RESPAWN_NOTHING, RESPAWN_REPLACE /* r->at */, RESPAWN_END };

/* Answers the number of this wish; one that comes during a walk begins it anew. */
uint64_t respawn_begin(struct respawn *r, int64_t now_ms);
/* What to do now; may_order is false while a roll has the workers in its hands. */
enum respawn_action respawn_look(struct respawn *r, const struct respawn_view *views, size_t n,
    bool may_order, const struct respawn_times *times, int64_t now_ms);
const char *respawn_phase_name(enum respawn_phase phase);

#endif
