/* api_documents.c - a tenant's documents:
 *
 *   GET /tenants/{tenant}/documents          by id: limit, after; pushed=true: what was sent
 *   GET /tenants/{tenant}/documents/{id}     ?content=true: its bytes, of one that was sent
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "hits.h"
#include "job_id.h"
#include "json.h"
#include "ledger.h"
#include "pushed.h"

enum { PAGE_DEFAULT = 20, PAGE_MAX = 1000 };

static int
read_flag(const struct req *r, const char *name, bool *out, struct err *e)
{
	const char *text;

	*out = false;
	if (req_query_get(r, name, &text, e) == -1)
		return -1;
	if (text == NULL || strcmp(text, "false") == 0)
		return 0;
	*out = strcmp(text, "true") == 0;
	return *out ? 0 : err_set(e, ERR_RANGE, "\"%s\" must be true or false", name);
}

static int
read_page(const struct req *r, size_t *limit, const char **after, struct err *e)
{
	const char *text;
	char *end;
	long n = PAGE_DEFAULT;

	if (req_query_get(r, "limit", &text, e) == -1 ||
	    req_query_get(r, "after", after, e) == -1)
		return -1;
	if (text != NULL)
		n = strtol(text, &end, 10);
	if (text != NULL && (end == text || *end != '\0' || n < 1 || n > PAGE_MAX))
		return err_set(e, ERR_RANGE, "\"limit\" must be 1 to %d", PAGE_MAX);
	*limit = (size_t)n;
	if (*after == NULL)
		*after = "";
	return 0;
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "\"%s\": ", name);
	json_put_text(b, text, strlen(text));
}

/* ---- a page ---- */

struct listing {
	struct buf *b;
	const char *tenant;
	size_t count, limit;
	bool more;
};

/* False when the page is full. */
static bool
begin_row(struct listing *l)
{
	if (l->count == l->limit) {
		l->more = true;
		return false;
	}
	buf_adds(l->b, l->count++ > 0 ? ", {" : "{");
	return true;
}

static int
put_stored(struct buf *b, const struct store_document *d, struct err *e)
{
	put_text(b, "id", d->key);
	buf_adds(b, ", ");
	put_text(b, "title", d->title);
	buf_addf(b, ", \"bytes\": %" PRIu64 ", \"sha256\": \"%s\", \"metadata\": ", d->bytes,
	    d->sha256);
	return hits_put_metadata(b, d->meta, e);
}

static int
list_stored(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct listing *l = context;

	(void)id;
	if (!begin_row(l))
		return 1;
	if (put_stored(l->b, d, e) == -1)
		return -1;
	buf_addc(l->b, '}');
	return 0;
}

static void
put_pushed(struct buf *b, const struct ledger_document *d, const char *tenant)
{
	char job[JOB_ID_BYTES];

	job_id_of(job, d->job, tenant);
	put_text(b, "id", d->key);
	buf_adds(b, ", ");
	put_text(b, "title", d->title);
	buf_adds(b, ", ");
	put_text(b, "type", d->type);
	buf_addf(b, ", \"bytes\": %" PRIu64 ", \"job\": \"%s\", \"file_id\": \"file-%s\"", d->bytes,
	    job, d->file);
	if (d->why[0] != '\0') {
		buf_adds(b, ", ");
		put_text(b, "refused", d->why);
	}
}

static int
list_pushed(void *context, const struct ledger_document *d, struct err *e)
{
	struct listing *l = context;

	(void)e;
	if (!begin_row(l))
		return 1;
	put_pushed(l->b, d, l->tenant);
	buf_addc(l->b, '}');
	return 0;
}

static int
list_ledger(struct api *api, struct listing *list, const char *after, struct err *e)
{
	struct ledger *l;
	int rc = 0;

	if (ledger_open_read(&l, serving_data_dir(api->serving), list->tenant, e) == -1)
		return -1;
	if (l != NULL)
		rc = ledger_each_document(l, after, list_pushed, list, e);
	ledger_close(l);
	return rc;
}

int
api_documents(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct listing list = {.b = &p->body, .tenant = r->hole[0]};
	const char *after;
	struct index *x;
	bool pushed;
	int rc;

	if (accept_tenant(api, r, p, list.tenant, e) == -1 ||
	    read_page(r, &list.limit, &after, e) == -1 || read_flag(r, "pushed", &pushed, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"documents\": [");
	if (pushed)
		rc = list_ledger(api, &list, after, e);
	else if ((rc = serving_get(api->serving, list.tenant, &x, e)) == 0) {
		reply_header(p, "X-Ragpool-Generation", index_generation(x));
		rc = store_each_document_after(x->store, after, list_stored, &list, e);
	}
	buf_addf(&p->body, "], \"has_more\": %s}\n", list.more ? "true" : "false");
	return rc == -1 ? -1 : 0;
}

/* ---- one ---- */

struct finding {
	const char *key, *tenant;
	struct buf *b;
	bool was_pushed, is_searchable;
};

static int
find_stored(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct finding *f = context;

	(void)id;
	f->is_searchable = true;
	buf_adds(f->b, ", \"indexed\": {");
	if (put_stored(f->b, d, e) == -1)
		return -1;
	buf_addc(f->b, '}');
	return 0;
}

static int
find_pushed(void *context, const struct ledger_document *d, struct err *e)
{
	struct finding *f = context;

	(void)e;
	f->was_pushed = true;
	buf_adds(f->b, ", \"pushed\": {");
	put_pushed(f->b, d, f->tenant);
	buf_addc(f->b, '}');
	return 0;
}

static int
send_content(struct api *api, struct reply *p, const struct finding *f, struct err *e)
{
	const char *text;
	char *owned;
	size_t n;

	if (pushed_get(serving_data_dir(api->serving), f->tenant, f->key, &owned, &text, &n, e) ==
	    -1)
		return -1;
	p->type = "application/octet-stream";
	reply_header(p, "X-Content-Type-Options", "nosniff");
	reply_header(p, "Content-Disposition", "attachment");
	buf_add(&p->body, text, n);
	free(owned);
	return 0;
}

int
api_document(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct finding f = {.tenant = r->hole[0], .key = r->hole[1], .b = &p->body};
	struct ledger *l = NULL;
	struct index *x;
	bool content;

	if (accept_tenant(api, r, p, f.tenant, e) == -1 || pushed_check_key(f.key, e) == -1 ||
	    read_flag(r, "content", &content, e) == -1)
		return -1;
	if (content)
		return send_content(api, p, &f, e);
	buf_adds(f.b, "{");
	put_text(f.b, "id", f.key);
	if (serving_get(api->serving, f.tenant, &x, NULL) == 0) {
		reply_header(p, "X-Ragpool-Generation", index_generation(x));
		if (store_find_document(x->store, f.key, find_stored, &f, e) == -1)
			return -1;
	}
	if (ledger_open_read(&l, serving_data_dir(api->serving), f.tenant, e) == -1)
		return -1;
	if (l != NULL && ledger_find_document(l, f.key, NULL, find_pushed, &f, e) == -1) {
		ledger_close(l);
		return -1;
	}
	ledger_close(l);
	if (!f.is_searchable && !f.was_pushed)
		return err_set(e, ERR_DOCUMENT, "there is no such document of \"%s\"", f.tenant);
	buf_addf(f.b, ", \"searchable\": %s}\n", f.is_searchable ? "true" : "false");
	return 0;
}
