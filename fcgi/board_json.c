/* board_json.c - the pools of a scoreboard as JSON. */
#include "board_json.h"

#include <inttypes.h>
#include <string.h>

#include "json.h"

struct census {
	unsigned idle, active;
	uint64_t requests, slow;
};

static struct census
count_workers(const struct board *board, unsigned pool)
{
	struct census c = {0};

	for (unsigned i = 0; i < board->head->slots; i++) {
		const struct board_slot *s = &board->slots[i];
		if (atomic_load(&s->pool) != pool || atomic_load(&s->state) == SLOT_EMPTY)
			continue;
		if (board_slot_is_busy(s))
			c.active++;
		else
			c.idle++;
		c.requests += atomic_load(&s->requests);
		c.slow += atomic_load(&s->slow);
	}
	return c;
}

static void
put_queue(struct buf *b, const char *name, const _Atomic int32_t *value)
{
	int n = atomic_load(value);

	if (n >= 0)
		buf_addf(b, ", \"%s\": %d", name, n);
	else
		buf_addf(b, ", \"%s\": null", name);
}

static void
put_pool(const struct board *board, unsigned i, struct buf *b)
{
	const struct board_pool *p = &board->head->pools[i];
	struct census c = count_workers(board, i);

	buf_adds(b, "{\"pool\": ");
	json_put_text(b, p->name, strlen(p->name));
	buf_addf(b, ", \"process_manager\": \"%s\", \"requests\": %" PRIu64, p->manager,
	    c.requests);
	put_queue(b, "listen_queue", &p->listen_queue);
	put_queue(b, "max_listen_queue", &p->max_listen_queue);
	put_queue(b, "listen_queue_len", &p->listen_queue_len);
	buf_addf(b,
	    ", \"idle_processes\": %u, \"active_processes\": %u, \"total_processes\": %u"
	    ", \"max_active_processes\": %u, \"max_processes\": %u"
	    ", \"max_children_reached\": %" PRIu64 ", \"slow_requests\": %" PRIu64
	    ", \"busy_ratio\": %.3f}",
	    c.idle, c.active, c.idle + c.active, (unsigned)atomic_load(&p->max_active),
	    (unsigned)atomic_load(&p->max_workers),
	    (uint64_t)atomic_load(&p->max_children_reached), c.slow,
	    atomic_load(&p->busy_permille) / 1000.0);
}

void
board_put_pools(const struct board *board, struct buf *b)
{
	buf_addc(b, '[');
	for (unsigned i = 0; i < BOARD_POOLS_MAX && board->head->pools[i].name[0] != '\0'; i++) {
		if (i > 0)
			buf_adds(b, ", ");
		put_pool(board, i, b);
	}
	buf_addc(b, ']');
}
