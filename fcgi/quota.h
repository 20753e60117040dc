/* quota.h - how much a caller, a route and a tenant may ask, over all workers.
 *
 * Counted where the request is known to be theirs: quota_check_caller() once it is known who
 * asks, quota_check_tenant() at the tenant's door.  The strictest of what was counted is told
 * in RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset (draft-ietf-httpapi-ratelimit-
 * headers-03, the form that clients know), a refusal also in Retry-After.
 *
 * Errors  ERR_RATE.
 */
#ifndef RAGPOOL_QUOTA_H
#define RAGPOOL_QUOTA_H

#include "meter.h"
#include "reply.h"
#include "req.h"
#include "share.h"

struct quota_rules {
	struct meter_rule key, route, tenant;
	bool fair;			/* share.h */
};

struct quota {
	const struct quota_rules *rules;	/* borrowed */
	struct meter *meter;		/* NULL: run by hand, nothing is counted */
	struct share share;
	struct meter_answer told;	/* of the request in hand; limit 0: nothing counted */
	uint64_t counted;		/* the tenant whose address it was sent to; 0: none, or it went in */
};

/* "100/60": requests and seconds; false when it is not that. */
bool quota_read_rule(struct meter_rule *rule, const char *text);
void quota_begin(struct quota *l);
int quota_check_caller(struct quota *l, const struct caller *c, int route, struct reply *p,
    struct err *e);
int quota_check_tenant(
    struct quota *l, const char *tenant, struct reply *p, struct err *e);
/* The same before a byte of the body is read; quota_check_tenant() then does not count again what
 * was counted here. */
int quota_check_address(
    struct quota *l, const char *tenant, struct reply *p, struct err *e);
/* What was counted, as headers. */
void quota_tell(const struct quota *l, struct reply *p);
/* The request is done. */
void quota_end(struct quota *l);

#endif
