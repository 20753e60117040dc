/* live.h - which generation of each tenant is to be served: what its pin says, else what
 * its pointer on disk names, unless that is quarantined.
 *
 * Errors  a pin that names what is not there is passed over only for a tenant that would
 *         serve nothing otherwise.
 *         A pointer or manifest that cannot be read is not an error of the call: it is
 *         kept as the tenant's trouble, and what was live before stays; so is a pointer
 *         to a quarantined generation.  -1 means memory.
 * Memory  owned: live_fini().  What live_find() answers is borrowed until the next call
 *         that takes a tenant in or out.
 * Cost    O(log n) to find; a refresh reads manifests only when something moved.
 */
#ifndef RAGPOOL_LIVE_H
#define RAGPOOL_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "cold.h"
#include "err.h"
#include "generation.h"
#include "pins.h"
#include "quarantine.h"
#include "roster.h"

struct live_tenant {
	char name[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];	/* "" while there is none */
	char version[VERSION_BYTES + 1];	/* of the document it was built from */
	char embedder[EMBEDDER_NAME_BYTES];
	uint64_t documents, chunks;
	char pointer[GENERATION_NAME_BYTES];	/* what `current` names, served or not; "" */
	char built[VERSION_BYTES + 1];		/* the version of the pointer's generation */
	char trouble[ERR_TEXT_BYTES];		/* "" when all is followed that should be */
	bool is_urgent;				/* an operator waits for it: see live_roster() */
	bool is_swept;				/* nothing stale since the last sweep */
	struct cold cold;			/* of the generation */
	char cold_trouble[256];			/* why that does not get on, "" when it does */
};

struct live {
	struct live_tenant *at;		/* sorted by name */
	size_t count, room;
};

/* Whose word goes before the pointer's; NULL: nobody's. */
struct live_rules {
	const struct pins *pins;
	const struct quarantine *quarantine;
	bool is_confined;		/* workers read nothing outside of the data folder */
};

void live_fini(struct live *l);
/* Reads the tenant's pin and pointer, taking it in when it is new.  *changed: the roster
 * would look different. */
int live_refresh(struct live *l, const char *data_dir, const char *tenant,
    const struct live_rules *rules, bool *changed, struct err *e);
/* The tenant is to be served from this generation again, NULL: from none, until the next
 * refresh finds that something moved.  On failure nothing changes. */
int live_put_back(struct live *l, const char *data_dir, const char *tenant,
    const char *generation_or_null, struct err *e);
/* False when it was not there. */
bool live_remove(struct live *l, const char *tenant);
struct live_tenant *live_find(const struct live *l, const char *tenant);
/* All tenants into an empty roster of this epoch; roster_fini() also after -1.  With a
 * base, only the urgent tenants are on what is live, all others where the base has them. */
int live_roster(const struct live *l, struct roster *r, uint64_t epoch,
    const struct roster *base, struct err *e);

#endif
