/* caller.c - who asks, and what that one may do. */
#include "caller.h"

#include <string.h>

#include "tenant.h"

static const char *const role_names[ROLE_MAX] = {
#define X(symbol, name) [symbol] = name,
    CALLER_ROLES(X)
#undef X
};

static const char *const everything[] = {"*"};

const struct caller caller_anyone = {
    .role = ROLE_ADMIN, .id = "-", .scope = everything, .scope_count = 1};

const char *
caller_role_name(enum caller_role role)
{
	return (unsigned)role < ROLE_MAX ? role_names[role] : "unknown";
}

enum caller_role
caller_role_of(const char *name)
{
	for (int role = ROLE_READER; role < ROLE_MAX; role++)
		if (strcmp(name, role_names[role]) == 0)
			return role;
	return ROLE_NONE;
}

static bool
is_in(const char *word, const char *tenant)
{
	size_t n = strlen(word);

	if (n > 0 && word[n - 1] == '*')
		return strncmp(word, tenant, n - 1) == 0;
	return strcmp(word, tenant) == 0;
}

bool
caller_may_see(const struct caller *c, const char *tenant)
{
	for (size_t i = 0; i < c->scope_count; i++)
		if (is_in(c->scope[i], tenant))
			return true;
	return false;
}

bool
caller_sees_all(const struct caller *c)
{
	for (size_t i = 0; i < c->scope_count; i++)
		if (strcmp(c->scope[i], "*") == 0)
			return true;
	return false;
}

int
caller_check_scope(const char *word, struct err *e)
{
	size_t n = strlen(word);

	if (strcmp(word, "*") == 0)
		return 0;
	if (n > 0 && word[n - 1] == '*')
		n--;
	return tenant_name_check(word, n, e);
}

int
caller_join_filter(const struct caller *c, const struct filter **f, struct arena *a,
    struct err *e)
{
	struct filter *both;

	if (c->filter == NULL)
		return 0;
	if (*f == NULL) {
		*f = c->filter;
		return 0;
	}
	if ((both = arena_calloc(a, 3, sizeof *both)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a filter");
	both[1] = *c->filter;
	both[2] = **f;
	both[1].next = &both[2];
	both[2].next = NULL;
	both[0] = (struct filter){.op = FILTER_AND, .first = &both[1]};
	*f = &both[0];
	return filter_check(*f, e);
}
