/* watch.h - the stages of the request in hand: how long each took, and which one it is in.
 *
 * The worker begins and ends it, whoever does the work names its stage.  What is current is
 * stamped into the scoreboard, so that the supervisor can say what a worker that hangs was
 * doing.  Between two stages the worker may give way to others (share.h).
 *
 * Units   nanoseconds of clk_ns().
 * Cost    one clock and three stores a stage; a system call when it gives way.
 */
#ifndef RAGPOOL_WATCH_H
#define RAGPOOL_WATCH_H

#include <stdint.h>

#include "board.h"
#include "query.h"
#include "share.h"

struct watch {
	struct board_slot *slot;	/* borrowed; NULL: nobody else looks */
	struct share *share;		/* borrowed; NULL: gives way to nobody */
	enum board_stage stage;
	int32_t route;			/* route_path(); -1: none */
	int64_t began_ns, stage_ns;
	int64_t ns[STAGE_MAX];		/* spent in each */
};

/* A connection was taken: STAGE_READ begins. */
void watch_begin(struct watch *w);
void watch_stage(struct watch *w, enum board_stage stage);
void watch_route(struct watch *w, int32_t route);
/* Spent in a stage up to now. */
int64_t watch_spent(const struct watch *w, enum board_stage stage);
/* Ends the last stage; how long it all took. */
int64_t watch_end(struct watch *w);
/* A give_way_fn; the context is the watch.  In the middle of a stage, too, others may be let in. */
void watch_give_way(void *context);
/* A query_stage_fn; the context is the watch. */
void watch_query(void *context, enum query_stage stage);

#endif
