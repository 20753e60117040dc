/* last_line.h - how a short-lived program that failed says so to whoever reads its output.
 *
 * Builds, probes and transfers end with one JSON object (child.h); one that failed ends with
 * {"error": {"code": ..., "message": ...}}.
 */
#ifndef RAGPOOL_LAST_LINE_H
#define RAGPOOL_LAST_LINE_H

#include "err.h"

void last_line_error(const struct err *e);

#endif
