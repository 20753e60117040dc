/* status.c - the whole truth as JSON, for the control socket.
 *
 * Every member is described in ragpool(1); nothing here changes anything.
 */
#include "status.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "board_json.h"
#include "clk.h"
#include "config.h"
#include "file.h"
#include "generation.h"
#include "json.h"
#include "progress.h"

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "\"%s\":", name);
	json_put_text(b, text, strlen(text));
}

static void
put_or_null(struct buf *b, const char *name, const char *text)
{
	if (text[0] != '\0')
		put_text(b, name, text);
	else
		buf_addf(b, "\"%s\":null", name);
}

static void
put_worker(const struct sup *s, unsigned i, struct buf *b)
{
	const struct worker *w = &s->workers[i];
	const struct board_slot *t = &s->board.slots[i];
	int64_t request = atomic_load(&t->request_ns);
	char refusal[TENANT_NAME_BYTES + BOARD_TEXT_BYTES + 4] = "";

	if (atomic_load(&t->refused) > 0)
		snprintf(refusal, sizeof refusal, "%.*s%s%.*s", TENANT_NAME_BYTES, t->refused_tenant,
		    t->refused_tenant[0] != '\0' ? ": " : "", BOARD_TEXT_BYTES, t->refusal);
	buf_addf(b, "{\"slot\":%u,\"pid\":%d,", i, (int)w->pid);
	put_text(b, "pool", s->pools[w->pool].conf->name);
	buf_addc(b, ',');
	put_text(b, "phase", slot_phase_name(w->slot.phase));
	buf_addc(b, ',');
	put_text(b, "state", board_state_name(atomic_load(&t->state)));
	buf_addc(b, ',');
	put_text(b, "step",
	    roll_is_moving(&s->roll) ? roll_step_name(s->roll.workers[i].step) : "none");
	buf_addf(b, ",\"surge\":%s", w->is_surge ? "true" : "false");
	buf_addf(b,
	    ",\"epoch\":%" PRIu64 ",\"requests\":%" PRIu64 ",\"failures\":%" PRIu64
	    ",\"restarts\":%" PRIu64 ",\"reloads\":%" PRIu64 ",\"last_reload_us\":%" PRIu64
	    ",\"rss_kb\":%" PRIu64 ",\"open_tenants\":%" PRIu64 ",\"refused\":%" PRIu64
	    ",\"age_s\":%" PRId64 ",\"request_ms\":%" PRId64 ",",
	    (uint64_t)atomic_load(&t->epoch), (uint64_t)atomic_load(&t->requests),
	    (uint64_t)atomic_load(&t->failures), (uint64_t)atomic_load(&t->restarts),
	    (uint64_t)atomic_load(&t->reloads), (uint64_t)atomic_load(&t->reload_us),
	    (uint64_t)atomic_load(&t->rss_kb), (uint64_t)atomic_load(&t->open_tenants),
	    (uint64_t)atomic_load(&t->refused),
	    w->pid != 0 ? (s->now_ms - w->slot.spawned_ms) / 1000 : 0,
	    request != 0 ? (clk_ns() - request) / 1000000 : 0);
	put_text(b, "stage", board_stage_name(atomic_load(&t->stage)));
	buf_addc(b, ',');
	put_or_null(b, "refusal", refusal);
	buf_addc(b, '}');
}

/* What a worker says of this tenant, NULL when none complains. */
static const char *
refusal_of(const struct sup *s, const char *tenant)
{
	for (unsigned i = 0; i < s->slots; i++) {
		const struct board_slot *t = &s->board.slots[i];
		if (s->workers[i].slot.phase == PHASE_READY && atomic_load(&t->refused) > 0 &&
		    strncmp(t->refused_tenant, tenant, sizeof t->refused_tenant) == 0 &&
		    memchr(t->refusal, '\0', sizeof t->refusal) != NULL)
			return t->refusal;
	}
	return NULL;
}

/* quarantined: its generation ended workers and is answered with 503; live: served as wanted;
 * building: served or not, a build runs or waits; probing: the same of its gate; refused: the
 * newest document, build or generation was not accepted; cold: in the object store, back with
 * the next request; waiting: nothing to serve yet. */
static const char *
state_of(const struct catalog_tenant *t, const struct live_tenant *l,
    const struct build_job *job, const struct gate *gate, const char *refusal, bool is_poisoned)
{
	if (is_poisoned)
		return "quarantined";
	if (job != NULL && (job->state == BUILD_QUEUED || job->state == BUILD_RUNNING ||
			       job->state == BUILD_STALE ||
			       (job->state == BUILD_FAILED && job->is_busy)))
		return "building";
	if (gate != NULL && (gate->state == GATE_QUEUED || gate->state == GATE_PROBING ||
				gate->state == GATE_STALE))
		return "probing";
	if (gate != NULL && (gate->state == GATE_FAILED || gate->state == GATE_HELD))
		return "refused";
	if (refusal != NULL || (t != NULL && t->refusal.code != ERR_NONE) ||
	    (job != NULL && job->state == BUILD_FAILED) || (l != NULL && l->trouble[0] != '\0'))
		return "refused";
	return l != NULL && l->generation[0] != '\0' ? "live" : "waiting";
}

static const char *
last_error_of(const struct catalog_tenant *t, const struct live_tenant *l,
    const struct build_job *job, const struct gate *gate, const char *refusal)
{
	if (t != NULL && t->refusal.code != ERR_NONE)
		return t->refusal.text;
	if (job != NULL && job->reason[0] != '\0')
		return job->reason;
	if (gate != NULL && (gate->state == GATE_FAILED || gate->state == GATE_HELD))
		return gate->reason;
	if (l != NULL && l->trouble[0] != '\0')
		return l->trouble;
	if (l != NULL && l->cold_trouble[0] != '\0')
		return l->cold_trouble;
	return refusal != NULL ? refusal : "";
}

/* What the document wants was built, and taken back. */
static const struct quarantine_entry *
held_back(const struct sup *s, const struct catalog_tenant *t, const struct live_tenant *l)
{
	if (l == NULL || t->document == NULL || strcmp(l->version, t->config.version) == 0)
		return NULL;
	return sup_tenants_held_back(s, t->name, t->config.version);
}

const char *
status_tenant_state(const struct sup *s, const struct catalog_tenant *t, const char **reason)
{
	const struct live_tenant *l = live_find(&s->live, t->name);
	const struct build_job *job = builds_find(&s->builds, t->name);
	const struct gate *gate = gates_find(&s->gates, t->name);
	const char *refusal = refusal_of(s, t->name);
	bool is_poisoned = poison_of_tenant(&s->board, t->name) != NULL;
	const struct quarantine_entry *held = held_back(s, t, l);
	const char *state = state_of(t, l, job, gate, refusal, is_poisoned);

	if (strcmp(state, "live") == 0 && l != NULL && cold_is_out(&l->cold))
		state = "cold";
	*reason = is_poisoned ? "its generation ended several workers"
			      : last_error_of(t, l, job, gate, refusal);
	if (held == NULL || (*reason)[0] != '\0' || strcmp(state, "building") == 0)
		return state;
	*reason = held->reason;
	return "refused";
}

/* The damaged source.db that a build left for a person to look at, as long as it lies there. */
static bool
put_damaged(const struct sup *s, const char *tenant, struct buf *b)
{
	const struct build_job *job = builds_find(&s->builds, tenant);
	char dir[PATH_MAX], path[PATH_MAX], text[2 * BUILD_ASIDE_BYTES + TENANT_NAME_BYTES + 64];

	if (job == NULL || job->set_aside[0] == '\0' ||
	    generation_tenant_dir(dir, s->conf.global.data_dir, tenant, NULL) == -1 ||
	    file_join(path, sizeof path, dir, job->set_aside, NULL) == -1 ||
	    access(path, F_OK) == -1)
		return false;
	snprintf(text, sizeof text, "source.db was damaged and is made anew; kept as tenants/%s/%s",
	    tenant, job->set_aside);
	put_text(b, "warning", text);
	return true;
}

static void
put_warning(const struct sup *s, const struct catalog_tenant *t, struct buf *b)
{
	if (t->gone)
		put_text(b, "warning",
		    t->deletion_refused ? "gone from its source with many others: kept" :
					  "gone from its source: kept for now");
	else if (!put_damaged(s, t->name, b))
		put_or_null(b, "warning", t->notes != NULL ? t->notes : "");
}

static void
put_tenant(const struct sup *s, const struct catalog_tenant *t, struct buf *b)
{
	const struct live_tenant *l = live_find(&s->live, t->name);
	const char *reason, *state = status_tenant_state(s, t, &reason);

	buf_addc(b, '{');
	put_text(b, "name", t->name);
	buf_addc(b, ',');
	put_text(b, "state", state);
	buf_addc(b, ',');
	put_or_null(b, "generation", l != NULL ? l->generation : "");
	buf_addc(b, ',');
	put_or_null(b, "version", l != NULL ? l->version : "");
	buf_addc(b, ',');
	put_or_null(b, "wanted_version", t->document != NULL ? t->config.version : "");
	buf_addc(b, ',');
	put_or_null(b, "embedder", l != NULL ? l->embedder : "");
	buf_addf(b, ",\"documents\":%" PRIu64 ",\"chunks\":%" PRIu64 ",",
	    l != NULL ? l->documents : 0, l != NULL ? l->chunks : 0);
	put_or_null(b, "last_error", reason);
	buf_addc(b, ',');
	put_warning(s, t, b);
	buf_addc(b, ',');
	put_or_null(b, "alert", catalog_alert_name(t->alert));
	buf_addc(b, ',');
	put_or_null(b, "waits", sup_fleet_waits(s, t->name));
	buf_addc(b, ',');
	if (l != NULL && l->cold.state != COLD_WARM)
		put_text(b, "cold", cold_state_name(l->cold.state));
	else
		buf_adds(b, "\"cold\":null");
	buf_adds(b, ",\"gate\":");
	sup_gate_status(s, t->name, b);
	buf_addc(b, ',');
	put_text(b, "origin", catalog_origin_name(t->origin));
	buf_addc(b, ',');
	status_put_held(s, t->name, b);
	buf_addc(b, '}');
}

static void
put_consul(const struct sup *s, struct buf *b)
{
	const struct consul_status *c;

	if (s->consul == NULL) {
		buf_adds(b, "{\"configured\":false}");
		return;
	}
	c = consul_status(s->consul);
	buf_addf(b, "{\"configured\":true,\"connected\":%s,\"index\":%" PRIu64 ",\"keys\":%zu",
	    c->state == CONSUL_WATCHING || c->state == CONSUL_EMPTY ? "true" : "false",
	    c->index, c->keys);
	if (c->heard_ms != 0)
		buf_addf(b, ",\"last_contact_s\":%" PRId64, (s->now_ms - c->heard_ms) / 1000);
	else
		buf_adds(b, ",\"last_contact_s\":null");
	buf_addc(b, ',');
	put_text(b, "state", consul_state_name(c->state));
	buf_addc(b, ',');
	put_text(b, "sentinel", consul_sentinel_name(c->sentinel));
	buf_addf(b,
	    ",\"degraded\":%s,\"degraded_s\":%" PRId64 ",\"flaps\":%u,\"gone\":%zu"
	    ",\"failures\":%" PRIu64 ",\"resets\":%" PRIu64 ",\"bad_keys\":%zu,",
	    c->is_degraded ? "true" : "false",
	    c->is_degraded ? (s->now_ms - c->degraded_ms) / 1000 : 0, c->flaps, c->gone,
	    c->failures, c->resets, c->bad_keys);
	put_or_null(b, "trouble", c->trouble.code != ERR_NONE ? c->trouble.text : "");
	buf_addc(b, '}');
}

static void
put_builds(const struct sup *s, struct buf *b)
{
	bool first = true;

	buf_addf(b, "{\"at_once\":%u,\"waiting\":%zu,\"running\":[", s->builds.at_once,
	    s->builds.queued);
	for (int i = 0; i < BUILDS_MAX; i++) {
		const struct build_run *r = &s->runs[i];
		const struct build_job *job = builds_find(&s->builds, r->tenant);
		if (r->child.pid == 0)
			continue;
		buf_adds(b, first ? "{" : ",{");
		first = false;
		put_text(b, "tenant", r->tenant);
		buf_addc(b, ',');
		put_or_null(b, "version", job != NULL ? job->building : "");
		buf_addf(b, ",\"pid\":%d,\"age_s\":%" PRId64 ",", (int)r->child.pid,
		    (s->now_ms - r->child.started_ms) / 1000);
		progress_put(b, r->progress);
		buf_addc(b, '}');
	}
	buf_adds(b, "]}");
}

static void
put_source(const struct sup *s, struct buf *b)
{
	const struct err *dir = tenants_dir_trouble(s->dir), *lkg = catalog_trouble(s->catalog);

	buf_addc(b, '{');
	put_text(b, "tenants_dir", s->conf.global.tenants_dir);
	buf_addc(b, ',');
	put_or_null(b, "trouble",
	    dir->code != ERR_NONE ? dir->text :
	    lkg->code != ERR_NONE ? lkg->text :
				    "");
	buf_addc(b, '}');
}

void
status_write(const struct sup *s, struct buf *b)
{
	buf_addf(b, "{\"version\":\"%s\",\"supervisor\":{\"pid\":%d,\"uptime_s\":%" PRId64 "}",
	    PACKAGE_VERSION, (int)getpid(), (s->now_ms - s->started_ms) / 1000);
	buf_addf(b, ",\"epoch\":%" PRIu64 ",\"roll\":", s->roster.epoch);
	status_put_roll(s, b);
	buf_addf(b,
	    ",\"ready\":%u,\"spawned\":%" PRIu64 ",\"died\":%" PRIu64
	    ",\"killed_late\":%" PRIu64 ",\"workers\":[",
	    sup_workers_ready(s), s->spawned, s->died, s->killed_late);
	for (unsigned i = 0, n = 0; i < s->slots; i++) {
		if (s->workers[i].slot.phase == PHASE_EMPTY)
			continue;
		if (n++ > 0)
			buf_addc(b, ',');
		put_worker(s, i, b);
	}
	buf_adds(b, "],\"pools\":");
	board_put_pools(&s->board, b);
	buf_adds(b, ",\"tenants\":[");
	for (size_t i = 0; i < catalog_count(s->catalog); i++) {
		if (i > 0)
			buf_addc(b, ',');
		put_tenant(s, catalog_at(s->catalog, i), b);
	}
	buf_adds(b, "],\"source\":");
	put_source(s, b);
	buf_adds(b, ",\"consul\":");
	put_consul(s, b);
	buf_adds(b, ",\"fleet\":");
	sup_fleet_write_status(s, b);
	buf_adds(b, ",\"builds\":");
	put_builds(s, b);
	buf_adds(b, ",\"gateway\":");
	sup_gateway_put(s, b);
	buf_addc(b, '}');
}
