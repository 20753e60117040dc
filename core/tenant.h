/* tenant.h - what a tenant may be called. */
#ifndef RAGPOOL_TENANT_H
#define RAGPOOL_TENANT_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* [a-z0-9][a-z0-9._-]{0,62}.  Such a name is a safe file name and URL segment: it
 * holds no '/', is never "." or "..", and begins with no '-' or '.'. */
bool tenant_name_is_valid(const char *name, size_t n);
/* ERR_TENANT_NAME with the rule. */
int tenant_name_check(const char *name, size_t n, struct err *e);

#endif
