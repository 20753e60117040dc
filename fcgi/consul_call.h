/* consul_call.h - short requests to Consul that change something, or read one key.
 *
 * Sessions, locks, pointers, the service and its check go this way; the blocking query
 * that watches the tenants has its own transfer in consul.c.
 *
 * Rules   at most CONSUL_CALLS_MAX at once, each ended after CONSUL_CALL_MS.  The answer is
 *         cut at CONSUL_CALL_BODY_MAX.  `done` is called once for each call that was
 *         taken, from consul_calls_on_done(), and may make further calls.  Calls that are
 *         under way when consul_calls_free() comes are ended without a word.
 * Memory  the link is borrowed until consul_calls_free(); a request is copied.
 */
#ifndef RAGPOOL_CONSUL_CALL_H
#define RAGPOOL_CONSUL_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consul_link.h"

enum { CONSUL_CALLS_MAX = 32, CONSUL_CALL_MS = 10000, CONSUL_CALL_BODY_MAX = 1 << 20 };

/* What came back; borrowed for the length of the call of `done`. */
struct consul_reply {
	int status;			/* 0: no complete answer, `trouble` tells why */
	const char *trouble;
	const char *body;		/* NUL-terminated */
	size_t body_bytes;
};

typedef void consul_done(
    void *context, uint64_t ticket, const struct consul_reply *reply, int64_t now_ms);

struct consul_request {
	const char *method;		/* "GET", "PUT", "DELETE" */
	const char *path;		/* after /v1/, encoded by the callee */
	const char *query;		/* what stands after "?", encoded already; NULL: nothing */
	const char *body;		/* NULL: none */
	consul_done *done;
	void *context;
	uint64_t ticket;		/* handed back */
};

struct consul_calls;

int consul_calls_new(struct consul_calls **out, struct consul_link *link, struct err *e);
void consul_calls_free(struct consul_calls *c);
/* ERR_BUSY when too many are under way. */
int consul_call(struct consul_calls *c, const struct consul_request *r, struct err *e);
/* False when the message is not about one of these. */
bool consul_calls_on_done(struct consul_calls *c, const CURLMsg *message, int64_t now_ms);
/* One request, waited for, at the end of a process: at most `ms`; errors are nobody's. */
void consul_call_last(struct consul_link *link, const struct consul_request *r, long ms);

#endif
