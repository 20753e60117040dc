/* source_s3.c - documents from the objects of a bucket, by their whole keys. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "s3.h"
#include "source_kinds.h"
#include "utf8.h"

enum { READS_AT_ONCE = 16 };

struct s3_source {
	struct source base;
	struct s3 *s3;
	char prefix[1025];
};

/* ---- listing ---- */

struct listing {
	source_item_fn *each;
	void *context;
};

static bool
is_plain_key(const char *key)
{
	size_t n = strlen(key);

	for (const char *s = key; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return n <= DOCUMENT_PATH_BYTES && utf8_is_valid(key, n);
}

/* A key that is no text is named so that it can be told apart in a report. */
static void
write_escaped(const char *key, char out[DOCUMENT_PATH_BYTES + 1])
{
	size_t n = 0;

	for (; *key != '\0' && n + 4 < DOCUMENT_PATH_BYTES; key++) {
		unsigned char c = (unsigned char)*key;
		if (c >= 0x20 && c < 0x7f && c != '%')
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 4, "%%%02X", c);
	}
	out[n] = '\0';
}

static void
write_stamp(const char *etag, char stamp[SOURCE_STAMP_BYTES])
{
	uint8_t digest[SHA256_BYTES];
	size_t n = strlen(etag);

	if (n < SOURCE_STAMP_BYTES)
		memcpy(stamp, etag, n + 1);
	else if (hash_sha256_of(etag, n, digest, NULL) == 0)
		hash_hex(digest, stamp);
	else
		stamp[0] = '\0';
}

static const char *
why_not(const struct s3_object *o)
{
	if (o->size > DOCUMENT_BYTES_MAX)
		return "larger than 256 MiB";
	if (strcmp(o->storage_class, "GLACIER") == 0 ||
	    strcmp(o->storage_class, "DEEP_ARCHIVE") == 0)
		return "it lies in an archive and would have to be restored first";
	return NULL;
}

static int
pass_object(void *context, const struct s3_object *o, struct err *e)
{
	struct listing *l = context;
	struct source_item item = {.key = o->key, .size = o->size, .why = why_not(o)};
	char escaped[DOCUMENT_PATH_BYTES + 1];
	size_t n = strlen(o->key);

	if (o->key[n - 1] == '/' && o->size == 0)
		return 0;		/* what consoles make for a folder */
	write_stamp(o->etag, item.stamp);
	if (!is_plain_key(o->key)) {
		write_escaped(o->key, escaped);
		item.key = escaped;
		item.why = "its key is not text: control characters, or not UTF-8";
	}
	return l->each(l->context, &item, e);
}

static int
s3_source_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct s3_source *s = (struct s3_source *)base;
	struct listing l = {each, context};

	return s3_list(s->s3, s->prefix, pass_object, &l, e);
}

/* ---- reading ---- */

struct reading {
	struct s3_source *s;
	struct source_item *items;
	source_got_fn *got;
	void *context;
};

static int
start_object(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct reading *r = context;
	const struct source_item *item = &r->items[index];

	c->max_bytes = DOCUMENT_BYTES_MAX;
	c->expected_bytes = item->size == SOURCE_SIZE_UNKNOWN ? 0 : (size_t)item->size;
	return s3_ask(r->s->s3, c, "GET", item->key, e);
}

/* Written over since it was listed: what was read is the newer, and is kept as such. */
static void
take_newer(struct source_item *item, const struct http_call *c)
{
	char etag[HTTP_FIELD_BYTES], stamp[SOURCE_STAMP_BYTES];
	size_t n = strlen(c->etag);

	if (n < 2 || c->etag[0] != '"' || c->etag[n - 1] != '"')
		return;
	snprintf(etag, sizeof etag, "%.*s", (int)n - 2, c->etag + 1);
	write_stamp(etag, stamp);
	if (strcmp(stamp, item->stamp) == 0)
		return;
	memcpy(item->stamp, stamp, sizeof item->stamp);
	item->size = c->body.len;
}

static int
end_object(void *context, size_t index, struct http_call *c, const struct err *why,
    struct err *e)
{
	struct reading *r = context;
	struct source_item *item = &r->items[index];
	struct err verdict;

	if (s3_judge(r->s->s3, c, why, item->key, &verdict) == -1)
		return r->got(r->context, item, NULL, 0, &verdict, e);
	take_newer(item, c);
	if (item->size != SOURCE_SIZE_UNKNOWN && item->size != c->body.len)
		return err_set(e, ERR_PEER, "%s has %zu bytes, the listing says %llu", item->key,
		    c->body.len, (unsigned long long)item->size);
	return r->got(r->context, item, c->body.data, c->body.len, NULL, e);
}

static int
s3_source_read_each(struct source *base, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e)
{
	struct s3_source *s = (struct s3_source *)base;
	struct reading r = {s, items, got, context};

	return http_each(s3_http(s->s3), count, start_object, end_object, &r, e);
}

static void
s3_source_close(struct source *base)
{
	struct s3_source *s = (struct s3_source *)base;

	s3_close(s->s3);
	free(s);
}

int
source_s3_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	struct s3_options so = {.endpoint = o->endpoint, .region = o->region, .bucket = o->bucket,
	    .credentials_file = w->credentials_file, .profile = o->credentials,
	    .instance_metadata = w->instance_metadata};
	struct s3_source *s;

	if (strcmp(o->addressing, "auto") != 0)
		so.addressing = strcmp(o->addressing, "path") == 0 ? S3_PATH : S3_VIRTUAL;
	http_options_default(&so.http);
	so.http.at_once = READS_AT_ONCE;
	so.http.any_address = w->any_address;
	so.http.allowed = w->allowed_networks;
	snprintf(so.http.ca_file, sizeof so.http.ca_file, "%s", w->ca_file);
	if ((s = calloc(1, sizeof *s)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base = (struct source){s3_source_list, NULL, s3_source_read_each,
	    s3_source_close};
	strcpy(s->prefix, o->prefix);
	if (s3_open(&s->s3, &so, e) == -1) {
		free(s);
		return -1;
	}
	*out = &s->base;
	return 0;
}
