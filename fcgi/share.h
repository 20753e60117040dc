/* share.h - a fair share of the workers for each tenant, when there are not enough of them.
 *
 * A request costs its tenant the time it took, times the tenants that are active, divided by
 * the workers: whoever uses no more than a fair share owes nothing after it.  A tenant that
 * owes more than SHARE_DEBT_US is asked to come back later (429), but only while other tenants
 * are active and fewer than half of the workers, at least one, are free: time that nobody else
 * wants is anybody's.  Debt is bounded, so that a tenant is served again a moment after it has
 * calmed down.
 *
 * State lies in shared memory: the debts in a meter (meter.h), who was active in a small table.
 *
 * Units   microseconds of CLOCK_MONOTONIC.
 * Cost    one look at each slot of the scoreboard, and only for tenants in debt.
 */
#ifndef RAGPOOL_SHARE_H
#define RAGPOOL_SHARE_H

#include "board.h"
#include "meter.h"

enum { SHARE_SEEN = 1024, SHARE_DEBT_US = 250000, SHARE_DEBT_MOST_US = 1000000,
	SHARE_ACTIVE_US = 1000000 };

/* When a tenant was seen last, in its place of the table; two tenants may share one. */
struct share_seen {
	_Alignas(64) _Atomic int64_t at_us[SHARE_SEEN];
};

struct share {
	const struct board *board;
	unsigned slot;			/* ours */
	uint64_t key;			/* of the tenant in hand; 0: none */
	int64_t began_us;
	unsigned active;		/* tenants, as counted last */
	int64_t counted_us;
};

/* May the tenant's request be served now?  When it may, share_leave() must follow. */
bool share_enter(struct share *s, const char *tenant, int64_t now_us);
void share_leave(struct share *s, int64_t now_us);

#endif
