/* progress.c - how far a build has come, as lines of JSON. */
#include "progress.h"

#include <stdio.h>

#include "clk.h"

enum { APART_MS = 500 };

static void
print_line(const struct progress *p, const struct build_progress *b)
{
	double rate, eta;

	printf("{\"progress\": \"%s\", \"done\": %llu, \"all\": ", build_step_name(b->step),
	    (unsigned long long)b->done);
	printf(b->all != 0 ? "%llu" : "null", (unsigned long long)b->all);
	if (pace_rate(&p->pace, &rate))
		printf(", \"rate\": %.1f", rate);
	else
		printf(", \"rate\": null");
	if (pace_eta(&p->pace, b->all, &eta))
		printf(", \"eta_s\": %.1f}\n", eta);
	else
		printf(", \"eta_s\": null}\n");
	fflush(stdout);
}

void
progress_end(struct progress *p, int64_t now_ms)
{
	if (p->began_ms != 0)
		p->seconds[p->step] += (double)(now_ms - p->began_ms) / 1e3;
	p->began_ms = now_ms;
}

void
progress_note(void *context, const struct build_progress *b)
{
	struct progress *p = context;
	int64_t now = clk_ms();

	if (p->began_ms == 0 || b->step != p->step) {
		progress_end(p, now);
		p->step = b->step;
		p->said_ms = 0;
		pace_begin(&p->pace, b->done, now);
	}
	pace_note(&p->pace, b->done, now);
	if (!p->is_told || (p->said_ms != 0 && now - p->said_ms < APART_MS && b->done != b->all))
		return;
	p->said_ms = now;
	print_line(p, b);
}
