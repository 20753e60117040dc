/* live_list.h - the tenants that a caller may see and that are served, with their sizes.
 *
 * From the roster, sorted by name; what a generation holds is read from its manifest when the
 * item is asked for, so that a page of a long list costs a page.
 *
 * Memory  the list is arena; items are the caller's.
 * Errors  ERR_TENANT for a tenant that is not there, or not for this caller; ERR_NOT_READY
 *         before its first generation.
 */
#ifndef RAGPOOL_LIVE_LIST_H
#define RAGPOOL_LIVE_LIST_H

#include "api.h"
#include "generation.h"

struct live_list {
	const char *data_dir;
	const struct roster_entry **at;
	size_t count;
};

struct live_item {
	const char *tenant;		/* borrowed from the roster */
	const char *generation;
	int64_t created;		/* seconds since 1970: when the generation was sealed */
	struct manifest manifest;
};

int live_list_read(struct live_list *l, struct api *api, const struct caller *c,
    struct arena *a, struct err *e);
int live_list_item(struct live_item *item, const struct live_list *l, size_t i, struct err *e);
int live_item_find(struct live_item *item, struct api *api, const struct caller *c,
    const char *tenant, struct err *e);

#endif
