/* glob.h - patterns over paths, as in .gitignore and rsync, without their exceptions.
 *
 *   *      any characters but '/'          ?      one character but '/'
 *   **     any characters, '/' too         [a-z]  one of these; [!a-z] none of them
 *   "** /" (without the space) also stands for nothing: "** /x" matches "x"
 *   \c     the character c itself
 *
 * A pattern without '/' matches the last part of the path; one with '/' the whole path,
 * whether or not it begins with '/'; one that ends in '/' everything below that folder.
 *
 * Shapes  UTF-8; ? and [...] take characters, not bytes.  At most GLOB_BYTES_MAX.
 * Errors  ERR_CONFIG: empty, too long, not UTF-8, more than GLOB_STARS_MAX stars, or a [
 *         without its ].
 * Cost    O(pattern * path) for one star, times path for each further "**" at worst: hence
 *         the bound on stars.
 */
#ifndef RAGPOOL_GLOB_H
#define RAGPOOL_GLOB_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum { GLOB_BYTES_MAX = 512, GLOB_STARS_MAX = 8 };

int glob_check(const char *pattern, size_t n, struct err *e);
/* pattern: one that glob_check() took. */
bool glob_match(const char *pattern, size_t n, const char *path);

#endif
