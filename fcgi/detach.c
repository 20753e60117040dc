/* detach.c - a deleted file leaves every vector store that holds it. */
#include "detach.h"

#include "accept.h"
#include "pushed.h"
#include "waiting.h"
#include "wanted.h"

/* Sent, or on its way. */
static int
holds(struct api *api, const struct req *r, const char *tenant, const char *key, bool *yes,
    struct err *e)
{
	const char *data = serving_data_dir(api->serving);
	const struct waiting_item *w;
	struct waiting waiting;

	if (waiting_read(&waiting, data, tenant, r->arena, e) == -1)
		return -1;
	w = waiting_find(&waiting, key);
	*yes = w != NULL && w->op != INBOX_DESCRIBE ? w->op == INBOX_PUT :
						      pushed_has(data, tenant, key);
	return 0;
}

int
detach_everywhere(struct api *api, const struct req *r, const char *key, struct err *e)
{
	const char **tenants;
	size_t count;
	bool yes;

	if (wanted_list(&tenants, &count, api, &r->caller, r->arena, e) == -1)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (holds(api, r, tenants[i], key, &yes, e) == -1 ||
		    (yes && accept_remove(api, tenants[i], key, e) == -1))
			return -1;
	}
	return 0;
}
