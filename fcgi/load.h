/* load.h - questions at a constant rate, and what came back.
 *
 * Open loop: question n is due n/rate seconds after the start, whether or not earlier ones
 * have been answered, and its latency counts from then.  A server that stalls for a second is
 * charged for all that was due in that second, which a closed loop would not even have sent
 * ("coordinated omission", Gil Tene).  Questions that find every connection taken wait, and
 * the wait counts.
 *
 * Time    ends `seconds` after the start plus at most `timeout_ms`.
 * Errors  of the load itself only: ERR_PEER when the server cannot be looked up.  What the
 *         server does wrong is counted.
 */
#ifndef RAGPOOL_LOAD_H
#define RAGPOOL_LOAD_H

#include <signal.h>
#include <stdint.h>

#include "latency.h"
#include "load_topics.h"

enum {
	LOAD_CONNECTIONS_MAX = 4096,
	LOAD_GENERATIONS_MAX = 256,
	LOAD_WORKERS_MAX = 1024,
	LOAD_NAME_BYTES = 64,
};

enum load_error {
	LOAD_REFUSED,		/* no connection */
	LOAD_CUT,		/* it ended before the answer did */
	LOAD_LATE,		/* no answer in time */
	LOAD_GARBLED,		/* something that is no HTTP */
	LOAD_ERRORS
};
extern const char *const load_error_names[LOAD_ERRORS];

struct load_options {
	const char *host, *port, *path;
	const char *key;		/* NULL: without */
	double rate;			/* a second */
	double seconds;
	int64_t timeout_ms;
	unsigned connections;
	const struct load_topics *topics;
	const volatile sig_atomic_t *stop;	/* not 0: ask no more */
};

/* A generation that answered: when it was seen first, which is what a roll looks like here. */
struct load_mark {
	char name[LOAD_NAME_BYTES];
	double first_s;
	uint64_t answers;
};

struct load_result {
	struct latency latency;		/* of all questions, failed ones with what they took */
	uint64_t asked, good;
	uint64_t errors[LOAD_ERRORS];
	uint64_t status[600];
	struct load_mark mark[LOAD_GENERATIONS_MAX];
	unsigned marks;
	char worker[LOAD_WORKERS_MAX][16];
	unsigned workers;
	uint64_t judged;		/* answers to judged questions */
	double recall;			/* sum over these */
	double seconds;
};

int load_run(const struct load_options *o, struct load_result *out, struct err *e);

#endif
