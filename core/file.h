/* file.h - files the durable way.
 *
 * What readers map is never written in place: it is written under another name,
 * fsynced, renamed, and the folder is fsynced.  A failed fsync is final for that
 * file (the kernel may have dropped the pages); callers delete and start anew.
 */
#ifndef RAGPOOL_FILE_H
#define RAGPOOL_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "err.h"

/* A whole file mapped read-only; data is NULL for an empty file. */
struct file_map {
	const unsigned char *data;
	size_t len;
};

int file_map(struct file_map *m, const char *path, struct err *e);
void file_unmap(struct file_map *m);

/* The whole file as owned, NUL-terminated bytes; ERR_LIMIT past max. */
int file_read(char **out, size_t *len, const char *path, size_t max, struct err *e);

int file_write_all(int fd, const void *bytes, size_t n, const char *path, struct err *e);
/* Replaces path atomically and durably. */
int file_replace(const char *path, const void *bytes, size_t n, mode_t mode, struct err *e);
int file_sync(const char *path, struct err *e);		/* a file or a folder */
bool file_is_folder(const char *path);
/* With all that is missing above it; the names of those it makes are durable. */
int file_make_dirs(const char *path, mode_t mode, struct err *e);
/* These only with the caller's syncfs(): for very many. */
int file_make_dirs_unsynced(const char *path, mode_t mode, struct err *e);
/* One folder whose name is as durable as what will be in it; absent parents are an error. */
int file_make_folder(const char *path, mode_t mode, struct err *e);
/* Every name in a folder, also hidden ones, with the folder's descriptor; one that is not there
 * has none.  A non-zero answer ends it and is passed on. */
int file_each_name(const char *folder,
    int (*each)(void *context, int folder, const char *name, struct err *e), void *context,
    struct err *e);
/* Removes a folder and all below it; absent is fine.  Never follows links. */
int file_remove_tree(const char *path, struct err *e);
/* "a/b" into out; ERR_LIMIT when it does not fit. */
int file_join(char *out, size_t size, const char *a, const char *b, struct err *e);

#endif
