/* spawn.h - fork and exec, with nothing inherited by accident.
 *
 * All signals are blocked around the fork, so that none meant for the parent runs in the
 * child; the child starts with an empty mask and default dispositions, with fds 0, 1, 2
 * as given and, of the others, only those in `keep`.  One that takes_signals by a signalfd
 * starts with those blocked that it will take: what is sent to it before waits for it.
 *
 * Errors  ERR_IO when the fork fails.  A failed exec ends the child with 71 and a line on
 *         its stderr: the parent sees a worker that crashes at its start.
 */
#ifndef RAGPOOL_SPAWN_H
#define RAGPOOL_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

enum { SPAWN_KEEP_MAX = 24, SPAWN_ENV_MAX = 16 };

struct spawn {
	const char *path;		/* absolute */
	const char *const *argv;	/* NULL-terminated */
	const char *const *env;		/* "NAME=value" beside the parent's, then NULL */
	int in_fd, out_fd, err_fd;	/* -1: /dev/null for 0 and 1, ours for 2 */
	int keep[SPAWN_KEEP_MAX];	/* at the same numbers, which are above 2 */
	size_t keep_count;
	bool takes_signals;		/* HUP, INT, QUIT, USR1, TERM */
	bool keeps_priority;	/* though in the background: somebody waits for it */
	bool background;		/* own session, low priority, dies with us */
};

int spawn_run(pid_t *pid, const struct spawn *s, struct err *e);

#endif
