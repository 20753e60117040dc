/* listen.h - the listening socket: never stolen, never missing.
 *
 * A socket that someone listens on is left alone.  A stale one is replaced in one step:
 * bound under another name, given its mode and owner, listened on, then renamed over
 * the old name, so that a client finds either the old socket or the finished new one.
 *
 * Errors  ERR_BUSY when a live process listens there, naming its pid; ERR_CONFIG for a
 *         path that is too long, or is something other than a socket; ERR_IO.
 */
#ifndef RAGPOOL_LISTEN_H
#define RAGPOOL_LISTEN_H

#include <sys/types.h>

#include "err.h"

struct listen_spec {
	const char *path;
	mode_t mode;
	uid_t uid;		/* (uid_t)-1: leave it */
	gid_t gid;		/* (gid_t)-1: leave it */
	int backlog;
	pid_t heir_of;		/* a dead predecessor, its workers may listen; 0: none */
};

/* *out: non-blocking, close-on-exec. */
int listen_unix(int *out, const struct listen_spec *spec, struct err *e);
/* Removes the path if it still leads to this listener. */
void listen_remove(int fd, const char *path);

/* The socket that systemd (or a tool like it) holds for us: LISTEN_PID, LISTEN_FDS, and
 * the one named `name` in LISTEN_FDNAMES, or the first.  *out is -1 when there is none.
 * The variables are removed, so that children do not believe them. */
int listen_activated(int *out, const char *name, struct err *e);

#endif
