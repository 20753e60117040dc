/* board.h - the scoreboard: one page of shared memory between supervisor and workers.
 *
 * A memfd of fixed size, inherited by fd number.  One 512-byte slot per worker, every
 * field written by one side only, so reading needs no lock and survives a kill -9 of
 * the writer.  The supervisor commands through a slot and wakes the worker by SIGHUP;
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
 */
#ifndef RAGPOOL_BOARD_H
#define RAGPOOL_BOARD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "bounds.h"

enum { BOARD_VERSION = 1, BOARD_SLOT_BYTES = 512, BOARD_TEXT_BYTES = 96 };

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

struct board_slot {
	/* written by the supervisor */
	_Atomic uint64_t cmd_seq;
	_Atomic uint64_t target_epoch;
	_Atomic uint64_t restarts;		/* deaths of this slot's workers so far */
	_Atomic uint64_t incarnation;		/* counts workers that held this slot */
	/* written by the worker */
	_Alignas(64) _Atomic int32_t pid;
	_Atomic int32_t state;			/* enum board_state */
	_Atomic uint64_t acked_seq;
	_Atomic uint64_t epoch;			/* roster epoch it serves from; 0 = none yet */
	_Atomic uint64_t refused;		/* tenants whose generation it could not open */
	_Atomic uint64_t reload_us;		/* how long the last reopen took */
	_Atomic uint64_t reloads;
	_Atomic int64_t started_ns;		/* clk_ns() */
	_Atomic int64_t heartbeat_ns;
	_Atomic int64_t request_ns;		/* start of the request in hand, 0 = none */
	_Atomic uint64_t requests;
	_Atomic uint64_t failures;		/* answers of 500 and above */
	_Atomic uint64_t open_tenants;
	_Atomic uint64_t rss_kb;
	char tenant[TENANT_NAME_BYTES + 1];	/* of the request in hand; may be torn */
	char refusal[BOARD_TEXT_BYTES];		/* "tenant: reason", written before acked_seq */
} __attribute__((aligned(BOARD_SLOT_BYTES)));
_Static_assert(sizeof(struct board_slot) == BOARD_SLOT_BYTES, "one slot, one size");

struct board_head {
	char magic[8];
	uint32_t version;
	uint32_t slots;
	_Atomic int64_t started_ns;
	_Atomic int32_t supervisor_pid;
	_Atomic uint32_t workers;		/* slots meant to be filled */
	_Atomic uint64_t epoch;			/* the roster epoch being rolled to */
} __attribute__((aligned(BOARD_SLOT_BYTES)));

struct board {
	struct board_head *head;
	struct board_slot *slots;
	size_t bytes;
	int fd;			/* the memfd */
	int wake_fd;		/* the eventfd, non-blocking */
};

/* Supervisor: makes both fds (not close-on-exec: children inherit them). */
int board_create(struct board *b, unsigned slots, struct err *e);
/* Worker or command: maps an inherited board and checks its shape. */
int board_attach(struct board *b, int fd, int wake_fd, struct err *e);
void board_close(struct board *b);
const char *board_state_name(int32_t state);
/* Worker: tells the supervisor that its slot changed. */
void board_wake(const struct board *b);

#endif
