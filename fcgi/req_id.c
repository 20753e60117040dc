/* req_id.c - what tells requests apart, here and across services: X-Request-Id (by custom) and
 * traceparent (W3C Trace Context).  Taken over when they are well formed, as they go into logs
 * and headers. */
#include "req.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clk.h"
#include "req_id.h"

static bool
is_id(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._:/+=-";
	size_t n = strlen(text);

	return n > 0 && n <= REQ_ID_BYTES && strspn(text, allowed) == n;
}

static const char *
make_id(struct arena *a)
{
	uint64_t bits[2] = {0};
	char *id = arena_alloc(a, 33);

	if (id == NULL)
		return "-";
	if (getrandom(bits, sizeof bits, GRND_NONBLOCK) != sizeof bits) {
		bits[0] = (uint64_t)clk_ns();
		bits[1] = (uint64_t)getpid();
	}
	snprintf(id, 33, "%016llx%016llx", (unsigned long long)bits[0],
	    (unsigned long long)bits[1]);
	return id;
}

const char *
req_id_of(const char *given, struct arena *a)
{
	return given != NULL && is_id(given) ? given : make_id(a);
}

/* n lower-case hexadecimal digits and then `end`; with `some`, not all of them 0. */
static bool
is_hex(const char *text, size_t n, char end, bool some)
{
	if (strspn(text, "0123456789abcdef") != n || text[n] != end)
		return false;
	return !some || strspn(text, "0") < n;
}

const char *
req_trace_of(const char *given)
{
	/* version-trace-parent-flags: 00-<32>-<16>-<2> */
	if (given == NULL || strlen(given) != 55 || strncmp(given, "00-", 3) != 0 ||
	    !is_hex(given + 3, 32, '-', true) || !is_hex(given + 36, 16, '-', true) ||
	    !is_hex(given + 53, 2, '\0', false))
		return NULL;
	return given;
}
