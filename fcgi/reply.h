/* reply.h - one answer: status, headers, body.
 *
 * Handlers write the body into ->body (JSON) and may add headers; reply_error() replaces
 * everything by the one error shape of the product:
 *
 *   {"error": {"code": "...", "message": "...", "type": "..."}, "detail": "..."}
 *
 * A fault of ours is told by its meaning alone: paths and SQLite's words are for the log.
 * Nothing leaves the process before the handler is done, so a status is never half true.
 */
#ifndef RAGPOOL_REPLY_H
#define RAGPOOL_REPLY_H

#include "buf.h"
#include "err.h"

enum { REPLY_BODY_MAX = 32 << 20, REPLY_HEADERS_MAX = 16 * 1024 };

struct reply {
	int status;
	struct buf headers;	/* "Name: value\r\n" lines */
	struct buf body;
};

void reply_init(struct reply *p);
void reply_fini(struct reply *p);
void reply_reset(struct reply *p);
/* The value must not hold control characters; such a header is dropped. */
void reply_header(struct reply *p, const char *name, const char *value);
void reply_error(struct reply *p, const struct err *e);
/* The whole answer as CGI output: "Status: ...", headers, empty line, body (left out
 * for HEAD). */
void reply_format(const struct reply *p, struct buf *out, int head_only);

#endif
