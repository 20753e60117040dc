/* api_vector_stores.c - tenants as vector stores, for clients of OpenAI's wire:
 *
 *   POST   /v1/vector_stores          {"name", "metadata", "file_ids", "chunking_strategy", ...}
 *   GET    /v1/vector_stores          a page: limit, order, after, before
 *   GET    /v1/vector_stores/{id}
 *   POST   /v1/vector_stores/{id}     {"name", "metadata"}
 *   DELETE /v1/vector_stores/{id}
 *
 * The id is the tenant's name.  One that is made here is a tenant of what is sent to it, named
 * "vs_" and 24 digits behind what the caller's scope begins with; the supervisor writes its
 * document to where documents are kept (sup_stores.c).
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "control_client.h"
#include "enter.h"
#include "json.h"
#include "page.h"
#include "store_files.h"
#include "store_item.h"
#include "wanted.h"

enum { PAGE_DEFAULT = 20, PAGE_MAX = 100, FILES_MAX = 500, SUPERVISOR_MS = 12000 };

static int
say_store(struct api *api, const char *tenant, struct req *r, struct reply *p, struct err *e)
{
	struct store_item s;

	if (store_item_read(&s, api, tenant, true, r->arena, e) == -1)
		return -1;
	store_item_put(&p->body, &s);
	buf_addc(&p->body, '\n');
	store_item_fini(&s);
	return 0;
}

/* ---- the list ---- */

/* By name: those made here sort by their age, and others have no age that would not move with
 * each generation. */
static bool
is_past(const struct page *page, const char *tenant)
{
	int sign = page->ascending ? 1 : -1;

	return (page->after == NULL || sign * strcmp(tenant, page->after) > 0) &&
	    (page->before == NULL || sign * strcmp(tenant, page->before) < 0);
}

/* False when the page is full. */
static bool
list_store(struct page_out *out, struct api *api, const char *tenant, struct arena *a)
{
	struct store_item s;

	if (store_item_read(&s, api, tenant, false, a, NULL) == -1)
		return true;		/* gone or damaged meanwhile */
	if (!page_next(out, tenant)) {
		store_item_fini(&s);
		return false;
	}
	store_item_put(out->b, &s);
	store_item_fini(&s);
	return true;
}

int
api_vector_stores(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const char **tenants;
	struct page_out out;
	struct page page;
	size_t count;

	if (page_read(&page, r, PAGE_DEFAULT, PAGE_MAX, e) == -1 ||
	    wanted_list(&tenants, &count, api, &r->caller, r->arena, e) == -1)
		return -1;
	page_begin(&out, &p->body, &page);
	for (size_t i = 0; i < count; i++) {
		const char *tenant = tenants[page.ascending ? i : count - 1 - i];
		if (is_past(&page, tenant) && !list_store(&out, api, tenant, r->arena))
			break;
	}
	page_end(&out);
	return 0;
}

int
api_vector_store(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return enter_tenant(api, r, p, r->hole[0], e) == -1 ? -1 :
							      say_store(api, r->hole[0], r, p, e);
}

/* ---- the supervisor's part ---- */

/* Its words about a document are about what the client sent. */
static void
translate(struct err *e)
{
	if (e->code == ERR_CONFIG || e->code == ERR_SOURCE)
		e->code = ERR_INPUT;
	else if (e->code == ERR_LIMIT)
		e->code = ERR_BODY_SIZE;
	else if (e->code == ERR_NOT_FOUND)
		e->code = ERR_IO;
}

/* The request is taken. */
static int
tell_supervisor(struct api *api, struct json_object *request, struct err *e)
{
	struct json_object *answer = NULL;
	int rc = -1, code;

	if (api->control == NULL)
		err_set(e, ERR_PEER, "no supervisor runs here that could keep tenants");
	else if (control_ask(api->control, request, SUPERVISOR_MS, &answer, e) == -1 ||
	    (rc = control_refusal(answer, &code, e)) == -1)
		translate(e);
	json_object_put(answer);
	json_object_put(request);
	return rc;
}

static struct json_object *
request_of(const char *command, const char *tenant)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "command", json_object_new_string(command));
	json_object_object_add(o, "tenant", json_object_new_string(tenant));
	return o;
}

/* ---- making one ---- */

/* A name within what the caller may see: behind the first "beginning*" of its scope. */
static int
name_store(const struct caller *c, char name[TENANT_NAME_BYTES + 1], struct err *e)
{
	enum { OWN_BYTES = 3 + UPLOAD_ID_BYTES - 1 };
	struct timespec t;
	uint64_t bits;

	clock_gettime(CLOCK_REALTIME, &t);
	if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
		return err_sys(e, ERR_IO, "random numbers");
	for (size_t i = 0; i < c->scope_count; i++) {
		size_t n = strcspn(c->scope[i], "*");
		if (c->scope[i][n] == '\0' || n + OWN_BYTES > TENANT_NAME_BYTES)
			continue;
		snprintf(name, TENANT_NAME_BYTES + 1, "%.*svs_%011llx%013llx", (int)n, c->scope[i],
		    ((unsigned long long)t.tv_sec * 1000 + (unsigned long long)t.tv_nsec / 1000000) &
			0xfffffffffff,
		    (unsigned long long)bits & 0xfffffffffffff);
		return 0;
	}
	return err_set(e, ERR_FORBIDDEN,
	    "the key is for named tenants only: one that makes new ones has a scope with *");
}

struct wish {
	struct store_file_wish files[FILES_MAX];
	size_t count;
	int64_t chunk_size, chunk_overlap;
};

static int
refuse_expiry(struct json_object *body, struct err *e)
{
	struct json_object *o;

	return json_object_object_get_ex(body, "expires_after", &o) && o != NULL ?
	    err_set(e, ERR_RANGE,
		"\"expires_after\" must be null: a vector store stays until it is deleted") :
	    0;
}

/* Each has to be there before anything is made. */
static int
read_files(struct wish *w, struct json_object *body, struct api *api, const struct req *r,
    struct err *e)
{
	char key[DOCUMENT_PATH_BYTES + 1];
	struct json_object *ids = NULL;
	struct upload u;

	if (json_get_array(body, "file_ids", false, &ids, e) == -1)
		return -1;
	if (ids != NULL && json_object_array_length(ids) > FILES_MAX)
		return err_set(e, ERR_RANGE, "\"file_ids\" has at most %d files", FILES_MAX);
	for (size_t i = 0; ids != NULL && i < json_object_array_length(ids); i++)
		if (store_file_read_id(&w->files[w->count], json_object_array_get_idx(ids, i), e) ==
			-1 ||
		    store_file_find(api, r, &w->files[w->count++], &u, key, e) == -1)
			return -1;
	return 0;
}

static int
read_wish(struct wish *w, struct json_object *body, struct api *api, const struct req *r,
    struct err *e)
{
	static const char *const members[] = {"name", "description", "metadata", "file_ids",
	    "chunking_strategy", "expires_after", NULL};

	return json_only(body, members, e) == -1 || refuse_expiry(body, e) == -1 ||
		store_about_check(body, e) == -1 ||
		store_file_read_chunking(body, &w->chunk_size, &w->chunk_overlap, e) == -1 ?
	    -1 :
	    read_files(w, body, api, r, e);
}

static int
make_store(struct api *api, const char *name, struct json_object *body, const struct wish *w,
    struct err *e)
{
	struct json_object *request = request_of("store-create", name);

	json_object_object_add(request, "document",
	    store_document_new(body, w->chunk_size, w->chunk_overlap, (int64_t)time(NULL)));
	return tell_supervisor(api, request, e);
}

static int
attach_first(
    struct api *api, struct req *r, const char *name, const struct wish *w, struct err *e)
{
	char entry[INBOX_ID_BYTES];
	struct attached_view v;
	int rc;

	if (attached_open(&v, api, name, false, r->arena, e) == -1)
		return -1;
	rc = store_files_attach(api, r, &v, w->files, w->count, entry, e);
	attached_close(&v);
	return rc;
}

static int
create(struct api *api, struct req *r, struct json_object *body, struct reply *p, struct err *e)
{
	struct wish *w = arena_calloc(r->arena, 1, sizeof *w);
	char name[TENANT_NAME_BYTES + 1];

	if (w == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a vector store");
	if (read_wish(w, body, api, r, e) == -1 || name_store(&r->caller, name, e) == -1 ||
	    make_store(api, name, body, w, e) == -1)
		return -1;
	if (w->count > 0 && attach_first(api, r, name, w, e) == -1)
		return -1;
	return say_store(api, name, r, p, e);
}

int
api_vector_store_create(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *body;
	int rc;

	if (r->caller.filter != NULL)
		return err_set(e, ERR_FORBIDDEN,
		    "this needs a key for whole tenants, this one carries a filter");
	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	rc = create(api, r, body, p, e);
	json_object_put(body);
	return rc;
}

/* ---- changing, deleting ---- */

static int
change(struct api *api, struct req *r, struct json_object *body, struct err *e)
{
	static const char *const members[] = {
	    "name", "description", "metadata", "expires_after", NULL};
	struct json_object *request;

	if (json_only(body, members, e) == -1 || refuse_expiry(body, e) == -1 ||
	    store_about_check(body, e) == -1)
		return -1;
	request = request_of("store-change", r->hole[0]);
	json_object_object_add(request, "changes", json_object_get(body));
	return tell_supervisor(api, request, e);
}

int
api_vector_store_update(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *body;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (accept_tenant(api, r, p, r->hole[0], e) == 0 && change(api, r, body, e) == 0)
		rc = say_store(api, r->hole[0], r, p, e);
	json_object_put(body);
	return rc;
}

int
api_vector_store_delete(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	if (accept_tenant(api, r, p, r->hole[0], e) == -1 ||
	    tell_supervisor(api, request_of("store-remove", r->hole[0]), e) == -1)
		return -1;
	buf_addf(&p->body,
	    "{\"id\": \"%s\", \"object\": \"vector_store.deleted\", \"deleted\": true}\n",
	    r->hole[0]);
	return 0;
}
