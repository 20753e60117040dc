/* listen.c - the listening socket. */
#include "listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ACTIVATED_FIRST = 3 };
static const char new_suffix[] = ".new";

static int
address_of(struct sockaddr_un *a, const char *path, struct err *e)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) + sizeof new_suffix > sizeof a->sun_path)
		return err_set(e, ERR_CONFIG, "socket %s: longer than %zu bytes", path,
		    sizeof a->sun_path - sizeof new_suffix);
	snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
	return 0;
}

/* Who called listen() there: the kernel remembers it with the socket. */
static pid_t
owner_of(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 ? peer.pid : 0;
}

/* Does someone answer at the socket?  The children of a dead process keep its socket
 * alive; its heir may take the name over, and only the heir.  Who holds the lock of a
 * predecessor knows that it is dead, even if its pid is somebody's by now. */
static int
check_free(const struct sockaddr_un *a, const struct listen_spec *spec, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), rc;
	pid_t owner;

	if (fd == -1)
		return err_sys(e, ERR_IO, "socket");
	rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
	if (rc == -1 && errno != EAGAIN) {
		rc = errno == ECONNREFUSED || errno == ENOENT ?
		    0 :
		    err_sys(e, ERR_IO, "socket %s", spec->path);
		close(fd);
		return rc;
	}
	owner = rc == 0 ? owner_of(fd) : 0;
	close(fd);
	if (owner > 0 && owner == spec->heir_of)
		return 0;
	if (owner > 0)
		return err_set(e, ERR_BUSY, "socket %s: another process (pid %d) listens there",
		    spec->path, (int)owner);
	return err_set(e, ERR_BUSY, "socket %s: another process listens there", spec->path);
}

static int
check_path(const struct sockaddr_un *a, const struct listen_spec *spec, struct err *e)
{
	struct stat st;

	if (lstat(spec->path, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "socket %s", spec->path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG, "socket %s: exists and is no socket", spec->path);
	return check_free(a, spec, e);
}

int
listen_unix(int *out, const struct listen_spec *spec, struct err *e)
{
	struct sockaddr_un a;
	int fd = -1;

	if (address_of(&a, spec->path, e) == -1 || check_path(&a, spec, e) == -1)
		return -1;
	strcat(a.sun_path, new_suffix);		/* address_of() left room */
	if (unlink(a.sun_path) == -1 && errno != ENOENT)
		return err_sys(e, ERR_IO, "socket %s", a.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_sys(e, ERR_IO, "socket");
	if (bind(fd, (struct sockaddr *)&a, sizeof a) == -1) {
		err_sys(e, ERR_IO, "socket %s", spec->path);
		close(fd);
		return -1;
	}
	if (chmod(a.sun_path, spec->mode) == -1 ||
	    ((spec->uid != (uid_t)-1 || spec->gid != (gid_t)-1) &&
		chown(a.sun_path, spec->uid, spec->gid) == -1) ||
	    listen(fd, spec->backlog) == -1 || rename(a.sun_path, spec->path) == -1) {
		err_sys(e, ERR_IO, "socket %s", spec->path);
		unlink(a.sun_path);
		close(fd);
		return -1;
	}
	*out = fd;
	return 0;
}

void
listen_remove(int fd, const char *path)
{
	struct sockaddr_un a;
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_ours = true;

	if (fd == -1 || probe == -1 || address_of(&a, path, NULL) == -1)
		is_ours = false;
	else if (connect(probe, (struct sockaddr *)&a, sizeof a) == 0)
		is_ours = owner_of(probe) == getpid();
	else
		is_ours = errno == EAGAIN;	/* alive and full: nobody else was let in */
	if (probe != -1)
		close(probe);
	if (is_ours)
		unlink(path);
}

/* The place of `name` among names separated by ':'; -1 when it is not there. */
static int
place_in(const char *names, const char *name)
{
	size_t n = strlen(name), len;

	for (int at = 0; names != NULL && *names != '\0'; at++) {
		len = strcspn(names, ":");
		if (len == n && memcmp(names, name, n) == 0)
			return at;
		names += len + (names[len] == ':');
	}
	return -1;
}

static int
check_listening(int fd, struct err *e)
{
	int on = 0, type = 0;
	socklen_t len = sizeof on;

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1 || !on ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1 || type != SOCK_STREAM)
		return err_set(
		    e, ERR_CONFIG, "LISTEN_FDS: fd %d is no listening stream socket", fd);
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "LISTEN_FDS: fd %d", fd);
	return 0;
}

int
listen_inherit(struct listen_inherited *l, struct err *e)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");
	bool is_for_us = pid != NULL && count != NULL && atol(pid) == (long)getpid();
	int n = is_for_us ? atoi(count) : 0;

	*l = (struct listen_inherited){0};
	if (n > LISTEN_INHERITED_MAX)
		return err_set(e, ERR_CONFIG, "LISTEN_FDS: more than %d", LISTEN_INHERITED_MAX);
	if ((l->names = strdup(is_for_us && names != NULL ? names : "")) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for LISTEN_FDNAMES");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < n; i++) {
		l->fds[i] = ACTIVATED_FIRST + i;
		if (fcntl(l->fds[i], F_SETFD, FD_CLOEXEC) == -1)
			return err_sys(e, ERR_CONFIG, "LISTEN_FDS: fd %d", l->fds[i]);
	}
	l->count = n > 0 ? n : 0;
	return 0;
}

static int
claim(struct listen_inherited *l, int at, int *out, struct err *e)
{
	*out = -1;
	if (at < 0 || at >= l->count || l->fds[at] == -1)
		return 0;
	if (check_listening(l->fds[at], e) == -1)
		return -1;
	*out = l->fds[at];
	l->fds[at] = -1;
	return 0;
}

int
listen_claim(struct listen_inherited *l, const char *name, int *out, struct err *e)
{
	return claim(l, place_in(l->names, name), out, e);
}

int
listen_claim_only(struct listen_inherited *l, int *out, struct err *e)
{
	return claim(l, l->count == 1 ? 0 : -1, out, e);
}

unsigned
listen_close_rest(struct listen_inherited *l)
{
	unsigned closed = 0;

	for (int i = 0; i < l->count; i++)
		if (l->fds[i] != -1) {
			close(l->fds[i]);
			closed++;
		}
	free(l->names);
	*l = (struct listen_inherited){0};
	return closed;
}
