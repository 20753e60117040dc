/* ledger_parts.h - what the two halves of the ledger share; nobody else includes it. */
#ifndef RAGPOOL_LEDGER_PARTS_H
#define RAGPOOL_LEDGER_PARTS_H

#include <sqlite3.h>

#include "ledger.h"

struct ledger {
	sqlite3 *db;
};

#define VALUES(...) ((const void *const[]){__VA_ARGS__})

/* values as the statement's question marks stand: kinds has "s" for a text, "i" for an int64_t.
 * Texts are borrowed until *out is finalised, which is the caller's, also after an error. */
int ledger_prepare(sqlite3_stmt **out, struct ledger *l, const char *sql, const char *kinds,
    const void *const *values, struct err *e);
/* One number; 0 when there is no row. */
int ledger_ask(struct ledger *l, const char *sql, uint64_t *out, struct err *e);

#endif
