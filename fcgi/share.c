/* share.c - a fair share of the workers for each tenant. */
#include "share.h"

#include <poll.h>
#include <string.h>

enum { RECOUNT_US = 100000, SHARE_SEED = 0x7368 };

/* ---- who asks, and how often ---- */

static int64_t
within(int64_t us, int64_t low, int64_t high)
{
	return us < low ? low : us > high ? high : us;
}

/* How long the next request is expected. */
static int64_t
window_of(const struct share_place *p)
{
	return atomic_load_explicit(&p->gap_us, memory_order_relaxed) * 3 / 2;
}

/* The widest gap of late: those who ask in bursts have narrow ones too.  What was away for long
 * is a stranger again. */
static void
note_arrival(struct share_place *p, int64_t now_us)
{
	int64_t at = atomic_load_explicit(&p->at_us, memory_order_relaxed);
	int64_t gap = atomic_load_explicit(&p->gap_us, memory_order_relaxed);

	gap -= gap / 8;
	if (now_us - at > gap)
		gap = now_us - at;
	gap = within(gap, SHARE_GAP_LEAST_US, SHARE_GAP_MOST_US);
	if (at == 0 || now_us - at > 2 * (int64_t)SHARE_GAP_MOST_US)
		gap = SHARE_STRANGER_US;
	atomic_store_explicit(&p->gap_us, gap, memory_order_relaxed);
	atomic_store_explicit(&p->at_us, now_us, memory_order_relaxed);
}

/* Two at least: whoever has more than half owes, should another come.  Scanned a few times a
 * second at the most, since the number changes slowly. */
static unsigned
count_active(struct share *s, int64_t now_us)
{
	unsigned n = 0;

	if (s->counted_us != 0 && now_us - s->counted_us < RECOUNT_US)
		return s->active;
	for (int i = 0; i < SHARE_SEEN; i++) {
		const struct share_place *p = &s->board->seen->place[i];
		int64_t at = atomic_load_explicit(&p->at_us, memory_order_relaxed);
		n += at != 0 && now_us - at < window_of(p);
	}
	s->active = n > 2 ? n : 2;
	s->counted_us = now_us;
	return s->active;
}

/* ---- the workers ---- */

static uint32_t
our_pool(const struct share *s)
{
	uint32_t pool = atomic_load_explicit(
	    &s->board->slots[s->slot].pool, memory_order_relaxed);

	return pool < BOARD_POOLS_MAX ? pool : 0;
}

struct workers {
	unsigned all;			/* of our own pool */
	unsigned idle;			/* besides us; one that only looks who got a connection is */
	unsigned mine;			/* besides us, with a request of the same tenant */
};

static struct workers
count_workers(const struct share *s, uint64_t key)
{
	const struct board *b = s->board;
	uint32_t pool = atomic_load_explicit(&b->slots[s->slot].pool, memory_order_relaxed);
	struct workers w = {0};

	for (unsigned i = 0; i < b->head->slots; i++) {
		const struct board_slot *at = &b->slots[i];
		int32_t state = atomic_load_explicit(&at->state, memory_order_relaxed);
		if (state == SLOT_EMPTY || state == SLOT_BOOT || state == SLOT_DRAINING ||
		    atomic_load_explicit(&at->pool, memory_order_relaxed) != pool)
			continue;
		w.all++;
		if (i == s->slot)
			continue;
		w.idle += state == SLOT_IDLE || state == SLOT_READING;
		w.mine += state == SLOT_SERVING &&
		    atomic_load_explicit(&at->share_key, memory_order_relaxed) == key;
	}
	return w;
}

/* ---- the line ---- */

static bool
is_anybody_waiting(const struct share *s)
{
	struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static bool
are_others_about(const struct share *s, const struct share_place *but, int64_t now_us)
{
	for (int i = 0; i < SHARE_SEEN; i++) {
		const struct share_place *p = &s->board->seen->place[i];
		int64_t at = atomic_load_explicit(&p->at_us, memory_order_relaxed);
		if (p != but && at != 0 && now_us - at < SHARE_RECENT_US)
			return true;
	}
	return false;
}

/* Only the supervisor can count it, and it sleeps while nothing happens to it. */
static void
have_it_counted(struct share *s, int64_t now_us)
{
	if (now_us - s->asked_us < RECOUNT_US)
		return;
	s->asked_us = now_us;
	board_wake(s->board);
}

/* As the supervisor counted it lately, and as it still is. */
static bool
is_line_long(struct share *s, const struct share_place *mine, unsigned workers, int64_t now_us)
{
	const struct board_pool *p = &s->board->head->pools[our_pool(s)];
	int32_t waiting = atomic_load_explicit(&p->listen_queue, memory_order_relaxed);
	int32_t room = atomic_load_explicit(&p->listen_queue_len, memory_order_relaxed);

	if (!is_anybody_waiting(s))
		return false;
	have_it_counted(s, now_us);
	if (room > 0 && waiting > room / 2)
		return true;
	return waiting > (int32_t)(SHARE_LINE * workers) && are_others_about(s, mine, now_us);
}

/* ---- the rule ---- */

/* A tenant that owes nothing is here: was it held up, or would it be? */
static void
protect(struct share *s, struct share_place *p, unsigned idle, int64_t now_us)
{
	int64_t held = atomic_load_explicit(&p->held, memory_order_relaxed) / BOARD_POOLS_MAX;

	if (idle == 0 || now_us < held)
		atomic_store_explicit(&p->held,
		    (now_us + window_of(p)) * BOARD_POOLS_MAX + our_pool(s), memory_order_relaxed);
}

/* Somebody else, in our pool. */
static bool
is_anybody_protected(const struct share *s, const struct share_place *but, int64_t now_us)
{
	uint32_t pool = our_pool(s);

	for (int i = 0; i < SHARE_SEEN; i++) {
		const struct share_place *p = &s->board->seen->place[i];
		int64_t held = atomic_load_explicit(&p->held, memory_order_relaxed);
		if (now_us < held / BOARD_POOLS_MAX && held % BOARD_POOLS_MAX == pool && p != but)
			return true;
	}
	return false;
}

/* A part of the workers, at least one. */
static unsigned
part(unsigned workers, unsigned by)
{
	return workers > by ? workers / by : 1;
}

static bool
must_step_back(struct share *s, const struct share_place *p, const struct workers *w,
    int64_t debt, int64_t now_us)
{
	bool is_greedy = debt > SHARE_DEBT_US && w->idle < part(w->all, 2);
	bool takes_last = debt > SHARE_DEBT_US && w->idle == 0 && w->all > 1;

	if (takes_last && are_others_about(s, p, now_us))
		return true;
	if (debt > SHARE_DEBT_US && is_line_long(s, p, w->all, now_us))
		return true;
	if (debt > SHARE_OWES_US && w->idle < part(w->all, 4))
		is_greedy = is_greedy || w->mine >= part(w->all, count_active(s, now_us));
	return is_greedy && is_anybody_protected(s, p, now_us);
}

static void
name_tenant(const struct share *s, uint64_t key)
{
	atomic_store_explicit(&s->board->slots[s->slot].share_key, key, memory_order_relaxed);
}

bool
share_enter(struct share *s, const char *tenant, int64_t now_us)
{
	uint64_t key = meter_key(SHARE_SEED, tenant, strlen(tenant));
	struct share_place *p;
	struct workers w;
	int64_t debt;

	if (s->board == NULL || s->key != 0)
		return true;
	p = &s->board->seen->place[key % SHARE_SEEN];
	note_arrival(p, now_us);
	w = count_workers(s, key);
	debt = meter_debt(s->board->meter, key, now_us);
	if (must_step_back(s, p, &w, debt, now_us))
		return false;
	if (debt <= SHARE_DEBT_US)
		protect(s, p, w.idle, now_us);
	name_tenant(s, key);
	s->key = key;
	s->workers = w.all > 0 ? w.all : 1;
	s->began_us = s->gave_way_us = now_us;
	s->is_courteous = debt > SHARE_OWES_US && are_others_about(s, p, now_us);
	return true;
}

void
share_leave(struct share *s, int64_t now_us)
{
	if (s->board == NULL || s->key == 0)
		return;
	meter_charge(s->board->meter, s->key,
	    (now_us - s->began_us) * count_active(s, now_us) / s->workers, SHARE_DEBT_MOST_US,
	    now_us);
	name_tenant(s, 0);
	s->key = 0;
}

bool
share_should_give_way(const struct share *s, int64_t now_us)
{
	return s->key != 0 && (s->is_courteous || now_us - s->gave_way_us >= SHARE_LONG_US);
}

void
share_gave_way(struct share *s, int64_t now_us)
{
	s->gave_way_us = now_us;
}
