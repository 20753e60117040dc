/* sup_gateway.c - the gateway process: started, watched, replaced without a gap.
 *
 * The listening socket is the supervisor's, so that whoever asks while there is no gateway
 * waits in its backlog.  There are two places: a new gateway is started beside the old one,
 * which is told to finish when the new one says that it is ready.  One that cannot start, its
 * key unreadable for instance, is tried again and again, ever more slowly, and the old one
 * stays.
 *
 * A supervisor that takes its own place by exec finds the gateway of its former self by
 * RAGPOOL_GATEWAY_PID, and replaces it in the same way. */
#include "sup.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "spawn.h"

enum { GATEWAY_BACKLOG = 511 };

static struct gateway_place *
current(struct sup *s)
{
	return &s->gateway.places[s->gateway.now];
}

static struct gateway_place *
other(struct sup *s)
{
	return &s->gateway.places[1 - s->gateway.now];
}

static bool
is_wanted(const struct sup *s)
{
	return s->conf.model_count > 0 && s->stopping == STOP_NOT;
}

/* ---- start ---- */

int
sup_gateway_open(struct sup *s, struct err *e)
{
	const char *path = s->conf.global.gateway_socket;
	struct listen_spec spec = {.path = path, .mode = 0600,
	    .uid = s->user.is_needed ? s->user.uid : (uid_t)-1,
	    .gid = s->user.is_needed ? s->user.gid : (gid_t)-1,
	    .backlog = GATEWAY_BACKLOG, .heir_of = s->lock.predecessor};

	if (s->conf.model_count == 0) {
		unsetenv("RAGPOOL_GATEWAY");
		return 0;
	}
	/* For builds, which name models only where there is a gateway. */
	if (setenv("RAGPOOL_GATEWAY", path, 1) == -1)
		return err_sys(e, ERR_NOMEM, "environment");
	return s->gateway.fd != -1 ? 0 : listen_unix(&s->gateway.fd, &spec, e);
}

static int
start_process(struct sup *s, struct gateway_place *p, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	const char *argv[] = {
	    "ragpool-gateway", "-c", s->conf.path, "--log-file", g->log_file, NULL};
	struct spawn spawn = {.path = g->gateway_program, .argv = argv,
	    .in_fd = s->gateway.fd, .err_fd = log_fd(), .takes_signals = true};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "pipe");
	spawn.out_fd = ends[1];
	if (spawn_run(&p->pid, &spawn, e) == -1) {
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	close(ends[1]);
	p->ready_fd = ends[0];
	return 0;
}

static void perform(struct sup *s, struct gateway_place *p, enum slot_event event);

static void
remember_pid(pid_t pid)
{
	char text[16];

	snprintf(text, sizeof text, "%d", (int)pid);
	setenv("RAGPOOL_GATEWAY_PID", text, 1);
}

/* Only a child of this very process is what it was. */
static void
take_over(struct sup *s)
{
	const char *text = getenv("RAGPOOL_GATEWAY_PID");
	pid_t pid = text != NULL ? (pid_t)atoi(text) : 0;

	unsetenv("RAGPOOL_GATEWAY_PID");
	if (s->heritage == NULL || pid <= 0 || waitpid(pid, NULL, WNOHANG) != 0)
		return;
	other(s)->pid = pid;
	other(s)->slot = (struct slot){.phase = PHASE_READY, .spawned_ms = s->now_ms};
}

static void
start(struct sup *s, struct gateway_place *p)
{
	struct err e;

	if (start_process(s, p, &e) == 0) {
		log_info("gateway pid %d started", (int)p->pid);
		remember_pid(p->pid);
		return;
	}
	p->pid = 0;
	log_error("gateway: %s", e.text);
	perform(s, p, EV_CRASHED);
}

static void
send_signal(const struct gateway_place *p, int signo)
{
	if (p->pid > 0 && kill(p->pid, signo) == -1 && errno != ESRCH)
		log_error("gateway pid %d: kill: %s", (int)p->pid, strerror(errno));
}

static void
perform(struct sup *s, struct gateway_place *p, enum slot_event event)
{
	struct slot_times times = {.boot_ms = s->conf.global.reload_timeout_ms,
	    .stop_ms = s->conf.global.shutdown_timeout_ms};

	switch (slot_event(&p->slot, event, &times, s->now_ms)) {
	case SLOT_SPAWN:
		start(s, p);
		break;
	case SLOT_TERM:
		send_signal(p, SIGTERM);
		break;
	case SLOT_KILL:
		send_signal(p, SIGKILL);
		break;
	case SLOT_NOTHING:
		break;
	}
}

/* ---- a new one in place of the old ---- */

static void
replace(struct sup *s)
{
	s->gateway.is_due = false;
	if (current(s)->slot.phase == PHASE_BACKOFF) {
		perform(s, current(s), EV_DUE);		/* it reads what is new as it starts */
	} else if (other(s)->slot.phase == PHASE_EMPTY) {
		if (current(s)->slot.phase != PHASE_EMPTY)
			s->gateway.now = 1 - s->gateway.now;
		perform(s, current(s), EV_WANT);
	} else {
		s->gateway.is_due = true;		/* one at a time */
	}
}

/* The newest change of any key: a key that was replaced is read by a new gateway. */
static int64_t
keys_changed_ns(const struct conf *c)
{
	int64_t newest = 0, at;
	struct stat st;

	for (size_t i = 0; i < c->model_count; i++) {
		if (c->models[i].key_file[0] == '\0' || stat(c->models[i].key_file, &st) == -1)
			continue;
		at = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
		newest = at > newest ? at : newest;
	}
	return newest;
}

void
sup_gateway_begin(struct sup *s)
{
	s->gateway.keys_ns = keys_changed_ns(&s->conf);
	take_over(s);
	if (is_wanted(s))
		perform(s, current(s), EV_WANT);
}

void
sup_gateway_adopt(struct sup *s, bool is_changed)
{
	int64_t keys_ns = keys_changed_ns(&s->conf);
	struct err e;

	if (!is_changed && keys_ns == s->gateway.keys_ns)
		return;
	s->gateway.keys_ns = keys_ns;
	if (sup_gateway_open(s, &e) == -1) {
		log_error("gateway: %s", e.text);
		return;
	}
	if (is_wanted(s)) {
		replace(s);
		return;
	}
	s->gateway.is_due = false;
	for (int i = 0; i < 2; i++)
		perform(s, &s->gateway.places[i], EV_UNWANT);
}

/* ---- the loop ---- */

static void
hear_ready(struct sup *s, struct gateway_place *p)
{
	char byte;
	ssize_t n;

	if (p->ready_fd == -1)
		return;
	n = read(p->ready_fd, &byte, 1);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	close(p->ready_fd);
	p->ready_fd = -1;
	if (n != 1 || p->slot.phase != PHASE_STARTING)
		return;		/* it closed its end without a word: its death will come */
	perform(s, p, EV_ACKED);
	log_info("gateway pid %d ready after %lld ms", (int)p->pid,
	    (long long)(s->now_ms - p->slot.spawned_ms));
	if (p == current(s))
		perform(s, other(s), EV_UNWANT);
}

/* Whoever may still ask is let finish first. */
static void
stop_when_alone(struct sup *s)
{
	bool is_fast = s->stopping == STOP_FAST;

	if (s->stopping == STOP_NOT || (!is_fast && (sup_workers_any(s) || sup_builds_any(s))))
		return;
	s->gateway.is_due = false;
	for (int i = 0; i < 2; i++) {
		perform(s, &s->gateway.places[i], EV_UNWANT);
		if (is_fast)
			perform(s, &s->gateway.places[i], EV_OVERTIME);
	}
}

void
sup_gateway_turn(struct sup *s)
{
	for (int i = 0; i < 2; i++) {
		struct gateway_place *p = &s->gateway.places[i];
		hear_ready(s, p);
		if (p->slot.due_ms != 0 && s->now_ms >= p->slot.due_ms) {
			if (p->slot.phase != PHASE_BACKOFF)
				log_warn("gateway pid %d: too long in %s, killed", (int)p->pid,
				    slot_phase_name(p->slot.phase));
			perform(s, p, EV_DUE);
		}
	}
	if (s->gateway.is_due && is_wanted(s))
		replace(s);
	stop_when_alone(s);
}

bool
sup_gateway_reap(struct sup *s, pid_t pid, int status)
{
	struct gateway_place *p = &s->gateway.places[0];
	enum slot_event event = EV_CRASHED;

	if (p->pid != pid)
		p++;
	if (p->pid != pid)
		return false;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		event = EV_LEFT;
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		event = EV_KILLED;
	if (WIFSIGNALED(status))
		log_warn("gateway pid %d ended by SIG%s", (int)pid, sigabbrev_np(WTERMSIG(status)));
	else if (event == EV_LEFT)
		log_info("gateway pid %d left", (int)pid);
	else
		log_warn("gateway pid %d exited with %d", (int)pid, WEXITSTATUS(status));
	hear_ready(s, p);
	p->pid = 0;
	if (p->ready_fd != -1)
		close(p->ready_fd);
	p->ready_fd = -1;
	s->gateway.died++;
	perform(s, p, event);
	if (p->slot.phase == PHASE_BACKOFF)
		log_warn("gateway cannot start, next try in %lld ms",
		    (long long)(p->slot.due_ms - s->now_ms));
	return true;
}

bool
sup_gateway_any(const struct sup *s)
{
	return s->gateway.places[0].pid != 0 || s->gateway.places[1].pid != 0;
}

void
sup_gateway_signal(struct sup *s, int signo)
{
	for (int i = 0; i < 2; i++)
		send_signal(&s->gateway.places[i], signo);
}

size_t
sup_gateway_fds(const struct sup *s, struct curl_waitfd *fds)
{
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		if (s->gateway.places[i].ready_fd != -1)
			fds[n++] = (struct curl_waitfd){
			    .fd = s->gateway.places[i].ready_fd, .events = CURL_WAIT_POLLIN};
	return n;
}

int64_t
sup_gateway_due(const struct sup *s)
{
	int64_t due = INT64_MAX;

	for (int i = 0; i < 2; i++) {
		const struct slot *slot = &s->gateway.places[i].slot;
		if (slot->due_ms != 0 && slot->due_ms < due)
			due = slot->due_ms;
	}
	return due;
}

void
sup_gateway_put(const struct sup *s, struct buf *b)
{
	const struct gateway_place *p = &s->gateway.places[s->gateway.now];

	buf_addf(b, "{\"models\":%zu,\"state\":\"%s\",\"pid\":%d,\"died\":%llu}",
	    s->conf.model_count, slot_phase_name(p->slot.phase), (int)p->pid,
	    (unsigned long long)s->gateway.died);
}

void
sup_gateway_close(struct sup *s)
{
	for (int i = 0; i < 2; i++)
		if (s->gateway.places[i].ready_fd != -1)
			close(s->gateway.places[i].ready_fd);
	if (s->gateway.fd == -1)
		return;
	listen_remove(s->gateway.fd, s->conf.global.gateway_socket);
	close(s->gateway.fd);
}
