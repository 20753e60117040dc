/* watched.h - is it still the file that was read?
 *
 * One stat() per look, cheap enough for every request.  Files that are replaced by rename
 * differ in their inode, those written in place in size or time.
 */
#ifndef RAGPOOL_WATCHED_H
#define RAGPOOL_WATCHED_H

#include <stdbool.h>
#include <sys/stat.h>

/* True when path is another file than *seen, which then is what is there now (all zero when
 * nothing is). */
bool watched_changed(struct stat *seen, const char *path);

#endif
