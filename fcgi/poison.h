/* poison.h - tenants whose data ends workers.
 *
 * The slot of a worker names the tenant in hand.  A generation that was in hand at three
 * deaths within ten minutes is quarantined: it stands in the scoreboard, workers answer 503
 * tenant_quarantined for it and serve everybody else.  The tenant's next generation is
 * another one and is served; so is this one after poison_lift().
 *
 * Deaths  by a signal that a crash sends, or by the supervisor because the request took too
 *         long.  Not by a SIGKILL from outside, and not an exit.
 * Disk    DATA/poisoned and DATA/suspects, replaced durably when the list or a suspect's deaths
 *         change, so that a supervisor that was killed does not send three more workers to their
 *         deaths.  Times on disk are of the wall clock; when that was set back meanwhile, a death
 *         counts as one of just now.
 * Memory  of the last POISON_SUSPECTS_MAX generations that were in hand at a death; at most
 *         BOARD_POISONED_MAX are quarantined at a time, the oldest is forgotten.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_POISON_H
#define RAGPOOL_POISON_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"
#include "bounds.h"

enum { POISON_DEATHS = 3, POISON_WINDOW_MS = 600000, POISON_SUSPECTS_MAX = 64 };

struct poison_suspect {
	char tenant[TENANT_NAME_BYTES + 1];	/* "": a free place */
	char generation[GENERATION_NAME_BYTES];
	int64_t deaths_ms[POISON_DEATHS];	/* the newest last; 0: none */
};

struct poison {
	struct poison_suspect suspects[POISON_SUSPECTS_MAX];
	unsigned next;				/* place in the scoreboard's list */
};

/* Supervisor: true when this death made it one too many, and it is quarantined now. */
bool poison_note_death(struct poison *p, struct board *b, const char *tenant,
    const char *generation, int64_t now_ms);
/* Supervisor: forgets what is known of the tenant, but for the generation named (NULL: of
 * all); true when it was quarantined. */
bool poison_lift(struct poison *p, struct board *b, const char *tenant, const char *keep);
/* Supervisor: the list as DATA/poisoned has it, and to it.  load: what is listed already stays;
 * a file that is damaged is ERR_CORRUPT, none is an empty one. */
int poison_load(struct poison *p, struct board *b, const char *data_dir, struct err *e);
int poison_save(const struct board *b, const char *data_dir, struct err *e);
/* Supervisor: the deaths before a quarantine; wall_ms is now_ms as the wall clock has it.  What is
 * older than the window is left out. */
int poison_load_suspects(struct poison *p, const char *data_dir, int64_t now_ms,
    int64_t wall_ms, struct err *e);
int poison_save_suspects(const struct poison *p, const char *data_dir, int64_t now_ms,
    int64_t wall_ms, struct err *e);
/* Worker and supervisor: no lock; one load for a pool without any. */
bool poison_is_listed(const struct board *b, const char *tenant, const char *generation);
/* The generation that is quarantined, NULL for none. */
const char *poison_of_tenant(const struct board *b, const char *tenant);

#endif
