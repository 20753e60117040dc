/* conn.c - FastCGI connections for a worker. */
#include "conn.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
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

/* ---- the answer ---- */

enum {
	RECORD_BYTES = FCGI_MAX_LENGTH & ~7,	/* of one record: the most, without padding */
	BATCH_RECORDS = 64,			/* 4 MiB, more than nearly every answer */
};

static void
put_head(FCGI_Header *h, int type, int id, size_t n)
{
	*h = (FCGI_Header){
	    .version = FCGI_VERSION_1,
	    .type = (unsigned char)type,
	    .requestIdB1 = (unsigned char)(id >> 8),
	    .requestIdB0 = (unsigned char)id,
	    .contentLengthB1 = (unsigned char)(n >> 8),
	    .contentLengthB0 = (unsigned char)n,
	};
}

static int
send_all(int fd, struct iovec *iov, size_t count)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = count};

	while (m.msg_iovlen > 0) {
		ssize_t sent = sendmsg(fd, &m, MSG_NOSIGNAL);
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;	/* gone, or slower than CONN_READ_TIMEOUT_MS */
		while (m.msg_iovlen > 0 && (size_t)sent >= m.msg_iov->iov_len) {
			sent -= (ssize_t)m.msg_iov->iov_len;
			m.msg_iov++;
			m.msg_iovlen--;
		}
		if (m.msg_iovlen > 0) {
			m.msg_iov->iov_base = (char *)m.msg_iov->iov_base + sent;
			m.msg_iov->iov_len -= (size_t)sent;
		}
	}
	return 0;
}

/* The end of the output and of the request. */
struct ending {
	FCGI_Header output;
	FCGI_EndRequestRecord request;
};
_Static_assert(sizeof(struct ending) == 24, "records follow each other without a gap");

/* With `ends`, the records that end the answer follow the last piece of it. */
static int
send_answer(int fd, int id, const char *data, size_t n, bool ends)
{
	FCGI_Header heads[BATCH_RECORDS];
	struct iovec iov[2 * BATCH_RECORDS + 1];
	struct ending end = {.request.body.protocolStatus = FCGI_REQUEST_COMPLETE};
	size_t count;

	put_head(&end.output, FCGI_STDOUT, id, 0);
	put_head(&end.request.header, FCGI_END_REQUEST, id, sizeof end.request.body);
	do {
		count = 0;
		for (int i = 0; i < BATCH_RECORDS && n > 0; i++) {
			size_t part = n < RECORD_BYTES ? n : RECORD_BYTES;
			put_head(&heads[i], FCGI_STDOUT, id, part);
			iov[count++] = (struct iovec){&heads[i], sizeof heads[i]};
			iov[count++] = (struct iovec){(char *)data, part};
			data += part;
			n -= part;
		}
		if (n == 0 && ends)
			iov[count++] = (struct iovec){&end, sizeof end};
		if (send_all(fd, iov, count) == -1)
			return -1;
	} while (n > 0);
	return 0;
}

int
conn_reply(struct conn *c, const char *data, size_t n)
{
	FCGX_Request *r = &c->request;
	int rc = send_answer(r->ipcFd, r->requestId, data, n, true);

	/* What FCGX_Finish_r() does, but for its own way of ending the output. */
	if (rc == -1 || FCGX_GetError(r->in) != 0)
		r->keepConnection = 0;
	FCGX_Free(r, !r->keepConnection);
	return rc;
}

int
conn_send(struct conn *c, const char *data, size_t n)
{
	return send_answer(c->request.ipcFd, c->request.requestId, data, n, false);
}

int
conn_fd(const struct conn *c)
{
	return c->request.ipcFd;
}
