/* control.h - the control socket: one JSON line in, JSON lines out.
 *
 * This is the transport: who may connect (the peer's uid is ours or root's), framing,
 * bounds.  What a line means is the handler's business.
 *
 * Shapes   a request is one line of at most CONTROL_LINE_MAX bytes; an answer is one line;
 *          a client that waits may be sent more before it.  After its answer a client is
 *          closed.  At most CONTROL_CLIENTS at a time; the next one waits in the backlog.
 * Memory   a client is known by an id that is never used again; what is sent to one that
 *          left goes nowhere.
 */
#ifndef RAGPOOL_CONTROL_H
#define RAGPOOL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"

enum { CONTROL_CLIENTS = 16, CONTROL_LINE_MAX = TENANT_CONFIG_MAX + 4096, CONTROL_ANSWER_MAX = 64 << 20 };

struct control;

/* A client's id; ids are never used twice. */
typedef uint64_t control_id;

/* A complete line, NUL-terminated, without its end. */
typedef void control_handler(void *context, control_id client, const char *line, size_t n);

/* The socket is made with mode 0600.  `fd` is taken. */
int control_open(
    struct control **out, int fd, control_handler *handler, void *context, struct err *e);
void control_close(struct control *c);
/* Appends what is to be polled to fds, never more than CONTROL_CLIENTS + 1. */
size_t control_fds(const struct control *c, struct curl_waitfd *fds);
/* Looks at everything; nothing in it blocks. */
void control_turn(struct control *c);
/* A line to the client; `last` closes it once the bytes are gone.  An unknown id is
 * nobody: the client has left. */
void control_send(struct control *c, control_id client, const char *line, bool last);

#endif
