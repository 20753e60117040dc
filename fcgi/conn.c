/* conn.c - FastCGI connections for a worker. */
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int
conn_init(struct conn *c, int listen_fd, struct err *e)
{
	char ms[16];
	int flags;

	/* A peer that is slow to close must not hold a worker for libfcgi's two seconds. */
	snprintf(ms, sizeof ms, "%d", CONN_CLOSE_TIMEOUT_MS);
	setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", ms, 1);
	memset(c, 0, sizeof *c);
	c->listen_fd = listen_fd;
	if ((flags = fcntl(listen_fd, F_GETFL)) == -1 ||
	    fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "listening socket");
	if (FCGX_Init() != 0 || FCGX_InitRequest(&c->request, listen_fd, 0) != 0)
		return err_set(e, ERR_INTERNAL, "libfcgi would not start");
	return 0;
}

void
conn_fini(struct conn *c)
{
	FCGX_Free(&c->request, 1);
}

int
conn_kept_fd(const struct conn *c)
{
	return c->request.keepConnection ? c->request.ipcFd : -1;
}

void
conn_drop_kept(struct conn *c)
{
	FCGX_Free(&c->request, 1);
	FCGX_InitRequest(&c->request, c->listen_fd, 0);
}

static void
set_timeouts(int fd)
{
	struct timeval limit = {.tv_sec = CONN_READ_TIMEOUT_MS / 1000};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int
conn_next(struct conn *c, struct err *e)
{
	int rc = FCGX_Accept_r(&c->request);

	if (rc == 0)
		return 1;
	/* After a failed read libfcgi falls through to its own accept, which says EAGAIN
	 * on our non-blocking socket: the peer was no good, nothing is broken. */
	conn_drop_kept(c);
	if (rc == -EAGAIN || rc == -EINTR || rc == -ECONNABORTED || rc == -EPIPE)
		return 0;
	errno = -rc;
	return err_sys(e, ERR_IO, "FastCGI accept");
}

int
conn_accept(struct conn *c, struct err *e)
{
	int fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return 0;	/* another worker won */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			return err_sys(e, ERR_BUSY, "accept");
		return err_sys(e, ERR_IO, "accept");
	}
	set_timeouts(fd);
	c->request.ipcFd = fd;
	c->request.keepConnection = 1;
	return conn_next(c, e);
}

void
conn_finish(struct conn *c)
{
	FCGX_Finish_r(&c->request);
}
