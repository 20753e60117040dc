/* slowlog.h - one JSON line for a request that took too long.
 *
 *   {"time": "2026-01-31T12:00:00.123Z", "pid": 17, "tenant": "docs",
 *    "route": "/query/{tenant}", "status": 200, "generation": "...", "total_ms": 812.4,
 *    "read_ms": 0.1, "embed_ms": 3.0, "search_ms": 801.2, "fetch_ms": 7.9, "other_ms": 0.1,
 *    "write_ms": 0.1}
 *
 * Never a word of the query.  A line is one write, appended; USR1 opens the file anew.
 */
#ifndef RAGPOOL_SLOWLOG_H
#define RAGPOOL_SLOWLOG_H

#include "err.h"
#include "watch.h"

struct slowlog {
	const char *path;	/* borrowed; "": to the log */
	int64_t limit_ns;	/* 0: off */
	int fd;			/* -1: none */
};

struct slow_request {
	const char *tenant;	/* "" for none */
	const char *route;
	const char *generation;	/* "" for none */
	int status;
};

/* limit_ms 0 switches it off, and nothing is opened. */
int slowlog_open(struct slowlog *l, const char *path, int64_t limit_ms, struct err *e);
int slowlog_reopen(struct slowlog *l, struct err *e);
void slowlog_close(struct slowlog *l);
void slowlog_write(
    const struct slowlog *l, const struct slow_request *r, const struct watch *w);

#endif
