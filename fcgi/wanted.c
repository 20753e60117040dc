/* wanted.c - the tenants there are, served already or not. */
#include "wanted.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "tenant.h"

static const char suffix[] = ".json";
enum { SUFFIX_BYTES = sizeof suffix - 1 };

static bool
is_by_hand(const struct api *api)
{
	return serving_roster(api->serving) == NULL;
}

static void
path_of(char out[PATH_MAX], const struct api *api, const char *tenant)
{
	snprintf(out, PATH_MAX, is_by_hand(api) ? "%s/tenants/%s%s" : "%s/lkg/%s%s",
	    serving_data_dir(api->serving), tenant, is_by_hand(api) ? "" : suffix);
}

bool
wanted_has(struct api *api, const char *tenant)
{
	char path[PATH_MAX];

	path_of(path, api, tenant);
	return tenant_name_is_valid(tenant, strlen(tenant)) && access(path, F_OK) == 0;
}

struct listing {
	const char **at;
	size_t count, room, cut;	/* cut: bytes of a name that are not the tenant's */
	const struct caller *caller;
	struct arena *arena;
};

static int
add_tenant(struct listing *l, const char *tenant, struct err *e)
{
	const char **more;

	if (l->count == l->room) {
		size_t room = l->room == 0 ? 64 : 2 * l->room;
		if ((more = arena_alloc(l->arena, room * sizeof *more)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for a list of tenants");
		if (l->count > 0)
			memcpy(more, l->at, l->count * sizeof *more);
		l->at = more;
		l->room = room;
	}
	l->at[l->count++] = tenant;
	return 0;
}

static int
list_name(void *context, int folder, const char *name, struct err *e)
{
	struct listing *l = context;
	size_t n = strlen(name);
	const char *tenant;

	(void)folder;
	if (n <= l->cut || (l->cut > 0 && strcmp(name + n - l->cut, suffix) != 0) ||
	    !tenant_name_is_valid(name, n - l->cut))
		return 0;
	if ((tenant = arena_copy(l->arena, name, n - l->cut)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a list of tenants");
	return caller_may_see(l->caller, tenant) ? add_tenant(l, tenant, e) : 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
wanted_list(const char ***names, size_t *count, struct api *api, const struct caller *c,
    struct arena *a, struct err *e)
{
	struct listing l = {
	    .caller = c, .arena = a, .cut = is_by_hand(api) ? 0 : SUFFIX_BYTES};
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%s/%s", serving_data_dir(api->serving),
	    is_by_hand(api) ? "tenants" : "lkg");
	if (file_each_name(folder, list_name, &l, e) == -1)
		return -1;
	if (l.count > 1)
		qsort(l.at, l.count, sizeof *l.at, by_name);
	*names = l.at;
	*count = l.count;
	return 0;
}

int
wanted_document(struct api *api, const char *tenant, const char **text, size_t *n,
    struct arena *a, struct err *e)
{
	char path[PATH_MAX], *bytes;

	*text = "";
	*n = 0;
	if (!wanted_has(api, tenant))
		return err_set(e, ERR_TENANT, "there is no tenant \"%.63s\"", tenant);
	if (is_by_hand(api))
		return 0;
	path_of(path, api, tenant);
	if (file_read(&bytes, n, path, TENANT_CONFIG_MAX, e) == -1)
		return e != NULL && e->code == ERR_NOT_FOUND ?
		    err_set(e, ERR_TENANT, "there is no tenant \"%.63s\"", tenant) :
		    -1;
	*text = arena_copy(a, bytes, *n);
	free(bytes);
	return *text != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a document");
}
