/* runlock.h - one supervisor per run folder.
 *
 * The lock decides, never the pid: a flock on RUN/ragpoold.lock, which the kernel gives
 * back when the process ends, however it ends.  the pid file is for people and for
 * tools; a wrong one does no harm.
 *
 * Errors  ERR_BUSY "already running (pid N)"; ERR_IO.
 */
#ifndef RAGPOOL_RUNLOCK_H
#define RAGPOOL_RUNLOCK_H

#include <sys/types.h>

#include "err.h"

struct runlock {
	int fd;
	pid_t predecessor;	/* who held the lock before, 0: nobody, or left in order */
};

int runlock_take(struct runlock *lock, const char *run_dir, struct err *e);
/* The lock file is given to uid and gid, so that they can take it the next time. */
int runlock_give(const struct runlock *lock, uid_t uid, gid_t gid, struct err *e);
/* Writes our pid into the lock and the pid file. */
int runlock_write_pid(const struct runlock *lock, const char *pid_file, struct err *e);
/* An orderly end: no predecessor is left behind. */
void runlock_release(struct runlock *lock, const char *pid_file);

#endif
