/* conn.c - FastCGI connections for a worker. */
#include "conn.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clk.h"

int
conn_init(struct conn *c, int listen_fd, struct err *e)
{
	int flags;

	c->listen_fd = listen_fd;
	c->fd = -1;
	c->is_kept = c->is_lost = false;
	fcgi_in_init(&c->in);
	if ((flags = fcntl(listen_fd, F_GETFL)) == -1 ||
	    fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_sys(e, ERR_IO, "listening socket");
	return 0;
}

void
conn_fini(struct conn *c)
{
	conn_drop_kept(c);
	fcgi_in_fini(&c->in);
}

int
conn_kept_fd(const struct conn *c)
{
	return c->is_kept ? c->fd : -1;
}

void
conn_drop_kept(struct conn *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	c->is_kept = false;
}

char *const *
conn_envp(const struct conn *c)
{
	return c->in.envp;
}

long
conn_read(void *conn, char *into, size_t n)
{
	FCGX_Stream *body = &((struct conn *)conn)->in.body;
	int got = FCGX_GetStr(into, n < 1 << 20 ? (int)n : 1 << 20, body);

	return got > 0 ? got : FCGX_GetError(body) != 0 ? -1 : 0;
}

int
conn_next(struct conn *c)
{
	c->is_kept = c->is_lost = false;
	if (fcgi_in_begin(&c->in, c->fd) == 1)
		return 1;
	conn_drop_kept(c);	/* the peer was no good, nothing is broken */
	return 0;
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
	c->fd = fd;
	return conn_next(c);
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

/* A piece of an answer on its way.  Its time is not of each write: a peer that takes a byte now
 * and then would hold us for ever.  Nor does it grow with what was taken: what lies in buffers
 * between here and a reader who has gone to sleep would buy it time. */
struct sending {
	int fd;
	int64_t began_ms;	/* of the part in hand, CONN_SEND_PART bytes */
	size_t taken;		/* of it, by the peer or into the socket's buffer */
};

static void
count_taken(struct sending *s, size_t n)
{
	s->taken += n;
	if (s->taken < CONN_SEND_PART)
		return;
	s->taken %= CONN_SEND_PART;
	s->began_ms = clk_ms();
}

/* Room for more: 0, or -1 when the peer is gone or too slow. */
static int
wait_for_room(const struct sending *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int64_t left_ms = s->began_ms + CONN_SEND_MS - clk_ms();
	int got = left_ms > 0 ? poll(&p, 1, (int)left_ms) : 0;

	return got == 1 || (got == -1 && errno == EINTR) ? 0 : -1;
}

static int
send_all(struct sending *s, struct iovec *iov, size_t count)
{
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = count};

	while (m.msg_iovlen > 0) {
		ssize_t sent = sendmsg(s->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent == -1 && errno == EAGAIN && wait_for_room(s) == 0)
			continue;
		if (sent == -1 && errno == EINTR)
			continue;
		if (sent <= 0)
			return -1;
		count_taken(s, (size_t)sent);
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
	struct sending s = {.fd = fd, .began_ms = clk_ms()};
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
		if (send_all(&s, iov, count) == -1)
			return -1;
	} while (n > 0);
	return 0;
}

/* What the peer has sent and nobody read would make the kernel reset the connection, and the
 * answer with it: it is read first, but not for long. */
static void
drain(int fd)
{
	static char nowhere[64 * 1024];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t end = clk_ms() + CONN_CLOSE_TIMEOUT_MS, left;

	shutdown(fd, SHUT_WR);
	while ((left = end - clk_ms()) > 0 && poll(&p, 1, (int)left) == 1)
		if (recv(fd, nowhere, sizeof nowhere, MSG_DONTWAIT) <= 0)
			break;
}

int
conn_reply(struct conn *c, const char *data, size_t n)
{
	int rc = c->is_lost ? -1 : send_answer(c->fd, c->in.id, data, n, true);
	bool is_done = rc == 0 && fcgi_in_is_done(&c->in);

	if (is_done && c->in.is_kept) {
		c->is_kept = true;
		return 0;
	}
	if (rc == 0 && !is_done)
		drain(c->fd);
	conn_drop_kept(c);
	return rc;
}

int
conn_send(struct conn *c, const char *data, size_t n)
{
	if (c->is_lost || send_answer(c->fd, c->in.id, data, n, false) == -1)
		c->is_lost = true;
	return c->is_lost ? -1 : 0;
}

int
conn_fd(const struct conn *c)
{
	return c->fd;
}
