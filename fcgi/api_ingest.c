/* api_ingest.c - documents come in:
 *
 *   POST /ingest/{tenant}                     JSON, multipart/form-data, or one document as it is
 *   PUT  /tenants/{tenant}/documents/{id}     one document
 *   DELETE the same
 *
 * JSON is {"documents": [D, ...], "remove": ["id", ...]} or one D:
 *   D = {"id", "text" or "content" (base64), "type", "name", "title", "metadata"}
 * Bodies that are documents themselves go to disk piece by piece.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "accept.h"
#include "json.h"
#include "ledger.h"
#include "multipart.h"
#include "pushed.h"

enum { PIECE_BYTES = 64 * 1024, JSON_BODY_MAX = 32 << 20 };

/* ---- what a format is told by ---- */

static const struct {
	const char *type, *name;
} formats[] = {
    {"text/plain", "document.txt"},
    {"text/markdown", "document.md"},
    {"text/html", "document.html"},
    {"application/xhtml+xml", "document.html"},
    {"text/csv", "document.csv"},
    {"text/tab-separated-values", "document.tsv"},
    {"application/json", "document.json"},
    {"application/x-ndjson", "document.jsonl"},
    {"application/jsonl", "document.jsonl"},
    {"message/rfc822", "document.eml"},
    {"application/pdf", "document.pdf"},
    {"application/epub+zip", "document.epub"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "document.docx"},
    {"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"document.pptx"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "document.xlsx"},
    {"application/vnd.oasis.opendocument.text", "document.odt"},
};

/* A name that tells the format, NULL when the type says nothing. */
static const char *
name_of_type(const char *type)
{
	size_t n = strcspn(type, "; \t");

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strlen(formats[i].type) == n && strncasecmp(type, formats[i].type, n) == 0)
			return formats[i].name;
	return NULL;
}

static bool
has_extension(const char *key)
{
	const char *slash = strrchr(key, '/'), *dot = strrchr(slash != NULL ? slash : key, '.');

	return dot != NULL && dot[1] != '\0' && strlen(dot) <= 6 && isalpha((unsigned char)dot[1]);
}

/* An id that ends like a file's name tells it, else the announced type, else it is text. */
static const char *
format_name(const char *key, const char *name, const char *type)
{
	const char *told;

	if (name != NULL)
		return name;
	if (has_extension(key))
		return NULL;
	told = type != NULL ? name_of_type(type) : NULL;
	return told != NULL ? told : "document.txt";
}

/* ---- JSON ---- */

/* Standard base64 with padding, by libcrypto; owned by the arena. */
static int
decode(const char *text, size_t n, struct arena *a, const void **out, size_t *size,
    struct err *e)
{
	unsigned char *bytes = arena_alloc(a, n / 4 * 3 + 3);
	int got;

	if (bytes == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a document");
	if (n % 4 != 0 || strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				       "+/=") != n ||
	    (got = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n)) == -1)
		return err_set(e, ERR_INPUT, "\"content\" is not base64 with padding");
	*size = (size_t)got - (n > 0 && text[n - 1] == '=') - (n > 1 && text[n - 2] == '=');
	*out = bytes;
	return 0;
}

static int
read_bytes(struct json_object *o, struct arena *a, const void **bytes, size_t *n, bool *is_text,
    struct err *e)
{
	const char *text = NULL, *content = NULL;
	struct json_object *t;

	if (json_get_text(o, "text", false, DOCUMENT_BYTES_MAX, &text, e) == -1 ||
	    json_get_text(o, "content", false, DOCUMENT_BYTES_MAX, &content, e) == -1)
		return -1;
	if (text != NULL && content != NULL)
		return err_set(e, ERR_CONFLICT, "\"text\" and \"content\" exclude each other");
	if (text == NULL && content == NULL)
		return err_set(e, ERR_MISSING_FIELD, "\"text\" or \"content\" is missing");
	json_object_object_get_ex(o, text != NULL ? "text" : "content", &t);
	*n = (size_t)json_object_get_string_len(t);
	*is_text = text != NULL;
	if (text == NULL)
		return decode(content, *n, a, bytes, n, e);
	*bytes = text;
	return 0;
}

/* Of a document without a name the content is its name: the same again is the same. */
static int
name_document(const void *bytes, size_t n, struct arena *a, const char **key, struct err *e)
{
	char hex[SHA256_HEX_BYTES], name[40];
	uint8_t digest[SHA256_BYTES];

	if (hash_sha256_of(bytes, n, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	snprintf(name, sizeof name, "doc-%.24s", hex);
	*key = arena_copy(a, name, strlen(name));
	return *key != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a name");
}

static int
read_meta(struct json_object *o, const char **meta, struct err *e)
{
	struct json_object *m = NULL;

	*meta = NULL;
	if (json_get_object(o, "metadata", false, &m, e) == -1)
		return -1;
	if (m == NULL)
		return 0;
	*meta = json_object_to_json_string_ext(m, JSON_C_TO_STRING_PLAIN);
	return strlen(*meta) <= INBOX_META_BYTES ?
	    0 :
	    err_set(e, ERR_RANGE, "\"metadata\" is larger than %d bytes", INBOX_META_BYTES);
}

/* key NULL: the document says it. */
static int
take_json(struct inbox_entry *n, struct json_object *o, const char *key, struct arena *a,
    struct err *e)
{
	static const char *const members[] = {
	    "id", "text", "content", "type", "name", "title", "metadata", NULL};
	struct inbox_item item = {0};
	const void *bytes = NULL;
	bool is_text = false;
	size_t size = 0;

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_TYPE, "a document must be an object");
	if (json_only(o, members, e) == -1 || read_bytes(o, a, &bytes, &size, &is_text, e) == -1 ||
	    json_get_text(o, "id", false, DOCUMENT_PATH_BYTES, &item.key, e) == -1 ||
	    json_get_text(o, "type", false, 255, &item.type, e) == -1 ||
	    json_get_text(o, "name", false, DOCUMENT_PATH_BYTES, &item.name, e) == -1 ||
	    json_get_text(o, "title", false, DOCUMENT_PATH_BYTES, &item.title, e) == -1 ||
	    read_meta(o, &item.meta, e) == -1)
		return -1;
	if (key != NULL && item.key != NULL && strcmp(key, item.key) != 0)
		return err_set(e, ERR_CONFLICT, "\"id\" is not the one in the address");
	if (key != NULL)
		item.key = key;
	if (item.key == NULL && name_document(bytes, size, a, &item.key, e) == -1)
		return -1;
	if (pushed_check_key(item.key, e) == -1)
		return -1;
	item.name = format_name(item.key, item.name, item.type);
	if (is_text && item.name == NULL && item.type != NULL)
		item.name = name_of_type(item.type);
	if (inbox_write(n, bytes, size, e) == -1)
		return -1;
	return inbox_put(n, &item, e);
}

static int
take_list(struct inbox_entry *n, struct json_object *body, struct arena *a, struct err *e)
{
	static const char *const members[] = {"documents", "remove", NULL};
	struct json_object *documents = NULL, *remove = NULL, *o;

	if (json_only(body, members, e) == -1 ||
	    json_get_array(body, "documents", false, &documents, e) == -1 ||
	    json_get_array(body, "remove", false, &remove, e) == -1)
		return -1;
	for (size_t i = 0; documents != NULL && i < json_object_array_length(documents); i++)
		if (take_json(n, json_object_array_get_idx(documents, i), NULL, a, e) == -1) {
			err_prefix(e, "documents[%zu]", i);
			return -1;
		}
	for (size_t i = 0; remove != NULL && i < json_object_array_length(remove); i++) {
		o = json_object_array_get_idx(remove, i);
		if (!json_object_is_type(o, json_type_string))
			return err_set(e, ERR_TYPE, "remove[%zu] must be a text", i);
		if (pushed_check_key(json_object_get_string(o), e) == -1 ||
		    inbox_remove(n, json_object_get_string(o), e) == -1)
			return -1;
	}
	return 0;
}

static int
take_json_body(struct inbox_entry *n, struct req *r, const char *key, struct err *e)
{
	struct json_object *body, *o;
	bool is_list;
	int rc;

	if (req_need_json(r, e) == -1 || req_read_body(r, JSON_BODY_MAX, e) == -1 ||
	    json_parse_object(&body, r->body, r->content_length, e) == -1)
		return -1;
	is_list = key == NULL && (json_object_object_get_ex(body, "documents", &o) ||
				     json_object_object_get_ex(body, "remove", &o));
	rc = is_list ? take_list(n, body, r->arena, e) : take_json(n, body, key, r->arena, e);
	json_object_put(body);
	return rc;
}

/* ---- files ---- */

static int
take_part(struct inbox_entry *n, struct multipart *m, const char *key, const char *title,
    const char *meta, struct err *e)
{
	const char *told = format_name(m->file, NULL, m->type);
	const struct inbox_item item = {.key = key, .type = m->type[0] != '\0' ? m->type : NULL,
	    .name = told != NULL ? told : m->file, .title = title, .meta = meta};
	char piece[PIECE_BYTES];
	long got;

	if (pushed_check_key(key, e) == -1)
		return -1;
	while ((got = multipart_read(m, piece, sizeof piece, e)) > 0)
		if (inbox_write(n, piece, (size_t)got, e) == -1)
			return -1;
	return got == 0 ? inbox_put(n, &item, e) : -1;
}

static int
check_meta(const char *meta, struct err *e)
{
	struct json_object *o;

	if (json_parse_object(&o, meta, strlen(meta), e) == -1) {
		err_prefix(e, "metadata");
		return -1;
	}
	json_object_put(o);
	return 0;
}

/* Fields before the file they are about: id, title, metadata. */
static int
take_parts(struct inbox_entry *n, struct req *r, const char *key, struct err *e)
{
	struct multipart *m = arena_alloc(r->arena, sizeof *m);
	const char *id = key, *title = NULL, *meta = NULL;
	int got;

	if (m == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an upload");
	if (multipart_open(m, r, e) == -1)
		return -1;
	while ((got = multipart_next(m, e)) == 1) {
		if (m->file[0] != '\0') {
			if (take_part(n, m, id != NULL ? id : m->file, title, meta, e) == -1)
				return -1;
			id = title = meta = NULL;
		} else if (strcmp(m->name, "id") == 0) {
			if ((id = multipart_text(m, DOCUMENT_PATH_BYTES, e)) == NULL)
				return -1;
		} else if (strcmp(m->name, "title") == 0) {
			if ((title = multipart_text(m, DOCUMENT_PATH_BYTES, e)) == NULL)
				return -1;
		} else if (strcmp(m->name, "metadata") == 0) {
			if ((meta = multipart_text(m, INBOX_META_BYTES, e)) == NULL ||
			    check_meta(meta, e) == -1)
				return -1;
		} else {
			return err_set(e, ERR_UNKNOWN_FIELD,
			    "the field \"%.64s\" means nothing here", m->name);
		}
	}
	return got;
}

/* The body is the document. */
static int
take_raw(struct inbox_entry *n, struct req *r, const char *key, struct err *e)
{
	struct inbox_item item = {.key = key, .type = r->content_type[0] != '\0' ? r->content_type : NULL};
	char piece[PIECE_BYTES];
	size_t sent = 0;
	long got;

	if (key == NULL)
		return err_set(e, ERR_MISSING_FIELD,
		    "a document that is the body needs \"id\" in the address");
	if (pushed_check_key(key, e) == -1 ||
	    req_query_get(r, "title", &item.title, e) == -1)
		return -1;
	for (; (got = req_read(r, piece, sizeof piece, e)) > 0; sent += (size_t)got)
		if (inbox_write(n, piece, (size_t)got, e) == -1)
			return -1;
	if (got == -1)
		return -1;
	if (sent == 0)
		return err_set(e, ERR_EMPTY_BODY, "the request has no body");
	item.name = format_name(key, NULL, item.type);
	return inbox_put(n, &item, e);
}

static bool
is_json(const struct req *r)
{
	return strncasecmp(r->content_type, "application/json", 16) == 0;
}

/* ---- the routes ---- */

static int
take_body(struct api *api, struct req *r, struct reply *p, const char *key, struct err *e)
{
	struct inbox_entry n;
	int rc = -1;

	if (accept_body(api, r, e) == -1)
		return -1;
	if (accept_begin(api, r, p, r->hole[0], &n, e) == 0 &&
	    (is_json(r)       ? take_json_body(&n, r, key, e) :
		multipart_is(r) ? take_parts(&n, r, key, e) :
				  take_raw(&n, r, key, e)) == 0)
		rc = accept_end(api, r, p, &n, e);
	inbox_abandon(&n);
	return rc;
}

int
api_ingest(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const char *id = NULL;

	if (!is_json(r) && req_query_get(r, "id", &id, e) == -1)
		return -1;
	return take_body(api, r, p, id, e);
}

int
api_document_put(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	return take_body(api, r, p, r->hole[1], e);
}

/* What the tenant's own source names cannot be removed here: the next build would bring it
 * back. */
static int
check_removable(struct api *api, const char *tenant, const char *key, struct err *e)
{
	const char *data = serving_data_dir(api->serving);
	struct inbox_limits waits = {0};
	bool goes = false;
	struct index *x;

	if (inbox_count(data, tenant, &waits, e) == -1 ||
	    ledger_is_removing(data, tenant, key, &goes, e) == -1)
		return -1;
	if (pushed_has(data, tenant, key) || waits.entries > 0 || goes ||
	    serving_get(api->serving, tenant, &x, NULL) == -1 ||
	    store_has_document(x->store, key, e) != 1)
		return 0;
	return err_set(e, ERR_NOT_PUSHED,
	    "the document comes from the tenant's source: it is to be removed there");
}

int
api_document_delete(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const char *tenant = r->hole[0], *key = r->hole[1];
	struct inbox_entry n;
	int rc = -1;

	if (accept_begin(api, r, p, tenant, &n, e) == 0 && pushed_check_key(key, e) == 0 &&
	    check_removable(api, tenant, key, e) == 0 && inbox_remove(&n, key, e) == 0)
		rc = accept_end(api, r, p, &n, e);
	inbox_abandon(&n);
	return rc;
}
