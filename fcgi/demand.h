/* demand.h - does anybody ask the pool anything?
 *
 * A build beside a pool looks at the scoreboard, which it can only read: there is demand while a
 * worker has a request in hand, and for a second after the last one that was done.
 *
 * Environment  RAGPOOL_BOARD_FD: the scoreboard, inherited.  Absent, or no scoreboard of ours, which is
 *              told in the log: there is always demand; that costs a build time and nobody
 *              an answer.
 * Threads      any, and handlers of signals: they read and write atomics alone.
 * Cost         a cache line for each worker.
 */
#ifndef RAGPOOL_DEMAND_H
#define RAGPOOL_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "board.h"

enum { DEMAND_LASTS_MS = 1000 };

/* Maps the inherited scoreboard and closes its fd. */
void demand_begin(void);
/* The same of this one; borrowed, NULL: unknown. */
void demand_look_at(const struct board *board);
bool demand_is_there(int64_t now_ns);
/* A request is in hand now, or was done since `*done` was set by this; false without a scoreboard. */
bool demand_is_in_hand(uint64_t *done);
/* How many are looked at; 0 without a scoreboard. */
unsigned demand_workers(void);

#endif
