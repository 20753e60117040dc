/* models.h - the [model NAME] sections, as a worker knows them: by asking the gateway.
 *
 * Errors  ERR_MODEL (404): there is no model of that name, or of that kind.
 */
#ifndef RAGPOOL_MODELS_H
#define RAGPOOL_MODELS_H

#include "api.h"
#include "json.h"

/* Before a tenant's name: the tenant as a model. */
#define MODELS_TENANT "rag/"

/* ERR_MODEL when no model can be configured: nobody keeps a gateway. */
int models_need_gateway(struct api *api, const char *model, struct err *e);
/* -1 always: what the gateway said of the model, as the client is told. */
int models_refused(struct api *api, const char *model, struct err *e);
/* What the gateway says of all, an array of {"name", "kind", ...} in *list; *status owns it
 * (json_object_put).  Both NULL when there is no gateway, or no answer. */
void models_list(struct api *api, struct json_object **status, struct json_object **list);
/* The name of the first model of that kind, arena; NULL: there is none. */
const char *models_first(struct api *api, const char *kind, struct arena *a);

#endif
