/* store_parts.h - what the files of store.db share. */
#ifndef RAGPOOL_STORE_PARTS_H
#define RAGPOOL_STORE_PARTS_H

#include "db.h"
#include "db_cells.h"
#include "store.h"

struct store {
	sqlite3 *db;
	int version;
	/* store_fetch.c */
	sqlite3_stmt *fetch;
	struct db_cells cells;
	struct db_table chunk, document, passage;
};

int store_fetch_open(struct store *s, const char *path, struct err *e);
void store_fetch_close(struct store *s);
/* That both ways to a row lead to the same: ERR_CORRUPT. */
int store_fetch_verify(struct store *s, struct err *e);

#endif
