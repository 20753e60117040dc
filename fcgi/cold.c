/* cold.c - tenants that nobody asks for: kept in the object store alone, back on demand. */
#include "cold.h"

#include <stddef.h>

const char *
cold_state_name(enum cold_state state)
{
	static const char *const names[COLD_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
	    COLD_STATES(X)
#undef X
	};

	return names[state];
}

bool
cold_is_out(const struct cold *c)
{
	return c->state == COLD_LEAVING || c->state == COLD_AWAY || c->state == COLD_FETCHING;
}

void
cold_asked(struct cold *c)
{
	c->is_asked = c->state != COLD_WARM;
}

static enum cold_step
go(struct cold *c, enum cold_state state, enum cold_step step)
{
	bool is_asked = c->is_asked && state != COLD_WARM;

	*c = (struct cold){.state = state, .is_asked = is_asked, .retry_ms = c->retry_ms,
	    .backoff_ms = c->backoff_ms};
	return step;
}

static enum cold_step
leave_or_stay(struct cold *c, const struct cold_view *v)
{
	if (!c->is_secured)
		return COLD_REST;		/* the child is still at it */
	if (v->may_leave && v->is_idle && !c->is_asked)
		return go(c, COLD_LEAVING, COLD_LEAVE);
	return go(c, COLD_WARM, COLD_REST);
}

enum cold_step
cold_decide(struct cold *c, const struct cold_view *v)
{
	switch (c->state) {
	case COLD_WARM:
		if (v->may_leave && v->is_idle && v->now_ms >= c->retry_ms)
			return go(c, COLD_SECURING, COLD_SECURE);
		break;
	case COLD_SECURING:
		return leave_or_stay(c, v);
	case COLD_LEAVING:
		if (c->is_asked || !v->may_leave)
			return go(c, COLD_WARM, COLD_RETURN);
		if (v->is_unused)
			return COLD_DROP;
		break;
	case COLD_AWAY:
		if (c->is_asked && v->has_store && v->now_ms >= c->retry_ms)
			return go(c, COLD_FETCHING, COLD_FETCH);
		break;
	case COLD_FETCHING:
		if (c->is_here) {
			c->retry_ms = c->backoff_ms = 0;
			return go(c, COLD_WARM, COLD_RETURN);
		}
		break;
	case COLD_STATE_MAX:
		break;
	}
	return COLD_REST;
}

void
cold_wait(struct cold *c)
{
	if (c->state == COLD_SECURING)
		go(c, COLD_WARM, COLD_REST);
	else if (c->state == COLD_FETCHING)
		go(c, COLD_AWAY, COLD_REST);
}

void
cold_secured(struct cold *c, bool is_well, int64_t now_ms)
{
	if (c->state != COLD_SECURING)
		return;
	c->is_secured = is_well;
	if (is_well)
		return;
	go(c, COLD_WARM, COLD_REST);
	c->retry_ms = now_ms + COLD_SECURE_RETRY_MS;
}

void
cold_fetched(struct cold *c, bool is_well, int64_t now_ms)
{
	if (c->state != COLD_FETCHING)
		return;
	if (is_well) {
		c->is_here = true;
		return;
	}
	c->is_asked = false;		/* who still wants it asks again */
	go(c, COLD_AWAY, COLD_REST);
	c->is_missed = true;
	c->backoff_ms = c->backoff_ms == 0 ? COLD_RETRY_MIN_MS : 2 * c->backoff_ms;
	if (c->backoff_ms > COLD_RETRY_MAX_MS)
		c->backoff_ms = COLD_RETRY_MAX_MS;
	c->retry_ms = now_ms + c->backoff_ms;
}

void
cold_dropped(struct cold *c)
{
	go(c, COLD_AWAY, COLD_REST);
}
