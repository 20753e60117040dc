/* s3.c - requests to a bucket, signed, and what their answers mean. */
#include "s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "hash.h"
#include "s3_keys.h"
#include "s3_names.h"
#include "sigv4.h"
#include "url.h"
#include "xml_walk.h"

enum { PAGE_BYTES_MAX = 16 << 20, PAGES_MAX = 100 * 1000, HEADERS_MAX = 16 * 1024 };

struct s3 {
	struct http *http;
	struct s3_keys keys;
	char region[64];
	char origin[URL_ORIGIN_BYTES];	/* http://host:port, the bucket in it if virtual */
	char root[80];			/* "/bucket" or "" */
};

/* ---- opening ---- */

static const char *
region_of(const struct s3_options *o)
{
	const char *variables[] = {"AWS_REGION", "AWS_DEFAULT_REGION"}, *value;

	if (o->region[0] != '\0')
		return o->region;
	for (size_t i = 0; i < 2; i++)
		if ((value = getenv(variables[i])) != NULL && value[0] != '\0')
			return value;
	return "us-east-1";
}

static int
set_place(struct s3 *s, const struct s3_options *o, struct err *e)
{
	char endpoint[URL_ORIGIN_BYTES];
	bool is_virtual = o->addressing == S3_VIRTUAL ||
	    (o->addressing == S3_AUTO && o->endpoint[0] == '\0' && strchr(o->bucket, '.') == NULL);
	const char *host;
	int n;

	if (s3_bucket_check(o->bucket, e) == -1 || s3_region_check(region_of(o), e) == -1)
		return -1;
	snprintf(s->region, sizeof s->region, "%s", region_of(o));
	if (o->endpoint[0] == '\0')
		snprintf(endpoint, sizeof endpoint, "https://s3.%s.amazonaws.com%s", s->region,
		    strncmp(s->region, "cn-", 3) == 0 ? ".cn" : "");
	else if (url_origin(endpoint, o->endpoint, e) == -1)
		return -1;
	if (!is_virtual) {
		snprintf(s->origin, sizeof s->origin, "%s", endpoint);
		snprintf(s->root, sizeof s->root, "/%s", o->bucket);
		return 0;
	}
	host = strstr(endpoint, "://") + 3;
	n = snprintf(s->origin, sizeof s->origin, "%.*s%s.%s", (int)(host - endpoint), endpoint,
	    o->bucket, host);
	return n < (int)sizeof s->origin ? 0 : err_set(e, ERR_CONFIG, "the endpoint is too long");
}

int
s3_open(struct s3 **out, const struct s3_options *o, struct err *e)
{
	struct s3 *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for S3");
	snprintf(s->keys.file, sizeof s->keys.file, "%s", o->credentials_file);
	snprintf(s->keys.profile, sizeof s->keys.profile, "%s", o->profile);
	s->keys.instance_metadata = o->instance_metadata;
	if (set_place(s, o, e) == -1 || http_new(&s->http, &o->http, e) == -1 ||
	    s3_keys_find(&s->keys, e) == -1) {
		s3_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
s3_close(struct s3 *s)
{
	if (s == NULL)
		return;
	http_free(s->http);
	secrets_wipe(&s->keys.secrets);
	free(s);
}

struct http *
s3_http(struct s3 *s)
{
	return s->http;
}

/* ---- asking ---- */

static int
add_lines(struct buf *headers, struct curl_slist **lines, struct err *e)
{
	char *next;

	for (char *line = headers->data; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		if (http_add_header(lines, line, e) == -1)
			return -1;
	}
	return 0;
}

/* Signed anew for every attempt: the date is part of it. */
static int
sign_call(struct http_call *c, struct curl_slist **lines, struct err *e)
{
	struct s3 *s = c->context;
	const struct secrets *k = &s->keys.secrets;
	struct sigv4_key key = {k->access_key, k->secret_key, k->session_token};
	char path[URL_BYTES_MAX + 1], sha256[SHA256_HEX_BYTES] = SIGV4_EMPTY_SHA256, *query;
	struct sigv4_request r = {.method = c->method, .host = strstr(s->origin, "://") + 3,
	    .path = path, .query = "", .payload_sha256 = sha256, .region = s->region,
	    .service = "s3", .now = time(NULL)};
	uint8_t digest[SHA256_BYTES];
	struct buf headers;
	int rc = -1;

	if (s->keys.is_anonymous)
		return 0;
	snprintf(path, sizeof path, "%s", c->url.data + strlen(s->origin));
	if ((query = strchr(path, '?')) != NULL) {
		*query = '\0';
		r.query = query + 1;
	}
	if (c->send_bytes > 0) {
		if (hash_sha256_of(c->send, c->send_bytes, digest, e) == -1)
			return -1;
		hash_hex(digest, sha256);
	}
	buf_init(&headers, HEADERS_MAX);
	if (s3_keys_renew(&s->keys, e) == 0 && sigv4_sign(&r, &key, &headers, e) == 0)
		rc = add_lines(&headers, lines, e);
	if (headers.data != NULL)
		explicit_bzero(headers.data, headers.cap);
	buf_fini(&headers);
	return rc;
}

/* The code and message of an error's XML, each "" without one. */
struct trouble {
	char code[64];
	char message[200];
};

static int
take_trouble(void *context, const char *path, const char *text, struct err *e)
{
	struct trouble *t = context;

	(void)e;
	if (strcmp(path, "/Error/Code") == 0)
		snprintf(t->code, sizeof t->code, "%s", text);
	else if (strcmp(path, "/Error/Message") == 0)
		snprintf(t->message, sizeof t->message, "%s", text);
	return 0;
}

static void
read_trouble(const struct http_call *c, struct trouble *t)
{
	*t = (struct trouble){0};
	if (c->body.len > 0 && c->body.data != NULL)
		xml_walk(c->body.data, c->body.len, take_trouble, t, NULL);
}

static bool
is_passing_trouble(struct http_call *c)
{
	struct trouble t;

	read_trouble(c, &t);
	return strcmp(t.code, "RequestTimeout") == 0 || strcmp(t.code, "SlowDown") == 0 ||
	    strcmp(t.code, "OperationAborted") == 0;
}

static void
begin_call(struct s3 *s, struct http_call *c, const char *method)
{
	c->method = method;
	c->headers = sign_call;
	c->is_transient = is_passing_trouble;
	c->context = s;
	buf_adds(&c->url, s->origin);
	buf_adds(&c->url, s->root);
}

int
s3_ask(struct s3 *s, struct http_call *c, const char *method, const char *key, struct err *e)
{
	begin_call(s, c, method);
	buf_addc(&c->url, '/');
	url_encode(&c->url, key, strlen(key), "/");
	c->resumes = true;
	return buf_check(&c->url, "an object's address", e);
}

/* ---- judging ---- */

static int
explain(struct s3 *s, const struct http_call *c, const struct trouble *t, const char *key,
    struct err *e)
{
	const char *words = t->message[0] != '\0' ? t->message : "it says nothing else";
	enum err_code code = c->status >= 500 || c->status == 429 ? ERR_PEER : ERR_SOURCE;

	if (c->region[0] != '\0' && strcmp(c->region, s->region) != 0)
		return err_set(e, ERR_SOURCE, "the bucket is in region %.40s, not in %s", c->region,
		    s->region);
	if (strcmp(t->code, "RequestTimeTooSkewed") == 0)
		return err_set(e, ERR_SOURCE, "our clock is off: the server's is %.40s", c->date);
	if (c->status >= 300 && c->status < 400)
		return err_set(e, ERR_SOURCE, "%s%s answers %d and leads to \"%.100s\", which is not "
					      "followed; set endpoint or region",
		    s->origin, s->root, c->status, c->location);
	return err_set(e, code, "%s%s/%.100s: %d %s: %s", s->origin, s->root, key, c->status,
	    t->code[0] != '\0' ? t->code : "without a code", words);
}

int
s3_judge(struct s3 *s, const struct http_call *c, const struct err *why, const char *key,
    struct err *e)
{
	struct trouble t;

	if (why != NULL) {
		if (e != NULL)
			*e = *why;
		return -1;
	}
	if (c->status >= 200 && c->status < 300)
		return 0;
	read_trouble(c, &t);
	if (c->status == 404 && strcmp(t.code, "NoSuchBucket") != 0)
		return err_set(e, ERR_NOT_FOUND, "%s is not there", key);
	if (strcmp(t.code, "InvalidObjectState") == 0)
		return err_set(e, ERR_UNSUPPORTED, "it lies in an archive");
	return explain(s, c, &t, key, e);
}

/* ---- listing ---- */

struct page {
	s3_object_fn *each;
	void *context;
	char *key;			/* owned, decoded once the object is complete */
	char etag[256], storage_class[40];
	uint64_t size;
	time_t modified;
	bool has_size;
	char *token;			/* owned */
	bool is_listing, says_whether, is_truncated, is_encoded;
};

static int
take_size(struct page *p, const char *text, struct err *e)
{
	char *end;

	p->size = strtoull(text, &end, 10);
	p->has_size = text[0] >= '0' && text[0] <= '9' && *end == '\0' && p->size <= INT64_MAX;
	return p->has_size ? 0 : err_set(e, ERR_PEER, "the listing has a size that is no number");
}

static int
keep(char **out, const char *text, struct err *e)
{
	free(*out);
	return (*out = strdup(text)) != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a listing");
}

static void
take_etag(struct page *p, const char *text)
{
	size_t n = strlen(text);

	if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
		text++;
		n -= 2;
	}
	snprintf(p->etag, sizeof p->etag, "%.*s", (int)n, text);
}

static int
end_object(struct page *p, struct err *e)
{
	struct s3_object o = {p->key, p->size, p->etag, p->storage_class, p->modified};
	int rc;

	if (p->key == NULL || !p->has_size)
		return err_set(e, ERR_PEER, "the listing has an object without key or size");
	rc = p->each(p->context, &o, e);
	free(p->key);
	p->key = NULL;
	p->has_size = false;
	p->etag[0] = p->storage_class[0] = '\0';
	p->modified = 0;
	return rc;
}

static int
take_key(struct page *p, const char *text, struct err *e)
{
	if (keep(&p->key, text, e) == -1)
		return -1;
	if (p->is_encoded && url_decode(p->key) == -1)
		return err_set(e, ERR_PEER, "the listing has a key that cannot be decoded");
	return p->key[0] != '\0' ? 0 : err_set(e, ERR_PEER, "the listing has an empty key");
}

static int
take_element(void *context, const char *path, const char *text, struct err *e)
{
	static const char root[] = "/ListBucketResult", inside[] = "/Contents/";
	struct page *p = context;
	struct tm tm = {0};

	if (strncmp(path, root, sizeof root - 1) != 0)
		return 0;
	path += sizeof root - 1;
	if (*path == '\0')
		p->is_listing = true;
	else if (strcmp(path, "/Contents") == 0)
		return end_object(p, e);
	else if (strcmp(path, "/IsTruncated") == 0) {
		p->says_whether = strcmp(text, "true") == 0 || strcmp(text, "false") == 0;
		p->is_truncated = strcmp(text, "true") == 0;
	} else if (strcmp(path, "/NextContinuationToken") == 0)
		return text[0] != '\0' ? keep(&p->token, text, e) : 0;
	if (strncmp(path, inside, sizeof inside - 1) != 0)
		return 0;
	path += sizeof inside - 1;
	if (strcmp(path, "Key") == 0)
		return take_key(p, text, e);
	if (strcmp(path, "Size") == 0)
		return take_size(p, text, e);
	if (strcmp(path, "ETag") == 0)
		take_etag(p, text);
	else if (strcmp(path, "StorageClass") == 0)
		snprintf(p->storage_class, sizeof p->storage_class, "%s", text);
	else if (strcmp(path, "LastModified") == 0 &&
	    strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) != NULL)
		p->modified = timegm(&tm);
	return 0;
}

/* Whether keys are encoded is said in the page, often behind them: so it is asked first. */
static int
take_encoding(void *context, const char *path, const char *text, struct err *e)
{
	struct page *p = context;

	(void)e;
	if (strcmp(path, "/ListBucketResult/EncodingType") == 0)
		p->is_encoded = strcmp(text, "url") == 0;
	return 0;
}

int
s3_parse_page(const char *bytes, size_t n, s3_object_fn *each, void *context, char **token,
    struct err *e)
{
	struct page p = {.each = each, .context = context};
	int rc = -1;

	*token = NULL;
	if (xml_walk(bytes, n, take_encoding, &p, e) == -1 ||
	    xml_walk(bytes, n, take_element, &p, e) == -1)
		goto out;
	if (!p.is_listing)
		err_set(e, ERR_PEER, "the answer is not a listing");
	else if (!p.says_whether)
		err_set(e, ERR_PEER, "the listing does not say whether it is complete");
	else if (p.is_truncated && p.token == NULL)
		err_set(e, ERR_PEER, "the listing goes on, but does not say where");
	else
		rc = 0;
out:
	if (rc == 0 && p.is_truncated) {
		*token = p.token;
		p.token = NULL;
	}
	free(p.key);
	free(p.token);
	return rc;
}

struct listing {
	struct s3 *s;
	const char *prefix;
	s3_object_fn *each;
	void *context;
	char *token;			/* of the next page; owned */
};

static int
start_page(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct listing *l = context;
	struct url_query q = {0};

	(void)index;
	begin_call(l->s, c, "GET");
	c->max_bytes = PAGE_BYTES_MAX;
	url_query_add(&q, "list-type", "2");
	url_query_add(&q, "encoding-type", "url");
	url_query_add(&q, "max-keys", "1000");
	url_query_add(&q, "prefix", l->prefix);
	url_query_add(&q, "continuation-token", l->token);
	/* Virtual style needs a path, and some servers want the slash in both. */
	buf_adds(&c->url, "/?");
	return url_query_write(&q, &c->url, e);
}

static int
end_page(void *context, size_t index, struct http_call *c, const struct err *why, struct err *e)
{
	struct listing *l = context;
	char *token;

	(void)index;
	if (s3_judge(l->s, c, why, l->prefix, e) == -1) {
		/* Nothing at a listing's address is an answer of another kind of server. */
		if (e != NULL && e->code == ERR_NOT_FOUND)
			e->code = ERR_SOURCE;
		return -1;
	}
	if (s3_parse_page(c->body.data, c->body.len, l->each, l->context, &token, e) == -1)
		return -1;
	if (token != NULL && l->token != NULL && strcmp(token, l->token) == 0) {
		free(token);
		return err_set(e, ERR_PEER, "the listing goes in a circle");
	}
	free(l->token);
	l->token = token;
	return 0;
}

int
s3_list(struct s3 *s, const char *prefix, s3_object_fn *each, void *context, struct err *e)
{
	struct listing l = {s, prefix, each, context, NULL};
	int pages = 0, rc;

	do {
		rc = http_each(s->http, 1, start_page, end_page, &l, e);
	} while (rc == 0 && l.token != NULL && ++pages < PAGES_MAX);
	if (rc == 0 && l.token != NULL)
		rc = err_set(e, ERR_LIMIT, "the listing has more than %d pages", PAGES_MAX);
	free(l.token);
	if (rc == -1)
		err_prefix(e, "listing %s", s->root[0] != '\0' ? s->root + 1 : s->origin);
	return rc;
}
