/* consul_gone.c - a client had the tenant deleted: what that means for a host. */
#include "consul_gone.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"

/* It goes into log lines. */
static int
check_host(const char *host, struct err *e)
{
	for (const char *c = host; *c != '\0'; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
			return err_set(e, ERR_CONFIG, "host: not a name");
	return 0;
}

int
consul_gone_parse(
    struct consul_gone *g, const char *bytes, size_t n, uint64_t index, struct err *e)
{
	struct json_object *o = NULL;
	const char *host = "";
	int rc = -1;

	*g = (struct consul_gone){.index = index};
	if (n > GONE_VALUE_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d bytes", GONE_VALUE_MAX);
	if (json_parse_object(&o, bytes, n, e) == -1)
		return -1;
	if (json_get_int(o, "at", true, 0, INT64_MAX / 2, &g->at, e) == 0 &&
	    json_get_text(o, "host", false, GONE_HOST_BYTES - 1, &host, e) == 0 &&
	    check_host(host, e) == 0) {
		snprintf(g->host, sizeof g->host, "%s", host);
		rc = 0;
	}
	json_object_put(o);
	return rc;
}

void
consul_gone_write(const struct consul_gone *g, struct buf *b)
{
	buf_addf(b, "{\"at\":%" PRId64 ",\"host\":", g->at);
	json_put_text(b, g->host, strlen(g->host));
	buf_addc(b, '}');
}

enum gone_step
consul_gone_decide(const struct consul_gone *g, const struct gone_view *v, int64_t now_s)
{
	if (v->is_listed)
		return GONE_DROP;
	if (v->has_vanished && v->revision != 0 && v->revision < g->index)
		return GONE_MARK;
	return now_s - g->at > GONE_KEPT_S ? GONE_DROP : GONE_LEAVE;
}
