/* db.h - SQLite, opened the one way each kind of file wants it.
 *
 * Written files use the rollback journal, never WAL (sealed files are read from
 * read-only mounts, and the library in Debian 12 predates the WAL-reset fix).  Every
 * write is a BEGIN IMMEDIATE, so that waiting works.  Sealed files are opened
 * immutable, and mapped.  No file may bring code: extensions off, defensive on, schema untrusted.
 *
 * Errors  ERR_DB with SQLite's words, ERR_BUSY past the busy timeout, ERR_CORRUPT for
 *         damage, ERR_NOMEM.
 * Handles are not carried across fork().
 */
#ifndef RAGPOOL_DB_H
#define RAGPOOL_DB_H

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

#include "err.h"

enum { DB_BUSY_MS = 5000, DB_MAP_MAX = 0x7fff0000 /* the most that SQLite maps */ };

/* A file this process writes, made if absent.  What is committed outlives a loss of power. */
int db_open_write(sqlite3 **db, const char *path, struct err *e);
/* A sealed file: read-only, immutable, in one transaction; application id and version must be these. */
int db_open_sealed(
    sqlite3 **db, const char *path, uint32_t application_id, int version, struct err *e);
/* Somebody else's file, which others may write meanwhile: read-only, no link followed. */
int db_open_foreign(sqlite3 **db, const char *path, struct err *e);
/* A consistent copy of a file that another process may write meanwhile, by SQLite's backup
 * interface; `to` must not exist.  A writer is never kept waiting for more than a few
 * megabytes, unless it commits faster than the copy gets ahead: then once, for all of it. */
int db_copy(const char *from, const char *to, struct err *e);
/* NULL is fine.  What a transaction that was not committed, or broke, has taken of the disk is
 * given back. */
void db_close(sqlite3 *db);

/* text is borrowed until the statement is reset; NULL is bound as "". */
void db_bind_text(sqlite3_stmt *s, int at, const char *text);
bool db_column_is(sqlite3_stmt *s, int column, const char *text);

/* Fills *e from the connection's last error. */
int db_fail(sqlite3 *db, const char *what, struct err *e);
int db_run(sqlite3 *db, const char *sql, struct err *e);
int db_statement(sqlite3_stmt **out, sqlite3 *db, const char *sql, struct err *e);
/* Steps a statement that answers no row, and resets it. */
int db_step_done(sqlite3_stmt *s, struct err *e);
/* 1: a row is there; 0: no more; -1. */
int db_step_row(sqlite3_stmt *s, struct err *e);
/* "pragma NAME" as a number; 0 when it has no value. */
int64_t db_pragma(sqlite3 *db, const char *name);

#endif
