/* orphans.h - the workers of a supervisor that died without a word.
 *
 * RUN/ragpoold.workers lists the workers, "<pid> <start time>" a line, written anew at every
 * change.  They serve on when the supervisor is killed; its successor reads the list, takes
 * over the socket's name, and lets them go once workers of its own are ready; one that does not
 * leave is ended.  The start time of /proc tells a worker from a stranger that was given its pid.
 *
 * Cost    one small file, written without fsync: after a crash of the machine there are no
 *         orphans.
 */
#ifndef RAGPOOL_ORPHANS_H
#define RAGPOOL_ORPHANS_H

#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"
#include "err.h"

struct orphan {
	pid_t pid;
	uint64_t started;	/* clock ticks since boot; 0: no such process */
};

struct orphans {
	struct orphan list[WORKERS_MAX];
	unsigned count;
};

/* 0 when there is no such process, or it has ended and only waits to be reaped. */
uint64_t orphan_started(pid_t pid);
int orphans_write(const char *run_dir, const struct orphan *list, unsigned n, struct err *e);
/* Those of the list that still run. */
void orphans_read(struct orphans *o, const char *run_dir);
/* QUIT to each that still is who it was, so that it serves what waits at its socket before
 * it leaves; answers how many. */
unsigned orphans_release(const struct orphans *o);
/* KILL to each that is still there; answers how many, and empties the list. */
unsigned orphans_end(struct orphans *o);
void orphans_remove(const char *run_dir);

#endif
