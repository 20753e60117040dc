/* tenant.c - tenant names. */
#include "tenant.h"

#include "bounds.h"

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool
tenant_name_is_valid(const char *name, size_t n)
{
	if (n == 0 || n > TENANT_NAME_BYTES || !is_alnum(name[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_alnum(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-')
			return false;
	return true;
}

int
tenant_name_check(const char *name, size_t n, struct err *e)
{
	if (tenant_name_is_valid(name, n))
		return 0;
	return err_set(e, ERR_TENANT_NAME,
	    "a tenant's name is 1 to %d of a-z 0-9 . _ - and begins with a letter or digit",
	    TENANT_NAME_BYTES);
}
