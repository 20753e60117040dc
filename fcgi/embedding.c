/* embedding.c - texts to vectors. */
#include "embedding.h"

#include <string.h>

#include "chunk.h"
#include "clk.h"
#include "enter.h"
#include "models.h"

static int
add_text(struct embedding *m, struct json_object *o, struct err *e)
{
	const char *text = json_object_get_string(o);
	size_t n;

	if (json_object_is_type(o, json_type_int) || json_object_is_type(o, json_type_array))
		return err_set(e, ERR_TYPE,
		    "\"input\" holds token numbers, which mean something to one model alone: send text");
	if (!json_object_is_type(o, json_type_string))
		return err_set(e, ERR_TYPE, "\"input\" must be a text or a list of texts");
	n = (size_t)json_object_get_string_len(o);
	if (n == 0 || strspn(text, " \t\r\n") == n)
		return err_set(e, ERR_EMPTY_QUERY, "\"input\" holds an empty text");
	if (n > QUERY_TEXT_MAX)
		return err_set(e, ERR_QUERY_SIZE, "\"input\" holds a text over %d bytes",
		    QUERY_TEXT_MAX);
	m->tokens += chunk_tokens(text, n);
	m->texts[m->count++] = (struct embed_text){.text = text, .len = n};
	return 0;
}

int
embedding_read_input(
    struct embedding *m, struct json_object *body, struct arena *a, struct err *e)
{
	struct json_object *o;
	size_t n = 1;

	if (!json_object_object_get_ex(body, "input", &o) || o == NULL)
		return err_set(e, ERR_MISSING_FIELD, "\"input\" is missing");
	if (json_object_is_type(o, json_type_array))
		n = json_object_array_length(o);
	if (n == 0 || n > EMBEDDING_TEXTS_MAX)
		return err_set(
		    e, ERR_RANGE, "\"input\" must hold 1 to %d texts", EMBEDDING_TEXTS_MAX);
	if ((m->texts = arena_calloc(a, n, sizeof *m->texts)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for texts");
	if (!json_object_is_type(o, json_type_array))
		return add_text(m, o, e);
	for (size_t i = 0; i < n; i++)
		if (add_text(m, json_object_array_get_idx(o, i), e) == -1)
			return -1;
	return 0;
}

int
embedding_read_options(struct embedding *m, struct json_object *body, struct err *e)
{
	const char *kind = NULL;
	int64_t dim = 0;

	if (json_get_int(body, "dimensions", false, 1, INDEX_DIM_MAX, &dim, e) == -1 ||
	    json_get_text(body, "input_type", false, 32, &kind, e) == -1)
		return -1;
	if (kind != NULL && strcmp(kind, "query") != 0 && strcmp(kind, "document") != 0)
		return err_set(e, ERR_RANGE, "\"input_type\" must be query or document");
	m->has_kind = kind != NULL;
	m->is_query = kind != NULL && strcmp(kind, "query") == 0;
	m->dim = (uint32_t)dim;
	return 0;
}

static int
take_dim(struct embedding *m, uint32_t dim, struct arena *a, struct err *e)
{
	if (m->dim != 0 && m->dim != dim)
		return err_set(e, ERR_DIMENSION, "\"dimensions\": %.100s has %u, and no others",
		    m->model, dim);
	m->dim = dim;
	if (m->vectors == NULL &&
	    (m->vectors = arena_calloc(a, m->count * dim, sizeof *m->vectors)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for vectors");
	return 0;
}

/* ---- by a tenant's own ---- */

static int
embed_with_tenant(struct api *api, struct embedding *m, const char *tenant,
    const struct req *r, struct reply *p, struct err *e)
{
	struct query q = {.top_k = 1, .service = api->service, .needs_vectors = true,
	    .on_stage = watch_query, .stage_context = api->watch};
	const float *vector;
	struct index *x;

	if (enter_tenant(api, r, p, tenant, e) == -1 ||
	    serving_get(api->serving, tenant, &x, e) == -1)
		return -1;
	reply_header(p, "X-Ragpool-Generation", index_generation(x));
	if (x->dense == NULL)
		return err_set(e, ERR_MODEL,
		    "\"model\": tenant \"%s\" has no vectors: too few passages, or none wanted",
		    tenant);
	if (take_dim(m, embed_dim(x->embed), r->arena, e) == -1)
		return -1;
	for (size_t i = 0; i < m->count; i++) {
		q.text = m->texts[i].text;
		q.text_len = m->texts[i].len;
		if (query_embed(x, api->scratch, &q, r->arena, &vector, e) == -1)
			return -1;
		if (vector != NULL)
			memcpy(m->vectors + i * m->dim, vector, m->dim * sizeof *vector);
	}
	watch_stage(api->watch, STAGE_OTHER);
	return 0;
}

/* ---- by a configured one ---- */

static int
embed_with_model(struct api *api, struct embedding *m, struct arena *a, struct err *e)
{
	int64_t due_ms = clk_ms() + api->model_ms;
	const float *vectors;
	uint32_t dim;

	watch_stage(api->watch, STAGE_EMBED);
	for (size_t i = 0; i < m->count; i += MODEL_TEXTS_MAX) {
		size_t n = m->count - i < MODEL_TEXTS_MAX ? m->count - i : MODEL_TEXTS_MAX;
		struct gateway_embed q = {.model = m->model, .texts = m->texts + i, .count = n,
		    .is_query = m->is_query, .budget_ms = due_ms - clk_ms()};
		if (q.budget_ms <= 0)
			return err_set(e, ERR_EMBED_TIMEOUT, "%zu of %zu texts were embedded in time",
			    i, m->count);
		if (gateway_embed(api->gateway, &q, &vectors, &dim, e) == -1)
			return models_refused(api, m->model, e);
		if (take_dim(m, dim, a, e) == -1)
			return -1;
		memcpy(m->vectors + i * dim, vectors, n * dim * sizeof *vectors);
	}
	watch_stage(api->watch, STAGE_OTHER);
	return 0;
}

int
embedding_run(struct api *api, struct embedding *m, const struct req *r, struct reply *p,
    struct err *e)
{
	if (strncmp(m->model, MODELS_TENANT, strlen(MODELS_TENANT)) == 0)
		return embed_with_tenant(api, m, m->model + strlen(MODELS_TENANT), r, p, e);
	if (models_need_gateway(api, m->model, e) == -1)
		return -1;
	return embed_with_model(api, m, r->arena, e);
}
