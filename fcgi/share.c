/* share.c - a fair share of the workers for each tenant. */
#include "share.h"

#include <string.h>

enum { RECOUNT_US = 100000, SHARE_SEED = 0x7368 };

/* Scanned a few times a second at the most: the number changes slowly. */
static unsigned
count_active(struct share *s, int64_t now_us)
{
	unsigned n = 0;

	if (s->counted_us != 0 && now_us - s->counted_us < RECOUNT_US)
		return s->active;
	for (int i = 0; i < SHARE_SEEN; i++) {
		int64_t at = atomic_load_explicit(&s->board->seen->at_us[i], memory_order_relaxed);
		n += at != 0 && now_us - at < SHARE_ACTIVE_US;
	}
	s->active = n > 0 ? n : 1;
	s->counted_us = now_us;
	return s->active;
}

/* Of our own pool: how many workers there are, and how many have nothing in hand. */
static void
count_workers(const struct share *s, unsigned *all, unsigned *idle)
{
	const struct board *b = s->board;
	uint32_t pool = atomic_load(&b->slots[s->slot].pool);

	*all = *idle = 0;
	for (unsigned i = 0; i < b->head->slots; i++) {
		int32_t state = atomic_load_explicit(&b->slots[i].state, memory_order_relaxed);
		if (state == SLOT_EMPTY || state == SLOT_BOOT || state == SLOT_DRAINING ||
		    atomic_load_explicit(&b->slots[i].pool, memory_order_relaxed) != pool)
			continue;
		(*all)++;
		*idle += i != s->slot && !board_slot_is_busy(&b->slots[i]);
	}
}

static bool
is_over_its_share(struct share *s, uint64_t key, int64_t now_us)
{
	unsigned all, idle;

	if (meter_debt(s->board->meter, key, now_us) <= SHARE_DEBT_US ||
	    count_active(s, now_us) < 2)
		return false;
	count_workers(s, &all, &idle);
	return idle < (all > 3 ? all / 2 : 1);
}

bool
share_enter(struct share *s, const char *tenant, int64_t now_us)
{
	uint64_t key = meter_key(SHARE_SEED, tenant, strlen(tenant));

	if (s->board == NULL || s->key != 0)
		return true;
	atomic_store_explicit(
	    &s->board->seen->at_us[key % SHARE_SEEN], now_us, memory_order_relaxed);
	if (is_over_its_share(s, key, now_us))
		return false;
	s->key = key;
	s->began_us = now_us;
	return true;
}

void
share_leave(struct share *s, int64_t now_us)
{
	unsigned all, idle;

	if (s->board == NULL || s->key == 0)
		return;
	count_workers(s, &all, &idle);
	meter_charge(s->board->meter, s->key,
	    (now_us - s->began_us) * count_active(s, now_us) / (all > 0 ? all : 1),
	    SHARE_DEBT_MOST_US, now_us);
	s->key = 0;
}
