/* etag.h - an answer that a client has already is not sent again (RFC 9110, section 13).
 *
 * The tag is of the answer's bytes, so it is right whatever they were made from.
 */
#ifndef RAGPOOL_ETAG_H
#define RAGPOOL_ETAG_H

#include "reply.h"
#include "req.h"

/* Names the whole answer in p; becomes 304 when If-None-Match names it too. */
void etag_apply(const struct req *r, struct reply *p);

#endif
