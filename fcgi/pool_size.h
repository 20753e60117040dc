/* pool_size.h - how many workers a pool is to have: a function of what was measured, without
 * system calls.
 *
 *   static     as many as are configured
 *   dynamic    so many that min_spare are idle: by as many as that takes and as connections
 *              wait, but one, two, four ... 32 a second; one less a second after more than
 *              max_spare were idle for idle_ms
 *   ondemand   none at first; more when a connection waits and nobody is idle; one less a
 *              second after one was idle for idle_ms, down to none
 *
 * The names and the pace are php-fpm's.  What is different: idle is not who happens to be
 * idle at the tick, which says little about requests of a millisecond, but the share of time
 * that all workers spent without a request since the last tick.
 *
 * Oscillation  a pool only shrinks when the smaller one would have had min_spare idle too,
 *              and only after idle_ms in which it could have at every tick.
 * Units        milli-workers of load: 1500 is one and a half workers busy all the time.
 */
#ifndef RAGPOOL_POOL_SIZE_H
#define RAGPOOL_POOL_SIZE_H

#include <stdbool.h>
#include <stdint.h>

enum { POOL_TICK_MS = 1000, POOL_RATE_MAX = 32 };

/* In the order of conf.def's words. */
enum pool_manager { POOL_STATIC, POOL_DYNAMIC, POOL_ONDEMAND };

struct pool_rules {
	enum pool_manager manager;
	unsigned start, max;	/* static: both its number */
	unsigned min_spare, max_spare;
	int64_t idle_ms;
};

struct pool_view {
	uint32_t load;		/* milli-workers since the last tick */
	unsigned waiting;	/* connections that nobody has taken */
	bool all_busy;		/* nobody is idle, and nobody is starting */
};

struct pool_size {
	unsigned target;
	unsigned rate;		/* how many more at the next tick that wants more */
	int64_t calm_ms;	/* since when there was one too many; 0: there is not */
	int64_t demand_ms;	/* of the last growth by pool_size_demand() */
	uint64_t max_reached;	/* ticks and demands that wanted more than max */
};

/* At the start, and when the rules have changed. */
void pool_size_begin(struct pool_size *p, const struct pool_rules *r);
void pool_size_adopt(struct pool_size *p, const struct pool_rules *r);
/* Once a POOL_TICK_MS. */
void pool_size_tick(
    struct pool_size *p, const struct pool_rules *r, const struct pool_view *v, int64_t now_ms);
/* Between ticks, ondemand only: a connection waits. */
void pool_size_demand(
    struct pool_size *p, const struct pool_rules *r, const struct pool_view *v, int64_t now_ms);
/* Whether pool_size_demand() could do anything: only then is the socket looked at. */
bool pool_size_wants_demand(
    const struct pool_size *p, const struct pool_rules *r, bool all_busy, int64_t now_ms);
const char *pool_manager_name(enum pool_manager manager);

#endif
