/* quota.c - how much a caller, a route and a tenant may ask. */
#include "quota.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "clk.h"

enum { SEED_KEY = 1, SEED_ROUTE = 256, SEED_TENANT = 3 };

bool
quota_read_rule(struct meter_rule *rule, const char *text)
{
	unsigned n, seconds;
	char end;

	if (sscanf(text, "%u/%u%c", &n, &seconds, &end) != 2 || n > METER_RATE_MAX ||
	    seconds == 0 || seconds > 3600)
		return false;
	*rule = meter_rule_of(n, seconds);
	return true;
}

static int64_t
now_us(void)
{
	return clk_ns() / 1000;
}

void
quota_begin(struct quota *l)
{
	l->told = (struct meter_answer){0};
	l->counted = 0;
}

static void
tell_when(struct reply *p, uint32_t seconds)
{
	char text[16];

	snprintf(text, sizeof text, "%u", seconds > 0 ? seconds : 1);
	reply_header(p, "Retry-After", text);
}

/* The answer to be told is the one with the fewest requests left. */
static int
take(struct quota *l, uint64_t key, const struct meter_rule *rule, const char *whose,
    struct reply *p, struct err *e)
{
	struct meter_answer a;
	bool in;

	if (l->meter == NULL || rule->interval_us == 0)
		return 0;
	in = meter_take(l->meter, key, rule, now_us(), &a);
	if (l->told.limit == 0 || a.remaining <= l->told.remaining)
		l->told = a;
	if (in)
		return 0;
	tell_when(p, a.retry_s);
	return err_set(e, ERR_RATE, "too many requests %s: come back in %u s", whose, a.retry_s);
}

/* A key's own rate comes before what is configured for all. */
static struct meter_rule
rule_of(const struct quota *l, const struct caller *c)
{
	if (c->rate <= 0)
		return l->rules->key;
	if (c->rate < 1)
		return meter_rule_of(1, (uint32_t)fmin(3600, ceil(1 / c->rate)));
	return meter_rule_of((uint32_t)c->rate, 1);
}

int
quota_check_caller(struct quota *l, const struct caller *c, int route, struct reply *p,
    struct err *e)
{
	struct meter_rule own = rule_of(l, c);
	size_t n = strlen(c->id);

	/* The narrower first: what it refuses costs the wider one nothing. */
	if (take(l, meter_key(SEED_ROUTE + (uint64_t)route, c->id, n), &l->rules->route,
		"to this address with this key", p, e) == -1)
		return -1;
	return take(l, meter_key(SEED_KEY, c->id, n), &own, "with this key", p, e);
}

int
quota_check_tenant(struct quota *l, const char *tenant, struct reply *p, struct err *e)
{
	uint64_t key = meter_key(SEED_TENANT, tenant, strlen(tenant));

	if (l->counted == key) {
		l->counted = 0;
		return 0;
	}
	if (take(l, key, &l->rules->tenant, "to this tenant", p, e) == -1)
		return -1;
	if (!l->rules->fair || share_enter(&l->share, tenant, now_us()))
		return 0;
	tell_when(p, 1);
	return err_set(e, ERR_RATE,
	    "the workers are busy, and this tenant has had more than its share: come back in 1 s");
}

int
quota_check_address(struct quota *l, const char *tenant, struct reply *p, struct err *e)
{
	if (quota_check_tenant(l, tenant, p, e) == -1)
		return -1;
	l->counted = meter_key(SEED_TENANT, tenant, strlen(tenant));
	return 0;
}

void
quota_tell(const struct quota *l, struct reply *p)
{
	const struct {
		const char *name;
		uint32_t value;
	} rows[] = {{"RateLimit-Limit", l->told.limit},
	    {"RateLimit-Remaining", l->told.remaining}, {"RateLimit-Reset", l->told.reset_s}};
	char text[16];

	for (size_t i = 0; l->told.limit > 0 && i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "%u", rows[i].value);
		reply_header(p, rows[i].name, text);
	}
}

void
quota_end(struct quota *l)
{
	share_leave(&l->share, now_us());
}
