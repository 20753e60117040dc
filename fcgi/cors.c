/* cors.c - which web pages may ask. */
#include "cors.h"

#include <string.h>

static const char request_headers[] =
    "Authorization, Content-Type, Api-Key, X-Api-Key, X-Request-Id, Traceparent, If-None-Match, "
    "MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";
static const char answer_headers[] =
    "ETag, Retry-After, Server-Timing, X-Request-Id, X-Ragpool-Generation, X-Ragpool-Cache, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset";

bool
cors_lists(const char *list, const char *origin)
{
	size_t want = strlen(origin), n;

	for (const char *p = list; *p != '\0'; p += n) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if ((n == 1 && *p == '*') || (n == want && n > 0 && memcmp(p, origin, n) == 0))
			return true;
	}
	return false;
}

bool
cors_is_local(const char *origin)
{
	static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *host = strncmp(origin, "http://", 7) == 0 ? origin + 7
	    : strncmp(origin, "https://", 8) == 0	      ? origin + 8
							      : "";

	for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
		size_t n = strlen(hosts[i]);
		if (strncmp(host, hosts[i], n) == 0 &&
		    (host[n] == '\0' ||
			(host[n] == ':' && strspn(host + n + 1, "0123456789") == strlen(host + n + 1))))
			return true;
	}
	return false;
}

void
cors_tell(const char *list, const struct req *r, struct reply *p)
{
	const char *origin = req_param(r, "HTTP_ORIGIN");

	if (list[0] == '\0')
		return;
	reply_header(p, "Vary", "Origin");
	if (origin == NULL || !cors_lists(list, origin))
		return;
	reply_header(p, "Access-Control-Allow-Origin", origin);
	reply_header(p, "Access-Control-Expose-Headers", answer_headers);
}

bool
cors_is_preflight(const char *list, const struct req *r)
{
	const char *origin = req_param(r, "HTTP_ORIGIN");

	return r->method == REQ_OPTIONS && origin != NULL && cors_lists(list, origin) &&
	    req_param(r, "HTTP_ACCESS_CONTROL_REQUEST_METHOD") != NULL;
}

void
cors_answer_preflight(const char *methods, struct reply *p)
{
	p->status = 204;
	p->type = "";
	reply_header(p, "Access-Control-Allow-Methods", methods);
	reply_header(p, "Access-Control-Allow-Headers", request_headers);
	reply_header(p, "Access-Control-Max-Age", "600");
}
