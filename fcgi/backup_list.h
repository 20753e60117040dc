/* backup_list.h - what is in a backup: one line of JSON a file, sealed by the last one.
 *
 *   <backup>/manifest.jsonl
 *       {"ragpool_backup": 1, "at": "2026-11-27T10:24:38Z"}
 *       {"path": "tenants/docs/gen/3-0123456789ab/index.rpx", "bytes": 4096, "sha256": "..."}
 *       ...
 *       {"path": "inbox/.files/t-docs/019a...", "bytes": 900, "sha256": "...", "expires": 1796040000}
 *       {"files": 12, "sha256": "..."}      of all bytes before this line
 *
 * It is written last, so a folder with a whole manifest is a whole backup, and anything
 * that was changed or cut off since shows.  Paths are below the backup and of the form that
 * backups have: nothing read from a manifest leads out of its folder.  When an uploaded file
 * expires is said here, too, because not every copy of a backup keeps times of files.
 *
 * Memory  owned: backup_list_fini().
 * Bounds  BACKUP_FILES_MAX files; paths of BACKUP_PATH_BYTES.
 * Errors  ERR_CORRUPT for a manifest that is none, with its line; ERR_NOT_FOUND without one;
 *         ERR_IO, ERR_NOMEM, ERR_LIMIT.
 */
#ifndef RAGPOOL_BACKUP_LIST_H
#define RAGPOOL_BACKUP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "hash.h"

enum { BACKUP_FILES_MAX = 50000000, BACKUP_PATH_BYTES = 512, BACKUP_STAMP_BYTES = 32 };

struct backup_file {
	const char *path;	/* relative to the backup; borrowed from the list */
	uint64_t bytes;
	char sha256[SHA256_HEX_BYTES];
	int64_t expires;	/* of an uploaded file, seconds since 1970; 0: never */
};

struct backup_list {
	char at[BACKUP_STAMP_BYTES];
	struct backup_file *files;	/* sorted by path, once saved or loaded */
	size_t count, room;
	struct arena words;
};

void backup_list_init(struct backup_list *l);
void backup_list_fini(struct backup_list *l);
/* The path is copied. */
int backup_list_add(struct backup_list *l, const char *path, uint64_t bytes,
    const char sha256[SHA256_HEX_BYTES], struct err *e);
/* The file of this path; NULL.  Only in a list that is sorted. */
const struct backup_file *backup_list_find(const struct backup_list *l, const char *path);
/* The first file whose path begins so; they stand side by side, *count of them. */
const struct backup_file *backup_list_below(
    const struct backup_list *l, const char *prefix, size_t *count);

/* Sorts, and writes folder/manifest.jsonl durably. */
int backup_list_save(struct backup_list *l, const char *folder, struct err *e);
/* Into *l, which is initialised. */
int backup_list_load(struct backup_list *l, const char *folder, struct err *e);

/* Reads the whole file below the folder: ERR_CORRUPT when it is not what the list says. */
int backup_file_check(const struct backup_file *f, const char *folder, struct err *e);

#endif
