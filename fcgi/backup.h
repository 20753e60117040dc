/* backup.h - backups of a data folder that serves meanwhile, and the way back.
 *
 *   DIR/20261127T102438.123Z/manifest.jsonl        one whole backup (backup_list.h)
 *                           /tenants/<tenant>/...  as in a data folder
 *                           /inbox/<tenant>/...    what was accepted and not yet taken in
 *                           /inbox/.files/...      uploaded files (backup_uploads.h)
 *                           /lkg/<tenant>.json     the tenant's document
 *                           /pins, quarantine, keys.json
 *   DIR/lock                                       one backup at a time
 *
 * Each backup stands for itself and may be removed by rm -r; what did not change since the one
 * before is shared with it by hard links, and sealed files are shared with the data folder
 * where the file system allows.  source.db and its like are copied by SQLite's backup
 * interface, so that a build may write on.  A backup that was ended half-way leaves a folder
 * that begins with a dot, which the next one removes.
 *
 * A tenant that cannot be saved is named, and the backup goes on without it.
 *
 * Restoring  verifies every file of a tenant before anything of it is changed, then puts the
 *            generations in place as a build publishes them, then the rest, and the pointer
 *            last: whatever ends it half-way, what served serves on.
 * Errors     ERR_BUSY another backup, or a build of the tenant, runs; ERR_NOT_FOUND,
 *            ERR_CORRUPT the backup; ERR_INPUT what is there is newer; ERR_IO, ERR_NOMEM.
 */
#ifndef RAGPOOL_BACKUP_H
#define RAGPOOL_BACKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backup_list.h"
#include "bounds.h"
#include "err.h"

struct backup_request {
	const char *data_dir;
	const char *folder;		/* DIR */
	char *const *tenants;		/* borrowed; count 0: all */
	size_t count;
	bool all_generations;		/* not only the live and the pinned ones */
	bool keys;			/* DATA/keys.json too */
	bool copies;			/* share nothing with what serves */
	unsigned keep;			/* remove all but so many of the newest; 0: none */
	/* A tenant was saved, or why not; e NULL: it was.  Or an area of uploaded files, by its
	 * path, was not. */
	void (*tell)(void *context, const char *what, const struct err *e);
	void *context;
};

struct backup_report {
	char name[BACKUP_STAMP_BYTES];	/* of the folder below DIR */
	size_t tenants, failed;
	uint64_t files, bytes, new_bytes, removed;
};

int backup_make(const struct backup_request *r, struct backup_report *report, struct err *e);

/* The backup in DIR of that name, the newest whole one for NULL; DIR itself may be one.  Its
 * folder into out[PATH_MAX], its files into *l, which is initialised. */
int backup_open(const char *folder, const char *name_or_null, char *out, struct backup_list *l,
    struct err *e);
/* Every byte of a backup, and what its generations and databases say of themselves.  tell is
 * called for each fault; answers how many. */
size_t backup_verify(const char *folder, const struct backup_list *l,
    void (*tell)(void *context, const struct err *e), void *context);
/* Every file of one tenant; the first fault is the error. */
int backup_verify_tenant(
    const char *folder, const struct backup_list *l, const char *tenant, struct err *e);
/* Calls each for every tenant that is in the list, in order; stops when that is not 0. */
int backup_each_tenant(const struct backup_list *l,
    int (*each)(void *context, const char *tenant), void *context);

struct restore_request {
	const char *data_dir;
	const char *backup;		/* the folder of one backup, and its files */
	const struct backup_list *list;
	const char *documents_dir;	/* documents are written there too; NULL: they are not */
	bool force;			/* over what is newer */
	bool copies;
};

struct restore_report {
	char generation[GENERATION_NAME_BYTES];	/* that its pointer names now; "": none */
	size_t generations;		/* put in place; those that were there are not counted */
	size_t uploads;			/* likewise */
	bool has_document;		/* its document is new in this data folder */
};

int restore_tenant(const struct restore_request *r, const char *tenant,
    struct restore_report *report, struct err *e);
/* The tenant's pins and quarantined generations into the lists of a pool that does not run. */
int restore_lists(const struct restore_request *r, const char *tenant, struct err *e);

#endif
