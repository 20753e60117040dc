/* api_models.c - GET /v1/models, /v1/models/rag/{tenant} and /v1/models/{model}, for clients of
 * OpenAI's wire.
 *
 * A tenant is the model "rag/<tenant>"; who asks sees the tenants of its scope.  Behind them
 * come the [model NAME] sections, each with its kind.
 */
#include "api.h"

#include <inttypes.h>

#include <string.h>

#include "live_list.h"
#include "models.h"

static void
put_model(struct buf *b, const struct live_item *t)
{
	buf_addf(b, "{\"id\": \"rag/%s\", \"object\": \"model\", \"created\": %" PRId64
		    ", \"owned_by\": \"ragpool\"}", t->tenant, t->created);
}

static bool
put_configured(struct buf *b, struct json_object *o)
{
	const char *name, *kind;

	if (json_get_text(o, "name", true, 256, &name, NULL) == -1 ||
	    json_get_text(o, "kind", true, 32, &kind, NULL) == -1)
		return false;
	buf_adds(b, "{\"id\": ");
	json_put_text(b, name, strlen(name));
	buf_adds(b, ", \"object\": \"model\", \"created\": 0, \"owned_by\": \"gateway\", \"kind\": ");
	json_put_text(b, kind, strlen(kind));
	buf_addc(b, '}');
	return true;
}

static void
put_configured_all(struct buf *b, struct api *api, bool is_first)
{
	struct json_object *status, *list;

	models_list(api, &status, &list);
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		buf_adds(b, is_first ? "" : ", ");
		if (put_configured(b, json_object_array_get_idx(list, i)))
			is_first = false;
	}
	json_object_put(status);
}

int
api_models(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct live_list list;
	size_t n = 0;

	if (live_list_read(&list, api, &r->caller, r->arena, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"object\": \"list\", \"data\": [");
	for (size_t i = 0; i < list.count; i++) {
		struct live_item item;
		if (live_list_item(&item, &list, i, NULL) == -1)
			continue;	/* swept or damaged meanwhile: not a model now */
		buf_adds(&p->body, n++ > 0 ? ", " : "");
		put_model(&p->body, &item);
	}
	put_configured_all(&p->body, api, n == 0);
	buf_adds(&p->body, "]}\n");
	return 0;
}

int
api_named_model(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *status, *list;
	const char *name;
	bool found = false;

	/* OpenAI's clients send a tenant's id as rag%2F<tenant>, which is one segment. */
	if (strncmp(r->hole[0], "rag/", 4) == 0) {
		r->hole[0] += 4;
		return api_model(api, r, p, e);
	}
	models_list(api, &status, &list);
	for (size_t i = 0; list != NULL && !found && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		if (json_get_text(o, "name", true, 256, &name, NULL) == 0 &&
		    strcmp(name, r->hole[0]) == 0)
			found = put_configured(&p->body, o);
	}
	json_object_put(status);
	buf_addc(&p->body, '\n');
	if (!found)
		return err_set(e, ERR_MODEL, "there is no model \"%.100s\"", r->hole[0]);
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
