/* doc_batch.h - many small files made durable together.
 *
 * Written one by one, two fsyncs each, ten thousand documents take a minute; together they are
 * two: all bytes go to FOLDER/<name>.json.new, one syncfs, every file is renamed to
 * FOLDER/<name>.json, the folder is fsynced.  Until doc_batch_end() the old files are there
 * as they were, and a crash leaves the old one or the new one of each, whole.
 *
 * Errors  ERR_IO; of doc_batch_end() the last of them, the other files are in place.
 */
#ifndef RAGPOOL_DOC_BATCH_H
#define RAGPOOL_DOC_BATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "bounds.h"
#include "err.h"

struct doc_batch {
	const char *folder;	/* borrowed */
	bool is_open;
	char (*names)[TENANT_NAME_BYTES + 1];
	size_t count, room;
};

/* A second begin changes nothing. */
void doc_batch_begin(struct doc_batch *b, const char *folder);
int doc_batch_write(
    struct doc_batch *b, const char *name, const char *bytes, size_t n, struct err *e);
/* Harmless when it is not open. */
int doc_batch_end(struct doc_batch *b, struct err *e);
void doc_batch_fini(struct doc_batch *b);

#endif
