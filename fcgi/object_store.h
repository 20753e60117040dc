/* object_store.h - where published generations lie: a bucket, or a folder that hosts share.
 *
 * Keys    letters, digits, "-._" and '/': made by objects.c, safe in a path and in an address.
 * Writes  an object appears as a whole or not at all.
 * Many    get_each and put_each move several objects at once where that helps; calls back in
 *         any order; -1 from a callback ends all.
 * Errors  ERR_NOT_FOUND; ERR_PEER, ERR_TIMEOUT, ERR_SOURCE of a bucket; ERR_IO, ERR_NOMEM.
 */
#ifndef RAGPOOL_OBJECT_STORE_H
#define RAGPOOL_OBJECT_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "err.h"

enum { OBJECT_KEY_BYTES = 512 };

struct object_info {
	const char *key;		/* whole; borrowed */
	uint64_t size;
	time_t modified;
};
typedef int object_info_fn(void *context, const struct object_info *o, struct err *e);

/* What the i-th of many is: key for both; size expected of a get; bytes, malloc()ed and
 * taken, of a put. */
struct object_move {
	char key[OBJECT_KEY_BYTES];
	size_t size;
	char *bytes;
};
typedef int object_move_fn(void *context, size_t i, struct object_move *m, struct err *e);
/* Bytes that were got; borrowed. */
typedef int object_got_fn(
    void *context, size_t i, const char *bytes, size_t n, struct err *e);

struct object_store {
	int (*list)(struct object_store *s, const char *prefix, object_info_fn *each,
	    void *context, struct err *e);
	int (*get_each)(struct object_store *s, size_t count, object_move_fn *want,
	    object_got_fn *got, void *context, struct err *e);
	int (*put_each)(struct object_store *s, size_t count, object_move_fn *give, void *context,
	    struct err *e);
	int (*remove)(struct object_store *s, const char *key, struct err *e);
	void (*close)(struct object_store *s);
};

/* One object of at most max bytes, owned and NUL-terminated. */
int object_store_get(struct object_store *s, const char *key, size_t max, char **bytes,
    size_t *n, struct err *e);
/* bytes are copied. */
int object_store_put(struct object_store *s, const char *key, const void *bytes, size_t n,
    struct err *e);
/* NULL is fine. */
void object_store_close(struct object_store *s);

struct s3_options;
int object_store_s3(struct object_store **out, const struct s3_options *o, struct err *e);
/* An absolute folder that is there; made durable like everything of ours (file.h). */
int object_store_directory(struct object_store **out, const char *path, struct err *e);

#endif
