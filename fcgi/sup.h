/* sup.h - what the parts of the supervisor share; nobody else includes it.
 *
 *   supervisor.c   start, the loop, signals, the end
 *   sup_conf.c     ragpool.conf read again
 *   sup_exec.c     a new binary in the place of this one
 *   sup_pools.c    how many workers each pool has
 *   sup_workers.c  worker processes: slots, acknowledgements, deadlines
 *   sup_respawn.c  new processes for all workers
 *   sup_roll.c     rosters and rolls
 *   sup_canary.c   what the scoreboard says of a roll's first worker
 *   sup_sweep.c    what no worker needs any more
 *   sup_tenants.c  documents that changed, pointers that moved
 *   sup_builds.c   build processes
 *   sup_stores.c   tenants made and deleted by clients
 *   sup_gone.c     the data of those that were deleted
 *   sup_cold.c     tenants that nobody asks for
 *   sup_inbox.c    what was sent to tenants, and what becomes of it
 *   sup_fleet.c    what the hosts of a fleet agree on: who builds, who rolls
 *   sup_pointer.c  and what is live
 *   sup_service.c  what this host tells the others about itself
 *   sup_gate.c     candidates and their probes
 *   sup_gateway.c  the gateway to models
 *   sup_pins.c     tenants held on a generation, and rolled back to one
 *   sup_poison.c   tenants whose data ends workers
 *   sup_quarantine.c  generations that may not serve
 *   sup_command.c  the lines of the control socket
 *   sup_wait.c     answers to them, when what was asked for has come
 *   status.c       the whole truth as JSON
 *
 * Each part owns its members below and calls the others by the functions here.
 */
#ifndef RAGPOOL_SUP_H
#define RAGPOOL_SUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "board.h"
#include "buf.h"
#include "builds.h"
#include "canary.h"
#include "catalog.h"
#include "child.h"
#include "conf.h"
#include "consul.h"
#include "control.h"
#include "drop.h"
#include "gates.h"
#include "handover.h"
#include "live.h"
#include "orphans.h"
#include "pins.h"
#include "poison.h"
#include "pool_size.h"
#include "quarantine.h"
#include "respawn.h"
#include "roll.h"
#include "roster.h"
#include "runlock.h"
#include "slot.h"
#include "tenants_dir.h"

enum {
	BUILDS_MAX = 16,
	COLD_RUNS_MAX = 4,		/* of these one for what leaves, the others for what comes back */
	TRANSFERS_MAX = 4,		/* generations on their way to or from the object store */
	PROBES_MAX = 16,
	WAITERS_MAX = CONTROL_CLIENTS,
	STORE_CALLS_MAX = CONTROL_CLIENTS,
	RESPAWN_POLL_MS = 20,		/* between the steps of a walk */
	SUP_TICK_MS = 5000,		/* the longest sleep: heartbeats, the watchdog */
	SUP_VERIFY_MS = 30000,		/* the last workers of a roll to come up */
	SUP_RETRY_MS = 1000,		/* after a roster could not be written */
	FLIP_RETRY_MS = 5000,		/* until a pointer that could not be written is tried again */
	BUILD_BUSY_MS = 5000,		/* until a lock that was held is tried again */
};

struct pool {
	struct conf_pool *conf;		/* borrowed from sup->conf */
	int fd;
	bool is_activated;		/* systemd's socket, not ours to remove */
	int extra;			/* TTIN and TTOU */
	struct pool_size size;
	int fd_at;			/* its place among the fds of this turn; -1: none */
	bool is_called;			/* a connection waits there */
	bool was_full;			/* max_workers was in the way at the last look */
};

struct worker {
	struct slot slot;
	bool is_wanted;
	unsigned pool;
	pid_t pid;			/* 0: none */
	bool was_late;			/* the deadline killed it */
	bool is_surge;			/* above the pool's number, for the time of a roll */
	bool has_crashed;		/* on the roll's target; the roll is still to be told */
	uint64_t busy_ns;		/* of its life, at the last look */
};

struct build_run {
	struct child child;
	bool awaits_lock;		/* not started: another host may be building it */
	bool is_cancelled;
	int64_t beat_ms;		/* it said something, or used the processor */
	uint64_t cpu;			/* as it had used by then */
	size_t heard;			/* of its output */
	char progress[256];		/* its last word on it, an object; "" */
	char tenant[TENANT_NAME_BYTES + 1];
};

struct probe_run {
	struct child child;
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
};

enum cold_run_kind { COLD_RUN_PUBLISH, COLD_RUN_VERIFY, COLD_RUN_FETCH, COLD_RUN_KIND_MAX };

struct cold_run {
	struct child child;
	enum cold_run_kind kind;
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
};

struct sup_cold {
	int asked_fd;			/* inotify on the notes of asked.h */
	struct cold_run runs[COLD_RUNS_MAX];
	int64_t look_ms;		/* when all tenants are looked at next */
	int64_t out_ms;			/* and when those that are not warm */
};

/* A new gateway is started beside the old one. */
struct gateway_place {
	struct slot slot;
	pid_t pid;			/* 0: none */
	int ready_fd;			/* it says "ready" there; -1: it did, or there is none */
};

struct sup_gateway {
	int fd;				/* the listening socket; -1: no models so far */
	struct gateway_place places[2];
	unsigned now;			/* the place that is to serve */
	bool is_due;			/* to be replaced when the other place is empty */
	int64_t keys_ns;		/* the newest change of any key */
	uint64_t died;
};

enum wait_kind {
	WAIT_PLAIN,		/* for all that is wanted by now */
	WAIT_URGENT,		/* for what operators asked for */
	WAIT_ABORT,		/* for the way back to end */
	WAIT_RESPAWN,		/* for a walk of respawn.h */
};

/* A client that waits for its wish to be served, or refused. */
struct waiter {
	control_id client;		/* 0: a free place */
	enum wait_kind kind;
	uint64_t wish;
	int64_t since_ms, due_ms;
};

/* A document of a tenant that is being written to Consul for a client. */
enum store_call_kind { STORE_CREATE, STORE_CHANGE, STORE_REMOVE };
struct store_call {
	control_id client;		/* 0: a free place */
	enum store_call_kind kind;
	char tenant[TENANT_NAME_BYTES + 1];
	char *document;			/* owned */
};

/* A worker's counters when the canary's window began. */
struct watched {
	uint64_t incarnation;
	struct canary_side before;
};

/* USR2, see sup_exec.c. */
enum exec_phase { EXEC_NOT, EXEC_WANTED, EXEC_TRIAL };

enum stopping { STOP_NOT, STOP_GRACEFUL, STOP_FAST };

struct sup {
	struct conf conf;
	struct drop_target user;
	struct runlock lock;
	int64_t started_ms, now_ms;
	enum stopping stopping;
	bool is_ready;			/* a worker has acknowledged at least once */
	int signal_fd;
	CURLM *multi;

	struct board board;
	struct pool pools[CONF_POOLS_MAX];
	struct worker workers[WORKERS_MAX];
	int64_t measured_ns;		/* the pools' load, last */
	int64_t looked_ns;		/* when the lines of connections were last counted */
	unsigned pools_at;		/* their places among the fds of this turn */
	unsigned slots;			/* one past the highest slot in use */
	uint64_t spawned, died, killed_late;
	struct poison poison;
	struct respawn respawn;
	bool is_listed;			/* the list of orphans-to-be is up to date */
	struct orphans orphans;		/* of a predecessor, told to leave when we are ready */
	int64_t orphans_due_ms;		/* when those that are still there are ended; 0: not yet */

	struct roll roll;
	struct roster roster;		/* where the workers are to be */
	struct roster from;		/* where a roll takes them from; else empty */
	size_t brought;			/* tenants whose generation this or the last roll changes */
	char culprit[TENANT_NAME_BYTES + 1];	/* whose data failed it; "": nobody's alone */
	char roll_reason[256];		/* why it went back, "" when it did not */
	int64_t ended_ms;		/* of the last one; 0: none */
	int64_t sweep_ms;		/* when what has grown old is looked for next */
	struct watched watched[WORKERS_MAX];
	struct canary_report report;	/* of this or the last roll's canary */
	int64_t look_ms;		/* when the canary is looked at next */
	struct live live;
	struct pins pins;
	struct quarantine quarantine;
	bool has_new_quarantine;	/* not on disk yet */

	struct catalog *catalog;
	struct tenants_dir *dir;
	struct consul *consul;		/* NULL: not configured */
	struct sup_fleet *fleet;	/* NULL without Consul; see sup_fleet.h */
	enum consul_state consul_said;	/* state last logged */

	struct builds builds;
	struct build_run runs[BUILDS_MAX];
	struct gates gates;
	struct probe_run probes[PROBES_MAX];
	int bell_fd;			/* inotify on the inboxes' bell */
	struct store_call store_calls[STORE_CALLS_MAX];
	int64_t purge_due_ms;		/* 0: no data of tenants that are gone is left */
	int64_t uploads_due_ms;
	int64_t retry_busy_ms;		/* 0: no build waits for others */
	struct sup_cold cold;

	const char *program;		/* our own, where a new one would be installed */
	enum exec_phase exec_phase;
	const struct handover *heritage;	/* at the start after one, else NULL */
	struct child trial;

	struct sup_gateway gateway;

	struct control *control;
	struct waiter waiters[WAITERS_MAX];
	int64_t watchdog_ms, watchdog_due_ms;
	bool is_reloading;		/* systemd was told so */
	char said[128];			/* the last STATUS= */
};

/* sup_conf.c */
void sup_conf_reload(struct sup *s);

/* sup_exec.c */
/* A new binary is to take over, once no roll is under way. */
void sup_exec_want(struct sup *s);
void sup_exec_turn(struct sup *s);
bool sup_exec_reap(struct sup *s, pid_t pid, int status);
/* Workers and counters of the binary before. */
void sup_exec_adopt(struct sup *s, const struct handover *h);
/* Executes the binary before; returns when that is not possible either. */
void sup_exec_back(const struct handover *h, int fd, const char *conf_path);

/* sup_pools.c */
/* What the configuration says, at the start and after every change of it. */
void sup_pools_begin(struct sup *s);
void sup_pools_adopt(struct sup *s);
struct pool_rules sup_pools_rules(const struct pool *p);
/* One worker more or fewer by hand; false when that would be none or too many. */
bool sup_pools_extra(struct sup *s, unsigned pool, int by);
/* Measures, decides, resizes. */
void sup_pools_turn(struct sup *s);
/* The sockets at which a connection is to be noticed. */
unsigned sup_pools_fds(struct sup *s, struct curl_waitfd *fds);
/* After the wait, the same place. */
void sup_pools_on_fds(struct sup *s, const struct curl_waitfd *fds);
int64_t sup_pools_due(const struct sup *s);

/* sup_workers.c */
/* One more of the pool, on the epoch that is rolled to; all of these leave again. */
void sup_workers_surge(struct sup *s, unsigned pool);
void sup_workers_unsurge(struct sup *s);
/* Brings the number of wanted slots of each pool to what its configuration says. */
void sup_workers_resize(struct sup *s);
/* Boot acknowledgements, ends of phases, requests over their time. */
void sup_workers_turn(struct sup *s);
/* True when the pid was a worker's. */
bool sup_workers_reap(struct sup *s, pid_t pid, int status);
void sup_workers_stop(struct sup *s, bool fast);
/* A worker that was started by the binary before us: phase, pid and pool are filled in. */
void sup_workers_take_over(struct sup *s, unsigned i);
bool sup_workers_any(const struct sup *s);
unsigned sup_workers_ready(const struct sup *s);
/* Somebody is to be there. */
bool sup_workers_wanted(const struct sup *s);
/* Some worker turns its loop, or has a request within its time; true when none is wanted. */
bool sup_workers_fresh(const struct sup *s);
void sup_workers_signal(struct sup *s, int signo);
void sup_workers_kill(struct sup *s, unsigned i);
/* It finishes its request and leaves; another process takes its slot. */
void sup_workers_replace(struct sup *s, unsigned i);
/* It serves the roster's epoch; it answered the last order and stays where it was. */
bool sup_worker_is_current(const struct sup *s, unsigned i);
bool sup_worker_has_refused(const struct sup *s, unsigned i);
/* The earliest end of anything that is known, or when to look for what began meanwhile. */
int64_t sup_workers_due(const struct sup *s);

/* sup_respawn.c */
/* Answers the number of this wish. */
uint64_t sup_respawn_want(struct sup *s);
void sup_respawn_turn(struct sup *s);
int64_t sup_respawn_due(const struct sup *s);
/* How long a walk may take. */
int64_t sup_respawn_patience_ms(const struct sup *s);

/* sup_roll.c */
/* The roster to start from: the proven one when a roll was cut short, else the pointers'. */
int sup_roll_open(struct sup *s, struct err *e);
/* Something changed for the workers; answers the number of this wish. */
uint64_t sup_roll_want(struct sup *s);
/* The same for what an operator waits for: no hold-down, no window of a canary. */
uint64_t sup_roll_want_urgently(struct sup *s, struct live_tenant *tenant);
/* Back to where the workers come from, from anywhere in a roll. */
void sup_roll_abort(struct sup *s);
void sup_roll_turn(struct sup *s);
/* 0: only after an event. */
int64_t sup_roll_due(const struct sup *s);
/* The epoch on which the worker of this slot starts. */
uint64_t sup_roll_start_epoch(const struct sup *s, unsigned i);
/* A worker died by itself: called before its slot is cleaned. */
void sup_roll_note_crash(struct sup *s, unsigned i);
/* The roll under way changes this tenant's generation. */
bool sup_roll_brings(const struct sup *s, const char *tenant);

/* sup_canary.c */
/* The window begins. */
void sup_canary_watch(struct sup *s);
/* The verdict on the window, into s->report. */
void sup_canary_judge(struct sup *s);
/* It is so bad that the window's end is not waited for; then the same. */
bool sup_canary_fails_early(struct sup *s);
int64_t sup_canary_due(const struct sup *s);

/* sup_sweep.c */
/* Every worker is where the newest roster is. */
bool sup_sweep_is_even(const struct sup *s);
void sup_sweep(struct sup *s);
void sup_sweep_turn(struct sup *s);

/* sup_tenants.c */
int sup_tenants_open(struct sup *s, struct err *e);
void sup_tenants_close(struct sup *s);
void sup_tenants_turn(struct sup *s);
/* Reads every pointer again (SIGHUP). */
void sup_tenants_refresh_all(struct sup *s);
/* Reads the tenant's pin and pointer; a roll is wanted when the workers would see something
 * else, urgently when an operator waits.  NULL when memory ran out. */
const struct live_tenant *sup_tenants_refresh(struct sup *s, const char *tenant);
const struct live_tenant *sup_tenants_refresh_urgently(struct sup *s, const char *tenant);
/* What has passed the gate, or needs not, is to be live: its pointer is flipped, at once, or
 * by way of the fleet.  Others offer a candidate to sup_gate_offer().  ERR_UNAVAILABLE:
 * quarantined. */
int sup_tenants_flip(
    struct sup *s, const char *tenant, const char *generation, struct err *e);
/* Without asking the fleet. */
int sup_tenants_flip_here(
    struct sup *s, const char *tenant, const char *generation, struct err *e);
/* The generation of this version that was built and is quarantined: made again it would be
 * the same.  NULL: there is none. */
const struct quarantine_entry *sup_tenants_held_back(
    const struct sup *s, const char *tenant, const char *version);
/* Looks anew whether the tenant's document has to be built. */
void sup_tenants_reconsider(struct sup *s, const char *tenant);

/* sup_builds.c */
void sup_builds_turn(struct sup *s);
bool sup_builds_reap(struct sup *s, pid_t pid, int status);
void sup_builds_cancel(struct sup *s, const char *tenant);
void sup_builds_stop(struct sup *s, bool fast);
bool sup_builds_any(const struct sup *s);
size_t sup_builds_fds(const struct sup *s, struct curl_waitfd *fds);
int64_t sup_builds_due(const struct sup *s);

/* False when neither a build of the tenant waits nor one runs. */
bool sup_builds_withdraw(struct sup *s, const char *tenant);
/* The running build's last word, an object; "" for none. */
const char *sup_builds_progress(const struct sup *s, const char *tenant);

/* sup_stores.c: each answers the client, at once or when Consul has */
int sup_store_create(
    struct sup *s, control_id client, struct json_object *request, struct err *e);
int sup_store_change(
    struct sup *s, control_id client, struct json_object *request, struct err *e);
int sup_store_remove(
    struct sup *s, control_id client, struct json_object *request, struct err *e);
void sup_stores_open(struct sup *s);
void sup_stores_turn(struct sup *s);
int64_t sup_stores_due(const struct sup *s);

/* sup_gone.c: its data may go when it is in the catalog no more, and looks when that may be */
int sup_gone_mark(struct sup *s, const char *tenant, struct err *e);
void sup_gone_unmark(struct sup *s, const char *tenant);
void sup_gone_look(struct sup *s);
void sup_gone_turn(struct sup *s);
int64_t sup_gone_due(const struct sup *s);

/* sup_cold.c */
int sup_cold_open(struct sup *s, struct err *e);
void sup_cold_close(struct sup *s);
void sup_cold_turn(struct sup *s);
/* The tenant is cold: true, it is brought back; false, it is not, or cannot be now. */
bool sup_cold_awaits(struct sup *s, const char *tenant);
bool sup_cold_reap(struct sup *s, pid_t pid, int status);
bool sup_cold_any(const struct sup *s);
void sup_cold_stop(struct sup *s, bool fast);
size_t sup_cold_fds(const struct sup *s, struct curl_waitfd *fds);
int64_t sup_cold_due(const struct sup *s);

/* sup_inbox.c */
int sup_inbox_open(struct sup *s, struct err *e);
void sup_inbox_close(struct sup *s);
/* Has the tenant something that waits?  For those that are new here. */
void sup_inbox_look(struct sup *s, const char *tenant);
void sup_inbox_turn(struct sup *s);
/* is_final: it is not tried again by itself. */
void sup_inbox_build_failed(
    struct sup *s, const char *tenant, const char *reason, bool is_final);
/* The gate's word. */
void sup_inbox_refused(
    struct sup *s, const char *tenant, const char *generation, const char *reason);

/* sup_fleet.c, sup_pointer.c, sup_service.c: without Consul, or with the option off, everything is allowed at once. */
/* Whether this host may roll now.  Asking begins to queue for it; once true it stays so
 * until sup_fleet_roll_done(). */
bool sup_fleet_may_roll(struct sup *s);
/* A roll that waits for its place among the hosts that roll; false: none does. */
struct fleet_wait {
	int64_t for_ms;
	bool is_overdue;		/* rolling_patience is over */
	const char *holder;		/* a host that has a place, borrowed; NULL: not known yet */
};
bool sup_fleet_roll_waits(const struct sup *s, struct fleet_wait *w);
/* Gives the permission, or the place in the queue, back; harmless without either. */
void sup_fleet_roll_done(struct sup *s);
/* The permission was lost in the middle of the roll: finish the worker in hand and order
 * nobody else until this answers false again. */
bool sup_fleet_has_lost_roll(const struct sup *s);
/* The same for building one tenant. */
bool sup_fleet_may_build(struct sup *s, const char *tenant);
void sup_fleet_build_done(struct sup *s, const char *tenant);
/* The host that builds the tenant, as far as is known; NULL: none, or it was not asked. */
const char *sup_fleet_builder(const struct sup *s, const char *tenant);
int sup_fleet_open(struct sup *s, struct err *e);
void sup_fleet_close(struct sup *s);
void sup_fleet_turn(struct sup *s);
int64_t sup_fleet_due(const struct sup *s);
bool sup_fleet_on_done(struct sup *s, const CURLMsg *message);
bool sup_fleet_reap(struct sup *s, pid_t pid, int status);
bool sup_fleet_any(const struct sup *s);
void sup_fleet_stop(struct sup *s, bool fast);
size_t sup_fleet_fds(const struct sup *s, struct curl_waitfd *fds);
/* A generation made here, that may serve, is to be live: true, the fleet sees to it, by
 * sup_tenants_flip_here() in the end; false, it is this host's own affair. */
bool sup_fleet_offers(struct sup *s, const char *tenant, const char *generation);
/* This host went back to the generation, from the live one: the others are to follow. */
void sup_fleet_rolled_back(struct sup *s, const char *tenant, const char *generation,
    const char *withdrawn_version);
/* None need be built: it is on its way, or the fleet went back from it. */
bool sup_fleet_has_version(const struct sup *s, const char *tenant, const char *version,
    uint64_t revision);
/* Why the tenant is not where the fleet is, "" when it is. */
const char *sup_fleet_waits(const struct sup *s, const char *tenant);
void sup_fleet_forget(struct sup *s, const char *tenant);
/* The whole as one JSON object. */
void sup_fleet_write_status(const struct sup *s, struct buf *b);

/* sup_gate.c */
/* A sealed generation wants to become the current one: it is probed, and flipped to when it
 * passed; at once when the gate is off or it is current already.  is_accepted: somebody said
 * that its differences are meant. */
int sup_gate_offer(struct sup *s, const char *tenant, const char *generation,
    bool is_accepted, struct err *e);
/* Was the tenant's pointer moved behind our back?  Then it is put back, and what it named
 * is a candidate. */
void sup_gate_look(struct sup *s, const char *tenant);
/* The tenant's candidate is not wanted any more, nor its verdict. */
void sup_gate_drop(struct sup *s, const char *tenant);
/* An operator asks again: the tenant's quarantine ends.  *is_probed: what was refused was no
 * build's, and is probed again; else a build makes it again. */
int sup_gate_retry(
    struct sup *s, const char *tenant, size_t *lifted, bool *is_probed, struct err *e);
/* What was refused or is held is meant: only its integrity is judged again.  *is_probed:
 * there is such a candidate. */
int sup_gate_accept(struct sup *s, const char *tenant, bool *is_probed, struct err *e);
void sup_gate_turn(struct sup *s);
bool sup_gate_reap(struct sup *s, pid_t pid, int status);
void sup_gate_stop(struct sup *s);
bool sup_gate_any(const struct sup *s);
size_t sup_gate_fds(const struct sup *s, struct curl_waitfd *fds);
int64_t sup_gate_due(const struct sup *s);
/* The tenant's candidate, verdict and quarantine as one object, for status.c. */
void sup_gate_status(const struct sup *s, const char *tenant, struct buf *b);

/* sup_pins.c */
void sup_pins_open(struct sup *s);
/* Holds the tenant on the generation, NULL: takes this origin's pin away.  A roll follows
 * when the workers would see something else.  The same pin again changes nothing.
 * ERR_TENANT; ERR_NOT_FOUND: the generation is not on this host; ERR_UNAVAILABLE: it is
 * quarantined; ERR_CORRUPT, ERR_IO.  On failure nothing has changed. */
int sup_pin_set(struct sup *s, const char *tenant, const char *generation_or_null,
    enum pin_origin origin, struct err *e);
/* Flips the pointer back to `to`, NULL: the newest generation before the live one that may
 * serve; quarantines what was live, with the reason, and rolls at once.  Errors as
 * sup_pin_set(), and ERR_BUSY: the tenant is pinned. */
int sup_rollback(struct sup *s, const char *tenant, const char *to_or_null, const char *reason,
    struct err *e);
/* The tenant is gone. */
void sup_pins_forget(struct sup *s, const char *tenant);

/* sup_poison.c */
void sup_poison_open(struct sup *s);
void sup_poison_note_death(struct sup *s, const char *tenant, const char *generation);
/* Forgets what is known of the tenant, but for the generation named (NULL: of all); true when it
 * was quarantined. */
bool sup_poison_lift(struct sup *s, const char *tenant, const char *keep);

/* sup_quarantine.c */
void sup_quarantine_open(struct sup *s);
/* Brings to disk what changed since the last turn. */
void sup_quarantine_turn(struct sup *s);
/* Durable, and said in the log; nothing is taken from the workers by it. */
void sup_quarantine_add(
    struct sup *s, const char *tenant, const char *generation, const char *reason);
void sup_quarantine_lift(struct sup *s, const char *tenant, const char *generation);
/* An operator asks again: the whole tenant's; answers how many. */
size_t sup_quarantine_clear(struct sup *s, const char *tenant);

/* sup_gateway.c */
/* The socket, and RAGPOOL_GATEWAY in the environment; nothing without models. */
int sup_gateway_open(struct sup *s, struct err *e);
void sup_gateway_close(struct sup *s);
void sup_gateway_begin(struct sup *s);
/* After every change of the configuration; is_changed: of the models. */
void sup_gateway_adopt(struct sup *s, bool is_changed);
void sup_gateway_turn(struct sup *s);
bool sup_gateway_reap(struct sup *s, pid_t pid, int status);
bool sup_gateway_any(const struct sup *s);
void sup_gateway_signal(struct sup *s, int signo);
size_t sup_gateway_fds(const struct sup *s, struct curl_waitfd *fds);
int64_t sup_gateway_due(const struct sup *s);
void sup_gateway_put(const struct sup *s, struct buf *b);

/* sup_command.c */
void sup_command(void *context, control_id client, const char *line, size_t n);

/* sup_wait.c */
/* The last line to a client; *b is taken.  Refusals carry the code's exit code for 0. */
void sup_answer(struct sup *s, control_id client, struct buf *b);
void sup_refuse(struct sup *s, control_id client, const struct err *e, int exit_code);
/* ERR_BUSY when no more can wait; then sup_wait() answers the client in time. */
int sup_wait_check(struct sup *s, struct err *e);
void sup_wait(struct sup *s, control_id client, enum wait_kind kind, int64_t patience_ms);
void sup_wait_turn(struct sup *s);
int64_t sup_wait_due(const struct sup *s);

/* status.c */
void status_write(const struct sup *s, struct buf *b);
/* Its state in a word, and why it is not better, "" for no reason. */
const char *status_tenant_state(
    const struct sup *s, const struct catalog_tenant *t, const char **reason);

/* supervisor.c */
void sup_reload(struct sup *s);

#endif
