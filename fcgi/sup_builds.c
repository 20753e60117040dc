/* sup_builds.c - build processes: what builds.h decides is carried out here. */
#include "sup.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "build.h"
#include "generation.h"
#include "json.h"
#include "log.h"
#include "progress.h"

static struct build_run *
free_run(struct sup *s)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid == 0 && !s->runs[i].awaits_lock)
			return &s->runs[i];
	return NULL;
}

static int
start_process(struct sup *s, struct build_run *r, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	char config[PATH_MAX];
	const char *argv[] = {"ragpool-build", "--data", g->data_dir, "--tenant", r->tenant,
	    "--config", config, "--json", "--no-publish", "--progress", NULL, NULL, NULL,
	    NULL};
	char board[32];
	const char *env[] = {board, NULL};
	struct spawn spawn = {.path = g->build_program, .argv = argv, .env = env, .in_fd = -1,
	    .err_fd = log_fd(), .background = true, .keep = {s->board.fd}, .keep_count = 1};
	size_t n = 0;

	if (catalog_document_path(s->catalog, r->tenant, config, sizeof config, e) == -1)
		return -1;
	while (argv[n] != NULL)
		n++;
	if (s->conf.path[0] != '\0') {		/* what a document may name */
		argv[n++] = "--pool";
		argv[n++] = s->conf.path;
	}
	if (builds_find(&s->builds, r->tenant)->is_accepted)
		argv[n] = "--allow-shrink";
	snprintf(board, sizeof board, "RAGPOOL_BOARD_FD=%d", s->board.fd);
	return child_start_as(&r->child, &spawn, s->now_ms, g->build_timeout_ms, e);
}

/* The place is taken before the lock is: a tenant that another host builds gives it back at
 * once, so that no other tenant waits for it. */
static void
take_place(struct sup *s, struct build_run *r, const struct build_job *job)
{
	memcpy(r->tenant, job->tenant, sizeof r->tenant);
	builds_started(&s->builds, r->tenant);
	r->awaits_lock = true;
}

/* A build that failed for the moment is asked for again in a while. */
static void
fail_build(struct sup *s, const char *tenant, const char *reason, bool is_busy)
{
	builds_failed(&s->builds, tenant, reason, is_busy);
	if (is_busy && s->retry_busy_ms == 0)
		s->retry_busy_ms = s->now_ms + BUILD_BUSY_MS;
}

/* Gone meanwhile, or made by another host while we waited. */
static bool
is_needless(const struct sup *s, const char *tenant)
{
	const struct catalog_tenant *t = catalog_find(s->catalog, tenant);
	const struct build_job *job = builds_find(&s->builds, tenant);

	return t == NULL || job == NULL || job->state == BUILD_LEAVING ||
	    (!job->takes_work &&
		sup_fleet_has_version(s, tenant, t->config.version, t->revision));
}

static void
start_build(struct sup *s, struct build_run *r)
{
	struct err e;

	r->awaits_lock = false;
	r->is_cancelled = false;
	r->beat_ms = s->now_ms;
	r->cpu = 0;
	r->heard = 0;
	r->progress[0] = '\0';
	if (start_process(s, r, &e) == 0) {
		log_info("build begins tenant=%s version=%s pid=%d", r->tenant,
		    builds_find(&s->builds, r->tenant)->building, (int)r->child.pid);
		return;
	}
	log_error("build tenant=%s: %s", r->tenant, e.text);
	fail_build(s, r->tenant, e.text, false);
	sup_fleet_build_done(s, r->tenant);
}

static void
await_lock(struct sup *s, struct build_run *r)
{
	char reason[BUILD_REASON_BYTES];
	const char *host;

	if (is_needless(s, r->tenant)) {
		builds_done(&s->builds, r->tenant);
	} else if (sup_cold_awaits(s, r->tenant)) {
		return;			/* what it grows from, and is judged by */
	} else if (sup_fleet_may_build(s, r->tenant)) {
		start_build(s, r);
		return;
	} else if ((host = sup_fleet_builder(s, r->tenant)) != NULL) {
		snprintf(reason, sizeof reason, "%s builds it", host);
		fail_build(s, r->tenant, reason, true);
	} else {
		return;
	}
	r->awaits_lock = false;
	sup_fleet_build_done(s, r->tenant);
}

static int
take_generation(struct sup *s, struct build_run *r, struct err *e)
{
	const struct build_job *job = builds_find(&s->builds, r->tenant);
	struct json_object *result;
	const char *generation = "", *aside = "";
	int64_t documents = 0, chunks = 0, jobs = 0, removals = 0;
	bool unchanged = false;
	int rc = -1;

	if (job == NULL || job->state == BUILD_LEAVING)
		return 0;
	if (child_result(&r->child, &result, e) == -1)
		return -1;
	if (json_get_text(result, "generation", true, GENERATION_NAME_BYTES - 1, &generation,
		e) == -1 ||
	    generation_name_check(generation, e) == -1 ||
	    json_get_int(result, "documents", false, 0, INT64_MAX, &documents, e) == -1 ||
	    json_get_int(result, "chunks", false, 0, INT64_MAX, &chunks, e) == -1 ||
	    json_get_bool(result, "unchanged", false, &unchanged, e) == -1 ||
	    json_get_int(result, "jobs", false, 0, INT64_MAX, &jobs, e) == -1 ||
	    json_get_text(result, "damaged_source_db", false, BUILD_ASIDE_BYTES - 1, &aside, e) ==
		-1 ||
	    json_get_int(result, "asked_removals", false, 0, INT64_MAX, &removals, e) == -1)
		goto out;
	builds_note_removals(&s->builds, r->tenant, (uint64_t)removals);
	if (aside[0] != '\0')
		builds_note_aside(&s->builds, r->tenant, aside);
	builds_note_open(&s->builds, r->tenant, jobs > 0);
	if (sup_gate_offer(s, r->tenant, generation, job->is_accepted, e) == -1)
		goto out;
	log_info("build done tenant=%s generation=%s documents=%" PRId64 " chunks=%" PRId64
		 "%s ms=%" PRId64,
	    r->tenant, generation, documents, chunks, unchanged ? " unchanged" : "",
	    s->now_ms - r->child.started_ms);
	rc = 0;
out:
	json_object_put(result);
	return rc;
}

/* It died or could not go on for reasons that may pass: the next try may find the disk with
 * room again, or the network there. */
static bool
may_pass(const struct build_run *r)
{
	static const int codes[] = {69, 71, 74};	/* of sysexits.h: unavailable, OS, I/O */
	int code = WIFEXITED(r->child.status) ? WEXITSTATUS(r->child.status) : -1;

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i] == code)
			return true;
	return WIFSIGNALED(r->child.status);
}

static void
fail_run(struct sup *s, struct build_run *r, const char *reason)
{
	bool is_busy = child_is_busy(&r->child) && !r->is_cancelled, again = is_busy;
	bool is_full = child_failed_for(&r->child, ERR_STORAGE);

	struct err e;

	log_error("build failed tenant=%s: %s", r->tenant, reason);
	if (build_remove_folder(s->conf.global.data_dir, r->tenant, r->child.pid, &e) == -1)
		log_warn("build tenant=%s: %s", r->tenant, e.text);
	fail_build(s, r->tenant, reason, is_busy);
	if (!is_busy && !r->is_cancelled && may_pass(r) &&
	    (again = builds_retry_later(&s->builds, r->tenant, s->now_ms, !is_full)))
		log_info("build tenant=%s: tried again in %" PRId64 " ms", r->tenant,
		    builds_find(&s->builds, r->tenant)->retry_ms - s->now_ms);
	sup_inbox_build_failed(s, r->tenant, reason, !again);
}

static void
finish_build(struct sup *s, struct build_run *r)
{
	struct err e;
	int rc = -1;

	if (child_is_well(&r->child))
		rc = take_generation(s, r, &e);
	else if (r->is_cancelled)
		err_set(&e, ERR_TIMEOUT, "cancelled by an operator");
	else
		child_reason(&r->child, "build", &e);
	if (rc == 0)
		builds_done(&s->builds, r->tenant);
	else
		fail_run(s, r, e.text);
	progress_remove(s->conf.global.data_dir, r->tenant);
	sup_fleet_build_done(s, r->tenant);
	child_fini(&r->child);
}

/* ---- its heartbeat ---- */

/* The last whole line that is about progress. */
static void
hear_progress(struct build_run *r)
{
	static const char mark[] = "{\"progress\":";
	const struct buf *b = &r->child.out;
	size_t end = b->len, from;
	struct json_object *o;

	while (end > 0 && b->data[end - 1] != '\n')
		end--;
	if (end == 0)
		return;
	for (from = end - 1; from > 0 && b->data[from - 1] != '\n';)
		from--;
	if (end - 1 - from >= sizeof r->progress ||
	    strncmp(b->data + from, mark, sizeof mark - 1) != 0 ||
	    json_parse_object(&o, b->data + from, end - 1 - from, NULL) == -1)
		return;
	snprintf(r->progress, sizeof r->progress, "%.*s", (int)(end - 1 - from), b->data + from);
	json_object_put(o);
}

/* Clock ticks of the processor that it and the children it has waited for have used. */
static uint64_t
cpu_of(pid_t pid)
{
	unsigned long long t[4] = {0};
	char path[48], line[1024] = "", *at;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if ((f = fopen(path, "re")) == NULL)
		return 0;
	if (fgets(line, sizeof line, f) != NULL && (at = strrchr(line, ')')) != NULL)
		sscanf(at + 2, "%*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu %llu %llu",
		    &t[0], &t[1], &t[2], &t[3]);
	fclose(f);
	return t[0] + t[1] + t[2] + t[3];
}

static bool
has_stalled(const struct sup *s, struct build_run *r)
{
	uint64_t cpu;

	if (r->child.out.len != r->heard) {
		r->heard = r->child.out.len;
		r->beat_ms = s->now_ms;
		hear_progress(r);
	}
	if (s->now_ms - r->beat_ms < s->conf.global.build_stall_ms)
		return false;
	if ((cpu = cpu_of(r->child.pid)) == r->cpu)
		return true;
	r->cpu = cpu;
	r->beat_ms = s->now_ms;
	return false;
}

const char *
sup_builds_progress(const struct sup *s, const char *tenant)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid != 0 && strcmp(s->runs[i].tenant, tenant) == 0)
			return s->runs[i].progress;
	return "";
}

bool
sup_builds_withdraw(struct sup *s, const char *tenant)
{
	static const char reason[] = "cancelled by an operator";

	for (int i = 0; i < BUILDS_MAX; i++) {
		struct build_run *r = &s->runs[i];
		if (r->child.pid == 0 || strcmp(r->tenant, tenant) != 0)
			continue;
		r->is_cancelled = true;
		child_stop(&r->child, false, s->now_ms);
		return true;
	}
	if (!builds_cancel(&s->builds, tenant, reason))
		return false;
	sup_inbox_build_failed(s, tenant, reason, true);
	return true;
}

static void
await_places(struct sup *s)
{
	for (int i = 0; i < BUILDS_MAX && s->stopping == STOP_NOT; i++)
		if (s->runs[i].awaits_lock)
			await_lock(s, &s->runs[i]);
}

void
sup_builds_turn(struct sup *s)
{
	const struct build_job *job;
	struct build_run *place;

	for (int i = 0; i < BUILDS_MAX; i++) {
		struct build_run *r = &s->runs[i];
		if (r->child.pid == 0)
			continue;
		child_read(&r->child);
		if (r->child.is_ended)
			finish_build(s, r);
		else if (child_check_time(&r->child, s->now_ms))
			log_warn("build tenant=%s pid=%d: over its time, stopped", r->tenant,
			    (int)r->child.pid);
		else if (!r->child.was_told && has_stalled(s, r)) {
			log_warn("build tenant=%s pid=%d: stalled, stopped", r->tenant,
			    (int)r->child.pid);
			child_stop(&r->child, false, s->now_ms);
		}
	}
	builds_tick(&s->builds, s->now_ms);
	await_places(s);
	if (s->retry_busy_ms != 0 && s->now_ms >= s->retry_busy_ms) {
		s->retry_busy_ms = 0;
		builds_retry_busy(&s->builds);
	}
	while (s->stopping == STOP_NOT && (place = free_run(s)) != NULL &&
	    (job = builds_next(&s->builds)) != NULL) {
		take_place(s, place, job);
		await_places(s);
	}
}

bool
sup_builds_reap(struct sup *s, pid_t pid, int status)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (child_reap(&s->runs[i].child, pid, status))
			return true;
	return false;
}

void
sup_builds_cancel(struct sup *s, const char *tenant)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (strcmp(s->runs[i].tenant, tenant) == 0)
			child_stop(&s->runs[i].child, false, s->now_ms);
}

void
sup_builds_stop(struct sup *s, bool fast)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		child_stop(&s->runs[i].child, fast, s->now_ms);
}

bool
sup_builds_any(const struct sup *s)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid != 0)
			return true;
	return false;
}

size_t
sup_builds_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid != 0 && s->runs[i].child.out_fd != -1)
			fds[n++] = (struct curl_waitfd){
			    .fd = s->runs[i].child.out_fd, .events = CURL_WAIT_POLLIN};
	return n;
}

/* When it is looked at, if it says nothing until then: its time is over, or it may have stalled. */
static int64_t
run_due(const struct sup *s, const struct build_run *r)
{
	int64_t stall_ms = r->beat_ms + s->conf.global.build_stall_ms;

	return r->child.was_told || r->child.due_ms < stall_ms ? r->child.due_ms : stall_ms;
}

int64_t
sup_builds_due(const struct sup *s)
{
	int64_t due = s->retry_busy_ms != 0 ? s->retry_busy_ms : INT64_MAX;

	if (s->stopping == STOP_NOT && builds_due(&s->builds) < due)
		due = builds_due(&s->builds);
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].child.pid != 0 && run_due(s, &s->runs[i]) < due)
			due = run_due(s, &s->runs[i]);
	return due;
}
