/* mcp_tools.c - the tools search and fetch, in the shape that connectors of chat programs ask
 * for: search {query} answers {"results": [{"id", "title", "url"}]}, fetch {id} answers
 * {"id", "title", "text", "url", "metadata"}, each as one text item and as structured content.
 *
 * An id is <tenant>:<generation>:<row>: what search found is what fetch gives, whatever was
 * built meanwhile, as long as the generation is kept.
 */
#include "mcp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hits.h"
#include "live_list.h"
#include "question.h"

enum { SEARCH_DEFAULT = 10, SEARCH_MAX = 50, TENANTS_TOLD = 64, ID_BYTES = 160 };

/* ---- which tenant ---- */

static int
visible_tenants(struct mcp *m, struct live_list *l, struct err *e)
{
	return live_list_read(l, m->api, &m->r->caller, m->r->arena, e);
}

static int
choose_tenant(struct mcp *m, const char **tenant, struct err *e)
{
	struct live_list l;

	if (m->tenant != NULL && *tenant != NULL && strcmp(m->tenant, *tenant) != 0)
		return err_set(e, ERR_TENANT, "\"tenant\" can only be %s at this address", m->tenant);
	if (m->tenant != NULL)
		*tenant = m->tenant;
	if (*tenant != NULL)
		return 0;
	if (visible_tenants(m, &l, e) == -1)
		return -1;
	if (l.count != 1)
		return err_set(e, ERR_MISSING_FIELD,
		    "\"tenant\" is missing: the description of the tool names those there are");
	*tenant = l.at[0]->tenant;
	return 0;
}

/* ---- the list ---- */

static const char search_head[] =
    "{\"name\": \"search\", \"title\": \"Search the knowledge base\", \"description\": "
    "\"Finds the documents that answer a question, best first, by words and by meaning. Give "
    "the id of a result to fetch to read it.\", \"inputSchema\": {\"type\": \"object\", "
    "\"properties\": {\"query\": {\"type\": \"string\", \"description\": \"The question, or words "
    "to look for, in any language of the documents.\"}, \"top_k\": {\"type\": \"integer\", "
    "\"minimum\": 1, \"maximum\": 50, \"default\": 10, \"description\": \"How many results.\"}, "
    "\"filters\": {\"type\": \"object\", \"description\": \"Only documents whose metadata match, "
    "such as {\\\"lang\\\": \\\"en\\\", \\\"year\\\": {\\\"$gte\\\": 2020}}.\"}";
static const char search_tail[] =
    ", \"outputSchema\": {\"type\": \"object\", \"properties\": {\"results\": {\"type\": \"array\", "
    "\"items\": {\"type\": \"object\", \"properties\": {\"id\": {\"type\": \"string\"}, \"title\": "
    "{\"type\": \"string\"}, \"url\": {\"type\": \"string\"}}, \"required\": [\"id\", \"title\", "
    "\"url\"]}}}, \"required\": [\"results\"]}, \"annotations\": {\"readOnlyHint\": true, "
    "\"idempotentHint\": true, \"openWorldHint\": false}}";
static const char fetch_tool[] =
    ", {\"name\": \"fetch\", \"title\": \"Read a document\", \"description\": \"The text of a "
    "document that search found, by the id of the result. Of a long one the part around what "
    "was found; metadata.truncated says so.\", \"inputSchema\": {\"type\": \"object\", "
    "\"properties\": {\"id\": {\"type\": \"string\", \"description\": \"The id of a result of "
    "search.\"}}, \"required\": [\"id\"]}, \"outputSchema\": {\"type\": \"object\", \"properties\": "
    "{\"id\": {\"type\": \"string\"}, \"title\": {\"type\": \"string\"}, \"text\": {\"type\": "
    "\"string\"}, \"url\": {\"type\": \"string\"}, \"metadata\": {\"type\": \"object\"}}, "
    "\"required\": [\"id\", \"title\", \"text\", \"url\", \"metadata\"]}, \"annotations\": "
    "{\"readOnlyHint\": true, \"idempotentHint\": true, \"openWorldHint\": false}}";

static void
put_tenant_choice(struct buf *b, const struct live_list *l)
{
	buf_adds(b, ", \"tenant\": {\"type\": \"string\", \"description\": "
		    "\"Which knowledge base to search.\"");
	if (l->count <= TENANTS_TOLD) {
		buf_adds(b, ", \"enum\": [");
		for (size_t i = 0; i < l->count; i++)
			buf_addf(b, "%s\"%s\"", i > 0 ? ", " : "", l->at[i]->tenant);
		buf_addc(b, ']');
	}
	buf_addc(b, '}');
}

int
mcp_put_tools(struct mcp *m, struct buf *b, struct err *e)
{
	struct live_list l = {0};
	bool is_open;

	if (m->tenant == NULL && visible_tenants(m, &l, e) == -1)
		return -1;
	is_open = m->tenant == NULL && l.count > 1;
	buf_adds(b, "\"tools\": [");
	buf_adds(b, search_head);
	if (is_open)
		put_tenant_choice(b, &l);
	buf_addf(b, "}, \"required\": [\"query\"%s]}", is_open ? ", \"tenant\"" : "");
	buf_adds(b, search_tail);
	buf_adds(b, fetch_tool);
	buf_addc(b, ']');
	return 0;
}

bool
mcp_has_tool(const char *name)
{
	return strcmp(name, "search") == 0 || strcmp(name, "fetch") == 0;
}

/* ---- search ---- */

static void
put_found(struct buf *b, const struct index *x, const struct query_hit *h)
{
	buf_addf(b, "{\"id\": \"%s:%s:%u\", \"title\": ", x->tenant, index_generation(x), h->row);
	json_put_text(b, h->chunk.title, strlen(h->chunk.title));
	buf_adds(b, ", \"url\": ");
	json_put_text(b, h->chunk.source, strlen(h->chunk.source));
	buf_addc(b, '}');
}

static int
search(struct mcp *m, struct json_object *o, struct buf *b, struct err *e)
{
	static const char *const members[] = {"query", "tenant", QUESTION_MEMBERS, NULL};
	unsigned most = m->api->top_k_max < SEARCH_MAX ? m->api->top_k_max : SEARCH_MAX;
	struct json_object *query, *there;
	struct query_result result;
	struct question q = {0};
	const char *text, *asked;
	struct index *x;

	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "query", true, QUERY_TEXT_MAX, &text, e) == -1 ||
	    json_get_text(o, "tenant", false, 256, &q.tenant, e) == -1 ||
	    question_read(&q, o, most, m->r->arena, e) == -1 ||
	    choose_tenant(m, &q.tenant, e) == -1)
		return -1;
	if (!json_object_object_get_ex(o, "top_k", &there))
		q.query.top_k = SEARCH_DEFAULT < most ? SEARCH_DEFAULT : most;
	if (!json_object_object_get_ex(o, "group_by", &there))
		q.query.per_document = 1;
	json_object_object_get_ex(o, "query", &query);
	if (question_open(m->api, &q, m->r, m->p, &x, e) == -1)
		return -1;
	asked = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (question_call_was_answered(m->api, &q, m->r, x, "search", asked, m->p, b))
		return 0;
	if (question_ask(m->api, &q, x, text, (size_t)json_object_get_string_len(query),
		m->r->arena, &result, e) == -1)
		return -1;
	buf_adds(b, "{\"results\": [");
	for (size_t i = 0; i < result.count; i++) {
		buf_adds(b, i > 0 ? ", " : "");
		put_found(b, x, &result.hits[i]);
	}
	buf_adds(b, "]}");
	if (!b->failed)
		question_keep_call(m->api, b->data, b->len);
	return 0;
}

/* ---- fetch ---- */

struct place {
	const char *tenant, *generation;
	uint32_t row;
};

static int
read_id(struct place *p, const char *id, struct arena *a, struct err *e)
{
	char *tenant = arena_copy(a, id, strlen(id)), *generation = NULL, *row = NULL, *end;
	unsigned long n;

	if (tenant == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an id");
	if ((generation = strchr(tenant, ':')) != NULL) {
		*generation++ = '\0';
		row = strchr(generation, ':');
	}
	if (row != NULL)
		*row++ = '\0';
	if (row == NULL || row[0] < '0' || row[0] > '9' ||
	    generation_name_check(generation, NULL) == -1)
		return err_set(e, ERR_RANGE, "\"id\" must be one that search has answered");
	n = strtoul(row, &end, 10);
	if (*end != '\0' || n >= INDEX_ROWS_MAX)
		return err_set(e, ERR_RANGE, "\"id\" must be one that search has answered");
	*p = (struct place){.tenant = tenant, .generation = generation, .row = (uint32_t)n};
	return 0;
}

/* What a caller may not find it may not read either. */
static int
check_row(const struct index *x, const struct question *q, uint32_t row, struct arena *a,
    struct err *e)
{
	uint64_t *allowed;
	uint32_t count;

	if (row < x->rows && q->query.filter == NULL)
		return 0;
	if (row < x->rows) {
		if ((allowed = arena_calloc(a, ((size_t)x->rows + 63) / 64, sizeof *allowed)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for a filter");
		if (index_filter(x, q->query.filter, allowed, &count, a, e) == -1)
			return -1;
		if ((allowed[row / 64] >> row % 64 & 1) != 0)
			return 0;
	}
	return err_set(e, ERR_RANGE, "\"id\": there is no such document");
}

static int
put_document(struct buf *b, const char *id, const struct index *x, const struct store_chunk *c,
    const struct store_text *t, struct err *e)
{
	buf_adds(b, "{\"id\": ");
	json_put_text(b, id, strlen(id));
	buf_adds(b, ", \"title\": ");
	json_put_text(b, c->title, strlen(c->title));
	buf_adds(b, ", \"text\": ");
	json_put_text(b, t->text, t->len);
	buf_adds(b, ", \"url\": ");
	json_put_text(b, c->source, strlen(c->source));
	buf_addf(b, ", \"metadata\": {\"tenant\": \"%s\", \"generation\": \"%s\", \"path\": ", x->tenant,
	    index_generation(x));
	json_put_text(b, c->key, strlen(c->key));
	buf_addf(b, ", \"start\": %" PRIu64 ", \"end\": %" PRIu64 ", \"found_start\": %" PRIu64
		    ", \"found_end\": %" PRIu64 ", \"truncated\": %s, \"document\": ",
	    t->start, t->end, c->start, c->end, t->is_whole ? "false" : "true");
	if (hits_put_metadata(b, c->meta, e) == -1)
		return -1;
	buf_adds(b, "}}");
	return 0;
}

static int
fetch(struct mcp *m, struct json_object *o, struct buf *b, struct err *e)
{
	static const char *const members[] = {"id", NULL};
	struct store_chunk chunk;
	struct store_text text;
	struct question q = {0};
	struct place place = {0};
	struct index *x;
	const char *id;

	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "id", true, ID_BYTES, &id, e) == -1 ||
	    read_id(&place, id, m->r->arena, e) == -1)
		return -1;
	q.tenant = place.tenant;
	q.generation = place.generation;
	if (choose_tenant(m, &q.tenant, e) == -1 ||
	    question_open(m->api, &q, m->r, m->p, &x, e) == -1 ||
	    check_row(x, &q, place.row, m->r->arena, e) == -1)
		return -1;
	watch_stage(m->api->watch, STAGE_FETCH);
	if (store_fetch(x->store, place.row, m->r->arena, &chunk, e) == -1 ||
	    store_document_text(x->store, place.row, FETCH_TEXT_MAX, m->r->arena, &text, e) == -1)
		return -1;
	watch_stage(m->api->watch, STAGE_OTHER);
	return put_document(b, id, x, &chunk, &text, e);
}

/* ---- a call ---- */

static void
put_content(struct buf *b, const char *text, size_t n)
{
	buf_adds(b, "\"content\": [{\"type\": \"text\", \"text\": ");
	json_put_text(b, text, n);
	buf_adds(b, "}]");
}

int
mcp_call_tool(struct mcp *m, const char *name, struct json_object *arguments, struct buf *b,
    struct err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, REPLY_BODY_MAX / 4);
	rc = strcmp(name, "search") == 0 ? search(m, arguments, &text, e)
					 : fetch(m, arguments, &text, e);
	if (rc == 0)
		rc = buf_check(&text, "the answer", e);
	if (rc == 0) {
		put_content(b, text.data, text.len);
		buf_adds(b, ", \"structuredContent\": ");
		buf_add(b, text.data, text.len);
		buf_adds(b, ", \"isError\": false");
	} else if (err_row(e->code)->http_status < 500 && e->code != ERR_RATE) {
		put_content(b, e->text, strlen(e->text));
		buf_adds(b, ", \"isError\": true");
		rc = 0;
	}
	buf_fini(&text);
	return rc;
}
