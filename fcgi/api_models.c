/* api_models.c - GET /v1/models and /v1/models/rag/{tenant}: tenants as models, for clients of
 * OpenAI's wire.
 *
 * A tenant is the model "rag/<tenant>".  Who asks sees the tenants of its scope.
 */
#include "api.h"

#include <inttypes.h>

#include "live_list.h"

static void
put_model(struct buf *b, const struct live_item *t)
{
	buf_addf(b, "{\"id\": \"rag/%s\", \"object\": \"model\", \"created\": %" PRId64
		    ", \"owned_by\": \"ragpool\"}", t->tenant, t->created);
}

int
api_models(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct live_list list;

	if (live_list_read(&list, api, &r->caller, r->arena, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"object\": \"list\", \"data\": [");
	for (size_t i = 0, n = 0; i < list.count; i++) {
		struct live_item item;
		if (live_list_item(&item, &list, i, NULL) == -1)
			continue;	/* swept or damaged meanwhile: not a model now */
		buf_adds(&p->body, n++ > 0 ? ", " : "");
		put_model(&p->body, &item);
	}
	buf_adds(&p->body, "]}\n");
	return 0;
}

int
api_model(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct live_item item;

	/* The id holds a slash: /v1/models/rag/{tenant}. */
	if (live_item_find(&item, api, &r->caller, r->hole[0], e) == -1)
		return -1;
	put_model(&p->body, &item);
	buf_addc(&p->body, '\n');
	return 0;
}
