/* route.c - which handler answers which address. */
#include "route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cors.h"
#include "decimal.h"
#include "enter.h"
#include "etag.h"
#include "log.h"

struct route {
	enum req_method method;		/* REQ_GET answers HEAD too */
	const char *path;		/* a segment "{...}" matches any one segment, "{...*}" all
					 * that is left */
	api_fn *handler;
	size_t body_max;		/* of JSON; 0: the handler reads the body, if anybody does */
	enum caller_role need;		/* ROLE_NONE: whoever asks */
};

static const struct route routes[] = {
    {REQ_POST, "/query/{tenant}", api_query, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/retrieve", api_retrieve, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/v1/chat/completions", api_chat, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/api/chat", api_ollama_chat, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/retrieval", api_dify, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_GET, "/v1/models", api_models, 0, ROLE_READER},
    {REQ_GET, "/v1/models/rag/{tenant}", api_model, 0, ROLE_READER},
    {REQ_GET, "/v1/models/{model}", api_named_model, 0, ROLE_READER},
    {REQ_POST, "/v1/embeddings", api_embeddings, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/mcp", api_mcp, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/mcp/{tenant}", api_mcp, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/v1/rerank", api_rerank, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/v2/rerank", api_rerank, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/rerank", api_rerank, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_POST, "/api/embed", api_ollama_embed, REQUEST_BODY_MAX, ROLE_READER},
    {REQ_GET, "/api/tags", api_ollama_tags, 0, ROLE_READER},
    {REQ_GET, "/api/version", api_ollama_version, 0, ROLE_READER},
    {REQ_POST, "/v1/files", api_file_create, 0, ROLE_EDITOR},
    {REQ_GET, "/v1/files", api_files, 0, ROLE_READER},
    {REQ_GET, "/v1/files/{file_id}", api_file, 0, ROLE_READER},
    {REQ_DELETE, "/v1/files/{file_id}", api_file_delete, 0, ROLE_EDITOR},
    {REQ_GET, "/v1/files/{file_id}/content", api_file_content, 0, ROLE_READER},
    {REQ_GET, "/v1/vector_stores", api_vector_stores, 0, ROLE_READER},
    {REQ_POST, "/v1/vector_stores", api_vector_store_create, REQUEST_BODY_MAX, ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}", api_vector_store, 0, ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}", api_vector_store_update, REQUEST_BODY_MAX, ROLE_EDITOR},
    {REQ_DELETE, "/v1/vector_stores/{id}", api_vector_store_delete, 0, ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}/files", api_store_files, 0, ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}/files", api_store_file_create, REQUEST_BODY_MAX, ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}/files/{file_id}", api_store_file, 0, ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}/files/{file_id}", api_store_file_update, REQUEST_BODY_MAX,
	ROLE_EDITOR},
    {REQ_DELETE, "/v1/vector_stores/{id}/files/{file_id}", api_store_file_delete, 0, ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}/files/{file_id}/content", api_store_file_content, 0,
	ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}/file_batches", api_store_batch_create, REQUEST_BODY_MAX,
	ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}/file_batches/{batch_id}", api_store_batch, 0, ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}/file_batches/{batch_id}/cancel", api_store_batch_cancel,
	0, ROLE_EDITOR},
    {REQ_GET, "/v1/vector_stores/{id}/file_batches/{batch_id}/files", api_store_batch_files, 0,
	ROLE_READER},
    {REQ_POST, "/v1/vector_stores/{id}/search", api_vector_store_search, REQUEST_BODY_MAX,
	ROLE_READER},
    {REQ_POST, "/ingest/{tenant}", api_ingest, 0, ROLE_EDITOR},
    {REQ_GET, "/tenants/{tenant}/documents", api_documents, 0, ROLE_READER},
    {REQ_POST, "/tenants/{tenant}/documents", api_ingest, 0, ROLE_EDITOR},
    {REQ_GET, "/tenants/{tenant}/documents/{id*}", api_document, 0, ROLE_READER},
    {REQ_PUT, "/tenants/{tenant}/documents/{id*}", api_document_put, 0, ROLE_EDITOR},
    {REQ_DELETE, "/tenants/{tenant}/documents/{id*}", api_document_delete, 0, ROLE_EDITOR},
    {REQ_GET, "/tenants/{tenant}/jobs", api_jobs, 0, ROLE_READER},
    {REQ_GET, "/jobs/{id}", api_job, 0, ROLE_READER},
    {REQ_GET, "/health", api_health, 0, ROLE_NONE},
    {REQ_GET, "/api/health", api_health, 0, ROLE_NONE},
    {REQ_GET, "/api/live", api_live, 0, ROLE_NONE},
    {REQ_GET, "/status", api_status, 0, ROLE_ADMIN},
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

const char *
route_path(int32_t route)
{
	return route >= 0 && route < ROUTES ? routes[route].path : "-";
}

void
route_print(FILE *to)
{
	for (int i = 0; i < ROUTES; i++)
		fprintf(to, "%s %s %s %zu\n", req_method_name(routes[i].method), routes[i].path,
		    routes[i].need == ROLE_NONE ? "none" : caller_role_name(routes[i].need),
		    routes[i].body_max);
}

static size_t
segment_bytes(const char *path)
{
	return (size_t)(strchrnul(path, '/') - path);
}

/* What stands for {...}: here an encoded slash is one of its characters. */
static const char *
copy_hole(struct arena *a, const char *segment, size_t n)
{
	char *hole = arena_copy(a, segment, n);

	for (char *c = hole; c != NULL && (c = strchr(c, REQ_ENCODED_SLASH)) != NULL;)
		*c = '/';
	return hole;
}

/* Does the path match?  What stands for each {...} is then in r->hole. */
static bool
matches(const struct route *t, struct req *r)
{
	const char *want = t->path, *has = r->path;
	size_t holes = 0, n;

	while (*want == '/' && *has == '/') {
		size_t wanted = segment_bytes(++want);
		n = segment_bytes(++has);
		if (*want == '{' && want[wanted - 2] == '*')
			n = strlen(has);
		if (*want == '{' && n > 0 && holes < REQ_HOLES_MAX) {
			if ((r->hole[holes++] = copy_hole(r->arena, has, n)) == NULL)
				return false;
		} else if (wanted != n || memcmp(want, has, n) != 0) {
			return false;
		}
		want += wanted;
		has += n;
	}
	return *want == '\0' && *has == '\0';
}

static bool
accepts(const struct route *t, enum req_method m)
{
	return t->method == m || (t->method == REQ_GET && m == REQ_HEAD);
}

/* Who asks, and may that one come here at all?  Before a byte of the body is read. */
static int
let_in(const struct route *t, struct api *api, struct req *r, struct reply *p, struct err *e)
{
	if (t->need == ROLE_NONE)
		return 0;
	if (auth_check(api->auth, r, &r->caller, e) == -1) {
		if (e->code == ERR_AUTH)
			reply_header(p, "WWW-Authenticate",
			    auth_was_tried(r) ? "Bearer error=\"invalid_token\"" : "Bearer");
		return -1;
	}
	if (r->caller.role < t->need)
		return err_set(e, ERR_FORBIDDEN, "this needs the role %s, the key has %s",
		    caller_role_name(t->need), caller_role_name(r->caller.role));
	return quota_check_caller(api->quota, &r->caller, (int)(t - routes), p, e);
}

/* max_body is about questions; what takes documents has a limit of its own. */
static size_t
body_max(const struct route *t, const struct api *api)
{
	return t->body_max <= REQUEST_BODY_MAX && api->max_body < t->body_max ? api->max_body
									       : t->body_max;
}

/* Of a body that is no JSON not a byte is read; that there is none at all is another fault, and
 * is told first. */
static int
read_json_body(const struct route *t, const struct api *api, struct req *r, struct err *e)
{
	bool may_be_none = r->has_no_length || r->content_length == 0;

	if (!may_be_none && req_need_json(r, e) == -1)
		return -1;
	if (req_read_body(r, body_max(t, api), e) == -1)
		return -1;
	return may_be_none && r->content_length > 0 ? req_need_json(r, e) : 0;
}

static int
run_handler(const struct route *t, struct api *api, struct req *r, struct reply *p,
    struct err *e)
{
	if (let_in(t, api, r, p, e) == -1)
		return -1;
	if (t->handler == api_query && enter_address(api, r, p, r->hole[0], e) == -1)
		return -1;
	if (t->body_max > 0 && read_json_body(t, api, r, e) == -1)
		return -1;
	watch_stage(api->watch, STAGE_OTHER);
	if (t->handler(api, r, p, e) == -1 || buf_check(&p->body, "the answer", e) == -1)
		return -1;
	if (t->method == REQ_GET && t->need != ROLE_NONE)
		etag_apply(r, p);
	return 0;
}

/* The methods of an address, as Allow lists them; false: there is no such address. */
static bool
methods_of(struct req *r, char out[128])
{
	size_t n = 0;

	for (int i = 0; i < ROUTES; i++)
		if (matches(&routes[i], r))
			n += (size_t)snprintf(out + n, 128 - n, "%s%s%s", n > 0 ? ", " : "",
			    req_method_name(routes[i].method), routes[i].method == REQ_GET ? ", HEAD" : "");
	return n > 0;
}

static int
refuse_method(const struct route *t, struct req *r, struct reply *p, struct err *e)
{
	char methods[128];

	methods_of(r, methods);
	reply_header(p, "Allow", methods);
	return err_set(e, ERR_METHOD, "%s answers %s only", t->path, methods);
}

static int
dispatch(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const struct route *other = NULL;
	char methods[128];

	if (cors_is_preflight(api->cors_origins, r) && methods_of(r, methods)) {
		cors_answer_preflight(methods, p);
		return 0;
	}
	for (int i = 0; i < ROUTES; i++) {
		if (!matches(&routes[i], r))
			continue;
		watch_route(api->watch, i);
		p->dialect = routes[i].handler == api_dify ? REPLY_DIFY : REPLY_OURS;
		if (accepts(&routes[i], r->method))
			return run_handler(&routes[i], api, r, p, e);
		other = &routes[i];
	}
	if (other != NULL)
		return refuse_method(other, r, p, e);
	return err_set(e, ERR_ROUTE, "there is nothing at this address");
}

/* "12.345": milliseconds. */
static char *
put_ms(char *at, int64_t ns)
{
	uint64_t us = (uint64_t)ns / 1000;

	at += decimal_of(us / 1000, at);
	*at++ = '.';
	for (unsigned part = 100; part > 0; part /= 10)
		*at++ = (char)('0' + us / part % 10);
	*at = '\0';
	return at;
}

/* Where the time went, for the developer's tools of a browser. */
static void
tell_timing(const struct watch *w, struct reply *p)
{
	char text[48 * STAGE_MAX], *at = text;

	for (int i = STAGE_READ; i < STAGE_MAX; i++) {
		int64_t ns = watch_spent(w, i);
		if (ns <= 0)
			continue;
		at = stpcpy(at, at > text ? ", " : "");
		at = stpcpy(at, board_stage_name(i));
		at = put_ms(stpcpy(at, ";dur="), ns);
	}
	if (at > text)
		reply_header(p, "Server-Timing", text);
}

void
route_run(struct api *api, struct req *r, struct reply *p)
{
	struct err e;
	int rc;

	err_clear(&e);
	quota_begin(api->quota);
	rc = dispatch(api, r, p, &e);
	quota_end(api->quota);
	quota_tell(api->quota, p);
	if (!p->is_streaming)
		tell_timing(api->watch, p);
	if (api->cors_origins[0] != '\0')
		cors_tell(api->cors_origins, r, p);
	if (rc == 0 || p->is_cut)
		return;
	if (e.code == ERR_AUTH)
		log_debug("request=%s refused: %s", r->id, e.text);
	if (err_row(e.code)->http_status >= 500 && e.code != ERR_NOT_READY &&
	    e.code != ERR_COLD)
		log_error("request failed code=%s %s", err_row(e.code)->slug, e.text);
	if (p->is_streaming)
		buf_reset(&p->body);	/* its handler has told the client in its own way */
	else
		reply_error(p, &e);
}
