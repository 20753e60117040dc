/* consul_lock.c - a session of Consul and the locks held by it. */
#include "consul_lock.h"

#include <stdio.h>
#include <string.h>

const char *
session_state_name(enum session_state state)
{
	static const char *const names[SESSION_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
		SESSION_STATES(X)
#undef X
	};

	return names[state];
}

const char *
lock_state_name(enum lock_state state)
{
	static const char *const names[LOCK_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
		LOCK_STATES(X)
#undef X
	};

	return names[state];
}

/* An event that a state does not expect comes too late and changes nothing. */
enum session_state
session_next_state(enum session_state state, enum session_event event)
{
	static const enum session_state next[SESSION_STATE_MAX][SESSION_EV_MAX] = {
		/* DUE MADE RENEWED GONE FAILED DENIED EXPIRED */
		[SESSION_NONE] = {SESSION_MAKING, SESSION_NONE, SESSION_NONE, SESSION_NONE,
		    SESSION_NONE, SESSION_NONE, SESSION_NONE},
		[SESSION_MAKING] = {SESSION_MAKING, SESSION_ALIVE, SESSION_MAKING, SESSION_NONE,
		    SESSION_NONE, SESSION_DENIED, SESSION_MAKING},
		[SESSION_ALIVE] = {SESSION_RENEWING, SESSION_ALIVE, SESSION_ALIVE, SESSION_NONE,
		    SESSION_ALIVE, SESSION_ALIVE, SESSION_NONE},
		[SESSION_RENEWING] = {SESSION_RENEWING, SESSION_RENEWING, SESSION_ALIVE,
		    SESSION_NONE, SESSION_ALIVE, SESSION_ALIVE, SESSION_NONE},
		[SESSION_DENIED] = {SESSION_MAKING, SESSION_DENIED, SESSION_DENIED,
		    SESSION_DENIED, SESSION_DENIED, SESSION_DENIED, SESSION_DENIED},
	};

	return next[state][event];
}

enum lock_state
lock_next_state(enum lock_state state, enum lock_event event)
{
	static const enum lock_state next[LOCK_STATE_MAX][LOCK_EV_MAX] = {
		/* WANT TRY GRANTED REFUSED FAILED DROP RELEASED GONE */
		[LOCK_FREE] = {LOCK_WANTED, LOCK_FREE, LOCK_FREE, LOCK_FREE, LOCK_FREE,
		    LOCK_FREE, LOCK_FREE, LOCK_FREE},
		[LOCK_WANTED] = {LOCK_WANTED, LOCK_TRYING, LOCK_WANTED, LOCK_WANTED,
		    LOCK_WANTED, LOCK_FREE, LOCK_WANTED, LOCK_WANTED},
		/* the answer to a try under a lost session is awaited all the same */
		[LOCK_TRYING] = {LOCK_TRYING, LOCK_TRYING, LOCK_HELD, LOCK_WANTED, LOCK_WANTED,
		    LOCK_DROPPING, LOCK_TRYING, LOCK_TRYING},
		[LOCK_HELD] = {LOCK_HELD, LOCK_HELD, LOCK_HELD, LOCK_HELD, LOCK_HELD,
		    LOCK_RELEASING, LOCK_HELD, LOCK_WANTED},
		[LOCK_DROPPING] = {LOCK_TRYING, LOCK_DROPPING, LOCK_RELEASING, LOCK_FREE,
		    LOCK_RELEASING, LOCK_DROPPING, LOCK_DROPPING, LOCK_DROPPING},
		[LOCK_RELEASING] = {LOCK_WANTED, LOCK_RELEASING, LOCK_RELEASING, LOCK_RELEASING,
		    LOCK_FREE, LOCK_RELEASING, LOCK_FREE, LOCK_FREE},
	};

	return next[state][event];
}

static void
plan_session(struct consul_session *s, enum session_event event, int64_t now_ms)
{
	switch (event) {
	case SESSION_EV_MADE:
	case SESSION_EV_RENEWED:
		s->alive_until_ms = now_ms + SESSION_TTL_MS;
		s->due_ms = now_ms + SESSION_RENEW_MS;
		break;
	case SESSION_EV_DENIED:
		s->due_ms = now_ms +
		    (s->state == SESSION_DENIED ? SESSION_DENIED_MS : SESSION_RETRY_MS);
		break;
	case SESSION_EV_DUE:
		break;
	default:
		s->due_ms = now_ms + SESSION_RETRY_MS;
	}
}

bool
consul_session_event(
    struct consul_session *s, enum session_event event, const char *id, int64_t now_ms)
{
	bool was_alive = s->state == SESSION_ALIVE || s->state == SESSION_RENEWING;
	enum session_state before = s->state;

	s->state = session_next_state(s->state, event);
	if (s->state == before && event != SESSION_EV_FAILED && event != SESSION_EV_DENIED)
		return false;			/* came too late */
	plan_session(s, event, now_ms);
	if (event == SESSION_EV_MADE) {
		snprintf(s->id, sizeof s->id, "%s", id);
		s->made++;
		err_clear(&s->trouble);
	}
	if (event == SESSION_EV_RENEWED)
		err_clear(&s->trouble);
	if (!was_alive || s->state != SESSION_NONE)
		return false;
	s->id[0] = '\0';
	s->lost++;
	s->due_ms = now_ms;
	return true;
}

enum session_ask
consul_session_turn(struct consul_session *s, bool is_wanted, bool *expired, int64_t now_ms)
{
	bool is_alive = s->state == SESSION_ALIVE || s->state == SESSION_RENEWING;

	*expired = is_alive && now_ms >= s->alive_until_ms &&
	    consul_session_event(s, SESSION_EV_EXPIRED, NULL, now_ms);
	if (is_wanted)
		s->wanted_ms = now_ms;
	if (s->state == SESSION_MAKING || s->state == SESSION_RENEWING || now_ms < s->due_ms)
		return SESSION_ASK_NOTHING;
	if (s->state == SESSION_ALIVE && now_ms - s->wanted_ms >= LOCK_IDLE_MS) {
		s->state = SESSION_NONE;
		return SESSION_ASK_END;		/* the caller reads ->id before it is made anew */
	}
	if (s->state != SESSION_ALIVE && !is_wanted)
		return SESSION_ASK_NOTHING;
	is_alive = s->state == SESSION_ALIVE;
	consul_session_event(s, SESSION_EV_DUE, NULL, now_ms);
	return is_alive ? SESSION_ASK_RENEW : SESSION_ASK_MAKE;
}

int64_t
consul_session_due(const struct consul_session *s, bool is_wanted)
{
	if (s->state == SESSION_MAKING)
		return INT64_MAX;
	if (s->state == SESSION_RENEWING)
		return s->alive_until_ms;
	if (s->state == SESSION_ALIVE || is_wanted)
		return s->due_ms;
	return INT64_MAX;
}

bool
consul_lock_is_due(
    const struct consul_lock *l, const struct consul_session *s, int64_t now_ms)
{
	return l->state == LOCK_WANTED && now_ms >= l->due_ms &&
	    (s->state == SESSION_ALIVE || s->state == SESSION_RENEWING);
}

bool
consul_lock_event(struct consul_lock *l, enum lock_event event, int64_t now_ms)
{
	enum lock_state before = l->state;

	l->state = lock_next_state(before, event);
	switch (event) {
	case LOCK_EV_WANT:
		if (before == LOCK_FREE || before == LOCK_RELEASING) {
			l->wanted_ms = now_ms;
			/* a release under way must be there first */
			l->due_ms = now_ms + (before == LOCK_RELEASING ? SESSION_RETRY_MS : 0);
			l->was_refused = false;
		}
		break;
	case LOCK_EV_GRANTED:
		if (l->state == LOCK_HELD)
			l->is_lost = l->was_refused = false;
		break;
	case LOCK_EV_REFUSED:
		l->was_refused = true;
		l->due_ms = now_ms + LOCK_RETRY_MS;
		break;
	case LOCK_EV_FAILED:
		l->due_ms = now_ms + SESSION_RETRY_MS;
		break;
	case LOCK_EV_DROP:
		l->is_lost = l->was_refused = false;
		break;
	case LOCK_EV_GONE:
		if (before == LOCK_HELD) {
			l->is_lost = true;
			l->due_ms = now_ms;
		}
		break;
	default:
		break;
	}
	return l->state == LOCK_RELEASING && before != LOCK_RELEASING;
}
