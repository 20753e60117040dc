/* req_id.h - what tells one request from another; used by req.c.
 *
 * Source  W3C Trace Context (traceparent, version 00).
 */
#ifndef RAGPOOL_REQ_ID_H
#define RAGPOOL_REQ_ID_H

#include "arena.h"

/* `given` when it is 1 to REQ_ID_BYTES plain characters, else a new one of 128 random bits. */
const char *req_id_of(const char *given, struct arena *a);
/* `given` when it is a traceparent of version 00, else NULL. */
const char *req_trace_of(const char *given);

#endif
