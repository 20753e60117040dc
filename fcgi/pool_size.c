/* pool_size.c - how many workers a pool is to have. */
#include "pool_size.h"

enum { WHOLE = 1000 };

const char *
pool_manager_name(enum pool_manager manager)
{
	static const char *const names[] = {
	    [POOL_STATIC] = "static", [POOL_DYNAMIC] = "dynamic", [POOL_ONDEMAND] = "ondemand"};

	return names[manager];
}

static unsigned
least(const struct pool_rules *r)
{
	if (r->manager == POOL_STATIC)
		return r->max;
	if (r->manager == POOL_ONDEMAND)
		return 0;
	return r->min_spare > 1 ? r->min_spare : 1;
}

static unsigned
between(unsigned n, unsigned low, unsigned high)
{
	return n > high ? high : n < low ? low : n;
}

void
pool_size_begin(struct pool_size *p, const struct pool_rules *r)
{
	*p = (struct pool_size){.rate = 1};
	p->target = r->manager == POOL_ONDEMAND ? 0 : between(r->start, least(r), r->max);
}

void
pool_size_adopt(struct pool_size *p, const struct pool_rules *r)
{
	p->target = between(p->target, least(r), r->max);
	p->calm_ms = 0;
	p->rate = 1;
}

static void
grow(struct pool_size *p, const struct pool_rules *r, unsigned by)
{
	unsigned room = r->max > p->target ? r->max - p->target : 0;

	p->calm_ms = 0;
	if (by > room) {
		p->max_reached++;
		by = room;
	}
	p->target += by;
}

static uint32_t
idle_of(const struct pool_size *p, const struct pool_view *v)
{
	uint32_t all = p->target * WHOLE;

	/* Who waits while everybody works is load that nobody could take yet. */
	if (v->all_busy && v->waiting > 0)
		return 0;
	return v->load < all ? all - v->load : 0;
}

/* Would one worker less have been enough, with some to spare? */
static bool
is_calm(const struct pool_rules *r, uint32_t idle)
{
	if (r->manager == POOL_ONDEMAND)
		return idle >= WHOLE;
	return idle > r->max_spare * WHOLE && idle >= (r->min_spare + 1) * WHOLE;
}

static void
shrink(struct pool_size *p, const struct pool_rules *r, int64_t now_ms)
{
	if (p->target <= least(r))
		return;
	if (p->calm_ms == 0)
		p->calm_ms = now_ms > 0 ? now_ms : 1;
	else if (now_ms - p->calm_ms >= r->idle_ms)
		p->target--;
}

static void
tick_dynamic(
    struct pool_size *p, const struct pool_rules *r, const struct pool_view *v, uint32_t idle)
{
	unsigned needed;

	if (idle >= r->min_spare * WHOLE) {
		p->rate = 1;
		return;
	}
	needed = (r->min_spare * WHOLE - idle + WHOLE - 1) / WHOLE;
	if (v->all_busy)
		needed += v->waiting;
	grow(p, r, needed < p->rate ? needed : p->rate);
	p->rate = p->rate * 2 < POOL_RATE_MAX ? p->rate * 2 : POOL_RATE_MAX;
}

void
pool_size_tick(
    struct pool_size *p, const struct pool_rules *r, const struct pool_view *v, int64_t now_ms)
{
	uint32_t idle = idle_of(p, v);

	if (r->manager == POOL_STATIC) {
		p->target = r->max;
		return;
	}
	if (r->manager == POOL_DYNAMIC)
		tick_dynamic(p, r, v, idle);
	else
		pool_size_demand(p, r, v, now_ms);
	if (is_calm(r, idle))
		shrink(p, r, now_ms);
	else
		p->calm_ms = 0;
}

/* As many as wait, but a burst does not fork more than POOL_RATE_MAX a second. */
void
pool_size_demand(
    struct pool_size *p, const struct pool_rules *r, const struct pool_view *v, int64_t now_ms)
{
	if (r->manager != POOL_ONDEMAND || !v->all_busy || v->waiting == 0)
		return;
	if (now_ms - p->demand_ms >= POOL_TICK_MS) {
		p->demand_ms = now_ms;
		p->rate = POOL_RATE_MAX;
	}
	if (p->rate == 0)
		return;
	grow(p, r, between(v->waiting, 1, p->rate));
	p->rate -= between(v->waiting, 1, p->rate);
}

bool
pool_size_wants_demand(
    const struct pool_size *p, const struct pool_rules *r, bool all_busy, int64_t now_ms)
{
	return r->manager == POOL_ONDEMAND && all_busy && p->target < r->max &&
	    (p->rate > 0 || now_ms - p->demand_ms >= POOL_TICK_MS);
}
