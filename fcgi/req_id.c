/* req_id.c - what tells requests apart, here and across services: X-Request-Id (by custom) and
 * traceparent (W3C Trace Context).  Taken over when they are well formed, as they go into logs
 * and headers. */
#include "req.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "clk.h"
#include "req_id.h"

enum { ID_RANDOM = 16, RANDOM_AHEAD = 256 };
_Static_assert(RANDOM_AHEAD % ID_RANDOM == 0, "ids are taken whole");

static bool
is_id(const char *text)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._:/+=-";
	size_t n = strlen(text);

	return n > 0 && n <= REQ_ID_BYTES && strspn(text, allowed) == n;
}

/* Random bytes, fetched for several ids at once, as many as the kernel never gives in part.  Nobody
 * who makes ids forks. */
static void
take_random(unsigned char bits[ID_RANDOM])
{
	static unsigned char ahead[RANDOM_AHEAD];
	static size_t left;
	uint64_t last[2];

	if (left == 0 && getrandom(ahead, sizeof ahead, GRND_NONBLOCK) == sizeof ahead)
		left = sizeof ahead;
	if (left > 0) {
		left -= ID_RANDOM;
		memcpy(bits, ahead + left, ID_RANDOM);
		return;
	}
	last[0] = (uint64_t)clk_ns();
	last[1] = (uint64_t)getpid();
	memcpy(bits, last, ID_RANDOM);
}

static const char *
make_id(struct arena *a)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bits[ID_RANDOM] = {0};
	char *id = arena_alloc(a, 2 * ID_RANDOM + 1);

	if (id == NULL)
		return "-";
	take_random(bits);
	for (size_t i = 0; i < ID_RANDOM; i++) {
		id[2 * i] = digits[bits[i] >> 4];
		id[2 * i + 1] = digits[bits[i] & 15];
	}
	id[2 * ID_RANDOM] = '\0';
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
