/* waiting.h - what is sent to a tenant and not built yet, by document.
 *
 * All entries of the inbox as one list: of several words about a document the last counts, but
 * that new fields for one that waits leave it one that waits.
 * Memory  arena.
 * Cost    the index of every entry is read; their bytes are not.
 */
#ifndef RAGPOOL_WAITING_H
#define RAGPOOL_WAITING_H

#include "arena.h"
#include "inbox.h"

struct waiting_item {
	const char *key, *name, *meta;	/* meta NULL: none */
	enum inbox_op op;
	uint64_t bytes;
	int64_t accepted;		/* seconds since 1970 */
	size_t turn;			/* in the order of the entries */
};

struct waiting {
	struct waiting_item *at;	/* sorted by key, one a document */
	size_t count, room;
};

int waiting_read(struct waiting *w, const char *data_dir, const char *tenant, struct arena *a,
    struct err *e);
/* NULL: nothing waits for it. */
const struct waiting_item *waiting_find(const struct waiting *w, const char *key);

#endif
