/* gates.h - which candidate of each tenant is judged when, as a table without system calls.
 *
 * A candidate is a sealed generation that wants to become the tenant's current one: made by
 * a build, or named by a pointer that somebody moved.  It waits for its turn, is probed in a
 * process of its own, and passes, fails, or is held.
 *
 * Rules   one probe a tenant, `at_once` in all, first come first served: no tenant waits for
 *         another's verdict, only for a free place.
 *         The newest candidate counts.  One that comes while another is probed ends that
 *         probe, whose verdict is not asked for any more.
 *         A verdict stands until something is offered anew.
 * Memory  the table is owned: gates_fini().  What the finders answer is borrowed until the
 *         next call that takes `struct gates *`.
 * Cost    O(log n) to find, O(n) to choose the next one; n are the tenants that had a
 *         candidate since the start.
 */
#ifndef RAGPOOL_GATES_H
#define RAGPOOL_GATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"

enum { GATE_TEXT_BYTES = ERR_TEXT_BYTES };

#define GATE_STATES(X) \
	X(GATE_CLEAR, "clear")		/* no candidate */ \
	X(GATE_QUEUED, "queued") \
	X(GATE_PROBING, "probing") \
	X(GATE_STALE, "stale")		/* a probe is ended, a newer candidate waits */ \
	X(GATE_LEAVING, "leaving")	/* a probe is ended, and nothing waits */ \
	X(GATE_PASSED, "passed") \
	X(GATE_FAILED, "failed") \
	X(GATE_HELD, "held")		/* inconclusive, and an operator is to decide */
enum gate_state {
#define X(symbol, name) symbol,
	GATE_STATES(X)
#undef X
	    GATE_STATE_MAX
};

#define GATE_EVENTS(X) \
	X(GATE_EV_OFFER, "offer") \
	X(GATE_EV_REFUSE, "refuse")	/* offered, and known to be bad: no probe */ \
	X(GATE_EV_START, "start") \
	X(GATE_EV_PASS, "pass") \
	X(GATE_EV_FAIL, "fail") \
	X(GATE_EV_HOLD, "hold") \
	X(GATE_EV_DROP, "drop")		/* nobody wants it any more */
enum gate_event {
#define X(symbol, name) symbol,
	GATE_EVENTS(X)
#undef X
	    GATE_EV_MAX
};

#define GATE_ORIGINS(X) \
	X(GATE_OF_BUILD, "build") \
	X(GATE_OF_POINTER, "pointer")	/* somebody moved it */
enum gate_origin {
#define X(symbol, name) symbol,
	GATE_ORIGINS(X)
#undef X
	    GATE_ORIGIN_MAX
};

struct gate {
	char tenant[TENANT_NAME_BYTES + 1];
	char candidate[GENERATION_NAME_BYTES];	/* the newest one offered */
	char probing[GENERATION_NAME_BYTES];	/* "" while none runs */
	enum gate_state state;
	enum gate_origin origin;
	bool is_accepted;			/* somebody said that its differences are meant */
	bool is_deferred;			/* queued, but what it is compared with is to come */
	char reason[GATE_TEXT_BYTES];		/* of the last verdict; "" for none */
	int64_t since_ms;			/* of the state */
	uint64_t turn;				/* place in the queue */
};

struct gates {
	struct gate *at;		/* sorted by tenant */
	size_t count, room;
	unsigned running, at_once;
	size_t queued;
	uint64_t turns, passed, failed, held;
};

/* The bare table: the state after the event. */
enum gate_state gate_next_state(enum gate_state state, enum gate_event event);

void gates_init(struct gates *g, unsigned at_once);
void gates_fini(struct gates *g);
/* True in *stop: a probe of the tenant runs and is to be ended.  The candidate that waits
 * or is probed already changes nothing.  ERR_NOMEM only. */
int gates_offer(struct gates *g, const char *tenant, const char *candidate,
    enum gate_origin origin, bool is_accepted, int64_t now_ms, bool *stop, struct err *e);
/* A candidate that needs no probe to be refused. */
int gates_refuse(struct gates *g, const char *tenant, const char *candidate,
    enum gate_origin origin, const char *reason, int64_t now_ms, struct err *e);
/* Who is to be probed now; NULL: nobody, or no room.  Passes over who is deferred. */
const struct gate *gates_next(const struct gates *g);
void gates_started(struct gates *g, const char *tenant, int64_t now_ms);
/* A probe has ended with GATE_EV_PASS, _FAIL or _HOLD.  False: its verdict was not asked for
 * any more. */
bool gates_ended(struct gates *g, const char *tenant, enum gate_event verdict,
    const char *reason, int64_t now_ms);
/* The tenant's candidate is not wanted any more, or its tenant; true when its probe runs and
 * is to be ended. */
bool gates_drop(struct gates *g, const char *tenant, int64_t now_ms);
/* NULL: no candidate since the start. */
const struct gate *gates_find(const struct gates *g, const char *tenant);
/* This generation waits for a verdict, or for an operator: it is not to be removed. */
bool gates_wants(const struct gates *g, const char *tenant, const char *generation);
const char *gate_state_name(enum gate_state state);
const char *gate_origin_name(enum gate_origin origin);

#endif
