/* supervisor.c - start, the loop, signals, the end. */
#include "supervisor.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clk.h"
#include "listen.h"
#include "log.h"
#include "notify.h"
#include "sup.h"

enum { FDS_MAX = 5 + CONF_POOLS_MAX + CONTROL_CLIENTS + 1 + BUILDS_MAX + TRANSFERS_MAX +
	    1 + COLD_RUNS_MAX +
	    PROBES_MAX + 2,
	DIR_MODE = 0755, DATA_MODE = 0750 };

/* ---- start ---- */

static int
take_signals(struct sup *s, struct err *e)
{
	const int taken[] = {SIGHUP, SIGTERM, SIGQUIT, SIGINT, SIGUSR1, SIGUSR2, SIGTTIN,
	    SIGTTOU, SIGCHLD, SIGWINCH, SIGRTMIN + 1, SIGRTMIN + 2, SIGRTMIN + 3};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
		sigaddset(&set, taken[i]);
	sigaction(SIGPIPE, &ignore, NULL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1 ||
	    (s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "signals");
	return 0;
}

static int
make_folders(struct sup *s, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	static const char *const below[] = {"tenants", "roster", "lkg", "inbox", "inbox/.bell"};
	char path[1024];

	if (drop_make_dir(g->run_dir, DIR_MODE, &s->user, e) == -1 ||
	    drop_make_dir(g->data_dir, DATA_MODE, &s->user, e) == -1)
		return -1;
	for (size_t i = 0; i < sizeof below / sizeof below[0]; i++) {
		snprintf(path, sizeof path, "%s/%s", g->data_dir, below[i]);
		if (drop_make_dir(path, DATA_MODE, &s->user, e) == -1)
			return -1;
	}
	return 0;
}

static int
open_pool(struct sup *s, unsigned i, int activated, struct err *e)
{
	struct pool *p = &s->pools[i];
	struct listen_spec spec;

	const struct handover_pool *was =
	    s->heritage != NULL ? handover_find_pool(s->heritage, s->conf.pools[i].name) : NULL;

	p->conf = &s->conf.pools[i];
	if (was != NULL) {
		p->fd = was->fd;
		p->is_activated = was->is_activated;
		return 0;
	}
	p->is_activated = activated != -1;
	if (p->is_activated) {
		p->fd = activated;
		return 0;
	}
	spec = (struct listen_spec){.path = p->conf->listen,
	    .mode = (mode_t)p->conf->listen_mode,
	    .backlog = (int)p->conf->listen_backlog,
	    .heir_of = s->lock.predecessor};
	if (drop_find_user(&spec.uid, p->conf->listen_owner, e) == -1 ||
	    drop_find_group(&spec.gid, p->conf->listen_group, e) == -1)
		return -1;
	if (s->user.is_needed && spec.uid == (uid_t)-1)
		spec.uid = s->user.uid;
	if (s->user.is_needed && spec.gid == (gid_t)-1)
		spec.gid = s->user.gid;
	return listen_unix(&p->fd, &spec, e);
}

/* A pool takes the socket of its name; the first one also one that is named fcgi, or the
 * only one there is. */
static int
claim_socket(struct sup *s, unsigned i, struct listen_inherited *l, int *out, struct err *e)
{
	if (listen_claim(l, s->conf.pools[i].name, out, e) == -1)
		return -1;
	if (i == 0 && *out == -1 && listen_claim(l, "fcgi", out, e) == -1)
		return -1;
	return i == 0 && *out == -1 ? listen_claim_only(l, out, e) : 0;
}

static int
open_all_pools(struct sup *s, struct listen_inherited *l, struct err *e)
{
	int activated;

	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		const struct pool *p = &s->pools[i];
		if (claim_socket(s, i, l, &activated, e) == -1 ||
		    open_pool(s, i, activated, e) == -1)
			return -1;
		log_info("pool %s listens on %s", p->conf->name,
		    p->is_activated ? "an inherited socket" : p->conf->listen);
	}
	return 0;
}

static int
open_pools(struct sup *s, struct err *e)
{
	struct listen_inherited inherited;
	unsigned unused;
	int rc = -1;

	if (listen_inherit(&inherited, e) == 0)
		rc = open_all_pools(s, &inherited, e);
	if ((unused = listen_close_rest(&inherited)) > 0)
		log_warn("%u inherited sockets are of no pool: FileDescriptorName= must name one",
		    unused);
	return rc;
}

static int
open_control(struct sup *s, struct err *e)
{
	struct listen_spec spec = {.path = s->conf.global.control_socket, .mode = 0600,
	    .uid = s->user.is_needed ? s->user.uid : (uid_t)-1,
	    .gid = s->user.is_needed ? s->user.gid : (gid_t)-1,
	    .backlog = CONTROL_CLIENTS, .heir_of = s->lock.predecessor};
	int fd;

	if (listen_unix(&fd, &spec, e) == -1)
		return -1;
	return control_open(&s->control, fd, sup_command, s, e);
}

static int
open_board(struct sup *s, struct err *e)
{
	struct err why;

	if (s->heritage != NULL) {
		if (board_attach(&s->board, s->heritage->board_fd, s->heritage->wake_fd, &why) == 0)
			return 0;
		log_warn("%s: the workers are replaced", why.text);
	}
	if (board_create(&s->board, WORKERS_MAX, e) == -1)
		return -1;
	atomic_store(&s->board.head->started_ns, clk_ns());
	atomic_store(&s->board.head->supervisor_pid, getpid());
	return 0;
}

/* What needs root, if anything does; the lock before anything else is touched. */
/* The lock came with the process; nothing that needs root is left to do. */
static int
start_as_heir(struct sup *s, struct err *e)
{
	s->lock.fd = s->heritage->lock_fd;
	s->user = (struct drop_target){0};
	s->lock.predecessor = getpid();
	if (open_pools(s, e) == -1 || open_control(s, e) == -1 || sup_gateway_open(s, e) == -1)
		return -1;
	return 0;
}

static int
start_as_root(struct sup *s, struct err *e)
{
	const struct conf_global *g = &s->conf.global;

	if (drop_find(&s->user, g->user, g->group, e) == -1 ||
	    drop_make_dir(g->run_dir, DIR_MODE, &s->user, e) == -1 ||
	    runlock_take(&s->lock, g->run_dir, e) == -1)
		return -1;
	if (s->user.is_needed && runlock_give(&s->lock, s->user.uid, s->user.gid, e) == -1)
		return -1;
	if (make_folders(s, e) == -1 || open_pools(s, e) == -1 || open_control(s, e) == -1 ||
	    sup_gateway_open(s, e) == -1)
		return -1;
	return drop_now(&s->user, e);
}

static int
start_libcurl(struct sup *s, struct err *e)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 ||
	    (s->multi = curl_multi_init()) == NULL)
		return err_set(e, ERR_NOMEM, "libcurl");
	return 0;
}

/* Everything that reads foreign bytes comes after root is gone. */
static int
start(struct sup *s, struct err *e)
{
	const struct conf_global *g = &s->conf.global;

	/* Signals first: who sees the socket may send one, and it must not end us. */
	if (take_signals(s, e) == -1 ||
	    (s->heritage != NULL ? start_as_heir : start_as_root)(s, e) == -1 ||
	    log_to_file(g->log_file, e) == -1 ||
	    runlock_write_pid(&s->lock, g->pid_file, e) == -1 || open_board(s, e) == -1 ||
	    start_libcurl(s, e) == -1)
		return -1;
	sup_quarantine_open(s);
	sup_poison_open(s);
	sup_pins_open(s);
	if (sup_inbox_open(s, e) == -1 || sup_cold_open(s, e) == -1)
		return -1;
	if (sup_tenants_open(s, e) == -1 || sup_roll_open(s, e) == -1)
		return -1;
	sup_stores_open(s);
	sup_gone_look(s);
	sup_gateway_begin(s);
	if (s->heritage != NULL) {
		sup_exec_adopt(s, s->heritage);
		sup_roll_want(s);
	} else {
		orphans_read(&s->orphans, g->run_dir);
		sup_pools_begin(s);
	}
	s->watchdog_ms = notify_watchdog_ms();
	return 0;
}

/* ---- signals ---- */

void
sup_reload(struct sup *s)
{
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=reloading",
	    (long long)(clk_ns() / 1000));
	s->is_reloading = true;
	s->sweep_ms = s->cold.look_ms = s->now_ms;
	sup_conf_reload(s);
	sup_tenants_refresh_all(s);
	sup_roll_want(s);
}

static void
stop(struct sup *s, bool fast)
{
	if (s->stopping == STOP_FAST)
		return;
	log_info("stopping%s", fast ? " at once" : "");
	notify_send("STOPPING=1");
	s->stopping = fast ? STOP_FAST : STOP_GRACEFUL;
	sup_builds_stop(s, fast);
	sup_fleet_stop(s, fast);
	sup_cold_stop(s, fast);
	sup_gate_stop(s);
	sup_workers_stop(s, fast);
}

static void
reopen_logs(struct sup *s)
{
	struct err e;

	if (log_reopen(&e) == -1)
		log_error("%s", e.text);
	else
		log_info("log reopened");
	sup_workers_signal(s, SIGUSR1);
	sup_gateway_signal(s, SIGUSR1);
}

static void
more_workers(struct sup *s, int by)
{
	const char *name = s->conf.pools[0].name;

	if (roll_is_busy(&s->roll))
		log_warn("pool %s: no worker more or fewer while a roll is under way", name);
	else if (!sup_pools_extra(s, 0, by))
		log_warn("pool %s: 1 to %d workers", name, WORKERS_MAX);
	else
		log_info("pool %s: %d by signal", name, s->pools[0].extra);
}

static void
reap(struct sup *s)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (!sup_workers_reap(s, pid, status) && !sup_exec_reap(s, pid, status) &&
		    !sup_gateway_reap(s, pid, status) && !sup_builds_reap(s, pid, status) &&
		    !sup_fleet_reap(s, pid, status) && !sup_cold_reap(s, pid, status))
			sup_gate_reap(s, pid, status);
}

static void
on_signal(struct sup *s, int number)
{
	switch (number) {
	case SIGHUP:
		log_info("reload asked for by signal");
		sup_reload(s);
		return;
	case SIGTERM:
	case SIGQUIT:
		stop(s, s->stopping != STOP_NOT);
		return;
	case SIGINT:
		stop(s, true);
		return;
	case SIGUSR1:
		reopen_logs(s);
		return;
	case SIGUSR2:
		sup_exec_want(s);
		return;
	case SIGTTIN:
	case SIGTTOU:
		more_workers(s, number == SIGTTIN ? 1 : -1);
		return;
	}
	if (number == SIGRTMIN + 1)
		roll_pause(&s->roll, s->now_ms);
	else if (number == SIGRTMIN + 2)
		roll_resume(&s->roll, s->now_ms);
	else if (number == SIGRTMIN + 3)
		sup_roll_abort(s);
}

static void
drain_signals(struct sup *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == sizeof info)
		if (info.ssi_signo != SIGCHLD)
			on_signal(s, (int)info.ssi_signo);
	reap(s);	/* several deaths may share one SIGCHLD */
}

/* ---- the loop ---- */

/* As long as a request may take, and what a worker is given to stop. */
static int64_t
patience_with_orphans_ms(const struct sup *s)
{
	int64_t longest = 0;

	for (unsigned i = 0; i < s->conf.pool_count; i++)
		if (s->conf.pools[i].request_timeout_ms > longest)
			longest = s->conf.pools[i].request_timeout_ms;
	return longest + s->conf.global.shutdown_timeout_ms;
}

/* Not before workers of ours take requests: until then the orphans may still. */
static void
let_orphans_go(struct sup *s)
{
	unsigned n = orphans_release(&s->orphans);

	if (n == 0)
		return;
	log_info("%u workers of the supervisor before us were told to finish", n);
	s->orphans_due_ms = s->now_ms + patience_with_orphans_ms(s);
}

static void
end_orphans(struct sup *s)
{
	unsigned n;

	if (s->orphans_due_ms == 0 || s->now_ms < s->orphans_due_ms)
		return;
	s->orphans_due_ms = 0;
	if ((n = orphans_end(&s->orphans)) > 0)
		log_warn("%u workers of the supervisor before us did not finish: killed", n);
}

static void
report(struct sup *s)
{
	char text[sizeof s->said];
	unsigned ready = sup_workers_ready(s);

	if (!s->is_ready && (ready > 0 || !sup_workers_wanted(s))) {
		s->is_ready = true;
		notify_send("READY=1\nMAINPID=%d", (int)getpid());
		let_orphans_go(s);
		log_info("ready workers=%u tenants=%zu", ready, catalog_count(s->catalog));
	}
	if (s->is_reloading && (!roll_is_busy(&s->roll) || s->roll.paused)) {
		s->is_reloading = false;	/* a pause may last: that is no reload */
		s->said[0] = '\0';
		notify_send("READY=1");
	}
	snprintf(text, sizeof text, "epoch %llu, %u of %u workers ready, roll %s",
	    (unsigned long long)s->roster.epoch, ready, s->slots,
	    roll_phase_name(s->roll.phase));
	if (s->is_ready && s->stopping == STOP_NOT && !roll_is_busy(&s->roll) &&
	    strcmp(text, s->said) != 0) {
		memcpy(s->said, text, sizeof text);
		notify_send("STATUS=%s", text);
	}
	if (s->watchdog_ms != 0 && s->now_ms >= s->watchdog_due_ms &&
	    (!s->is_ready || sup_workers_fresh(s))) {
		notify_send("WATCHDOG=1");
		s->watchdog_due_ms = s->now_ms + s->watchdog_ms;
	}
}

static void
earlier(int64_t *timeout_ms, int64_t due_ms, int64_t now_ms)
{
	int64_t left = due_ms > now_ms ? due_ms - now_ms : 0;

	if (left < *timeout_ms)
		*timeout_ms = left;
}

static int
timeout_of(const struct sup *s)
{
	int64_t timeout = SUP_TICK_MS, left;

	earlier(&timeout, sup_workers_due(s), s->now_ms);
	earlier(&timeout, sup_pools_due(s), s->now_ms);
	earlier(&timeout, sup_respawn_due(s), s->now_ms);
	earlier(&timeout, sup_builds_due(s), s->now_ms);
	earlier(&timeout, sup_wait_due(s), s->now_ms);
	earlier(&timeout, sup_gate_due(s), s->now_ms);
	earlier(&timeout, sup_gateway_due(s), s->now_ms);
	if (s->orphans_due_ms != 0)
		earlier(&timeout, s->orphans_due_ms, s->now_ms);
	if (s->stopping != STOP_NOT)
		return (int)timeout;
	earlier(&timeout, sup_fleet_due(s), s->now_ms);
	earlier(&timeout, sup_stores_due(s), s->now_ms);
	earlier(&timeout, sup_gone_due(s), s->now_ms);
	earlier(&timeout, sup_cold_due(s), s->now_ms);
	if ((left = sup_roll_due(s)) != 0)
		earlier(&timeout, left, s->now_ms);
	if ((left = tenants_dir_timeout(s->dir, s->now_ms)) >= 0 && left < timeout)
		timeout = left;
	if (s->consul != NULL && (left = consul_timeout(s->consul, s->now_ms)) >= 0 &&
	    left < timeout)
		timeout = left;
	return (int)timeout;
}

static unsigned
fds_of(struct sup *s, struct curl_waitfd *fds)
{
	unsigned n = 0;

	fds[n++] = (struct curl_waitfd){.fd = s->signal_fd, .events = CURL_WAIT_POLLIN};
	fds[n++] = (struct curl_waitfd){.fd = s->board.wake_fd, .events = CURL_WAIT_POLLIN};
	if (s->stopping == STOP_NOT)	/* afterwards nobody would read it */
		fds[n++] = (struct curl_waitfd){
		    .fd = tenants_dir_fd(s->dir), .events = CURL_WAIT_POLLIN};
	fds[n++] = (struct curl_waitfd){.fd = s->bell_fd, .events = CURL_WAIT_POLLIN};
	if (s->trial.out_fd != -1)
		fds[n++] = (struct curl_waitfd){.fd = s->trial.out_fd, .events = CURL_WAIT_POLLIN};
	s->pools_at = n;
	if (s->stopping == STOP_NOT)
		n += sup_pools_fds(s, fds + n);
	n += (unsigned)control_fds(s->control, fds + n);
	n += (unsigned)sup_builds_fds(s, fds + n);
	n += (unsigned)sup_fleet_fds(s, fds + n);
	n += (unsigned)sup_cold_fds(s, fds + n);
	n += (unsigned)sup_gate_fds(s, fds + n);
	n += (unsigned)sup_gateway_fds(s, fds + n);
	return n;
}

static void
turn(struct sup *s)
{
	struct curl_waitfd fds[FDS_MAX];
	unsigned n = fds_of(s, fds);
	uint64_t wakes;
	int running;

	if (curl_multi_poll(s->multi, fds, n, timeout_of(s), NULL) != CURLM_OK)
		log_error("curl_multi_poll failed");
	s->now_ms = clk_ms();
	if (read(s->board.wake_fd, &wakes, sizeof wakes) == -1 && errno != EAGAIN)
		log_error("scoreboard: %s", strerror(errno));
	sup_pools_on_fds(s, fds + s->pools_at);
	curl_multi_perform(s->multi, &running);
	drain_signals(s);
	if (s->stopping == STOP_NOT)
		sup_tenants_turn(s);
	if (s->stopping == STOP_NOT)
		sup_inbox_turn(s);
	sup_fleet_turn(s);
	sup_cold_turn(s);
	sup_builds_turn(s);
	sup_gate_turn(s);
	control_turn(s->control);	/* what it asks for is begun in this turn */
	sup_workers_turn(s);
	sup_pools_turn(s);
	sup_roll_turn(s);
	sup_inbox_turn(s);	/* what every worker serves now */
	sup_sweep_turn(s);
	sup_respawn_turn(s);
	sup_gateway_turn(s);
	sup_quarantine_turn(s);
	sup_wait_turn(s);
	if (s->stopping == STOP_NOT)
		sup_stores_turn(s);
	if (s->stopping == STOP_NOT)
		sup_gone_turn(s);
	if (s->stopping == STOP_NOT)
		sup_exec_turn(s);
	end_orphans(s);
	report(s);
}

/* ---- the end ---- */

static void
finish(struct sup *s)
{
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		if (s->pools[i].fd == -1)
			continue;
		if (!s->pools[i].is_activated)
			listen_remove(s->pools[i].fd, s->pools[i].conf->listen);
		close(s->pools[i].fd);
	}
	if (s->control != NULL) {
		unlink(s->conf.global.control_socket);
		control_close(s->control);
	}
	sup_gateway_close(s);
	sup_tenants_close(s);
	sup_inbox_close(s);
	sup_cold_close(s);
	if (s->multi != NULL) {
		curl_multi_cleanup(s->multi);
		curl_global_cleanup();
	}
	builds_fini(&s->builds);
	gates_fini(&s->gates);
	quarantine_fini(&s->quarantine);
	pins_fini(&s->pins);
	live_fini(&s->live);
	roster_fini(&s->roster);
	roster_fini(&s->from);
	board_close(&s->board);
	if (s->signal_fd != -1)
		close(s->signal_fd);
	if (s->lock.fd != -1)
		orphans_remove(s->conf.global.run_dir);
	runlock_release(&s->lock, s->conf.global.pid_file);
	conf_fini(&s->conf);
	free(s);
}

static struct sup *
new_sup(struct conf *conf)
{
	struct sup *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->conf = *conf;
	*conf = (struct conf){0};
	s->signal_fd = -1;
	s->bell_fd = -1;
	s->cold.asked_fd = -1;
	for (int i = 0; i < COLD_RUNS_MAX; i++)
		s->cold.runs[i].child = (struct child)CHILD_FREE;
	s->trial = (struct child)CHILD_FREE;
	s->lock.fd = -1;
	s->gateway = (struct sup_gateway){.fd = -1, .places = {{.ready_fd = -1}, {.ready_fd = -1}}};
	s->board = (struct board){.fd = -1, .wake_fd = -1};
	for (int i = 0; i < CONF_POOLS_MAX; i++)
		s->pools[i].fd = -1;
	for (int i = 0; i < BUILDS_MAX; i++)
		s->runs[i].child = (struct child)CHILD_FREE;
	s->started_ms = s->now_ms = clk_ms();
	for (int i = 0; i < PROBES_MAX; i++)
		s->probes[i].child = (struct child)CHILD_FREE;
	gates_init(&s->gates, (unsigned)s->conf.global.probes_at_once);
	builds_init(&s->builds, (unsigned)s->conf.global.builds_at_once);
	return s;
}

/* Where a new binary would be found: our own path, also when the file has been replaced. */
static int
find_program(struct sup *s, struct err *e)
{
	static char path[PATH_MAX];
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n == -1)
		return err_sys(e, ERR_IO, "/proc/self/exe");
	path[n] = '\0';
	if ((size_t)n > sizeof gone && strcmp(path + n - (sizeof gone - 1), gone) == 0)
		path[n - (ssize_t)(sizeof gone - 1)] = '\0';
	s->program = path;
	return 0;
}

/* From here on it is ours alone: children are not to have it. */
static void
settle_heritage(struct sup *s, struct handover *h, int fd)
{
	handover_keep(h, fd, false);
	for (unsigned i = 0; i < h->pool_count; i++)
		if (conf_pool_find(&s->conf, h->pools[i].name) == NULL)
			close(h->pools[i].fd);
	close(h->program_fd);
	close(fd);
	s->heritage = NULL;
}

/* Start, as the first or as the successor by USR2. */
static int
begin(struct sup *s, struct err *e)
{
	static struct handover heritage;
	bool was_handed_back = getenv("RAGPOOL_HANDED_BACK") != NULL;
	int fd = handover_inherited();

	unsetenv("RAGPOOL_HANDED_BACK");
	if (find_program(s, e) == -1)
		return -1;
	if (fd == -1)
		return start(s, e);
	if (handover_read(&heritage, fd, e) == -1)
		return -1;
	s->heritage = &heritage;
	if (start(s, e) == -1) {
		log_error("%s", e->text);
		if (!was_handed_back)
			sup_exec_back(&heritage, fd, s->conf.path);
		return -1;
	}
	settle_heritage(s, &heritage, fd);
	return 0;
}

int
supervisor_run(struct conf *conf, struct err *e)
{
	struct sup *s = new_sup(conf);
	int rc = -1;

	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "supervisor");
	if (begin(s, e) == 0) {
		while (s->stopping == STOP_NOT || sup_workers_any(s) || sup_builds_any(s) ||
		    sup_fleet_any(s) || sup_cold_any(s) || sup_gate_any(s) || sup_gateway_any(s))
			turn(s);
		log_info("stopped");
		rc = 0;
	}
	finish(s);
	return rc;
}

int
supervisor_try(const struct conf *conf, struct buf *errors, struct err *e)
{
	static struct handover heritage;
	int fd = handover_inherited();

	if (fd == -1)
		return err_set(e, ERR_USAGE, "RAGPOOL_HANDOVER is not set: USR2 does this");
	if (conf_check_world(conf, errors, e) == -1 || handover_read(&heritage, fd, e) == -1)
		return -1;
	printf("{\"ok\": true}\n");
	return 0;
}
