/* sup_tenants.c - documents that changed, pointers that moved. */
#include "sup.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "asked.h"
#include "generation.h"
#include "log.h"

static struct live_tenant *
refresh(struct sup *s, const char *tenant, bool *changed)
{
	const struct live_rules rules = {.pins = &s->pins, .quarantine = &s->quarantine,
	    .is_confined = s->conf.global.confine_workers};
	struct live_tenant *l;
	struct err e;

	if (live_refresh(&s->live, s->conf.global.data_dir, tenant, &rules, changed, &e) == -1) {
		log_error("tenant=%s: %s", tenant, e.text);
		return NULL;
	}
	l = live_find(&s->live, tenant);
	if (*changed && sup_poison_lift(s, tenant, l->generation))
		log_info("tenant=%s is served again: generation %s", tenant, l->generation);
	return l;
}

const struct live_tenant *
sup_tenants_refresh(struct sup *s, const char *tenant)
{
	bool changed = false;
	const struct live_tenant *l = refresh(s, tenant, &changed);

	if (changed)
		sup_roll_want(s);
	return l;
}

const struct live_tenant *
sup_tenants_refresh_urgently(struct sup *s, const char *tenant)
{
	bool changed = false;
	struct live_tenant *l = refresh(s, tenant, &changed);

	if (changed && l != NULL)
		sup_roll_want_urgently(s, l);
	return l;
}

const struct quarantine_entry *
sup_tenants_held_back(const struct sup *s, const char *tenant, const char *version)
{
	const struct quarantine_entry *q;
	char dir[PATH_MAX];
	struct manifest m;
	size_t count;

	q = quarantine_of(&s->quarantine, tenant, &count);
	for (size_t i = 0; q != NULL && i < count; i++)
		if (generation_dir(dir, s->conf.global.data_dir, tenant, q[i].generation, NULL) ==
			0 &&
		    manifest_read(&m, dir, NULL, NULL) == 0 &&
		    strcmp(m.config_version, version) == 0)
			return &q[i];
	return NULL;
}

/* Tells the build scheduler what is wanted and what is there.  A pin does not count: what
 * is built under it waits for its end. */
static void
schedule(struct sup *s, const struct catalog_tenant *t, const struct live_tenant *l)
{
	bool have = (l != NULL && l->pointer[0] != '\0' &&
			strcmp(l->built, t->config.version) == 0) ||
	    sup_tenants_held_back(s, t->name, t->config.version) != NULL ||
	    sup_fleet_has_version(s, t->name, t->config.version, t->revision);
	struct err e;

	if (builds_want(&s->builds, t->name, t->config.version, t->hash, have, &e) == -1)
		log_error("tenant=%s: %s", t->name, e.text);
}

static void
follow(struct sup *s, const struct catalog_tenant *t)
{
	sup_gate_look(s, t->name);
	schedule(s, t, sup_tenants_refresh(s, t->name));
}

static void
on_changed(struct sup *s, const char *name)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, name);
	const struct live_tenant *l = live_find(&s->live, name);

	if (t == NULL || t->document == NULL)
		return;
	/* Back to what serves: what was made of another document is not wanted any more. */
	if (l != NULL && l->pointer[0] != '\0' && strcmp(l->built, t->config.version) == 0)
		sup_gate_drop(s, name);
	follow(s, t);
	sup_inbox_look(s, name);
}

static void
on_removed(struct sup *s, const char *name)
{
	log_info("tenant removed tenant=%s", name);
	if (builds_forget(&s->builds, name))
		sup_builds_cancel(s, name);
	sup_gate_drop(s, name);
	sup_pins_forget(s, name);
	sup_fleet_forget(s, name);
	asked_forget(s->conf.global.data_dir, name);
	sup_poison_lift(s, name, NULL);
	if (live_remove(&s->live, name))
		sup_roll_want(s);
}

static void
on_refused(struct sup *s, const char *name)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, name);

	if (t != NULL && t->refusal.code != ERR_NONE)
		log_error("document refused tenant=%s origin=%s%s%s: %s", name,
		    catalog_origin_name(t->origin), t->alert != ALERT_NONE ? " alert=" : "",
		    catalog_alert_name(t->alert), t->refusal.text);
}

static void
take_changes(struct sup *s)
{
	struct catalog_change c;

	while (catalog_next_change(s->catalog, &c)) {
		switch (c.kind) {
		case CATALOG_CHANGED:
			on_changed(s, c.tenant);
			break;
		case CATALOG_REMOVED:
			on_removed(s, c.tenant);
			break;
		case CATALOG_REFUSED:
			on_refused(s, c.tenant);
			break;
		case CATALOG_GONE:
			log_warn("document gone from its source, kept tenant=%s", c.tenant);
			break;
		case CATALOG_BACK:
			log_info("document back tenant=%s", c.tenant);
			break;
		case CATALOG_CHANGE_MAX:
			break;
		}
	}
}

int
sup_tenants_open(struct sup *s, struct err *e)
{
	const struct conf *c = &s->conf;
	size_t skipped;

	if (catalog_new(&s->catalog, c->global.data_dir, e) == -1 ||
	    catalog_load_lkg(s->catalog, &skipped, e) == -1)
		return -1;
	if (skipped > 0)
		log_warn("%zu last known good documents are damaged: passed over", skipped);
	if (tenants_dir_open(&s->dir, c->global.tenants_dir, s->catalog, s->now_ms, e) == -1)
		return -1;
	if (tenants_dir_trouble(s->dir)->code != ERR_NONE)
		log_warn("%s", tenants_dir_trouble(s->dir)->text);
	if (c->consul.address[0] != '\0' &&
	    consul_start(&s->consul, &c->consul, s->multi, s->catalog, s->now_ms, e) == -1)
		return -1;
	if (sup_fleet_open(s, e) == -1)
		return -1;
	take_changes(s);
	return 0;
}

void
sup_tenants_close(struct sup *s)
{
	sup_fleet_close(s);
	if (s->consul != NULL)
		consul_stop(s->consul);
	if (s->dir != NULL)
		tenants_dir_close(s->dir);
	catalog_free(s->catalog);
	s->consul = NULL;
	s->dir = NULL;
	s->catalog = NULL;
}

static void
turn_consul(struct sup *s)
{
	const struct consul_status *st;
	const CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(s->multi, &left)) != NULL)
		if (s->consul != NULL && !consul_on_done(s->consul, message, s->now_ms))
			sup_fleet_on_done(s, message);
	if (s->consul == NULL)
		return;
	if (consul_timeout(s->consul, s->now_ms) == 0)
		consul_tick(s->consul, s->now_ms);
	if (!consul_state_changed(s->consul))
		return;
	st = consul_status(s->consul);
	log_line(st->state == CONSUL_WATCHING ? LOG_INFO : LOG_WARN,
	    "consul %s index=%" PRIu64 " keys=%zu%s%s", consul_state_name(st->state), st->index,
	    st->keys, st->trouble.code != ERR_NONE ? ": " : "",
	    st->trouble.code != ERR_NONE ? st->trouble.text : "");
}

void
sup_tenants_turn(struct sup *s)
{
	tenants_dir_on_readable(s->dir, s->now_ms);
	if (tenants_dir_timeout(s->dir, s->now_ms) == 0)
		tenants_dir_tick(s->dir, s->now_ms);
	turn_consul(s);
	take_changes(s);
}

void
sup_tenants_refresh_all(struct sup *s)
{
	tenants_dir_rescan(s->dir, s->now_ms);
	if (s->consul != NULL)
		consul_poke(s->consul, s->now_ms);
	for (size_t i = 0; i < catalog_count(s->catalog); i++) {
		const struct catalog_tenant *t = catalog_at(s->catalog, i);
		if (t->document != NULL)
			follow(s, t);
	}
}

static int
check_quarantine(const struct sup *s, const char *tenant, const char *generation, struct err *e)
{
	const struct quarantine_entry *q = quarantine_find(&s->quarantine, tenant, generation);

	if (q == NULL)
		return 0;
	return err_set(
	    e, ERR_UNAVAILABLE, "generation %s is quarantined: %s", generation, q->reason);
}

int
sup_tenants_flip(struct sup *s, const char *tenant, const char *generation, struct err *e)
{
	if (check_quarantine(s, tenant, generation, e) == -1)
		return -1;
	if (sup_fleet_offers(s, tenant, generation))
		return 0;
	return sup_tenants_flip_here(s, tenant, generation, e);
}

void
sup_tenants_reconsider(struct sup *s, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);

	if (t != NULL && t->document != NULL)
		schedule(s, t, live_find(&s->live, tenant));
}

int
sup_tenants_flip_here(struct sup *s, const char *tenant, const char *generation, struct err *e)
{
	const struct live_tenant *t;

	if (check_quarantine(s, tenant, generation, e) == -1)
		return -1;
	if (generation_set_current(s->conf.global.data_dir, tenant, generation, e) == -1)
		return -1;
	if ((t = sup_tenants_refresh(s, tenant)) == NULL || strcmp(t->pointer, generation) != 0)
		return err_set(e, ERR_CORRUPT, "generation %s: %s", generation,
		    t != NULL ? t->trouble : "no memory");
	return 0;
}
