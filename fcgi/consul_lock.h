/* consul_lock.h - a session of Consul and the locks held by it, as a table without system
 * calls.
 *
 *   session   NONE -need-> MAKING -made-> ALIVE -due-> RENEWING -renewed-> ALIVE
 *             ALIVE, RENEWING -gone, or unheard of for its TTL-> NONE, its locks are lost
 *             MAKING -denied-> DENIED -due-> MAKING
 *   lock      FREE -want-> WANTED -try-> TRYING -granted-> HELD -drop-> RELEASING -> FREE
 *             TRYING -refused-> WANTED, LOCK_RETRY_MS later
 *             TRYING -drop-> DROPPING: what comes back is released
 *             HELD -gone-> WANTED, and is_lost until it is granted again or dropped
 *
 * Rules   The session is made when a lock is first wanted, renewed every third of its TTL
 *         and given up when nothing was wanted for LOCK_IDLE_MS.  A lock of Consul is
 *         advice: what is done under one carries the session, so that the server refuses
 *         it once the session is gone (check-session in a transaction).
 *         A session that this side did not hear of for its whole TTL counts as lost, even
 *         if it lives on at the server: whoever waits behind us cannot be told otherwise.
 *         After a session is lost the server withholds its locks for LOCK_DELAY.
 * Units   milliseconds of clk_ms().
 * Source  Burrows, "The Chubby lock service", OSDI 2006 (lock-delay, sequencers); Consul's
 *         documentation of sessions.
 */
#ifndef RAGPOOL_CONSUL_LOCK_H
#define RAGPOOL_CONSUL_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
	SESSION_TTL_MS = 30000,
	SESSION_RENEW_MS = 10000,
	SESSION_RETRY_MS = 1000,	/* after a renewal or a making that failed */
	SESSION_DENIED_MS = 300000,	/* after a 403 */
	LOCK_DELAY_MS = 15000,
	LOCK_RETRY_MS = 2000,		/* after a lock was held by another */
	LOCK_IDLE_MS = 60000,
	LOCK_KEY_BYTES = 512,
	SESSION_ID_BYTES = 37,		/* a UUID and its NUL */
};

#define SESSION_STATES(X) \
	X(SESSION_NONE, "none") \
	X(SESSION_MAKING, "making") \
	X(SESSION_ALIVE, "alive") \
	X(SESSION_RENEWING, "renewing") \
	X(SESSION_DENIED, "denied")
enum session_state {
#define X(symbol, name) symbol,
	SESSION_STATES(X)
#undef X
	    SESSION_STATE_MAX
};

#define SESSION_EVENTS(X) \
	X(SESSION_EV_DUE, "due")	/* it is time to act, and a lock is wanted */ \
	X(SESSION_EV_MADE, "made") \
	X(SESSION_EV_RENEWED, "renewed") \
	X(SESSION_EV_GONE, "gone")	/* the server knows it no more */ \
	X(SESSION_EV_FAILED, "failed")	/* no answer, or none that says anything */ \
	X(SESSION_EV_DENIED, "denied") \
	X(SESSION_EV_EXPIRED, "expired")	/* unheard of for its TTL */
enum session_event {
#define X(symbol, name) symbol,
	SESSION_EVENTS(X)
#undef X
	    SESSION_EV_MAX
};

#define LOCK_STATES(X) \
	X(LOCK_FREE, "free")		/* not wanted here */ \
	X(LOCK_WANTED, "wanted") \
	X(LOCK_TRYING, "trying") \
	X(LOCK_HELD, "held") \
	X(LOCK_DROPPING, "dropping")	/* tried, and not wanted any more */ \
	X(LOCK_RELEASING, "releasing")
enum lock_state {
#define X(symbol, name) symbol,
	LOCK_STATES(X)
#undef X
	    LOCK_STATE_MAX
};

#define LOCK_EVENTS(X) \
	X(LOCK_EV_WANT, "want") \
	X(LOCK_EV_TRY, "try") \
	X(LOCK_EV_GRANTED, "granted") \
	X(LOCK_EV_REFUSED, "refused")	/* another has it */ \
	X(LOCK_EV_FAILED, "failed")	/* nobody knows */ \
	X(LOCK_EV_DROP, "drop") \
	X(LOCK_EV_RELEASED, "released") \
	X(LOCK_EV_GONE, "gone")		/* with the session */
enum lock_event {
#define X(symbol, name) symbol,
	LOCK_EVENTS(X)
#undef X
	    LOCK_EV_MAX
};

/* The bare tables. */
enum session_state session_next_state(enum session_state state, enum session_event event);
enum lock_state lock_next_state(enum lock_state state, enum lock_event event);

struct consul_session {
	enum session_state state;
	char id[SESSION_ID_BYTES];	/* "" without one */
	int64_t due_ms;			/* of the next request */
	int64_t alive_until_ms;
	int64_t wanted_ms;		/* when a lock was wanted last */
	uint64_t made, lost;
	struct err trouble;
};

struct consul_lock {
	enum lock_state state;
	bool is_lost;			/* was held, and is wanted still */
	bool was_refused;		/* the last try said that another has it */
	int64_t due_ms;			/* of the next try */
	int64_t wanted_ms;		/* since when it is wanted */
};

/* Applies the event.  True when the locks are lost with it: tell each LOCK_EV_GONE. */
bool consul_session_event(
    struct consul_session *s, enum session_event event, const char *id, int64_t now_ms);
/* What is to be sent now.  *expired: as true from consul_session_event(). */
enum session_ask { SESSION_ASK_NOTHING, SESSION_ASK_MAKE, SESSION_ASK_RENEW, SESSION_ASK_END };
enum session_ask consul_session_turn(
    struct consul_session *s, bool is_wanted, bool *expired, int64_t now_ms);
int64_t consul_session_due(const struct consul_session *s, bool is_wanted);

/* True when LOCK_EV_TRY, then the request, are due; after RELEASING begins the caller
 * sends the release. */
bool consul_lock_is_due(
    const struct consul_lock *l, const struct consul_session *s, int64_t now_ms);
/* Answers true when the lock is to be released at the server by this event. */
bool consul_lock_event(struct consul_lock *l, enum lock_event event, int64_t now_ms);

const char *session_state_name(enum session_state state);
const char *lock_state_name(enum lock_state state);

#endif
