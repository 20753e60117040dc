/* consul_gone.h - the value of PREFIX{tenant}/gone: a client had the tenant deleted.
 *
 *   { "at": 1796040000,		seconds since 1970
 *     "host": "web3" }			who was asked
 *
 * It is written in the transaction that deletes PREFIX{tenant}/config, and is what tells the
 * other hosts, also one that was down, that the tenant's data may go.  A document that merely
 * vanished (an operator's delete, a Consul that lost data, a right that was taken) has no such
 * key beside it, and its data stays.
 *
 *   the document is there            the key is stale: the tenant was made again
 *   the document a host knows is     so is the key, for that host: it was deleted by another
 *   newer than the key               hand since
 *   older, and waits to be removed   its data may go when the catalog has let go of it
 *   GONE_KEPT_S later                whoever sees the key removes it
 *
 * Newer and older by ModifyIndex, which only one history of Consul gives out.
 *
 * Errors  what json_parse_object() and the getters of json.h answer; ERR_LIMIT.
 */
#ifndef RAGPOOL_CONSUL_GONE_H
#define RAGPOOL_CONSUL_GONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"

enum { GONE_VALUE_MAX = 1024, GONE_HOST_BYTES = 64, GONE_KEPT_S = 30 * 86400 };

struct consul_gone {
	int64_t at;
	char host[GONE_HOST_BYTES];
	uint64_t index;			/* ModifyIndex of the key; not in the value */
};

int consul_gone_parse(
    struct consul_gone *g, const char *bytes, size_t n, uint64_t index, struct err *e);
void consul_gone_write(const struct consul_gone *g, struct buf *b);

/* What a host knows of the tenant. */
struct gone_view {
	bool is_listed;			/* its document's key is in the same reading */
	bool has_vanished;		/* was accepted from Consul, waits to be removed */
	uint64_t revision;		/* ModifyIndex of what was accepted; 0: unknown */
};

#define GONE_STEPS(X) \
	X(GONE_LEAVE, "leave")		/* nothing to do */ \
	X(GONE_MARK, "mark")		/* the tenant's data may go */ \
	X(GONE_DROP, "drop")		/* the key may */
enum gone_step {
#define X(symbol, name) symbol,
	GONE_STEPS(X)
#undef X
	    GONE_STEP_MAX
};

enum gone_step consul_gone_decide(
    const struct consul_gone *g, const struct gone_view *v, int64_t now_s);

#endif
