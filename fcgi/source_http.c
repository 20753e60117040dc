/* source_http.c - documents from a web server, as source_http_list.c lists them.
 *
 * A listing that brings the texts costs no further request; one that brings a revision, only
 * those for what changed; else each document is asked for under the condition that it changed
 * (ETag, Last-Modified).
 */
#include "source_http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "url.h"

enum {
	READS_AT_ONCE = 4,		/* a web server is somebody else's */
	LISTING_PAGE_MAX = 64 << 20,
	DOCUMENTS_MEMORY_MAX = 1 << 30,
};

/* ---- asking ---- */

/* The operator's credentials go to the listing's own server and to nobody else. */
static int
add_authorization(struct http_source *s, const char *url, struct curl_slist **lines,
    struct err *e)
{
	char line[SECRET_BYTES + 64];
	int rc = 0;

	if (!s->has_secrets || s->secrets.bearer_token[0] == '\0' ||
	    !url_is_same_origin(url, s->o.url))
		return 0;
	snprintf(line, sizeof line, "Authorization: Bearer %s", s->secrets.bearer_token);
	rc = http_add_header(lines, line, e);
	explicit_bzero(line, sizeof line);
	return rc;
}

static int
listing_headers(struct http_call *c, struct curl_slist **lines, struct err *e)
{
	return add_authorization(c->context, c->url.data, lines, e);
}

struct fetch {
	struct http_source *s;
	const char *url;
	char *body;			/* owned */
	size_t n;
};

static int
start_fetch(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct fetch *f = context;

	(void)index, (void)e;
	buf_adds(&c->url, f->url);
	c->max_bytes = LISTING_PAGE_MAX;
	c->headers = listing_headers;
	c->context = f->s;
	c->resumes = c->redirects = true;
	return 0;
}

static int
judge(const struct http_call *c, const struct err *why, struct err *e)
{
	if (why != NULL) {
		if (e != NULL)
			*e = *why;
		return -1;
	}
	if (c->status == 200)
		return 0;
	if (c->status == 404 || c->status == 410)
		return err_set(e, ERR_NOT_FOUND, "%.200s is not there", c->url.data);
	if (c->status >= 300 && c->status < 400)
		return err_set(e, ERR_UNSUPPORTED, "it leads elsewhere, to %.150s", c->location);
	return err_set(e, c->status >= 500 || c->status == 429 ? ERR_PEER : ERR_SOURCE,
	    "%.200s answers %d", c->url.data, c->status);
}

static int
end_fetch(void *context, size_t index, struct http_call *c, const struct err *why,
    struct err *e)
{
	struct fetch *f = context;

	(void)index;
	if (judge(c, why, e) == -1) {
		if (e != NULL && (e->code == ERR_NOT_FOUND || e->code == ERR_UNSUPPORTED))
			e->code = ERR_SOURCE;	/* of a listing: nothing can be built */
		return -1;
	}
	f->n = c->body.len;
	f->body = buf_take(&c->body);
	return f->body != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for a listing");
}

int
http_source_fetch_listing(struct http_source *s, const char *url, char **body, size_t *n,
    struct err *e)
{
	struct fetch f = {s, url, NULL, 0};

	if (http_each(s->http, 1, start_fetch, end_fetch, &f, e) == -1) {
		free(f.body);
		return -1;
	}
	*body = f.body;
	*n = f.n;
	return 0;
}

/* ---- reading ---- */

struct reading {
	struct http_source *s;
	struct source_item *items;
	source_got_fn *got;
	void *context;
};

/* What a stamp of an earlier answer holds: "etag:..." or "modified:...". */
static int
add_condition(const char *known, struct curl_slist **lines, struct err *e)
{
	char line[SOURCE_STAMP_BYTES + 32];

	if (strncmp(known, "etag:", 5) == 0)
		snprintf(line, sizeof line, "If-None-Match: %s", known + 5);
	else if (strncmp(known, "modified:", 9) == 0)
		snprintf(line, sizeof line, "If-Modified-Since: %s", known + 9);
	else
		return 0;
	return http_add_header(lines, line, e);
}

static int
document_headers(struct http_call *c, struct curl_slist **lines, struct err *e)
{
	const struct source_item *item = c->subject;

	if (add_authorization(c->context, c->url.data, lines, e) == -1)
		return -1;
	/* One whose listing tells of a change is not asked whether there is one; bytes that are
	 * there already are the first part of an answer. */
	if (item->stamp[0] != '\0' || item->known == NULL || c->body.len > 0)
		return 0;
	return add_condition(item->known, lines, e);
}

static int
start_document(void *context, size_t index, struct http_call *c, struct err *e)
{
	struct reading *r = context;

	(void)e;
	buf_adds(&c->url, http_source_url_of(r->s, r->items[index].key));
	c->max_bytes = DOCUMENT_BYTES_MAX;
	c->headers = document_headers;
	c->context = r->s;
	c->subject = &r->items[index];
	c->resumes = c->redirects = true;
	return 0;
}

/* What the format is told by, where the address does not end in a file's name. */
static const char *
name_by_type(const char *content_type)
{
	static const struct {
		const char *type, *name;
	} rows[] = {{"text/html", "page.html"}, {"application/xhtml", "page.html"},
	    {"text/markdown", "page.md"}, {"text/plain", "page.txt"},
	    {"application/pdf", "page.pdf"}, {"text/csv", "page.csv"},
	    {"application/json", "page.json"}};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strncasecmp(rows[i].type, content_type, strlen(rows[i].type)) == 0)
			return rows[i].name;
	return NULL;
}

static void
note_answer(struct source_item *item, const struct http_call *c)
{
	char stamp[SOURCE_STAMP_BYTES] = "";
	int n = 0;

	if (item->name == NULL)
		item->name = name_by_type(c->content_type);
	item->size = c->body.len;
	if (item->stamp[0] != '\0')
		return;
	if (c->etag[0] != '\0')
		n = snprintf(stamp, sizeof stamp, "etag:%s", c->etag);
	else if (c->last_modified[0] != '\0')
		n = snprintf(stamp, sizeof stamp, "modified:%s", c->last_modified);
	if (n < (int)sizeof stamp)
		strcpy(item->stamp, stamp);
}

static int
end_document(void *context, size_t index, struct http_call *c, const struct err *why,
    struct err *e)
{
	struct reading *r = context;
	struct source_item *item = &r->items[index];
	struct err verdict;

	if (why == NULL && c->status == 304 && item->known != NULL && item->known[0] != '\0')
		return r->got(r->context, item, NULL, 0, NULL, e);
	/* One page that is not for us is left out; when it is all of them, the knowledge that
	 * there is refuses to shrink. */
	if (why == NULL && (c->status == 403 || c->status == 451)) {
		err_set(&verdict, ERR_PERMISSION, "the server answers %d", c->status);
		return r->got(r->context, item, NULL, 0, &verdict, e);
	}
	if (judge(c, why, &verdict) == -1)
		return r->got(r->context, item, NULL, 0, &verdict, e);
	note_answer(item, c);
	return r->got(r->context, item, c->body.data, c->body.len, NULL, e);
}

static int
http_source_read_each(struct source *base, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e)
{
	struct http_source *s = (struct http_source *)base;
	struct reading r = {.s = s, .items = items, .got = got, .context = context};

	return http_each(s->http, count, start_document, end_document, &r, e);
}

static void
http_source_close(struct source *base)
{
	struct http_source *s = (struct http_source *)base;

	http_free(s->http);
	secrets_wipe(&s->secrets);
	arena_fini(&s->words);
	free(s->places);
	free(s);
}

int
source_http_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	struct http_options ho;
	struct http_source *s;
	char origin[URL_ORIGIN_BYTES];

	if (url_origin(origin, o->url, e) == -1)
		return -1;
	http_options_default(&ho);
	ho.at_once = READS_AT_ONCE;
	ho.any_address = w->any_address;
	ho.allowed = w->allowed_networks;
	snprintf(ho.ca_file, sizeof ho.ca_file, "%s", w->ca_file);
	if ((s = calloc(1, sizeof *s)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base = (struct source){http_source_list, NULL, http_source_read_each,
	    http_source_close};
	s->o = *o;
	arena_init(&s->words, DOCUMENTS_MEMORY_MAX);
	s->has_secrets = o->credentials[0] != '\0';
	if ((s->has_secrets &&
		secrets_read(&s->secrets, w->credentials_file, o->credentials, e) == -1) ||
	    http_new(&s->http, &ho, e) == -1) {
		http_source_close(&s->base);
		return -1;
	}
	*out = &s->base;
	return 0;
}
