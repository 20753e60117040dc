/* exchange_import.c - documents and chunks out of JSON lines, as if a build had made them. */
#include "exchange.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "arena.h"
#include "base64.h"
#include "bounds.h"
#include "buf.h"
#include "db.h"
#include "hash.h"
#include "inbox.h"
#include "json.h"
#include "knowledge_exchange.h"
#include "pushed.h"
#include "utf8.h"
#include "vectors.h"

#define LINE_BYTES_MAX ((size_t)1 << 30)
#define WORDS_MAX ((size_t)1 << 30)
enum {
	CHUNKS_MAX = 1 << 20,		/* of one document */
	HEADING_BYTES = 4096,
	TITLE_BYTES = 4096,
	META_BYTES = SOURCE_META_BYTES,
	PARAMS_BYTES = 256,
	VECTORS_MAX = 64,		/* models of one passage */
	PAGE_MAX = 1 << 24,
	BATCH_DOCUMENTS = 256,
	BATCH_BYTES = 64 << 20,
};

struct importing {
	const char *data_dir, *tenant;
	struct knowledge *k;
	struct vectors *vectors;
	uint32_t identity;		/* of these */
	struct buf line, text, passage;
	struct arena words;
	float vector[INDEX_DIM_MAX];
	struct inbox_entry entry;	/* of this batch */
	bool is_open;
	bool broke;			/* not for the line's sake */
	struct exchange_report *report;
};

/* ---- lines ---- */

/* 1: a line without its end; 0: there is no more; -1 with ERR_LIMIT: it was too long, and was
 * passed over, else the file could not be read. */
static int
read_line(struct importing *x, FILE *in, struct err *e)
{
	bool is_long = false;
	int c, n = 0;

	buf_reset(&x->line);
	while ((c = getc(in)) != EOF && c != '\n') {
		n = 1;
		if (x->line.len < LINE_BYTES_MAX)
			buf_addc(&x->line, (char)c);
		else
			is_long = true;
	}
	if (ferror(in))
		return err_sys(e, ERR_IO, "the input");
	if (is_long || x->line.failed)
		return err_set(e, ERR_LIMIT, "the line is longer than a document may be");
	buf_add(&x->line, "", 0);
	return c == EOF && n == 0 ? 0 : 1;
}

/* ---- one document ---- */

static bool
is_boundary(const char *text, size_t len, uint64_t at)
{
	return at == len || ((unsigned char)text[at] & 0xc0) != 0x80;
}

/* The words of a span are those of the text, where it says them. */
static int
check_span(const struct knowledge_document *d, uint64_t start, uint64_t end, const char *said,
    struct err *e)
{
	if (start > end || end > d->text_len || !is_boundary(d->text, d->text_len, start) ||
	    !is_boundary(d->text, d->text_len, end))
		return err_set(e, ERR_RANGE, "it is not a span of the text");
	if (said != NULL &&
	    (strlen(said) != end - start || memcmp(said, d->text + start, end - start) != 0))
		return err_set(e, ERR_INPUT, "its \"text\" is not what the span holds");
	return 0;
}

static int
read_span(struct json_object *o, uint64_t *start, uint64_t *end, const char **heading,
    uint32_t *page, const char **text, struct err *e)
{
	int64_t from = 0, to = 0, at = 0;

	*heading = "";
	if (json_get_int(o, "start", true, 0, DOCUMENT_BYTES_MAX, &from, e) == -1 ||
	    json_get_int(o, "end", true, 0, DOCUMENT_BYTES_MAX, &to, e) == -1 ||
	    json_get_text(o, "heading", false, HEADING_BYTES, heading, e) == -1 ||
	    json_get_int(o, "page", false, 0, PAGE_MAX, &at, e) == -1 ||
	    json_get_text(o, "text", false, DOCUMENT_BYTES_MAX, text, e) == -1)
		return -1;
	*start = (uint64_t)from;
	*end = (uint64_t)to;
	*page = (uint32_t)at;
	return 0;
}

static int
read_chunk(struct json_object *o, struct store_chunk *c, const char **text,
    const char **parent_text, struct err *e)
{
	static const char *const names[] = {
	    "start", "end", "heading", "page", "text", "parent", "vectors", NULL};
	struct json_object *parent = NULL;

	*text = *parent_text = NULL;
	*c = (struct store_chunk){.parent.heading = ""};
	if (json_only(o, names, e) == -1 ||
	    read_span(o, &c->start, &c->end, &c->heading, &c->page, text, e) == -1 ||
	    json_get_object(o, "parent", false, &parent, e) == -1)
		return -1;
	if (parent == NULL ||
	    read_span(parent, &c->parent.start, &c->parent.end, &c->parent.heading,
		&c->parent.page, parent_text, e) == 0)
		return 0;
	err_prefix(e, "parent");
	return -1;
}

/* An export of a generation has no text but that of its chunks: what lies between them was
 * in none, and becomes white space. */
static int
lay(struct buf *text, uint64_t start, uint64_t end, const char *words, struct err *e)
{
	if (words == NULL || start > end || strlen(words) != end - start)
		return err_set(e, ERR_INPUT, "without the document's text each span needs its own");
	while (text->len < end && !text->failed)
		buf_addc(text, '\n');
	if (buf_check(text, "a text", e) == -1)
		return -1;
	memcpy(text->data + start, words, end - start);
	return 0;
}

static int
read_chunks(struct importing *x, struct json_object *list, struct knowledge_document *d,
    bool lays, struct err *e)
{
	struct store_chunk *chunks = arena_calloc(&x->words, d->count, sizeof *chunks);
	const char *text, *parent;

	if (chunks == NULL)
		return err_set(e, ERR_NOMEM, "no memory for chunks");
	d->chunks = chunks;
	for (size_t i = 0; i < d->count; i++) {
		struct store_chunk *c = &chunks[i];
		struct json_object *o = json_object_array_get_idx(list, i);
		int rc = json_object_is_type(o, json_type_object) ?
		    read_chunk(o, c, &text, &parent, e) :
		    err_set(e, ERR_TYPE, "it is not an object");
		if (rc == 0 && lays)
			rc = lay(&x->text, c->start, c->end, text, e) == -1 ||
				(parent != NULL &&
				    lay(&x->text, c->parent.start, c->parent.end, parent, e) == -1) ?
			    -1 :
			    0;
		else if (rc == 0)
			rc = check_span(d, c->start, c->end, text, e) == -1 ||
				check_span(d, c->parent.start, c->parent.end, parent, e) == -1 ?
			    -1 :
			    0;
		if (rc == -1) {
			err_prefix(e, "chunks[%zu]", i);
			return -1;
		}
	}
	if (lays) {
		buf_add(&x->text, "", 0);
		d->text = x->text.data != NULL ? x->text.data : "";
		d->text_len = x->text.len;
	}
	return 0;
}

static int
read_document(struct importing *x, struct json_object *o, struct knowledge_document *d,
    struct json_object **chunks, struct err *e)
{
	static const char *const names[] = {"key", "title", "charset", "bytes", "sha256", "cut",
	    "meta", "text", "chunks", NULL};
	struct json_object *meta = NULL;
	const char *text = NULL;

	*d = (struct knowledge_document){.title = "", .charset = "utf-8", .params = "",
	    .meta = "{}", .text = ""};
	if (json_only(o, names, e) == -1 ||
	    json_get_text(o, "key", true, DOCUMENT_PATH_BYTES, &d->key, e) == -1 ||
	    json_get_text(o, "title", false, TITLE_BYTES, &d->title, e) == -1 ||
	    json_get_text(o, "charset", false, 64, &d->charset, e) == -1 ||
	    json_get_text(o, "cut", false, PARAMS_BYTES, &d->params, e) == -1 ||
	    json_get_text(o, "text", false, DOCUMENT_BYTES_MAX, &text, e) == -1 ||
	    json_get_object(o, "meta", false, &meta, e) == -1 ||
	    json_get_array(o, "chunks", true, chunks, e) == -1)
		return -1;
	if (meta != NULL)
		d->meta = json_object_to_json_string_ext(meta, JSON_C_TO_STRING_PLAIN);
	if (strlen(d->meta) > META_BYTES)
		return err_set(e, ERR_LIMIT, "\"meta\" is larger than %d KiB", META_BYTES >> 10);
	if ((d->count = json_object_array_length(*chunks)) > CHUNKS_MAX || d->count == 0)
		return err_set(e, ERR_RANGE, "a document has 1 to %d chunks", CHUNKS_MAX);
	buf_reset(&x->text);
	d->text = text;
	d->text_len = text != NULL ? strlen(text) : 0;
	return read_chunks(x, *chunks, d, text == NULL, e);
}

/* ---- vectors ---- */

static int
read_values(struct importing *x, struct json_object *o, uint32_t *dim, struct err *e)
{
	struct json_object *values = NULL;
	const char *f32 = NULL;
	size_t n = 0;

	if (json_get_text(o, "f32", false, INDEX_DIM_MAX * 6, &f32, e) == -1 ||
	    json_get_array(o, "values", false, &values, e) == -1)
		return -1;
	if (f32 != NULL) {
		if (!base64url_decode(f32, strlen(f32), (uint8_t *)x->vector, sizeof x->vector, &n) ||
		    n == 0 || n % sizeof x->vector[0] != 0)
			return err_set(e, ERR_DIMENSION, "\"f32\" is not base64url of floats");
		n /= sizeof x->vector[0];
	} else if (values != NULL) {
		n = json_object_array_length(values);
		if (n == 0 || n > INDEX_DIM_MAX)
			return err_set(e, ERR_DIMENSION, "a vector has 1 to %d numbers", INDEX_DIM_MAX);
		for (size_t i = 0; i < n; i++) {
			struct json_object *v = json_object_array_get_idx(values, i);
			if (!json_object_is_type(v, json_type_double) &&
			    !json_object_is_type(v, json_type_int))
				return err_set(e, ERR_TYPE, "\"values\" are numbers");
			x->vector[i] = (float)json_object_get_double(v);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (!isfinite(x->vector[i]))
			return err_set(e, ERR_RANGE, "a vector's number is not finite");
	*dim = (uint32_t)n;
	return 0;
}

/* writes false: everything is read and judged, nothing kept. */
static int
take_vector(struct importing *x, struct json_object *o, const uint8_t hash[SHA256_BYTES],
    bool writes, struct err *e)
{
	static const char *const names[] = {"identity", "f32", "values", NULL};
	int64_t identity = 0;
	uint32_t dim = 0;

	if (!json_object_is_type(o, json_type_object))
		return err_set(e, ERR_TYPE, "a vector is an object");
	if (json_only(o, names, e) == -1 ||
	    json_get_int(o, "identity", true, 0, UINT32_MAX, &identity, e) == -1 ||
	    read_values(x, o, &dim, e) == -1)
		return -1;
	if (!writes || identity == 0 || dim == 0)
		return 0;
	if (x->vectors == NULL || x->identity != (uint32_t)identity) {
		vectors_close(x->vectors);
		x->identity = (uint32_t)identity;
		if (vectors_open(&x->vectors, knowledge_db(x->k), x->identity, e) == -1)
			return -1;
	}
	x->report->vectors++;
	return vectors_add(x->vectors, hash, x->vector, dim, e);
}

static int
take_vectors(struct importing *x, const struct knowledge_document *d, struct json_object *chunks,
    bool writes, struct err *e)
{
	uint8_t hash[SHA256_BYTES];
	struct json_object *list;

	for (size_t i = 0; i < d->count; i++) {
		const struct store_chunk *c = &d->chunks[i];
		list = NULL;
		if (json_get_array(json_object_array_get_idx(chunks, i), "vectors", false, &list, e) ==
		    -1)
			return -1;
		if (list == NULL)
			continue;
		if (json_object_array_length(list) > VECTORS_MAX)
			return err_set(e, ERR_RANGE, "chunks[%zu]: at most %d vectors", i, VECTORS_MAX);
		buf_reset(&x->passage);
		passage_put(&x->passage, d->title, c->heading, d->text + c->start, c->end - c->start);
		if (buf_check(&x->passage, "a passage", e) == -1 ||
		    hash_sha256_of(x->passage.data, x->passage.len, hash, e) == -1)
			return -1;
		for (size_t v = 0; v < json_object_array_length(list); v++)
			if (take_vector(x, json_object_array_get_idx(list, v), hash, writes, e) == -1) {
				err_prefix(e, "chunks[%zu]", i);
				return -1;
			}
	}
	return 0;
}

/* ---- keeping ---- */

/* What it is told to be when it is cut anew one day: its text is all that is left of it. */
static const char *
name_of(struct json_object *o)
{
	struct json_object *meta = NULL;
	const char *kind = "";

	if (json_get_object(o, "meta", false, &meta, NULL) == -1 || meta == NULL ||
	    json_get_text(meta, "kind", false, 64, &kind, NULL) == -1)
		return "text.txt";
	return strcmp(kind, "markdown") == 0 ? "text.md" : "text.txt";
}

/* A batch is a transaction of source.db and, after it, an entry of the inbox.  With the entry the
 * documents are accepted, like those sent by the API; what source.db was given before is only what
 * the build needs not make again, and goes if the entry never comes. */
static int
begin_batch(struct importing *x, struct err *e)
{
	if (x->is_open)
		return 0;
	if (db_run(knowledge_db(x->k), "begin immediate", e) == -1)
		return -1;
	x->is_open = true;
	return inbox_begin(&x->entry, x->data_dir, x->tenant, e);
}

static void
abandon_batch(struct importing *x)
{
	if (!x->is_open)
		return;
	x->is_open = false;
	inbox_abandon(&x->entry);
	db_run(knowledge_db(x->k), "rollback", NULL);
}

static int
end_batch(struct importing *x, struct err *e)
{
	const struct inbox_limits limits = {0};
	char id[INBOX_ID_BYTES];
	bool existed;

	if (!x->is_open)
		return 0;
	if (x->entry.items == 0) {
		abandon_batch(x);
		return 0;
	}
	if (db_run(knowledge_db(x->k), "commit", e) == -1) {
		abandon_batch(x);
		return -1;
	}
	x->is_open = false;
	return inbox_commit(&x->entry, &limits, NULL, id, &existed, e);
}

static int
send_document(struct importing *x, struct json_object *o, const struct knowledge_document *d,
    struct err *e)
{
	char title[DOCUMENT_PATH_BYTES + 1];
	const struct inbox_item item = {.key = d->key, .name = name_of(o), .meta = d->meta,
	    .title = d->title[0] != '\0' ? title : NULL};
	size_t n = strlen(d->title);

	if (n >= sizeof title)
		n = utf8_floor(d->title, sizeof title - 1);
	snprintf(title, sizeof title, "%.*s", (int)n, d->title);
	return inbox_write(&x->entry, d->text, d->text_len, e) == -1 ?
	    -1 :
	    inbox_put(&x->entry, &item, e);
}

static int
keep(struct importing *x, struct json_object *o, struct knowledge_document *d,
    struct json_object *chunks, struct err *e)
{
	char hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];

	if (pushed_check_key(d->key, e) == -1 ||
	    hash_sha256_of(d->text, d->text_len, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	d->sha256 = hex;
	d->bytes = d->text_len;
	if (begin_batch(x, e) == -1 || knowledge_import(x->k, d, e) == -1 ||
	    take_vectors(x, d, chunks, true, e) == -1 || send_document(x, o, d, e) == -1) {
		x->broke = true;
		return -1;
	}
	x->report->documents++;
	x->report->chunks += d->count;
	if (x->entry.items < BATCH_DOCUMENTS && x->entry.bytes < BATCH_BYTES)
		return 0;
	x->broke = end_batch(x, e) == -1;
	return x->broke ? -1 : 0;
}

/* Faults of the line are not those of the import. */
static bool
is_of_the_line(const struct err *e)
{
	return e->code != ERR_IO && e->code != ERR_NOMEM && e->code != ERR_PERMISSION;
}

/* Judged as a whole before anything of it is kept. */
static int
take_line(struct importing *x, struct err *e)
{
	struct knowledge_document d;
	struct json_object *o, *chunks;
	int rc = -1;

	if (json_parse_object(&o, x->line.data, x->line.len, e) == -1)
		return -1;
	arena_reset(&x->words);
	if (read_document(x, o, &d, &chunks, e) == 0 && take_vectors(x, &d, chunks, false, e) == 0)
		rc = keep(x, o, &d, chunks, e);
	json_object_put(o);
	return rc;
}

static int
check_head(const struct importing *x, struct err *e)
{
	struct json_object *o;
	int64_t version;
	int rc;

	if (json_parse_object(&o, x->line.data, x->line.len, e) == -1)
		return -1;
	rc = json_get_int(o, "ragpool_export", true, 1, INT64_MAX, &version, e);
	if (rc == 0 && version != 1)
		rc = err_set(e, ERR_FORMAT_NEW, "an export of format %lld, this program reads 1",
		    (long long)version);
	json_object_put(o);
	return rc;
}

static int
take_lines(struct importing *x, FILE *in,
    void (*refused)(void *context, uint64_t line, const struct err *why), void *context,
    struct err *e)
{
	struct err why;
	int got;

	if (read_line(x, in, e) != 1 || check_head(x, e) == -1)
		return err_set(e, ERR_INPUT, "line 1: not an export of ragpool");
	for (uint64_t line = 2; (got = read_line(x, in, &why)) != 0; line++) {
		if (got == 1 && (x->line.len == 0 || take_line(x, &why) == 0))
			continue;
		if (x->broke || !is_of_the_line(&why))
			return err_set(e, why.code, "line %llu: %s", (unsigned long long)line, why.text);
		x->report->refused++;
		refused(context, line, &why);
	}
	return end_batch(x, e);
}

int
exchange_import(const char *data_dir, const char *tenant, FILE *in,
    void (*refused)(void *context, uint64_t line, const struct err *why), void *context,
    struct exchange_report *report, struct err *e)
{
	struct importing *x = calloc(1, sizeof *x);
	int rc = -1;

	*report = (struct exchange_report){0};
	if (x == NULL)
		return err_sys(e, ERR_NOMEM, "an import");
	x->data_dir = data_dir;
	x->tenant = tenant;
	x->report = report;
	buf_init(&x->line, LINE_BYTES_MAX);
	buf_init(&x->text, DOCUMENT_BYTES_MAX);
	buf_init(&x->passage, DOCUMENT_BYTES_MAX);
	arena_init(&x->words, WORDS_MAX);
	if (inbox_make(data_dir, e) == 0 && knowledge_open(&x->k, data_dir, tenant, e) == 0)
		rc = take_lines(x, in, refused, context, e);
	abandon_batch(x);
	vectors_close(x->vectors);
	knowledge_close(x->k);
	buf_fini(&x->line);
	buf_fini(&x->text);
	buf_fini(&x->passage);
	arena_fini(&x->words);
	free(x);
	return rc;
}
