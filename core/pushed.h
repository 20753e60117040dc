/* pushed.h - documents that were sent to a tenant, kept as files: the truth of type "push".
 *
 *   DATA/tenants/<tenant>/pushed/<aa>/<sha256 of the key>
 *
 * One file a document: a line of JSON, {"key", "name", "title", "meta", "bytes"}, then its
 * bytes.  A file is put in place as a whole by rename, so a reader sees a document or none,
 * and after a crash the old one or the new one.  Only what takes writes in (the inbox) puts
 * and removes; a build lists and reads.  A key may hold anything that is UTF-8 without
 * control characters, at most DOCUMENT_PATH_BYTES: it never becomes a path.
 *
 * Errors  ERR_INPUT a key that is none; ERR_LIMIT, ERR_IO, ERR_NOMEM.  Reading: ERR_CORRUPT.
 */
#ifndef RAGPOOL_PUSHED_H
#define RAGPOOL_PUSHED_H

#include <stdbool.h>
#include <stddef.h>

#include "arena.h"
#include "err.h"
#include "source.h"

struct pushed_document {
	const char *key;
	const char *name;	/* what the format is told by, or NULL: the key */
	const char *title;	/* or NULL */
	const char *meta;	/* a JSON object of fields for filters, or NULL */
	const char *bytes;
	size_t n;
};

/* Is there one of this key? */
bool pushed_has(const char *data_dir, const char *tenant, const char *key);
/* Whether the tenant has a folder of them at all. */
bool pushed_any(const char *data_dir, const char *tenant);
int pushed_check_key(const char *key, struct err *e);
/* The document's bytes and head as they lie there; owned (free), NUL-terminated, *text and *n
 * are the bytes in it.  ERR_DOCUMENT when there is none. */
int pushed_get(const char *data_dir, const char *tenant, const char *key, char **owned,
    const char **text, size_t *n, struct err *e);

/* The fields of the document's head, in arena; *meta NULL: none.  ERR_DOCUMENT. */
int pushed_meta(const char *data_dir, const char *tenant, const char *key, struct arena *a,
    const char **meta, struct err *e);

/* In place, but durable only after pushed_sync(); one process at a time (the build, under the
 * tenant's lock).  What is there already, byte for byte, is left alone, so that it does not count
 * as changed. */
int pushed_put(const char *data_dir, const char *tenant, const struct pushed_document *d,
    struct err *e);
/* *was: there was one. */
int pushed_remove(
    const char *data_dir, const char *tenant, const char *key, bool *was, struct err *e);
/* Other fields for the document there is, if there is one; meta NULL: none. */
int pushed_describe(const char *data_dir, const char *tenant, const char *key, const char *meta,
    struct err *e);
int pushed_sync(const char *data_dir, const char *tenant, struct err *e);

int source_pushed_open(
    struct source **out, const char *data_dir, const char *tenant, struct err *e);
/* A source and the documents pushed to its tenant, as one; of two with the same key the
 * pushed one counts.  `inner` is borrowed. */
int source_joined(struct source **out, struct source *inner, const char *data_dir,
    const char *tenant, struct err *e);

#endif
