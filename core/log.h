/* log.h - one event, one line, one owner.
 *
 *   2026-01-31T12:00:00.123Z info ragpoold[17] roll done epoch=4 workers=4
 *
 * Lines go to stderr (or the file set by log_to_file()) in one write each, at most
 * LOG_LINE_BYTES, control characters escaped.  Request text and secrets are never
 * logged.  core logs nothing; only processes do.
 */
#ifndef RAGPOOL_LOG_H
#define RAGPOOL_LOG_H

#include "err.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_LEVEL_MAX };
enum { LOG_LINE_BYTES = 4096 };

/* Who is speaking, e.g. "worker"; borrowed for the life of the process. */
void log_init(const char *process, enum log_level level);
/* "error", "warn", "info", "debug"; -1 for anything else. */
int log_level_of(const char *name);
void log_set_level(enum log_level level);
/* Appends to path from now on; "" or NULL means stderr. */
int log_to_file(const char *path, struct err *e);
/* Opens the same file anew (after a rotation). */
int log_reopen(struct err *e);
/* Where lines go, for children to inherit; borrowed. */
int log_fd(void);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

#endif
