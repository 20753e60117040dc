/* store_files.h - files of vector stores on OpenAI's wire: what a request says of them, and how
 * they are told.
 *
 * Bounds  attributes: STORE_PAIRS_MAX texts, numbers or truth values; names that every document
 *         has here anyway (path, title, kind, folder, bytes) are refused.
 * Errors  ERR_TYPE, ERR_RANGE, ERR_CONFLICT, ERR_MISSING_FIELD, ERR_UNKNOWN_FIELD, naming the
 *         member; ERR_FILE for an uploaded file that is not the caller's.
 * Memory  arena, or borrowed from the request's body.
 */
#ifndef RAGPOOL_STORE_FILES_H
#define RAGPOOL_STORE_FILES_H

#include "accept.h"
#include "attached.h"
#include "page.h"
#include "store_about.h"

enum { STORE_POLL_MS = 300 };	/* how long a client is asked to wait before it looks again */

/* ---- what is asked for ---- */

struct store_file_wish {
	char digits[UPLOAD_ID_BYTES];	/* of the file's id */
	const char *meta;		/* its attributes; NULL: none */
};

/* The attributes of an object as text; *meta NULL: none are given, or null. */
int store_file_read_attributes(
    struct json_object *o, const char **meta, struct arena *a, struct err *e);
/* "chunking_strategy": auto, or static as the store cuts; sizes 0 and -1 when it is auto.  What
 * is none of the two is refused. */
int store_file_read_chunking(
    struct json_object *o, int64_t *size, int64_t *overlap, struct err *e);
int store_file_check_chunking(
    struct json_object *o, const struct store_about *about, struct err *e);
/* {"file_id", "attributes", "chunking_strategy"} */
int store_file_read_wish(struct store_file_wish *w, struct json_object *o,
    const struct store_about *about, struct arena *a, struct err *e);
int store_file_read_id(struct store_file_wish *w, struct json_object *id, struct err *e);

/* ---- what is done ---- */

/* The file's key among a store's documents, with what is known of the upload. */
int store_file_find(struct api *api, const struct req *r, const struct store_file_wish *w,
    struct upload *u, char key[DOCUMENT_PATH_BYTES + 1], struct err *e);
/* All of them into one entry, durable when it returns 0; `entry` is its id.  One that is attached
 * already gets its attributes, and keeps those it has when none are given. */
int store_files_attach(struct api *api, const struct req *r, struct attached_view *v,
    const struct store_file_wish *wishes, size_t count, char entry[INBOX_ID_BYTES],
    struct err *e);

/* ---- what is told ---- */

int store_file_put_attributes(struct buf *b, const char *meta, struct err *e);
int store_file_put(struct buf *b, const char *tenant, const struct store_about *about,
    const struct attached *d, struct err *e);

struct store_file_listing {
	struct attached_view *view;
	const struct store_about *about;
	const struct page *page;
	enum attached_state only;	/* ATTACHED_STATE_MAX: all */
	struct page_out out;
};

/* limit, order, after, before and filter; begins the list. */
int store_files_begin(struct store_file_listing *l, struct page *page, struct attached_view *v,
    const struct store_about *about, const struct req *r, struct buf *b, struct err *e);
/* 1: the page is full, or ends before this one. */
int store_files_list(struct store_file_listing *l, const char *key, struct err *e);
void store_files_end(struct store_file_listing *l);

#endif
