/* api_store_batches.c - many files attached at once, for clients of OpenAI's wire:
 *
 *   POST /v1/vector_stores/{id}/file_batches                     {"file_ids"} or {"files"}
 *   GET  /v1/vector_stores/{id}/file_batches/{batch_id}
 *   POST /v1/vector_stores/{id}/file_batches/{batch_id}/cancel
 *   GET  /v1/vector_stores/{id}/file_batches/{batch_id}/files    a page, as of the store's files
 *
 * A batch is one entry of the tenant's inbox, and so one job: its id is the entry's, and what has
 * become of its files the inbox and the ledger know.  A file of it that was detached since counts
 * as cancelled.
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "store.h"
#include "store_files.h"
#include "store_item.h"

enum { FILES_MAX = 2000, BATCH_ID_BYTES = 5 + INBOX_ID_BYTES };

static const char prefix[] = "vsfb_";
enum { PREFIX_BYTES = sizeof prefix - 1, SEQ_DIGITS = 12, RANDOM_DIGITS = 8 };

/* The entry's id without its dash. */
static void
batch_id_of(const char *entry, char out[BATCH_ID_BYTES])
{
	snprintf(out, BATCH_ID_BYTES, "%s%.*s%.*s", prefix, SEQ_DIGITS, entry, RANDOM_DIGITS,
	    entry + SEQ_DIGITS + 1);
}

static int
parse_batch_id(const char *id, char entry[INBOX_ID_BYTES], struct err *e)
{
	const char *digits = id + PREFIX_BYTES;

	if (strlen(id) != PREFIX_BYTES + SEQ_DIGITS + RANDOM_DIGITS ||
	    strncmp(id, prefix, PREFIX_BYTES) != 0)
		return err_set(e, ERR_JOB, "there is no batch \"%.64s\" here", id);
	snprintf(entry, INBOX_ID_BYTES, "%.*s-%.*s", SEQ_DIGITS, digits, RANDOM_DIGITS,
	    digits + SEQ_DIGITS);
	return inbox_id_is_valid(entry) ? 0 : err_set(e, ERR_JOB, "there is no batch \"%s\" here", id);
}

/* ---- a batch, and what became of its files ---- */

struct batch {
	char entry[INBOX_ID_BYTES];
	const char *tenant;
	struct store_item store;
	struct attached_view view;
	struct arena *arena;
	const char **keys;
	size_t count, room;
	enum job_state state;
	int64_t created;
	struct attached_counts counts;
};

static int
add_key(struct batch *b, enum inbox_op op, const char *key, struct err *e)
{
	const char **more;

	if (op == INBOX_REMOVE)
		return 0;
	if (b->count == b->room) {
		size_t room = b->room == 0 ? 64 : 2 * b->room;
		if ((more = arena_alloc(b->arena, room * sizeof *more)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for a batch");
		if (b->count > 0)
			memcpy(more, b->keys, b->count * sizeof *more);
		b->keys = more;
		b->room = room;
	}
	b->keys[b->count] = arena_copy(b->arena, key, strlen(key));
	return b->keys[b->count++] != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a batch");
}

static int
add_waiting(void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	(void)bytes;
	return add_key(context, item->op, item->key, e);
}

static int
add_taken(void *context, enum inbox_op op, const char *key, const char *why, struct err *e)
{
	(void)why;
	return add_key(context, op, key, e);
}

/* 1: it waits; 0: it does not, any more. */
static int
read_waiting(struct batch *b, const char *data, struct err *e)
{
	char name[INBOX_NAME_BYTES];
	struct err why;

	if (inbox_find(data, b->tenant, b->entry, name, &b->created, e) == -1)
		return -1;
	if (name[0] == '\0')
		return 0;
	b->state = JOB_QUEUED;
	if (inbox_read(data, b->tenant, name, false, add_waiting, b, &why) == 0)
		return 1;
	b->count = 0;
	return 0;	/* gone between the look and the reading, or not whole: the ledger knows */
}

static int
read_taken(struct batch *b, struct err *e)
{
	struct ledger *l = b->view.ledger;
	struct ledger_job j;
	int got = l != NULL ? ledger_find_job(l, b->entry, &j, e) : 0;

	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(e, ERR_JOB, "there is no such batch here, or it ended long ago");
	b->state = j.state;
	b->created = (j.accepted_ms != 0 ? j.accepted_ms : j.taken_ms) / 1000;
	return ledger_each_item(l, b->entry, add_taken, b, e);
}

static int
count_one(struct batch *b, const char *key, struct err *e)
{
	struct attached d;
	int got = attached_find(&b->view, key, &d, e);

	if (got == -1)
		return -1;
	b->counts.in_state[got == 1 ? d.state : ATTACHED_CANCELLED]++;
	return 0;
}

static int
read_batch(struct batch *b, const char *data, struct err *e)
{
	int got = read_waiting(b, data, e);

	if (got == -1 || (got == 0 && read_taken(b, e) == -1))
		return -1;
	b->view.without_meta = true;
	for (size_t i = 0; i < b->count; i++)
		if (count_one(b, b->keys[i], e) == -1)
			return -1;
	b->view.without_meta = false;
	return 0;
}

static void
close_batch(struct batch *b)
{
	attached_close(&b->view);
	store_item_fini(&b->store);
}

/* Of the entry in b->entry.  The view is read before the entry is looked for, so that one which
 * is taken in meanwhile is in one of them. */
static int
open_batch(struct batch *b, struct api *api, struct req *r, struct err *e)
{
	b->tenant = r->hole[0];
	b->arena = r->arena;
	if (store_item_read(&b->store, api, b->tenant, false, r->arena, e) == -1)
		return -1;
	if (attached_open(&b->view, api, b->tenant, true, r->arena, e) == 0 &&
	    read_batch(b, serving_data_dir(api->serving), e) == 0)
		return 0;
	close_batch(b);
	return -1;
}

/* ---- telling ---- */

static const char *
status_of(const struct batch *b)
{
	if (b->counts.in_state[ATTACHED_IN_PROGRESS] > 0)
		return "in_progress";
	if (b->count > 0 && b->counts.in_state[ATTACHED_CANCELLED] == b->count)
		return "cancelled";
	return b->state == JOB_FAILED ? "failed" : "completed";
}

static void
say_batch(const struct batch *b, struct reply *p)
{
	char id[BATCH_ID_BYTES], poll[16];

	batch_id_of(b->entry, id);
	snprintf(poll, sizeof poll, "%d", STORE_POLL_MS);
	reply_header(p, "openai-poll-after-ms", poll);
	buf_addf(&p->body,
	    "{\"id\": \"%s\", \"object\": \"vector_store.file_batch\", \"created_at\": %" PRId64
	    ", \"vector_store_id\": \"%s\", \"status\": \"%s\", \"file_counts\": {",
	    id, b->created, b->tenant, status_of(b));
	for (int i = 0; i < ATTACHED_STATE_MAX; i++)
		buf_addf(&p->body, "\"%s\": %" PRIu64 ", ",
		    attached_state_name((enum attached_state)i), b->counts.in_state[i]);
	buf_addf(&p->body, "\"total\": %zu}}\n", b->count);
}

/* ---- making one ---- */

struct wishes {
	struct store_file_wish *at;
	size_t count;
};

/* The same file twice is one file. */
static bool
has_wish(const struct wishes *l, const struct store_file_wish *w)
{
	for (size_t i = 0; i < l->count; i++)
		if (memcmp(l->at[i].digits, w->digits, UPLOAD_ID_BYTES) == 0)
			return true;
	return false;
}

static int
read_list(struct wishes *l, struct json_object *list, bool is_ids, const char *meta,
    const struct store_about *about, struct arena *a, struct err *e)
{
	size_t n = json_object_array_length(list);

	if (n == 0 || n > FILES_MAX)
		return err_set(e, ERR_RANGE, "\"%s\" has 1 to %d files", is_ids ? "file_ids" : "files",
		    FILES_MAX);
	if ((l->at = arena_calloc(a, n, sizeof *l->at)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a batch");
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct store_file_wish w = {.meta = meta};
		if ((is_ids ? store_file_read_id(&w, o, e) :
			      store_file_read_wish(&w, o, about, a, e)) == -1)
			return -1;
		if (!has_wish(l, &w))
			l->at[l->count++] = w;
	}
	return 0;
}

static int
read_wishes(struct wishes *l, struct json_object *body, const struct store_about *about,
    struct arena *a, struct err *e)
{
	static const char *const members[] = {
	    "file_ids", "files", "attributes", "chunking_strategy", NULL};
	struct json_object *ids = NULL, *files = NULL;
	const char *meta;

	if (json_only(body, members, e) == -1 ||
	    json_get_array(body, "file_ids", false, &ids, e) == -1 ||
	    json_get_array(body, "files", false, &files, e) == -1 ||
	    store_file_read_attributes(body, &meta, a, e) == -1 ||
	    store_file_check_chunking(body, about, e) == -1)
		return -1;
	if (ids != NULL && files != NULL)
		return err_set(e, ERR_CONFLICT, "\"file_ids\" and \"files\" exclude each other");
	if (ids == NULL && files == NULL)
		return err_set(e, ERR_MISSING_FIELD, "\"file_ids\" is missing");
	return read_list(l, ids != NULL ? ids : files, ids != NULL, meta, about, a, e);
}

static int
attach(struct batch *b, struct api *api, struct req *r, struct json_object *body, struct err *e)
{
	struct wishes l = {0};
	int rc = -1;

	if (store_item_read(&b->store, api, r->hole[0], false, r->arena, e) == -1)
		return -1;
	if (attached_open(&b->view, api, r->hole[0], true, r->arena, e) == 0 &&
	    read_wishes(&l, body, &b->store.about, r->arena, e) == 0)
		rc = store_files_attach(api, r, &b->view, l.at, l.count, b->entry, e);
	close_batch(b);
	return rc;
}

static int
create(struct batch *b, struct api *api, struct req *r, struct json_object *body,
    struct reply *p, struct err *e)
{
	if (attach(b, api, r, body, e) == -1 || open_batch(b, api, r, e) == -1)
		return -1;
	say_batch(b, p);
	close_batch(b);
	return 0;
}

int
api_store_batch_create(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct json_object *body;
	struct batch b = {0};
	int rc = -1;

	if (json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	if (accept_tenant(api, r, p, r->hole[0], e) == 0)
		rc = create(&b, api, r, body, p, e);
	json_object_put(body);
	return rc;
}

/* ---- asking ---- */

static int
find_batch(struct batch *b, struct api *api, struct req *r, struct reply *p, struct err *e)
{
	*b = (struct batch){0};
	return accept_tenant(api, r, p, r->hole[0], e) == -1 ||
		parse_batch_id(r->hole[1], b->entry, e) == -1 ?
	    -1 :
	    open_batch(b, api, r, e);
}

int
api_store_batch(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct batch b;

	if (find_batch(&b, api, r, p, e) == -1)
		return -1;
	say_batch(&b, p);
	close_batch(&b);
	return 0;
}

static int
list_files(struct batch *b, const struct req *r, struct reply *p, struct err *e)
{
	struct store_file_listing l;
	struct page page;
	char id[FILE_ID_BYTES];
	bool is_behind;
	int rc = 0;

	if (store_files_begin(&l, &page, &b->view, &b->store.about, r, &p->body, e) == -1)
		return -1;
	is_behind = page.after == NULL;
	for (size_t i = 0; rc == 0 && i < b->count; i++) {
		const char *key = b->keys[page.ascending ? i : b->count - 1 - i];
		if (is_behind) {
			rc = store_files_list(&l, key, e);
			continue;
		}
		file_id_of(key, id);
		is_behind = strcmp(id, page.after) == 0;
	}
	store_files_end(&l);
	return rc == -1 ? -1 : 0;
}

int
api_store_batch_files(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct batch b;
	int rc;

	if (find_batch(&b, api, r, p, e) == -1)
		return -1;
	rc = list_files(&b, r, p, e);
	close_batch(&b);
	return rc;
}

/* ---- cancelling ---- */

/* Not of a file that was searchable before: that one was not the batch's to bring. */
static int
is_to_go(struct batch *b, const char *key, struct err *e)
{
	struct attached d;
	int got = attached_find(&b->view, key, &d, e);

	if (got != 1 || d.state != ATTACHED_IN_PROGRESS)
		return got == -1 ? -1 : 0;
	if (b->view.index == NULL)
		return 1;
	got = store_has_document(b->view.index->store, key, e);
	return got == -1 ? -1 : got == 0;
}

static int
remove_files(struct batch *b, struct inbox_entry *n, struct err *e)
{
	for (size_t i = 0; i < b->count; i++) {
		int got = is_to_go(b, b->keys[i], e);
		if (got == -1 || (got == 1 && inbox_remove(n, b->keys[i], e) == -1))
			return -1;
	}
	return 0;
}

static int
cancel(struct batch *b, struct api *api, struct err *e)
{
	char id[INBOX_ID_BYTES];
	struct inbox_entry n;
	bool existed;
	int rc = -1;

	if (inbox_begin(&n, serving_data_dir(api->serving), b->tenant, e) == 0 &&
	    remove_files(b, &n, e) == 0)
		rc = n.items == 0 ? 0 :
				    inbox_commit(&n, &api->intake->waits, NULL, id, &existed, e);
	inbox_abandon(&n);
	return rc;
}

int
api_store_batch_cancel(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct batch b, now = {0};
	int rc;

	if (find_batch(&b, api, r, p, e) == -1)
		return -1;
	memcpy(now.entry, b.entry, sizeof now.entry);
	rc = cancel(&b, api, e);
	close_batch(&b);
	if (rc == -1 || open_batch(&now, api, r, e) == -1)
		return -1;
	say_batch(&now, p);
	close_batch(&now);
	return 0;
}
