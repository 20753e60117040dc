/* source.h - where a tenant's documents come from, behind one interface.
 *
 * A source lists its documents, and reads those that the listing shows to be new or
 * changed.  A listing is all or nothing: a source that cannot list completely fails,
 * because what a listing leaves out counts as deleted.
 *
 * Keys    a document's identity: a path with '/', an object's key, a row's key, an
 *         address.  UTF-8 without control characters, at most DOCUMENT_PATH_BYTES.  A key
 *         is never used as a path by anyone but its source.
 * Stamp   changes when the bytes, or what is said about them, may have changed; equal stamp
 *         and size mean "not read again".  "": the listing does not tell; then the document
 *         is read under the condition that it differs from `known`.
 * Memory  what a listing passes is borrowed for the call.
 * Errors  list: ERR_SOURCE, ERR_IO, ERR_PEER, ERR_TIMEOUT, ERR_LIMIT.  read: ERR_NOT_FOUND
 *         when the document has vanished since; ERR_LIMIT past DOCUMENT_BYTES_MAX,
 *         ERR_UNSUPPORTED, ERR_PERMISSION: this document alone is left out; all else ends
 *         the build, and the old generation stays.
 */
#ifndef RAGPOOL_SOURCE_H
#define RAGPOOL_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"

struct build_config;

enum { SOURCE_STAMP_BYTES = 96, SOURCE_META_BYTES = 16 * 1024 };
#define SOURCE_SIZE_UNKNOWN UINT64_MAX

struct source_item {
	const char *key;
	uint64_t size;			/* bytes, or SOURCE_SIZE_UNKNOWN */
	char stamp[SOURCE_STAMP_BYTES];
	/* The rest may be NULL. */
	const char *known;		/* reading: the stamp it had when it was last read */
	const char *name;		/* what its format is told by, if not by the key */
	const char *title;		/* used when the text itself has none */
	const char *meta;		/* a JSON object: more fields for filters */
	const char *why;		/* it cannot be read at all: it is kept as refused */
	const char *bytes;		/* the document, if the listing brought it; size of them */
};

/* -1 ends the listing, with *e filled by the callee. */
typedef int source_item_fn(void *context, const struct source_item *item, struct err *e);

/* One document that was asked for.  why == NULL: its bytes, or NULL when it is unchanged
 * since item->known; else why it could not be read.  Everything is borrowed. */
typedef int source_got_fn(void *context, const struct source_item *item, const char *bytes,
    size_t n, const struct err *why, struct err *e);

struct source {
	int (*list)(struct source *s, source_item_fn *each, void *context, struct err *e);
	/* Owned bytes, NUL-terminated; NULL when unchanged since item->known.  May fill in
	 * item->stamp, ->name and ->size, which stay valid until the next read. */
	int (*read)(struct source *s, struct source_item *item, char **bytes, size_t *n,
	    struct err *e);
	/* As read() for many, in any order, several at once.  A source has one of the two,
	 * or none if its listing brings every document. */
	int (*read_each)(struct source *s, struct source_item *items, size_t count,
	    source_got_fn *got, void *context, struct err *e);
	void (*close)(struct source *s);
};

/* A directory's, which needs nothing but its path; the others are opened by the builder
 * (fcgi/source_kinds.h), which knows networks and children. */
int source_open(struct source **out, const struct build_config *config, struct err *e);
/* NULL is fine. */
void source_close(struct source *s);

int source_read_each(struct source *s, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e);

/* Which documents of a listing count: all that match one of `include` (or any, when it is
 * empty) and none of `exclude`.  Patterns as in glob.h, one a line, "" for none. */
struct source_globs {
	const char *include;
	const char *exclude;
};
int source_globs_check(const struct source_globs *g, struct err *e);
/* Wraps `inner`, which is taken, also on failure.  The patterns are copied. */
int source_filtered(
    struct source **out, struct source *inner, const struct source_globs *g, struct err *e);

/* source_directory.c: regular files below a folder, sorted bytewise by key.  Links are
 * never followed, hidden files and folders (".name") are left out.  root: "" or the folder
 * below which the path must lie, also after every link in it was resolved. */
int source_directory_open(
    struct source **out, const char *path, const char *root, struct err *e);

#endif
