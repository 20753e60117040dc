/* uploads.h - files that were uploaded and belong to who uploaded them, attached or not.
 *
 *   DATA/inbox/.files/<area>/<id>                its bytes, then what is said about it
 *   DATA/inbox/.files/<area>/.tmp-<pid>-<n>      being written
 *   DATA/inbox/.files/<area>/lock                held while one is put in place
 *
 * An area is whose files they are (fcgi/file_area.h); areas know nothing of each other.  A file
 * is its bytes, one JSON object, that object's length and a magic word; it is written under a
 * hidden name, fsynced, renamed, and the folder is fsynced: what has an id is durable.  Its time
 * of change is when it expires, 0: never.  Below DATA/inbox, because that is all that a worker
 * may write to.
 *
 * Ids     UPLOAD_ID_BYTES - 1 hex digits: 11 of the milliseconds since 1970, 13 at random.  So
 *         they sort by their age.
 * Bounds  bytes and files of an area: ERR_FILES_FULL; one file: DOCUMENT_BYTES_MAX.
 *         A full disk: ERR_STORAGE.
 * Errors  ERR_FILE: there is none of that id in the area, or it has expired.  ERR_CORRUPT.
 * Memory  what a writer is passed is borrowed for the call.
 * Cost    two fsyncs a file; putting one in place looks at every name of the area.
 */
#ifndef RAGPOOL_UPLOADS_H
#define RAGPOOL_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"
#include "file.h"

enum { UPLOAD_ID_BYTES = 25, UPLOAD_AREA_BYTES = 80, UPLOAD_PURPOSE_BYTES = 32 };
#define UPLOADS_FOLDER "inbox/.files"
enum { UPLOAD_PATH_BYTES = sizeof UPLOADS_FOLDER + 1 + UPLOAD_AREA_BYTES + UPLOAD_ID_BYTES };

struct upload_limits {
	uint64_t bytes, files;		/* of one area; 0: no bound */
};

struct upload {
	char id[UPLOAD_ID_BYTES];
	char name[DOCUMENT_PATH_BYTES + 1];	/* as its sender called it */
	char type[256];				/* as announced, or "" */
	char purpose[UPLOAD_PURPOSE_BYTES + 1];
	uint64_t bytes;
	int64_t created, expires;		/* seconds since 1970; expires 0: never */
};

/* ---- writing ---- */

struct upload_writer {
	char folder[512];
	char tmp[600];
	int fd;				/* -1: none */
	uint64_t bytes;
};

int upload_begin(
    struct upload_writer *w, const char *data_dir, const char *area, struct err *e);
int upload_write(struct upload_writer *w, const void *bytes, size_t n, struct err *e);
/* Durable when it returns 0; fills in ->id, ->bytes and ->created.  Closes, also on failure. */
int upload_commit(struct upload_writer *w, struct upload *about, const struct upload_limits *limits,
    struct err *e);
/* Harmless after a commit. */
void upload_abandon(struct upload_writer *w);

/* ---- reading ---- */

bool upload_id_is_valid(const char *id);
/* What is said about it, and where m is not NULL its bytes: the first ->bytes of what is mapped,
 * file_unmap(). */
int upload_get(struct upload *out, struct file_map *m, const char *data_dir, const char *area,
    const char *id, struct err *e);
/* Ids from the oldest; owned, free(). */
int upload_list(char (**ids)[UPLOAD_ID_BYTES], size_t *count, const char *data_dir,
    const char *area, struct err *e);

/* ---- ending ---- */

/* Durable. */
int upload_remove(const char *data_dir, const char *area, const char *id, struct err *e);
/* What has expired, in all areas, and what dead writers left. */
int upload_sweep(const char *data_dir, int64_t now, struct err *e);

/* ---- copies of them, made and brought back by others ---- */

/* What has an id never changes: another name for the file is as good as a copy. */

/* UPLOADS_FOLDER/<area>/<id>, below a data folder; both are valid ones. */
void upload_path(char out[UPLOAD_PATH_BYTES], const char *area, const char *id);
/* Of a path from outside; false: it is none of that form. */
bool upload_path_parse(
    const char *path, char area[UPLOAD_AREA_BYTES], char id[UPLOAD_ID_BYTES]);
bool upload_has_expired(int64_t expires, int64_t now);
/* Every area there is; a non-zero answer ends it and is passed on. */
int upload_each_area(const char *data_dir,
    int (*each)(void *context, const char *area, struct err *e), void *context, struct err *e);
/* The folder of an area into out[PATH_MAX], made where it is missing; what is written there first under a hidden
 * name with the writer's pid (leftover.h) is swept when that is gone. */
int upload_area_folder(char *out, const char *data_dir, const char *area, struct err *e);

#endif
