/* sup_cold.c - tenants that nobody asks for: what cold.h decides is carried out here. */
#include "sup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "asked.h"
#include "generation.h"
#include "log.h"
#include "tenant.h"

enum { LOOK_MS = 60000, LEAVING_LOOK_MS = 500, FOLDER_MODE = 0750 };

/* ---- options ---- */

static const char *
store_of(const struct sup *s)
{
	const char *own = s->conf.global.cold_store;

	return own[0] != '\0' ? own : s->conf.consul.object_store;
}

/* 0: never. */
static int64_t
cold_after_ms(const struct sup *s, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);

	if (t != NULL && t->document != NULL && t->life.cold_after_ms >= 0)
		return t->life.cold_after_ms;
	return s->conf.global.cold_after_ms;
}

/* ---- who is asked for ---- */

int
sup_cold_open(struct sup *s, struct err *e)
{
	char folder[PATH_MAX];

	if (asked_folder(folder, sizeof folder, s->conf.global.data_dir, e) == -1)
		return -1;
	if ((mkdir(folder, FOLDER_MODE) == -1 && errno != EEXIST) ||
	    (s->cold.asked_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) == -1 ||
	    inotify_add_watch(s->cold.asked_fd, folder, IN_CLOSE_WRITE | IN_ONLYDIR) == -1)
		return err_sys(e, ERR_IO, "%s", folder);
	return 0;
}

void
sup_cold_close(struct sup *s)
{
	if (s->cold.asked_fd != -1)
		close(s->cold.asked_fd);
	s->cold.asked_fd = -1;
}

static void decide(struct sup *s, struct live_tenant *t);

static void
note_asked(struct sup *s, const char *tenant)
{
	struct live_tenant *t = live_find(&s->live, tenant);

	if (t == NULL || t->cold.state == COLD_WARM)
		return;
	cold_asked(&t->cold);
	decide(s, t);
}

/* Some were missed: whoever is away and asked since then has a younger note. */
static void
note_all(struct sup *s)
{
	for (size_t i = 0; i < s->live.count; i++)
		if (s->live.at[i].cold.state != COLD_WARM)
			note_asked(s, s->live.at[i].name);
}

static void
hear_asked(struct sup *s)
{
	char bytes[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t n;

	while ((n = read(s->cold.asked_fd, bytes, sizeof bytes)) > 0)
		for (char *at = bytes; at < bytes + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			if ((event->mask & IN_Q_OVERFLOW) != 0)
				note_all(s);
			else if (event->len > 0 &&
			    tenant_name_is_valid(event->name, strlen(event->name)))
				note_asked(s, event->name);
		}
}

/* Time counts from when it was first looked for, where nobody has asked yet. */
static bool
is_idle(const struct sup *s, const struct live_tenant *t, int64_t after_ms)
{
	const char *data = s->conf.global.data_dir;
	int64_t asked = asked_last_s(data, t->name);

	if (asked == 0) {
		asked_note(data, t->name);
		return false;
	}
	return ((int64_t)time(NULL) - asked) * 1000 >= after_ms;
}

/* ---- children ---- */

static const char *const verbs[COLD_RUN_KIND_MAX] = {
    [COLD_RUN_PUBLISH] = "publish", [COLD_RUN_VERIFY] = "verify", [COLD_RUN_FETCH] = "fetch"};

/* One place is for what leaves, the others for what is asked for. */
static struct cold_run *
free_run(struct sup *s, bool is_fetch)
{
	for (int i = is_fetch; i < (is_fetch ? COLD_RUNS_MAX : 1); i++)
		if (s->cold.runs[i].child.pid == 0)
			return &s->cold.runs[i];
	return NULL;
}

static int
start(struct sup *s, struct cold_run *r, enum cold_run_kind kind, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	const char *argv[] = {"ragpool-objects", verbs[kind], "--config", s->conf.path, "--store",
	    store_of(s), "--data", g->data_dir, "--tenant", r->tenant, "--generation",
	    r->generation, kind != COLD_RUN_VERIFY ? "--cold" : NULL, NULL};
	struct spawn spawn = {.path = g->objects_program, .argv = argv, .in_fd = -1,
	    .err_fd = log_fd(), .background = true, .keeps_priority = kind == COLD_RUN_FETCH};

	r->kind = kind;
	return child_start_as(&r->child, &spawn, s->now_ms, g->build_timeout_ms, e);
}

/* False: not now. */
static bool
begin(struct sup *s, const struct live_tenant *t, enum cold_run_kind kind)
{
	struct cold_run *r = free_run(s, kind == COLD_RUN_FETCH);
	struct err e;

	if (r == NULL)
		return false;
	memcpy(r->tenant, t->name, sizeof r->tenant);
	memcpy(r->generation, t->generation, sizeof r->generation);
	if (start(s, r, kind, &e) == 0) {
		log_info("cold: %s begins tenant=%s generation=%s pid=%d", verbs[kind], r->tenant,
		    r->generation, (int)r->child.pid);
		return true;
	}
	log_error("cold: %s tenant=%s: %s", verbs[kind], r->tenant, e.text);
	return false;
}

static bool
is_well(struct sup *s, struct cold_run *r)
{
	struct live_tenant *t = live_find(&s->live, r->tenant);
	struct err e;

	if (child_is_well(&r->child)) {
		if (t != NULL)
			t->cold_trouble[0] = '\0';
		return true;
	}
	child_reason(&r->child, verbs[r->kind], &e);
	log_error("cold: %s failed tenant=%s generation=%s: %s", verbs[r->kind], r->tenant,
	    r->generation, e.text);
	if (t != NULL)
		snprintf(t->cold_trouble, sizeof t->cold_trouble, "generation %s could not be %s: %.150s",
		    r->generation, r->kind == COLD_RUN_FETCH ? "fetched" : "secured", e.text);
	return false;
}

static void
end(struct sup *s, struct cold_run *r)
{
	struct live_tenant *t = live_find(&s->live, r->tenant);
	bool well = is_well(s, r), is_its = t != NULL && strcmp(t->generation, r->generation) == 0;
	enum cold_run_kind kind = r->kind;
	struct err e;

	child_fini(&r->child);
	s->cold.out_ms = s->now_ms;	/* one may have waited for the place */
	if (kind == COLD_RUN_PUBLISH && well && is_its) {
		if (start(s, r, COLD_RUN_VERIFY, &e) == 0)
			return;
		well = false;
		log_error("cold: verify tenant=%s: %s", r->tenant, e.text);
	}
	if (!is_its)
		return;			/* another generation is live by now */
	if (kind == COLD_RUN_FETCH)
		cold_fetched(&t->cold, well, s->now_ms);
	else
		cold_secured(&t->cold, well, s->now_ms);
}

static void
turn_runs(struct sup *s)
{
	for (int i = 0; i < COLD_RUNS_MAX; i++) {
		struct cold_run *r = &s->cold.runs[i];
		if (r->child.pid == 0)
			continue;
		child_read(&r->child);
		if (r->child.is_ended)
			end(s, r);
		else if (child_check_time(&r->child, s->now_ms))
			log_warn("cold: %s tenant=%s: over its time, stopped", verbs[r->kind],
			    r->tenant);
	}
}

/* ---- what is decided ---- */

/* Nothing else is going on with the tenant, and what it serves is what its pointer names. */
static bool
may_leave(const struct sup *s, const struct live_tenant *t)
{
	const struct catalog_tenant *c = catalog_find(s->catalog, t->name);
	const char *reason, *state;

	if (c == NULL || c->document == NULL || cold_after_ms(s, t->name) == 0 ||
	    store_of(s)[0] == '\0' || s->stopping != STOP_NOT ||
	    pins_of(&s->pins, t->name) != NULL || strcmp(t->generation, t->pointer) != 0)
		return false;
	state = status_tenant_state(s, c, &reason);
	return (strcmp(state, "live") == 0 || strcmp(state, "cold") == 0) &&
	    sup_fleet_waits(s, t->name)[0] == '\0';
}

/* Every worker is where the roster is, and that does not let it be served; nobody starts from
 * an older one, now or after a crash. */
static bool
is_unused(const struct sup *s, const char *tenant)
{
	const struct roster_entry *r = roster_find(&s->roster, tenant);

	return r != NULL && r->state == ROSTER_COLD && !roll_is_busy(&s->roll) &&
	    sup_sweep_is_even(s) && s->orphans_due_ms == 0 &&
	    roster_proven(s->conf.global.data_dir) == s->roster.epoch;
}

static void
drop(struct sup *s, struct live_tenant *t)
{
	struct err e;

	if (generation_send_away(s->conf.global.data_dir, t->name, t->generation, &e) == -1) {
		log_error("cold: tenant=%s: %s", t->name, e.text);
		snprintf(t->cold_trouble, sizeof t->cold_trouble, "%.200s", e.text);
		if (!generation_is_away(s->conf.global.data_dir, t->name, t->generation))
			return;		/* whole, still */
	}
	cold_dropped(&t->cold);
	t->is_swept = false;		/* those before it go, too */
	s->sweep_ms = s->now_ms;
	log_info("cold: tenant=%s generation=%s is in the object store alone", t->name,
	    t->generation);
}

static void
carry_out(struct sup *s, struct live_tenant *t, enum cold_step step)
{
	switch (step) {
	case COLD_SECURE:
		if (!begin(s, t, COLD_RUN_PUBLISH))
			cold_wait(&t->cold);
		break;
	case COLD_FETCH:
		if (!begin(s, t, COLD_RUN_FETCH))
			cold_wait(&t->cold);
		break;
	case COLD_LEAVE:
		sup_roll_want(s);
		break;
	case COLD_DROP:
		drop(s, t);
		break;
	case COLD_RETURN:
		log_info("cold: tenant=%s generation=%s is served again", t->name, t->generation);
		sup_roll_want_urgently(s, t);
		break;
	case COLD_REST:
	case COLD_STEP_MAX:
		break;
	}
}

static void
look_again(struct sup *s, int64_t due_ms)
{
	if (due_ms < s->cold.out_ms)
		s->cold.out_ms = due_ms;
}

static void
decide(struct sup *s, struct live_tenant *t)
{
	int64_t after = cold_after_ms(s, t->name);
	struct cold_view v = {.has_store = store_of(s)[0] != '\0', .now_ms = s->now_ms};

	if (t->generation[0] == '\0' || (t->cold.state == COLD_WARM && after == 0))
		return;
	if (t->cold.state == COLD_WARM || t->cold.state == COLD_SECURING ||
	    t->cold.state == COLD_LEAVING) {
		v.may_leave = may_leave(s, t);
		v.is_idle = v.may_leave && is_idle(s, t, after);
		v.is_unused = is_unused(s, t->name);
	}
	carry_out(s, t, cold_decide(&t->cold, &v));
	if (t->cold.state == COLD_LEAVING)
		look_again(s, s->now_ms + LEAVING_LOOK_MS);
	if (t->cold.is_asked && t->cold.retry_ms > s->now_ms)
		look_again(s, t->cold.retry_ms);
}

void
sup_cold_turn(struct sup *s)
{
	bool is_all = s->now_ms >= s->cold.look_ms;

	if (s->stopping == STOP_NOT)
		hear_asked(s);
	turn_runs(s);
	if ((!is_all && s->now_ms < s->cold.out_ms) || s->stopping != STOP_NOT)
		return;
	s->cold.out_ms = INT64_MAX;
	if (is_all)
		s->cold.look_ms = s->now_ms + LOOK_MS;
	for (size_t i = 0; i < s->live.count; i++)
		if (is_all || s->live.at[i].cold.state != COLD_WARM)
			decide(s, &s->live.at[i]);
}

/* ---- what the others ask ---- */

bool
sup_cold_awaits(struct sup *s, const char *tenant)
{
	struct live_tenant *t = live_find(&s->live, tenant);

	if (t == NULL || !cold_is_out(&t->cold) || t->cold.is_missed ||
	    store_of(s)[0] == '\0')
		return false;
	if (!t->cold.is_asked) {
		asked_note(s->conf.global.data_dir, tenant);
		note_asked(s, tenant);
	}
	return true;
}

bool
sup_cold_reap(struct sup *s, pid_t pid, int status)
{
	for (int i = 0; i < COLD_RUNS_MAX; i++)
		if (child_reap(&s->cold.runs[i].child, pid, status))
			return true;
	return false;
}

bool
sup_cold_any(const struct sup *s)
{
	for (int i = 0; i < COLD_RUNS_MAX; i++)
		if (s->cold.runs[i].child.pid != 0)
			return true;
	return false;
}

void
sup_cold_stop(struct sup *s, bool fast)
{
	for (int i = 0; i < COLD_RUNS_MAX; i++)
		child_stop(&s->cold.runs[i].child, fast, s->now_ms);
}

size_t
sup_cold_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	fds[n++] = (struct curl_waitfd){.fd = s->cold.asked_fd, .events = CURL_WAIT_POLLIN};
	for (int i = 0; i < COLD_RUNS_MAX; i++) {
		const struct child *c = &s->cold.runs[i].child;
		if (c->pid != 0 && c->out_fd != -1)
			fds[n++] =
			    (struct curl_waitfd){.fd = c->out_fd, .events = CURL_WAIT_POLLIN};
	}
	return n;
}

int64_t
sup_cold_due(const struct sup *s)
{
	int64_t due = s->cold.look_ms < s->cold.out_ms ? s->cold.look_ms : s->cold.out_ms;

	for (int i = 0; i < COLD_RUNS_MAX; i++)
		if (s->cold.runs[i].child.pid != 0 && s->cold.runs[i].child.due_ms < due)
			due = s->cold.runs[i].child.due_ms;
	return due;
}
