/* ledger_read.c - what became of a tenant's accepted writes: reading. */
#include "ledger_parts.h"

#include <stdio.h>

#include "db.h"

static const char *
text_at(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

/* ---- jobs ---- */

#define JOB_COLUMNS \
	"select id, state, accepted, taken, ended, documents, removed, bytes, generation, reason," \
	" (select count(distinct item.key) from item join refused using (key)" \
	"  where item.job = job.id and op = 'put') from job"

static void
read_job(sqlite3_stmt *s, struct ledger_job *j)
{
	*j = (struct ledger_job){.state = job_state_of(text_at(s, 1)),
	    .accepted_ms = sqlite3_column_int64(s, 2), .taken_ms = sqlite3_column_int64(s, 3),
	    .ended_ms = sqlite3_column_int64(s, 4),
	    .documents = (uint64_t)sqlite3_column_int64(s, 5),
	    .removed = (uint64_t)sqlite3_column_int64(s, 6),
	    .bytes = (uint64_t)sqlite3_column_int64(s, 7),
	    .refused = (uint64_t)sqlite3_column_int64(s, 10)};
	snprintf(j->id, sizeof j->id, "%s", text_at(s, 0));
	snprintf(j->generation, sizeof j->generation, "%s", text_at(s, 8));
	snprintf(j->reason, sizeof j->reason, "%s", text_at(s, 9));
}

int
ledger_find_job(struct ledger *l, const char *id, struct ledger_job *out, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got = ledger_prepare(&s, l, JOB_COLUMNS " where id = ?", "s", VALUES(id), e);

	if (got == 0 && (got = db_step_row(s, e)) == 1)
		read_job(s, out);
	sqlite3_finalize(s);
	return got;
}

int
ledger_each_job(struct ledger *l, const char *before, enum job_state state,
    int (*each)(void *context, const struct ledger_job *job, struct err *e), void *context,
    struct err *e)
{
	const char *name = state == JOB_STATE_MAX ? "" : job_state_name(state);
	sqlite3_stmt *s = NULL;
	struct ledger_job j;
	int got, rc = 0;

	if (ledger_prepare(&s, l,
		JOB_COLUMNS " where (?1 = '' or id < ?1) and (?2 = '' or state = ?2)"
			    " order by id desc",
		"ss", VALUES(before, name), e) == -1)
		return -1;
	while (rc == 0 && (got = db_step_row(s, e)) != 0) {
		if (got == -1) {
			rc = -1;
			break;
		}
		read_job(s, &j);
		rc = each(context, &j, e);
	}
	sqlite3_finalize(s);
	return rc;
}

int
ledger_each_item(struct ledger *l, const char *job,
    int (*each)(void *context, enum inbox_op op, const char *key, const char *why,
	struct err *e),
    void *context, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got, rc = 0;

	if (ledger_prepare(&s, l,
		"select op, key, coalesce((select why from refused where key = item.key"
		" and op = 'put'), '') from item where job = ? order by n",
		"s", VALUES(job), e) == -1)
		return -1;
	while (rc == 0 && (got = db_step_row(s, e)) != 0)
		rc = got == -1 ? -1 :
				 each(context,
				     inbox_op_of(text_at(s, 0)), text_at(s, 1), text_at(s, 2), e);
	sqlite3_finalize(s);
	return rc;
}

/* ---- documents ---- */

#define DOCUMENT_COLUMNS \
	"select key, file, name, title, type, bytes, taken, job," \
	" coalesce((select why from refused where key = document.key), '')," \
	" coalesce((select state from job where id = document.job), 'live')," \
	" coalesce((select accepted from job where id = document.job), 0)," \
	" coalesce((select reason from job where id = document.job), '') from document"

static int
pass_document(sqlite3_stmt *s,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	const struct ledger_document d = {.key = text_at(s, 0), .file = text_at(s, 1),
	    .name = text_at(s, 2), .title = text_at(s, 3), .type = text_at(s, 4),
	    .bytes = (uint64_t)sqlite3_column_int64(s, 5), .taken_ms = sqlite3_column_int64(s, 6),
	    .job = text_at(s, 7), .why = text_at(s, 8), .state = job_state_of(text_at(s, 9)),
	    .accepted_ms = sqlite3_column_int64(s, 10), .reason = text_at(s, 11)};

	return each(context, &d, e);
}

int
ledger_find_document(struct ledger *l, const char *key, const char *file,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got = ledger_prepare(&s, l,
	    key != NULL ? DOCUMENT_COLUMNS " where key = ?" : DOCUMENT_COLUMNS " where file = ?",
	    "s", VALUES(key != NULL ? key : file), e);

	if (got == 0 && (got = db_step_row(s, e)) == 1 &&
	    pass_document(s, each, context, e) == -1)
		got = -1;
	sqlite3_finalize(s);
	return got;
}

static int
each_document(struct ledger *l, const char *sql, const char *from,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got, rc = 0;

	if (ledger_prepare(&s, l, sql, "s", VALUES(from), e) == -1)
		return -1;
	while (rc == 0 && (got = db_step_row(s, e)) != 0)
		rc = got == -1 ? -1 : pass_document(s, each, context, e);
	sqlite3_finalize(s);
	return rc;
}

int
ledger_each_document(struct ledger *l, const char *after,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	return each_document(
	    l, DOCUMENT_COLUMNS " where key > ? order by key", after, each, context, e);
}

int
ledger_each_document_before(struct ledger *l, const char *before_or_null,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	return before_or_null == NULL ?
	    each_document(
		l, DOCUMENT_COLUMNS " where ? = '' order by key desc", "", each, context, e) :
	    each_document(l, DOCUMENT_COLUMNS " where key < ? order by key desc", before_or_null,
		each, context, e);
}

int
ledger_each_unsettled(struct ledger *l,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e)
{
	return each_document(l,
	    DOCUMENT_COLUMNS " where ? = '' and key in (select key from refused union"
			     " select i.key from job j join item i on i.job = j.id"
			     " where j.state in ('building', 'gated', 'failed'))",
	    "", each, context, e);
}

int
ledger_each_leaving(struct ledger *l,
    int (*each)(void *context, const char *key, struct err *e), void *context, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got, rc = 0;

	if (ledger_prepare(&s, l,
		"select i.key from job j join item i on i.job = j.id where i.op = 'remove' and"
		" j.rejected = 0 and j.state in ('building', 'gated', 'failed')",
		"", NULL, e) == -1)
		return -1;
	while (rc == 0 && (got = db_step_row(s, e)) != 0)
		rc = got == -1 ? -1 : each(context, text_at(s, 0), e);
	sqlite3_finalize(s);
	return rc;
}

int
ledger_count_documents(
    struct ledger *l, uint64_t *documents, uint64_t *refused, struct err *e)
{
	return ledger_ask(l, "select count(*) from document", documents, e) == 0 &&
		ledger_ask(l, "select count(*) from refused", refused, e) == 0 ?
	    0 :
	    -1;
}

/* ---- by one who opens it for this alone ---- */

int
ledger_find_key(const char *data_dir, const char *tenant, const char key[17],
    struct inbox_name *out, struct err *e)
{
	sqlite3_stmt *s = NULL;
	struct ledger *l;
	int got;

	*out = (struct inbox_name){0};
	if (ledger_open_read(&l, data_dir, tenant, e) == -1)
		return -1;
	if (l == NULL)
		return 0;
	got = ledger_prepare(&s, l, "select id, content from job where key = ?", "s", VALUES(key), e);
	if (got == 0 && (got = db_step_row(s, e)) == 1) {
		snprintf(out->id, sizeof out->id, "%s", text_at(s, 0));
		snprintf(out->key, sizeof out->key, "%s", key);
		snprintf(out->content, sizeof out->content, "%s", text_at(s, 1));
	}
	sqlite3_finalize(s);
	ledger_close(l);
	return got == -1 ? -1 : 0;
}

int
ledger_is_removing(const char *data_dir, const char *tenant, const char *key, bool *is_it,
    struct err *e)
{
	sqlite3_stmt *s = NULL;
	struct ledger *l;
	int got;

	*is_it = false;
	if (ledger_open_read(&l, data_dir, tenant, e) == -1)
		return -1;
	if (l == NULL)
		return 0;
	got = ledger_prepare(&s, l,
	    "select 1 from job join item on item.job = job.id where job.state in"
	    " ('building', 'gated') and item.op = 'remove' and item.key = ?",
	    "s", VALUES(key), e);
	if (got == 0)
		got = db_step_row(s, e);
	*is_it = got == 1;
	sqlite3_finalize(s);
	ledger_close(l);
	return got == -1 ? -1 : 0;
}
