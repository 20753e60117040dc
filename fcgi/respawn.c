/* respawn.c - new processes for all workers, one after another. */
#include "respawn.h"

const char *
respawn_phase_name(enum respawn_phase phase)
{
	static const char *const names[] = {[RESPAWN_IDLE] = "idle", [RESPAWN_NEXT] = "next",
	    [RESPAWN_WAIT] = "wait", [RESPAWN_BAKE] = "bake"};

	return names[phase];
}

uint64_t
respawn_begin(struct respawn *r, int64_t now_ms)
{
	r->phase = RESPAWN_NEXT;
	r->since_ms = now_ms;
	r->due_ms = 0;
	r->replaced = 0;
	r->failed = false;
	return ++r->wanted;
}

static bool
all_are_ready(const struct respawn_view *views, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (views[i].wanted && !views[i].ready)
			return false;
	return true;
}

static enum respawn_action
end(struct respawn *r, bool failed)
{
	r->phase = RESPAWN_IDLE;
	r->due_ms = 0;
	r->failed = failed;
	r->done = r->wanted;
	return RESPAWN_END;
}

static enum respawn_action
next(struct respawn *r, const struct respawn_view *views, size_t n,
    const struct respawn_times *times, int64_t now_ms)
{
	if (!all_are_ready(views, n))
		return RESPAWN_NOTHING;		/* somebody is missing for another reason */
	for (size_t i = 0; i < n; i++) {
		if (!views[i].wanted || views[i].spawned_ms >= r->since_ms)
			continue;
		r->at = (unsigned)i;
		r->phase = RESPAWN_WAIT;
		r->due_ms = now_ms + times->wait_ms;
		return RESPAWN_REPLACE;
	}
	return end(r, false);
}

/* The one in hand: is its successor there, or is it not wanted any more? */
static bool
is_replaced(const struct respawn *r, const struct respawn_view *views, size_t n)
{
	const struct respawn_view *v = &views[r->at];

	return r->at >= n || !v->wanted || (v->ready && v->spawned_ms >= r->since_ms);
}

enum respawn_action
respawn_look(struct respawn *r, const struct respawn_view *views, size_t n, bool may_order,
    const struct respawn_times *times, int64_t now_ms)
{
	switch (r->phase) {
	case RESPAWN_IDLE:
		return RESPAWN_NOTHING;
	case RESPAWN_NEXT:
		return may_order ? next(r, views, n, times, now_ms) : RESPAWN_NOTHING;
	case RESPAWN_WAIT:
		if (is_replaced(r, views, n)) {
			r->replaced++;
			r->phase = r->replaced == 1 && times->bake_ms > 0 ? RESPAWN_BAKE :
									   RESPAWN_NEXT;
			r->due_ms = r->phase == RESPAWN_BAKE ? now_ms + times->bake_ms : 0;
			return RESPAWN_NOTHING;
		}
		return now_ms >= r->due_ms ? end(r, true) : RESPAWN_NOTHING;
	case RESPAWN_BAKE:
		if (r->at < n && views[r->at].wanted && !views[r->at].ready)
			return end(r, true);	/* it died while it was watched */
		if (now_ms >= r->due_ms) {
			r->phase = RESPAWN_NEXT;
			r->due_ms = 0;
		}
		return RESPAWN_NOTHING;
	}
	return RESPAWN_NOTHING;
}
