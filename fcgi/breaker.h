/* breaker.h - a circuit breaker: an endpoint that keeps failing is left alone for a while.
 *
 *   closed --failure x limit--> open --pause over--> half-open --success--> closed
 *                                ^                      |
 *                                `------failure---------'
 *
 * A table without system calls.  Who wants to send asks breaker_admits(); every request
 * that was admitted ends in exactly one of success, failure and cancelled.  Half-open admits
 * one request at a time: the others are refused until it has ended.
 *
 * Failures count in a row: a success in between forgets them.  What was sent before the
 * breaker opened and fails afterwards changes nothing; if it succeeds, the endpoint is
 * alive, and the breaker closes.
 * Retry-After  breaker_hold() keeps an endpoint that asked for it alone, at the most
 *         BREAKER_HOLD_MAX_MS, without counting a failure more.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_BREAKER_H
#define RAGPOOL_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_HOLD_MAX_MS = 60000 };

#define BREAKER_STATES(X) \
	X(BREAKER_CLOSED, "closed") \
	X(BREAKER_OPEN, "open") \
	X(BREAKER_HALF_OPEN, "half-open")
enum breaker_state {
#define X(symbol, name) symbol,
	BREAKER_STATES(X)
#undef X
	    BREAKER_STATE_MAX
};

enum breaker_event { BREAKER_SUCCESS, BREAKER_FAILURE, BREAKER_CANCELLED, BREAKER_EVENT_MAX };

struct breaker {
	enum breaker_state state;
	unsigned failures;	/* in a row */
	unsigned limit;		/* that open it, at least 1 */
	int64_t pause_ms;
	int64_t until_ms;	/* open: when it may be tried again */
	bool is_probed;		/* half-open: one is under way */
	uint64_t opened;	/* how often, ever */
};

void breaker_init(struct breaker *b, unsigned limit, int64_t pause_ms);
/* Whether a request may be sent now; true also takes the one place of half-open. */
bool breaker_admits(struct breaker *b, int64_t now_ms);
/* As breaker_admits(), and takes nothing. */
bool breaker_would_admit(const struct breaker *b, int64_t now_ms);
void breaker_event(struct breaker *b, enum breaker_event event, int64_t now_ms);
void breaker_hold(struct breaker *b, int64_t for_ms, int64_t now_ms);
/* How long until it is worth asking again; 0: now. */
int64_t breaker_wait_ms(const struct breaker *b, int64_t now_ms);
const char *breaker_state_name(enum breaker_state state);

#endif
