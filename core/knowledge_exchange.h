/* knowledge_exchange.h - documents of source.db with all that was made of them, out and in.
 *
 * An imported document waits in source.db for its bytes to be listed by the tenant's source:
 * if these are what it was made of, and the tenant cuts the same way, the next sync keeps its
 * chunks as they are; else it is read like any other.
 */
#ifndef RAGPOOL_KNOWLEDGE_EXCHANGE_H
#define RAGPOOL_KNOWLEDGE_EXCHANGE_H

#include "knowledge.h"

/* The stamp of what was imported and not listed yet. */
#define KNOWLEDGE_IMPORTED "import"

struct knowledge_document {
	const char *key, *title, *charset;
	const char *params;		/* how it was cut */
	const char *sha256;		/* of its bytes */
	const char *meta;		/* a JSON object */
	uint64_t bytes;
	const char *text;		/* chunks are spans of it */
	size_t text_len;
	const struct store_chunk *chunks;	/* document, title, source, key, meta are not read */
	size_t count;
};

/* Every document that gave text, by key, of a copy of a source.db (db_copy()) that nobody
 * writes; what is passed is borrowed for the call, db for what is kept beside documents. */
int knowledge_export(const char *path,
    int (*each)(void *context, sqlite3 *db, const struct knowledge_document *d, struct err *e),
    void *context, struct err *e);

/* Replaces what was kept of the key.  The caller has checked that every span lies in the text,
 * and holds a transaction. */
int knowledge_import(struct knowledge *k, const struct knowledge_document *d, struct err *e);

#endif
