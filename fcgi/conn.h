/* conn.h - FastCGI connections for a worker: our own accept, fcgi_in.h to read, our answer.
 *
 * libfcgi accepts without any deadline and reads for ever from a peer that stalls; here a
 * peer has FCGI_IN_MS to say what it wants, and CONN_SEND_MS to take each CONN_SEND_PART
 * bytes of the answer, or what is left of it, or a piece of a stream.  See "FastCGI" in doc/ARCHITECTURE.md.
 *
 * A connection that the web server asked to keep (FCGI_KEEP_CONN) is kept while idle
 * only as long as nobody else waits at the listening socket.
 */
#ifndef RAGPOOL_CONN_H
#define RAGPOOL_CONN_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "fcgi_in.h"

enum { CONN_SEND_MS = 5000, CONN_SEND_PART = 1 << 20, CONN_CLOSE_TIMEOUT_MS = 200 };

struct conn {
	int listen_fd;
	int fd;				/* -1: no connection */
	bool is_kept;			/* and idle */
	bool is_lost;			/* a piece was not taken: nothing more is sent */
	struct fcgi_in in;
};

int conn_init(struct conn *c, int listen_fd, struct err *e);
void conn_fini(struct conn *c);
/* The kept, idle connection to poll beside the listening socket; -1 when there is none. */
int conn_kept_fd(const struct conn *c);
/* Closes the kept connection because somebody waits. */
void conn_drop_kept(struct conn *c);
/* 1: there is a request, for conn_envp() and conn_read(); 0: nobody was there after all, or the peer was no good;
 * -1: descriptors ran out (ERR_BUSY: wait a little) or the socket is broken. */
int conn_accept(struct conn *c, struct err *e);
/* Reads again from the kept connection: 1 or 0 as conn_accept(). */
int conn_next(struct conn *c);
/* The parameters of the request in hand; borrowed until the next one. */
char *const *conn_envp(const struct conn *c);
/* Reads up to n bytes of its body; 0 at the end, -1 when the peer fails.  A req_read_fn. */
long conn_read(void *conn, char *into, size_t n);
/* Sends the whole answer, head and body, and finishes the request; -1 when the peer did not
 * take all of it, which is nobody's fault here.
 *
 * All FastCGI records go out in one sendmsg(): up to the socket's buffer (208 KiB) a worker
 * that is killed has sent everything or nothing.  libfcgi would flush every 8 KiB, and nginx
 * (without fastcgi_keep_conn) takes an answer that ends too early for a complete one: the
 * client then waits for the rest that its Content-Length promises. */
int conn_reply(struct conn *c, const char *data, size_t n);
/* A piece of an answer that comes in pieces, sent at once; -1 when the peer is gone or too
 * slow.  conn_reply() with the last piece, or none, ends it. */
int conn_send(struct conn *c, const char *data, size_t n);
/* The socket to the web server, which hangs up when its client does. */
int conn_fd(const struct conn *c);

#endif
