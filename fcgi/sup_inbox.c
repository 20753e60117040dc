/* sup_inbox.c - what was sent to tenants: wakes builds, and tells the ledgers how it went.
 *
 *   a write to the bell (inbox.h)  -> a build, a moment later
 *   a generation on every worker   -> its jobs are live
 *   a build or a gate that failed  -> so are its jobs, or they wait for the next try
 */
#include "sup.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "file.h"
#include "generation.h"
#include "inbox.h"
#include "ledger.h"
#include "log.h"
#include "tenant.h"

int
sup_inbox_open(struct sup *s, struct err *e)
{
	char bell[PATH_MAX];

	if (inbox_make(s->conf.global.data_dir, e) == -1 ||
	    inbox_bell_path(bell, sizeof bell, s->conf.global.data_dir, e) == -1)
		return -1;
	if ((s->bell_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) == -1 ||
	    inotify_add_watch(s->bell_fd, bell, IN_CLOSE_WRITE | IN_ONLYDIR) == -1)
		return err_sys(e, ERR_IO, "%s", bell);
	return 0;
}

void
sup_inbox_close(struct sup *s)
{
	if (s->bell_fd != -1)
		close(s->bell_fd);
	s->bell_fd = -1;
}

static void
wake(struct sup *s, const char *tenant)
{
	builds_work(&s->builds, tenant, s->now_ms + s->conf.global.inbox_delay_ms);
}

void
sup_inbox_look(struct sup *s, const char *tenant)
{
	const char *data = s->conf.global.data_dir;
	struct inbox_limits waits;
	size_t open = 0;
	struct err e;

	if (inbox_count(data, tenant, &waits, &e) == -1 ||
	    ledger_count_open(data, tenant, &open, &e) == -1) {
		log_warn("inbox tenant=%s: %s", tenant, e.text);
		return;
	}
	if (open > 0)
		builds_note_open(&s->builds, tenant, true);
	if (waits.entries > 0 || open > 0)
		wake(s, tenant);
}

static void
look_everywhere(struct sup *s)
{
	for (size_t i = 0; i < catalog_count(s->catalog); i++)
		sup_inbox_look(s, catalog_at(s->catalog, i)->name);
}

static void
hear_bell(struct sup *s)
{
	char bytes[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t n;

	while ((n = read(s->bell_fd, bytes, sizeof bytes)) > 0)
		for (char *at = bytes; at < bytes + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			if ((event->mask & IN_Q_OVERFLOW) != 0)
				look_everywhere(s);
			else if (event->len > 0 &&
			    tenant_name_is_valid(event->name, strlen(event->name)))
				wake(s, event->name);
		}
}

/* ---- jobs that come to their end ---- */

/* Whoever answers, answers from the roster. */
static bool
is_everywhere(const struct sup *s)
{
	if (roll_is_busy(&s->roll))
		return false;
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pid != 0 && s->workers[i].slot.phase == PHASE_READY &&
		    !sup_worker_is_current(s, i))
			return false;
	return true;
}

static void
settle(struct sup *s, const struct build_job *job, const char *generation)
{
	char tenant[TENANT_NAME_BYTES + 1];
	size_t open = 0;
	struct err e;

	memcpy(tenant, job->tenant, sizeof tenant);
	if (ledger_settle(s->conf.global.data_dir, tenant, generation, &open, &e) == -1)
		log_warn("ledger tenant=%s: %s", tenant, e.text);
	builds_settled(&s->builds, tenant, generation, open > 0);
}

static void
settle_all(struct sup *s)
{
	for (size_t i = 0; i < s->builds.count; i++) {
		const struct build_job *job = &s->builds.jobs[i];
		const struct roster_entry *t;
		if (!job->has_open)
			continue;
		t = roster_find(&s->roster, job->tenant);
		if (t != NULL && t->state == ROSTER_LIVE &&
		    strcmp(t->generation, job->settled) != 0)
			settle(s, job, t->generation);
	}
}

void
sup_inbox_turn(struct sup *s)
{
	hear_bell(s);
	if (is_everywhere(s))
		settle_all(s);
}

/* Nothing will build it before somebody wishes it again. */
static bool
is_left_alone(const struct sup *s, const char *tenant)
{
	const struct build_job *job = builds_find(&s->builds, tenant);
	char folder[PATH_MAX];

	return job != NULL && job->state == BUILD_FAILED && job->retry_ms == 0 &&
	    generation_tenant_dir(folder, s->conf.global.data_dir, tenant, NULL) == 0 &&
	    file_is_folder(folder);
}

void
sup_inbox_build_failed(struct sup *s, const char *tenant, const char *reason, bool is_final)
{
	struct err e;

	if (ledger_fail(s->conf.global.data_dir, tenant, "", reason, is_final, &e) == -1)
		log_warn("ledger tenant=%s: %s", tenant, e.text);
	if (is_final && is_left_alone(s, tenant) &&
	    ledger_fail_waiting(s->conf.global.data_dir, tenant, reason, &e) == -1)
		log_warn("ledger tenant=%s: %s", tenant, e.text);
}

void
sup_inbox_refused(
    struct sup *s, const char *tenant, const char *generation, const char *reason)
{
	char text[LEDGER_REASON_BYTES];
	struct err e;

	snprintf(text, sizeof text, "generation %s was refused: %s", generation, reason);
	if (ledger_fail(s->conf.global.data_dir, tenant, generation, text, true, &e) == -1)
		log_warn("ledger tenant=%s: %s", tenant, e.text);
}
