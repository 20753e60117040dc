/* sup_fleet_wait.c - a roll that waits for its place among the hosts: for whom, and too long? */
#include "sup_fleet.h"

#include <inttypes.h>

#include "log.h"

bool
sup_fleet_roll_waits(const struct sup *s, struct fleet_wait *w)
{
	const struct fleet_lock *l = s->fleet != NULL ? &s->fleet->roll : NULL;

	if (l == NULL || (l->lock.state != LOCK_WANTED && l->lock.state != LOCK_TRYING))
		return false;
	w->for_ms = s->now_ms - l->lock.wanted_ms;
	w->is_overdue = w->for_ms >= s->conf.consul.rolling_patience_ms;
	w->holder = l->holder[0] != '\0' ? l->holder : NULL;
	return true;
}

/* Nobody ends such a wait but who holds the place: a person has to know, and again. */
void
fleet_wait_turn(struct sup *s)
{
	struct fleet_lock *l = &s->fleet->roll;
	struct fleet_wait w;

	if (!sup_fleet_roll_waits(s, &w)) {
		l->warned_ms = 0;
		return;
	}
	if (!w.is_overdue || w.holder == NULL ||
	    w.for_ms - l->warned_ms < s->conf.consul.rolling_patience_ms)
		return;
	l->warned_ms = w.for_ms;
	log_warn("roll waits for its place among the hosts since %" PRId64 " s: host %s has it, "
		 "see its ragpool status", w.for_ms / 1000, w.holder);
}
