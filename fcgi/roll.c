/* roll.c - the walk over the workers. */
#include "roll.h"

static const char *const phase_names[ROLL_PHASE_MAX] = {
#define X(symbol, name) [symbol] = name,
    ROLL_PHASES(X)
#undef X
};

struct cell {
	unsigned char known;	/* an empty cell: the event means nothing here */
	unsigned char next;
	unsigned char action;
	signed char step;	/* +1: the next worker; -1: from the first */
};

#define TO(phase) {1, phase, ROLL_DO_NOTHING, 0}
#define DO(phase, action) {1, phase, action, 0}
#define STEP(phase) {1, phase, ROLL_DO_NOTHING, 1}
#define FIRST(phase) {1, phase, ROLL_DO_NOTHING, -1}
static const struct cell table[ROLL_PHASE_MAX][ROLL_EV_MAX] = {
	[ROLL_IDLE] = {[ROLL_EV_WANT] = TO(ROLL_HOLD)},
	[ROLL_HOLD] = {[ROLL_EV_DUE] = DO(ROLL_BEGIN, ROLL_DO_BEGIN)},
	[ROLL_BEGIN] = {[ROLL_EV_BEGUN] = FIRST(ROLL_NEXT), [ROLL_EV_FAILED] = TO(ROLL_HOLD)},
	[ROLL_NEXT] = {[ROLL_EV_GO] = DO(ROLL_WAIT, ROLL_DO_ORDER),
	    [ROLL_EV_SKIP] = STEP(ROLL_NEXT), [ROLL_EV_END] = TO(ROLL_VERIFY)},
	[ROLL_WAIT] = {[ROLL_EV_ACKED] = STEP(ROLL_NEXT), [ROLL_EV_LOST] = STEP(ROLL_NEXT),
	    [ROLL_EV_REFUSED] = DO(ROLL_IDLE, ROLL_DO_GIVE_UP),
	    [ROLL_EV_DUE] = DO(ROLL_LATE, ROLL_DO_KILL)},
	[ROLL_LATE] = {[ROLL_EV_ACKED] = STEP(ROLL_NEXT), [ROLL_EV_LOST] = STEP(ROLL_NEXT),
	    [ROLL_EV_REFUSED] = STEP(ROLL_NEXT)},
	[ROLL_VERIFY] = {[ROLL_EV_GOOD] = DO(ROLL_IDLE, ROLL_DO_FINISH),
	    [ROLL_EV_BAD] = FIRST(ROLL_NEXT), [ROLL_EV_DUE] = DO(ROLL_IDLE, ROLL_DO_GIVE_UP)},
};

const char *
roll_phase_name(enum roll_phase phase)
{
	return (unsigned)phase < ROLL_PHASE_MAX ? phase_names[phase] : "unknown";
}

bool
roll_is_busy(const struct roll *r)
{
	return r->phase != ROLL_IDLE;
}

int64_t
roll_due(const struct roll *r)
{
	return r->paused ? 0 : r->due_ms;
}

void
roll_pause(struct roll *r, int64_t now_ms)
{
	if (r->paused)
		return;
	r->paused = true;
	r->paused_ms = now_ms;
}

void
roll_resume(struct roll *r, int64_t now_ms)
{
	if (!r->paused)
		return;
	r->paused = false;
	if (r->due_ms != 0)
		r->due_ms += now_ms - r->paused_ms;
}

/* NEXT: may worker `at` be told? */
static enum roll_event
look_next(const struct roll *r, const struct roll_view *views, size_t n)
{
	if (r->at >= n)
		return ROLL_EV_END;
	return views[r->at].ready && !views[r->at].current ? ROLL_EV_GO : ROLL_EV_SKIP;
}

/* WAIT and LATE: has it answered? */
static enum roll_event
look_wait(const struct roll *r, const struct roll_view *views, size_t n)
{
	if (r->at >= n || !views[r->at].ready)
		return ROLL_EV_LOST;
	if (views[r->at].refused)
		return ROLL_EV_REFUSED;
	return views[r->at].current ? ROLL_EV_ACKED : ROLL_EV_NONE;
}

static enum roll_event
look_verify(const struct roll_view *views, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		if (views[i].ready && !views[i].current)
			return ROLL_EV_BAD;
		if (views[i].starting)
			all = false;
	}
	return all ? ROLL_EV_GOOD : ROLL_EV_NONE;
}

enum roll_event
roll_look(const struct roll *r, const struct roll_view *views, size_t n, int64_t now_ms)
{
	enum roll_event event = ROLL_EV_NONE;

	if (r->paused)
		return ROLL_EV_NONE;
	if (r->phase == ROLL_NEXT)
		event = look_next(r, views, n);
	else if (r->phase == ROLL_WAIT || r->phase == ROLL_LATE)
		event = look_wait(r, views, n);
	else if (r->phase == ROLL_VERIFY)
		event = look_verify(views, n);
	if (event == ROLL_EV_NONE && r->due_ms != 0 && now_ms >= r->due_ms)
		event = ROLL_EV_DUE;
	return event;
}

static int64_t
due_of(enum roll_phase phase, enum roll_event event, const struct roll_times *times,
    int64_t now_ms)
{
	switch (phase) {
	case ROLL_HOLD:
		return now_ms + (event == ROLL_EV_FAILED ? times->retry_ms : times->hold_ms);
	case ROLL_WAIT:
		return now_ms + times->reload_ms;
	case ROLL_VERIFY:
		return now_ms + times->verify_ms;
	default:
		return 0;
	}
}

/* The counters that status shows. */
static void
count(struct roll *r, enum roll_action action, int64_t now_ms)
{
	if (action == ROLL_DO_BEGIN) {
		r->taken = r->wanted;
		r->again = false;
		r->begun_ms = now_ms;
	} else if (action == ROLL_DO_KILL) {
		r->killed++;
	} else if (action == ROLL_DO_FINISH || action == ROLL_DO_GIVE_UP) {
		r->rolls++;
		r->done = r->taken;
		r->complete = action == ROLL_DO_FINISH;
	}
}

enum roll_action
roll_event(struct roll *r, enum roll_event event, const struct roll_times *times,
    int64_t now_ms)
{
	const struct cell *cell = &table[r->phase][event];

	if (event == ROLL_EV_WANT) {
		r->wanted++;
		r->again = true;
	}
	if (!cell->known)
		return ROLL_DO_NOTHING;
	if (cell->step > 0)
		r->at++;
	else if (cell->step < 0)
		r->at = 0;
	r->phase = cell->next;
	count(r, cell->action, now_ms);
	if (r->phase == ROLL_IDLE && r->again)
		r->phase = ROLL_HOLD;
	if (r->phase == ROLL_HOLD && event == ROLL_EV_FAILED)
		r->again = true;
	r->due_ms = due_of(r->phase, event, times, now_ms);
	return cell->action;
}
