/* api_status.c - GET /status: the pool as a worker sees it, from the scoreboard.
 *
 * The supervisor's control socket knows more (builds, refusals, Consul); this is what
 * may be shown to a monitoring system through the web server.
 */
#include "api.h"

#include <string.h>
#include <unistd.h>

#include "board_json.h"
#include "clk.h"
#include "json.h"

static unsigned long long
get(const _Atomic uint64_t *value)
{
	return (unsigned long long)atomic_load_explicit(value, memory_order_relaxed);
}

static void
put_worker(struct buf *b, struct board_slot *s, unsigned i, int64_t now)
{
	int64_t started = atomic_load(&s->started_ns);

	buf_addf(b, "{\"slot\": %u, \"pid\": %d, \"state\": \"%s\", \"epoch\": %llu", i,
	    (int)atomic_load(&s->pid), board_state_name(atomic_load(&s->state)), get(&s->epoch));
	buf_addf(b, ", \"requests\": %llu, \"failures\": %llu, \"restarts\": %llu",
	    get(&s->requests), get(&s->failures), get(&s->restarts));
	buf_addf(b, ", \"reloads\": %llu, \"last_reload_us\": %llu, \"refused\": %llu",
	    get(&s->reloads), get(&s->reload_us), get(&s->refused));
	buf_addf(b, ", \"open_tenants\": %llu, \"rss_kb\": %llu, \"age_s\": %lld}",
	    get(&s->open_tenants), get(&s->rss_kb),
	    started != 0 ? (long long)((now - started) / 1000000000) : 0);
}

static void
put_workers(struct buf *b, const struct board *board)
{
	int64_t now = clk_ns();
	bool first = true;

	buf_adds(b, "\"workers\": [");
	for (unsigned i = 0; board != NULL && i < board->head->slots; i++) {
		if (atomic_load(&board->slots[i].state) == SLOT_EMPTY)
			continue;
		if (!first)
			buf_adds(b, ", ");
		first = false;
		put_worker(b, &board->slots[i], i, now);
	}
	buf_addc(b, ']');
}

static void
put_tenants(struct buf *b, const struct roster *roster)
{
	buf_adds(b, "\"tenants\": [");
	for (size_t i = 0; roster != NULL && i < roster->count; i++) {
		const struct roster_entry *t = &roster->entries[i];
		buf_addf(b, "%s{\"name\": \"%s\", \"state\": \"%s\", \"generation\": ",
		    i > 0 ? ", " : "", t->tenant, roster_state_name(t->state));
		if (t->state != ROSTER_BUILDING)
			buf_addf(b, "\"%s\"}", t->generation);
		else
			buf_adds(b, "null}");
	}
	buf_addc(b, ']');
}

int
api_status(struct api *api, struct req *r, struct reply *p, struct err *e)
{
	const struct roster *roster = serving_roster(api->serving);
	struct buf *b = &p->body;

	(void)r, (void)e;
	buf_addf(b, "{\"epoch\": %llu, ", roster != NULL ? (unsigned long long)roster->epoch : 0);
	if (api->board != NULL)
		buf_addf(b, "\"target_epoch\": %llu, ", get(&api->board->head->epoch));
	put_workers(b, api->board);
	buf_adds(b, ", ");
	if (api->board != NULL) {
		buf_adds(b, "\"pools\": ");
		board_put_pools(api->board, b);
		buf_adds(b, ", ");
	}
	put_tenants(b, roster);
	buf_adds(b, "}\n");
	return 0;
}
