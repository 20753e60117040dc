/* tenants_dir.h - the folder of tenants' documents, watched by inotify, feeding a catalog.
 *
 * TENANT.json is a document; hidden files, editors' backups and names that are no tenant's
 * are passed over.  Any event makes the whole folder be read again a moment later
 * (TENANTS_DIR_SETTLE_MS after the first event), files whose inode, size and time of change
 * are the same are not opened.  So an overflow of the queue, a folder that was replaced and
 * a burst of deletions are all the same case.
 *
 * A folder that is missing or cannot be read removes no tenant: it is looked at again every
 * TENANTS_DIR_RETRY_MS and tenants_dir_trouble() tells why.
 *
 * The loop   poll tenants_dir_fd() for reading -> tenants_dir_on_readable();
 *            wait no longer than tenants_dir_timeout() -> tenants_dir_tick();
 *            then drain catalog_next_change().
 * Memory     the catalog is borrowed until tenants_dir_close().
 * Units      milliseconds of clk_ms().
 */
#ifndef RAGPOOL_TENANTS_DIR_H
#define RAGPOOL_TENANTS_DIR_H

#include <stdint.h>

#include "catalog.h"
#include "err.h"

enum { TENANTS_DIR_SETTLE_MS = 100, TENANTS_DIR_RETRY_MS = 1000 };

struct tenants_dir;

/* Reads the folder once.  -1 only when inotify or memory is not to be had. */
int tenants_dir_open(struct tenants_dir **out, const char *path, struct catalog *catalog,
    int64_t now_ms, struct err *e);
void tenants_dir_close(struct tenants_dir *d);
int tenants_dir_fd(const struct tenants_dir *d);
void tenants_dir_on_readable(struct tenants_dir *d, int64_t now_ms);
/* Milliseconds until tenants_dir_tick() has something to do. */
int64_t tenants_dir_timeout(const struct tenants_dir *d, int64_t now_ms);
void tenants_dir_tick(struct tenants_dir *d, int64_t now_ms);
/* Reads everything again at the next tick (SIGHUP). */
void tenants_dir_rescan(struct tenants_dir *d, int64_t now_ms);
/* Code ERR_NONE when the folder was read well the last time. */
const struct err *tenants_dir_trouble(const struct tenants_dir *d);

#endif
