/* ledger.c - what became of a tenant's accepted writes: opening and writing. */
#include "ledger_parts.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "file.h"
#include "generation.h"
#include "hash.h"

#define LEDGER_APPLICATION_ID 0x5250534cu	/* "RPSL" */
enum { LEDGER_VERSION = 2, MADE_KEPT = 100 };

static const char schema[] =
    "create table job(id text primary key, key text not null, content text not null,"
    " accepted integer not null, taken integer not null, ended integer not null,"
    " state text not null, build integer not null, documents integer not null,"
    " removed integer not null, bytes integer not null, generation text not null,"
    " reason text not null, rejected integer not null) strict, without rowid;"
    "create index job_key on job(key) where key <> '';"
    "create index job_open on job(state, build) where state in ('building', 'gated', 'failed');"
    "create table item(job text not null, n integer not null, op text not null,"
    " key text not null, primary key(job, n)) strict, without rowid;"
    "create table document(key text primary key, file text not null, name text not null,"
    " title text not null, type text not null, bytes integer not null,"
    " taken integer not null, job text not null) strict, without rowid;"
    "create index document_file on document(file);"
    "create table refused(key text primary key, why text not null) strict, without rowid;"
    "create table build(id integer primary key check (id = 1), number integer not null,"
    " removed integer not null) strict;"
    "insert into build values(1, 0, 0);";

/* Which build made a generation last: everything taken in by then is in it.  Since version 2. */
static const char schema_made[] =
    "create table made(generation text primary key, build integer not null) strict;"
    "alter table build add column removed_ever integer not null default 0;";

static const char *const state_names[JOB_STATE_MAX] = {
#define X(symbol, name) [symbol] = name,
    JOB_STATES(X)
#undef X
};

const char *
job_state_name(enum job_state state)
{
	return (unsigned)state < JOB_STATE_MAX ? state_names[state] : "unknown";
}

enum job_state
job_state_of(const char *name)
{
	int i = 0;

	while (i < JOB_STATE_MAX && strcmp(state_names[i], name) != 0)
		i++;
	return (enum job_state)i;
}

void
ledger_file_of(const char *key, char out[LEDGER_FILE_BYTES])
{
	static const char prefix[] = "file-";
	const char *given = key + sizeof prefix - 1;
	char hex[SHA256_HEX_BYTES] = "000000000000000000000000";
	uint8_t digest[SHA256_BYTES];

	if (strncmp(key, prefix, sizeof prefix - 1) == 0 &&
	    strspn(given, "0123456789abcdef") == LEDGER_FILE_BYTES - 1 &&
	    given[LEDGER_FILE_BYTES - 1] == '/')
		memcpy(hex, given, LEDGER_FILE_BYTES - 1);
	else if (hash_sha256_of(key, strlen(key), digest, NULL) == 0)
		hash_hex(digest, hex);
	snprintf(out, LEDGER_FILE_BYTES, "%.24s", hex);
}

static int64_t
wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- opening ---- */

static int
path_of(char out[PATH_MAX], const char *data_dir, const char *tenant, struct err *e)
{
	char dir[PATH_MAX];

	return generation_tenant_dir(dir, data_dir, tenant, e) == -1 ?
	    -1 :
	    file_join(out, PATH_MAX, dir, "ledger.db", e);
}

static int
prepare_schema(sqlite3 *db, const char *path, struct err *e)
{
	char identity[96];
	int64_t version = db_pragma(db, "user_version");

	if (version == LEDGER_VERSION)
		return 0;
	if (version > LEDGER_VERSION)
		return err_set(e, ERR_FORMAT_NEW, "%s: format %lld, this program knows %d", path,
		    (long long)version, LEDGER_VERSION);
	snprintf(identity, sizeof identity,
	    "pragma application_id = %d; pragma user_version = %d;", (int)LEDGER_APPLICATION_ID,
	    LEDGER_VERSION);
	if (db_run(db, "begin immediate", e) == -1 ||
	    (version == 0 && db_run(db, schema, e) == -1) ||
	    db_run(db, schema_made, e) == -1 || db_run(db, identity, e) == -1)
		return -1;
	return db_run(db, "commit", e);
}

static int
open_at(struct ledger **out, const char *path,
    int (*open)(sqlite3 **db, const char *path, struct err *e), struct err *e)
{
	if ((*out = calloc(1, sizeof **out)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	if (open(&(*out)->db, path, e) == 0)
		return 0;
	ledger_close(*out);
	*out = NULL;
	return -1;
}

int
ledger_open(struct ledger **out, const char *data_dir, const char *tenant, struct err *e)
{
	char path[PATH_MAX];
	struct ledger *l;

	*out = NULL;
	if (path_of(path, data_dir, tenant, e) == -1 || open_at(&l, path, db_open_write, e) == -1)
		return -1;
	if (prepare_schema(l->db, path, e) == -1) {
		ledger_close(l);
		return -1;
	}
	*out = l;
	return 0;
}

bool
ledger_is_there(const char *data_dir, const char *tenant)
{
	char path[PATH_MAX];

	return path_of(path, data_dir, tenant, NULL) == 0 && access(path, F_OK) == 0;
}

/* A transaction that was killed half way can only be undone by who may write: until then what is
 * there cannot be told, which is an error and not "nothing". */
int
ledger_open_read(struct ledger **out, const char *data_dir, const char *tenant, struct err *e)
{
	char path[PATH_MAX];
	struct ledger *l;
	int rc;

	*out = NULL;
	if (path_of(path, data_dir, tenant, e) == -1)
		return -1;
	if (access(path, F_OK) == -1)
		return 0;
	if (open_at(&l, path, db_open_foreign, e) == -1)
		return -1;
	rc = db_run(l->db, "select count(*) from sqlite_schema", e);
	if (rc == 0 && db_pragma(l->db, "user_version") == LEDGER_VERSION)
		*out = l;
	else
		ledger_close(l);	/* in its first moment there is nothing in it */
	return rc;
}

void
ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	db_close(l->db);
	free(l);
}

int
ledger_begin(struct ledger *l, struct err *e)
{
	return db_run(l->db, "begin immediate", e);
}

int
ledger_commit(struct ledger *l, struct err *e)
{
	return db_run(l->db, "commit", e);
}

void
ledger_rollback(struct ledger *l)
{
	if (l != NULL)
		sqlite3_exec(l->db, "rollback", NULL, NULL, NULL);
}

/* ---- statements ---- */

int
ledger_prepare(sqlite3_stmt **out, struct ledger *l, const char *sql, const char *kinds,
    const void *const *values, struct err *e)
{
	if (sqlite3_prepare_v2(l->db, sql, -1, out, NULL) != SQLITE_OK)
		return db_fail(l->db, sql, e);
	for (int i = 0; kinds[i] != '\0'; i++)
		if (kinds[i] == 's')
			sqlite3_bind_text(*out, i + 1, values[i], -1, SQLITE_STATIC);
		else
			sqlite3_bind_int64(*out, i + 1, *(const int64_t *)values[i]);
	return 0;
}

static int
run(struct ledger *l, const char *sql, const char *kinds, const void *const *values,
    struct err *e)
{
	sqlite3_stmt *s = NULL;
	int rc = ledger_prepare(&s, l, sql, kinds, values, e);

	if (rc == 0)
		rc = db_step_done(s, e);
	sqlite3_finalize(s);
	return rc;
}

int
ledger_ask(struct ledger *l, const char *sql, uint64_t *out, struct err *e)
{
	sqlite3_stmt *s = NULL;
	int got = ledger_prepare(&s, l, sql, "", NULL, e);

	*out = 0;
	if (got == 0 && (got = db_step_row(s, e)) == 1)
		*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return got == -1 ? -1 : 0;
}

/* ---- the build ---- */

static int
prune(struct ledger *l, struct err *e)
{
	char sql[512];

	snprintf(sql, sizeof sql,
	    "delete from job where state in ('live', 'failed') and id <"
	    " (select id from job order by id desc limit 1 offset %d);"
	    "delete from item where not exists (select 1 from job where id = item.job)",
	    LEDGER_JOBS_MAX);
	return db_run(l->db, sql, e);
}

int
ledger_begin_build(struct ledger *l, uint64_t *build, size_t *open, struct err *e)
{
	uint64_t jobs, number;
	int64_t n;

	if (ledger_ask(l, "select count(*) from job", &jobs, e) == -1 ||
	    (jobs > LEDGER_JOBS_MAX + LEDGER_JOBS_MAX / 10 && prune(l, e) == -1) ||
	    db_run(l->db, "update build set number = number + 1", e) == -1 ||
	    ledger_ask(l, "select number from build", &number, e) == -1)
		return -1;
	n = (int64_t)number;
	if (run(l,
		"update job set state = 'building', build = ?, ended = 0 where rejected = 0"
		" and generation = '' and state in ('building', 'failed')",
		"i", VALUES(&n), e) == -1)
		return -1;
	*open = (size_t)sqlite3_changes64(l->db);
	*build = number;
	return 0;
}

/* Taken in again after a crash: what was removed then is not there to be removed now. */
int
ledger_add_job(struct ledger *l, const struct inbox_name *name, uint64_t build,
    int64_t accepted_ms, struct err *e)
{
	int64_t now = wall_ms(), n = (int64_t)build;

	if (run(l, "delete from item where job = ?", "s", VALUES(name->id), e) == -1)
		return -1;
	return run(l,
	    "insert into job values(?1,?2,?3,?4,?5,0,'building',?6,0,0,0,'','',0)"
	    " on conflict(id) do update set accepted = ?4, taken = ?5, ended = 0, state = 'building', build = ?6,"
	    " documents = 0, bytes = 0, generation = '', reason = '', rejected = 0", "sssiii",
	    VALUES(name->id, name->key, name->content, &accepted_ms, &now, &n), e);
}

static int
put_document(struct ledger *l, const char *job, const struct inbox_item *item, struct err *e)
{
	int64_t now = wall_ms(), bytes = (int64_t)item->bytes;
	char file[LEDGER_FILE_BYTES];

	ledger_file_of(item->key, file);
	return run(l, "insert or replace into document values(?,?,?,?,?,?,?,?)", "sssssiis",
	    VALUES(item->key, file, item->name != NULL ? item->name : "",
		item->title != NULL ? item->title : "", item->type != NULL ? item->type : "",
		&bytes, &now, job),
	    e);
}

static int
remove_document(struct ledger *l, const char *key, bool *was_there, struct err *e)
{
	if (run(l, "delete from document where key = ?", "s", VALUES(key), e) == -1)
		return -1;
	*was_there |= sqlite3_changes64(l->db) > 0;
	return !*was_there ? 0 : db_run(l->db,
	    "update build set removed = removed + 1, removed_ever = removed_ever + 1", e);
}

/* Its job is that of the change, until which it is not at its end. */
static int
describe_document(struct ledger *l, const char *job, const char *key, struct err *e)
{
	return run(l, "update document set job = ? where key = ?", "ss", VALUES(job, key), e);
}

static int
apply_item(struct ledger *l, const char *job, const struct inbox_item *item, bool *was_there,
    struct err *e)
{
	switch (item->op) {
	case INBOX_PUT:
		return put_document(l, job, item, e);
	case INBOX_REMOVE:
		return remove_document(l, item->key, was_there, e);
	default:
		return describe_document(l, job, item->key, e);
	}
}

int
ledger_add_item(struct ledger *l, const char *job, const struct inbox_item *item,
    bool *was_there, struct err *e)
{
	int64_t put = item->op == INBOX_PUT, removed, bytes = (int64_t)item->bytes;

	if (apply_item(l, job, item, was_there, e) == -1 ||
	    run(l,
		"insert into item select ?1, count(*), ?2, ?3 from item where job = ?1", "sss",
		VALUES(job, inbox_op_name(item->op), item->key), e) == -1)
		return -1;
	removed = item->op == INBOX_REMOVE && *was_there;
	return run(l,
	    "update job set documents = documents + ?, removed = removed + ?, bytes = bytes + ?"
	    " where id = ?",
	    "iiis", VALUES(&put, &removed, &bytes, job), e);
}

int
ledger_reject(
    struct ledger *l, const struct inbox_name *name, const char *why, struct err *e)
{
	int64_t now = wall_ms();

	return run(l,
	    "insert or replace into job values(?,?,?,0,?,?,'failed',0,0,0,0,'',?,1)", "sssiis",
	    VALUES(name->id, name->key, name->content, &now, &now, why), e);
}

int
ledger_removed(struct ledger *l, uint64_t *since, uint64_t *ever, struct err *e)
{
	return ledger_ask(l, "select removed from build", since, e) == -1 ?
	    -1 :
	    ledger_ask(l, "select removed_ever from build", ever, e);
}

int
ledger_built(struct ledger *l, uint64_t build, const char *generation, struct err *e)
{
	int64_t n = (int64_t)build, oldest = n - MADE_KEPT;

	if (db_run(l->db, "update build set removed = 0", e) == -1 ||
	    run(l, "insert or replace into made values(?,?)", "si", VALUES(generation, &n), e) == -1 ||
	    run(l, "delete from made where build < ?", "i", VALUES(&oldest), e) == -1)
		return -1;
	return run(l,
	    "update job set state = 'gated', generation = ?, reason = '' where build = ?"
	    " and state = 'building'",
	    "si", VALUES(generation, &n), e);
}

int
ledger_clear_refused(struct ledger *l, struct err *e)
{
	return db_run(l->db, "delete from refused", e);
}

int
ledger_add_refused(struct ledger *l, const char *key, const char *why, struct err *e)
{
	return run(l,
	    "insert or replace into refused select key, ? from document where key = ?", "ss",
	    VALUES(why, key), e);
}

/* ---- the supervisor ---- */

static const char count_open[] =
    "select count(*) from job where state in ('building', 'gated')";

/* NULL: there is none. */
static int
open_existing(struct ledger **out, const char *data_dir, const char *tenant, struct err *e)
{
	*out = NULL;
	return !ledger_is_there(data_dir, tenant) ? 0 : ledger_open(out, data_dir, tenant, e);
}

int
ledger_settle(const char *data_dir, const char *tenant, const char *generation, size_t *open,
    struct err *e)
{
	struct ledger *l;
	int64_t now = wall_ms();
	uint64_t left = 0;
	int rc;

	*open = 0;
	if (open_existing(&l, data_dir, tenant, e) == -1)
		return -1;
	if (l == NULL)
		return 0;
	rc = run(l,
	    "update job set state = 'live', ended = ?1, reason = '' where generation <> ''"
	    " and state in ('gated', 'failed')"
	    " and build <= (select build from made where generation = ?2)",
	    "is", VALUES(&now, generation), e);
	if (rc == 0)
		rc = ledger_ask(l, count_open, &left, e);
	ledger_close(l);
	*open = (size_t)left;
	return rc;
}

int
ledger_fail(const char *data_dir, const char *tenant, const char *generation,
    const char *reason, bool is_final, struct err *e)
{
	struct ledger *l;
	int64_t ended = is_final ? wall_ms() : 0;
	int rc;

	if (open_existing(&l, data_dir, tenant, e) == -1)
		return -1;
	if (l == NULL)
		return 0;
	rc = run(l,
	    is_final ?
		"update job set reason = ?, ended = ?, state = 'failed' where generation = ?"
		" and state in ('building', 'gated')" :
		"update job set reason = ?, ended = ? where generation = ? and state = 'building'",
	    "sis", VALUES(reason, &ended, generation), e);
	ledger_close(l);
	return rc;
}

static int
fail_waiting(struct ledger *l, const char *data_dir, const char *tenant,
    char (*names)[INBOX_NAME_BYTES], size_t count, const char *reason, struct err *e)
{
	char found[INBOX_NAME_BYTES];
	struct inbox_name name;
	int64_t now = wall_ms(), accepted;

	for (size_t i = 0; i < count; i++) {
		if (!inbox_name_parse(&name, names[i]))
			continue;
		if (inbox_find(data_dir, tenant, name.id, found, &accepted, e) == -1)
			return -1;
		if (found[0] == '\0')
			continue;		/* taken in just now */
		accepted *= 1000;
		if (run(l, "insert into job values(?1,?2,?3,?4,0,?5,'failed',0,0,0,0,'',?6,0)"
			   " on conflict(id) do nothing", "sssiis",
			VALUES(name.id, name.key, name.content, &accepted, &now, reason), e) == -1)
			return -1;
	}
	return 0;
}

int
ledger_fail_waiting(
    const char *data_dir, const char *tenant, const char *reason, struct err *e)
{
	char(*names)[INBOX_NAME_BYTES];
	struct ledger *l = NULL;
	size_t count;
	int rc = -1;

	if (inbox_list(&names, &count, data_dir, tenant, e) == -1)
		return -1;
	if (count == 0)
		rc = 0;
	else if (ledger_open(&l, data_dir, tenant, e) == 0 && ledger_begin(l, e) == 0 &&
	    fail_waiting(l, data_dir, tenant, names, count, reason, e) == 0)
		rc = ledger_commit(l, e);
	if (rc == -1 && l != NULL)
		ledger_rollback(l);
	ledger_close(l);
	free(names);
	return rc;
}

/* Opened for writing, because a reader may not undo what a build that was killed left half done. */
int
ledger_count_open(const char *data_dir, const char *tenant, size_t *open, struct err *e)
{
	struct ledger *l;
	uint64_t n = 0;
	int rc;

	*open = 0;
	if (open_existing(&l, data_dir, tenant, e) == -1)
		return -1;
	if (l == NULL)
		return 0;
	rc = ledger_ask(l, count_open, &n, e);
	ledger_close(l);
	*open = (size_t)n;
	return rc;
}
