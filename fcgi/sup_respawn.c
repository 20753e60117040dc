/* sup_respawn.c - new processes for all workers: what respawn.h decides is carried out here. */
#include "sup.h"

#include "log.h"

static struct respawn_times
times_of(const struct sup *s)
{
	const struct conf_global *g = &s->conf.global;

	return (struct respawn_times){.wait_ms = g->shutdown_timeout_ms + g->reload_timeout_ms,
	    .bake_ms = g->respawn_bake_ms};
}

uint64_t
sup_respawn_want(struct sup *s)
{
	log_info("new workers one after another");
	return respawn_begin(&s->respawn, s->now_ms);
}

int64_t
sup_respawn_patience_ms(const struct sup *s)
{
	struct respawn_times times = times_of(s);

	return times.bake_ms + (s->slots + 1) * times.wait_ms;
}

static void
finish(const struct sup *s)
{
	if (s->respawn.failed)
		log_error("worker %u: its successor does not come up; the others stay as they are",
		    s->respawn.at);
	else
		log_info("respawn done workers=%u ms=%lld", s->respawn.replaced,
		    (long long)(s->now_ms - s->respawn.since_ms));
}

void
sup_respawn_turn(struct sup *s)
{
	struct respawn_times times = times_of(s);
	struct respawn_view views[WORKERS_MAX];
	enum respawn_action action;

	if (s->respawn.phase == RESPAWN_IDLE || s->stopping != STOP_NOT)
		return;
	for (unsigned i = 0; i < s->slots; i++)
		views[i] = (struct respawn_view){.wanted = s->workers[i].is_wanted,
		    .ready = s->workers[i].slot.phase == PHASE_READY,
		    .spawned_ms = s->workers[i].slot.spawned_ms};
	action = respawn_look(
	    &s->respawn, views, s->slots, !roll_is_busy(&s->roll), &times, s->now_ms);
	if (action == RESPAWN_REPLACE)
		sup_workers_replace(s, s->respawn.at);
	else if (action == RESPAWN_END)
		finish(s);
}

/* After WAIT or BAKE the next step must not wait for another event. */
int64_t
sup_respawn_due(const struct sup *s)
{
	if (s->respawn.phase == RESPAWN_NEXT && !roll_is_busy(&s->roll))
		return s->now_ms + RESPAWN_POLL_MS;
	return s->respawn.due_ms != 0 ? s->respawn.due_ms : INT64_MAX;
}
