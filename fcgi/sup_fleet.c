/* sup_fleet.c - the session of this host and its locks: who builds, who rolls. */
#include "sup_fleet.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consul_kv.h"
#include "file.h"
#include "json.h"
#include "log.h"

enum { ROLL_TICKET = BUILDS_MAX, PATH_BYTES = 1024, LAST_MS = 1000 };

bool
fleet_is_reachable(const struct sup *s)
{
	enum consul_state state = consul_status(s->consul)->state;

	return state == CONSUL_WATCHING || state == CONSUL_EMPTY;
}

int
fleet_call(struct sup *s, const char *method, const char *path, const char *query,
    const char *body, consul_done *done, uint64_t ticket)
{
	struct consul_request r = {.method = method, .path = path, .query = query, .body = body,
	    .done = done, .context = s, .ticket = ticket};

	return consul_call(s->fleet->calls, &r, &s->fleet->trouble);
}

/* ---- the session ---- */

/* Where its id is kept, so that one who starts again need not wait for its TTL. */
static int
session_file(const struct sup *s, char out[PATH_MAX])
{
	return file_join(out, PATH_MAX, s->conf.global.run_dir, "consul.session", NULL);
}

static void
keep_session(const struct sup *s)
{
	const char *id = s->fleet->session.id;
	char path[PATH_MAX];
	FILE *f;

	if (session_file(s, path) == -1 || (f = fopen(path, "we")) == NULL)
		return;
	fputs(id, f);
	fclose(f);
}

static struct fleet_lock *
lock_of(struct sup *s, uint64_t ticket)
{
	return ticket == ROLL_TICKET ? &s->fleet->roll : &s->fleet->builds[ticket];
}

void
fleet_session_is_gone(struct sup *s)
{
	for (uint64_t i = 0; i <= ROLL_TICKET; i++) {
		struct fleet_lock *l = lock_of(s, i);
		consul_lock_event(&l->lock, LOCK_EV_GONE, s->now_ms);
		l->is_checked = false;
		l->lost_ms = s->now_ms;
	}
	log_warn("consul: the session is lost, and the locks with it");
}

static void
on_session_made(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct consul_session *session = &s->fleet->session;
	struct json_object *o = NULL;
	const char *id = "";

	(void)ticket;
	if (r->status == 200 && json_parse_object(&o, r->body, r->body_bytes, NULL) == 0 &&
	    json_get_text(o, "ID", true, SESSION_ID_BYTES - 1, &id, NULL) == 0 &&
	    strspn(id, "0123456789abcdef-") == strlen(id) && id[0] != '\0') {
		consul_session_event(session, SESSION_EV_MADE, id, now_ms);
		keep_session(s);
	} else if (r->status == 403) {
		err_set(&session->trouble, ERR_PERMISSION,
		    "the token may not make sessions: this host builds and rolls unasked");
		log_warn("consul: %s", session->trouble.text);
		consul_session_event(session, SESSION_EV_DENIED, NULL, now_ms);
		s->fleet->locks_denied_ms = now_ms + FLEET_DENIED_MS;
	} else {
		err_set(&session->trouble, ERR_PEER, "no session: %d %.100s", r->status,
		    r->status != 0 ? r->body : r->trouble);
		consul_session_event(session, SESSION_EV_FAILED, NULL, now_ms);
	}
	json_object_put(o);
}

static void
on_session_renewed(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	enum session_event event = r->status == 200 ? SESSION_EV_RENEWED
	    : r->status == 404 ? SESSION_EV_GONE
			       : SESSION_EV_FAILED;

	(void)ticket;
	if (consul_session_event(&s->fleet->session, event, NULL, now_ms))
		fleet_session_is_gone(s);
}

void
fleet_ignore_reply(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	(void)context;
	(void)ticket;
	(void)r;
	(void)now_ms;
}

static void
make_session(struct sup *s)
{
	char body[300];

	snprintf(body, sizeof body,
	    "{\"Name\":\"ragpool on %s\",\"TTL\":\"%ds\",\"LockDelay\":\"%ds\","
	    "\"Behavior\":\"delete\"}",
	    s->fleet->host, SESSION_TTL_MS / 1000, LOCK_DELAY_MS / 1000);
	if (fleet_call(s, "PUT", "session/create", NULL, body, on_session_made, 0) == -1)
		consul_session_event(&s->fleet->session, SESSION_EV_FAILED, NULL, s->now_ms);
}

static void
end_session(struct sup *s, const char *id)
{
	char path[100];

	snprintf(path, sizeof path, "session/destroy/%s", id);
	fleet_call(s, "PUT", path, NULL, NULL, fleet_ignore_reply, 0);
}

static bool
is_lock_wanted(const struct sup *s)
{
	for (uint64_t i = 0; i <= ROLL_TICKET; i++)
		if (lock_of((struct sup *)s, i)->lock.state != LOCK_FREE)
			return true;
	return false;
}

static void
turn_session(struct sup *s)
{
	struct consul_session *session = &s->fleet->session;
	bool is_wanted = is_lock_wanted(s) && fleet_is_reachable(s), expired;
	char path[100];
	enum session_ask ask = consul_session_turn(session, is_wanted, &expired, s->now_ms);

	if (expired)
		fleet_session_is_gone(s);
	switch (ask) {
	case SESSION_ASK_MAKE:
		make_session(s);
		break;
	case SESSION_ASK_RENEW:
		snprintf(path, sizeof path, "session/renew/%s", session->id);
		if (fleet_call(s, "PUT", path, NULL, NULL, on_session_renewed, 0) == -1)
			consul_session_event(session, SESSION_EV_FAILED, NULL, s->now_ms);
		break;
	case SESSION_ASK_END:
		end_session(s, session->id);
		break;
	case SESSION_ASK_NOTHING:
		break;
	}
}

/* ---- locks ---- */

static void
lock_key(const struct sup *s, uint64_t ticket, char *out, size_t size)
{
	const struct fleet_lock *l = lock_of((struct sup *)s, ticket);

	if (ticket == ROLL_TICKET)
		snprintf(out, size, "kv/%sroll/%u", s->fleet->locks, l->place);
	else
		snprintf(out, size, "kv/%sbuild/%s", s->fleet->locks, l->tenant);
}

static void
on_released(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;

	(void)r;	/* what could not be released ends with the session */
	consul_lock_event(&lock_of(s, ticket)->lock, LOCK_EV_RELEASED, now_ms);
}

/* Deleted, not only released: nothing is left of a lock that nobody holds. */
static void
release(struct sup *s, uint64_t ticket)
{
	const char *id = s->fleet->session.id;
	char path[PATH_BYTES], body[3 * PATH_BYTES];

	lock_key(s, ticket, path, sizeof path);
	snprintf(body, sizeof body,
	    "[{\"KV\":{\"Verb\":\"check-session\",\"Key\":\"%s\",\"Session\":\"%s\"}},"
	    "{\"KV\":{\"Verb\":\"delete\",\"Key\":\"%s\"}}]",
	    path + 3, id, path + 3);
	if (fleet_call(s, "PUT", "txn", NULL, body, on_released, ticket) == -1)
		consul_lock_event(&lock_of(s, ticket)->lock, LOCK_EV_RELEASED, s->now_ms);
}

static void
drop(struct sup *s, uint64_t ticket)
{
	struct fleet_lock *l = lock_of(s, ticket);

	l->is_checked = l->is_finished = false;
	if (consul_lock_event(&l->lock, LOCK_EV_DROP, s->now_ms))
		release(s, ticket);
}

/* The pointer may have moved while we waited for the lock, and the watch not know yet. */
static void
on_pointer_checked(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct fleet_lock *l = lock_of(s, ticket);
	struct consul_set set = {0};
	struct consul_pointer key;
	size_t bad;

	(void)now_ms;
	l->is_checking = false;
	l->is_checked = true;
	if (r->status == 200 && consul_kv_parse(&set, &bad, s->conf.consul.prefix, r->body,
				    r->body_bytes, NULL) == 0 &&
	    set.pointer_count == 1 && set.pointers[0].document != NULL &&
	    consul_pointer_parse(&key, set.pointers[0].document, set.pointers[0].document_bytes,
		set.pointers[0].revision, NULL) == 0)
		fleet_pointer_seen(s, l->tenant, &key);
	consul_set_fini(&set);
}

static void
check_pointer(struct sup *s, uint64_t ticket)
{
	struct fleet_lock *l = lock_of(s, ticket);
	char path[PATH_BYTES];

	snprintf(path, sizeof path, "kv/%s%s/generation", s->conf.consul.prefix, l->tenant);
	l->is_checking = fleet_call(s, "GET", path, "consistent=true", NULL, on_pointer_checked,
			     ticket) == 0;
	l->is_checked = !l->is_checking;
}

static void
on_holder(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct fleet_lock *l = lock_of(s, ticket);
	struct json_object *o = NULL;
	const char *host = "another host";

	(void)now_ms;
	if (r->status == 200 && json_parse_object(&o, r->body, r->body_bytes, NULL) == 0)
		json_get_text(o, "host", false, FLEET_HOST_BYTES - 1, &host, NULL);
	/* No key: its session has ended, and the place is withheld from all for a while. */
	snprintf(l->holder, sizeof l->holder, "%s",
	    ticket == ROLL_TICKET && r->status == 404 ? "" : host);
	json_object_put(o);
}

static void
on_refused(struct sup *s, uint64_t ticket)
{
	struct fleet_lock *l = lock_of(s, ticket);
	char path[PATH_BYTES];

	consul_lock_event(&l->lock, LOCK_EV_REFUSED, s->now_ms);
	if (ticket == ROLL_TICKET) {
		/* the next of the k places, at once until all were tried */
		unsigned k = (unsigned)s->conf.consul.rolling_hosts;
		l->place = (l->place + 1) % k;
		if (++l->tried % k != 0) {
			l->lock.due_ms = s->now_ms;
			return;
		}
	}
	lock_key(s, ticket, path, sizeof path);
	if (fleet_call(s, "GET", path, "raw=true", NULL, on_holder, ticket) == -1)
		snprintf(l->holder, sizeof l->holder, "another host");
}

static void
on_tried(void *context, uint64_t ticket, const struct consul_reply *r, int64_t now_ms)
{
	struct sup *s = context;
	struct fleet_lock *l = lock_of(s, ticket);

	if (r->status == 200 && strncmp(r->body, "true", 4) == 0) {
		if (consul_lock_event(&l->lock, LOCK_EV_GRANTED, now_ms))
			release(s, ticket);
		else if (ticket != ROLL_TICKET && l->lock.state == LOCK_HELD)
			check_pointer(s, ticket);
		return;
	}
	if (r->status == 200) {
		on_refused(s, ticket);
		return;
	}
	if (r->status == 403) {
		s->fleet->locks_denied_ms = now_ms + FLEET_DENIED_MS;
		err_set(&s->fleet->trouble, ERR_PERMISSION,
		    "the token may not write %s: this host builds and rolls unasked",
		    s->fleet->locks);
		log_warn("consul: %s", s->fleet->trouble.text);
	} else if (r->status == 500 && strstr(r->body, "invalid session") != NULL) {
		consul_session_event(&s->fleet->session, SESSION_EV_GONE, NULL, now_ms);
		fleet_session_is_gone(s);
	}
	if (consul_lock_event(&l->lock, LOCK_EV_FAILED, now_ms))
		release(s, ticket);
}

static void
try_lock(struct sup *s, uint64_t ticket)
{
	struct fleet_lock *l = lock_of(s, ticket);
	char path[PATH_BYTES], query[100], body[200];

	consul_lock_event(&l->lock, LOCK_EV_TRY, s->now_ms);
	if (ticket != ROLL_TICKET)	/* of a roll that waits on it is told meanwhile */
		l->holder[0] = '\0';
	lock_key(s, ticket, path, sizeof path);
	snprintf(query, sizeof query, "acquire=%s", s->fleet->session.id);
	snprintf(body, sizeof body, "{\"host\":\"%s\",\"pid\":%d}", s->fleet->host, (int)getpid());
	if (fleet_call(s, "PUT", path, query, body, on_tried, ticket) == -1)
		consul_lock_event(&l->lock, LOCK_EV_FAILED, s->now_ms);
}

/* The gate is still to say whether what was built is to be offered. */
static bool
is_at_gate(const struct sup *s, const char *tenant)
{
	const struct gate *x = gates_find(&s->gates, tenant);

	return x != NULL && (x->state == GATE_QUEUED || x->state == GATE_PROBING ||
				x->state == GATE_STALE);
}

/* A build's lock outlives the build until its generation is in the key. */
static void
drop_finished(struct sup *s)
{
	for (unsigned i = 0; i < BUILDS_MAX; i++) {
		struct fleet_lock *l = &s->fleet->builds[i];
		const struct fleet_tenant *t;
		if (!l->is_finished)
			continue;
		t = fleet_find(&s->fleet->tenants, l->tenant);
		if ((t == NULL || t->own[0] == '\0' || fleet_own_is_in_key(t)) &&
		    !is_at_gate(s, l->tenant))
			drop(s, i);
	}
	for (unsigned i = 0; i < BUILDS_MAX; i++)
		if (s->fleet->builds[i].lock.state == LOCK_FREE)
			s->fleet->builds[i].tenant[0] = '\0';
}

static void
turn_locks(struct sup *s)
{
	for (uint64_t i = 0; i <= ROLL_TICKET; i++)
		if (fleet_is_reachable(s) &&
		    consul_lock_is_due(&lock_of(s, i)->lock, &s->fleet->session, s->now_ms))
			try_lock(s, i);
	drop_finished(s);
}

/* ---- what the others ask ---- */

static bool
are_locks_denied(const struct sup *s)
{
	return s->now_ms < s->fleet->locks_denied_ms;
}

/* Nobody could be asked for a while: then it is done without. */
static bool
is_alone(const struct sup *s, const struct fleet_lock *l, int64_t patience_ms)
{
	return !fleet_is_reachable(s) && s->now_ms - l->lock.wanted_ms >= patience_ms;
}

bool
sup_fleet_may_roll(struct sup *s)
{
	struct fleet_lock *l;

	if (s->fleet == NULL || s->conf.consul.rolling_hosts == 0 || are_locks_denied(s))
		return true;
	l = &s->fleet->roll;
	if (l->lock.state == LOCK_FREE || l->lock.state == LOCK_DROPPING ||
	    l->lock.state == LOCK_RELEASING) {
		if (l->lock.state == LOCK_FREE)
			l->place = (unsigned)(getpid() % s->conf.consul.rolling_hosts);
		l->tried = 0;
		l->holder[0] = '\0';
		consul_lock_event(&l->lock, LOCK_EV_WANT, s->now_ms);
	}
	return l->lock.state == LOCK_HELD || is_alone(s, l, FLEET_ALONE_MS);
}

void
sup_fleet_roll_done(struct sup *s)
{
	if (s->fleet != NULL && s->fleet->roll.lock.state != LOCK_FREE)
		drop(s, ROLL_TICKET);
}

bool
sup_fleet_has_lost_roll(const struct sup *s)
{
	const struct fleet_lock *l;

	if (s->fleet == NULL || are_locks_denied(s))
		return false;
	l = &s->fleet->roll;
	return l->lock.is_lost &&
	    (fleet_is_reachable(s) || s->now_ms - l->lost_ms < FLEET_LOST_MS);
}

static struct fleet_lock *
find_build_lock(const struct sup *s, const char *tenant, bool or_free)
{
	struct fleet_lock *empty = NULL;

	for (unsigned i = 0; i < BUILDS_MAX; i++) {
		struct fleet_lock *l = (struct fleet_lock *)&s->fleet->builds[i];
		if (strcmp(l->tenant, tenant) == 0)
			return l;
		if (empty == NULL && l->tenant[0] == '\0' && l->lock.state == LOCK_FREE)
			empty = l;
	}
	return or_free ? empty : NULL;
}

bool
sup_fleet_may_build(struct sup *s, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);
	struct fleet_lock *l;

	if (s->fleet == NULL || !s->conf.consul.build_lock || are_locks_denied(s) || t == NULL ||
	    t->origin != ORIGIN_CONSUL)
		return true;
	if ((l = find_build_lock(s, tenant, true)) == NULL)
		return false;
	if (l->tenant[0] == '\0') {
		*l = (struct fleet_lock){0};
		snprintf(l->tenant, sizeof l->tenant, "%s", tenant);
	}
	l->is_finished = false;
	if (l->lock.state == LOCK_FREE || l->lock.state == LOCK_DROPPING ||
	    l->lock.state == LOCK_RELEASING)
		consul_lock_event(&l->lock, LOCK_EV_WANT, s->now_ms);
	return (l->lock.state == LOCK_HELD && l->is_checked) || is_alone(s, l, FLEET_ALONE_MS);
}

const char *
sup_fleet_builder(const struct sup *s, const char *tenant)
{
	const struct fleet_lock *l =
	    s->fleet != NULL ? find_build_lock(s, tenant, false) : NULL;

	return l != NULL && l->lock.was_refused && l->holder[0] != '\0' ? l->holder : NULL;
}

void
sup_fleet_build_done(struct sup *s, const char *tenant)
{
	struct fleet_lock *l = s->fleet != NULL ? find_build_lock(s, tenant, false) : NULL;

	if (l != NULL && tenant[0] != '\0')
		l->is_finished = true;
}

const char *
fleet_build_session(const struct sup *s, const char *tenant)
{
	const struct fleet_lock *l = find_build_lock(s, tenant, false);

	return l != NULL && l->lock.state == LOCK_HELD ? s->fleet->session.id : "";
}

void
fleet_build_lock_is_lost(struct sup *s, const char *tenant)
{
	struct fleet_lock *l = find_build_lock(s, tenant, false);

	if (l != NULL)
		consul_lock_event(&l->lock, LOCK_EV_GONE, s->now_ms);
}

/* ---- the whole ---- */

/* Keys and services are named after the host: nothing but what fits in both. */
static void
name_host(struct sup *s)
{
	char *host = s->fleet->host;

	snprintf(host, FLEET_HOST_BYTES, "%s", s->conf.consul.host);
	if (host[0] == '\0' && gethostname(host, FLEET_HOST_BYTES - 1) == -1)
		snprintf(host, FLEET_HOST_BYTES, "unnamed");
	for (; *host != '\0'; host++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			*host) == NULL)
			*host = '-';
}

static void
name_locks(struct sup *s)
{
	size_t n;

	consul_sentinel_key(s->conf.consul.prefix, s->fleet->locks, sizeof s->fleet->locks);
	n = strlen(s->fleet->locks) - strlen("sentinel");
	snprintf(s->fleet->locks + n, sizeof s->fleet->locks - n, "locks/");
}

/* The session of the supervisor before us: it cannot come back. */
static void
end_former_session(struct sup *s)
{
	char path[PATH_MAX], *id;
	size_t n;

	if (session_file(s, path) == -1 || file_read(&id, &n, path, 100, NULL) == -1)
		return;
	if (n == SESSION_ID_BYTES - 1 && strspn(id, "0123456789abcdef-") == n)
		end_session(s, id);
	free(id);
	unlink(path);
}

int
sup_fleet_open(struct sup *s, struct err *e)
{
	if (s->consul == NULL)
		return 0;
	if ((s->fleet = calloc(1, sizeof *s->fleet)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the fleet");
	for (int i = 0; i < TRANSFERS_MAX; i++)
		s->fleet->transfers[i].child.out_fd = -1;
	if (consul_calls_new(&s->fleet->calls, consul_link(s->consul), e) == -1)
		return -1;
	name_host(s);
	name_locks(s);
	end_former_session(s);
	fleet_pointers_open(s);
	fleet_service_open(s);
	return 0;
}

/* Released, not left to the end of the session: then the lock-delay is nobody's. */
static void
release_last(struct sup *s)
{
	struct consul_link *link = consul_link(s->consul);
	char path[PATH_BYTES], query[100];

	snprintf(query, sizeof query, "release=%s", s->fleet->session.id);
	for (uint64_t i = 0; i <= ROLL_TICKET; i++) {
		struct consul_request r = {.method = "PUT", .path = path, .query = query};
		if (lock_of(s, i)->lock.state != LOCK_HELD)
			continue;
		lock_key(s, i, path, sizeof path);
		consul_call_last(link, &r, LAST_MS);
	}
}

void
sup_fleet_close(struct sup *s)
{
	struct consul_request r = {.method = "PUT"};
	char path[PATH_MAX];

	if (s->fleet == NULL)
		return;
	consul_calls_free(s->fleet->calls);
	s->fleet->calls = NULL;
	if (fleet_is_reachable(s)) {
		fleet_service_close(s);
		if (s->fleet->session.id[0] != '\0') {
			release_last(s);
			snprintf(path, sizeof path, "session/destroy/%s", s->fleet->session.id);
			r.path = path;
			consul_call_last(consul_link(s->consul), &r, LAST_MS);
		}
	}
	if (session_file(s, path) == 0)
		unlink(path);
	fleet_fini(&s->fleet->tenants);
	free(s->fleet);
	s->fleet = NULL;
}

bool
sup_fleet_on_done(struct sup *s, const CURLMsg *message)
{
	return s->fleet != NULL && consul_calls_on_done(s->fleet->calls, message, s->now_ms);
}

void
sup_fleet_turn(struct sup *s)
{
	if (s->fleet == NULL)
		return;
	fleet_transfers_turn(s);
	if (s->stopping != STOP_NOT)
		return;
	turn_session(s);
	turn_locks(s);
	fleet_wait_turn(s);
	fleet_pointers_turn(s);
	fleet_service_turn(s);
}

static void
earlier(int64_t *due_ms, int64_t other_ms)
{
	if (other_ms < *due_ms)
		*due_ms = other_ms;
}

int64_t
sup_fleet_due(const struct sup *s)
{
	int64_t due = INT64_MAX;

	if (s->fleet == NULL)
		return due;
	earlier(&due,
	    consul_session_due(&s->fleet->session, is_lock_wanted(s) && fleet_is_reachable(s)));
	for (uint64_t i = 0; i <= ROLL_TICKET; i++) {
		const struct fleet_lock *l = lock_of((struct sup *)s, i);
		if (fleet_is_reachable(s) &&
		    consul_lock_is_due(&l->lock, &s->fleet->session, INT64_MAX))
			earlier(&due, l->lock.due_ms);
	}
	earlier(&due, fleet_pointers_due(s));
	earlier(&due, fleet_service_due(s));
	return due;
}
