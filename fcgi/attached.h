/* attached.h - a tenant's documents as the files of a vector store: where each has come to.
 *
 *   in the inbox, or taken in and not on every worker yet    in_progress
 *   on every worker                                          completed
 *   it gave no text, or its build or gate failed             failed, and why
 *
 * Three places say it, read in the order in which a document moves through them, so that none
 * is missed: the inbox, the ledger, the generation that serves.  A document whose removal was
 * accepted is not there any more, although it is found until the next generation.
 *
 * Order   by key.  Keys of uploaded files begin with their ids, which sort by age.
 * Memory  texts are arena.
 * Errors  as their sources have them.
 * Cost    opening reads the index of what waits; finding is a look into each place.  An id that
 *         is no uploaded file's, nor a pushed document's, is looked for among all documents.
 */
#ifndef RAGPOOL_ATTACHED_H
#define RAGPOOL_ATTACHED_H

#include "api.h"
#include "file_id.h"
#include "ledger.h"
#include "waiting.h"

#define ATTACHED_STATES(X) \
	X(ATTACHED_IN_PROGRESS, "in_progress") \
	X(ATTACHED_COMPLETED, "completed") \
	X(ATTACHED_FAILED, "failed") \
	X(ATTACHED_CANCELLED, "cancelled")
enum attached_state {
#define X(symbol, name) symbol,
	ATTACHED_STATES(X)
#undef X
	    ATTACHED_STATE_MAX
};

struct attached {
	const char *key;
	char id[FILE_ID_BYTES];
	enum attached_state state;
	const char *code, *why;		/* of one that failed; "" else */
	const char *meta;		/* a JSON object of what is known about it */
	uint64_t bytes;
	int64_t created;		/* seconds since 1970: when it was accepted */
	bool was_sent;			/* else it is of the tenant's own source */
};

struct attached_counts {
	uint64_t in_state[ATTACHED_STATE_MAX];
};

/* Sorted, arena. */
struct attached_keys {
	const char **at;
	size_t count, room;
};

struct attached_view {
	const char *data_dir, *tenant;
	struct arena *arena;
	struct waiting waiting;
	struct ledger *ledger;		/* NULL: nothing was ever sent */
	struct index *index;		/* NULL: there is no generation yet */
	struct attached_keys leaving;
	bool without_meta;		/* ->meta is not asked for */
	int64_t sealed;			/* when the generation was made */
};

const char *attached_state_name(enum attached_state state);
/* ATTACHED_STATE_MAX when it is none. */
enum attached_state attached_state_of(const char *name);

/* with_index: also what the generation holds; without it nothing is opened, and there are only
 * documents that were sent. */
int attached_open(struct attached_view *v, struct api *api, const char *tenant, bool with_index,
    struct arena *a, struct err *e);
void attached_close(struct attached_view *v);
/* 1 found, 0 there is none of that key. */
int attached_find(
    struct attached_view *v, const char *key, struct attached *out, struct err *e);
/* The key of the document with this file id; ERR_FILE. */
int attached_key_of(
    struct attached_view *v, const char *id, const char **key, struct err *e);
/* Up to `max` keys behind `from` (NULL: from the end where it begins), which still may be of
 * none. */
int attached_keys(struct attached_view *v, const char *from, bool ascending, size_t max,
    const char **keys, size_t *count, struct err *e);
/* documents: of the generation that serves.  Without its index one that is being replaced counts
 * twice. */
/* Keys of all that may be in progress or have failed, so that these few are found without a look
 * at all. */
int attached_unsettled(struct attached_view *v, struct attached_keys *out, struct err *e);
int attached_count(struct attached_view *v, uint64_t documents, struct attached_counts *out,
    struct err *e);

#endif
