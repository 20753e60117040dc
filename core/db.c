/* db.c - SQLite, opened the one way each kind of file wants it. */
#include "db.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"

int
db_fail(sqlite3 *db, const char *what, struct err *e)
{
	int code = sqlite3_errcode(db) & 0xff;
	enum err_code mine = ERR_DB;

	if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		mine = ERR_BUSY;
	else if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
		mine = ERR_CORRUPT;
	else if (code == SQLITE_NOMEM)
		mine = ERR_NOMEM;
	else if (code == SQLITE_FULL)
		mine = ERR_STORAGE;
	return err_set(e, mine, "%s: %s", what, sqlite3_errmsg(db));
}

static void
harden(sqlite3 *db)
{
	sqlite3_extended_result_codes(db, 1);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_busy_timeout(db, DB_BUSY_MS);
}

static int
open_handle(sqlite3 **db, const char *name, int flags, const char *path, struct err *e)
{
	int rc = sqlite3_open_v2(name, db, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (rc == SQLITE_OK) {
		harden(*db);
		return 0;
	}
	err_set(e, rc == SQLITE_NOMEM ? ERR_NOMEM : ERR_DB, "%s: %s", path, sqlite3_errstr(rc));
	sqlite3_close(*db);
	*db = NULL;
	return -1;
}

/* "full" does not make durable that the journal is gone: after a loss of power it may be there
 * again and take the last transaction back, whose work nobody would do again. */
int
db_open_write(sqlite3 **db, const char *path, struct err *e)
{
	if (open_handle(db, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, path, e) == -1)
		return -1;
	if (db_run(*db, "pragma journal_mode = delete; pragma synchronous = extra;", e) == 0)
		return 0;
	db_close(*db);
	*db = NULL;
	return -1;
}

/* A path as a URI: everything but the plainest characters as %XX. */
static int
immutable_uri(struct buf *b, const char *path, struct err *e)
{
	buf_adds(b, "file:");
	for (const char *p = path; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("/._-", *p) != NULL)
			buf_addc(b, *p);
		else
			buf_addf(b, "%%%02X", (unsigned char)*p);
	}
	buf_adds(b, "?immutable=1");
	return buf_check(b, path, e);
}

static int
check_sealed(sqlite3 *db, const char *path, uint32_t application_id, int version, struct err *e)
{
	if (sqlite3_exec(db, "pragma cell_size_check = on; select count(*) from sqlite_schema",
		NULL, NULL, NULL) != SQLITE_OK)
		return db_fail(db, path, e);
	if ((uint32_t)db_pragma(db, "application_id") != application_id)
		return err_set(e, ERR_CORRUPT, "%s: not a store of ragpool", path);
	if (db_pragma(db, "user_version") > version)
		return err_set(e, ERR_FORMAT_NEW, "%s: store format %lld, this program reads %d",
		    path, (long long)db_pragma(db, "user_version"), version);
	if (db_pragma(db, "user_version") != version)
		return err_set(e, ERR_CORRUPT, "%s: unknown store format", path);
	return 0;
}

/* What never changes is read where it lies in the page cache, and as of one moment: one transaction, begun
 * once, in place of one for each question.  Cells are checked page by page by store_verify(), once;
 * with mapped pages SQLite would do it again whenever it looks at one.  Five passages of a store of
 * 10 MB: 15.6 us by reads, 10.3 mapped, 9.3 with the transaction held; 20 with each page checked. */
static int
hold_sealed(sqlite3 *db, struct err *e)
{
	char sql[96];

	sqlite3_snprintf(sizeof sql, sql,
	    "pragma cell_size_check = off; pragma mmap_size = %d; begin", DB_MAP_MAX);
	return db_run(db, sql, e);
}

int
db_open_sealed(
    sqlite3 **db, const char *path, uint32_t application_id, int version, struct err *e)
{
	struct stat st;
	struct buf uri;
	int rc = -1;

	*db = NULL;
	if (stat(path, &st) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return err_set(e, ERR_CORRUPT, "%s: empty or not a file", path);
	buf_init(&uri, 3 * PATH_MAX + 64);
	if (immutable_uri(&uri, path, e) == 0 &&
	    open_handle(db, uri.data, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path, e) == 0 &&
	    check_sealed(*db, path, application_id, version, e) == 0)
		rc = hold_sealed(*db, e);
	if (rc == -1) {
		db_close(*db);
		*db = NULL;
	}
	buf_fini(&uri);
	return rc;
}

int
db_open_foreign(sqlite3 **db, const char *path, struct err *e)
{
	return open_handle(db, path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW, path, e);
}

/* After a write that failed in the middle of a transaction, of a full disk say, SQLite leaves file
 * and journal as they are for whoever reads next: the disk stays as full as it was.  So we read. */
static void
undo_half_written(sqlite3 *db)
{
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "rollback", NULL, NULL, NULL);
	sqlite3_exec(db, "select count(*) from sqlite_schema", NULL, NULL, NULL);
}

void
db_close(sqlite3 *db)
{
	if (db == NULL)
		return;
	if (sqlite3_db_readonly(db, "main") == 0)
		undo_half_written(db);
	sqlite3_close_v2(db);
}

int
db_run(sqlite3 *db, const char *sql, struct err *e)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, sql, e);
}

int
db_statement(sqlite3_stmt **out, sqlite3 *db, const char *sql, struct err *e)
{
	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL) == SQLITE_OK)
		return 0;
	*out = NULL;
	return db_fail(db, sql, e);
}

/* The file and how the statement begins: there are long ones, and why it failed matters more. */
static int
fail_step(sqlite3_stmt *s, struct err *e)
{
	sqlite3 *db = sqlite3_db_handle(s);
	const char *file = sqlite3_db_filename(db, "main"), *slash;
	char what[96];

	slash = file != NULL ? strrchr(file, '/') : NULL;
	snprintf(what, sizeof what, "%.30s: %.40s", slash != NULL ? slash + 1 : "a database",
	    sqlite3_sql(s));
	return db_fail(db, what, e);
}

int
db_step_done(sqlite3_stmt *s, struct err *e)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_DONE || rc == SQLITE_ROW) {
		sqlite3_reset(s);
		return 0;
	}
	fail_step(s, e);
	sqlite3_reset(s);
	return -1;
}

int
db_step_row(sqlite3_stmt *s, struct err *e)
{
	int rc = sqlite3_step(s);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return fail_step(s, e);
}

int64_t
db_pragma(sqlite3 *db, const char *name)
{
	char sql[64];
	sqlite3_stmt *s;
	int64_t value = 0;

	snprintf(sql, sizeof sql, "pragma %s", name);
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		return 0;
	if (sqlite3_step(s) == SQLITE_ROW)
		value = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return value;
}

void
db_bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text != NULL ? text : "", -1, SQLITE_STATIC);
}

bool
db_column_is(sqlite3_stmt *s, int column, const char *text)
{
	const char *is = (const char *)sqlite3_column_text(s, column);

	return is != NULL && strcmp(is, text) == 0;
}
