/* sup_service.c - what this host tells the others: its service, with a check that says the
 * truth, and PREFIX{tenant}/status/{host}.
 *
 *   passing    all workers are ready and follow, every tenant is served as wanted
 *   warning    it serves, but somebody should look: see the check's output
 *   critical   no worker is ready, or the check has not been heard of for CHECK_TTL_S
 */
#include "sup_fleet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "json.h"
#include "log.h"

enum { CHECK_TTL_S = 30, CHECK_SOON_MS = 500, STATUS_OPS_MAX = 60, STATUS_LOOKS_MAX = 1000,
	TXN_MAX = 512 * 1024,
	VALUE_MAX = 4096 };

/* ---- the truth ---- */

static const char *
weigh(const struct sup *s, unsigned ready, unsigned wanted, size_t troubled)
{
	const struct consul_status *c = consul_status(s->consul);

	if (ready == 0)
		return "critical";
	if (ready < wanted || troubled > 0 || c->is_degraded ||
	    s->roll.result == ROLL_INCOMPLETE)
		return "warning";
	return "passing";
}

/* The check's status and its output; true when they differ from what was told last. */
static bool
sum_up(struct sup *s, const char **status, char *output, size_t size)
{
	const struct consul_status *c = consul_status(s->consul);
	size_t troubled = 0, count = catalog_count(s->catalog);
	unsigned ready = sup_workers_ready(s), wanted = 0;
	const char *first = "", *reason;
	char said[sizeof s->fleet->service.said];
	bool is_new;

	for (unsigned i = 0; i < s->slots; i++)
		wanted += s->workers[i].is_wanted;
	for (size_t i = 0; i < count; i++) {
		const struct catalog_tenant *t = catalog_at(s->catalog, i);
		const char *state = status_tenant_state(s, t, &reason);
		if (strcmp(state, "live") == 0 || strcmp(state, "building") == 0)
			continue;
		if (troubled++ == 0)
			first = t->name;
	}
	*status = weigh(s, ready, wanted, troubled);
	snprintf(output, size, "%u of %u workers ready, %zu tenants%s%s%s%s%s", ready, wanted, count,
	    troubled > 0 ? ", not as wanted: " : "", first,
	    troubled > 1 ? " and others" : "",
	    c->is_degraded ? ", Consul was not well: " : "",
	    c->is_degraded ? consul_state_name(c->state) : "");
	snprintf(said, sizeof said, "%s %s", *status, output);
	is_new = strcmp(said, s->fleet->service.said) != 0;
	memcpy(s->fleet->service.said, said, sizeof said);
	return is_new;
}

/* ---- the service ---- */

static void
rest(struct sup *s, const struct consul_reply *r, const char *what)
{
	s->fleet->service.is_registered = false;
	s->fleet->service.due_ms =
	    s->now_ms + (r->status == 403 ? FLEET_DENIED_MS : CHECK_EVERY_MS);
	if (r->status == 403)
		log_warn("consul: the token may not %s the service %s", what,
		    s->conf.consul.service);
}

static void
on_registered(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;

	(void)ticket;
	s->fleet->service.is_asking = false;
	if (r->status != 200) {
		rest(s, r, "register");
		return;
	}
	s->fleet->service.is_registered = true;
	s->fleet->service.due_ms = now_ms;
	s->fleet->service.said[0] = '\0';
}

static void
register_service(struct sup *s)
{
	const struct conf_consul *o = &s->conf.consul;
	struct buf b;

	buf_init(&b, VALUE_MAX);
	buf_addf(&b, "{\"ID\":\"%s\",\"Name\":", s->fleet->service.id);
	json_put_text(&b, o->service, strlen(o->service));
	if (o->service_port != 0)
		buf_addf(&b, ",\"Port\":%" PRId64, o->service_port);
	buf_addf(&b,
	    ",\"Meta\":{\"version\":\"%s\",\"host\":\"%s\"},\"Check\":{\"CheckID\":\"%s\","
	    "\"Name\":\"ragpool's own word\",\"TTL\":\"%ds\",\"Status\":\"critical\"}}",
	    PACKAGE_VERSION, s->fleet->host, s->fleet->service.id, CHECK_TTL_S);
	s->fleet->service.is_asking = !b.failed &&
	    fleet_call(s, "PUT", "agent/service/register", NULL, b.data, on_registered, 0) == 0;
	s->fleet->service.due_ms = s->now_ms + CHECK_EVERY_MS;
	buf_fini(&b);
}

static void
on_checked(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;

	(void)ticket;
	(void)now_ms;
	s->fleet->service.is_asking = false;
	if (r->status == 403)
		rest(s, r, "check");
	else if (r->status == 404 || (r->status == 500 && strstr(r->body, "CheckID") != NULL) ||
	    (r->status == 500 && strstr(r->body, "check") != NULL)) {
		/* the agent has forgotten it */
		s->fleet->service.is_registered = false;
		s->fleet->service.due_ms = s->now_ms;
	}
}

static void
tell_check(struct sup *s, const char *status, const char *output)
{
	char path[200];
	struct buf b;

	snprintf(path, sizeof path, "agent/check/update/%s", s->fleet->service.id);
	buf_init(&b, VALUE_MAX);
	buf_addf(&b, "{\"Status\":\"%s\",\"Output\":", status);
	json_put_text(&b, output, strlen(output));
	buf_addc(&b, '}');
	s->fleet->service.is_asking =
	    !b.failed && fleet_call(s, "PUT", path, NULL, b.data, on_checked, 0) == 0;
	buf_fini(&b);
}

/* Looked at twice a second (with thousands of tenants less often: looking must cost nothing),
 * told when it changes and otherwise often enough for the TTL. */
static void
turn_service(struct sup *s)
{
	struct service *v = &s->fleet->service;
	const char *status;
	char output[280];
	bool is_new;

	if (v->id[0] == '\0' || v->is_asking || !fleet_is_reachable(s))
		return;
	if (!v->is_registered) {
		if (s->now_ms >= v->due_ms)
			register_service(s);
		return;
	}
	if (s->now_ms < v->look_ms && s->now_ms < v->due_ms)
		return;
	v->look_ms = s->now_ms + CHECK_SOON_MS + (int64_t)catalog_count(s->catalog);
	is_new = sum_up(s, &status, output, sizeof output);
	if (!is_new && s->now_ms < v->due_ms)
		return;
	v->due_ms = s->now_ms + CHECK_EVERY_MS;
	tell_check(s, status, output);
}

void
fleet_service_open(struct sup *s)
{
	const char *name = s->conf.consul.service;

	if (name[0] != '\0')
		snprintf(s->fleet->service.id, sizeof s->fleet->service.id, "%s-%s", name,
		    s->fleet->host);
	for (char *c = s->fleet->service.id; *c != '\0'; c++)
		if (*c == '/' || *c == '"' || *c == '\\' || (unsigned char)*c <= ' ')
			*c = '-';
}

void
fleet_service_close(struct sup *s)
{
	struct consul_request r = {.method = "PUT"};
	char path[200];

	if (!s->fleet->service.is_registered)
		return;
	snprintf(path, sizeof path, "agent/service/deregister/%s", s->fleet->service.id);
	r.path = path;
	consul_call_last(consul_link(s->consul), &r, CHECK_SOON_MS);
}

/* ---- keys that say what this host serves ---- */

static void
on_status_written(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	bool is_denied = r->status == 403 || strstr(r->body, "ermission denied") != NULL;

	(void)ticket;
	s->fleet->keys.is_writing = false;
	if (r->status == 200)
		return;
	for (size_t i = 0; i < s->fleet->tenants.count; i++)
		s->fleet->tenants.at[i]->told = 0;	/* nothing of it was taken */
	if (!is_denied)
		return;
	s->fleet->keys.due_ms = now_ms + FLEET_DENIED_MS;
	log_info("consul: the token may not write status keys: they are left out");
}

static void
write_value(const struct sup *s, const struct catalog_tenant *c, struct buf *b)
{
	const struct live_tenant *l = live_find(&s->live, c->name);
	const char *reason = "", *state = status_tenant_state(s, c, &reason);

	buf_addf(b, "{\"host\":\"%s\",\"state\":\"%s\",\"generation\":\"%s\",\"version\":",
	    s->fleet->host, state, l != NULL ? l->generation : "");
	json_put_text(b, l != NULL ? l->version : "", l != NULL ? strlen(l->version) : 0);
	buf_adds(b, ",\"reason\":");
	json_put_text(b, reason, strlen(reason));
	buf_addc(b, '}');
}

/* FNV-1a: only whether it has changed. */
static uint64_t
fingerprint(const struct buf *b)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < b->len; i++)
		h = (h ^ (unsigned char)b->data[i]) * 0x100000001b3u;
	return h | 1;
}

/* Adds the tenant's operation when there is something new to say. */
static bool
add_status(struct sup *s, struct fleet_tenant *t, const struct catalog_tenant *c, bool is_first,
    struct buf *body)
{
	struct buf value;
	uint64_t print;

	buf_init(&value, VALUE_MAX);
	write_value(s, c, &value);
	print = fingerprint(&value);
	if (!value.failed && print != t->told) {
		t->told = print;
		buf_addf(body, "%s{\"KV\":{\"Verb\":\"set\",\"Key\":\"%s%s/status/%s\",\"Value\":\"",
		    is_first ? "[" : ",", s->conf.consul.prefix, c->name, s->fleet->host);
		base64_put(body, value.data, value.len);
		buf_adds(body, "\"}}");
		buf_fini(&value);
		return true;
	}
	buf_fini(&value);
	return false;
}

/* All that changed in one transaction, seldom: each wakes every host that watches. */
static void
turn_keys(struct sup *s)
{
	struct status_keys *k = &s->fleet->keys;
	struct fleet *f = &s->fleet->tenants;
	const struct catalog_tenant *c;
	size_t count = 0, looked = 0;
	struct buf body;

	if (!s->conf.consul.status_keys || k->is_writing || s->now_ms < k->due_ms ||
	    !fleet_is_reachable(s))
		return;
	k->due_ms = s->now_ms + STATUS_EVERY_MS;
	buf_init(&body, TXN_MAX);
	for (; looked < f->count && looked < STATUS_LOOKS_MAX && count < STATUS_OPS_MAX; looked++) {
		struct fleet_tenant *t = f->at[(k->next + looked) % f->count];
		c = catalog_find(s->catalog, t->name);
		if (t->is_listed && c != NULL && c->origin == ORIGIN_CONSUL)
			count += add_status(s, t, c, count == 0, &body);
	}
	k->next = f->count > 0 ? (k->next + looked) % f->count : 0;
	buf_addc(&body, ']');
	if (count > 0 && !body.failed)
		k->is_writing =
		    fleet_call(s, "PUT", "txn", NULL, body.data, on_status_written, 0) == 0;
	buf_fini(&body);
}

void
fleet_service_turn(struct sup *s)
{
	turn_service(s);
	turn_keys(s);
}

int64_t
fleet_service_due(const struct sup *s)
{
	const struct service *v = &s->fleet->service;

	if (v->id[0] == '\0' || v->is_asking || !fleet_is_reachable(s))
		return INT64_MAX;
	return v->due_ms;	/* changes in between are seen as the loop turns */
}

/* ---- status ---- */

static void
put(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, ",\"%s\":", name);
	json_put_text(b, text, strlen(text));
}

void
sup_fleet_write_status(const struct sup *s, struct buf *b)
{
	const struct sup_fleet *f = s->fleet;
	unsigned building = 0;

	if (f == NULL) {
		buf_adds(b, "null");
		return;
	}
	for (int i = 0; i < BUILDS_MAX; i++)
		building += f->builds[i].lock.state == LOCK_HELD;
	buf_adds(b, "{\"host\":");
	json_put_text(b, f->host, strlen(f->host));
	put(b, "session", session_state_name(f->session.state));
	put(b, "roll_lock",
	    s->conf.consul.rolling_hosts == 0 ? "off" :
	    f->roll.lock.is_lost	       ? "lost" :
						 lock_state_name(f->roll.lock.state));
	buf_addf(b, ",\"build_locks\":%u,\"sessions_lost\":%" PRIu64, building, f->session.lost);
	put(b, "pointers",
	    !s->conf.consul.publish ? "off" :
	    s->now_ms < f->writes_denied_ms ? "denied" :
					      "written");
	put(b, "service",
	    f->service.id[0] == '\0' ? "off" :
	    f->service.is_registered ? f->service.said :
				       "not registered");
	put(b, "trouble", f->trouble.code != ERR_NONE ? f->trouble.text : f->session.trouble.text);
	buf_addc(b, '}');
}
