/* sup_workers.c - worker processes: what slot.h decides is carried out here. */
#include "sup.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "clk.h"
#include "log.h"
#include "spawn.h"
#include "worker_args.h"

enum { ENV_BYTES = 1100 };

/* One that leaves while the pool serves on may finish what it has in hand, also an answer that
 * takes minutes. */
static struct slot_times
times_of(const struct sup *s, unsigned i)
{
	struct slot_times t = {.boot_ms = s->conf.global.reload_timeout_ms,
	    .stop_ms = s->conf.global.shutdown_timeout_ms};
	int64_t request_ms = s->pools[s->workers[i].pool].conf->request_timeout_ms;

	if (s->stopping == STOP_NOT && board_slot_is_engaged(&s->board.slots[i]) &&
	    request_ms > t.stop_ms)
		t.stop_ms = request_ms;
	return t;
}

/* It has done what it was told last. */
static bool
has_acknowledged(const struct sup *s, unsigned i)
{
	const struct board_slot *b = &s->board.slots[i];

	/* acked_seq first: the worker writes it last. */
	return atomic_load_explicit(&b->acked_seq, memory_order_acquire) ==
	    atomic_load_explicit(&b->cmd_seq, memory_order_relaxed) &&
	    atomic_load(&b->epoch) == atomic_load(&b->target_epoch);
}

bool
sup_worker_has_refused(const struct sup *s, unsigned i)
{
	const struct board_slot *b = &s->board.slots[i];

	return atomic_load_explicit(&b->acked_seq, memory_order_acquire) ==
	    atomic_load_explicit(&b->cmd_seq, memory_order_relaxed) &&
	    atomic_load(&b->epoch) != atomic_load(&b->target_epoch);
}

bool
sup_worker_is_current(const struct sup *s, unsigned i)
{
	return has_acknowledged(s, i) && atomic_load(&s->board.slots[i].epoch) == s->roster.epoch;
}

static void
clean_slot(struct sup *s, unsigned i)
{
	struct board_slot *b = &s->board.slots[i];
	uint64_t epoch = sup_roll_start_epoch(s, i);

	board_slot_clean(b);
	atomic_store(&b->state, SLOT_BOOT);
	atomic_store(&b->route, -1);
	atomic_store(&b->started_ns, clk_ns());
	atomic_store(&b->pool, s->workers[i].pool);
	atomic_fetch_add(&b->incarnation, 1);
	atomic_store(&b->target_epoch, epoch);
	atomic_store(&b->acked_seq, atomic_load(&b->cmd_seq));
	atomic_fetch_add_explicit(&b->cmd_seq, 1, memory_order_release);
}

static int
start_process(struct sup *s, unsigned i, struct err *e)
{
	const struct conf_global *g = &s->conf.global;
	const struct pool *pool = &s->pools[s->workers[i].pool];
	char board[64], data[ENV_BYTES];
	const char *env[] = {board, data, NULL};
	struct worker_args args;
	struct spawn spawn = {.path = g->worker_program, .argv = args.argv, .env = env,
	    .in_fd = pool->fd, .out_fd = -1, .err_fd = log_fd(), .takes_signals = true,
	    .keep = {s->board.fd, s->board.wake_fd}, .keep_count = 2};

	worker_args_fill(&args, g, pool->conf);
	snprintf(board, sizeof board, "RAGPOOL_BOARD=%d:%u:%d", s->board.fd, i,
	    s->board.wake_fd);
	snprintf(data, sizeof data, "RAGPOOL_DATA=%s", g->data_dir);
	return spawn_run(&s->workers[i].pid, &spawn, e);
}

static void perform(struct sup *s, unsigned i, enum slot_event event);

static void
start_worker(struct sup *s, unsigned i)
{
	struct err e;

	clean_slot(s, i);
	s->workers[i].was_late = false;
	s->spawned++;
	if (start_process(s, i, &e) == 0) {
		atomic_store(&s->board.slots[i].pid, s->workers[i].pid);
		s->is_listed = false;
		log_info("worker %u pid %d started epoch=%" PRIu64, i, (int)s->workers[i].pid,
		    sup_roll_start_epoch(s, i));
		return;
	}
	s->workers[i].pid = 0;
	log_error("worker %u: %s", i, e.text);
	perform(s, i, EV_CRASHED);
}

static void
send_signal(struct sup *s, unsigned i, int signo)
{
	if (s->workers[i].pid > 0 && kill(s->workers[i].pid, signo) == -1 && errno != ESRCH)
		log_error("worker %u pid %d: kill: %s", i, (int)s->workers[i].pid,
		    strerror(errno));
}

/* Feeds the event and does what the slot says. */
static void
perform(struct sup *s, unsigned i, enum slot_event event)
{
	struct slot_times times = times_of(s, i);

	switch (slot_event(&s->workers[i].slot, event, &times, s->now_ms)) {
	case SLOT_SPAWN:
		start_worker(s, i);
		break;
	case SLOT_TERM:
		send_signal(s, i, SIGTERM);
		break;
	case SLOT_KILL:
		send_signal(s, i, SIGKILL);
		break;
	case SLOT_NOTHING:
		break;
	}
}

/* A slot for one more worker of the pool: one that is just being emptied, else the first
 * that is nobody's. */
static int
slot_to_fill(const struct sup *s, unsigned pool)
{
	for (unsigned i = 0; i < s->slots; i++)
		if (!s->workers[i].is_wanted && s->workers[i].pool == pool)
			return (int)i;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		if (!s->workers[i].is_wanted && s->workers[i].slot.phase == PHASE_EMPTY)
			return (int)i;
	return -1;
}

/* The last one without a request, else the last one. */
static int
slot_to_empty(const struct sup *s, unsigned pool)
{
	int busy = -1;

	for (unsigned i = s->slots; i-- > 0;) {
		if (!s->workers[i].is_wanted || s->workers[i].is_surge ||
		    s->workers[i].pool != pool)
			continue;
		if (!board_slot_is_busy(&s->board.slots[i]))
			return (int)i;
		if (busy == -1)
			busy = (int)i;
	}
	return busy;
}

static void
fill_slot(struct sup *s, unsigned i, unsigned pool, bool is_surge)
{
	struct worker *w = &s->workers[i];

	w->is_wanted = true;
	w->is_surge = is_surge;
	w->has_crashed = false;
	w->pool = pool;
	if (i >= s->slots)
		s->slots = i + 1;
	perform(s, i, EV_WANT);
}

/* Only into an empty slot: a worker on its way out is not on the epoch that is rolled to. */
void
sup_workers_surge(struct sup *s, unsigned pool)
{
	unsigned i = 0;

	while (i < WORKERS_MAX &&
	    (s->workers[i].is_wanted || s->workers[i].slot.phase != PHASE_EMPTY))
		i++;
	if (i < WORKERS_MAX)
		fill_slot(s, i, pool, true);
	atomic_store(&s->board.head->workers, s->slots);
}

void
sup_workers_unsurge(struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++) {
		if (!s->workers[i].is_surge)
			continue;
		s->workers[i].is_surge = s->workers[i].is_wanted = false;
		perform(s, i, EV_UNWANT);
	}
}

static void
resize_pool(struct sup *s, unsigned pool)
{
	unsigned has = 0, wants = s->pools[pool].size.target;
	int i;

	for (unsigned j = 0; j < s->slots; j++)
		has += s->workers[j].is_wanted && !s->workers[j].is_surge &&
		    s->workers[j].pool == pool;
	for (; has < wants && (i = slot_to_fill(s, pool)) != -1; has++)
		fill_slot(s, (unsigned)i, pool, false);
	for (; has > wants && (i = slot_to_empty(s, pool)) != -1; has--) {
		s->workers[i].is_wanted = false;
		perform(s, (unsigned)i, EV_UNWANT);
	}
}

void
sup_workers_resize(struct sup *s)
{
	if (s->stopping != STOP_NOT)
		return;
	for (unsigned i = 0; i < s->conf.pool_count; i++)
		resize_pool(s, i);
	atomic_store(&s->board.head->workers, s->slots);
}

/* When the request in hand is over its time; INT64_MAX when there is none. */
static int64_t
request_due_ms(const struct sup *s, unsigned i)
{
	int64_t began = atomic_load(&s->board.slots[i].request_ns);

	return began == 0 ? INT64_MAX :
	    began / 1000000 + s->pools[s->workers[i].pool].conf->request_timeout_ms;
}

/* The worker wrote it, and may be writing it now: a copy, ended here. */
static void
tenant_in_hand(const struct sup *s, unsigned i, char out[TENANT_NAME_BYTES + 1])
{
	memcpy(out, s->board.slots[i].tenant, TENANT_NAME_BYTES);
	out[TENANT_NAME_BYTES] = '\0';
	if (out[0] == '\0')
		strcpy(out, "-");
}

static void
check_request(struct sup *s, unsigned i)
{
	const struct board_slot *b = &s->board.slots[i];
	char tenant[TENANT_NAME_BYTES + 1];

	if (s->workers[i].was_late)
		return;
	tenant_in_hand(s, i, tenant);
	if (request_due_ms(s, i) <= s->now_ms)
		log_error("worker %u pid %d killed: request over %" PRId64 " ms tenant=%s stage=%s",
		    i, (int)s->workers[i].pid,
		    s->pools[s->workers[i].pool].conf->request_timeout_ms, tenant,
		    board_stage_name(atomic_load(&b->stage)));
	else if (board_slot_is_stale(b, clk_ns()))
		log_error("worker %u pid %d killed: it hangs without a request in %s", i,
		    (int)s->workers[i].pid, board_state_name(atomic_load(&b->state)));
	else
		return;
	sup_workers_kill(s, i);
}

void
sup_workers_kill(struct sup *s, unsigned i)
{
	s->workers[i].was_late = true;
	s->killed_late++;
	perform(s, i, EV_OVERTIME);
}

/* While workers die before they are any use, one of a pool tries and the others wait for
 * it: a program that cannot start is not started by everybody. */
static bool
waits_for_scout(const struct sup *s, unsigned i)
{
	const struct worker *w = &s->workers[i];

	if (w->slot.phase != PHASE_BACKOFF || !w->slot.is_useless)
		return false;
	for (unsigned j = 0; j < i; j++)
		if (s->workers[j].pool == w->pool && s->workers[j].slot.is_useless &&
		    s->workers[j].slot.phase != PHASE_EMPTY)
			return true;
	return false;
}

void
sup_workers_replace(struct sup *s, unsigned i)
{
	log_info("worker %u pid %d is replaced", i, (int)s->workers[i].pid);
	perform(s, i, EV_REPLACE);
}

static void
check_worker(struct sup *s, unsigned i)
{
	struct worker *w = &s->workers[i];

	if (w->slot.phase == PHASE_STARTING && has_acknowledged(s, i)) {
		perform(s, i, EV_ACKED);
		if (w->slot.phase == PHASE_READY)
			log_info("worker %u pid %d ready after %" PRId64 " ms", i, (int)w->pid,
			    s->now_ms - w->slot.spawned_ms);
	}
	if (w->slot.due_ms != 0 && s->now_ms >= w->slot.due_ms && !waits_for_scout(s, i)) {
		if (w->slot.phase != PHASE_BACKOFF)
			log_warn("worker %u pid %d: too long in %s, killed", i, (int)w->pid,
			    slot_phase_name(w->slot.phase));
		perform(s, i, EV_DUE);
	}
	if (w->slot.phase == PHASE_READY)
		check_request(s, i);
	/* It was owing when its roll ended, and would not obey then. */
	if (w->slot.phase == PHASE_READY && !roll_is_moving(&s->roll) &&
	    sup_worker_has_refused(s, i))
		sup_workers_replace(s, i);
}

/* Who is to be let go should we be killed. */
static void
list_workers(struct sup *s)
{
	struct orphan list[WORKERS_MAX];
	unsigned n = 0;
	struct err e;

	s->is_listed = true;
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pid != 0)
			list[n++] = (struct orphan){.pid = s->workers[i].pid,
			    .started = orphan_started(s->workers[i].pid)};
	if (orphans_write(s->conf.global.run_dir, list, n, &e) == -1)
		log_warn("%s", e.text);
}

void
sup_workers_turn(struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++)
		check_worker(s, i);
	if (!s->is_listed)
		list_workers(s);
}

static void
log_death(const struct sup *s, unsigned i, int status)
{
	const struct worker *w = &s->workers[i];
	bool was_busy = atomic_load(&s->board.slots[i].request_ns) != 0;
	char tenant[TENANT_NAME_BYTES + 1];

	tenant_in_hand(s, i, tenant);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_info("worker %u pid %d left", i, (int)w->pid);
	else if (WIFEXITED(status))
		log_warn("worker %u pid %d exited with %d in %s", i, (int)w->pid,
		    WEXITSTATUS(status), slot_phase_name(w->slot.phase));
	else
		log_warn("worker %u pid %d ended by SIG%s in %s tenant=%s", i, (int)w->pid,
		    sigabbrev_np(WTERMSIG(status)), slot_phase_name(w->slot.phase),
		    was_busy ? tenant : "-");
}

/* Three deaths with the same data in hand are one too many for everybody else. */
static void
blame_tenant(struct sup *s, unsigned i, int status)
{
	const struct board_slot *b = &s->board.slots[i];
	char tenant[TENANT_NAME_BYTES + 1], generation[GENERATION_NAME_BYTES];
	bool was_crash = WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL &&
	    WTERMSIG(status) != SIGTERM;

	if (b->tenant[0] == '\0' || !(was_crash || s->workers[i].was_late))
		return;
	tenant_in_hand(s, i, tenant);
	memcpy(generation, b->generation, sizeof generation);
	generation[sizeof generation - 1] = '\0';
	sup_poison_note_death(s, tenant, generation);
}

static enum slot_event
event_of_status(int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return EV_LEFT;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? EV_KILLED : EV_CRASHED;
}

bool
sup_workers_reap(struct sup *s, pid_t pid, int status)
{
	unsigned i = 0;

	while (i < s->slots && s->workers[i].pid != pid)
		i++;
	if (i == s->slots)
		return false;
	log_death(s, i, status);
	blame_tenant(s, i, status);
	if (event_of_status(status) == EV_CRASHED)
		sup_roll_note_crash(s, i);
	s->died++;
	s->workers[i].pid = 0;
	s->is_listed = false;
	atomic_fetch_add(&s->board.slots[i].restarts, 1);
	atomic_store(&s->board.slots[i].request_ns, 0);
	atomic_store(&s->board.slots[i].state, SLOT_EMPTY);
	atomic_store(&s->board.slots[i].pid, 0);
	perform(s, i, event_of_status(status));
	if (s->workers[i].slot.phase == PHASE_BACKOFF)
		log_warn("worker %u keeps dying, next try in %" PRId64 " ms", i,
		    s->workers[i].slot.due_ms - s->now_ms);
	return true;
}

void
sup_workers_stop(struct sup *s, bool fast)
{
	int64_t due_ms = s->now_ms + s->conf.global.shutdown_timeout_ms;

	for (unsigned i = 0; i < s->slots; i++) {
		s->workers[i].is_wanted = false;
		perform(s, i, EV_UNWANT);
		if (s->workers[i].slot.due_ms > due_ms)
			s->workers[i].slot.due_ms = due_ms;	/* was given time for its answer */
		if (fast)
			perform(s, i, EV_OVERTIME);
	}
}

void
sup_workers_take_over(struct sup *s, unsigned i)
{
	struct worker *w = &s->workers[i];
	struct slot_times times = times_of(s, i);

	s->is_listed = false;
	atomic_store(&s->board.slots[i].pool, w->pool);
	if (w->slot.phase == PHASE_STARTING)
		w->slot.due_ms = s->now_ms + times.boot_ms;
	else if (w->slot.phase != PHASE_READY)
		w->slot.due_ms = s->now_ms + times.stop_ms;
	if (!w->is_wanted)
		perform(s, i, EV_UNWANT);
}

bool
sup_workers_any(const struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pid != 0)
			return true;
	return false;
}

bool
sup_workers_wanted(const struct sup *s)
{
	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].is_wanted)
			return true;
	return false;
}

bool
sup_workers_fresh(const struct sup *s)
{
	int64_t now_ns = clk_ns();

	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].slot.phase == PHASE_READY &&
		    request_due_ms(s, i) > s->now_ms &&
		    !board_slot_is_stale(&s->board.slots[i], now_ns))
			return true;
	return !sup_workers_wanted(s);
}

unsigned
sup_workers_ready(const struct sup *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->slots; i++)
		n += s->workers[i].slot.phase == PHASE_READY;
	return n;
}

/* Also to those that are starting: it waits for them. */
void
sup_workers_signal(struct sup *s, int signo)
{
	for (unsigned i = 0; i < s->slots; i++)
		send_signal(s, i, signo);
}

int64_t
sup_workers_due(const struct sup *s)
{
	int64_t due = INT64_MAX, request;

	/* A request that begins while we sleep is found before its time is over. */
	for (unsigned i = 0; i < s->conf.pool_count; i++)
		if (s->now_ms + s->conf.pools[i].request_timeout_ms < due)
			due = s->now_ms + s->conf.pools[i].request_timeout_ms;
	for (unsigned i = 0; i < s->slots; i++) {
		const struct worker *w = &s->workers[i];
		if (w->slot.due_ms != 0 && w->slot.due_ms < due && !waits_for_scout(s, i))
			due = w->slot.due_ms;
		request = w->slot.phase == PHASE_READY ? request_due_ms(s, i) : INT64_MAX;
		if (request < due)
			due = request;
	}
	return due;
}
