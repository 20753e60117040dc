/* bar.c - one line of a terminal that says how far something has come. */
#include "bar.h"

#include <inttypes.h>
#include <stdio.h>

enum { WIDTH = 20 };

static int
add_time(char *out, size_t size, double seconds)
{
	uint64_t s = (uint64_t)(seconds + 0.5);

	if (s < 100)
		return snprintf(out, size, ", %" PRIu64 " s left", s);
	if (s < 6000)
		return snprintf(out, size, ", %" PRIu64 " min left", (s + 30) / 60);
	return snprintf(out, size, ", %" PRIu64 " h left", (s + 1800) / 3600);
}

void
bar_format(char out[BAR_BYTES], const struct bar *b)
{
	uint64_t done = b->done < b->all ? b->done : b->all;
	int filled = b->all > 0 ? (int)((double)done * WIDTH / (double)b->all) : 0, n;

	n = snprintf(out, BAR_BYTES, "%-9.20s", b->label);
	if (b->all > 0)
		n += snprintf(out + n, BAR_BYTES - (size_t)n, "[%.*s%*s] %" PRIu64 "/%" PRIu64, filled,
		    "####################", WIDTH - filled, "", b->done, b->all);
	else
		n += snprintf(out + n, BAR_BYTES - (size_t)n, "%" PRIu64, b->done);
	if (b->rate >= 0 && b->rate < 1e15)
		n += snprintf(out + n, BAR_BYTES - (size_t)n, b->rate < 10 ? " %.1f/s" : " %.0f/s", b->rate);
	if (b->eta_s >= 0 && b->eta_s < 1e9)
		add_time(out + n, BAR_BYTES - (size_t)n, b->eta_s);
}
