/* api_files.c - uploaded files, for clients of OpenAI's wire:
 *
 *   POST   /v1/files                  multipart: purpose, file, expires_after[...]
 *   GET    /v1/files                  a page: limit, order, after, purpose
 *   GET    /v1/files/{id}
 *   GET    /v1/files/{id}/content     its bytes as they were sent
 *   DELETE /v1/files/{id}             of all vector stores, too
 *
 * A file is its uploader's (file_area.h) and is kept until it is deleted or expires; attaching
 * it to a vector store copies it there.
 * Source  the shapes are those of OpenAI's published specification of this interface.
 */
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "accept.h"
#include "detach.h"
#include "file_area.h"
#include "file_id.h"
#include "json.h"
#include "multipart.h"
#include "page.h"
#include "uploads.h"

enum { PAGE_MAX = 10000, PIECE_BYTES = 64 * 1024, EXPIRES_MIN = 3600, EXPIRES_MAX = 2592000 };

static void
put_file(struct buf *b, const struct upload *u)
{
	buf_addf(b,
	    "{\"id\": \"file-%s\", \"object\": \"file\", \"bytes\": %" PRIu64
	    ", \"created_at\": %" PRId64 ", \"expires_at\": ",
	    u->id, u->bytes, u->created);
	if (u->expires != 0)
		buf_addf(b, "%" PRId64, u->expires);
	else
		buf_adds(b, "null");
	buf_adds(b, ", \"filename\": ");
	json_put_text(b, u->name, strlen(u->name));
	buf_addf(b, ", \"purpose\": \"%s\", \"status\": \"processed\", \"status_details\": null}",
	    u->purpose);
}

/* ---- taking one in ---- */

struct intake_form {
	struct upload u;
	struct upload_writer w;
	bool has_file, has_anchor;
	int64_t seconds;		/* 0: it does not expire */
};

/* The last part of a path, as some clients send one. */
static const char *
last_part(const char *name)
{
	for (const char *s = name; *s != '\0'; s++)
		if (*s == '/' || *s == '\\')
			name = s + 1;
	return name;
}

static int
take_file(struct intake_form *f, struct multipart *m, struct err *e)
{
	const char *name = last_part(m->file);
	char piece[PIECE_BYTES];
	long got;

	if (f->has_file)
		return err_set(e, ERR_CONFLICT, "\"file\" is there twice");
	if (name[0] == '\0' || strlen(name) > FILE_NAME_BYTES)
		return err_set(e, ERR_RANGE, "\"file\" needs a name of 1 to %d bytes",
		    FILE_NAME_BYTES);
	f->has_file = true;
	memcpy(f->u.name, name, strlen(name) + 1);
	memcpy(f->u.type, m->type, sizeof f->u.type);
	while ((got = multipart_read(m, piece, sizeof piece, e)) > 0)
		if (upload_write(&f->w, piece, (size_t)got, e) == -1)
			return -1;
	return (int)got;
}

static int
take_purpose(struct intake_form *f, struct multipart *m, struct err *e)
{
	const char *text = multipart_text(m, UPLOAD_PURPOSE_BYTES, e);

	if (text == NULL)
		return -1;
	if (strcmp(text, "assistants") != 0 && strcmp(text, "user_data") != 0)
		return err_set(e, ERR_RANGE, "\"purpose\" must be assistants or user_data: files here "
					     "are for vector stores");
	memcpy(f->u.purpose, text, strlen(text) + 1);
	return 0;
}

static int
take_seconds(struct intake_form *f, struct multipart *m, struct err *e)
{
	const char *text = multipart_text(m, 16, e);
	char *end;

	if (text == NULL)
		return -1;
	f->seconds = strtoll(text, &end, 10);
	return end != text && *end == '\0' && f->seconds >= EXPIRES_MIN && f->seconds <= EXPIRES_MAX ?
	    0 :
	    err_set(e, ERR_RANGE, "\"expires_after[seconds]\" must be %d to %d", EXPIRES_MIN,
		EXPIRES_MAX);
}

static int
take_anchor(struct intake_form *f, struct multipart *m, struct err *e)
{
	const char *text = multipart_text(m, 32, e);

	if (text == NULL)
		return -1;
	f->has_anchor = strcmp(text, "created_at") == 0;
	return f->has_anchor ?
	    0 :
	    err_set(e, ERR_RANGE, "\"expires_after[anchor]\" must be created_at");
}

static int
take_part(struct intake_form *f, struct multipart *m, struct err *e)
{
	if (strcmp(m->name, "file") == 0)
		return take_file(f, m, e);
	if (strcmp(m->name, "purpose") == 0)
		return take_purpose(f, m, e);
	if (strcmp(m->name, "expires_after[seconds]") == 0)
		return take_seconds(f, m, e);
	if (strcmp(m->name, "expires_after[anchor]") == 0)
		return take_anchor(f, m, e);
	return err_set(
	    e, ERR_UNKNOWN_FIELD, "the field \"%.64s\" means nothing here", m->name);
}

static int
check_form(const struct intake_form *f, struct err *e)
{
	if (!f->has_file)
		return err_set(e, ERR_MISSING_FIELD, "\"file\" is missing");
	if (f->u.purpose[0] == '\0')
		return err_set(e, ERR_MISSING_FIELD, "\"purpose\" is missing");
	if (f->has_anchor != (f->seconds != 0))
		return err_set(e, ERR_MISSING_FIELD, "\"expires_after[%s]\" is missing",
		    f->has_anchor ? "seconds" : "anchor");
	return f->w.bytes > 0 ? 0 : err_set(e, ERR_INPUT, "\"file\" is empty");
}

static int
take_form(struct intake_form *f, struct req *r, struct err *e)
{
	struct multipart *m = arena_alloc(r->arena, sizeof *m);
	int got;

	if (m == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an upload");
	if (multipart_open(m, r, e) == -1)
		return -1;
	while ((got = multipart_next(m, e)) == 1)
		if (take_part(f, m, e) == -1)
			return -1;
	return got == 0 ? check_form(f, e) : -1;
}

int
api_file_create(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct intake_form *f = arena_calloc(r->arena, 1, sizeof *f);
	char area[UPLOAD_AREA_BYTES];
	int rc = -1;

	if (f == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an upload");
	if (file_area_of(&r->caller, area, e) == -1 || accept_body(api, r, e) == -1)
		return -1;
	if (!multipart_is(r))
		return err_set(e, ERR_MEDIA_TYPE, "a file is sent as multipart/form-data");
	if (upload_begin(&f->w, serving_data_dir(api->serving), area, e) == -1)
		return -1;
	if (take_form(f, r, e) == 0) {
		f->u.expires = f->seconds != 0 ? (int64_t)time(NULL) + f->seconds : 0;
		rc = upload_commit(&f->w, &f->u, &api->intake->files, e);
	}
	upload_abandon(&f->w);
	if (rc == 0) {
		put_file(&p->body, &f->u);
		buf_addc(&p->body, '\n');
	}
	return rc;
}

/* ---- asking ---- */

static int
find_file(struct api *api, const struct req *r, struct upload *u, struct file_map *m,
    char area[UPLOAD_AREA_BYTES], struct err *e)
{
	const char *digits = file_id_digits(r->hole[0]);

	if (file_area_of(&r->caller, area, e) == -1)
		return -1;
	if (digits == NULL)
		return err_set(e, ERR_FILE, "there is no uploaded file \"%.64s\"", r->hole[0]);
	return upload_get(u, m, serving_data_dir(api->serving), area, digits, e);
}

int
api_file(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	char area[UPLOAD_AREA_BYTES];
	struct upload u;

	if (find_file(api, r, &u, NULL, area, e) == -1)
		return -1;
	put_file(&p->body, &u);
	buf_addc(&p->body, '\n');
	return 0;
}

int
api_file_content(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	char area[UPLOAD_AREA_BYTES];
	struct file_map m;
	struct upload u;
	int rc = 0;

	if (find_file(api, r, &u, &m, area, e) == -1)
		return -1;
	if (u.bytes > REPLY_BODY_MAX - 1)
		rc = err_set(e, ERR_BODY_SIZE, "a file of more than %d MiB is not given back",
		    REPLY_BODY_MAX >> 20);
	else
		buf_add(&p->body, m.data, u.bytes);
	file_unmap(&m);
	p->type = "application/octet-stream";
	reply_header(p, "X-Content-Type-Options", "nosniff");
	reply_header(p, "Content-Disposition", "attachment");
	return rc;
}

struct listing {
	const char *data_dir, *area, *purpose;
	const struct page *page;
	struct page_out out;
};

static bool
is_within(const struct page *page, const char *id)
{
	int sign = page->ascending ? 1 : -1;

	return (page->after == NULL || sign * strcmp(id, page->after) > 0) &&
	    (page->before == NULL || sign * strcmp(id, page->before) < 0);
}

/* False when the page is full. */
static bool
list_file(struct listing *l, const char *id)
{
	char shown[FILE_ID_BYTES];
	struct upload u;

	snprintf(shown, sizeof shown, "file-%s", id);
	if (!is_within(l->page, shown) || upload_get(&u, NULL, l->data_dir, l->area, id, NULL) == -1 ||
	    (l->purpose != NULL && strcmp(u.purpose, l->purpose) != 0))
		return true;	/* gone meanwhile, damaged, or another's page */
	if (!page_next(&l->out, shown))
		return false;
	put_file(l->out.b, &u);
	return true;
}

int
api_files(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct listing l = {.data_dir = serving_data_dir(api->serving)};
	char area[UPLOAD_AREA_BYTES];
	char(*ids)[UPLOAD_ID_BYTES];
	struct page page;
	size_t count;

	if (file_area_of(&r->caller, area, e) == -1 ||
	    page_read(&page, r, PAGE_MAX, PAGE_MAX, e) == -1 ||
	    req_query_get(r, "purpose", &l.purpose, e) == -1 ||
	    upload_list(&ids, &count, l.data_dir, area, e) == -1)
		return -1;
	l.area = area;
	l.page = &page;
	page_begin(&l.out, &p->body, &page);
	for (size_t i = 0; i < count && list_file(&l, ids[page.ascending ? i : count - 1 - i]);)
		i++;
	free(ids);
	page_end(&l.out);
	return 0;
}

/* ---- deleting ---- */

/* From the stores first: what ends it half-way leaves a file that can be deleted again. */
int
api_file_delete(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	char area[UPLOAD_AREA_BYTES], key[DOCUMENT_PATH_BYTES + 1];
	struct upload u;

	if (find_file(api, r, &u, NULL, area, e) == -1)
		return -1;
	file_key_of(&u, key);
	if (detach_everywhere(api, r, key, e) == -1 ||
	    upload_remove(serving_data_dir(api->serving), area, u.id, e) == -1)
		return -1;
	buf_addf(&p->body, "{\"id\": \"file-%s\", \"object\": \"file\", \"deleted\": true}\n", u.id);
	return 0;
}
