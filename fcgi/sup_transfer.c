/* sup_transfer.c - generations on their way to the object store and back. */
#include "sup_fleet.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static int
start(struct sup *s, struct transfer *r, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	const char *argv[] = {"ragpool-objects", r->is_fetch ? "fetch" : "publish", "--config",
	    s->conf.path, "--store", s->conf.consul.object_store, "--data", g->data_dir,
	    "--tenant", r->tenant, "--generation", r->generation, NULL};

	return child_start(
	    &r->child, g->objects_program, argv, s->now_ms, g->build_timeout_ms, e);
}

/* When all places are taken, one that becomes free brings the tenant's turn again. */
void
fleet_transfer(struct sup *s, struct fleet_tenant *t, bool is_fetch)
{
	const char *pinned = pins_find(&s->pins, t->name, PIN_CONSUL) == NULL ? t->pin : "";
	struct transfer *r = NULL;
	struct err e;

	for (int i = 0; i < TRANSFERS_MAX && r == NULL; i++)
		if (s->fleet->transfers[i].child.pid == 0)
			r = &s->fleet->transfers[i];
	if (r == NULL)
		return;
	r->is_fetch = is_fetch;
	memcpy(r->tenant, t->name, sizeof r->tenant);
	memcpy(r->generation,
	    !is_fetch ? t->own : pinned[0] != '\0' ? pinned : t->key.generation,
	    sizeof r->generation);
	if (start(s, r, &e) == -1) {
		log_error("%s tenant=%s: %s", is_fetch ? "fetch" : "publish", t->name, e.text);
		snprintf(t->waits, sizeof t->waits, "%.255s", e.text);
		fleet_back_off(t, s->now_ms);
		return;
	}
	t->is_busy = true;
	snprintf(t->waits, sizeof t->waits, "generation %s is %s", r->generation,
	    is_fetch ? "being fetched" : "on its way to the object store");
	log_info("%s begins tenant=%s generation=%s pid=%d", is_fetch ? "fetch" : "publish",
	    r->tenant, r->generation, (int)r->child.pid);
}

static void
end_badly(struct sup *s, struct transfer *r, struct fleet_tenant *t)
{
	const struct catalog_tenant *c = catalog_find(s->catalog, t->name);
	struct err e;

	child_reason(&r->child, r->is_fetch ? "fetch" : "publish", &e);
	log_error("%s failed tenant=%s generation=%s: %s", r->is_fetch ? "fetch" : "publish",
	    r->tenant, r->generation, e.text);
	snprintf(t->waits, sizeof t->waits, "generation %s could not be %s: %.150s",
	    r->generation, r->is_fetch ? "fetched" : "published", e.text);
	if (!r->is_fetch) {
		t->publish_tries++;
		fleet_back_off(t, s->now_ms);
		return;
	}
	/* what can be built here need not wait for a store that fails */
	if (c != NULL && c->document != NULL && t->key.version[0] != '\0' &&
	    strcmp(c->config.version, t->key.version) == 0) {
		t->was_fetched_in_vain = true;
		sup_tenants_reconsider(s, t->name);
		return;
	}
	fleet_back_off(t, s->now_ms);
}

static void
end(struct sup *s, struct transfer *r)
{
	struct fleet_tenant *t = fleet_find(&s->fleet->tenants, r->tenant);

	s->fleet->is_dirty = true;
	if (t != NULL) {
		t->is_busy = false;
		if (!child_is_well(&r->child)) {
			end_badly(s, r, t);
		} else {
			log_info("%s done tenant=%s generation=%s", r->is_fetch ? "fetch" : "publish",
			    r->tenant, r->generation);
			t->waits[0] = '\0';
			t->is_published |=
			    !r->is_fetch && strcmp(t->own, r->generation) == 0;
		}
	}
	child_fini(&r->child);
}

void
fleet_transfers_turn(struct sup *s)
{
	for (int i = 0; i < TRANSFERS_MAX; i++) {
		struct transfer *r = &s->fleet->transfers[i];
		if (r->child.pid == 0)
			continue;
		child_read(&r->child);
		if (r->child.is_ended)
			end(s, r);
		else if (child_check_time(&r->child, s->now_ms))
			log_warn("%s tenant=%s: over its time, stopped",
			    r->is_fetch ? "fetch" : "publish", r->tenant);
	}
}

bool
sup_fleet_reap(struct sup *s, pid_t pid, int status)
{
	for (int i = 0; s->fleet != NULL && i < TRANSFERS_MAX; i++)
		if (child_reap(&s->fleet->transfers[i].child, pid, status))
			return true;
	return false;
}

bool
sup_fleet_any(const struct sup *s)
{
	for (int i = 0; s->fleet != NULL && i < TRANSFERS_MAX; i++)
		if (s->fleet->transfers[i].child.pid != 0)
			return true;
	return false;
}

void
sup_fleet_stop(struct sup *s, bool fast)
{
	for (int i = 0; s->fleet != NULL && i < TRANSFERS_MAX; i++)
		child_stop(&s->fleet->transfers[i].child, fast, s->now_ms);
}

size_t
sup_fleet_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	for (int i = 0; s->fleet != NULL && i < TRANSFERS_MAX; i++) {
		const struct child *c = &s->fleet->transfers[i].child;
		if (c->pid != 0 && c->out_fd != -1)
			fds[n++] =
			    (struct curl_waitfd){.fd = c->out_fd, .events = CURL_WAIT_POLLIN};
	}
	return n;
}
