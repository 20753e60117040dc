/* share.h - a fair share of the workers for each tenant, when there are not enough of them.
 *
 * A request costs its tenant the time it took, times the tenants that are active (two at least),
 * divided by the workers: whoever uses no more than its share owes nothing after it.  Owing is no
 * fault by itself: time that nobody else wants is anybody's.  But when a tenant that owes nothing
 * finds every worker at work, it is held up, and from then on, for as long as such tenants
 * keep asking, others step back for it (429, come back later):
 *
 *   one that owes more than SHARE_DEBT_US while fewer than half of the workers are free,
 *   one that owes at all and has its part of the workers in hand while fewer than a quarter are,
 *
 * at least one in either case.  The first holds it to its share in the long run, the second keeps
 * it from taking all workers at one moment.  The last free worker is not for one that owes more than
 * SHARE_DEBT_US while others were seen in the last minute, held up or not: who comes back should
 * not have to wait until a long request is done.
 *
 * How long is a matter of how often they ask: a tenant counts as active for half as long again as the
 * widest gap between its requests of late.  A stranger's single question therefore has the others
 * step back for 75 ms, not longer; for one that asks every five seconds they do so
 * until its next question is there.
 *
 * Connections wait in one line, and who waits there is not known.  A tenant that owes more than
 * SHARE_DEBT_US may not make it longer than SHARE_LINE a worker while others were seen in the last
 * minute: it is what a first question has to wait for.  Nor longer than half of its room in any
 * case: soon the web server could not reach us at all, and would answer 502 to everyone.
 *
 * A worker at a long request has others wait for the processor, too, where there are fewer of these
 * than there is work for: the web server, and workers that have little to do.  The kernel may notice
 * only at a tick of its timer, 4 ms at 250 Hz, and a question takes less than one.  So between the
 * stages of its request, and within a long one (give_way.h), a worker gives way, sched_yield(2): each
 * time for a tenant that owes SHARE_OWES_US while others were seen in the last minute, and for
 * everyone once a request has taken SHARE_LONG_US, that often.  It needs no privilege, and costs nothing that could be measured where nobody waits.
 *
 * State lies in shared memory: the debts in a meter (meter.h), who was active in a small table.
 * Its fields are written without order; a lost update costs a moment of protection.
 *
 * Units   microseconds of CLOCK_MONOTONIC.
 * Cost    one look at each slot of the scoreboard; for tenants that owe
 *         one at each place of the table, two microseconds.
 */
#ifndef RAGPOOL_SHARE_H
#define RAGPOOL_SHARE_H

#include "board.h"
#include "meter.h"

enum { SHARE_SEEN = 1024, SHARE_OWES_US = 25000, SHARE_DEBT_US = 250000, SHARE_DEBT_MOST_US = 1000000,
	SHARE_LINE = 16, SHARE_RECENT_US = 60000000, SHARE_LONG_US = 1000,
	SHARE_STRANGER_US = 50000, SHARE_GAP_LEAST_US = 20000, SHARE_GAP_MOST_US = 6000000 };

/* Of the tenants that hash to one place. */
struct share_place {
	_Atomic int64_t at_us;		/* when one was seen last, 0: never */
	_Atomic int64_t gap_us;		/* the widest between two requests, of late */
	/* Until when those who owe step back for it, in microseconds, times BOARD_POOLS_MAX,
	 * and the pool they do it in. */
	_Atomic int64_t held;
};

struct share_seen {
	_Alignas(64) struct share_place place[SHARE_SEEN];
};

struct share {
	const struct board *board;
	unsigned slot;			/* ours */
	int listen_fd;			/* where connections wait */
	int64_t asked_us;		/* when we last asked how many do */
	uint64_t key;			/* of the tenant in hand; 0: none */
	int64_t began_us;
	bool is_courteous;		/* it owes, and others are about */
	int64_t gave_way_us;		/* when we did so last; the request's beginning at first */
	unsigned workers;		/* of our pool, as counted for the request in hand */
	unsigned active;		/* tenants, as counted last */
	int64_t counted_us;
};

/* May the tenant's request be served now?  When it may, share_leave() must follow. */
bool share_enter(struct share *s, const char *tenant, int64_t now_us);
void share_leave(struct share *s, int64_t now_us);
/* At some place in the request in hand: is it time to let others have the processor?  When
 * they had it, share_gave_way() follows. */
bool share_should_give_way(const struct share *s, int64_t now_us);
void share_gave_way(struct share *s, int64_t now_us);

#endif
