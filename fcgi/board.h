/* board.h - the scoreboard: shared memory between supervisor and workers.
 *
 * A memfd of fixed size, inherited by fd number: a head, a place per pool, a slot per
 * worker, a list of tenants whose data ends workers (poison.h).  Every field is
 * written by one side only, so reading needs no lock and survives a kill -9 of the writer.  The supervisor commands through a slot and wakes the worker by SIGHUP;
 * a lost or doubled signal costs nothing because the worker compares cmd_seq on every
 * turn of its loop.  The worker answers through the slot and wakes the supervisor by
 * the eventfd.
 *
 *   supervisor: target_epoch, then cmd_seq+1 (release), then SIGHUP
 *   worker:     opens epoch target_epoch between two requests, then epoch, refused...,
 *               then acked_seq = cmd_seq (release), then eventfd
 *
 * Acknowledged means acked_seq == cmd_seq && epoch == target_epoch.
 *
 * What a worker inherits, by environment:
 *   RAGPOOL_BOARD=<fd>:<slot>:<eventfd>   absent for a worker run by hand
 *   RAGPOOL_DATA=<folder>
 * and a build, to read alone (demand.h):
 *   RAGPOOL_BOARD_FD=<fd>
 */
#ifndef RAGPOOL_BOARD_H
#define RAGPOOL_BOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "bounds.h"

enum {
	BOARD_VERSION = 5,
	BOARD_SLOT_BYTES = 1024,
	BOARD_TEXT_BYTES = 240,
	BOARD_POOLS_MAX = 16,
	BOARD_POISONED_MAX = 32,
	BOARD_LATENCIES = 24,	/* bucket i counts 2^i .. 2^(i+1) - 1 us; the last all above */
	BOARD_BEAT_MS = 5000,	/* an idle worker turns its loop that often */
	BOARD_STALE_MS = 20000,	/* one that has not for so long, and has no request, hangs */
};

#define BOARD_STATES(X) \
	X(SLOT_EMPTY, "empty") \
	X(SLOT_BOOT, "boot") \
	X(SLOT_IDLE, "idle") \
	X(SLOT_READING, "reading") \
	X(SLOT_SERVING, "serving") \
	X(SLOT_RELOADING, "reloading") \
	X(SLOT_DRAINING, "draining")
enum board_state {
#define X(symbol, name) symbol,
	BOARD_STATES(X)
#undef X
	    SLOT_STATE_MAX
};

/* What a worker is doing with its request. */
#define BOARD_STAGES(X) \
	X(STAGE_NONE, "none") \
	X(STAGE_READ, "read")		/* from the accepted connection to the whole request */ \
	X(STAGE_EMBED, "embed") \
	X(STAGE_SEARCH, "search") \
	X(STAGE_FETCH, "fetch") \
	X(STAGE_OTHER, "other")		/* everything that has no name here */ \
	X(STAGE_WRITE, "write") \
	X(STAGE_RERANK, "rerank") \
	X(STAGE_ANSWER, "answer")	/* waits for a language model: board_slot_is_engaged() */
enum board_stage {
#define X(symbol, name) symbol,
	BOARD_STAGES(X)
#undef X
	    STAGE_MAX
};

struct board_slot {
	/* written by the supervisor */
	_Atomic uint64_t cmd_seq;
	_Atomic uint64_t target_epoch;
	_Atomic uint64_t restarts;		/* deaths of this slot's workers so far */
	_Atomic uint64_t incarnation;		/* counts workers that held this slot */
	_Atomic uint32_t pool;			/* whose board_pool */
	/* written by the worker */
	_Alignas(64) _Atomic int32_t pid;
	_Atomic int32_t state;			/* enum board_state */
	_Atomic uint64_t acked_seq;
	_Atomic uint64_t epoch;			/* roster epoch it serves from; 0 = none yet */
	_Atomic uint64_t refused;		/* tenants that are not on their generation */
	_Atomic uint32_t has_bad_data;		/* refused_tenant's generation is no good */
	_Atomic uint64_t reload_us;		/* how long the last reopen took */
	_Atomic uint64_t reloads;
	_Atomic int64_t started_ns;		/* clk_ns() */
	_Atomic int64_t heartbeat_ns;
	_Atomic int64_t request_ns;		/* start of the request in hand, 0 = none */
	_Atomic uint64_t share_key;		/* whose request it is (share.h), 0 = nobody's */
	_Atomic uint64_t requests;
	_Atomic uint64_t failures;		/* answers of 500 and above */
	_Atomic uint64_t epoch_requests;	/* the two above, since it serves this epoch */
	_Atomic uint64_t epoch_failures;
	_Atomic uint64_t slow;			/* requests over request_slowlog_timeout */
	_Atomic uint64_t busy_ns;		/* spent with requests that are done */
	_Atomic uint64_t open_tenants;
	_Atomic uint64_t rss_kb;
	_Atomic int32_t stage;			/* enum board_stage */
	_Atomic int32_t route;			/* route_path(); -1: none yet */
	_Atomic int64_t stage_ns;		/* when it began */
	_Atomic uint64_t latency[BOARD_LATENCIES];
	char tenant[TENANT_NAME_BYTES + 1];	/* in hand, for a request or a reopen; may be torn */
	char generation[GENERATION_NAME_BYTES];	/* the tenant's, the same */
	/* of its last reopen, written before acked_seq: */
	char refused_tenant[TENANT_NAME_BYTES + 1];	/* whose generation; "": the roster's */
	char refusal[BOARD_TEXT_BYTES];		/* why */
} __attribute__((aligned(BOARD_SLOT_BYTES)));
_Static_assert(sizeof(struct board_slot) == BOARD_SLOT_BYTES, "one slot, one size");

/* A pool as the supervisor counts it; the names are php-fpm's. */
struct board_pool {
	char name[TENANT_NAME_BYTES + 1];	/* "" behind the last one */
	char manager[16];			/* static, dynamic, ondemand */
	_Atomic uint32_t workers;		/* wanted now */
	_Atomic uint32_t max_workers;
	_Atomic uint32_t active, max_active;	/* with a request in hand, as last looked at */
	_Atomic uint32_t busy_permille;		/* of the pool's time, in the last second */
	_Atomic int32_t listen_queue;		/* -1: the kernel does not tell */
	_Atomic int32_t max_listen_queue;
	_Atomic int32_t listen_queue_len;	/* how many may wait */
	_Atomic uint64_t max_children_reached;	/* one more was needed and not allowed */
} __attribute__((aligned(256)));
_Static_assert(sizeof(struct board_pool) == 256, "one pool, one size");

/* Written by the supervisor, while is_live is 0. */
struct board_poisoned {
	_Atomic uint32_t is_live;
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
} __attribute__((aligned(128)));

struct board_head {
	char magic[8];
	uint32_t version;
	uint32_t slots;
	_Atomic int64_t started_ns;
	_Atomic int32_t supervisor_pid;
	_Atomic uint32_t workers;		/* slots meant to be filled */
	_Atomic uint64_t epoch;			/* the roster epoch being rolled to */
	_Atomic uint32_t poisoned_count;	/* live entries: 0 for nearly everyone */
	struct board_pool pools[BOARD_POOLS_MAX];
	struct board_poisoned poisoned[BOARD_POISONED_MAX];
} __attribute__((aligned(BOARD_SLOT_BYTES)));

struct meter;
struct share_seen;

struct board {
	struct board_head *head;
	struct board_slot *slots;
	struct meter *meter;		/* rates of requests (meter.h) */
	struct share_seen *seen;	/* tenants, when they were seen last (share.h) */
	size_t bytes;
	int fd;			/* the memfd */
	int wake_fd;		/* the eventfd, non-blocking */
};

/* Supervisor: makes both fds (not close-on-exec: children inherit them). */
int board_create(struct board *b, unsigned slots, struct err *e);
/* Worker or command: maps an inherited board and checks its shape. */
int board_attach(struct board *b, int fd, int wake_fd, struct err *e);
/* A build: maps it to read, and closes the fd. */
int board_watch(struct board *b, int fd, struct err *e);
void board_close(struct board *b);
const char *board_state_name(int32_t state);
const char *board_stage_name(int32_t stage);
/* The bucket of board_slot.latency that a request of so many nanoseconds counts in. */
unsigned board_latency_bucket(int64_t ns);
/* Supervisor: nothing a dead worker wrote may be taken for its successor's. */
void board_slot_clean(struct board_slot *s);
/* It has no request in hand and has not turned its loop for BOARD_STALE_MS. */
bool board_slot_is_stale(const struct board_slot *s, int64_t now_ns);
/* It has a request in hand, or reads one. */
bool board_slot_is_busy(const struct board_slot *s);
/* It writes an answer with a language model, which may take minutes: orders wait until then, and
 * nobody should wait for it. */
bool board_slot_is_engaged(const struct board_slot *s);
/* Worker: tells the supervisor that its slot changed. */
void board_wake(const struct board *b);

#endif
