/* api_store_files.c - files of vector stores, for clients of OpenAI's wire:
 *
 *   POST   /v1/vector_stores/{id}/files                        {"file_id", "attributes", ...}
 *   GET    /v1/vector_stores/{id}/files                        a page, and filter: a status
 *   GET    /v1/vector_stores/{id}/files/{file_id}
 *   POST   /v1/vector_stores/{id}/files/{file_id}              {"attributes"}
 *   GET    /v1/vector_stores/{id}/files/{file_id}/content      the text that was read from it
 *   DELETE /v1/vector_stores/{id}/files/{file_id}
 *
 * A file is a document of the tenant (attached.h).  Attaching and detaching are entries of its
 * inbox, as everything that is sent to it.
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "store.h"
#include "store_files.h"
#include "store_item.h"

enum { KEYS_AT_ONCE = 128, CONTENT_MAX = 8 << 20 };

/* What each of these begins with. */
struct opened {
	struct store_item store;
	struct attached_view view;
};

static int
open_store(struct opened *o, struct api *api, const struct req *r, struct reply *p, struct err *e)
{
	*o = (struct opened){0};
	if (accept_tenant(api, r, p, r->hole[0], e) == -1 ||
	    store_item_read(&o->store, api, r->hole[0], false, r->arena, e) == -1)
		return -1;
	if (attached_open(&o->view, api, r->hole[0], true, r->arena, e) == 0)
		return 0;
	store_item_fini(&o->store);
	return -1;
}

static void
close_store(struct opened *o)
{
	attached_close(&o->view);
	store_item_fini(&o->store);
}

static int
find_file(struct opened *o, const char *id, struct attached *d, struct err *e)
{
	const char *key;
	int got;

	if (attached_key_of(&o->view, id, &key, e) == -1 ||
	    (got = attached_find(&o->view, key, d, e)) == -1)
		return -1;
	return got == 1 ? 0 : err_set(e, ERR_FILE, "there is no file \"%s\" here", id);
}

static int
say_file(struct opened *o, const struct attached *d, struct reply *p, struct err *e)
{
	char poll[16];

	snprintf(poll, sizeof poll, "%d", STORE_POLL_MS);
	reply_header(p, "openai-poll-after-ms", poll);
	if (store_file_put(&p->body, o->store.tenant, &o->store.about, d, e) == -1)
		return -1;
	buf_addc(&p->body, '\n');
	return 0;
}

/* As it is now, after a change of ours. */
static int
say_again(struct opened *o, struct api *api, const struct req *r, const char *key,
    struct reply *p, struct err *e)
{
	struct attached d;
	int got;

	attached_close(&o->view);
	if (attached_open(&o->view, api, r->hole[0], true, r->arena, e) == -1 ||
	    (got = attached_find(&o->view, key, &d, e)) == -1)
		return -1;
	return got == 1 ? say_file(o, &d, p, e) :
			  err_set(e, ERR_FILE, "the file was detached meanwhile");
}

/* ---- asking ---- */

typedef int file_fn(struct opened *o, struct api *api, const struct attached *d,
    struct reply *p, struct err *e);

/* For the one that the address names. */
static int
with_file(file_fn *run, struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct attached d;
	struct opened o;
	int rc = -1;

	if (open_store(&o, api, r, p, e) == -1)
		return -1;
	if (find_file(&o, r->hole[1], &d, e) == 0)
		rc = run(&o, api, &d, p, e);
	close_store(&o);
	return rc;
}

static int
say_found(struct opened *o, struct api *api, const struct attached *d, struct reply *p,
    struct err *e)
{
	(void)api;
	return say_file(o, d, p, e);
}

int
api_store_file(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return with_file(say_found, api, r, p, e);
}

static int
list_all(struct store_file_listing *l, const char *from, struct err *e)
{
	const char *keys[KEYS_AT_ONCE];
	size_t count = KEYS_AT_ONCE;
	int rc = 0;

	while (rc == 0 && count == KEYS_AT_ONCE) {
		if (attached_keys(l->view, from, l->page->ascending, KEYS_AT_ONCE, keys, &count, e) ==
		    -1)
			return -1;
		for (size_t i = 0; rc == 0 && i < count; i++)
			rc = store_files_list(l, keys[i], e);
		from = count > 0 ? keys[count - 1] : from;
	}
	return rc == -1 ? -1 : 0;
}

/* Of the few that are not searchable, or will never be. */
static int
list_unsettled(struct store_file_listing *l, const char *from, struct err *e)
{
	int sign = l->page->ascending ? 1 : -1, rc = 0;
	struct attached_keys keys;

	if (attached_unsettled(l->view, &keys, e) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < keys.count; i++) {
		const char *key = keys.at[l->page->ascending ? i : keys.count - 1 - i];
		if (from == NULL || sign * strcmp(key, from) > 0)
			rc = store_files_list(l, key, e);
	}
	return rc == -1 ? -1 : 0;
}

static bool
is_of_few(enum attached_state state)
{
	return state != ATTACHED_STATE_MAX && state != ATTACHED_COMPLETED;
}

static int
list_files(struct opened *o, const struct req *r, struct reply *p, struct err *e)
{
	struct store_file_listing l;
	const char *from = NULL;
	struct page page;

	if (store_files_begin(&l, &page, &o->view, &o->store.about, r, &p->body, e) == -1 ||
	    (page.after != NULL && attached_key_of(&o->view, page.after, &from, e) == -1) ||
	    (is_of_few(l.only) ? list_unsettled : list_all)(&l, from, e) == -1)
		return -1;
	store_files_end(&l);
	return 0;
}

int
api_store_files(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct opened o;
	int rc;

	if (open_store(&o, api, r, p, e) == -1)
		return -1;
	rc = list_files(&o, r, p, e);
	close_store(&o);
	return rc;
}

/* ---- the text ---- */

struct text_of {
	struct store *store;
	struct arena *arena;
	struct store_text text;
};

static int
read_text(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct text_of *t = context;
	uint32_t row;
	int got = store_first_row(t->store, id, &row, e);

	(void)d;
	t->text = (struct store_text){.text = "", .is_whole = true};
	if (got != 1)
		return got;
	return store_document_text(t->store, row, CONTENT_MAX, t->arena, &t->text, e);
}

static int
say_content(struct opened *o, struct api *api, const struct attached *d, struct reply *p,
    struct err *e)
{
	struct text_of t = {.arena = o->view.arena};
	int got;

	(void)api;
	if (o->view.index == NULL)
		return err_set(e, ERR_NOT_READY, "the file is not searchable yet");
	t.store = o->view.index->store;
	if ((got = store_find_document(t.store, d->key, read_text, &t, e)) == -1)
		return -1;
	if (got == 0 && d->state == ATTACHED_FAILED)
		return err_set(e, ERR_FILE, "no text was read from the file: %s", d->why);
	if (got == 0)
		return err_set(e, ERR_NOT_READY, "the file is not searchable yet");
	if (!t.text.is_whole)
		return err_set(e, ERR_BODY_SIZE, "a text of more than %d MiB is not given back",
		    CONTENT_MAX >> 20);
	buf_adds(&p->body, "{\"object\": \"vector_store.file_content.page\", \"data\": [{\"type\": "
			   "\"text\", \"text\": ");
	json_put_text(&p->body, t.text.text, t.text.len);
	buf_adds(&p->body, "}], \"has_more\": false, \"next_page\": null}\n");
	return 0;
}

int
api_store_file_content(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return with_file(say_content, api, r, p, e);
}

/* ---- changing ---- */

static bool
says_the_same(const char *a, const char *b)
{
	struct json_object *x = NULL, *y = NULL;
	bool same = json_parse_object(&x, a, strlen(a), NULL) == 0 &&
	    json_parse_object(&y, b, strlen(b), NULL) == 0 && json_object_equal(x, y);

	json_object_put(x);
	json_object_put(y);
	return same;
}

/* Attaching what is attached is no fault: it is what a client does whose answer was lost. */
static int
attach(struct opened *o, struct api *api, const struct req *r, const struct store_file_wish *w,
    const char *key, struct err *e)
{
	char entry[INBOX_ID_BYTES];
	struct attached d;
	int got = attached_find(&o->view, key, &d, e);

	if (got == -1)
		return -1;
	if (got == 1 && d.was_sent && d.state != ATTACHED_FAILED &&
	    (w->meta == NULL || says_the_same(d.meta, w->meta)))
		return 0;
	return store_files_attach(api, r, &o->view, w, 1, entry, e);
}

static int
create(struct opened *o, struct api *api, struct req *r, struct json_object *body,
    struct reply *p, struct err *e)
{
	char key[DOCUMENT_PATH_BYTES + 1];
	struct store_file_wish w;
	struct upload u;

	if (store_file_read_wish(&w, body, &o->store.about, r->arena, e) == -1 ||
	    store_file_find(api, r, &w, &u, key, e) == -1 || attach(o, api, r, &w, key, e) == -1)
		return -1;
	return say_again(o, api, r, key, p, e);
}

static int
check_sent(const struct attached *d, struct err *e)
{
	return d->was_sent ? 0 :
			     err_set(e, ERR_NOT_PUSHED,
				 "the file comes from the tenant's source: it is changed there");
}

static int
update(struct opened *o, struct api *api, struct req *r, struct json_object *body,
    struct reply *p, struct err *e)
{
	static const char *const members[] = {"attributes", NULL};
	struct attached d;
	const char *meta;

	if (json_only(body, members, e) == -1 ||
	    store_file_read_attributes(body, &meta, r->arena, e) == -1 ||
	    find_file(o, r->hole[1], &d, e) == -1 || check_sent(&d, e) == -1)
		return -1;
	if (!says_the_same(d.meta, meta != NULL ? meta : "{}") &&
	    accept_describe(api, r->hole[0], d.key, meta, e) == -1)
		return -1;
	return say_again(o, api, r, d.key, p, e);
}

typedef int body_fn(struct opened *o, struct api *api, struct req *r, struct json_object *body,
    struct reply *p, struct err *e);

static int
with_body(body_fn *run, struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *body;
	struct opened o;
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (open_store(&o, api, r, p, e) == 0) {
		rc = run(&o, api, r, body, p, e);
		close_store(&o);
	}
	json_object_put(body);
	return rc;
}

int
api_store_file_create(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return with_body(create, api, r, p, e);
}

int
api_store_file_update(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return with_body(update, api, r, p, e);
}

static int
detach(struct opened *o, struct api *api, const struct attached *d, struct reply *p,
    struct err *e)
{
	if (check_sent(d, e) == -1 || accept_remove(api, o->store.tenant, d->key, e) == -1)
		return -1;
	buf_addf(&p->body,
	    "{\"id\": \"%s\", \"object\": \"vector_store.file.deleted\", \"deleted\": true}\n", d->id);
	return 0;
}

int
api_store_file_delete(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return with_file(detach, api, r, p, e);
}
