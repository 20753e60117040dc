/* sup_exec.c - USR2: a new binary in the place of this one, with everything that serves kept.
 *
 *   asked -roll over-> trial -good-> exec -comes up-> the new one goes on
 *                        `---bad---> we go on           `-does not-> exec back: we go on
 *
 * The trial is a child that runs the new binary with what it would inherit: it reads the
 * configuration and the handover, checks both, and says so.  A binary that is missing,
 * damaged, crashes or refuses is found there.  Then the process execs in place: it stays the
 * parent of its workers, holds its lock, and the sockets are never closed.  A new binary that
 * does not come up all the same executes the old one, whose descriptor it was given.
 *
 * Workers serve throughout; they are replaced by `ragpool respawn`, not by this.
 */
#include "sup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handover.h"
#include "log.h"
#include "notify.h"
#include "spawn.h"

enum { TRIAL_MS = 10000 };

void
sup_exec_want(struct sup *s)
{
	if (s->exec_phase != EXEC_NOT)
		return;
	s->exec_phase = EXEC_WANTED;
	if (roll_is_busy(&s->roll))
		log_info("a new binary is asked for: after the roll that is under way");
}

/* ---- what is handed over ---- */

static void
describe_workers(const struct sup *s, struct handover *h)
{
	for (unsigned i = 0; i < s->slots; i++) {
		const struct worker *w = &s->workers[i];
		if (w->pid == 0)
			continue;
		h->workers[h->worker_count++] = (struct handover_worker){.slot = i,
		    .pid = w->pid, .started = orphan_started(w->pid), .phase = w->slot.phase,
		    .is_wanted = w->is_wanted, .spawned_ms = w->slot.spawned_ms,
		    .failures = w->slot.failures};
		strcpy(h->workers[h->worker_count - 1].pool, s->pools[w->pool].conf->name);
	}
}

static void
describe(const struct sup *s, int program_fd, struct handover *h)
{
	*h = (struct handover){.lock_fd = s->lock.fd, .board_fd = s->board.fd,
	    .wake_fd = s->board.wake_fd, .program_fd = program_fd,
	    .started_ms = s->started_ms, .spawned = s->spawned, .died = s->died,
	    .killed_late = s->killed_late};
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		const struct pool *p = &s->pools[i];
		h->pools[h->pool_count] = (struct handover_pool){.fd = p->fd,
		    .is_activated = p->is_activated, .extra = p->extra,
		    .target = p->size.target};
		strcpy(h->pools[h->pool_count++].name, p->conf->name);
	}
	describe_workers(s, h);
}

/* The memfd, with *h filled; -1 with *e.  h->program_fd is to be closed too. */
static int
make_handover(const struct sup *s, struct handover *h, struct err *e)
{
	int program = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd;

	if (program == -1)
		return err_sys(e, ERR_IO, "our own program");
	describe(s, program, h);
	if ((fd = handover_write(h, e)) == -1)
		close(program);
	return fd;
}

/* ---- the trial ---- */

static void
give_up(struct sup *s, const char *why)
{
	log_error("the new binary is refused, this one goes on: %s", why);
	s->exec_phase = EXEC_NOT;
}

static int
start_trial(struct sup *s, struct err *e)
{
	char variable[48];
	const char *env[] = {variable, NULL};
	const char *argv[] = {s->program, "--trial", "--config", s->conf.path, NULL};
	struct spawn spawn = {.path = s->program, .argv = argv, .env = env, .in_fd = -1,
	    .err_fd = log_fd(), .background = true};
	struct handover h;
	int fd = make_handover(s, &h, e), rc;

	if (fd == -1)
		return -1;
	snprintf(variable, sizeof variable, "RAGPOOL_HANDOVER=%d", fd);
	spawn.keep[spawn.keep_count++] = fd;
	spawn.keep[spawn.keep_count++] = h.program_fd;
	spawn.keep[spawn.keep_count++] = h.lock_fd;
	spawn.keep[spawn.keep_count++] = h.board_fd;
	spawn.keep[spawn.keep_count++] = h.wake_fd;
	for (unsigned i = 0; i < h.pool_count; i++)
		spawn.keep[spawn.keep_count++] = h.pools[i].fd;
	rc = child_start_as(&s->trial, &spawn, s->now_ms, TRIAL_MS, e);
	close(fd);
	close(h.program_fd);
	return rc;
}

static void
begin_trial(struct sup *s)
{
	struct err e;

	if (start_trial(s, &e) == -1) {
		give_up(s, e.text);
		return;
	}
	s->exec_phase = EXEC_TRIAL;
	log_info("trying the new binary %s", s->program);
}

static bool
is_accepted(struct sup *s, struct err *e)
{
	struct json_object *answer;

	if (!child_is_well(&s->trial)) {
		child_reason(&s->trial, "trial", e);
		return false;
	}
	if (child_result(&s->trial, &answer, e) == -1)
		return false;
	json_object_put(answer);
	return true;
}

/* ---- the exec ---- */

/* Returns only when it failed. */
static void
exec_program(struct sup *s, struct err *e)
{
	const char *argv[] = {s->program, "--foreground", "--config", s->conf.path, NULL};
	struct handover h;
	char number[16];
	int fd;

	sup_gate_stop(s);
	sup_builds_stop(s, false);	/* they begin anew, with what they know already */
	sup_fleet_stop(s, false);
	sup_cold_stop(s, false);
	if ((fd = make_handover(s, &h, e)) == -1)
		return;
	snprintf(number, sizeof number, "%d", fd);
	setenv("RAGPOOL_HANDOVER", number, 1);
	handover_keep(&h, fd, true);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)s->now_ms * 1000);
	log_info("handing over to %s", s->program);
	execv(s->program, (char *const *)(uintptr_t)argv);
	err_sys(e, ERR_IO, "exec %s", s->program);
	handover_keep(&h, fd, false);
	unsetenv("RAGPOOL_HANDOVER");
	notify_send("READY=1");
	close(fd);
	close(h.program_fd);
}

static void
end_trial(struct sup *s)
{
	struct err e;
	bool accepted = is_accepted(s, &e);

	child_fini(&s->trial);
	if (accepted)
		exec_program(s, &e);
	give_up(s, e.text);
}

void
sup_exec_turn(struct sup *s)
{
	if (s->exec_phase == EXEC_WANTED && !roll_is_busy(&s->roll))
		begin_trial(s);
	if (s->exec_phase != EXEC_TRIAL)
		return;
	child_read(&s->trial);
	if (s->trial.is_ended && s->trial.out_fd == -1)
		end_trial(s);
	else if (child_check_time(&s->trial, s->now_ms))
		log_warn("the new binary takes too long, told to end");
}

bool
sup_exec_reap(struct sup *s, pid_t pid, int status)
{
	return child_reap(&s->trial, pid, status);
}

/* ---- on the other side ---- */

static void
adopt_worker(struct sup *s, const struct handover_worker *h)
{
	struct worker *w = &s->workers[h->slot];
	unsigned pool = 0;

	while (pool < s->conf.pool_count && strcmp(s->conf.pools[pool].name, h->pool) != 0)
		pool++;
	w->is_wanted = h->is_wanted && pool < s->conf.pool_count;
	w->pool = pool < s->conf.pool_count ? pool : 0;
	w->pid = h->pid;
	w->busy_ns = atomic_load(&s->board.slots[h->slot].busy_ns);
	w->slot = (struct slot){.phase = h->phase, .spawned_ms = h->spawned_ms,
	    .failures = h->failures};
	if (h->slot >= s->slots)
		s->slots = h->slot + 1;
	sup_workers_take_over(s, h->slot);
}

void
sup_exec_adopt(struct sup *s, const struct handover *h)
{
	s->started_ms = h->started_ms;
	s->spawned = h->spawned;
	s->died = h->died;
	s->killed_late = h->killed_late;
	if (s->board.fd != h->board_fd) {
		/* Another version's board: its workers go when ours are ready. */
		for (unsigned i = 0; i < h->worker_count; i++)
			s->orphans.list[s->orphans.count++] = (struct orphan){
			    .pid = h->workers[i].pid, .started = h->workers[i].started};
		sup_pools_begin(s);
		return;
	}
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		const struct handover_pool *p = handover_find_pool(h, s->conf.pools[i].name);
		struct pool_rules r;
		s->pools[i].extra = p != NULL ? p->extra : 0;
		r = sup_pools_rules(&s->pools[i]);
		pool_size_begin(&s->pools[i].size, &r);
		if (p != NULL)
			s->pools[i].size.target = p->target;
	}
	for (unsigned i = 0; i < h->worker_count; i++)
		adopt_worker(s, &h->workers[i]);
	sup_pools_adopt(s);
	log_info("took over %u workers of the binary before", h->worker_count);
}

/* Returns when that is not possible either. */
void
sup_exec_back(const struct handover *h, int fd, const char *conf_path)
{
	const char *argv[] = {"ragpoold", "--foreground", "--config", conf_path, NULL};
	char number[16];

	log_error("the binary before takes its place back");
	snprintf(number, sizeof number, "%d", fd);
	setenv("RAGPOOL_HANDOVER", number, 1);
	setenv("RAGPOOL_HANDED_BACK", "1", 1);
	handover_keep(h, fd, true);
	fexecve(h->program_fd, (char *const *)(uintptr_t)argv, environ);
}
