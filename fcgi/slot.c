/* slot.c - the life of one worker slot. */
#include "slot.h"

static const char *const phase_names[PHASE_MAX] = {
#define X(symbol, name) [symbol] = name,
    SLOT_PHASES(X)
#undef X
};

/* What a cell asks for; STAY cells are those not written in the table. */
enum move { STAY, SPAWN, READY, TERM, KILL, RESPAWN, WAIT, EMPTY, RETURN, LEAVE, REPLACE };

/* RESPAWN is for a worker that was of use; WAIT counts a young death.  RETURN and LEAVE
 * change the mind about a worker that is on its way out; REPLACE sends it there with a
 * successor to come. */
static const unsigned char table[PHASE_MAX][EV_MAX] = {
	[PHASE_EMPTY] = {[EV_WANT] = SPAWN},
	[PHASE_STARTING] = {[EV_UNWANT] = TERM, [EV_ACKED] = READY, [EV_LEFT] = WAIT,
	    [EV_KILLED] = WAIT, [EV_CRASHED] = WAIT, [EV_DUE] = KILL, [EV_OVERTIME] = KILL},
	[PHASE_READY] = {[EV_UNWANT] = TERM, [EV_LEFT] = RESPAWN, [EV_KILLED] = RESPAWN,
	    [EV_CRASHED] = WAIT, [EV_REPLACE] = REPLACE, [EV_OVERTIME] = KILL},
	[PHASE_KILLING] = {[EV_UNWANT] = LEAVE, [EV_LEFT] = RESPAWN, [EV_KILLED] = RESPAWN,
	    [EV_CRASHED] = RESPAWN},
	[PHASE_BACKOFF] = {[EV_UNWANT] = EMPTY, [EV_DUE] = SPAWN},
	[PHASE_STOPPING] = {[EV_WANT] = RETURN, [EV_LEFT] = EMPTY, [EV_KILLED] = EMPTY,
	    [EV_CRASHED] = EMPTY, [EV_DUE] = KILL, [EV_OVERTIME] = KILL},
	[PHASE_RETURNING] = {[EV_UNWANT] = LEAVE, [EV_LEFT] = RESPAWN, [EV_KILLED] = RESPAWN,
	    [EV_CRASHED] = RESPAWN, [EV_DUE] = KILL, [EV_OVERTIME] = KILL},
};

const char *
slot_phase_name(enum slot_phase phase)
{
	return (unsigned)phase < PHASE_MAX ? phase_names[phase] : "unknown";
}

bool
slot_is_live(const struct slot *s)
{
	return s->phase != PHASE_EMPTY && s->phase != PHASE_BACKOFF;
}

int64_t
slot_backoff_ms(unsigned failures)
{
	int64_t ms = SLOT_BACKOFF_MIN_MS;

	if (failures == 0)
		return 0;
	while (--failures > 0 && ms < SLOT_BACKOFF_MAX_MS)
		ms *= 2;
	return ms < SLOT_BACKOFF_MAX_MS ? ms : SLOT_BACKOFF_MAX_MS;
}

static void
enter(struct slot *s, enum slot_phase phase, int64_t due_ms)
{
	s->phase = phase;
	s->due_ms = due_ms;
}

static enum slot_action
spawn(struct slot *s, const struct slot_times *times, int64_t now_ms)
{
	s->spawned_ms = now_ms;
	enter(s, PHASE_STARTING, now_ms + times->boot_ms);
	return SLOT_SPAWN;
}

/* A death that may be one of a series. */
static enum slot_action
back_off(struct slot *s, const struct slot_times *times, int64_t now_ms)
{
	bool was_ready = s->phase == PHASE_READY;
	int64_t delay;

	s->is_useless = !was_ready;
	if (was_ready && now_ms - s->spawned_ms >= SLOT_YOUNG_MS)
		s->failures = 0;
	else
		s->failures++;
	delay = slot_backoff_ms(was_ready && s->failures > 0 ? s->failures - 1 : s->failures);
	if (delay == 0)
		return spawn(s, times, now_ms);
	enter(s, PHASE_BACKOFF, now_ms + delay);
	return SLOT_NOTHING;
}

static enum slot_action
stop(struct slot *s, enum move move, const struct slot_times *times, int64_t now_ms)
{
	switch (move) {
	case TERM:
		enter(s, PHASE_STOPPING, now_ms + times->stop_ms);
		return SLOT_TERM;
	case KILL:
		/* A slot that was to be emptied stays so; KILL needs no second one. */
		enter(s, s->phase == PHASE_STOPPING ? PHASE_STOPPING : PHASE_KILLING, 0);
		return SLOT_KILL;
	case RETURN:
		s->phase = PHASE_RETURNING;
		return SLOT_NOTHING;
	case LEAVE:
		s->phase = PHASE_STOPPING;
		return SLOT_NOTHING;
	default:
		enter(s, PHASE_EMPTY, 0);
		s->failures = 0;
		s->is_useless = false;
		return SLOT_NOTHING;
	}
}

enum slot_action
slot_event(struct slot *s, enum slot_event event, const struct slot_times *times,
    int64_t now_ms)
{
	enum move move = table[s->phase][event];

	switch (move) {
	case STAY:
		return SLOT_NOTHING;
	case SPAWN:
		return spawn(s, times, now_ms);
	case READY:
		enter(s, PHASE_READY, 0);
		s->is_useless = false;
		return SLOT_NOTHING;
	case REPLACE:
		enter(s, PHASE_RETURNING, now_ms + times->stop_ms);
		return SLOT_TERM;
	case RESPAWN:
		s->failures = 0;
		return spawn(s, times, now_ms);
	case WAIT:
		return back_off(s, times, now_ms);
	default:
		return stop(s, move, times, now_ms);
	}
}
