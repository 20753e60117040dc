/* inbox.h - writes that were accepted and are not yet built: durable files, one a request.
 *
 *   DATA/inbox/<tenant>/<seq>-<random>[-<key>-<content>]     accepted
 *   DATA/inbox/<tenant>/.tmp-<pid>-<n>                       being written
 *   DATA/inbox/<tenant>/lock                                 the last seq; held while one is given
 *   DATA/inbox/<tenant>/dead/<name>, <name>.why              what could not be taken in
 *   DATA/inbox/.bell/<tenant>                                written after each: the supervisor watches
 *
 * An entry is the bytes of its documents one behind the other, then one JSON object that says
 * what they are, then that object's length and a magic word: what was cut off shows.  It is
 * written under a hidden name, fsynced, renamed, and the folder is fsynced: accepted means
 * durable.  Temporary and final names share one folder, because Landlock in its first version
 * lets nobody rename from one folder into another.  Below DATA/inbox and not below
 * DATA/tenants, because that one folder is all that a worker may write to.
 *
 * Order   seq grows with each entry of a tenant, in the order of the renames; a build takes
 *         them in by it, so the later of two writes to a document wins.
 * Keys    an Idempotency-Key that was used before answers with the entry it made, while that
 *         is here or remembered (ledger.h); with another content it is ERR_CONFLICT_KEY.
 * Bounds  entries and bytes that wait, per tenant: ERR_INBOX_FULL.  A full disk: ERR_STORAGE.
 * Memory  what a reader passes is borrowed for the call.
 * Cost    two fsyncs an entry; giving a seq lists the tenant's folder.
 */
#ifndef RAGPOOL_INBOX_H
#define RAGPOOL_INBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "hash.h"

enum {
	INBOX_ID_BYTES = 22,		/* <12 hex>-<8 hex> and the NUL */
	INBOX_NAME_BYTES = 64,
	INBOX_ITEMS_MAX = 10000,	/* documents in one entry */
	INBOX_META_BYTES = 16 * 1024,
	INBOX_INDEX_MAX = 64 << 20,
};

enum inbox_op {
	INBOX_PUT,
	INBOX_REMOVE,
	INBOX_DESCRIBE,		/* other fields for the document there is; its bytes stay */
	INBOX_OP_MAX
};

struct inbox_item {
	enum inbox_op op;
	const char *key;
	const char *name;	/* what its format is told by, or NULL: the key */
	const char *title;	/* or NULL */
	const char *meta;	/* a JSON object of fields, or NULL */
	const char *type;	/* as announced, or NULL */
	uint64_t at, bytes;	/* where it lies in the entry */
};

struct inbox_limits {
	uint64_t bytes, entries;	/* that may wait, per tenant; 0: no bound */
};

/* ---- writing ---- */

struct inbox_entry {
	char folder[512];
	char tmp[600];
	const char *data_dir, *tenant;	/* borrowed */
	int fd;				/* -1: none */
	uint64_t bytes, from;		/* written; where the next document begins */
	size_t items;
	struct buf index;
	struct hash_sha256 *digest;
};

/* ERR_STORAGE when the disk is full, ERR_IO. */
int inbox_begin(struct inbox_entry *n, const char *data_dir, const char *tenant, struct err *e);
/* Bytes of the next document, piece by piece. */
int inbox_write(struct inbox_entry *n, const void *bytes, size_t size, struct err *e);
/* The document whose bytes were written since the last one; ->at and ->bytes are not read. */
int inbox_put(struct inbox_entry *n, const struct inbox_item *item, struct err *e);
int inbox_remove(struct inbox_entry *n, const char *key, struct err *e);
/* meta NULL: none.  Nothing happens where there is no document of the key. */
int inbox_describe(
    struct inbox_entry *n, const char *key, const char *meta, struct err *e);
/* Durable when it returns 0, with the entry's id; *existed: the key was used before, and the
 * id is that of then.  key NULL: none.  The entry is closed, also on failure. */
int inbox_commit(struct inbox_entry *n, const struct inbox_limits *limits, const char *key,
    char id[INBOX_ID_BYTES], bool *existed, struct err *e);
/* Harmless after a commit. */
void inbox_abandon(struct inbox_entry *n);

/* ---- reading ---- */

const char *inbox_op_name(enum inbox_op op);
/* INBOX_OP_MAX when it is none. */
enum inbox_op inbox_op_of(const char *name);
bool inbox_id_is_valid(const char *id);
/* How many entries wait, and their bytes. */
int inbox_count(const char *data_dir, const char *tenant, struct inbox_limits *out, struct err *e);
/* Is an entry of this id there? */
bool inbox_has(const char *data_dir, const char *tenant, const char *id);
/* The name of the entry of this id, "" when it is not there, and when it was accepted (seconds
 * since 1970). */
int inbox_find(const char *data_dir, const char *tenant, const char *id,
    char name[INBOX_NAME_BYTES], int64_t *accepted, struct err *e);
/* Names of all entries by seq; owned, free(). */
int inbox_list(char (**names)[INBOX_NAME_BYTES], size_t *count, const char *data_dir,
    const char *tenant, struct err *e);
/* Every item of an entry, with its bytes when with_bytes, else NULL; a non-zero answer ends
 * it.  ERR_CORRUPT when the entry is not whole, ERR_NOT_FOUND when it is gone. */
typedef int inbox_item_fn(
    void *context, const struct inbox_item *item, const char *bytes, struct err *e);
int inbox_read(const char *data_dir, const char *tenant, const char *name, bool with_bytes,
    inbox_item_fn *each, void *context, struct err *e);
/* The id, and what stands for its key and content, "" for none. */
struct inbox_name {
	char id[INBOX_ID_BYTES];
	char key[17], content[17];
	uint64_t seq;
};
bool inbox_name_parse(struct inbox_name *out, const char *name);
/* Of a name from outside. */
void inbox_key_of(const char *key, char out[17]);

/* ---- ending ---- */

/* It was taken in: unlinked.  Not yet durable: inbox_sync(). */
int inbox_done(const char *data_dir, const char *tenant, const char *name, struct err *e);
/* It cannot be: moved aside with the reason beside it. */
int inbox_bury(const char *data_dir, const char *tenant, const char *name, const char *why,
    struct err *e);
int inbox_sync(const char *data_dir, const char *tenant, struct err *e);
/* Temporary files of processes that are gone. */
int inbox_sweep(const char *data_dir, const char *tenant, struct err *e);

/* DATA/inbox and its bell; the supervisor makes them before any worker is confined. */
int inbox_make(const char *data_dir, struct err *e);
int inbox_bell_path(char *out, size_t size, const char *data_dir, struct err *e);
/* Tells the supervisor that the tenant's inbox has something. */
void inbox_ring(const char *data_dir, const char *tenant);

#endif
