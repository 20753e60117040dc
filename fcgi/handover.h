/* handover.h - what one supervisor leaves to the next one, which takes its place by exec.
 *
 * The process stays the same, and with it its children, its lock and its descriptors; what
 * only the memory knew is written as lines into a memfd:
 *
 *   ragpool-handover 1
 *   self <lock fd> <board fd> <wake fd> <program fd> <started ms> <spawned> <died> <killed>
 *   pool <name> <fd> <activated> <extra> <target>
 *   worker <slot> <pool> <pid> <start time> <phase> <wanted> <spawned ms> <failures>
 *   end
 *
 * RAGPOOL_HANDOVER names its descriptor.  The program descriptor is the binary that wrote it:
 * should the new one not come up, it gives the place back.
 *
 * Errors  ERR_CORRUPT for anything that is not exactly that form, ERR_IO.
 */
#ifndef RAGPOOL_HANDOVER_H
#define RAGPOOL_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bounds.h"
#include "conf.h"
#include "err.h"
#include "slot.h"

struct handover_pool {
	char name[TENANT_NAME_BYTES + 1];
	int fd;
	bool is_activated;
	int extra;
	unsigned target;
};

struct handover_worker {
	unsigned slot;
	char pool[TENANT_NAME_BYTES + 1];
	pid_t pid;
	uint64_t started;	/* orphan_started() */
	enum slot_phase phase;
	bool is_wanted;
	int64_t spawned_ms;
	unsigned failures;
};

struct handover {
	int lock_fd, board_fd, wake_fd, program_fd;
	int64_t started_ms;
	uint64_t spawned, died, killed_late;
	struct handover_pool pools[CONF_POOLS_MAX];
	unsigned pool_count;
	struct handover_worker workers[WORKERS_MAX];
	unsigned worker_count;
};

/* A new memfd, close-on-exec, or -1. */
int handover_write(const struct handover *h, struct err *e);
/* From its beginning; the descriptors it names are checked to be what they should. */
int handover_read(struct handover *h, int fd, struct err *e);
/* The memfd that RAGPOOL_HANDOVER names, which is then unset; -1 for none. */
int handover_inherited(void);
/* Whether these descriptors survive an exec; no others do. */
void handover_keep(const struct handover *h, int fd, bool keep);
const struct handover_pool *handover_find_pool(const struct handover *h, const char *name);

#endif
