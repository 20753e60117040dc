/* sup_roll.c - rosters and rolls: what roll.h decides is carried out here.
 *
 * s->roster is where the workers are to be, s->from where they come from while a roll moves
 * them.  Who starts meanwhile starts on board.head->epoch: on `from` until the canary has
 * passed, which is also what a supervisor that is killed finds as proven.
 */
#include "sup.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static void
limits_of(const struct sup *s, struct roll_limits *l)
{
	const struct conf_global *g = &s->conf.global;

	_Static_assert((int)ROLL_POOLS_MAX >= (int)CONF_POOLS_MAX, "every pool has its bounds");
	*l = (struct roll_limits){.hold_ms = g->hold_down_ms, .retry_ms = SUP_RETRY_MS,
	    .reload_ms = g->reload_timeout_ms, .verify_ms = SUP_VERIFY_MS,
	    .progress_ms = g->progress_deadline_ms, .failures = (unsigned)g->failure_limit,
	    .pauses_unsure = g->canary_on_inconclusive == 1};
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		const struct conf_pool *p = &s->conf.pools[i];
		l->pools[i].max_unavailable = (unsigned)p->max_unavailable;
		l->pools[i].min_available = (unsigned)p->min_available;
		l->pools[i].min_ready_ms = p->min_ready_ms;
	}
}

static void tell(struct sup *s, enum roll_event event);

uint64_t
sup_roll_want(struct sup *s)
{
	tell(s, ROLL_EV_WANT);
	return s->roll.plain.wanted;
}

uint64_t
sup_roll_want_urgently(struct sup *s, struct live_tenant *tenant)
{
	tenant->is_urgent = true;
	tell(s, ROLL_EV_URGENT);
	return s->roll.urgent.wanted;
}

void
sup_roll_abort(struct sup *s)
{
	log_warn("roll aborted in %s", roll_phase_name(s->roll.phase));
	tell(s, ROLL_EV_ABORT);
}

/* ---- where workers start ---- */

uint64_t
sup_roll_start_epoch(const struct sup *s, unsigned i)
{
	return s->workers[i].is_surge ? s->roster.epoch : atomic_load(&s->board.head->epoch);
}

static void
write_order(struct sup *s, unsigned i, uint64_t epoch)
{
	struct board_slot *b = &s->board.slots[i];

	atomic_store(&b->target_epoch, epoch);
	atomic_fetch_add_explicit(&b->cmd_seq, 1, memory_order_release);
}

/* Who is starting hears of it by its slot: nobody comes up on an epoch that is over. */
static void
start_from(struct sup *s, uint64_t epoch)
{
	struct err e;

	atomic_store(&s->board.head->epoch, epoch);
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].slot.phase == PHASE_STARTING && !s->workers[i].is_surge)
			write_order(s, i, epoch);
	if (roster_set_proven(s->conf.global.data_dir, epoch, &e) == -1)
		log_error("a crash now would start from an older epoch: %s", e.text);
}

/* Who is starting may have answered an order that was changed meanwhile. */
static void
nudge_starting(const struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++) {
		const struct board_slot *b = &s->board.slots[i];
		if (s->workers[i].slot.phase == PHASE_STARTING && s->workers[i].pid > 0 &&
		    atomic_load(&b->acked_seq) != atomic_load(&b->cmd_seq))
			kill(s->workers[i].pid, SIGHUP);
	}
}

static void
order(struct sup *s, unsigned i)
{
	write_order(s, i, s->roster.epoch);
	if (s->workers[i].pid > 0)
		kill(s->workers[i].pid, SIGHUP);
}

/* ---- rosters ---- */

/* The roster of the next epoch, on disk; with a base, only urgent tenants differ from it. */
static int
write_roster(struct sup *s, struct roster *next, const struct roster *base, struct err *e)
{
	uint64_t newest = roster_newest(s->conf.global.data_dir);

	if (s->roster.epoch > newest)
		newest = s->roster.epoch;
	if (live_roster(&s->live, next, newest + 1, base, e) == 0 &&
	    roster_save(next, s->conf.global.data_dir, e) == 0)
		return 0;
	roster_fini(next);
	return -1;
}

/* Killed before a canary had passed: the last proven roster serves until it has. */
static bool
resume_proven(struct sup *s)
{
	const char *data = s->conf.global.data_dir;
	uint64_t proven = roster_proven(data), newest = roster_newest(data);
	struct err e;

	if (proven == 0 || proven >= newest)
		return false;
	if (roster_load(&s->roster, data, proven, &e) == -1) {
		log_error("the proven roster is lost, starting from the pointers: %s", e.text);
		return false;
	}
	log_warn("epoch %" PRIu64 " was not proven when the supervisor ended: starting from %" PRIu64,
	    newest, proven);
	atomic_store(&s->board.head->epoch, proven);
	sup_roll_want(s);
	return true;
}

/* The disk is full: what was served last is served until there is room for a roster. */
static bool
resume_newest(struct sup *s, const struct err *why)
{
	const char *data = s->conf.global.data_dir;
	struct err e;

	if (roster_load(&s->roster, data, roster_newest(data), &e) == -1) {
		log_error("no roster to start from: %s", e.text);
		return false;
	}
	log_error("no roster can be written, starting from epoch %" PRIu64 ": %s", s->roster.epoch,
	    why->text);
	start_from(s, s->roster.epoch);
	sup_roll_want(s);
	return true;
}

int
sup_roll_open(struct sup *s, struct err *e)
{
	s->roll = (struct roll){0};
	if (resume_proven(s))
		return 0;
	if (write_roster(s, &s->roster, NULL, e) == 0) {
		start_from(s, s->roster.epoch);
		return 0;
	}
	return e->code == ERR_STORAGE && resume_newest(s, e) ? 0 : -1;
}

static const char *
generation_in(const struct roster *r, const char *tenant)
{
	const struct roster_entry *t = roster_find(r, tenant);

	return t != NULL && t->state == ROSTER_LIVE ? t->generation : "";
}

/* The entry is on another generation than before, and not on none. */
static bool
is_brought(const struct roster_entry *t, const struct roster *from)
{
	return t->state == ROSTER_LIVE && strcmp(t->generation, generation_in(from, t->tenant)) != 0;
}

bool
sup_roll_brings(const struct sup *s, const char *tenant)
{
	const struct roster_entry *t = roster_find(&s->roster, tenant);

	return s->from.epoch != 0 && t != NULL && is_brought(t, &s->from);
}

/* How long the canary is watched: the longest that a pool or a tenant concerned asks for. */
static int64_t
window_of(const struct sup *s)
{
	int64_t window = 0;

	if (s->roll.is_urgent || s->brought == 0)
		return 0;
	for (size_t i = 0; i < s->conf.pool_count; i++)
		if (s->conf.pools[i].canary_window_ms > window)
			window = s->conf.pools[i].canary_window_ms;
	for (size_t i = 0; i < s->roster.count; i++) {
		const struct catalog_tenant *t;
		if (!is_brought(&s->roster.entries[i], &s->from))
			continue;
		t = catalog_find(s->catalog, s->roster.entries[i].tenant);
		if (t != NULL && t->canary_window_ms > window)
			window = t->canary_window_ms;
	}
	return window;
}

static void
count_brought(struct sup *s)
{
	s->brought = 0;
	for (size_t i = 0; i < s->roster.count; i++)
		s->brought += is_brought(&s->roster.entries[i], &s->from);
}

static void
begin(struct sup *s)
{
	struct roster next;
	struct err e;

	s->culprit[0] = s->roll_reason[0] = '\0';
	if (write_roster(s, &next, s->roll.is_urgent ? &s->roster : NULL, &e) == -1) {
		log_error("roll: %s", e.text);
		tell(s, ROLL_EV_UNWRITTEN);
		return;
	}
	for (size_t i = 0; i < s->live.count; i++)
		s->live.at[i].is_urgent = false;
	roster_fini(&s->from);
	s->from = s->roster;
	s->roster = next;
	count_brought(s);
	s->roll.bake_ms = window_of(s);
	log_info("roll begins epoch=%" PRIu64 " tenants=%zu brings=%zu", s->roster.epoch,
	    s->roster.count, s->brought);
	tell(s, ROLL_EV_BEGUN);
}

/* ---- the way back ---- */

/* The tenant's generation does not serve again until something changes, and its pointer
 * names what did before. */
static void
take_back_tenant(struct sup *s, const struct roster_entry *t, const struct roster *from)
{
	const char *data = s->conf.global.data_dir, *was = generation_in(from, t->tenant);
	const struct live_tenant *l = live_find(&s->live, t->tenant);
	bool is_newest = l != NULL && strcmp(l->generation, t->generation) == 0;
	struct err e;

	if (l != NULL && was[0] != '\0' && strcmp(l->pointer, t->generation) == 0 &&
	    generation_set_current(data, t->tenant, was, &e) == -1)
		log_error("tenant=%s: %s", t->tenant, e.text);
	sup_quarantine_add(s, t->tenant, t->generation, s->roll_reason);
	sup_inbox_refused(s, t->tenant, t->generation, s->roll_reason);
	if (is_newest &&
	    live_put_back(&s->live, data, t->tenant, was[0] != '\0' ? was : NULL, &e) == -1)
		log_error("tenant=%s: %s", t->tenant, e.text);
	sup_tenants_refresh(s, t->tenant);
}

/* What `to` brought; only the culprit's, where there is one.  Answers how many. */
static size_t
take_back(struct sup *s, const struct roster *from, const struct roster *to)
{
	size_t n = 0;

	for (size_t i = 0; i < to->count; i++) {
		const struct roster_entry *t = &to->entries[i];
		if (!is_brought(t, from) ||
		    (s->culprit[0] != '\0' && strcmp(s->culprit, t->tenant) != 0))
			continue;
		take_back_tenant(s, t, from);
		n++;
	}
	return n;
}

static void
explain(struct sup *s)
{
	static const char *const words[ROLL_EV_MAX] = {
		[ROLL_EV_ABORT] = "the roll was aborted",
		[ROLL_EV_STUCK] = "the roll made no progress",
		[ROLL_EV_URGENT] = "it gave way to what an operator waits for",
	};
	const char *text = words[s->roll.why];

	if (text != NULL)
		snprintf(s->roll_reason, sizeof s->roll_reason, "%s", text);
}

static void
go_back(struct sup *s)
{
	struct roster failed = s->roster;
	size_t taken = 0;

	explain(s);
	log_warn("roll goes back from epoch=%" PRIu64 " to epoch=%" PRIu64 ": %s", failed.epoch,
	    s->from.epoch, s->roll_reason);
	s->roster = s->from;
	s->from = (struct roster){0};
	start_from(s, s->roster.epoch);
	sup_workers_unsurge(s);
	if (s->roll.why != ROLL_EV_URGENT)
		taken = take_back(s, &s->roster, &failed);
	if (taken > 0 && taken < s->brought)
		sup_roll_want(s);	/* the others', without the culprit's */
	roster_fini(&failed);
}

/* Aborted before it began: what it would have brought is what is live now. */
static void
drop(struct sup *s)
{
	struct roster wanted;
	struct err e;

	s->culprit[0] = '\0';
	snprintf(s->roll_reason, sizeof s->roll_reason, "the roll was aborted");
	if (live_roster(&s->live, &wanted, s->roster.epoch + 1, NULL, &e) == -1)
		log_error("roll: %s", e.text);
	else
		take_back(s, &s->roster, &wanted);
	roster_fini(&wanted);
	sup_fleet_roll_done(s);
	sup_wait_turn(s);
}

/* ---- failures ---- */

void
sup_roll_note_crash(struct sup *s, unsigned i)
{
	const struct board_slot *b = &s->board.slots[i];
	char tenant[TENANT_NAME_BYTES + 1];

	if (!roll_is_moving(&s->roll) || s->from.epoch == 0 ||
	    atomic_load(&b->target_epoch) != s->roster.epoch)
		return;
	memcpy(tenant, b->tenant, TENANT_NAME_BYTES);
	tenant[TENANT_NAME_BYTES] = '\0';
	if (tenant[0] != '\0' && !sup_roll_brings(s, tenant))
		return;		/* it had other data in hand than what this roll brings */
	s->workers[i].has_crashed = true;
	memcpy(s->culprit, tenant, sizeof s->culprit);
}

/* A worker serves the target, and could not open what the roll brings to a tenant. */
static bool
is_spoiled(const struct sup *s, unsigned i, char tenant[TENANT_NAME_BYTES + 1])
{
	const struct board_slot *b = &s->board.slots[i];

	if (s->workers[i].pid == 0 || !sup_worker_is_current(s, i) ||
	    atomic_load(&b->has_bad_data) == 0)
		return false;
	memcpy(tenant, b->refused_tenant, TENANT_NAME_BYTES);
	tenant[TENANT_NAME_BYTES] = '\0';
	return tenant[0] != '\0' && sup_roll_brings(s, tenant);
}

/* Then that tenant goes back, and the others go on without it. */
static bool
find_spoiled(struct sup *s)
{
	char tenant[TENANT_NAME_BYTES + 1];

	for (unsigned i = 0; i < s->slots; i++) {
		if (!is_spoiled(s, i, tenant))
			continue;
		memcpy(s->culprit, tenant, sizeof s->culprit);
		snprintf(s->roll_reason, sizeof s->roll_reason, "worker %u could not open it: %.200s",
		    i, s->board.slots[i].refusal);
		return true;
	}
	return false;
}

static void
note_failure(struct sup *s, enum roll_event event)
{
	unsigned i = s->roll.at;
	const struct board_slot *b = &s->board.slots[i];
	char refusal[BOARD_TEXT_BYTES + 1] = "";

	if (event == ROLL_EV_REFUSED) {
		memcpy(refusal, b->refusal, BOARD_TEXT_BYTES);
		snprintf(s->roll_reason, sizeof s->roll_reason,
		    "worker %u refused epoch %" PRIu64 ": %.180s", i, s->roster.epoch, refusal);
	} else if (event == ROLL_EV_CRASHED) {
		snprintf(s->roll_reason, sizeof s->roll_reason,
		    "worker %u crashed on epoch %" PRIu64 "%s%s", i, s->roster.epoch,
		    s->culprit[0] != '\0' ? " with data of " : "", s->culprit);
		s->workers[i].has_crashed = false;
	} else {
		snprintf(s->roll_reason, sizeof s->roll_reason,
		    "worker %u did not answer in %" PRId64 " ms", i,
		    s->conf.global.reload_timeout_ms);
	}
	if (s->roll.phase < ROLL_BACK)
		log_error("roll: %s", s->roll_reason);
}

/* ---- what the machine asks for ---- */

static void
surge(struct sup *s)
{
	if (s->roll.is_urgent)
		return;		/* a reopen takes less time than a start */
	for (unsigned i = 0; i < s->conf.pool_count; i++)
		if (s->brought > 0 && s->pools[i].size.target > 0)
			for (int64_t n = 0; n < s->conf.pools[i].max_surge; n++)
				sup_workers_surge(s, i);
}

static void
prove(struct sup *s)
{
	log_info("canary passed epoch=%" PRIu64, s->roster.epoch);
	start_from(s, s->roster.epoch);
}

static void
judge(struct sup *s)
{
	static const enum roll_event events[CANARY_VERDICT_MAX] = {
		[CANARY_NONE] = ROLL_EV_UNSURE,
		[CANARY_PASS] = ROLL_EV_PASS,
		[CANARY_FAIL] = ROLL_EV_FAIL,
		[CANARY_UNSURE] = ROLL_EV_UNSURE,
	};

	sup_canary_judge(s);
	if (s->report.verdict == CANARY_FAIL)
		snprintf(s->roll_reason, sizeof s->roll_reason, "canary: %s", s->report.why);
	tell(s, events[s->report.verdict]);
}

static void
finish(struct sup *s)
{
	int64_t ms = s->now_ms - s->roll.begun_ms;
	const char *result = roll_result_name(s->roll.result);

	if (s->roll.result == ROLL_COMPLETE)
		log_info("roll done epoch=%" PRIu64 " workers=%u ms=%" PRId64, s->roster.epoch,
		    sup_workers_ready(s), ms);
	else
		log_warn("roll %s epoch=%" PRIu64 " ready=%u ms=%" PRId64, result,
		    s->roster.epoch, sup_workers_ready(s), ms);
	roster_fini(&s->from);
	s->ended_ms = s->now_ms;
	sup_workers_unsurge(s);
	sup_fleet_roll_done(s);
	sup_sweep(s);
	sup_wait_turn(s);	/* who waits for this one hears of this one */
}

static void
carry_out(struct sup *s, enum roll_action action)
{
	switch (action) {
	case ROLL_DO_BEGIN:
		begin(s);
		break;
	case ROLL_DO_SURGE:
		surge(s);
		break;
	case ROLL_DO_WATCH:
		sup_canary_watch(s);
		break;
	case ROLL_DO_ORDER:
		order(s, s->roll.at);
		break;
	case ROLL_DO_KILL:
		sup_workers_kill(s, s->roll.at);
		break;
	case ROLL_DO_JUDGE:
		judge(s);
		break;
	case ROLL_DO_PROVE:
		prove(s);
		break;
	case ROLL_DO_BACK:
		go_back(s);
		break;
	case ROLL_DO_FINISH:
		finish(s);
		break;
	case ROLL_DO_DROP:
		drop(s);
		break;
	case ROLL_DO_NOTHING:
		break;
	}
}

static void
tell(struct sup *s, enum roll_event event)
{
	struct roll_limits limits;

	limits_of(s, &limits);
	if (event == ROLL_EV_REFUSED || event == ROLL_EV_CRASHED || event == ROLL_EV_LATE)
		note_failure(s, event);
	carry_out(s, roll_event(&s->roll, event, &limits, s->now_ms));
}

/* ---- a turn ---- */

static void
look_at_workers(const struct sup *s, struct roll_view *views)
{
	for (unsigned i = 0; i < s->slots; i++) {
		const struct worker *w = &s->workers[i];
		enum slot_phase phase = w->slot.phase;
		views[i] = (struct roll_view){
		    .present = w->is_wanted && phase != PHASE_EMPTY && phase != PHASE_BACKOFF,
		    .ready = phase == PHASE_READY,
		    .starting = phase == PHASE_STARTING || phase == PHASE_KILLING ||
			phase == PHASE_RETURNING,
		    .engaged = board_slot_is_engaged(&s->board.slots[i]),
		    .current = sup_worker_is_current(s, i),
		    .refused = sup_worker_has_refused(s, i),
		    .crashed = w->has_crashed,
		    .surge = w->is_surge,
		    .pool = w->pool};
	}
}

/* The next thing to tell the machine; false when there is nothing now. */
static bool
step(struct sup *s)
{
	struct roll_view views[WORKERS_MAX];
	struct roll_limits limits;
	enum roll_event event;

	limits_of(s, &limits);
	look_at_workers(s, views);
	if (roll_is_moving(&s->roll) && !s->roll.paused && find_spoiled(s)) {
		tell(s, ROLL_EV_FAIL);
		return true;
	}
	event = roll_look(&s->roll, views, s->slots, &limits, s->now_ms);
	/* A binary that takes over finds workers on one epoch. */
	if (event == ROLL_EV_NONE && s->roll.phase == ROLL_LOCK && !s->roll.paused &&
	    s->exec_phase != EXEC_TRIAL && sup_fleet_may_roll(s)) {
		event = ROLL_EV_LOCKED;
		if (s->conf.consul.rolling_hosts > 0)
			log_info("roll has its place among the hosts epoch=%" PRIu64, s->roster.epoch);
	}
	if (event == ROLL_EV_NONE)
		return false;
	tell(s, event);
	return true;
}

/* A place among the rolling hosts that was lost is asked for again; until then the worker
 * in hand is the last. */
static void
hold(struct sup *s)
{
	bool was = s->roll.held;

	s->roll.held = roll_is_moving(&s->roll) && sup_fleet_has_lost_roll(s) &&
	    !sup_fleet_may_roll(s);
	if (s->roll.held != was)
		log_warn("roll %s", s->roll.held ?
		    "held: this host's place among those that roll is lost" : "goes on");
}

void
sup_roll_turn(struct sup *s)
{
	if (s->stopping != STOP_NOT)
		return;
	hold(s);
	if (s->roll.phase == ROLL_BAKE && !s->roll.paused && sup_canary_fails_early(s)) {
		snprintf(s->roll_reason, sizeof s->roll_reason, "canary: %s", s->report.why);
		tell(s, ROLL_EV_FAIL);
	}
	while (step(s))
		continue;
	nudge_starting(s);
}

int64_t
sup_roll_due(const struct sup *s)
{
	struct roll_limits limits;
	int64_t due, look = sup_canary_due(s);

	limits_of(s, &limits);
	due = roll_due(&s->roll, &limits);
	return look != 0 && (due == 0 || look < due) ? look : due;
}
