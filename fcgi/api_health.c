/* api_health.c - GET /health, /api/health, /api/live. */
#include "api.h"

int
api_live(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	(void)api, (void)r, (void)e;
	buf_adds(&p->body, "{\"status\": \"ok\"}\n");
	return 0;
}

/* Ready means: it can answer for at least one tenant, or there is none to answer for. */
int
api_health(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const struct roster *roster = serving_roster(api->serving);
	size_t live = 0;

	(void)r;
	if (roster == NULL) {
		buf_adds(&p->body, "{\"status\": \"ok\"}\n");
		return 0;
	}
	for (size_t i = 0; i < roster->count; i++)
		live += roster->entries[i].state != ROSTER_BUILDING;
	if (live == 0 && roster->count > 0)
		return err_set(e, ERR_NOT_READY, "no tenant has a generation yet");
	buf_addf(&p->body, "{\"status\": \"ok\", \"tenants\": %zu, \"live\": %zu}\n",
	    roster->count, live);
	return 0;
}
