/* sup_sweep.c - old rosters, and generations that no worker can be asked for any more. */
#include "sup.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "file.h"
#include "generation.h"
#include "leftover.h"
#include "log.h"

enum { SWEEP_MS = 600000 };

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

bool
sup_sweep_is_even(const struct sup *s)
{
	return oldest_epoch(s) == s->roster.epoch;
}

/* The rosters from the oldest in use to the newest; none may lose a generation. */
struct in_use {
	const struct pins *pins;
	const struct gates *gates;
	const struct quarantine *quarantine;
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
is_in_use(const struct in_use *u, const char *name)
{
	if (strcmp(u->tenant->generation, name) == 0 ||
	    gates_wants(u->gates, u->tenant->name, name) ||
	    is_pinned(u->pins, u->tenant->name, name))
		return true;
	for (size_t i = 0; i < u->count; i++) {
		const struct roster_entry *t = roster_find(&u->rosters[i], u->tenant->name);
		if (t != NULL && strcmp(t->generation, name) == 0)
			return true;
	}
	return false;
}

static struct generation_use
use_of(void *context, const char *name)
{
	const struct in_use *u = context;

	return (struct generation_use){.is_used = is_in_use(u, name),
	    .is_refused = quarantine_find(u->quarantine, u->tenant->name, name) != NULL};
}

/* What is live is also what the only roster in use says: nothing is left for later. */
static bool
is_settled(const struct sup *s, const struct live_tenant *t, const struct in_use *u)
{
	const struct roster_entry *r = roster_find(&s->roster, t->name);

	return u->count == 1 && r != NULL && strcmp(r->generation, t->generation) == 0;
}

static bool
is_away(const struct sup *s, const char *tenant)
{
	const struct live_tenant *t = live_find(&s->live, tenant);

	return t != NULL && t->cold.state == COLD_AWAY;
}

/* The pool's, but for what the tenant's document says. */
static struct generation_rules
rules_of(const struct sup *s, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);
	const struct conf_global *g = &s->conf.global;
	struct generation_rules r = {.keep = (unsigned)g->keep_generations,
	    .ttl_s = g->generation_ttl_ms / 1000, .now_s = (int64_t)time(NULL)};

	if (t != NULL && t->document != NULL && t->life.keep != 0)
		r.keep = t->life.keep;
	if (is_away(s, tenant))
		r.keep = 1;	/* nobody asks for the tenant: nor for what it was before */
	if (t != NULL && t->document != NULL && t->life.ttl_ms >= 0)
		r.ttl_s = t->life.ttl_ms / 1000;
	return r;
}

static void
sweep_tenants(struct sup *s, struct in_use *u)
{
	const struct conf_global *g = &s->conf.global;
	struct generation_rules rules;
	struct err e;

	for (size_t i = 0; i < s->live.count; i++) {
		struct live_tenant *t = &s->live.at[i];
		if (t->is_swept)
			continue;
		u->tenant = t;
		rules = rules_of(s, t->name);
		if (generation_sweep(g->data_dir, t->name, &rules, use_of, u, &e) == -1)
			log_warn("sweep tenant=%s: %s", t->name, e.text);
		t->is_swept = is_settled(s, t, u);
	}
}

/* Of processes that were killed while they replaced a file of the pool's own. */
static void
sweep_leftovers(const struct sup *s)
{
	static const char *const folders[] = {".", "roster", "lkg"};
	char path[PATH_MAX];
	struct err e;

	for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
		if (file_join(path, sizeof path, s->conf.global.data_dir, folders[i], &e) == -1 ||
		    leftover_sweep(path, &e) == -1)
			log_warn("sweep: %s", e.text);
}

/* Time goes by without a roll, too. */
void
sup_sweep_turn(struct sup *s)
{
	if (s->now_ms < s->sweep_ms || roll_is_busy(&s->roll))
		return;
	s->sweep_ms = s->now_ms + SWEEP_MS;
	for (size_t i = 0; i < s->live.count; i++)
		if (rules_of(s, s->live.at[i].name).ttl_s > 0)
			s->live.at[i].is_swept = false;
	sup_sweep(s);
}

void
sup_sweep(struct sup *s)
{
	uint64_t oldest = oldest_epoch(s);
	size_t span = (size_t)(s->roster.epoch - oldest) + 1;
	struct in_use u = {.pins = &s->pins, .gates = &s->gates,
	    .quarantine = &s->quarantine, .rosters = calloc(span, sizeof(struct roster))};
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
	sweep_leftovers(s);
}
