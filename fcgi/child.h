/* child.h - a short-lived program in the background, whose last line of output is its answer.
 *
 * Builds and probes: they say one JSON object at their end, {"error": {"message": ...}} when
 * they failed in words, and leave with an exit code of sysexits.  What else they have to say
 * goes to our log.
 *
 * Life    start, read whenever its fd is readable, check its time on every turn, reap by
 *         pid, and once is_ended: result or reason, then fini.
 * Bounds  of the output the newest CHILD_OUTPUT_MAX / 2 bytes are kept.
 * Units   milliseconds of clk_ms().
 * Memory  owned; child_fini() makes the place free again.
 */
#ifndef RAGPOOL_CHILD_H
#define RAGPOOL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <json-c/json.h>

#include "buf.h"
#include "err.h"
#include "spawn.h"

enum {
	CHILD_OUTPUT_MAX = 64 * 1024,
	CHILD_GRACE_MS = 5000,		/* from TERM to KILL */
	CHILD_EXIT_BUSY = 75,
};

struct child {
	pid_t pid;		/* 0: a free place */
	int out_fd;		/* -1 when it has closed its side */
	struct buf out;
	int64_t started_ms;
	int64_t due_ms;		/* TERM, then KILL */
	bool is_ended;		/* reaped; status valid */
	bool was_told;		/* TERM was sent */
	int status;
};

#define CHILD_FREE {.out_fd = -1}

/* argv NULL-terminated; its own process group, low priority, TERM when we die. */
int child_start(struct child *c, const char *path, const char *const *argv, int64_t now_ms,
    int64_t time_ms, struct err *e);
/* The same, started as `spawn` says; its output is ours to read. */
int child_start_as(struct child *c, struct spawn *spawn, int64_t now_ms, int64_t time_ms,
    struct err *e);
void child_fini(struct child *c);

void child_read(struct child *c);
/* TERM when its time is over, KILL CHILD_GRACE_MS later; true when it was told just now. */
bool child_check_time(struct child *c, int64_t now_ms);
/* TERM, or KILL at once; harmless when there is none. */
void child_stop(struct child *c, bool fast, int64_t now_ms);
/* False when the pid is not its own. */
bool child_reap(struct child *c, pid_t pid, int status);

/* It left with 0. */
bool child_is_well(const struct child *c);
/* It left with 75: something that it needs is held by others, for the moment. */
bool child_is_busy(const struct child *c);
/* It said with its last words that this is why it failed. */
bool child_failed_for(struct child *c, enum err_code code);
/* The last line, an object; owned (json_object_put). */
int child_result(struct child *c, struct json_object **out, struct err *e);
/* Why it failed, into *e: its own words if it left any, else what its end means. */
void child_reason(struct child *c, const char *what, struct err *e);

#endif
