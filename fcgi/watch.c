/* watch.c - the stages of the request in hand. */
#include "watch.h"

#include <sched.h>

#include "clk.h"

static void
enter(struct watch *w, enum board_stage stage, int64_t now_ns)
{
	w->ns[w->stage] += now_ns - w->stage_ns;
	w->stage = stage;
	w->stage_ns = now_ns;
	if (w->slot == NULL)
		return;
	atomic_store_explicit(&w->slot->stage_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&w->slot->stage, (int32_t)stage, memory_order_relaxed);
}

void
watch_begin(struct watch *w)
{
	int64_t now_ns = clk_ns();

	*w = (struct watch){.slot = w->slot, .share = w->share, .began_ns = now_ns, .stage_ns = now_ns};
	watch_route(w, -1);
	enter(w, STAGE_READ, now_ns);
}

static void
let_others_in(struct watch *w, int64_t now_ns)
{
	if (w->share == NULL || !share_should_give_way(w->share, now_ns / 1000))
		return;
	sched_yield();
	share_gave_way(w->share, clk_ns() / 1000);
}

void
watch_stage(struct watch *w, enum board_stage stage)
{
	int64_t now_ns = clk_ns();

	enter(w, stage, now_ns);
	let_others_in(w, now_ns);
}

void
watch_give_way(void *context)
{
	let_others_in(context, clk_ns());
}

void
watch_route(struct watch *w, int32_t route)
{
	w->route = route;
	if (w->slot != NULL)
		atomic_store_explicit(&w->slot->route, route, memory_order_relaxed);
}

int64_t
watch_spent(const struct watch *w, enum board_stage stage)
{
	return w->ns[stage] + (w->stage == stage ? clk_ns() - w->stage_ns : 0);
}

int64_t
watch_end(struct watch *w)
{
	watch_stage(w, STAGE_NONE);
	return w->stage_ns - w->began_ns;
}

void
watch_query(void *context, enum query_stage stage)
{
	static const enum board_stage stages[] = {[QUERY_SEARCH] = STAGE_SEARCH,
	    [QUERY_EMBED] = STAGE_EMBED, [QUERY_FETCH] = STAGE_FETCH};

	watch_stage(context, stages[stage]);
}
