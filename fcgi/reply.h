/* reply.h - one answer: status, headers, body.
 *
 * Handlers write the body into ->body (JSON) and may add headers; reply_error() replaces
 * everything by the one error shape of the product:
 *
 *   {"error": {"code": "...", "message": "...", "type": "...", "param": null}, "detail": "..."}
 *
 * param names the member of the request that is at fault, where one is: a sentence about a
 * member begins with its name in quotes.
 *
 * A fault of ours is told by its meaning alone: paths and SQLite's words are for the log.
 * Nothing leaves the process before the handler is done, so a status is never half true;
 * but for a stream (server-sent events), which a handler begins when it knows that the
 * status will be 200, and then sends piece by piece.
 */
#ifndef RAGPOOL_REPLY_H
#define RAGPOOL_REPLY_H

#include <stdbool.h>

#include "buf.h"
#include "err.h"

enum { REPLY_BODY_MAX = 32 << 20, REPLY_HEADERS_MAX = 16 * 1024 };

/* Sends bytes to the client at once; -1 when it is gone. */
typedef int reply_send_fn(void *to, const char *bytes, size_t n);

/* Who else must understand an error, beside our own shape. */
enum reply_dialect { REPLY_OURS, REPLY_DIFY };

struct reply {
	int status;
	enum reply_dialect dialect;
	const char *type;	/* of the body; application/json */
	struct buf headers;	/* "Name: value\r\n" lines */
	struct buf body;
	reply_send_fn *send;	/* set by the process; NULL: nothing can be streamed */
	void *to;
	int peer_fd;		/* readable or hung up when the client goes away; -1: unknown */
	bool may_be_kept;	/* by the client, who asks each time whether it is still so */
	bool is_streaming;	/* the head has left */
	bool is_cut;		/* the client left before the end */
};

void reply_init(struct reply *p);
void reply_fini(struct reply *p);
void reply_reset(struct reply *p);
/* The value must not hold control characters; such a header is dropped. */
void reply_header(struct reply *p, const char *name, const char *value);
void reply_error(struct reply *p, const struct err *e);
/* Sends the head of an answer whose body comes in pieces: `type`, no length, and the word
 * to nginx that it must not wait for more.  ERR_PEER: the client is gone. */
int reply_stream_begin(struct reply *p, const char *type, struct err *e);
/* What was added to ->body so far leaves, and the body is empty again. */
int reply_stream_flush(struct reply *p, struct err *e);
/* False once the client has hung up; asks the kernel, does not wait. */
bool reply_has_reader(const struct reply *p);
/* The whole answer as CGI output: "Status: ...", headers, empty line, body (left out
 * for HEAD). */
void reply_format(const struct reply *p, struct buf *out, int head_only);

#endif
