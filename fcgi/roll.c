/* roll.c - moving the workers from one epoch to the next. */
#include "roll.h"

#include <string.h>

#define X(symbol, name) [symbol] = name,
static const char *const phase_names[ROLL_PHASE_MAX] = {ROLL_PHASES(X)};
static const char *const step_names[ROLL_STEP_MAX] = {ROLL_STEPS(X)};
static const char *const event_names[ROLL_EV_MAX] = {ROLL_EVENTS(X)};
static const char *const result_names[ROLL_RESULT_MAX] = {ROLL_RESULTS(X)};
#undef X

struct cell {
	unsigned char known;	/* an empty cell: the event means nothing here */
	unsigned char next;
	unsigned char action;
};

#define TO(phase) {1, phase, ROLL_DO_NOTHING}
#define DO(phase, action) {1, phase, action}
#define GOES_BACK [ROLL_EV_FAIL] = DO(ROLL_BACK, ROLL_DO_BACK), \
	[ROLL_EV_ABORT] = DO(ROLL_BACK, ROLL_DO_BACK), \
	[ROLL_EV_STUCK] = DO(ROLL_BACK, ROLL_DO_BACK)
#define GIVES_WAY [ROLL_EV_URGENT] = DO(ROLL_BACK, ROLL_DO_BACK)
#define DROPS [ROLL_EV_ABORT] = DO(ROLL_IDLE, ROLL_DO_DROP)
static const struct cell phases[ROLL_PHASE_MAX][ROLL_EV_MAX] = {
	[ROLL_IDLE] = {[ROLL_EV_WANT] = TO(ROLL_HOLD), [ROLL_EV_URGENT] = TO(ROLL_LOCK)},
	[ROLL_HOLD] = {[ROLL_EV_DUE] = TO(ROLL_LOCK), [ROLL_EV_URGENT] = TO(ROLL_LOCK), DROPS},
	[ROLL_LOCK] = {[ROLL_EV_LOCKED] = DO(ROLL_BEGIN, ROLL_DO_BEGIN), DROPS},
	[ROLL_BEGIN] = {[ROLL_EV_BEGUN] = DO(ROLL_SURGE, ROLL_DO_SURGE),
	    [ROLL_EV_UNWRITTEN] = TO(ROLL_HOLD), DROPS},
	[ROLL_SURGE] = {[ROLL_EV_DONE] = TO(ROLL_CANARY), [ROLL_EV_DUE] = TO(ROLL_CANARY),
	    GOES_BACK, GIVES_WAY},
	[ROLL_CANARY] = {[ROLL_EV_DONE] = DO(ROLL_BAKE, ROLL_DO_WATCH),
	    [ROLL_EV_NOBODY] = DO(ROLL_MOVE, ROLL_DO_PROVE), GOES_BACK, GIVES_WAY},
	[ROLL_BAKE] = {[ROLL_EV_DUE] = DO(ROLL_BAKE, ROLL_DO_JUDGE),
	    [ROLL_EV_PASS] = DO(ROLL_MOVE, ROLL_DO_PROVE), [ROLL_EV_UNSURE] = TO(ROLL_BAKE),
	    [ROLL_EV_BARE] = TO(ROLL_CANARY), GOES_BACK, GIVES_WAY},
	[ROLL_MOVE] = {[ROLL_EV_DONE] = TO(ROLL_VERIFY), GOES_BACK},
	[ROLL_VERIFY] = {[ROLL_EV_GOOD] = DO(ROLL_IDLE, ROLL_DO_FINISH),
	    [ROLL_EV_BAD] = TO(ROLL_MOVE), [ROLL_EV_DUE] = DO(ROLL_IDLE, ROLL_DO_FINISH),
	    GOES_BACK},
	[ROLL_BACK] = {[ROLL_EV_DONE] = TO(ROLL_BACK_VERIFY)},
	[ROLL_BACK_VERIFY] = {[ROLL_EV_GOOD] = DO(ROLL_IDLE, ROLL_DO_FINISH),
	    [ROLL_EV_BAD] = TO(ROLL_BACK), [ROLL_EV_DUE] = DO(ROLL_IDLE, ROLL_DO_FINISH)},
};

static const struct cell steps[ROLL_STEP_MAX][ROLL_EV_MAX] = {
	[STEP_OLD] = {[ROLL_EV_GO] = DO(STEP_ORDERED, ROLL_DO_ORDER),
	    [ROLL_EV_SKIP] = TO(STEP_MOVED), [ROLL_EV_CRASHED] = TO(STEP_OLD)},
	[STEP_ORDERED] = {[ROLL_EV_ACKED] = TO(STEP_SETTLING), [ROLL_EV_LOST] = TO(STEP_OLD),
	    [ROLL_EV_ENGAGED] = TO(STEP_OWING),
	    [ROLL_EV_REFUSED] = DO(STEP_OLD, ROLL_DO_KILL),
	    [ROLL_EV_LATE] = DO(STEP_OLD, ROLL_DO_KILL), [ROLL_EV_CRASHED] = TO(STEP_OLD)},
	[STEP_SETTLING] = {[ROLL_EV_SETTLED] = TO(STEP_MOVED), [ROLL_EV_LOST] = TO(STEP_OLD),
	    [ROLL_EV_CRASHED] = TO(STEP_OLD)},
	[STEP_MOVED] = {[ROLL_EV_LOST] = TO(STEP_OLD), [ROLL_EV_CRASHED] = TO(STEP_OLD)},
	[STEP_OWING] = {[ROLL_EV_FREE] = TO(STEP_ORDERED), [ROLL_EV_LOST] = TO(STEP_OLD),
	    [ROLL_EV_CRASHED] = TO(STEP_OLD)},
};

/* ---- names ---- */

const char *
roll_phase_name(enum roll_phase phase)
{
	return (unsigned)phase < ROLL_PHASE_MAX ? phase_names[phase] : "unknown";
}

enum roll_phase
roll_phase_of(const char *name)
{
	int i = 0;

	while (i < ROLL_PHASE_MAX && strcmp(phase_names[i], name) != 0)
		i++;
	return (enum roll_phase)i;
}

const char *
roll_step_name(enum roll_step step)
{
	return (unsigned)step < ROLL_STEP_MAX ? step_names[step] : "unknown";
}

const char *
roll_event_name(enum roll_event event)
{
	return (unsigned)event < ROLL_EV_MAX ? event_names[event] : "unknown";
}

const char *
roll_result_name(enum roll_result result)
{
	return (unsigned)result < ROLL_RESULT_MAX ? result_names[result] : "unknown";
}

/* ---- what can be asked ---- */

bool
roll_is_busy(const struct roll *r)
{
	return r->phase != ROLL_IDLE;
}

bool
roll_is_moving(const struct roll *r)
{
	return r->phase >= ROLL_SURGE;
}

/* The phases in which workers are told to move. */
static bool
is_walking(const struct roll *r)
{
	return r->phase == ROLL_CANARY || r->phase == ROLL_MOVE || r->phase == ROLL_BACK;
}

static bool
is_going_back(const struct roll *r)
{
	return r->phase == ROLL_BACK || r->phase == ROLL_BACK_VERIFY;
}

static bool
has_progress_clock(const struct roll *r)
{
	return !r->held && (r->phase == ROLL_CANARY || r->phase == ROLL_MOVE);
}

static void
earlier(int64_t *due_ms, int64_t other_ms)
{
	if (other_ms != 0 && (*due_ms == 0 || other_ms < *due_ms))
		*due_ms = other_ms;
}

int64_t
roll_due(const struct roll *r, const struct roll_limits *limits)
{
	int64_t due = r->due_ms;

	if (r->paused || r->phase == ROLL_IDLE)
		return 0;
	if (has_progress_clock(r))
		earlier(&due, r->progress_ms + limits->progress_ms);
	if (r->phase == ROLL_CANARY)
		earlier(&due, r->progress_ms + limits->reload_ms);
	for (unsigned i = 0; roll_is_moving(r) && i < WORKERS_MAX; i++)
		if (r->workers[i].step == STEP_ORDERED || r->workers[i].step == STEP_SETTLING)
			earlier(&due, r->workers[i].due_ms);
	return due;
}

/* ---- pausing ---- */

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
	int64_t stood = now_ms - r->paused_ms;

	r->pause_at = ROLL_IDLE;
	if (!r->paused)
		return;
	r->paused = false;
	r->progress_ms += stood;
	if (r->due_ms != 0)
		r->due_ms += stood;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		r->workers[i].due_ms += stood;
}

bool
roll_pause_at(struct roll *r, enum roll_phase phase)
{
	if (phase == ROLL_IDLE || phase == ROLL_BEGIN || (unsigned)phase >= ROLL_PHASE_MAX)
		return false;	/* nothing to hold there; over within the event */
	r->pause_at = phase;
	return true;
}

/* ---- looking ---- */

/* What a pool has, as its bounds count it. */
struct tally {
	unsigned present, unavailable;
	unsigned begun, moved;	/* neither OLD nor OWING; MOVED */
	unsigned ready;		/* and free to obey */
	bool has_surge;		/* ready and above the number */
};

static struct tally
tally_pool(const struct roll *r, const struct roll_view *views, size_t n, unsigned pool)
{
	struct tally t = {0};

	for (size_t i = 0; i < n; i++) {
		enum roll_step step = r->workers[i].step;
		if (!views[i].present || views[i].pool != pool)
			continue;
		t.present++;
		t.ready += views[i].ready && !views[i].engaged;
		t.begun += step != STEP_OLD && step != STEP_OWING;
		t.moved += step == STEP_MOVED;
		t.unavailable += !views[i].ready || step == STEP_ORDERED || step == STEP_SETTLING;
		t.has_surge = t.has_surge || (views[i].surge && views[i].ready);
	}
	return t;
}

/* One more of the pool may be taken from its work.  On the way back the dead do not count:
 * what brings them back must not wait for them. */
static bool
has_budget(const struct roll *r, const struct tally *t, const struct roll_limits *limits,
    unsigned pool)
{
	unsigned least = limits->pools[pool].min_available;
	unsigned unavailable = r->phase == ROLL_BACK ? t->begun - t->moved : t->unavailable;

	if (unavailable >= limits->pools[pool].max_unavailable)
		return false;
	if (least >= t->present)
		least = t->present - 1;		/* else nobody could ever be reloaded */
	return r->phase == ROLL_BACK || t->present - unavailable - 1 >= least;
}

static bool
may_go(const struct roll *r, const struct roll_view *views, size_t n, size_t i,
    const struct roll_limits *limits)
{
	struct tally t = tally_pool(r, views, n, views[i].pool);

	if (r->held || !views[i].ready)
		return false;
	if (views[i].engaged)
		return r->phase != ROLL_CANARY;	/* takes nobody from work, and proves nothing */
	if (r->phase == ROLL_CANARY && (t.begun > 0 || (t.has_surge && !views[i].surge)))
		return false;	/* one canary a pool, a fresh worker where there is one */
	return has_budget(r, &t, limits, views[i].pool);
}

static enum roll_event
look_begun(const struct roll_worker *w, const struct roll_view *v, int64_t now_ms)
{
	if (!v->ready || !v->present)
		return ROLL_EV_LOST;
	if (w->step == STEP_OWING)
		return v->engaged && !v->current ? ROLL_EV_NONE : ROLL_EV_FREE;
	if (w->step == STEP_ORDERED) {
		if (v->current)
			return ROLL_EV_ACKED;
		if (v->engaged)
			return ROLL_EV_ENGAGED;
		if (v->refused)
			return ROLL_EV_REFUSED;
		return now_ms >= w->due_ms ? ROLL_EV_LATE : ROLL_EV_NONE;
	}
	if (!v->current)
		return ROLL_EV_LOST;	/* another one took its place between two looks */
	return w->step == STEP_SETTLING && now_ms >= w->due_ms ? ROLL_EV_SETTLED : ROLL_EV_NONE;
}

/* The first worker of whom there is something to say. */
static enum roll_event
look_workers(struct roll *r, const struct roll_view *views, size_t n,
    const struct roll_limits *limits, int64_t now_ms)
{
	enum roll_event event = ROLL_EV_NONE;

	for (size_t i = 0; i < n && event == ROLL_EV_NONE; i++) {
		const struct roll_worker *w = &r->workers[i];
		r->at = (unsigned)i;
		if (views[i].crashed)
			event = ROLL_EV_CRASHED;
		else if (w->step != STEP_OLD)
			event = look_begun(w, &views[i], now_ms);
		else if (is_walking(r) && views[i].present && views[i].ready && views[i].current)
			event = ROLL_EV_SKIP;
	}
	for (size_t i = 0; is_walking(r) && i < n && event == ROLL_EV_NONE; i++) {
		if (!views[i].present || r->workers[i].step != STEP_OLD ||
		    !may_go(r, views, n, i, limits))
			continue;
		r->at = (unsigned)i;
		event = ROLL_EV_GO;
	}
	return event;
}

static bool
anyone_is_free(const struct roll_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (views[i].present && views[i].ready && !views[i].engaged)
			return true;
	return false;
}

static bool
anyone_is_present(const struct roll_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (views[i].present)
			return true;
	return false;
}

/* Every pool that has anybody has a canary that has moved. */
static bool
has_canaries(const struct roll *r, const struct roll_view *views, size_t n)
{
	bool any = false;

	for (unsigned pool = 0; pool < ROLL_POOLS_MAX; pool++) {
		struct tally t = tally_pool(r, views, n, pool);
		if (t.ready > 0 && t.moved == 0)
			return false;
		any = any || t.moved > 0;
	}
	return any;
}

static bool
has_everyone_moved(const struct roll *r, const struct roll_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (views[i].present && views[i].ready && r->workers[i].step != STEP_MOVED &&
		    r->workers[i].step != STEP_OWING)
			return false;
	return true;
}

static enum roll_event
look_surge(const struct roll_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (views[i].surge && views[i].present && !(views[i].ready && views[i].current))
			return ROLL_EV_NONE;
	return ROLL_EV_DONE;
}

static enum roll_event
look_canary(const struct roll *r, const struct roll_view *views, size_t n,
    const struct roll_limits *limits, int64_t now_ms)
{
	if (has_canaries(r, views, n))
		return ROLL_EV_DONE;
	if (!anyone_is_present(views, n) ||
	    (!anyone_is_free(views, n) && now_ms >= r->progress_ms + limits->reload_ms))
		return ROLL_EV_NOBODY;
	return ROLL_EV_NONE;
}

static enum roll_event
look_bake(const struct roll *r, const struct roll_view *views, size_t n)
{
	if (!has_canaries(r, views, n))
		return ROLL_EV_BARE;
	return r->bake_ms == 0 || r->is_unsure ? ROLL_EV_PASS : ROLL_EV_NONE;
}

static enum roll_event
look_verify(const struct roll *r, const struct roll_view *views, size_t n)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		if (!views[i].present)
			continue;
		if (views[i].ready && !views[i].current && r->workers[i].step != STEP_OWING)
			return ROLL_EV_BAD;
		all = all && !views[i].starting;
	}
	return all ? ROLL_EV_GOOD : ROLL_EV_NONE;
}

static enum roll_event
look_phase(const struct roll *r, const struct roll_view *views, size_t n,
    const struct roll_limits *limits, int64_t now_ms)
{
	switch (r->phase) {
	case ROLL_SURGE:
		return look_surge(views, n);
	case ROLL_CANARY:
		return look_canary(r, views, n, limits, now_ms);
	case ROLL_BAKE:
		return look_bake(r, views, n);
	case ROLL_MOVE:
	case ROLL_BACK:
		return has_everyone_moved(r, views, n) ? ROLL_EV_DONE : ROLL_EV_NONE;
	case ROLL_VERIFY:
	case ROLL_BACK_VERIFY:
		return look_verify(r, views, n);
	default:
		return ROLL_EV_NONE;
	}
}

enum roll_event
roll_look(struct roll *r, const struct roll_view *views, size_t n,
    const struct roll_limits *limits, int64_t now_ms)
{
	enum roll_event event = ROLL_EV_NONE;

	if (r->paused)
		return ROLL_EV_NONE;
	if (roll_is_moving(r))
		event = look_workers(r, views, n, limits, now_ms);
	if (event != ROLL_EV_NONE)
		r->at_pool = views[r->at].pool;
	if (event == ROLL_EV_NONE)
		event = look_phase(r, views, n, limits, now_ms);
	if (event == ROLL_EV_NONE && r->due_ms != 0 && now_ms >= r->due_ms)
		event = ROLL_EV_DUE;
	if (event == ROLL_EV_NONE && has_progress_clock(r) &&
	    now_ms >= r->progress_ms + limits->progress_ms && anyone_is_free(views, n))
		event = ROLL_EV_STUCK;
	return event;
}

/* ---- moving on ---- */

static int64_t
due_of(const struct roll *r, enum roll_event event, const struct roll_limits *limits,
    int64_t now_ms)
{
	switch (r->phase) {
	case ROLL_HOLD:
		if (event == ROLL_EV_UNWRITTEN)
			return now_ms + limits->retry_ms;
		return now_ms + (r->wants_urgent ? 0 : limits->hold_ms);
	case ROLL_SURGE:
		return now_ms + limits->reload_ms;
	case ROLL_BAKE:
		/* Judged once; an unsure verdict has no end of its own. */
		return event == ROLL_EV_DONE ? now_ms + r->bake_ms : 0;
	case ROLL_VERIFY:
	case ROLL_BACK_VERIFY:
		return now_ms + limits->verify_ms;
	default:
		return 0;
	}
}

static void
count_wish(struct roll *r, enum roll_event event)
{
	if (event == ROLL_EV_URGENT) {
		r->urgent.wanted++;
		r->wants_urgent = true;
	} else {
		r->plain.wanted++;
	}
	r->again = true;
}

static void
forget_steps(struct roll *r)
{
	memset(r->workers, 0, sizeof r->workers);
}

static void
begin(struct roll *r, int64_t now_ms)
{
	struct roll_wishes *wishes = r->wants_urgent ? &r->urgent : &r->plain;

	r->is_urgent = r->wants_urgent;
	r->wants_urgent = false;
	wishes->taken = wishes->wanted;
	r->again = r->plain.wanted > r->plain.taken;
	r->failures = r->late = 0;
	r->is_unsure = r->has_passed = false;
	r->why = ROLL_EV_NONE;
	r->bake_ms = 0;
	r->begun_ms = now_ms;
	forget_steps(r);
}

/* What this roll carried is wanted again. */
static void
give_back(struct roll *r)
{
	struct roll_wishes *wishes = r->is_urgent ? &r->urgent : &r->plain;

	wishes->taken = wishes->done;
	r->wants_urgent = r->wants_urgent || r->is_urgent;
	r->again = true;
}

static void
end(struct roll *r, enum roll_result result)
{
	struct roll_wishes *wishes = r->is_urgent ? &r->urgent : &r->plain;

	if (result == ROLL_SUPERSEDED)
		give_back(r);
	else
		wishes->done = wishes->taken;
	r->result = result;
	r->count[result]++;
}

static enum roll_result
result_of(const struct roll *r, enum roll_phase from, enum roll_event event)
{
	if (from == ROLL_VERIFY)
		return event == ROLL_EV_GOOD ? ROLL_COMPLETE : ROLL_INCOMPLETE;
	return r->why == ROLL_EV_ABORT ? ROLL_ABORTED :
	    r->why == ROLL_EV_URGENT   ? ROLL_SUPERSEDED :
					 ROLL_ROLLED_BACK;
}

/* Aborted before anybody was told: the wishes are answered all the same. */
static void
drop(struct roll *r)
{
	r->plain.taken = r->plain.wanted;
	r->urgent.taken = r->urgent.wanted;
	r->is_urgent = true;
	end(r, ROLL_ABORTED);
	r->plain.done = r->plain.taken;
	r->again = r->wants_urgent = false;
}

/* What is kept beside the phase. */
static void
account(struct roll *r, enum roll_phase from, enum roll_event event, enum roll_action action,
    int64_t now_ms)
{
	switch (action) {
	case ROLL_DO_BEGIN:
		begin(r, now_ms);
		break;
	case ROLL_DO_PROVE:
		r->has_passed = true;
		break;
	case ROLL_DO_BACK:
		r->why = event;
		r->paused = false;
		r->is_unsure = false;
		forget_steps(r);
		break;
	case ROLL_DO_FINISH:
		end(r, result_of(r, from, event));
		break;
	case ROLL_DO_DROP:
		r->paused = false;
		drop(r);
		break;
	default:
		break;
	}
}

/* Where the table leads, and what follows from arriving there. */
static enum roll_action
move_phase(struct roll *r, enum roll_event event, const struct roll_limits *limits,
    int64_t now_ms)
{
	const struct cell *cell = &phases[r->phase][event];
	enum roll_phase from = r->phase;

	if (!cell->known)
		return ROLL_DO_NOTHING;
	r->phase = cell->next;
	account(r, from, event, cell->action, now_ms);
	if (event == ROLL_EV_UNWRITTEN)
		give_back(r);
	if (r->phase == ROLL_IDLE && r->again)
		r->phase = ROLL_HOLD;
	r->due_ms = due_of(r, event, limits, now_ms);
	r->progress_ms = now_ms;
	if (event == ROLL_EV_UNSURE && limits->pauses_unsure)
		roll_pause(r, now_ms);
	if (event == ROLL_EV_UNSURE)
		r->is_unsure = true;
	if (r->pause_at != ROLL_IDLE && r->phase == r->pause_at && r->phase != from) {
		r->pause_at = ROLL_IDLE;
		roll_pause(r, now_ms);
	}
	return cell->action;
}

static bool
is_failure(struct roll *r, enum roll_event event)
{
	if (is_going_back(r))
		return false;
	if (event == ROLL_EV_LATE)
		return r->late++ > 0;	/* one may have had a long request in hand */
	return event == ROLL_EV_REFUSED || event == ROLL_EV_CRASHED;
}

static enum roll_action
move_worker(struct roll *r, enum roll_event event, const struct roll_limits *limits,
    int64_t now_ms)
{
	struct roll_worker *w = &r->workers[r->at];
	const struct cell *cell = &steps[w->step][event];

	if (!cell->known)
		return ROLL_DO_NOTHING;
	w->step = (enum roll_step)cell->next;
	if (event == ROLL_EV_GO || event == ROLL_EV_FREE)
		w->due_ms = now_ms + limits->reload_ms;
	else if (event == ROLL_EV_ACKED)
		w->due_ms = now_ms + limits->pools[r->at_pool].min_ready_ms;
	if (event == ROLL_EV_ACKED || event == ROLL_EV_SETTLED || event == ROLL_EV_SKIP)
		r->progress_ms = now_ms;
	if (is_failure(r, event) && ++r->failures >= limits->failures)
		return move_phase(r, ROLL_EV_FAIL, limits, now_ms);
	r->killed += cell->action == ROLL_DO_KILL;
	return cell->action;
}

enum roll_action
roll_event(struct roll *r, enum roll_event event, const struct roll_limits *limits,
    int64_t now_ms)
{
	if (event == ROLL_EV_WANT || event == ROLL_EV_URGENT)
		count_wish(r, event);
	if (event >= ROLL_EV_GO)
		return roll_is_moving(r) ? move_worker(r, event, limits, now_ms) : ROLL_DO_NOTHING;
	return move_phase(r, event, limits, now_ms);
}
