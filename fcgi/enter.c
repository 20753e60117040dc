/* enter.c - the door of a tenant. */
#include "enter.h"

#include <string.h>

#include "tenant.h"

int
enter_tenant(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e)
{
	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	if (!caller_may_see(&r->caller, tenant))
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	return quota_check_tenant(api->quota, tenant, p, e);
}

int
enter_address(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e)
{
	if (tenant_name_check(tenant, strlen(tenant), NULL) == -1 ||
	    !caller_may_see(&r->caller, tenant))
		return 0;
	return quota_check_address(api->quota, tenant, p, e);
}
