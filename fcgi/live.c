/* live.c - which generation of each tenant the pointers on disk name. */
#include "live.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
live_fini(struct live *l)
{
	free(l->at);
	*l = (struct live){0};
}

/* The index of the first tenant not before `name`. */
static size_t
place_of(const struct live *l, const char *name)
{
	size_t low = 0, high = l->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(l->at[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct live_tenant *
live_find(const struct live *l, const char *tenant)
{
	size_t at = place_of(l, tenant);

	return at < l->count && strcmp(l->at[at].name, tenant) == 0 ? &l->at[at] : NULL;
}

static struct live_tenant *
insert(struct live *l, const char *tenant, struct err *e)
{
	size_t at = place_of(l, tenant), room;
	struct live_tenant *grown;

	if (l->count == l->room) {
		room = l->room == 0 ? 64 : l->room * 2;
		if ((grown = reallocarray(l->at, room, sizeof *grown)) == NULL) {
			err_sys(e, ERR_NOMEM, "tenants");
			return NULL;
		}
		l->at = grown;
		l->room = room;
	}
	memmove(&l->at[at + 1], &l->at[at], (l->count - at) * sizeof l->at[0]);
	l->count++;
	l->at[at] = (struct live_tenant){0};
	snprintf(l->at[at].name, sizeof l->at[at].name, "%s", tenant);
	return &l->at[at];
}

/* Takes over what the manifest of the generation says; on failure nothing changes. */
static int
take_generation(struct live_tenant *t, const char *data_dir, const char *name, struct err *e)
{
	char dir[PATH_MAX];
	struct manifest m;

	if (generation_dir(dir, data_dir, t->name, name, e) == -1 ||
	    manifest_read(&m, dir, NULL, e) == -1)
		return -1;
	snprintf(t->generation, sizeof t->generation, "%s", name);
	snprintf(t->version, sizeof t->version, "%s", m.config_version);
	snprintf(t->embedder, sizeof t->embedder, "%s", m.embedder);
	t->documents = m.documents;
	t->chunks = m.chunks;
	t->is_swept = false;
	t->cold_trouble[0] = '\0';
	t->cold = (struct cold){
	    .state = generation_is_away(data_dir, t->name, name) ? COLD_AWAY : COLD_WARM};
	return 0;
}

static int
check_quarantine(const struct quarantine *q, const char *tenant, const char *name, struct err *e)
{
	const struct quarantine_entry *entry = q != NULL ? quarantine_find(q, tenant, name) : NULL;

	return entry == NULL ?
	    0 :
	    err_set(e, ERR_UNAVAILABLE, "generation %s is quarantined: %s", name, entry->reason);
}

/* What `current` names, with its version; "" for both when it cannot be read. */
static int
read_pointer(struct live_tenant *t, const char *data_dir, struct err *e)
{
	char name[GENERATION_NAME_BYTES] = "", dir[PATH_MAX];
	struct manifest m;

	if (generation_current(name, data_dir, t->name, e) == 0 && strcmp(name, t->pointer) == 0)
		return 0;
	t->pointer[0] = t->built[0] = '\0';
	if (name[0] == '\0' || generation_dir(dir, data_dir, t->name, name, e) == -1 ||
	    manifest_read(&m, dir, NULL, e) == -1)
		return -1;
	snprintf(t->pointer, sizeof t->pointer, "%s", name);
	snprintf(t->built, sizeof t->built, "%s", m.config_version);
	return 0;
}

static int
follow(struct live_tenant *t, const char *data_dir, const char *name,
    const struct live_rules *rules, bool *changed, struct err *e)
{
	if (check_quarantine(rules->quarantine, t->name, name, e) == -1)
		return -1;
	if (strcmp(name, t->generation) == 0)
		return 0;
	if (take_generation(t, data_dir, name, e) == -1)
		return -1;
	*changed = true;
	return 0;
}

/* The pin when there is one, else the pointer. */
static void
follow_rules(struct live_tenant *t, const char *data_dir, const struct live_rules *rules,
    bool *changed, struct err *why)
{
	const struct pin *pin = rules->pins != NULL ? pins_of(rules->pins, t->name) : NULL;
	bool has_pointer = read_pointer(t, data_dir, why) == 0;

	if (pin != NULL) {
		err_clear(why);
		if (follow(t, data_dir, pin->generation, rules, changed, why) == 0)
			return;
		err_prefix(why, "pinned on %s", pin->generation);
		if (has_pointer && t->generation[0] == '\0')
			follow(t, data_dir, t->pointer, rules, changed, NULL);
	} else if (has_pointer) {
		follow(t, data_dir, t->pointer, rules, changed, why);
	}
}

/* Workers give up what lies outside of the data folder: where they serve, one that is restarted
 * will not. */
static void
check_folder(const struct live_tenant *t, const char *data_dir, struct err *why)
{
	char dir[PATH_MAX], real[PATH_MAX], top[PATH_MAX];
	size_t n;

	if (generation_tenant_dir(dir, data_dir, t->name, NULL) == -1 ||
	    realpath(dir, real) == NULL || realpath(data_dir, top) == NULL)
		return;
	n = strlen(top);
	if (strncmp(real, top, n) != 0 || (real[n] != '/' && n > 1))
		err_set(why, ERR_PERMISSION,
		    "%s leads out of the data folder, where workers may not read", dir);
}

int
live_refresh(struct live *l, const char *data_dir, const char *tenant,
    const struct live_rules *rules, bool *changed, struct err *e)
{
	struct live_tenant *t = live_find(l, tenant);
	struct err why;

	*changed = t == NULL;
	if (t == NULL && (t = insert(l, tenant, e)) == NULL)
		return -1;
	err_clear(&why);
	follow_rules(t, data_dir, rules, changed, &why);
	if (why.code == ERR_NOT_READY)
		err_clear(&why);
	if (rules->is_confined && why.code == ERR_NONE)
		check_folder(t, data_dir, &why);
	snprintf(t->trouble, sizeof t->trouble, "%s", why.text);
	return 0;
}

int
live_put_back(struct live *l, const char *data_dir, const char *tenant, const char *generation,
    struct err *e)
{
	struct live_tenant *t = live_find(l, tenant);

	if (t == NULL)
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	if (generation != NULL)
		return take_generation(t, data_dir, generation, e);
	t->generation[0] = t->version[0] = t->embedder[0] = '\0';
	t->documents = t->chunks = 0;
	return 0;
}

bool
live_remove(struct live *l, const char *tenant)
{
	struct live_tenant *t = live_find(l, tenant);
	size_t at;

	if (t == NULL)
		return false;
	at = (size_t)(t - l->at);
	memmove(t, t + 1, (l->count - at - 1) * sizeof *t);
	l->count--;
	return true;
}

/* Where the tenant stands in the roster to be written. */
static int
add_tenant(
    const struct live_tenant *t, struct roster *r, const struct roster *base, struct err *e)
{
	const char *generation = t->generation[0] != '\0' ? t->generation : NULL;
	bool is_cold = generation != NULL && cold_is_out(&t->cold);
	const struct roster_entry *was;

	if (base != NULL && !t->is_urgent) {
		was = roster_find(base, t->name);
		generation =
		    was != NULL && was->state != ROSTER_BUILDING ? was->generation : NULL;
		is_cold = was != NULL && was->state == ROSTER_COLD;
	}
	return is_cold ? roster_add_cold(r, t->name, generation, e)
		       : roster_add(r, t->name, generation, e);
}

int
live_roster(const struct live *l, struct roster *r, uint64_t epoch, const struct roster *base,
    struct err *e)
{
	*r = (struct roster){.epoch = epoch};
	for (size_t i = 0; i < l->count; i++)
		if (add_tenant(&l->at[i], r, base, e) == -1)
			return -1;
	return 0;
}
