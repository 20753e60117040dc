/* enter.h - the door of a tenant: every handler goes through it before it touches one.
 *
 * The caller's scope is checked, and that the tenant has not had too many requests.  A tenant that a caller
 * may not see does not exist for it: the same 404 as for a name that nobody has.
 */
#ifndef RAGPOOL_ENTER_H
#define RAGPOOL_ENTER_H

#include "api.h"

int enter_tenant(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e);

#endif
