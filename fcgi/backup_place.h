/* backup_place.h - one file from here to there: a link where that is possible, else a copy.
 *
 * Three ways, the first that works:
 *   link      the very same inode, for files that nobody writes in place
 *   previous  a link to the same file in the backup before this one
 *   copy      through this process, fsynced
 *
 * Whatever the way, the SHA-256 and the size of what now lies there are known.
 *
 * Errors  ERR_NOT_FOUND when the file is gone; ERR_IO, ERR_NOMEM, ERR_LIMIT.
 * Cost    reads the file once; not at all when it is the very inode of the previous backup.
 */
#ifndef RAGPOOL_BACKUP_PLACE_H
#define RAGPOOL_BACKUP_PLACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backup_list.h"
#include "err.h"

struct placed {
	uint64_t bytes;
	char sha256[SHA256_HEX_BYTES];
};

/* `to` must not exist; its folder must.  *out is what was copied. */
int place_copy(
    const char *from, const char *to, mode_t mode, struct placed *out, struct err *e);
/* A link when may_link and the file system has them, else a copy; the file is not hashed. */
int place_link_or_copy(
    const char *from, const char *to, mode_t mode, bool may_link, struct err *e);
/* The folders above path. */
int place_make_parent(const char *path, struct err *e);

/* A backup that is being made, and the one before it. */
struct place {
	const char *folder;
	struct backup_list *list;
	const char *before;		/* the previous one's folder; NULL: there is none */
	const struct backup_list *listed;	/* what is in it */
	bool copies;			/* no links to what is in use */
	uint64_t files, bytes;		/* all in this backup */
	uint64_t new_bytes;		/* of these, copied now */
};

enum place_how { PLACE_SEALED, PLACE_CHANGING };	/* CHANGING: somebody may write it in place */

/* The file into the backup, as `path` below it, and onto its list.  sha256 is what it is known
 * to be, NULL if it is not: one that the backup before holds is then not read at all. */
int place_into(struct place *p, const char *from, const char *path, enum place_how how,
    const char *sha256_or_null, struct err *e);
/* The same for a file that was made there already: it gives way to an equal one before. */
int place_listed(struct place *p, const char *path, struct err *e);

#endif
