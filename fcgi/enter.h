/* enter.h - the door of a tenant: every handler goes through it before it touches one.
 *
 * The caller's scope is checked, and that the tenant has not had too many requests.  A tenant that a caller
 * may not see does not exist for it: the same 404 as for a name that nobody has.
 *
 * Where the address names the tenant, enter_address() comes first: whom the tenant's rate or its fair
 * share refuses is refused before a byte of the body is read.  Whatever else is wrong is told by
 * enter_tenant(), in its turn.
 */
#ifndef RAGPOOL_ENTER_H
#define RAGPOOL_ENTER_H

#include "api.h"

int enter_tenant(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e);
int enter_address(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e);

#endif
