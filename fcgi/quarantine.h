/* quarantine.h - generations that may not serve, kept over restarts.
 *
 *   DATA/quarantine     ragpool-quarantine 1 <entries> <crc32c of the lines, hex>\n
 *                       <tenant>\t<generation>\t<since>\t<reason>\n     sorted bytewise
 *
 * A generation's name ends in the hash of its content, and what is bad about one is bad
 * about its twin: an entry stands for every generation of the tenant with that hash,
 * whatever seq a later build of the same content has got.
 *
 * Units   since: seconds since 1970, UTC.
 * Bounds  QUARANTINE_PER_TENANT entries a tenant and QUARANTINE_MAX in all; the oldest of
 *         the tenant, or of all, gives way to a new one.  Reasons are cut to
 *         QUARANTINE_REASON_BYTES - 1 and lose their control characters.
 * Memory  owned: quarantine_fini().  What the finders answer is borrowed until the next
 *         call that adds or removes.
 * Errors  ERR_TENANT_NAME, ERR_INPUT for names that are none; ERR_CORRUPT for a file that
 *         is not exactly the form above; ERR_IO, ERR_NOMEM.
 * Cost    finding O(log n), adding O(n); saving writes the whole file, durably (two fsyncs).
 */
#ifndef RAGPOOL_QUARANTINE_H
#define RAGPOOL_QUARANTINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"

enum { QUARANTINE_MAX = 16384, QUARANTINE_PER_TENANT = 8, QUARANTINE_REASON_BYTES = 256 };

struct quarantine_entry {
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
	int64_t since_s;
	char reason[QUARANTINE_REASON_BYTES];
};

struct quarantine {
	struct quarantine_entry *at;	/* sorted by tenant, then hash */
	size_t count, room;
};

void quarantine_fini(struct quarantine *q);
/* Replaces what is in *q; no file is an empty list.  After ERR_CORRUPT *q is empty. */
int quarantine_load(struct quarantine *q, const char *data_dir, struct err *e);
int quarantine_save(const struct quarantine *q, const char *data_dir, struct err *e);

/* A generation that is there already gets the new reason and keeps its since. */
int quarantine_add(struct quarantine *q, const char *tenant, const char *generation,
    const char *reason, int64_t since_s, struct err *e);
/* NULL: it may serve. */
const struct quarantine_entry *quarantine_find(
    const struct quarantine *q, const char *tenant, const char *generation);
/* All of one tenant, *count of them side by side; NULL for none. */
const struct quarantine_entry *quarantine_of(
    const struct quarantine *q, const char *tenant, size_t *count);
/* False when it was not there. */
bool quarantine_remove(struct quarantine *q, const char *tenant, const char *generation);
/* Answers how many. */
size_t quarantine_remove_all(struct quarantine *q, const char *tenant);

#endif
