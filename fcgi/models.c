/* models.c - the [model NAME] sections, as a worker knows them. */
#include "models.h"

#include <string.h>

#include "log.h"

enum { STATUS_MAX = 1 << 20 };

int
models_need_gateway(struct api *api, const char *model, struct err *e)
{
	if (api->gateway != NULL && gateway_is_kept(api->gateway))
		return 0;
	return err_set(e, ERR_MODEL, "\"model\": there is no model \"%.100s\"", model);
}

int
models_refused(struct api *api, const char *model, struct err *e)
{
	watch_stage(api->watch, STAGE_OTHER);
	if (e->code != ERR_MODEL_UNKNOWN)
		return -1;
	return err_set(e, ERR_MODEL, "\"model\": there is no such model \"%.100s\" for this", model);
}

void
models_list(struct api *api, struct json_object **status, struct json_object **list)
{
	struct buf b;
	struct err e;

	*status = *list = NULL;
	if (api->gateway == NULL || !gateway_is_kept(api->gateway))
		return;
	buf_init(&b, STATUS_MAX);
	if (gateway_status(api->gateway, &b, &e) == -1 || buf_check(&b, "models", &e) == -1 ||
	    json_parse_object(status, b.data, b.len, &e) == -1 ||
	    json_get_array(*status, "models", true, list, &e) == -1) {
		log_warn("models are not known now: %s", e.text);
		json_object_put(*status);
		*status = *list = NULL;
	}
	buf_fini(&b);
}

const char *
models_first(struct api *api, const char *kind, struct arena *a)
{
	struct json_object *status, *list;
	const char *found = NULL;

	models_list(api, &status, &list);
	for (size_t i = 0; list != NULL && found == NULL && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *is = "", *name = "";
		if (json_get_text(o, "kind", true, 32, &is, NULL) == 0 &&
		    json_get_text(o, "name", true, 256, &name, NULL) == 0 && strcmp(is, kind) == 0)
			found = arena_copy(a, name, strlen(name));
	}
	json_object_put(status);
	return found;
}
