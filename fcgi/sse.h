/* sse.h - server-sent events (WHATWG HTML 9.2), as bytes.
 *
 * Data is JSON, which holds no line break: one data line an event.  Should it hold one, each of
 * its lines becomes a data line, so that nothing in it can end the event.
 */
#ifndef RAGPOOL_SSE_H
#define RAGPOOL_SSE_H

#include <stddef.h>

#include "buf.h"

#define SSE_TYPE "text/event-stream; charset=utf-8"

/* name NULL: an event without one, as OpenAI's are. */
void sse_event(struct buf *b, const char *name, const char *data, size_t n);
/* What clients skip, and what keeps a connection from being taken for dead. */
void sse_comment(struct buf *b);

#endif
