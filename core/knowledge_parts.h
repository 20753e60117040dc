/* knowledge_parts.h - an open source.db, between the files knowledge*.c. */
#ifndef RAGPOOL_KNOWLEDGE_PARTS_H
#define RAGPOOL_KNOWLEDGE_PARTS_H

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

#endif
