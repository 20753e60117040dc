/* beneath.h - a path that somebody else named, opened only below a folder we allow.
 *
 * The kernel resolves the path below the root and refuses every step that leaves it: "..",
 * an absolute link, a link out, /proc's magic links (openat2(2), RESOLVE_BENEATH).  There is
 * nothing to race against.
 *
 * Errors  ERR_SOURCE with the path and the rule when it is not below the root;
 *         ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO.
 */
#ifndef RAGPOOL_BENEATH_H
#define RAGPOOL_BENEATH_H

#include <stddef.h>

#include "err.h"

/* An open file or folder, close-on-exec; flags as for open(2), without O_CREAT.  path is
 * absolute; root is an absolute folder, or "" for anywhere. */
int beneath_open(const char *path, const char *root, int flags, struct err *e);
/* The one of several roots, separated by spaces or colons, that the path lies below by its
 * words, into out[size]; ERR_SOURCE when there is none.  "" allows everything: out is "". */
int beneath_choose(
    char *out, size_t size, const char *path, const char *roots, struct err *e);

#endif
