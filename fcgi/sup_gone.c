/* sup_gone.c - data of tenants that were deleted by a client goes, when no worker needs it.
 *
 * DATA/gone/<tenant> says that it may go, across a restart.  It is made by whoever was asked,
 * and by the other hosts on one Consul when the key PREFIX{tenant}/gone tells them
 * (consul_gone.h), also by one that was down.  When they let go of the tenant the catalog
 * decides, as of any other whose document vanished; one without that key keeps its data.
 */
#include "sup.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "consul_gone.h"
#include "consul_kv.h"
#include "file.h"
#include "file_area.h"
#include "log.h"
#include "sup_fleet.h"
#include "tenant.h"

enum {
	LOOK_MS = 1000,		/* until those that are gone are looked at again */
	SOON_MS = 20,
	FILES_A_TURN = 500,	/* removed in one turn of the loop */
	DROPS_A_READING = 8,	/* keys removed: each makes another reading */
	GONE_MODE = 0750,
};

/* ---- marks ---- */

static int
gone_path(const struct sup *s, const char *tenant, char out[PATH_MAX], struct err *e)
{
	char folder[PATH_MAX];

	return file_join(folder, sizeof folder, s->conf.global.data_dir, "gone", e) == -1 ||
		file_make_folder(folder, GONE_MODE, e) == -1 ?
	    -1 :
	    file_join(out, PATH_MAX, folder, tenant, e);
}

int
sup_gone_mark(struct sup *s, const char *tenant, struct err *e)
{
	char path[PATH_MAX];

	return gone_path(s, tenant, path, e) == -1 ? -1 : file_replace(path, "", 0, 0640, e);
}

void
sup_gone_unmark(struct sup *s, const char *tenant)
{
	char path[PATH_MAX];

	if (gone_path(s, tenant, path, NULL) == 0)
		unlink(path);
}

void
sup_gone_look(struct sup *s)
{
	s->purge_due_ms = s->now_ms + LOOK_MS;
}

/* ---- keys of the fleet ---- */

static struct gone_view
view_of(const struct sup *s, const struct consul_set *set, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);
	struct gone_view v = {
	    .is_listed = consul_item_find(set->items, set->count, tenant) != NULL};

	if (t != NULL && t->origin == ORIGIN_CONSUL && t->document != NULL) {
		v.has_vanished = t->gone;
		v.revision = t->revision;
	}
	return v;
}

static void
mark_for_another(struct sup *s, const char *tenant, const struct consul_gone *g)
{
	char path[PATH_MAX];
	struct err e;

	if (gone_path(s, tenant, path, NULL) == 0 && access(path, F_OK) == 0)
		return;
	if (sup_gone_mark(s, tenant, &e) == -1) {
		log_error("tenant=%s: %s", tenant, e.text);
		return;
	}
	log_info("deleted by a client of another host tenant=%s host=%s", tenant, g->host);
	sup_gone_look(s);
}

static void
on_key_dropped(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;

	(void)ticket;
	if (r->status == 403 || strstr(r->body, "ermission denied") != NULL)
		s->fleet->gone_denied_ms = now_ms + FLEET_DENIED_MS;
}

/* Whoever is first; check-and-set keeps a newer one.  With it goes what a host may have said
 * of the tenant after it was deleted, unless it is there again. */
static bool
drop_key(struct sup *s, const char *tenant, uint64_t index, bool is_listed)
{
	const char *prefix = s->conf.consul.prefix;
	char body[1600];
	int n = snprintf(body, sizeof body,
	    "[{\"KV\":{\"Verb\":\"delete-cas\",\"Key\":\"%s%s/gone\",\"Index\":%" PRIu64 "}}", prefix,
	    tenant, index);

	if (!is_listed)
		n += snprintf(body + n, sizeof body - (size_t)n,
		    ",{\"KV\":{\"Verb\":\"delete-tree\",\"Key\":\"%s%s/status/\"}}", prefix, tenant);
	snprintf(body + n, sizeof body - (size_t)n, "]");
	return fleet_call(s, "PUT", "txn", NULL, body, on_key_dropped, 0) == 0;
}

void
fleet_take_gone(struct sup *s, const struct consul_set *set)
{
	unsigned drops = s->now_ms >= s->fleet->gone_denied_ms ? DROPS_A_READING : 0;
	int64_t now_s = (int64_t)time(NULL);

	for (size_t i = 0; i < set->gone_count; i++) {
		const struct consul_item *item = &set->gones[i];
		struct gone_view v = view_of(s, set, item->tenant);
		struct consul_gone g;
		enum gone_step step;
		if (item->document == NULL ||
		    consul_gone_parse(&g, item->document, item->document_bytes, item->revision,
			NULL) == -1)
			continue;
		step = consul_gone_decide(&g, &v, now_s);
		if (step == GONE_MARK)
			mark_for_another(s, item->tenant, &g);
		else if (step == GONE_DROP && drops > 0)
			drops -= drop_key(s, item->tenant, g.index, v.is_listed);
	}
}

/* ---- removing ---- */

/* Removes what is below a folder, and it; false: the budget is used up, there is more. */
static bool
remove_some(const char *path, unsigned *budget)
{
	struct dirent *entry;
	char below[PATH_MAX];
	struct stat st;
	DIR *dir;
	bool all = true;

	if ((dir = opendir(path)) == NULL)
		return true;
	while (all && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    file_join(below, sizeof below, path, entry->d_name, NULL) == -1 ||
		    lstat(below, &st) == -1)
			continue;
		if (*budget == 0)
			all = false;
		else if (S_ISDIR(st.st_mode))
			all = remove_some(below, budget);
		else if (unlink(below) == 0)
			--*budget;
	}
	closedir(dir);
	if (all)
		rmdir(path);
	return all;
}

/* A build, a probe or a transfer may still write there, a worker may still be asked for it. */
static bool
is_needed(const struct sup *s, const char *tenant)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid != 0 && strcmp(s->runs[i].tenant, tenant) == 0)
			return true;
	for (int i = 0; i < PROBES_MAX; i++)
		if (s->probes[i].child.pid != 0 && strcmp(s->probes[i].tenant, tenant) == 0)
			return true;
	for (int i = 0; s->fleet != NULL && i < TRANSFERS_MAX; i++)
		if (s->fleet->transfers[i].child.pid != 0 &&
		    strcmp(s->fleet->transfers[i].tenant, tenant) == 0)
			return true;
	return roll_is_busy(&s->roll) || !sup_sweep_is_even(s) ||
	    roster_find(&s->roster, tenant) != NULL;
}

/* Empty files in its name. */
static void
remove_traces(const struct sup *s, const char *tenant)
{
	static const char *const places[] = {".bell", ".asked"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(path, sizeof path, "%s/inbox/%s/%s", s->conf.global.data_dir, places[i],
		    tenant);
		unlink(path);
	}
}

/* False: it is to be looked at again. */
static bool
purge(struct sup *s, const char *tenant, unsigned *budget)
{
	char area[UPLOAD_AREA_BYTES], path[PATH_MAX];
	const char *const places[][2] = {
	    {"tenants", tenant}, {"inbox", tenant}, {UPLOADS_FOLDER, area}};
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);

	if (t != NULL && t->gone)
		return false;			/* not yet believed */
	if (t != NULL) {
		sup_gone_unmark(s, tenant);	/* it is there again, or never went */
		return true;
	}
	if (is_needed(s, tenant))
		return false;
	file_area_of_tenant(tenant, area);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", s->conf.global.data_dir, places[i][0],
		    places[i][1]);
		if (!remove_some(path, budget) || file_is_folder(path))
			return false;
	}
	remove_traces(s, tenant);
	sup_gone_unmark(s, tenant);
	log_info("data removed tenant=%s", tenant);
	return true;
}

struct purging {
	struct sup *s;
	unsigned budget;
	bool is_left;
};

static int
purge_name(void *context, int folder, const char *name, struct err *e)
{
	struct purging *p = context;

	(void)folder;
	(void)e;
	if (tenant_name_is_valid(name, strlen(name)))
		p->is_left |= !purge(p->s, name, &p->budget);
	return 0;
}

static void
purge_all(struct sup *s)
{
	struct purging p = {.s = s, .budget = FILES_A_TURN};
	char folder[PATH_MAX];

	if (file_join(folder, sizeof folder, s->conf.global.data_dir, "gone", NULL) == -1 ||
	    file_each_name(folder, purge_name, &p, NULL) == -1)
		p.is_left = true;
	s->purge_due_ms = !p.is_left ? 0 :
				       s->now_ms + (p.budget == 0 ? SOON_MS : LOOK_MS);
}

void
sup_gone_turn(struct sup *s)
{
	if (s->purge_due_ms != 0 && s->now_ms >= s->purge_due_ms)
		purge_all(s);
}

int64_t
sup_gone_due(const struct sup *s)
{
	return s->purge_due_ms != 0 ? s->purge_due_ms : INT64_MAX;
}
