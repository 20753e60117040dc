/* sup_builds.c - build processes: what builds.h decides is carried out here. */
#include "sup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generation.h"
#include "json.h"
#include "log.h"
#include "spawn.h"

/* What sysexits.h means, for a build that left no words. */
static const char *
meaning_of_exit(int code)
{
	switch (code) {
	case 64:
		return "the build was called wrongly";
	case 65:
		return "the data cannot be used";
	case 66:
		return "a file that is needed does not exist";
	case 71:
		return "the build could not be started, or memory ran out";
	case 74:
		return "a file could not be read or written";
	case 75:
		return "something was busy";
	case 77:
		return "permission was refused";
	case 78:
		return "the document is not acceptable";
	default:
		return "the build failed";
	}
}

static struct build_run *
free_run(struct sup *s)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].pid == 0)
			return &s->runs[i];
	return NULL;
}

static int
start_process(struct sup *s, struct build_run *r, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	char config[PATH_MAX];
	const char *argv[] = {"ragpool-build", "--data", g->data_dir, "--tenant", r->tenant,
	    "--config", config, "--json", "--no-publish", NULL};
	struct spawn spawn = {.path = g->build_program, .argv = argv, .in_fd = -1,
	    .err_fd = log_fd(), .background = true};
	int ends[2];

	if (catalog_document_path(s->catalog, r->tenant, config, sizeof config, e) == -1)
		return -1;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "pipe");
	/* The build's end blocks: only ours must not. */
	fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) & ~O_NONBLOCK);
	spawn.out_fd = ends[1];
	if (spawn_run(&r->pid, &spawn, e) == -1) {
		r->pid = 0;
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	close(ends[1]);
	r->out_fd = ends[0];
	return 0;
}

static void
start_build(struct sup *s, const struct build_job *job)
{
	struct build_run *r = free_run(s);
	struct err e;

	if (r == NULL)
		return;
	*r = (struct build_run){.out_fd = -1, .started_ms = s->now_ms,
	    .due_ms = s->now_ms + s->conf.global.build_timeout_ms};
	memcpy(r->tenant, job->tenant, sizeof r->tenant);
	buf_init(&r->out, BUILD_OUTPUT_MAX);
	builds_started(&s->builds, r->tenant);
	if (start_process(s, r, &e) == 0) {
		log_info("build begins tenant=%s version=%s pid=%d", r->tenant,
		    builds_find(&s->builds, r->tenant)->building, (int)r->pid);
		return;
	}
	log_error("build tenant=%s: %s", r->tenant, e.text);
	builds_failed(&s->builds, r->tenant, e.text, false);
	buf_fini(&r->out);
}

/* Output is bounded: only its end matters, so a full buffer keeps the newer half. */
static void
read_output(struct build_run *r)
{
	char bytes[4096];
	ssize_t n;

	while (r->out_fd != -1 && (n = read(r->out_fd, bytes, sizeof bytes)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n == -1)
			break;
		if (r->out.len + (size_t)n >= r->out.max) {
			size_t half = r->out.len / 2;
			memmove(r->out.data, r->out.data + half, r->out.len - half);
			r->out.len -= half;
		}
		buf_add(&r->out, bytes, (size_t)n);
	}
	if (r->out_fd != -1)
		close(r->out_fd);
	r->out_fd = -1;
}

/* The last line that is not empty. */
static const char *
last_line(struct buf *b, size_t *n)
{
	size_t end = b->len, from;

	while (end > 0 && (b->data[end - 1] == '\n' || b->data[end - 1] == '\r'))
		end--;
	for (from = end; from > 0 && b->data[from - 1] != '\n';)
		from--;
	*n = end - from;
	return b->data + from;
}

/* {"generation": ...} of a success, {"error": {"message": ...}} of a failure that speaks. */
static int
parse_result(struct build_run *r, struct json_object **out, struct err *e)
{
	size_t n;
	const char *line = last_line(&r->out, &n);

	if (n == 0)
		return err_set(e, ERR_INTERNAL, "the build said nothing");
	return json_parse_object(out, line, n, e);
}

static int
take_generation(struct sup *s, struct build_run *r, struct err *e)
{
	const struct build_job *job = builds_find(&s->builds, r->tenant);
	struct json_object *result;
	const char *generation = "";
	int64_t documents = 0, chunks = 0;
	bool unchanged = false;
	int rc = -1;

	if (job == NULL || job->state == BUILD_LEAVING)
		return 0;
	if (parse_result(r, &result, e) == -1)
		return -1;
	if (json_get_text(result, "generation", true, GENERATION_NAME_BYTES - 1, &generation,
		e) == -1 ||
	    generation_name_check(generation, e) == -1 ||
	    json_get_int(result, "documents", false, 0, INT64_MAX, &documents, e) == -1 ||
	    json_get_int(result, "chunks", false, 0, INT64_MAX, &chunks, e) == -1 ||
	    json_get_bool(result, "unchanged", false, &unchanged, e) == -1 ||
	    sup_tenants_flip(s, r->tenant, generation, e) == -1)
		goto out;
	log_info("build done tenant=%s generation=%s documents=%" PRId64 " chunks=%" PRId64
		 "%s ms=%" PRId64,
	    r->tenant, generation, documents, chunks, unchanged ? " unchanged" : "",
	    s->now_ms - r->started_ms);
	rc = 0;
out:
	json_object_put(result);
	return rc;
}

/* Why it failed: its own words if it left any, else what its end means. */
static void
reason_of(struct build_run *r, struct err *e)
{
	struct json_object *result = NULL, *error = NULL;
	const char *message = NULL;

	if (parse_result(r, &result, NULL) == 0 &&
	    json_get_object(result, "error", false, &error, NULL) == 0 && error != NULL &&
	    json_get_text(error, "message", false, ERR_TEXT_BYTES, &message, NULL) == 0 &&
	    message != NULL)
		err_set(e, ERR_SOURCE, "%s", message);
	else if (r->was_told)
		err_set(e, ERR_TIMEOUT, "the build was stopped");
	else if (WIFEXITED(r->status))
		err_set(e, ERR_INTERNAL, "%s (exit %d)",
		    meaning_of_exit(WEXITSTATUS(r->status)), WEXITSTATUS(r->status));
	else
		err_set(e, ERR_INTERNAL, "ended by SIG%s", sigabbrev_np(WTERMSIG(r->status)));
	json_object_put(result);
}

static void
finish_build(struct sup *s, struct build_run *r)
{
	struct err e;
	bool is_busy = WIFEXITED(r->status) && WEXITSTATUS(r->status) == BUILD_EXIT_BUSY;
	int rc = -1;

	if (WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0)
		rc = take_generation(s, r, &e);
	else
		reason_of(r, &e);
	if (rc == 0) {
		builds_done(&s->builds, r->tenant);
	} else {
		log_error("build failed tenant=%s: %s", r->tenant, e.text);
		builds_failed(&s->builds, r->tenant, e.text, is_busy);
		if (is_busy)
			s->retry_busy_ms = s->now_ms + BUILD_BUSY_MS;
	}
	buf_fini(&r->out);
	if (r->out_fd != -1)
		close(r->out_fd);
	*r = (struct build_run){.out_fd = -1};
}

/* The whole process group: a build may have helpers. */
static void
signal_build(const struct build_run *r, int signo)
{
	if (r->pid > 0 && !r->is_ended)
		kill(-r->pid, signo);
}

static void
check_time(struct sup *s, struct build_run *r)
{
	if (r->is_ended || s->now_ms < r->due_ms)
		return;
	if (!r->was_told)
		log_warn("build tenant=%s pid=%d: over its time, stopped", r->tenant,
		    (int)r->pid);
	signal_build(r, r->was_told ? SIGKILL : SIGTERM);
	r->was_told = true;
	r->due_ms = s->now_ms + BUILD_GRACE_MS;
}

void
sup_builds_turn(struct sup *s)
{
	const struct build_job *job;

	for (int i = 0; i < BUILDS_MAX; i++) {
		struct build_run *r = &s->runs[i];
		if (r->pid == 0)
			continue;
		read_output(r);
		if (r->is_ended)
			finish_build(s, r);
		else
			check_time(s, r);
	}
	if (s->retry_busy_ms != 0 && s->now_ms >= s->retry_busy_ms) {
		s->retry_busy_ms = 0;
		builds_retry_busy(&s->builds);
	}
	while (s->stopping == STOP_NOT && (job = builds_next(&s->builds)) != NULL)
		start_build(s, job);
}

bool
sup_builds_reap(struct sup *s, pid_t pid, int status)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].pid == pid) {
			s->runs[i].is_ended = true;
			s->runs[i].status = status;
			return true;
		}
	return false;
}

static void
stop_build(struct sup *s, struct build_run *r, bool fast)
{
	if (r->pid == 0)
		return;
	signal_build(r, fast ? SIGKILL : SIGTERM);
	r->was_told = true;
	r->due_ms = s->now_ms + BUILD_GRACE_MS;
}

void
sup_builds_cancel(struct sup *s, const char *tenant)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (strcmp(s->runs[i].tenant, tenant) == 0)
			stop_build(s, &s->runs[i], false);
}

void
sup_builds_stop(struct sup *s, bool fast)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		stop_build(s, &s->runs[i], fast);
}

bool
sup_builds_any(const struct sup *s)
{
	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].pid != 0)
			return true;
	return false;
}

size_t
sup_builds_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].pid != 0 && s->runs[i].out_fd != -1)
			fds[n++] = (struct curl_waitfd){
			    .fd = s->runs[i].out_fd, .events = CURL_WAIT_POLLIN};
	return n;
}

int64_t
sup_builds_due(const struct sup *s)
{
	int64_t due = s->retry_busy_ms != 0 ? s->retry_busy_ms : INT64_MAX;

	for (int i = 0; i < BUILDS_MAX; i++)
		if (s->runs[i].pid != 0 && s->runs[i].due_ms < due)
			due = s->runs[i].due_ms;
	return due;
}
