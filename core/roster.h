/* roster.h - which generation of each tenant is live: what a worker serves from.
 *
 * The supervisor writes a roster for every change, numbered by an epoch that only
 * grows, as DATA/roster/<epoch>, never touched again; a roll moves the workers from
 * one epoch to the next, one after another.  So a worker, also one that opens a tenant
 * for the first time in the middle of a roll, serves exactly what its epoch says.
 *
 *   ragpool-roster 1 <epoch> <entries> <crc32c of the lines, hex>\n
 *   <tenant>\tlive\t<generation>\n          sorted bytewise by tenant
 *   <tenant>\tbuilding\t-\n                 known, no generation yet
 *   <tenant>\tcold\t<generation>\n          live, but in an object store: not opened here
 *
 * Errors  ERR_CORRUPT for anything that is not exactly that form.
 * Cost    loading is linear (10,000 tenants: about 1 MiB, a few ms); finding O(log n).
 */
#ifndef RAGPOOL_ROSTER_H
#define RAGPOOL_ROSTER_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "bounds.h"

enum roster_state { ROSTER_BUILDING, ROSTER_LIVE, ROSTER_COLD };

struct roster_entry {
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];	/* "" while building */
	enum roster_state state;
};

struct roster {
	uint64_t epoch;
	size_t count;
	size_t room;
	struct roster_entry *entries;	/* owned, sorted by tenant */
};

void roster_fini(struct roster *r);
int roster_load(struct roster *r, const char *data_dir, uint64_t epoch, struct err *e);
/* Durable; the entries need not be sorted before, and are afterwards. */
int roster_save(struct roster *r, const char *data_dir, struct err *e);
/* Unlinks the rosters of epochs below `oldest`. */
int roster_sweep(const char *data_dir, uint64_t oldest, struct err *e);
/* The highest epoch on disk, 0 when there is none. */
uint64_t roster_newest(const char *data_dir);
/* The epoch that a roll has found good, in DATA/roster/proven: where to start from after a
 * crash in the middle of one.  0: none, or it cannot be read.  Setting it is durable. */
uint64_t roster_proven(const char *data_dir);
int roster_set_proven(const char *data_dir, uint64_t epoch, struct err *e);
/* Borrowed; NULL when there is no such tenant.  Needs a loaded or saved roster. */
const struct roster_entry *roster_find(const struct roster *r, const char *tenant);
int roster_add(struct roster *r, const char *tenant, const char *generation_or_null,
    struct err *e);
int roster_add_cold(
    struct roster *r, const char *tenant, const char *generation, struct err *e);
/* "live", "building", "cold" */
const char *roster_state_name(enum roster_state state);

#endif
