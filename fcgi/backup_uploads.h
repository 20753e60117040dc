/* backup_uploads.h - uploaded files (core/uploads.h), into a backup and back.
 *
 *   inbox/.files/<area>/<id>      in a backup as in a data folder
 *
 * The area of a tenant (file_area.h) goes and comes with the tenant.  All others, of keys that
 * see more than one tenant, belong to the whole: they are in a backup of all tenants, and come
 * back when all of a backup is restored.
 *
 * An id names its bytes for ever.  So a file is linked where that is possible, one that the
 * backup before holds is not read again, and one whose id is there is never written over.
 * What has expired is neither saved nor brought back.
 *
 * Errors  ERR_CORRUPT: the backup is not what its manifest says; ERR_STORAGE, ERR_IO,
 *         ERR_LIMIT, ERR_NOMEM.
 */
#ifndef RAGPOOL_BACKUP_UPLOADS_H
#define RAGPOOL_BACKUP_UPLOADS_H

#include <stdbool.h>
#include <stddef.h>

#include "backup.h"
#include "backup_place.h"

/* All files of an area; one that is deleted meanwhile is left out. */
int backup_save_uploads(
    struct place *p, const char *data_dir, const char *area, struct err *e);
/* Does this file of a backup lie below inbox/.files, but where no uploaded file can? */
bool backup_is_no_upload(const char *path);

/* Each is verified before it is put in place.  One that cannot be hinders no other: the error
 * is the first, and says how many there were.  *restored is how many were put there. */
int restore_uploads_of(
    const struct restore_request *r, const char *area, size_t *restored, struct err *e);
int restore_uploads(const struct restore_request *r, size_t *restored, struct err *e);

#endif
