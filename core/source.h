/* source.h - where a tenant's documents come from, behind one interface.
 *
 * A source lists its documents (key, size, a change stamp) and reads one by key.  A
 * listing is all or nothing: a source that cannot list completely fails, because what
 * a listing leaves out counts as deleted.
 *
 * Keys    paths below the source with '/', UTF-8, at most DOCUMENT_PATH_BYTES.
 * Stamp   changes when the bytes may have changed; equal stamp and size mean "not read
 *         again".
 * Errors  list: ERR_SOURCE, ERR_IO, ERR_LIMIT.  read: ERR_NOT_FOUND when the document
 *         has vanished since, ERR_LIMIT past DOCUMENT_BYTES_MAX, ERR_IO.
 */
#ifndef RAGPOOL_SOURCE_H
#define RAGPOOL_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "build.h"
#include "err.h"

struct source_item {
	const char *key;
	uint64_t size;
	char stamp[64];
};

/* -1 ends the listing, with *e filled by the callee. */
typedef int source_item_fn(void *context, const struct source_item *item, struct err *e);

struct source {
	int (*list)(struct source *s, source_item_fn *each, void *context, struct err *e);
	/* Owned bytes, NUL-terminated. */
	int (*read)(
	    struct source *s, const char *key, char **bytes, size_t *n, struct err *e);
	void (*close)(struct source *s);
};

/* By config->source_type. */
int source_open(struct source **out, const struct build_config *config, struct err *e);
/* NULL is fine. */
void source_close(struct source *s);

/* source_directory.c: regular files below a folder, sorted bytewise by key.  Links are
 * never followed, hidden files and folders (".name") are left out. */
int source_directory_open(struct source **out, const char *path, struct err *e);

#endif
