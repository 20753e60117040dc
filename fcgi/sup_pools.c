/* sup_pools.c - how many workers each pool has: measured here, decided by pool_size.h. */
#include "sup.h"

#include <stdio.h>
#include <string.h>

#include "backlog.h"
#include "clk.h"
#include "log.h"

enum { LINE_TICK_MS = 100 };

static unsigned
within(int64_t n, int64_t low, int64_t high)
{
	return (unsigned)(n < low ? low : n > high ? high : n);
}

/* Workers by hand count on top of those of the file. */
struct pool_rules
sup_pools_rules(const struct pool *p)
{
	const struct conf_pool *c = p->conf;
	bool is_fixed = c->pm == POOL_STATIC;
	int64_t max = is_fixed || c->max_workers == 0 ? c->workers : c->max_workers;
	struct pool_rules r = {.manager = (enum pool_manager)c->pm,
	    .max = within(max + p->extra, 1, WORKERS_MAX), .idle_ms = c->idle_timeout_ms};

	r.min_spare = within(c->min_spare_workers, 1, r.max);
	r.max_spare = within(c->max_spare_workers, r.min_spare, r.max);
	r.start = c->start_workers != 0 ? within(c->start_workers, 1, r.max) :
					  (r.min_spare + r.max_spare) / 2;
	if (is_fixed)
		r.start = r.max;
	return r;
}

static void
publish_rules(struct sup *s, unsigned i)
{
	struct board_pool *b = &s->board.head->pools[i];
	struct pool_rules r = sup_pools_rules(&s->pools[i]);

	snprintf(b->name, sizeof b->name, "%s", s->pools[i].conf->name);
	snprintf(b->manager, sizeof b->manager, "%s", pool_manager_name(r.manager));
	atomic_store(&b->max_workers, r.max);
	atomic_store(&b->workers, s->pools[i].size.target);
}

void
sup_pools_begin(struct sup *s)
{
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		struct pool_rules r = sup_pools_rules(&s->pools[i]);
		pool_size_begin(&s->pools[i].size, &r);
		publish_rules(s, i);
	}
	s->measured_ns = clk_ns();
	sup_workers_resize(s);
}

void
sup_pools_adopt(struct sup *s)
{
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		struct pool_rules r = sup_pools_rules(&s->pools[i]);
		pool_size_adopt(&s->pools[i].size, &r);
		publish_rules(s, i);
	}
	sup_workers_resize(s);
}

bool
sup_pools_extra(struct sup *s, unsigned pool, int by)
{
	struct pool *p = &s->pools[pool];
	int64_t max = (int64_t)sup_pools_rules(p).max + by;
	struct pool_rules r;

	if (max < 1 || max > WORKERS_MAX)
		return false;
	p->extra += by;
	r = sup_pools_rules(p);
	if (r.manager == POOL_DYNAMIC && by > 0)
		p->size.target = within((int64_t)p->size.target + by, 1, r.max);
	sup_pools_adopt(s);
	return true;
}

/* ---- what was measured ---- */

/* With requests so far, the one in hand included. */
static uint64_t
busy_so_far(const struct board_slot *b, int64_t now_ns)
{
	uint64_t done = atomic_load(&b->busy_ns);
	int64_t began = atomic_load(&b->request_ns);

	return began != 0 && began < now_ns ? done + (uint64_t)(now_ns - began) : done;
}

/* Of the time since the last look; a successor's count begins at 0. */
static uint64_t
busy_since(struct sup *s, unsigned i, int64_t now_ns)
{
	uint64_t window = (uint64_t)(now_ns - s->measured_ns);
	uint64_t total = busy_so_far(&s->board.slots[i], now_ns);
	uint64_t since = total > s->workers[i].busy_ns ? total - s->workers[i].busy_ns : 0;

	s->workers[i].busy_ns = total;
	return since < window ? since : window;
}

static bool
is_all_busy(const struct sup *s, unsigned pool, unsigned *active)
{
	unsigned idle = 0;

	*active = 0;
	for (unsigned i = 0; i < s->slots; i++) {
		const struct worker *w = &s->workers[i];
		if (w->pool != pool || !w->is_wanted || !slot_is_live(&w->slot))
			continue;
		if (board_slot_is_busy(&s->board.slots[i]))
			++*active;
		else
			idle++;
	}
	return idle == 0;
}

static uint32_t
load_of(struct sup *s, unsigned pool, int64_t now_ns)
{
	uint64_t busy = 0, window = (uint64_t)(now_ns - s->measured_ns);

	for (unsigned i = 0; i < s->slots; i++)
		if (s->workers[i].pool == pool && s->workers[i].pid != 0)
			busy += busy_since(s, i, now_ns);
	return window > 0 ? (uint32_t)(busy * 1000 / window) : 0;
}

static struct pool_view
look(struct sup *s, unsigned pool, uint32_t load)
{
	struct board_pool *b = &s->board.head->pools[pool];
	struct pool_view v = {.load = load};
	struct backlog waiting;
	unsigned active;

	backlog_read(&waiting, s->pools[pool].fd);
	v.all_busy = is_all_busy(s, pool, &active);
	v.waiting = waiting.waiting > 0 ? (unsigned)waiting.waiting : 0;
	atomic_store(&b->active, active);
	if (active > atomic_load(&b->max_active))
		atomic_store(&b->max_active, active);
	atomic_store(&b->listen_queue, waiting.waiting);
	atomic_store(&b->listen_queue_len, waiting.room);
	if (waiting.waiting > atomic_load(&b->max_listen_queue))
		atomic_store(&b->max_listen_queue, waiting.waiting);
	return v;
}

/* ---- what follows ---- */

/* Says it once for as long as it lasts, counts every time. */
static void
note_full(struct sup *s, unsigned pool, uint64_t reached_before)
{
	struct pool *p = &s->pools[pool];
	bool is_full = p->size.max_reached != reached_before;

	if (is_full && !p->was_full)
		log_warn("pool %s: max_workers (%u) reached, more are needed", p->conf->name,
		    sup_pools_rules(p).max);
	p->was_full = is_full;
	atomic_store(&s->board.head->pools[pool].max_children_reached, p->size.max_reached);
}

static bool
take_target(struct sup *s, unsigned pool, unsigned before)
{
	struct pool *p = &s->pools[pool];

	if (p->size.target == before)
		return false;
	log_info("pool %s: %u workers, %u before", p->conf->name, p->size.target, before);
	atomic_store(&s->board.head->pools[pool].workers, p->size.target);
	return true;
}

static bool
tick_pool(struct sup *s, unsigned pool, int64_t now_ns)
{
	struct pool *p = &s->pools[pool];
	struct pool_rules r = sup_pools_rules(p);
	uint32_t load = load_of(s, pool, now_ns), all = p->size.target * 1000;
	struct pool_view v = look(s, pool, load);
	uint64_t reached = p->size.max_reached;
	unsigned before = p->size.target;

	atomic_store(&s->board.head->pools[pool].busy_permille,
	    all == 0 ? 0 : load >= all ? 1000 : load / p->size.target);
	pool_size_tick(&p->size, &r, &v, s->now_ms);
	note_full(s, pool, reached);
	return take_target(s, pool, before);
}

/* A connection waits, or seems to. */
static bool
meet_demand(struct sup *s, unsigned pool)
{
	struct pool *p = &s->pools[pool];
	struct pool_rules r = sup_pools_rules(p);
	unsigned active, before = p->size.target;
	struct pool_view v;

	if (!pool_size_wants_demand(&p->size, &r, is_all_busy(s, pool, &active), s->now_ms))
		return false;
	v = look(s, pool, 0);
	if (atomic_load(&s->board.head->pools[pool].listen_queue) == -1)
		v.waiting = p->is_called ? 1 : 0;	/* all that poll() can say */
	p->is_called = false;
	pool_size_demand(&p->size, &r, &v, s->now_ms);
	return take_target(s, pool, before);
}

void
sup_pools_turn(struct sup *s)
{
	int64_t now_ns = clk_ns();
	bool is_tick = now_ns - s->measured_ns >= POOL_TICK_MS * INT64_C(1000000);
	bool is_asked = now_ns - s->looked_ns >= LINE_TICK_MS * INT64_C(1000000);
	bool is_changed = false;
	unsigned active;

	if (s->stopping != STOP_NOT)
		return;
	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		if (is_tick)
			is_changed |= tick_pool(s, i, now_ns);
		else if (s->pools[i].is_called)
			is_changed |= meet_demand(s, i);
		else if (is_asked && is_all_busy(s, i, &active))
			look(s, i, 0);	/* a worker may want to know (share.h) */
	}
	if (is_tick || is_asked)
		s->looked_ns = now_ns;
	if (is_tick)
		s->measured_ns = now_ns;
	if (is_changed)
		sup_workers_resize(s);
}

unsigned
sup_pools_fds(struct sup *s, struct curl_waitfd *fds)
{
	unsigned n = 0, active;

	for (unsigned i = 0; i < s->conf.pool_count; i++) {
		struct pool_rules r = sup_pools_rules(&s->pools[i]);
		s->pools[i].fd_at = -1;
		if (!pool_size_wants_demand(
			&s->pools[i].size, &r, is_all_busy(s, i, &active), s->now_ms))
			continue;
		s->pools[i].fd_at = (int)n;
		fds[n++] = (struct curl_waitfd){
		    .fd = s->pools[i].fd, .events = CURL_WAIT_POLLIN};
	}
	return n;
}

void
sup_pools_on_fds(struct sup *s, const struct curl_waitfd *fds)
{
	for (unsigned i = 0; i < s->conf.pool_count; i++)
		s->pools[i].is_called =
		    s->pools[i].fd_at != -1 && fds[s->pools[i].fd_at].revents != 0;
}

/* A pool whose size follows its load is looked at every second, any other with the rest. */
int64_t
sup_pools_due(const struct sup *s)
{
	for (unsigned i = 0; i < s->conf.pool_count; i++)
		if (s->pools[i].conf->pm != POOL_STATIC && s->pools[i].size.target > 0)
			return s->measured_ns / 1000000 + POOL_TICK_MS;
	return INT64_MAX;
}
