/* sup_roll.c - rosters and rolls: what roll.h decides is carried out here. */
#include "sup.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static struct roll_times
times_of(const struct sup *s)
{
	return (struct roll_times){.hold_ms = s->conf.global.hold_down_ms,
	    .reload_ms = s->conf.global.reload_timeout_ms,
	    .verify_ms = SUP_VERIFY_MS,
	    .retry_ms = SUP_RETRY_MS};
}

uint64_t
sup_roll_want(struct sup *s)
{
	struct roll_times times = times_of(s);

	roll_event(&s->roll, ROLL_EV_WANT, &times, s->now_ms);
	return s->roll.wanted;
}

uint64_t
sup_roll_want_urgently(struct sup *s, struct live_tenant *tenant)
{
	tenant->is_urgent = true;
	return sup_roll_want(s);
}

int
sup_roll_target(struct sup *s, struct err *e)
{
	uint64_t newest = roster_newest(s->conf.global.data_dir);
	struct roster next;

	if (s->roster.epoch > newest)
		newest = s->roster.epoch;
	if (live_roster(&s->live, &next, newest + 1, NULL, e) == -1 ||
	    roster_save(&next, s->conf.global.data_dir, e) == -1) {
		roster_fini(&next);
		return -1;
	}
	roster_fini(&s->roster);
	s->roster = next;
	atomic_store(&s->board.head->epoch, next.epoch);
	return 0;
}

static void
order(struct sup *s, unsigned i)
{
	struct board_slot *b = &s->board.slots[i];

	atomic_store(&b->target_epoch, atomic_load(&s->board.head->epoch));
	atomic_fetch_add_explicit(&b->cmd_seq, 1, memory_order_release);
	if (s->workers[i].pid > 0)
		kill(s->workers[i].pid, SIGHUP);
}

/* What the oldest worker may still serve from. */
static uint64_t
oldest_epoch(const struct sup *s)
{
	uint64_t oldest = s->roster.epoch, epoch;

	for (unsigned i = 0; i < s->slots; i++) {
		if (s->workers[i].pid == 0)
			continue;
		epoch = atomic_load(&s->board.slots[i].epoch);
		if (epoch == 0)
			epoch = atomic_load(&s->board.slots[i].target_epoch);
		if (epoch < oldest)
			oldest = epoch;
	}
	return oldest;
}

/* The rosters from the oldest in use to the newest; none may lose a generation. */
struct in_use {
	const struct pins *pins;
	struct roster *rosters;
	size_t count;
	const struct live_tenant *tenant;
};

static bool
is_pinned(const struct pins *pins, const char *tenant, const char *name)
{
	for (int origin = 0; origin < PIN_ORIGIN_MAX; origin++) {
		const struct pin *p = pins_find(pins, tenant, (enum pin_origin)origin);
		if (p != NULL && strcmp(p->generation, name) == 0)
			return true;
	}
	return false;
}

static bool
is_in_use(void *context, const char *name)
{
	const struct in_use *u = context;

	if (strcmp(u->tenant->generation, name) == 0 ||
	    is_pinned(u->pins, u->tenant->name, name))
		return true;
	for (size_t i = 0; i < u->count; i++) {
		const struct roster_entry *t = roster_find(&u->rosters[i], u->tenant->name);
		if (t != NULL && strcmp(t->generation, name) == 0)
			return true;
	}
	return false;
}

/* What is live is also what the only roster in use says: nothing is left for later. */
static bool
is_settled(const struct sup *s, const struct live_tenant *t, const struct in_use *u)
{
	const struct roster_entry *r = roster_find(&s->roster, t->name);

	return u->count == 1 && r != NULL && strcmp(r->generation, t->generation) == 0;
}

static void
sweep_tenants(struct sup *s, struct in_use *u)
{
	const struct conf_global *g = &s->conf.global;
	struct err e;

	for (size_t i = 0; i < s->live.count; i++) {
		struct live_tenant *t = &s->live.at[i];
		if (t->is_swept)
			continue;
		u->tenant = t;
		if (generation_sweep(g->data_dir, t->name, (unsigned)g->keep_generations,
			is_in_use, u, &e) == -1)
			log_warn("sweep tenant=%s: %s", t->name, e.text);
		t->is_swept = is_settled(s, t, u);
	}
}

/* Old rosters, and generations that no worker can be asked for any more. */
static void
sweep(struct sup *s)
{
	uint64_t oldest = oldest_epoch(s);
	size_t span = (size_t)(s->roster.epoch - oldest) + 1;
	struct in_use u = {.pins = &s->pins, .rosters = calloc(span, sizeof(struct roster))};
	struct err e;
	bool all = u.rosters != NULL;

	for (uint64_t epoch = oldest; all && epoch <= s->roster.epoch; epoch++) {
		if (roster_load(&u.rosters[u.count], s->conf.global.data_dir, epoch, &e) == 0)
			u.count++;
		else if (e.code != ERR_NOT_FOUND)
			all = false;	/* what it names is unknown: sweep another time */
	}
	if (all)
		sweep_tenants(s, &u);
	for (size_t i = 0; i < u.count; i++)
		roster_fini(&u.rosters[i]);
	free(u.rosters);
	if (roster_sweep(s->conf.global.data_dir, oldest, &e) == -1)
		log_warn("%s", e.text);
}

static void
begin(struct sup *s, const struct roll_times *times)
{
	struct err e;
	bool ok = sup_roll_target(s, &e) == 0;

	if (ok)
		log_info("roll begins epoch=%" PRIu64 " tenants=%zu", s->roster.epoch,
		    s->roster.count);
	else
		log_error("roll: %s", e.text);
	roll_event(&s->roll, ok ? ROLL_EV_BEGUN : ROLL_EV_FAILED, times, s->now_ms);
}

static void
finish(struct sup *s, bool complete)
{
	int64_t ms = s->now_ms - s->roll.begun_ms;

	if (complete)
		log_info("roll done epoch=%" PRIu64 " workers=%u ms=%" PRId64, s->roster.epoch,
		    sup_workers_ready(s), ms);
	else
		log_warn("roll incomplete epoch=%" PRIu64 " ready=%u ms=%" PRId64,
		    s->roster.epoch, sup_workers_ready(s), ms);
	s->rolls_failed += !complete;
	sweep(s);
}

static void
carry_out(struct sup *s, enum roll_action action, const struct roll_times *times)
{
	switch (action) {
	case ROLL_DO_BEGIN:
		begin(s, times);
		break;
	case ROLL_DO_ORDER:
		order(s, s->roll.at);
		break;
	case ROLL_DO_KILL:
		log_error("worker %u pid %d killed: no acknowledgement of epoch %" PRIu64,
		    s->roll.at, (int)s->workers[s->roll.at].pid, s->roster.epoch);
		sup_workers_kill(s, s->roll.at);
		break;
	case ROLL_DO_FINISH:
	case ROLL_DO_GIVE_UP:
		finish(s, action == ROLL_DO_FINISH);
		break;
	case ROLL_DO_NOTHING:
		break;
	}
}

static void
look_at_workers(const struct sup *s, struct roll_view *views)
{
	for (unsigned i = 0; i < s->slots; i++) {
		enum slot_phase phase = s->workers[i].slot.phase;
		views[i] = (struct roll_view){.ready = phase == PHASE_READY,
		    .starting = phase == PHASE_STARTING || phase == PHASE_KILLING,
		    .current = sup_worker_is_current(s, i),
		    .refused = sup_worker_has_refused(s, i)};
	}
}

void
sup_roll_turn(struct sup *s)
{
	struct roll_times times = times_of(s);
	struct roll_view views[WORKERS_MAX];
	enum roll_event event;

	if (s->stopping != STOP_NOT)
		return;
	for (;;) {
		look_at_workers(s, views);
		event = roll_look(&s->roll, views, s->slots, s->now_ms);
		if (event == ROLL_EV_NONE)
			return;
		carry_out(s, roll_event(&s->roll, event, &times, s->now_ms), &times);
	}
}
