/* api_jobs.c - what became of what was sent:
 *
 *   GET /jobs/{id}
 *   GET /tenants/{tenant}/jobs     newest first: limit, before, state
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "enter.h"
#include "job_id.h"
#include "json.h"
#include "ledger.h"
#include "progress.h"

enum { PAGE_DEFAULT = 20, PAGE_MAX = 100, ITEMS_MAX = 1000 };

static void
put_time(struct buf *b, const char *name, int64_t ms)
{
	if (ms == 0)
		buf_addf(b, ", \"%s\": null", name);
	else
		buf_addf(b, ", \"%s\": %" PRId64 ".%03d", name, ms / 1000, (int)(ms % 1000));
}

/* Of the build that has it in hand: several jobs share one. */
static void
put_progress(struct buf *b, const struct ledger_job *j, const char *data, const char *tenant)
{
	char line[PROGRESS_LINE_BYTES];

	buf_adds(b, ", \"progress\": ");
	if (j->state != JOB_BUILDING || !progress_read(line, data, tenant)) {
		buf_adds(b, "null");
		return;
	}
	buf_addc(b, '{');
	progress_put(b, line);
	buf_addc(b, '}');
}

static void
put_job(struct buf *b, const struct ledger_job *j, const char *data, const char *tenant)
{
	char job[JOB_ID_BYTES];

	job_id_of(job, j->id, tenant);
	buf_addf(b, "{\"job\": \"%s\", \"tenant\": \"%s\", \"state\": \"%s\"", job, tenant,
	    job_state_name(j->state));
	buf_addf(b, ", \"documents\": %" PRIu64 ", \"removed\": %" PRIu64 ", \"refused\": %" PRIu64
		    ", \"bytes\": %" PRIu64,
	    j->documents, j->removed, j->refused, j->bytes);
	put_time(b, "accepted_at", j->accepted_ms);
	put_time(b, "taken_at", j->taken_ms);
	put_time(b, "ended_at", j->ended_ms);
	if (j->ended_ms > j->accepted_ms && j->accepted_ms != 0)
		buf_addf(b, ", \"seconds\": %.3f",
		    (double)(j->ended_ms - j->accepted_ms) / 1000.0);
	put_progress(b, j, data, tenant);
	buf_addf(b, ", \"generation\": %s%s%s, \"reason\": ", j->generation[0] != '\0' ? "\"" : "",
	    j->generation[0] != '\0' ? j->generation : "null", j->generation[0] != '\0' ? "\"" : "");
	if (j->reason[0] != '\0')
		json_put_text(b, j->reason, strlen(j->reason));
	else
		buf_adds(b, "null");
}

/* ---- one ---- */

struct items {
	struct buf *b;
	size_t count;
};

static int
put_item(void *context, enum inbox_op op, const char *key, const char *why, struct err *e)
{
	struct items *i = context;

	(void)e;
	if (i->count == ITEMS_MAX)
		return 1;
	buf_addf(i->b, "%s{\"id\": ", i->count++ > 0 ? ", " : "");
	json_put_text(i->b, key, strlen(key));
	buf_addf(i->b, ", \"op\": \"%s\"", inbox_op_name(op));
	if (why[0] != '\0') {
		buf_adds(i->b, ", \"refused\": ");
		json_put_text(i->b, why, strlen(why));
	}
	buf_addc(i->b, '}');
	return 0;
}

static int
put_waiting_item(
    void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	(void)bytes;
	return put_item(context, item->op, item->key, "", e);
}

/* 1: it waits, and nothing will build it by itself; *j says why. */
static int
find_failed(struct ledger *l, const char *id, struct ledger_job *j, struct err *e)
{
	struct ledger_job found;
	int got = l != NULL ? ledger_find_job(l, id, &found, e) : 0;

	if (got != 1 || found.state != JOB_FAILED)
		return got == -1 ? -1 : 0;
	*j = found;
	return 1;
}

static int
put_queued(struct buf *b, const char *data, const char *tenant, const char *id, const char *name,
    struct err *e)
{
	struct ledger_job j = {.state = JOB_QUEUED};
	struct items items = {.b = b};
	struct ledger *l = NULL;
	int got;

	memcpy(j.id, id, sizeof j.id);
	if (ledger_open_read(&l, data, tenant, e) == -1)
		return -1;
	got = find_failed(l, id, &j, e);
	ledger_close(l);
	if (got == -1)
		return -1;
	put_job(b, &j, data, tenant);
	buf_adds(b, ", \"items\": [");
	if (inbox_read(data, tenant, name, false, put_waiting_item, &items, e) == -1)
		return -1;
	buf_adds(b, "]}\n");
	return 0;
}

static int
put_taken(struct buf *b, struct ledger *l, const char *data, const char *tenant, const char *id,
    struct err *e)
{
	struct items items = {.b = b};
	struct ledger_job j;
	int got = ledger_find_job(l, id, &j, e);

	if (got == -1)
		return -1;
	if (got == 0)
		return err_set(e, ERR_JOB, "there is no such job, or it ended long ago");
	put_job(b, &j, data, tenant);
	buf_adds(b, ", \"items\": [");
	if (ledger_each_item(l, id, put_item, &items, e) == -1)
		return -1;
	buf_adds(b, "]}\n");
	return 0;
}

int
api_job(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	char id[INBOX_ID_BYTES], tenant[TENANT_NAME_BYTES + 1], name[INBOX_NAME_BYTES];
	const char *data = serving_data_dir(api->serving);
	struct ledger *l = NULL;
	int64_t accepted;
	int rc = -1;

	if (job_id_parse(r->hole[0], id, tenant, e) == -1)
		return -1;
	if (!caller_may_see(&r->caller, tenant))
		return err_set(e, ERR_JOB, "there is no such job");
	if (accept_tenant(api, r, p, tenant, e) == -1 ||
	    inbox_find(data, tenant, id, name, &accepted, e) == -1)
		return -1;
	/* Gone between the look and the reading: then the ledger has it. */
	if (name[0] != '\0' && put_queued(&p->body, data, tenant, id, name, e) == 0)
		return 0;
	buf_reset(&p->body);
	if (ledger_open_read(&l, data, tenant, e) == -1)
		return -1;
	rc = l != NULL ? put_taken(&p->body, l, data, tenant, id, e) :
			 err_set(e, ERR_JOB, "there is no such job");
	ledger_close(l);
	return rc;
}

/* ---- many ---- */

struct listing {
	struct buf *b;
	const char *data, *tenant;
	size_t count, limit;
	bool more;
};

static int
list_job(void *context, const struct ledger_job *j, struct err *e)
{
	struct listing *l = context;

	(void)e;
	if (l->count == l->limit) {
		l->more = true;
		return 1;
	}
	buf_adds(l->b, l->count++ > 0 ? ", " : "");
	put_job(l->b, j, l->data, l->tenant);
	buf_addc(l->b, '}');
	return 0;
}

/* Those that have failed while they wait come from the ledger. */
static int
list_queued(
    struct listing *l, struct ledger *ledger, const char *data, const char *before, struct err *e)
{
	struct ledger_job j = {.state = JOB_QUEUED}, failed;
	char(*names)[INBOX_NAME_BYTES];
	size_t count;
	int rc = 0;

	if (inbox_list(&names, &count, data, l->tenant, e) == -1)
		return -1;
	while (rc == 0 && count-- > 0) {
		memcpy(j.id, names[count], INBOX_ID_BYTES - 1);
		if (before[0] != '\0' && strcmp(j.id, before) >= 0)
			continue;
		if ((rc = find_failed(ledger, j.id, &failed, e)) == 0)
			rc = list_job(l, &j, e);
		else if (rc == 1)
			rc = 0;
	}
	free(names);
	return rc == -1 ? -1 : 0;
}

static int
read_limit(const struct req *r, size_t *limit, struct err *e)
{
	const char *text;
	char *end;
	long n = PAGE_DEFAULT;

	if (req_query_get(r, "limit", &text, e) == -1)
		return -1;
	if (text != NULL)
		n = strtol(text, &end, 10);
	if (text != NULL && (end == text || *end != '\0' || n < 1 || n > PAGE_MAX))
		return err_set(e, ERR_RANGE, "\"limit\" must be 1 to %d", PAGE_MAX);
	*limit = (size_t)n;
	return 0;
}

int
api_jobs(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	struct listing list = {.b = &p->body, .tenant = r->hole[0]};
	char before[INBOX_ID_BYTES] = "", tenant[TENANT_NAME_BYTES + 1];
	const char *data = serving_data_dir(api->serving), *name, *from;
	enum job_state state = JOB_STATE_MAX;
	struct ledger *l = NULL;
	int rc = 0;

	list.data = data;
	if (accept_tenant(api, r, p, list.tenant, e) == -1 || read_limit(r, &list.limit, e) == -1 ||
	    req_query_get(r, "state", &name, e) == -1 ||
	    req_query_get(r, "before", &from, e) == -1)
		return -1;
	if (name != NULL && (state = job_state_of(name)) == JOB_STATE_MAX)
		return err_set(e, ERR_RANGE,
		    "\"state\" must be queued, building, gated, live or failed");
	if (from != NULL && job_id_parse(from, before, tenant, e) == -1)
		return -1;
	buf_adds(&p->body, "{\"jobs\": [");
	if (ledger_open_read(&l, data, list.tenant, e) == -1)
		return -1;
	if (state == JOB_STATE_MAX || state == JOB_QUEUED)
		rc = list_queued(&list, l, data, before, e);
	if (rc == 0 && state != JOB_QUEUED && l != NULL)
		rc = ledger_each_job(l, before, state, list_job, &list, e);
	ledger_close(l);
	buf_addf(&p->body, "], \"has_more\": %s}\n", list.more ? "true" : "false");
	return rc == -1 ? -1 : 0;
}
