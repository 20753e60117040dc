/* live.h - which generation of each tenant the pointers on disk name, as last read.
 *
 * Errors  a pointer or manifest that cannot be read is not an error of the call: it is
 *         kept as the tenant's trouble, and what was live before stays.  -1 means memory.
 * Memory  owned: live_fini().  What live_find() answers is borrowed until the next call
 *         that takes a tenant in or out.
 * Cost    O(log n) to find; a refresh reads the manifest only when the pointer moved.
 */
#ifndef RAGPOOL_LIVE_H
#define RAGPOOL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"
#include "generation.h"
#include "roster.h"

struct live_tenant {
	char name[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];	/* "" while there is none */
	char version[VERSION_BYTES + 1];	/* of the document it was built from */
	char embedder[EMBEDDER_NAME_BYTES];
	uint64_t documents, chunks;
	char trouble[ERR_TEXT_BYTES];		/* "" when the pointer was read well */
	bool is_swept;				/* nothing stale since the last sweep */
};

struct live {
	struct live_tenant *at;		/* sorted by name */
	size_t count, room;
};

void live_fini(struct live *l);
/* Reads the tenant's pointer, taking it in when it is new.  *changed: the roster would
 * look different. */
int live_refresh(
    struct live *l, const char *data_dir, const char *tenant, bool *changed, struct err *e);
/* False when it was not there. */
bool live_remove(struct live *l, const char *tenant);
struct live_tenant *live_find(const struct live *l, const char *tenant);
/* All tenants into an empty roster of this epoch; roster_fini() also after -1. */
int live_roster(const struct live *l, struct roster *r, uint64_t epoch, struct err *e);

#endif
