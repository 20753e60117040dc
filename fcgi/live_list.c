/* live_list.c - the tenants that a caller may see and that are served. */
#include "live_list.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

int
live_list_read(struct live_list *l, struct api *api, const struct caller *c, struct arena *a,
    struct err *e)
{
	const struct roster *r = serving_roster(api->serving);

	*l = (struct live_list){.data_dir = serving_data_dir(api->serving)};
	if (r == NULL)
		return 0;
	if ((l->at = arena_alloc(a, (r->count + 1) * sizeof l->at[0])) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a list of tenants");
	for (size_t i = 0; i < r->count; i++)
		if (r->entries[i].state != ROSTER_BUILDING && caller_may_see(c, r->entries[i].tenant))
			l->at[l->count++] = &r->entries[i];
	return 0;
}

static int
read_item(struct live_item *item, const char *data_dir, const struct roster_entry *t,
    struct err *e)
{
	char dir[PATH_MAX];
	struct stat st;

	*item = (struct live_item){.tenant = t->tenant, .generation = t->generation};
	if (generation_dir(dir, data_dir, t->tenant, t->generation, e) == -1 ||
	    manifest_read(&item->manifest, dir, NULL, e) == -1)
		return -1;
	if (stat(dir, &st) == 0)
		item->created = (int64_t)st.st_mtim.tv_sec;
	return 0;
}

int
live_list_item(struct live_item *item, const struct live_list *l, size_t i, struct err *e)
{
	return read_item(item, l->data_dir, l->at[i], e);
}

int
live_item_find(struct live_item *item, struct api *api, const struct caller *c,
    const char *tenant, struct err *e)
{
	const struct roster *r = serving_roster(api->serving);
	const struct roster_entry *t = r != NULL ? roster_find(r, tenant) : NULL;

	if (t == NULL || !caller_may_see(c, tenant))
		return err_set(e, ERR_TENANT, "there is no tenant \"%.63s\"", tenant);
	if (t->state == ROSTER_BUILDING)
		return err_set(
		    e, ERR_NOT_READY, "tenant \"%s\" has no generation yet", t->tenant);
	return read_item(item, serving_data_dir(api->serving), t, e);
}
