/* api_ollama.c - for clients of Ollama: POST /api/embed, GET /api/tags, GET /api/version.
 *
 *   {"model", "input": "..." or ["...", ...]}
 *   -> {"model", "embeddings": [[...], ...], "total_duration", "load_duration",
 *       "prompt_eval_count"}
 *
 * Units   durations in nanoseconds.
 * Source  Ollama's published interface.  "options", "keep_alive" and "truncate" are taken and
 *         change nothing: no model is loaded here, and a text that is too long is refused.
 */
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clk.h"
#include "config.h"
#include "embedding.h"
#include "live_list.h"
#include "models.h"

static void
put_answer(struct buf *b, const struct embedding *m, int64_t took_ns)
{
	buf_adds(b, "{\"model\": ");
	json_put_text(b, m->model, strlen(m->model));
	buf_adds(b, ", \"embeddings\": [");
	for (size_t i = 0; i < m->count; i++) {
		buf_adds(b, i > 0 ? ", [" : "[");
		for (uint32_t k = 0; k < m->dim; k++) {
			buf_adds(b, k > 0 ? "," : "");
			json_put_float(b, m->vectors[i * m->dim + k]);
		}
		buf_addc(b, ']');
	}
	buf_addf(b, "], \"total_duration\": %" PRId64 ", \"load_duration\": 0, "
		    "\"prompt_eval_count\": %zu}\n", took_ns, m->tokens);
}

int
api_ollama_embed(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	static const char *const members[] = {"model", "input", "truncate", "dimensions", "options",
	    "keep_alive", "input_type", NULL};
	struct embedding m = {0};
	int64_t from = clk_ns();
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (json_only(body, members, e) == 0 &&
	    json_get_text(body, "model", true, 256, &m.model, e) == 0 &&
	    embedding_read_options(&m, body, e) == 0 &&
	    embedding_read_input(&m, body, r->arena, e) == 0 &&
	    (rc = embedding_run(api, &m, r, p, e)) == 0)
		put_answer(&p->body, &m, clk_ns() - from);
	json_object_put(body);
	return rc;
}

static void
put_tag(struct buf *b, const char *name, const char *digest, int64_t seconds, uint64_t bytes)
{
	time_t at = (time_t)seconds;
	char when[32] = "1970-01-01T00:00:00Z";
	struct tm tm;

	if (gmtime_r(&at, &tm) != NULL)
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	buf_adds(b, "{\"name\": ");
	json_put_text(b, name, strlen(name));
	buf_adds(b, ", \"model\": ");
	json_put_text(b, name, strlen(name));
	buf_addf(b, ", \"modified_at\": \"%s\", \"size\": %" PRIu64 ", \"digest\": \"%s\", "
		    "\"details\": {\"format\": \"ragpool\", \"family\": \"ragpool\", \"families\": null, "
		    "\"parameter_size\": \"\", \"quantization_level\": \"\"}}",
	    when, bytes, digest);
}

static size_t
put_tenants(struct buf *b, const struct live_list *tenants)
{
	char name[sizeof MODELS_TENANT + TENANT_NAME_BYTES];
	struct live_item t;
	size_t n = 0;

	for (size_t i = 0; i < tenants->count; i++) {
		if (live_list_item(&t, tenants, i, NULL) == -1)
			continue;	/* swept or damaged meanwhile */
		snprintf(name, sizeof name, MODELS_TENANT "%s", t.tenant);
		buf_adds(b, n++ > 0 ? ", " : "");
		put_tag(b, name, t.manifest.index_sha256, t.created,
		    t.manifest.index_bytes + t.manifest.store_bytes);
	}
	return n;
}

int
api_ollama_tags(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *status, *list;
	struct live_list tenants;
	const char *name;
	size_t n;

	if (live_list_read(&tenants, api, &r->caller, r->arena, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"models\": [");
	n = put_tenants(&p->body, &tenants);
	models_list(api, &status, &list);
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		if (json_get_text(json_object_array_get_idx(list, i), "name", true, 256, &name, NULL) ==
		    -1)
			continue;
		buf_adds(&p->body, n++ > 0 ? ", " : "");
		put_tag(&p->body, name, "", 0, 0);
	}
	json_object_put(status);
	buf_adds(&p->body, "]}\n");
	return 0;
}

int
api_ollama_version(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	(void)api;
	(void)r;
	(void)e;
	buf_adds(&p->body, "{\"version\": \"" PACKAGE_VERSION "\"}\n");
	return 0;
}
