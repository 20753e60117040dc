/* progress.h - how far a build has come, as lines of JSON.
 *
 *   {"progress": "read", "done": 120, "all": 1000, "rate": 61.2, "eta_s": 14.4}
 *
 * One when a step begins and ends, and every half second between, on standard output and, for
 * who answers for the build's jobs, in DATA/tenants/<tenant>/progress while it runs.  What is counted is the step's
 * (build.h); rate is a second, eta_s the seconds to the end of this step; null for what is not
 * known (pace.h).
 */
#ifndef RAGPOOL_PROGRESS_H
#define RAGPOOL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"
#include "build.h"
#include "pace.h"

enum { PROGRESS_LINE_BYTES = 256 };

struct progress {
	bool is_told;			/* to the supervisor */
	const char *data_dir, *tenant;	/* borrowed */
	enum build_step step;
	int64_t began_ms, said_ms;	/* of the step; the last line of it; 0: none */
	double seconds[BUILD_STEP_MAX];	/* of the steps that have ended */
	struct pace pace;
};

/* Is a build_request's progress; context is a struct progress. */
void progress_note(void *context, const struct build_progress *b);
/* No step is under way any more. */
void progress_end(struct progress *p, int64_t now_ms);

/* The file.  Not durable, and no harm when it cannot be written. */
void progress_write(const char *data_dir, const char *tenant, const char *line);
bool progress_read(char line[PROGRESS_LINE_BYTES], const char *data_dir, const char *tenant);
void progress_remove(const char *data_dir, const char *tenant);
/* "step": "read", "done": 120, "all": 1000, "rate": 61.2, "eta_s": 14.4 of a line, which is not
 * trusted; all null where there is none. */
void progress_put(struct buf *b, const char *line);

#endif
