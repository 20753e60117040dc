/* store_files.c - files of vector stores on OpenAI's wire. */
#include "store_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "build.h"
#include "file_area.h"
#include "json.h"
#include "metadata.h"
#include "uploads.h"

enum { CHUNK_MIN = 100, CHUNK_MAX = 4096, OVERLAP_DEFAULT = 50 };

/* ---- attributes ---- */

static int
check_attribute(const char *name, struct json_object *value, struct err *e)
{
	enum json_type type = json_object_get_type(value);

	if (metadata_is_built_in(name))
		return err_set(e, ERR_CONFLICT,
		    "\"attributes\": every document has \"%s\" here already; choose another name", name);
	if (name[0] == '\0' || strlen(name) > STORE_KEY_BYTES || name[0] == '$')
		return err_set(e, ERR_RANGE,
		    "\"attributes\": a name has 1 to 64 characters and does not begin with $: \"%.64s\"",
		    name);
	if (type == json_type_string && json_object_get_string_len(value) > STORE_VALUE_BYTES)
		return err_set(e, ERR_RANGE, "\"attributes\": \"%.64s\" is longer than 512 characters",
		    name);
	return type == json_type_string || type == json_type_int || type == json_type_double ||
		type == json_type_boolean ?
	    0 :
	    err_set(e, ERR_TYPE, "\"attributes\": \"%.64s\" must be a text, a number or true or false",
		name);
}

int
store_file_read_attributes(
    struct json_object *o, const char **meta, struct arena *a, struct err *e)
{
	struct json_object *attributes = NULL;
	const char *text;

	*meta = NULL;
	if (json_get_object(o, "attributes", false, &attributes, e) == -1)
		return -1;
	if (attributes == NULL)
		return 0;
	if (json_object_object_length(attributes) > STORE_PAIRS_MAX)
		return err_set(
		    e, ERR_RANGE, "\"attributes\" has more than %d members", STORE_PAIRS_MAX);
	json_object_object_foreach(attributes, name, value)
		if (check_attribute(name, value, e) == -1)
			return -1;
	text = json_object_to_json_string_ext(attributes, JSON_C_TO_STRING_PLAIN);
	if (strlen(text) > INBOX_META_BYTES)
		return err_set(
		    e, ERR_RANGE, "\"attributes\" is larger than %d bytes", INBOX_META_BYTES);
	*meta = arena_copy(a, text, strlen(text));
	return *meta != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for attributes");
}

/* Of what is known about a document what may be an attribute: texts, numbers, truth values. */
int
store_file_put_attributes(struct buf *b, const char *meta, struct err *e)
{
	struct json_object *o;
	bool first = true;

	if (json_parse_object(&o, meta, strlen(meta), NULL) == -1)
		return err_set(e, ERR_CORRUPT, "the metadata of a document is damaged");
	buf_addc(b, '{');
	json_object_object_foreach(o, name, value)
	{
		if (value == NULL || json_object_is_type(value, json_type_array) ||
		    json_object_is_type(value, json_type_object))
			continue;
		buf_adds(b, first ? "" : ", ");
		first = false;
		json_put_text(b, name, strlen(name));
		buf_adds(b, ": ");
		buf_adds(b, json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN));
	}
	buf_addc(b, '}');
	json_object_put(o);
	return 0;
}

/* ---- chunking ---- */

static int
read_static(struct json_object *strategy, int64_t *size, int64_t *overlap, struct err *e)
{
	static const char *const members[] = {
	    "max_chunk_size_tokens", "chunk_overlap_tokens", NULL};
	struct json_object *o = NULL;

	if (json_get_object(strategy, "static", true, &o, e) == -1 ||
	    json_only(o, members, e) == -1 ||
	    json_get_int(o, "max_chunk_size_tokens", true, CHUNK_MIN, CHUNK_MAX, size, e) == -1 ||
	    json_get_int(o, "chunk_overlap_tokens", true, 0, CHUNK_MAX / 2, overlap, e) == -1)
		return -1;
	return *overlap <= *size / 2 ?
	    0 :
	    err_set(e, ERR_RANGE,
		"\"chunk_overlap_tokens\" may be half of \"max_chunk_size_tokens\" at most");
}

int
store_file_read_chunking(struct json_object *o, int64_t *size, int64_t *overlap, struct err *e)
{
	struct json_object *strategy = NULL;
	const char *type = "";

	*size = 0;
	*overlap = -1;
	if (json_get_object(o, "chunking_strategy", false, &strategy, e) == -1)
		return -1;
	if (strategy == NULL)
		return 0;
	if (json_get_text(strategy, "type", true, 16, &type, e) == -1)
		return -1;
	if (strcmp(type, "auto") == 0)
		return 0;
	if (strcmp(type, "static") == 0)
		return read_static(strategy, size, overlap, e);
	return err_set(e, ERR_RANGE, "\"chunking_strategy\" must be of the type auto or static");
}

static int64_t
size_of(const struct store_about *about)
{
	return about->chunk_size > 0 ? about->chunk_size : CHUNK_SIZE_DEFAULT;
}

static int64_t
overlap_of(const struct store_about *about)
{
	if (about->chunk_overlap >= 0)
		return about->chunk_overlap;
	return size_of(about) / 4 < OVERLAP_DEFAULT ? size_of(about) / 4 : OVERLAP_DEFAULT;
}

int
store_file_check_chunking(
    struct json_object *o, const struct store_about *about, struct err *e)
{
	int64_t size, overlap;

	if (store_file_read_chunking(o, &size, &overlap, e) == -1)
		return -1;
	return size == 0 || (size == size_of(about) && overlap == overlap_of(about)) ?
	    0 :
	    err_set(e, ERR_CONFLICT,
		"\"chunking_strategy\" is the store's, %" PRId64 " tokens with an overlap of %" PRId64
		": all its files are cut alike",
		size_of(about), overlap_of(about));
}

/* ---- what is asked for ---- */

int
store_file_read_id(struct store_file_wish *w, struct json_object *id, struct err *e)
{
	const char *digits;

	if (!json_object_is_type(id, json_type_string))
		return err_set(e, ERR_TYPE, "\"file_id\" must be a text");
	if ((digits = file_id_digits(json_object_get_string(id))) == NULL)
		return err_set(e, ERR_FILE, "there is no uploaded file \"%.64s\"",
		    json_object_get_string(id));
	memcpy(w->digits, digits, UPLOAD_ID_BYTES);
	return 0;
}

int
store_file_read_wish(struct store_file_wish *w, struct json_object *o,
    const struct store_about *about, struct arena *a, struct err *e)
{
	static const char *const members[] = {"file_id", "attributes", "chunking_strategy", NULL};
	struct json_object *id;

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_TYPE, "a file is an object with \"file_id\"");
	if (json_only(o, members, e) == -1)
		return -1;
	if (!json_object_object_get_ex(o, "file_id", &id))
		return err_set(e, ERR_MISSING_FIELD, "\"file_id\" is missing");
	return store_file_read_id(w, id, e) == -1 ||
		store_file_read_attributes(o, &w->meta, a, e) == -1 ?
	    -1 :
	    store_file_check_chunking(o, about, e);
}

/* ---- attaching ---- */

int
store_file_find(struct api *api, const struct req *r, const struct store_file_wish *w,
    struct upload *u, char key[DOCUMENT_PATH_BYTES + 1], struct err *e)
{
	char area[UPLOAD_AREA_BYTES];

	if (file_area_of(&r->caller, area, e) == -1 ||
	    upload_get(u, NULL, serving_data_dir(api->serving), area, w->digits, e) == -1)
		return -1;
	file_key_of(u, key);
	return 0;
}

static int
copy_in(struct inbox_entry *n, const struct upload *u, const struct file_map *m,
    const char *key, const char *meta, struct err *e)
{
	const struct inbox_item item = {.key = key, .name = u->name, .title = u->name,
	    .meta = meta, .type = u->type[0] != '\0' ? u->type : NULL};

	return inbox_write(n, m->data, u->bytes, e) == -1 ? -1 : inbox_put(n, &item, e);
}

/* What is attached and keeps its bytes gets its attributes alone; unless the request has a key:
 * then the same request must make the same entry, so that it is known again. */
static int
add_wish(struct inbox_entry *n, struct attached_view *v, const char *area,
    const struct store_file_wish *w, bool has_key, struct err *e)
{
	const char *meta = w->meta;
	char key[DOCUMENT_PATH_BYTES + 1];
	struct attached d;
	struct file_map m;
	struct upload u;
	int got;

	if (upload_get(&u, &m, v->data_dir, area, w->digits, e) == -1)
		return -1;
	file_key_of(&u, key);
	got = attached_find(v, key, &d, e);
	if (got == 1 && d.was_sent && meta == NULL && strcmp(d.meta, "{}") != 0)
		meta = d.meta;
	if (got == 1 && d.was_sent && d.state != ATTACHED_FAILED && !has_key)
		got = inbox_describe(n, key, meta, e);
	else if (got != -1)
		got = copy_in(n, &u, &m, key, meta, e);
	file_unmap(&m);
	return got;
}

/* Before a byte is copied. */
static int
check_room(struct api *api, const char *area, const struct store_file_wish *wishes, size_t count,
    struct err *e)
{
	uint64_t all = 0, most = api->intake->waits.bytes;
	struct upload u;

	for (size_t i = 0; i < count; i++) {
		if (upload_get(&u, NULL, serving_data_dir(api->serving), area, wishes[i].digits, e) ==
		    -1)
			return -1;
		all += u.bytes;
	}
	return most == 0 || all <= most ?
	    0 :
	    err_set(e, ERR_INBOX_FULL,
		"the files have %" PRIu64 " bytes together, %" PRIu64 " may wait to be built", all,
		most);
}

int
store_files_attach(struct api *api, const struct req *r, struct attached_view *v,
    const struct store_file_wish *wishes, size_t count, char entry[INBOX_ID_BYTES],
    struct err *e)
{
	bool has_key = req_param(r, "HTTP_IDEMPOTENCY_KEY") != NULL;
	char area[UPLOAD_AREA_BYTES];
	struct inbox_entry n;
	int rc;

	if (file_area_of(&r->caller, area, e) == -1 ||
	    check_room(api, area, wishes, count, e) == -1)
		return -1;
	rc = inbox_begin(&n, v->data_dir, v->tenant, e);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_wish(&n, v, area, &wishes[i], has_key, e);
	if (rc == 0)
		rc = accept_commit(api, r, &n, entry, e);
	inbox_abandon(&n);
	return rc;
}

/* ---- what is told ---- */

static void
put_error(struct buf *b, const struct attached *d)
{
	buf_adds(b, ", \"last_error\": ");
	if (d->state != ATTACHED_FAILED) {
		buf_adds(b, "null");
		return;
	}
	buf_addf(b, "{\"code\": \"%s\", \"message\": ", d->code);
	json_put_text(b, d->why, strlen(d->why));
	buf_addc(b, '}');
}

int
store_file_put(struct buf *b, const char *tenant, const struct store_about *about,
    const struct attached *d, struct err *e)
{
	const char *name = file_name_of(d->key);

	buf_addf(b,
	    "{\"id\": \"%s\", \"object\": \"vector_store.file\", \"usage_bytes\": %" PRIu64
	    ", \"created_at\": %" PRId64 ", \"vector_store_id\": \"%s\", \"filename\": ",
	    d->id, d->bytes, d->created, tenant);
	json_put_text(b, name, strlen(name));
	buf_addf(b, ", \"status\": \"%s\"", attached_state_name(d->state));
	put_error(b, d);
	buf_addf(b,
	    ", \"chunking_strategy\": {\"type\": \"static\", \"static\": {\"max_chunk_size_tokens\": "
	    "%" PRId64 ", \"chunk_overlap_tokens\": %" PRId64 "}}, \"attributes\": ",
	    size_of(about), overlap_of(about));
	if (store_file_put_attributes(b, d->meta, e) == -1)
		return -1;
	buf_addc(b, '}');
	return 0;
}

int
store_files_begin(struct store_file_listing *l, struct page *page, struct attached_view *v,
    const struct store_about *about, const struct req *r, struct buf *b, struct err *e)
{
	const char *filter;

	*l = (struct store_file_listing){
	    .view = v, .about = about, .page = page, .only = ATTACHED_STATE_MAX};
	if (page_read(page, r, 20, 100, e) == -1 || req_query_get(r, "filter", &filter, e) == -1)
		return -1;
	if (filter != NULL && (l->only = attached_state_of(filter)) == ATTACHED_STATE_MAX)
		return err_set(e, ERR_RANGE,
		    "\"filter\" must be in_progress, completed, failed or cancelled");
	page_begin(&l->out, b, page);
	return 0;
}

int
store_files_list(struct store_file_listing *l, const char *key, struct err *e)
{
	struct attached d;
	int got = attached_find(l->view, key, &d, e);

	if (got != 1)
		return got;
	if (l->page->before != NULL && strcmp(d.id, l->page->before) == 0)
		return 1;
	if (l->only != ATTACHED_STATE_MAX && d.state != l->only)
		return 0;
	if (!page_next(&l->out, d.id))
		return 1;
	return store_file_put(l->out.b, l->view->tenant, l->about, &d, e);
}

void
store_files_end(struct store_file_listing *l)
{
	page_end(&l->out);
}
