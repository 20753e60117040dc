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

/* The sockets that systemd (or a tool like it) holds for us, by LISTEN_PID, LISTEN_FDS and
 * LISTEN_FDNAMES.  The variables are removed, so that children do not believe them. */
enum { LISTEN_INHERITED_MAX = 64 };
struct listen_inherited {
	int count;
	char *names;		/* owned, "a:b:c", "" when there were none */
	int fds[LISTEN_INHERITED_MAX];	/* -1: claimed */
};

int listen_inherit(struct listen_inherited *l, struct err *e);
/* The socket of that name, then the caller's, once; -1 for none.  ERR_CONFIG when it is no
 * listening stream socket. */
int listen_claim(struct listen_inherited *l, const char *name, int *out, struct err *e);
/* The only one there is, whatever its name; -1 for none or several. */
int listen_claim_only(struct listen_inherited *l, int *out, struct err *e);
/* Closes what nobody claimed; how many. */
unsigned listen_close_rest(struct listen_inherited *l);

#endif
