/* cold.h - tenants that nobody asks for: kept in the object store alone, back on demand.
 * A table without system calls; sup_cold.c carries out.
 *
 *   warm      its generation is here and served
 *   securing  a child publishes it and reads it back from the store: it may be dropped then
 *   leaving   the next roster says that it is not served; its files stay until no worker can
 *             be asked for them
 *   away      only its manifest is here
 *   fetching  a child brings the files back
 *
 *   warm --idle long enough--> securing --the store has it--> leaving --unused--> away
 *   away --asked for--> fetching --here, whole--> warm
 *   securing, leaving --asked for, or not allowed any more--> warm
 *
 * Rules   Files are removed only after the store gave every byte back, and after every worker
 *         has left them.  However many ask, one child fetches.  What fails is tried again with
 *         the next request, a while later.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_COLD_H
#define RAGPOOL_COLD_H

#include <stdbool.h>
#include <stdint.h>

enum { COLD_RETRY_MIN_MS = 1000, COLD_RETRY_MAX_MS = 60000, COLD_SECURE_RETRY_MS = 3600000 };

#define COLD_STATES(X) \
	X(COLD_WARM, "warm") \
	X(COLD_SECURING, "securing") \
	X(COLD_LEAVING, "leaving") \
	X(COLD_AWAY, "away") \
	X(COLD_FETCHING, "fetching")
enum cold_state {
#define X(symbol, name) symbol,
	COLD_STATES(X)
#undef X
	    COLD_STATE_MAX
};

#define COLD_STEPS(X) \
	X(COLD_REST, "rest") \
	X(COLD_SECURE, "secure")	/* start to publish and read back */ \
	X(COLD_LEAVE, "leave")		/* a roster without it */ \
	X(COLD_DROP, "drop")		/* remove the files, then cold_dropped() */ \
	X(COLD_FETCH, "fetch") \
	X(COLD_RETURN, "return")	/* a roster with it */
enum cold_step {
#define X(symbol, name) symbol,
	COLD_STEPS(X)
#undef X
	    COLD_STEP_MAX
};

struct cold {
	enum cold_state state;
	bool is_secured;		/* securing: the child has ended well */
	bool is_here;			/* fetching: it has */
	bool is_asked;			/* while it was not warm */
	bool is_missed;			/* away, and the last fetch failed */
	int64_t retry_ms, backoff_ms;	/* nothing is tried before; 0: at once */
};

/* What the decision depends on besides. */
struct cold_view {
	bool may_leave;			/* there is a store, nothing else goes on with the tenant */
	bool has_store;
	bool is_idle;			/* not asked for as long as its option says */
	bool is_unused;			/* no worker can be asked for its files */
	int64_t now_ms;
};

/* The state moves on with the step that is answered; SECURE and FETCH may be refused for want
 * of a place by cold_wait(). */
enum cold_step cold_decide(struct cold *c, const struct cold_view *v);
void cold_asked(struct cold *c);
/* The step could not be begun now. */
void cold_wait(struct cold *c);
/* The child ended. */
void cold_secured(struct cold *c, bool is_well, int64_t now_ms);
void cold_fetched(struct cold *c, bool is_well, int64_t now_ms);
void cold_dropped(struct cold *c);
/* Workers are not to serve it. */
bool cold_is_out(const struct cold *c);
const char *cold_state_name(enum cold_state state);

#endif
