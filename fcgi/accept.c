/* accept.c - from a request that changes a tenant's documents to its 202. */
#include "accept.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "enter.h"
#include "job_id.h"
#include "wanted.h"

enum { KEY_BYTES_MAX = 255 };

int
accept_tenant(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct err *e)
{
	if (enter_tenant(api, r, p, tenant, e) == -1)
		return -1;
	if (!wanted_has(api, tenant))
		return err_set(e, ERR_TENANT, "there is no tenant \"%s\"", tenant);
	if (r->caller.filter != NULL)
		return err_set(e, ERR_FORBIDDEN,
		    "this needs a key for the whole tenant, this one carries a filter");
	return 0;
}

int
accept_body(const struct api *api, struct req *r, struct err *e)
{
	if (req_begin_body(r, api->intake->upload_max, e) == -1)
		return -1;
	return r->content_length > 0 ? 0 : err_set(e, ERR_EMPTY_BODY, "the request has no body");
}

int
accept_begin(struct api *api, const struct req *r, struct reply *p, const char *tenant,
    struct inbox_entry *n, struct err *e)
{
	*n = (struct inbox_entry){.fd = -1};
	if (accept_tenant(api, r, p, tenant, e) == -1)
		return -1;
	return inbox_begin(n, serving_data_dir(api->serving), tenant, e);
}

int
accept_commit(const struct api *api, const struct req *r, struct inbox_entry *n,
    char id[INBOX_ID_BYTES], struct err *e)
{
	const char *key = req_param(r, "HTTP_IDEMPOTENCY_KEY");
	bool existed;

	if (key != NULL && strlen(key) > KEY_BYTES_MAX)
		return err_set(e, ERR_INPUT, "the Idempotency-Key is longer than %d bytes",
		    KEY_BYTES_MAX);
	return inbox_commit(n, &api->intake->waits, key != NULL && key[0] != '\0' ? key : NULL,
	    id, &existed, e);
}

static int
commit_word(struct api *api, struct inbox_entry *n, struct err *e)
{
	char id[INBOX_ID_BYTES];
	bool existed;

	return inbox_commit(n, &api->intake->waits, NULL, id, &existed, e);
}

int
accept_remove(struct api *api, const char *tenant, const char *key, struct err *e)
{
	struct inbox_entry n;
	int rc = -1;

	if (inbox_begin(&n, serving_data_dir(api->serving), tenant, e) == 0 &&
	    inbox_remove(&n, key, e) == 0)
		rc = commit_word(api, &n, e);
	inbox_abandon(&n);
	return rc;
}

int
accept_describe(struct api *api, const char *tenant, const char *key, const char *meta_or_null,
    struct err *e)
{
	struct inbox_entry n;
	int rc = -1;

	if (inbox_begin(&n, serving_data_dir(api->serving), tenant, e) == 0 &&
	    inbox_describe(&n, key, meta_or_null, e) == 0)
		rc = commit_word(api, &n, e);
	inbox_abandon(&n);
	return rc;
}

int
accept_end(const struct api *api, const struct req *r, struct reply *p, struct inbox_entry *n,
    struct err *e)
{
	char entry[INBOX_ID_BYTES], job[JOB_ID_BYTES], where[JOB_ID_BYTES + 8];
	const char *tenant = n->tenant;
	size_t items = n->items;

	if (accept_commit(api, r, n, entry, e) == -1)
		return -1;
	job_id_of(job, entry, tenant);
	snprintf(where, sizeof where, "/jobs/%s", job);
	p->status = 202;
	reply_header(p, "Location", where);
	buf_addf(&p->body,
	    "{\"job\": \"%s\", \"tenant\": \"%s\", \"state\": \"queued\", \"documents\": %zu}\n", job,
	    tenant, items);
	return 0;
}
