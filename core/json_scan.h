/* json_scan.h - is this strict JSON?  One pass, constant memory, bounded depth.
 *
 * Errors  as json_parse() in json.h, but for ERR_DUPLICATE_KEY and ERR_RANGE, which
 *         need the tree.  *members counts the members of all objects, so that the
 *         tree can be compared: fewer there means a key was named twice.
 */
#ifndef RAGPOOL_JSON_SCAN_H
#define RAGPOOL_JSON_SCAN_H

#include <stddef.h>

#include "err.h"

int json_scan(const char *bytes, size_t n, size_t *members, struct err *e);

#endif
