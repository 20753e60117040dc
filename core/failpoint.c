/* failpoint.c - named places where a test ends a build as a crash would. */
#include "failpoint.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[FAILPOINT_MAX] = {
#define X(symbol, name) [symbol] = name,
    FAILPOINTS(X)
#undef X
};

static int armed = -2;		/* -2: not asked yet; -1: none */
static long left;
static bool hangs;

const char *
failpoint_name(unsigned at)
{
	return at < FAILPOINT_MAX ? names[at] : NULL;
}

void
failpoint_arm(const char *want)
{
	const char *colon;
	size_t n;

	armed = -1;
	if (want == NULL)
		return;
	n = strcspn(want, ":=");
	colon = want[n] == ':' ? want + n + 1 : "1";
	left = strtol(colon, NULL, 10);
	hangs = strstr(want + n, "=hang") != NULL;
	for (int i = 0; i < FAILPOINT_MAX; i++)
		if (strlen(names[i]) == n && memcmp(names[i], want, n) == 0)
			armed = i;
}

void
failpoint(enum failpoint at)
{
	if (armed == -2)
		failpoint_arm(getenv("RAGPOOL_FAILPOINT"));
	if (armed != (int)at || --left > 0)
		return;
	while (hangs)
		pause();
	kill(getpid(), SIGKILL);
}
