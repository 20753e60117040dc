/* list_file.h - a short list that is kept over restarts: one file below the data folder.
 *
 * The first line is "ragpool-NAME 1 ENTRIES CRC32C", the checksum over what follows it; then a
 * line for each entry, its fields apart by tabs.  Written whole, by rename, so that a reader
 * finds the old list or the new one.
 */
#ifndef RAGPOOL_LIST_FILE_H
#define RAGPOOL_LIST_FILE_H

#include <stddef.h>

#include "buf.h"
#include "err.h"

enum { LIST_FILE_FIELDS_MAX = 8 };

/* lines: count of them, each with its '\n'; none of their fields may hold a tab or one.
 * Errors: ERR_LIMIT when lines went over its bound, ERR_NOMEM, those of file_replace(). */
int list_file_save(const char *data_dir, const char *name, const struct buf *lines,
    size_t count, struct err *e);

/* field: as many as were asked for, borrowed for the call. */
typedef int list_file_entry_fn(void *context, char *const *field, struct err *e);

/* Passes each entry on; a file that is not there has none.  The last field may hold tabs.
 * Errors: ERR_CORRUPT for a file that is not such a list, and whatever entry() refuses, named
 * with the path; ERR_NOMEM; those of file_read(). */
int list_file_load(const char *data_dir, const char *name, unsigned fields, size_t max_bytes,
    list_file_entry_fn *entry, void *context, struct err *e);

#endif
