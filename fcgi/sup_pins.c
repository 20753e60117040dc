/* sup_pins.c - tenants held on a generation, and rolled back to one. */
#include "sup.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation.h"
#include "log.h"

/* A list that cannot be read hinders nobody from starting: it is set aside for people. */
void
sup_pins_open(struct sup *s)
{
	const char *data = s->conf.global.data_dir;
	char path[PATH_MAX], aside[PATH_MAX];
	struct err e;

	if (pins_load(&s->pins, data, &e) == 0)
		return;
	log_error("pins forgotten: %s", e.text);
	if (snprintf(path, sizeof path, "%s/pins", data) < (int)sizeof path &&
	    snprintf(aside, sizeof aside, "%s/pins.damaged", data) < (int)sizeof aside &&
	    rename(path, aside) == 0)
		log_error("the file is kept as %s", aside);
}

void
sup_pins_forget(struct sup *s, const char *tenant)
{
	struct err e;

	if (pins_forget(&s->pins, tenant) &&
	    pins_save(&s->pins, s->conf.global.data_dir, &e) == -1)
		log_error("pins not written: %s", e.text);
}

/* Old generations may be elsewhere, above all those of a tenant that is cold. */
static const char *
store_hint(const struct sup *s)
{
	return s->conf.object_store_count > 0 ?
	    ": ragpool-objects list says what the object store has, fetch brings it here" :
	    "";
}

/* What serves is not left for what the object store alone has: it has to be fetched first. */
static int
check_is_here(const struct sup *s, const char *tenant, const char *generation, struct err *e)
{
	const struct live_tenant *l = live_find(&s->live, tenant);

	if (l == NULL || cold_is_out(&l->cold) ||
	    !generation_is_away(s->conf.global.data_dir, tenant, generation))
		return 0;
	return err_set(e, ERR_NOT_FOUND,
	    "generation %s of %s is in the object store alone: ragpool-objects fetch brings it back",
	    generation, tenant);
}

/* It is on this host, readable, and may serve. */
static int
check_candidate(const struct sup *s, const char *tenant, const char *generation, struct err *e)
{
	const struct quarantine_entry *q;
	char dir[PATH_MAX];
	struct manifest m;

	if (generation_name_check(generation, e) == -1 ||
	    generation_dir(dir, s->conf.global.data_dir, tenant, generation, e) == -1)
		return -1;
	if (!file_is_folder(dir))
		return err_set(e, ERR_NOT_FOUND, "%s has no generation %s on this host%s", tenant,
		    generation, store_hint(s));
	if (manifest_read(&m, dir, NULL, e) == -1 ||
	    check_is_here(s, tenant, generation, e) == -1)
		return -1;
	if ((q = quarantine_find(&s->quarantine, tenant, generation)) != NULL)
		return err_set(e, ERR_UNAVAILABLE,
		    "generation %s is quarantined: %s (ragpool retry %s lifts that)", generation,
		    q->reason, tenant);
	return 0;
}

static struct live_tenant *
find_tenant(const struct sup *s, const char *tenant, struct err *e)
{
	struct live_tenant *t = live_find(&s->live, tenant);

	if (t == NULL)
		err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	return t;
}

int
sup_pin_set(struct sup *s, const char *tenant, const char *generation, enum pin_origin origin,
    struct err *e)
{
	struct live_tenant *t = find_tenant(s, tenant, e);
	const struct pin *was = pins_find(&s->pins, tenant, origin);
	char before[GENERATION_NAME_BYTES] = "";
	bool changed, undone;

	if (t == NULL || (generation != NULL && check_candidate(s, tenant, generation, e) == -1))
		return -1;
	sup_gate_look(s, tenant);	/* a pointer that was moved is not followed by the way */
	if (was != NULL)
		memcpy(before, was->generation, sizeof before);
	if (pins_set(&s->pins, tenant, generation, origin, &changed, e) == -1)
		return -1;
	if (!changed)
		return 0;
	if (pins_save(&s->pins, s->conf.global.data_dir, e) == -1) {
		pins_set(&s->pins, tenant, before[0] != '\0' ? before : NULL, origin, &undone, NULL);
		return -1;
	}
	log_info("%s tenant=%s generation=%s by=%s", generation != NULL ? "pinned" : "unpinned",
	    tenant, generation != NULL ? generation : before, pin_origin_name(origin));
	sup_tenants_refresh_urgently(s, tenant);
	return 0;
}

/* The newest generation older than the live one that may serve. */
static int
find_previous(const struct sup *s, const struct live_tenant *t, char out[GENERATION_NAME_BYTES],
    struct err *e)
{
	char(*names)[GENERATION_NAME_BYTES] = NULL;
	size_t count, i = 0;
	int rc;

	if (generation_list(&names, &count, s->conf.global.data_dir, t->name, e) == -1)
		return -1;
	while (i < count &&
	    (generation_seq(names[i]) >= generation_seq(t->generation) ||
		check_candidate(s, t->name, names[i], NULL) == -1))
		i++;
	if (i < count) {
		memcpy(out, names[i], GENERATION_NAME_BYTES);
		rc = 0;
	} else {
		rc = err_set(e, ERR_NOT_FOUND,
		    "%s has no older generation on this host that may serve%s", t->name,
		    store_hint(s));
	}
	free(names);
	return rc;
}

static int
choose_target(const struct sup *s, const struct live_tenant *t, const char *to,
    char out[GENERATION_NAME_BYTES], struct err *e)
{
	const struct pin *pin = pins_of(&s->pins, t->name);

	if (pin != NULL)
		return err_set(e, ERR_BUSY, "%s is pinned on %s by %s: unpin it, or pin another",
		    t->name, pin->generation, pin_origin_name(pin->origin));
	if (t->generation[0] == '\0')
		return err_set(e, ERR_NOT_READY, "%s serves no generation yet", t->name);
	if (to == NULL)
		return find_previous(s, t, out, e);
	if (check_candidate(s, t->name, to, e) == -1)
		return -1;
	if (strcmp(to, t->generation) == 0)
		return err_set(e, ERR_INPUT, "%s serves %s already", t->name, to);
	snprintf(out, GENERATION_NAME_BYTES, "%s", to);
	return 0;
}

int
sup_rollback(struct sup *s, const char *tenant, const char *to, const char *reason,
    struct err *e)
{
	struct live_tenant *t = find_tenant(s, tenant, e);
	char target[GENERATION_NAME_BYTES], from[GENERATION_NAME_BYTES];
	char version[VERSION_BYTES + 1];

	if (t == NULL || choose_target(s, t, to, target, e) == -1 ||
	    generation_set_current(s->conf.global.data_dir, tenant, target, e) == -1)
		return -1;
	sup_gate_drop(s, tenant);
	memcpy(from, t->generation, sizeof from);
	memcpy(version, t->version, sizeof version);
	/* The pointer first: killed in between, nothing names what is quarantined. */
	sup_quarantine_add(s, tenant, from, reason);
	log_warn("rolled back tenant=%s from=%s to=%s: %s", tenant, from, target, reason);
	sup_tenants_refresh_urgently(s, tenant);
	sup_fleet_rolled_back(s, tenant, target, version);
	return 0;
}
