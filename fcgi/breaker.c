/* breaker.c - a circuit breaker. */
#include "breaker.h"

static const char *const state_names[BREAKER_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    BREAKER_STATES(X)
#undef X
};

/* What a cell asks for.  COUNT opens at the limit; RELEASE gives the one place back. */
enum move { STAY, COUNT, CLOSE, OPEN, RELEASE };

static const unsigned char table[BREAKER_STATE_MAX][BREAKER_EVENT_MAX] = {
	[BREAKER_CLOSED] = {[BREAKER_SUCCESS] = CLOSE, [BREAKER_FAILURE] = COUNT},
	[BREAKER_OPEN] = {[BREAKER_SUCCESS] = CLOSE},
	[BREAKER_HALF_OPEN] = {[BREAKER_SUCCESS] = CLOSE, [BREAKER_FAILURE] = OPEN,
	    [BREAKER_CANCELLED] = RELEASE},
};

const char *
breaker_state_name(enum breaker_state state)
{
	return (unsigned)state < BREAKER_STATE_MAX ? state_names[state] : "unknown";
}

void
breaker_init(struct breaker *b, unsigned limit, int64_t pause_ms)
{
	*b = (struct breaker){.limit = limit > 0 ? limit : 1, .pause_ms = pause_ms};
}

bool
breaker_would_admit(const struct breaker *b, int64_t now_ms)
{
	if (b->state == BREAKER_OPEN)
		return now_ms >= b->until_ms;
	return b->state == BREAKER_CLOSED || !b->is_probed;
}

bool
breaker_admits(struct breaker *b, int64_t now_ms)
{
	if (!breaker_would_admit(b, now_ms))
		return false;
	if (b->state != BREAKER_CLOSED) {
		b->state = BREAKER_HALF_OPEN;
		b->is_probed = true;
	}
	return true;
}

static void
open_until(struct breaker *b, int64_t until_ms)
{
	b->opened += b->state != BREAKER_OPEN;
	b->state = BREAKER_OPEN;
	b->is_probed = false;
	b->until_ms = until_ms;
}

void
breaker_event(struct breaker *b, enum breaker_event event, int64_t now_ms)
{
	switch ((enum move)table[b->state][event]) {
	case STAY:
		break;
	case COUNT:
		if (++b->failures >= b->limit)
			open_until(b, now_ms + b->pause_ms);
		break;
	case CLOSE:
		b->state = BREAKER_CLOSED;
		b->failures = 0;
		b->is_probed = false;
		break;
	case OPEN:
		open_until(b, now_ms + b->pause_ms);
		break;
	case RELEASE:
		b->is_probed = false;
		break;
	}
}

void
breaker_hold(struct breaker *b, int64_t for_ms, int64_t now_ms)
{
	int64_t until = now_ms + (for_ms < BREAKER_HOLD_MAX_MS ? for_ms : BREAKER_HOLD_MAX_MS);

	if (for_ms <= 0 || (b->state == BREAKER_OPEN && b->until_ms >= until))
		return;
	open_until(b, until);
}

int64_t
breaker_wait_ms(const struct breaker *b, int64_t now_ms)
{
	return b->state == BREAKER_OPEN && b->until_ms > now_ms ? b->until_ms - now_ms : 0;
}
