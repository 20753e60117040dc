/* cors.h - which web pages may ask: the Origin header of a browser's request.
 *
 * Pages of the origins that are listed get the headers by which a browser lets them read an
 * answer (Fetch standard), and their preflight is answered without a key: it says nothing but
 * which methods an address has.
 *
 * list    origins as browsers send them, separated by spaces ("https://app.example.com"), or
 *         "*" for all; "" for none.
 */
#ifndef RAGPOOL_CORS_H
#define RAGPOOL_CORS_H

#include <stdbool.h>

#include "reply.h"
#include "req.h"

bool cors_lists(const char *list, const char *origin);
/* Of a server on this machine: http or https, localhost, 127.0.0.1 or [::1], any port. */
bool cors_is_local(const char *origin);
/* The headers of an answer to a page that is listed; others get none. */
void cors_tell(const char *list, const struct req *r, struct reply *p);
/* Is it a preflight of such a page? */
bool cors_is_preflight(const char *list, const struct req *r);
/* Its answer, 204. */
void cors_answer_preflight(const char *methods, struct reply *p);

#endif
