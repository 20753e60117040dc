/* serving.c - the generations a worker has open. */
#include "serving.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clk.h"
#include "generation.h"
#include "pinned.h"
#include "tenant.h"

/* A generation that could not be opened is tried again that often, with a request. */
enum { RETRY_MS = 1000, ASKED_MS = 60000 };

struct open_tenant {
	char tenant[TENANT_NAME_BYTES + 1];
	struct index *index;	/* NULL: a free place */
	uint64_t used;		/* the tick of its last request */
	int64_t told_ms;	/* when somebody was told of one last; 0: never */
	int64_t behind_ms;	/* it is not on its roster's generation; the last try; 0: it is */
};

struct serving {
	char *data_dir;
	struct roster roster;
	bool has_roster;
	serving_guard_fn *guard;	/* NULL: everything may be served */
	void *guard_context;
	serving_asked_fn *asked;	/* NULL: nobody wants to know */
	void *asked_context;
	uint64_t tick;
	size_t open, behind;
	struct index *pinned;	/* asked for by its name last; NULL: none */
	struct open_tenant tenants[SERVING_OPEN_MAX];
};

int
serving_new(struct serving **out, const char *data_dir, struct err *e)
{
	struct serving *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL || (s->data_dir = strdup(data_dir)) == NULL) {
		serving_free(s);
		return err_sys(e, ERR_NOMEM, "serving");
	}
	*out = s;
	return 0;
}

void
serving_set_guard(struct serving *s, serving_guard_fn *guard, void *context)
{
	s->guard = guard;
	s->guard_context = context;
}

void
serving_set_asked(struct serving *s, serving_asked_fn *asked, void *context)
{
	s->asked = asked;
	s->asked_context = context;
}

/* So that the supervisor learns who is asked for, and who is not. */
static void
tell_asked(const struct serving *s, struct open_tenant *t)
{
	int64_t now;

	if (s->asked == NULL)
		return;
	now = clk_ms();
	if (t->told_ms != 0 && now - t->told_ms < ASKED_MS)
		return;
	t->told_ms = now;
	s->asked(s->asked_context, t->tenant);
}

static int
ask_guard(const struct serving *s, const char *tenant, const char *generation, struct err *e)
{
	return s->guard != NULL ? s->guard(s->guard_context, tenant, generation, e) : 0;
}

static void
set_behind(struct serving *s, struct open_tenant *t, int64_t since_ms)
{
	s->behind += (since_ms != 0) - (t->behind_ms != 0);
	t->behind_ms = since_ms;
}

static void
close_tenant(struct serving *s, struct open_tenant *t)
{
	set_behind(s, t, 0);
	index_close(t->index);
	*t = (struct open_tenant){0};
	s->open--;
}

/* The one without a request for longest, but not this one; NULL: there is no other. */
static struct open_tenant *
oldest_but(struct serving *s, const struct open_tenant *spared)
{
	struct open_tenant *oldest = NULL;

	for (size_t i = 0; i < SERVING_OPEN_MAX; i++) {
		struct open_tenant *t = &s->tenants[i];
		if (t->index != NULL && t != spared && (oldest == NULL || t->used < oldest->used))
			oldest = t;
	}
	return oldest;
}

/* The generation's own doing, not that of a machine short of something. */
static bool
is_of_data(enum err_code code)
{
	return code == ERR_CORRUPT || code == ERR_FORMAT_NEW || code == ERR_NOT_FOUND ||
	    code == ERR_QUARANTINED;
}

/* Short of descriptors or of memory, what is open longest without a request makes room;
 * false when that is not the trouble, or nothing is left to close. */
static bool
make_room(struct serving *s, const struct open_tenant *spared, const struct err *trouble)
{
	struct open_tenant *oldest;

	if (is_of_data(trouble->code) || (oldest = oldest_but(s, spared)) == NULL)
		return false;
	close_tenant(s, oldest);
	return true;
}

static int
open_with_room(struct index **out, struct serving *s, const char *tenant, const char *name,
    const struct open_tenant *spared, struct err *e)
{
	while (index_open(out, s->data_dir, tenant, name, e) == -1)
		if (!make_room(s, spared, e))
			return -1;
	return 0;
}

static int
load_with_room(struct roster *out, struct serving *s, uint64_t epoch, struct err *e)
{
	while (roster_load(out, s->data_dir, epoch, e) == -1)
		if (!make_room(s, NULL, e))
			return -1;
	return 0;
}

void
serving_free(struct serving *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SERVING_OPEN_MAX; i++)
		if (s->tenants[i].index != NULL)
			close_tenant(s, &s->tenants[i]);
	index_close(s->pinned);
	roster_fini(&s->roster);
	free(s->data_dir);
	free(s);
}

/* Which generation the tenant should be on, by roster or by its pointer. */
static int
wanted_generation(const struct serving *s, const struct roster *roster, const char *tenant,
    char name[GENERATION_NAME_BYTES], struct err *e)
{
	const struct roster_entry *entry;
	char dir[4096];

	if (roster == NULL) {
		if (generation_current(name, s->data_dir, tenant, e) == 0)
			return 0;
		if (generation_tenant_dir(dir, s->data_dir, tenant, NULL) == 0 &&
		    !file_is_folder(dir))
			return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
		return -1;
	}
	if ((entry = roster_find(roster, tenant)) == NULL)
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	if (entry->state == ROSTER_COLD)
		return err_set(e, ERR_COLD, "tenant \"%s\" was not asked for long: its index is "
					    "being brought back", tenant);
	if (entry->state != ROSTER_LIVE)
		return err_set(e, ERR_NOT_READY,
		    "tenant \"%s\" has no generation yet: its first build is under way", tenant);
	memcpy(name, entry->generation, GENERATION_NAME_BYTES);
	return 0;
}

/* Opens the tenant's wanted generation beside what is open now.  0: swapped or nothing
 * to do; -1: the old one stays. */
static int
move_tenant(struct serving *s, const struct roster *roster, struct open_tenant *t, bool *moved,
    struct err *e)
{
	char name[GENERATION_NAME_BYTES];
	struct index *fresh;

	*moved = false;
	if (wanted_generation(s, roster, t->tenant, name, e) == -1) {
		if (e->code != ERR_TENANT && e->code != ERR_NOT_READY && e->code != ERR_COLD)
			return -1;
		close_tenant(s, t);	/* removed, or cold: that is an order, not a fault */
		*moved = true;
		return 0;
	}
	set_behind(s, t, strcmp(index_generation(t->index), name) != 0 ? clk_ms() : 0);
	if (t->behind_ms == 0)
		return 0;
	if (ask_guard(s, t->tenant, name, e) == -1 ||
	    open_with_room(&fresh, s, t->tenant, name, t, e) == -1)
		return -1;
	index_close(t->index);
	t->index = fresh;
	set_behind(s, t, 0);
	*moved = true;
	return 0;
}

/* Which one is named: the first whose own fault it is, else the first. */
static void
report_refusal(struct serving_move_report *r, const char *tenant, const struct err *why)
{
	bool is_data = is_of_data(why->code);

	if (r->refused++ > 0 && (r->is_data || !is_data))
		return;
	r->is_data = is_data;
	snprintf(r->tenant, sizeof r->tenant, "%s", tenant);
	snprintf(r->refusal, sizeof r->refusal, "%.*s", (int)sizeof r->refusal - 1, why->text);
}

int
serving_move(
    struct serving *s, uint64_t epoch, struct serving_move_report *report, struct err *e)
{
	struct roster fresh = {0};
	struct err why;
	bool moved;

	*report = (struct serving_move_report){0};
	if (epoch != 0 && load_with_room(&fresh, s, epoch, e) == -1)
		return -1;
	for (size_t i = 0; i < SERVING_OPEN_MAX; i++) {
		struct open_tenant *t = &s->tenants[i];
		if (t->index == NULL)
			continue;
		if (move_tenant(s, epoch != 0 ? &fresh : NULL, t, &moved, &why) == 0)
			report->moved += moved;
		else
			report_refusal(report, t->tenant, &why);
	}
	index_close(s->pinned);		/* it may be swept before long */
	s->pinned = NULL;
	roster_fini(&s->roster);
	s->roster = fresh;
	s->has_roster = epoch != 0;
	return 0;
}

static struct open_tenant *
find_open(struct serving *s, const char *tenant)
{
	for (size_t i = 0; i < SERVING_OPEN_MAX; i++)
		if (s->tenants[i].index != NULL && strcmp(s->tenants[i].tenant, tenant) == 0)
			return &s->tenants[i];
	return NULL;
}

/* A free place, made by closing the least recently used tenant if need be. */
static struct open_tenant *
place_for_tenant(struct serving *s)
{
	struct open_tenant *oldest;

	for (size_t i = 0; i < SERVING_OPEN_MAX; i++)
		if (s->tenants[i].index == NULL)
			return &s->tenants[i];
	oldest = oldest_but(s, NULL);
	close_tenant(s, oldest);
	return oldest;
}

/* The old one serves until the new one can be opened. */
static void
catch_up(struct serving *s, struct open_tenant *t)
{
	struct err e;
	bool moved;

	if (t->behind_ms != 0 && clk_ms() - t->behind_ms >= RETRY_MS)
		(void)move_tenant(s, s->has_roster ? &s->roster : NULL, t, &moved, &e);
}

int
serving_get(struct serving *s, const char *tenant, struct index **out, struct err *e)
{
	char name[GENERATION_NAME_BYTES];
	struct open_tenant *t;
	struct index *fresh;
	struct err mine;

	e = e != NULL ? e : &mine;	/* it is looked at below */
	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	if ((t = find_open(s, tenant)) != NULL)
		catch_up(s, t);
	if (t == NULL || t->index == NULL) {
		if (wanted_generation(s, s->has_roster ? &s->roster : NULL, tenant, name, e) == -1) {
			if (e->code == ERR_COLD && s->asked != NULL)
				s->asked(s->asked_context, tenant);
			return -1;
		}
		if (ask_guard(s, tenant, name, e) == -1)
			return -1;
		if (open_with_room(&fresh, s, tenant, name, NULL, e) == -1) {
			if (e->code != ERR_NOMEM)
				e->code = ERR_UNAVAILABLE;
			return -1;
		}
		t = place_for_tenant(s);
		memcpy(t->tenant, tenant, strlen(tenant) + 1);
		t->index = fresh;
		s->open++;
	} else if (ask_guard(s, tenant, index_generation(t->index), e) == -1) {
		return -1;
	}
	tell_asked(s, t);
	t->used = ++s->tick;
	*out = t->index;
	return 0;
}

int
serving_get_pinned(struct serving *s, const char *tenant, const char *generation,
    struct index **out, struct err *e)
{
	struct index *fresh;

	/* The live one says whether there is such a tenant, and often it is the one. */
	if (serving_get(s, tenant, out, e) == -1)
		return -1;
	if (strcmp(index_generation(*out), generation) == 0)
		return 0;
	if (ask_guard(s, tenant, generation, e) == -1 ||
	    pinned_check(s->data_dir, tenant, generation, index_generation(*out), e) == -1)
		return -1;
	if (s->pinned == NULL || strcmp(s->pinned->tenant, tenant) != 0 ||
	    strcmp(index_generation(s->pinned), generation) != 0) {
		if (index_open(&fresh, s->data_dir, tenant, generation, e) == -1) {
			if (e->code == ERR_NOT_FOUND)
				return err_set(e, ERR_GENERATION,
				    "tenant \"%s\" has no generation %s (any more)", tenant,
				    generation);
			if (e->code != ERR_NOMEM)
				e->code = ERR_UNAVAILABLE;
			return -1;
		}
		index_close(s->pinned);
		s->pinned = fresh;
	}
	*out = s->pinned;
	return 0;
}

const char *
serving_only_tenant(const struct serving *s)
{
	return s->has_roster && s->roster.count == 1 ? s->roster.entries[0].tenant : NULL;
}

const struct roster *
serving_roster(const struct serving *s)
{
	return s->has_roster ? &s->roster : NULL;
}

size_t
serving_behind_count(const struct serving *s)
{
	return s->behind;
}

size_t
serving_open_count(const struct serving *s)
{
	return s->open;
}

const char *
serving_data_dir(const struct serving *s)
{
	return s->data_dir;
}
