/* worker.c - the worker's loop.
 *
 * One blocking call: poll() on the signalfd, the listening socket and a kept connection.
 * Signals stay blocked throughout (a ppoll() that unblocks them never sees them under
 * load), and the slot is compared on every turn, so no wake-up can be lost.  Under load
 * poll() is asked once in 2 ms and not for each connection.  A reload
 * happens before the next connection is taken, never with a request in hand.
 */
#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "api.h"
#include "asked.h"
#include "bounds.h"
#include "bustle.h"
#include "clk.h"
#include "confine.h"
#include "conn.h"
#include "fatal.h"
#include "gateway_service.h"
#include "give_way.h"
#include "log.h"
#include "poison.h"
#include "route.h"
#include "slowlog.h"
#include "watch.h"

enum { FD_BACKOFF_MS = 100, LAST_CALL_MS = 1000, UNPOLLED_NS = 2000000,
	REQUEST_ARENA_MAX = 256 << 20 };

struct worker {
	const struct worker_options *options;
	struct serving *serving;
	struct query_scratch *scratch;
	struct gateway_service models;
	struct prompts *prompts;
	struct arena arena;
	struct reply reply;
	struct buf output;
	struct api api;
	struct auth auth;
	struct quota quota;
	struct conn conn;
	bool has_conn;
	struct board board;
	struct board_slot *slot;	/* NULL when run by hand */
	struct watch watch;
	struct slowlog slowlog;
	char pid[16];			/* as it is told with each answer */
	char tenant[TENANT_NAME_BYTES + 1];	/* in hand */
	char generation[GENERATION_NAME_BYTES];
	struct bustle bustle;
	uint64_t seen_seq;
	uint64_t served;
	int signal_fd;
	int64_t last_call_ms;		/* QUIT came: who waits is served until then; 0: no */
	int64_t unpolled_until_ns;	/* poll() need not be asked before the next connection */
	bool stop;
};

/* ---- the slot ---- */

static void
set_state(struct worker *w, enum board_state state)
{
	if (w->slot != NULL)
		atomic_store(&w->slot->state, state);
}

static void
copy_name(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

static void
name_tenant(struct worker *w, const char *tenant, const char *generation)
{
	copy_name(w->tenant, sizeof w->tenant, tenant);
	copy_name(w->generation, sizeof w->generation, generation);
	if (w->slot == NULL)
		return;
	memcpy(w->slot->tenant, w->tenant, sizeof w->slot->tenant);
	memcpy(w->slot->generation, w->generation, sizeof w->slot->generation);
}

/* What is about to be used is named first: should it end us, the slot says what it was. */
static int
guard_tenant(void *context, const char *tenant, const char *generation, struct err *e)
{
	struct worker *w = context;

	name_tenant(w, tenant, generation);
	if (w->slot != NULL && poison_is_listed(&w->board, tenant, generation))
		return err_set(e, ERR_QUARANTINED,
		    "tenant \"%s\": its generation ended several workers; it is served again "
		    "with its next generation, or after ragpool retry", tenant);
	return 0;
}

/* For tenants that nobody asks for (asked.h). */
static void
note_asked(void *context, const char *tenant)
{
	struct worker *w = context;

	asked_note(w->options->data_dir, tenant);
}

static uint64_t
resident_kb(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
}

static void
beat(struct worker *w)
{
	if (w->slot == NULL)
		return;
	atomic_store_explicit(&w->slot->heartbeat_ns, clk_ns(), memory_order_relaxed);
	atomic_store_explicit(
	    &w->slot->open_tenants, serving_open_count(w->serving), memory_order_relaxed);
	/* What could not be opened at the reload may be open by now. */
	if (w->slot->refused_tenant[0] != '\0')
		atomic_store_explicit(
		    &w->slot->refused, serving_behind_count(w->serving), memory_order_relaxed);
}

static void
report_move(struct worker *w, const struct serving_move_report *m, int64_t took_ns)
{
	struct board_slot *s = w->slot;

	memcpy(s->refused_tenant, m->tenant, sizeof s->refused_tenant);
	memcpy(s->refusal, m->refusal, sizeof s->refusal);
	atomic_store(&s->has_bad_data, m->is_data);
	atomic_store(&s->refused, m->refused);
	atomic_store(&s->reload_us, (uint64_t)(took_ns / 1000));
	atomic_fetch_add(&s->reloads, 1);
	atomic_store(&s->rss_kb, resident_kb());
}

/* Does what the slot orders; the answer says which epoch we serve from, whatever came
 * of it. */
static int
obey_slot(struct worker *w, struct err *e)
{
	struct board_slot *s = w->slot;
	uint64_t seq = atomic_load_explicit(&s->cmd_seq, memory_order_acquire);
	uint64_t epoch = atomic_load(&s->target_epoch);
	struct serving_move_report moved;
	int64_t from = clk_ns();
	int rc;

	set_state(w, SLOT_RELOADING);
	if ((rc = serving_move(w->serving, epoch, &moved, e)) == 0) {
		atomic_store(&s->epoch, epoch);
		atomic_store(&s->epoch_requests, 0);
		atomic_store(&s->epoch_failures, 0);
	} else {
		moved.refused = 1;
		snprintf(moved.refusal, sizeof moved.refusal, "%.90s", e->text);
	}
	if (rc == 0 && moved.refused > 0)
		log_warn("epoch=%llu %u tenants stay on their generation, the first tenant=%s: %s",
		    (unsigned long long)epoch, moved.refused, moved.tenant, moved.refusal);
	report_move(w, &moved, clk_ns() - from);
	w->seen_seq = seq;
	name_tenant(w, "", "");
	set_state(w, SLOT_IDLE);
	atomic_store_explicit(&s->acked_seq, seq, memory_order_release);
	board_wake(&w->board);
	return rc;
}

static void
look_at_slot(struct worker *w)
{
	struct err e;

	if (w->slot == NULL || atomic_load(&w->slot->cmd_seq) == w->seen_seq)
		return;
	if (obey_slot(w, &e) == -1)
		log_error("reload refused, the old roster stays: %s", e.text);
}

/* ---- signals ---- */

static void
on_signal(struct worker *w, uint32_t number)
{
	struct serving_move_report moved;
	struct err e;

	switch (number) {
	case SIGTERM:
	case SIGINT:
		w->stop = true;
		set_state(w, SLOT_DRAINING);
		break;
	case SIGQUIT:
		w->last_call_ms = clk_ms() + LAST_CALL_MS;
		set_state(w, SLOT_DRAINING);
		break;
	case SIGUSR1:
		if (log_reopen(&e) == -1 || slowlog_reopen(&w->slowlog, &e) == -1)
			log_error("%s", e.text);
		break;
	case SIGHUP:
		/* With a slot the signal is only a wake-up, and the slot was looked at. */
		if (w->slot == NULL && serving_move(w->serving, 0, &moved, &e) == -1)
			log_error("reload: %s", e.text);
		break;
	}
}

static void
drain_signals(struct worker *w)
{
	struct signalfd_siginfo info;

	while (read(w->signal_fd, &info, sizeof info) == sizeof info)
		on_signal(w, info.ssi_signo);
}

static void
ignore(int number)
{
	(void)number;
}

static int
take_signals(struct worker *w, struct err *e)
{
	static const int taken[] = {SIGHUP, SIGTERM, SIGQUIT, SIGINT, SIGUSR1};
	struct sigaction quiet = {.sa_handler = ignore, .sa_flags = SA_RESTART};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
		sigaddset(&set, taken[i]);
		sigaction(taken[i], &quiet, NULL);
	}
	sigaction(SIGPIPE, &quiet, NULL);
	if (sigprocmask(SIG_SETMASK, &set, NULL) == -1 ||
	    (w->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "signals");
	return 0;
}

/* ---- a request ---- */

/* Fills w->output with the whole answer to the request in envp, or with the end of one that
 * was streamed. */
static void
answer(struct worker *w, char *const *envp, req_read_fn *read, void *from)
{
	struct req r;
	struct err e;
	int rc;

	arena_reset(&w->arena);
	reply_reset(&w->reply);
	buf_reset(&w->output);
	reply_header(&w->reply, "X-Ragpool-Worker", w->pid);
	rc = req_init(&r, envp, &w->arena, read, from, &e);
	reply_header(&w->reply, "X-Request-Id", r.id);
	if (rc == -1)
		reply_error(&w->reply, &e);
	else
		route_run(&w->api, &r, &w->reply);
	if (w->reply.is_streaming)
		buf_add(&w->output, w->reply.body.data, w->reply.body.len);
	else
		reply_format(&w->reply, &w->output, r.method == REQ_HEAD);
}

/* Reading has a deadline too: the request begins with its connection. */
static void
begin_request(struct worker *w)
{
	watch_begin(&w->watch);
	name_tenant(w, "", "");
	if (w->slot != NULL)
		atomic_store(&w->slot->request_ns, w->watch.began_ns);
	set_state(w, SLOT_READING);
}

static void
count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_store_explicit(counter,
	    atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

static void
count_request(struct worker *w, int64_t took_ns, bool was_slow)
{
	struct board_slot *s = w->slot;

	count(&s->requests, 1);
	count(&s->epoch_requests, 1);
	if (w->reply.status >= 500) {
		count(&s->failures, 1);
		count(&s->epoch_failures, 1);
	}
	if (was_slow)
		count(&s->slow, 1);
	count(&s->latency[board_latency_bucket(took_ns)], 1);
	if (w->served % 256 == 1)
		atomic_store(&s->rss_kb, resident_kb());
}

static void
report_slow(struct worker *w)
{
	const struct slow_request r = {.tenant = w->tenant,
	    .route = route_path(w->watch.route), .generation = w->generation,
	    .status = w->reply.status};

	slowlog_write(&w->slowlog, &r, &w->watch);
}

/* The connection is done with, whether or not there was a request in it. */
static void
end_request(struct worker *w, bool was_answered)
{
	int64_t took_ns = watch_end(&w->watch);
	bool was_slow = was_answered && w->slowlog.limit_ns > 0 && took_ns >= w->slowlog.limit_ns;

	if (was_slow)
		report_slow(w);
	w->served += was_answered;
	/* What is refused takes no time, however often a heavy tenant asks. */
	if (was_answered && w->reply.status < 400 && bustle_note(&w->bustle, w->watch.stage_ns))
		bustle_apply(&w->bustle);
	if (w->options->max_requests != 0 && w->served >= w->options->max_requests)
		w->stop = true;
	if (w->slot != NULL) {
		if (was_answered)
			count_request(w, took_ns, was_slow);
		count(&w->slot->busy_ns, (uint64_t)took_ns);
		atomic_store(&w->slot->request_ns, 0);
	}
	set_state(w, w->stop || w->last_call_ms != 0 ? SLOT_DRAINING : SLOT_IDLE);
}

static int
send_fcgi(void *to, const char *bytes, size_t n)
{
	return conn_send(to, bytes, n);
}

static void
serve_request(struct worker *w)
{
	set_state(w, SLOT_SERVING);
	w->reply.send = send_fcgi;
	w->reply.to = &w->conn;
	w->reply.peer_fd = conn_fd(&w->conn);
	answer(w, conn_envp(&w->conn), conn_read, &w->conn);
	watch_stage(&w->watch, STAGE_WRITE);
	conn_reply(&w->conn, w->output.data, w->output.len);
}

/* ---- the loop ---- */

/* 1: there was a request; 0: there was none, or no connection; -1. */
static int
take_connection(struct worker *w, bool kept, struct err *e)
{
	int got;

	begin_request(w);
	got = kept ? conn_next(&w->conn) : conn_accept(&w->conn, e);
	if (got == 1)
		serve_request(w);
	end_request(w, got == 1);
	if (got == -1 && e->code == ERR_BUSY) {
		log_warn("no descriptor for a connection: %s", e->text);
		poll(NULL, 0, FD_BACKOFF_MS);
		return 0;
	}
	return got;
}

/* After a request the next one mostly waits in the line already: it is taken without asking poll(), for as
 * long as a signal may wait.  1: one was taken. */
static int
take_at_once(struct worker *w, struct err *e)
{
	int got;

	if (w->unpolled_until_ns <= w->watch.stage_ns || w->last_call_ms != 0 || conn_kept_fd(&w->conn) != -1)
		return 0;
	look_at_slot(w);
	if ((got = take_connection(w, false, e)) != 1)
		w->unpolled_until_ns = 0;
	return got;
}

/* Whoever has a connection for us, after poll(). */
static int
take_polled(struct worker *w, bool kept, struct err *e)
{
	int got;

	if (!kept && conn_kept_fd(&w->conn) != -1)
		conn_drop_kept(&w->conn);
	got = take_connection(w, kept, e);
	w->unpolled_until_ns = got == 1 ? w->watch.began_ns + UNPOLLED_NS : 0;
	return got;
}

static int
turn(struct worker *w, struct err *e)
{
	struct pollfd fds[3] = {
	    {.fd = w->signal_fd, .events = POLLIN},
	    {.fd = w->conn.listen_fd, .events = POLLIN},
	    {.fd = conn_kept_fd(&w->conn), .events = POLLIN},
	};
	int got;

	beat(w);
	if ((got = take_at_once(w, e)) != 0)
		return got;
	if (poll(fds, 3, w->last_call_ms != 0 ? 0 : BOARD_BEAT_MS) == -1 && errno != EINTR)
		return err_sys(e, ERR_IO, "poll");
	if (fds[0].revents != 0)
		drain_signals(w);
	look_at_slot(w);
	if (w->last_call_ms != 0 &&
	    ((fds[1].revents & POLLIN) == 0 || clk_ms() >= w->last_call_ms))
		w->stop = true;
	if (w->stop)
		return 0;
	if (fds[2].revents != 0)
		return take_polled(w, true, e);
	return (fds[1].revents & POLLIN) != 0 ? take_polled(w, false, e) : 0;
}

static int
attach_board(struct worker *w, struct err *e)
{
	const struct worker_options *o = w->options;

	if (o->board_fd == -1)
		return 0;
	if (board_attach(&w->board, o->board_fd, o->wake_fd, e) == -1)
		return -1;
	if (o->slot >= w->board.head->slots)
		return err_set(e, ERR_USAGE, "there is no slot %u", o->slot);
	w->slot = &w->board.slots[o->slot];
	w->api.board = &w->board;
	w->api.slot = w->slot;
	w->quota.meter = w->board.meter;
	w->quota.share = (struct share){
	    .board = &w->board, .slot = o->slot, .listen_fd = o->listen_fd};
	w->watch.slot = w->slot;
	w->watch.share = &w->quota.share;
	give_way_by(watch_give_way, &w->watch);
	atomic_store(&w->slot->started_ns, clk_ns());
	atomic_store(&w->slot->heartbeat_ns, clk_ns());
	set_state(w, SLOT_BOOT);
	atomic_store(&w->slot->pid, getpid());
	return 0;
}

static int
worker_init(struct worker *w, const struct worker_options *o, struct err *e)
{
	*w = (struct worker){.options = o, .signal_fd = -1, .board = {.fd = -1, .wake_fd = -1}};
	arena_init(&w->arena, REQUEST_ARENA_MAX);
	reply_init(&w->reply);
	buf_init(&w->output, REPLY_BODY_MAX + REPLY_HEADERS_MAX + 1024);
	w->slowlog.fd = -1;
	snprintf(w->pid, sizeof w->pid, "%d", (int)getpid());
	if (serving_new(&w->serving, o->data_dir, e) == -1 ||
	    query_scratch_new(&w->scratch, e) == -1 ||
	    slowlog_open(&w->slowlog, o->slowlog, o->slow_ms, e) == -1 ||
	    prompts_new(&w->prompts, &o->answers, e) == -1)
		return -1;
	serving_set_guard(w->serving, guard_tenant, w);
	serving_set_asked(w->serving, note_asked, w);
	w->quota.rules = &o->quota;
	auth_open(&w->auth, &o->auth, o->data_dir);
	w->api = (struct api){
	    .serving = w->serving, .auth = &w->auth,
	    .quota = &w->quota, .scratch = w->scratch, .watch = &w->watch,
	    .cors_origins = o->cors_origins, .needs_vectors = o->needs_vectors,
	    .model_ms = o->embedding_ms,
	    .intake = &o->intake, .control = o->control,
	    .top_k_max = o->top_k_max,
	    .max_body = o->max_body, .answering = &o->answers, .prompts = w->prompts};
	answer_cache_init(&w->api.answers, o->result_cache);
	if (o->gateway == NULL)
		return 0;
	if (gateway_open(&w->api.gateway, o->gateway, e) == -1)
		return -1;
	gateway_service_init(&w->models, w->api.gateway, o->embedding_ms);
	w->api.service = &w->models.service;
	return 0;
}

static void
worker_fini(struct worker *w)
{
	if (w->has_conn)
		conn_fini(&w->conn);
	answer_cache_fini(&w->api.answers);
	gateway_close(w->api.gateway);
	prompts_free(w->prompts);
	auth_close(&w->auth);
	serving_free(w->serving);
	query_scratch_free(w->scratch);
	arena_fini(&w->arena);
	reply_fini(&w->reply);
	buf_fini(&w->output);
	if (w->signal_fd != -1)
		close(w->signal_fd);
	slowlog_close(&w->slowlog);
	board_close(&w->board);
}

static void
confine(const struct worker_options *o)
{
	const char *files[] = {o->log_file, o->slowlog, NULL};
	char inbox[PATH_MAX];
	struct confined c;

	if (!o->is_confined)
		return;
	snprintf(inbox, sizeof inbox, "%s/inbox", o->data_dir);
	confine_worker(files, inbox, &c);
	if (!c.calls || !c.files)
		log_debug("not confined by%s%s: this kernel does without",
		    c.calls ? "" : " seccomp", c.files ? "" : " Landlock");
}

int
worker_run(const struct worker_options *o, struct err *e)
{
	struct worker w;
	int rc = -1;

	if (worker_init(&w, o, e) == -1 || attach_board(&w, e) == -1 ||
	    take_signals(&w, e) == -1 || conn_init(&w.conn, o->listen_fd, e) == -1)
		goto out;
	w.has_conn = true;
	fatal_take_signals(w.tenant);
	confine(o);
	if (w.slot != NULL && obey_slot(&w, e) == -1)
		goto out;
	while (!w.stop)
		if (turn(&w, e) == -1)
			goto out;
	rc = 0;
out:
	worker_fini(&w);
	return rc;
}

/* ---- one request from the terminal ---- */

static long
read_stdin(void *from, char *into, size_t n)
{
	ssize_t got;

	(void)from;
	do
		got = read(STDIN_FILENO, into, n);
	while (got == -1 && errno == EINTR);
	return got;
}

static int
send_stdout(void *to, const char *bytes, size_t n)
{
	(void)to;
	return fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0 ? 0 : -1;
}

int
worker_run_cgi(const struct worker_options *o, struct err *e)
{
	extern char **environ;
	struct worker w;
	int rc = -1;

	if (worker_init(&w, o, e) == 0) {
		w.reply.send = send_stdout;
		watch_begin(&w.watch);
		answer(&w, environ, read_stdin, NULL);
		if (fwrite(w.output.data, 1, w.output.len, stdout) == w.output.len &&
		    fflush(stdout) == 0)
			rc = 0;
		else
			err_sys(e, ERR_IO, "standard output");
	}
	worker_fini(&w);
	return rc;
}
