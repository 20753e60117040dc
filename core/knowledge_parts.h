/* knowledge_parts.h - an open source.db, between the files knowledge*.c. */
#ifndef RAGPOOL_KNOWLEDGE_PARTS_H
#define RAGPOOL_KNOWLEDGE_PARTS_H

#include "arena.h"
#include "buf.h"
#include "chunk.h"
#include "knowledge.h"

enum { KNOWLEDGE_VERSION = 4 };

/* Prepared once; the texts are in knowledge.c. */
enum statement {
	FIND_DOCUMENT,
	PUT_DOCUMENT,
	SEE_DOCUMENT,
	HOLD_STAMP,
	GIVE_STAMPS,
	CLEAR_CHUNKS,
	CLEAR_PARTS,
	PUT_CHUNK,
	COUNT_DOCUMENTS,
	COUNT_CHUNKS,
	FIND_SYNCED,
	PUT_SYNCED,
	DROP_UNSEEN,
	KEEP_IMPORTED,
	EACH_DOCUMENT,
	EACH_CHUNK,
	EACH_REFUSED,
	STATEMENTS
};

struct knowledge {
	int lock;
	sqlite3 *db;
	sqlite3_stmt *s[STATEMENTS];
	uint64_t removals;	/* that were asked for, ever */
	void (*progress)(void *context, uint64_t done, uint64_t all);
	void *progress_context;
};

/* It is of our format by its version, but does not say so. */
bool knowledge_is_foreign(sqlite3 *db);

/* ---- between knowledge_sync.c and knowledge_put.c ---- */

struct sync {
	struct knowledge *k;
	struct chunk_params chunking;
	char params[CHUNKING_TEXT_BYTES + 16];	/* what the chunks depend on besides the bytes */
	struct buf meta;	/* of the document that is written */
	struct arena words;	/* of the items below */
	struct source_item *wanted;	/* listed, new or changed: still to be read */
	size_t wanted_count, wanted_room, wanted_done;
	unsigned max_shrink;	/* percent of what was kept that may be gone */
	bool keeps;		/* no rehearsal */
	size_t piece_documents;	/* read and not committed yet */
	uint64_t piece_bytes;
	struct sync_report *report;
};

/* Marks a document as still listed. */
int sync_see(struct sync *y, int64_t id, struct err *e);
/* The document's row, if it was kept before; 0: it was not. */
int sync_find_kept(
    struct sync *y, const char *key, int64_t *id, bool *refused, struct err *e);
/* The document as it was read, cut and written, its rows as documents of their own; what it holds
 * and cannot be read is kept as refused, and no error. */
int sync_take(
    struct sync *y, const struct source_item *item, const char *bytes, size_t n, struct err *e);
/* A document that cannot be read is kept as refused, without bytes. */
int sync_refuse(
    struct sync *y, const struct source_item *item, const struct err *why, struct err *e);

#endif
