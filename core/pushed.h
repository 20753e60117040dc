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

/* Durable when it returns; replaces what the key had. */
int pushed_put(const char *data_dir, const char *tenant, const struct pushed_document *d,
    struct err *e);
/* *was: there was one.  Durable. */
int pushed_remove(
    const char *data_dir, const char *tenant, const char *key, bool *was, struct err *e);

int source_pushed_open(
    struct source **out, const char *data_dir, const char *tenant, struct err *e);

#endif
