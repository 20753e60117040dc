/* leftover.h - temporary files and folders of processes that were killed.
 *
 * Whoever writes something to be renamed later calls it ".tmp-<pid>" and more, or
 * "<name>.tmp-<pid>" (file_replace()).  One whose process is gone is nobody's.
 *
 * Errors  ERR_IO.  A folder that is not there holds none.
 * Cost    one kill(2) for each name of the form.
 */
#ifndef RAGPOOL_LEFTOVER_H
#define RAGPOOL_LEFTOVER_H

#include <stdbool.h>

#include "err.h"

/* Is the name of the form, and its process gone? */
bool leftover_is(const char *name);
/* Removes those that lie in the folder, folders with all that is in them. */
int leftover_sweep(const char *folder, struct err *e);
/* Removes what begins with ".tmp-" and ends with this: for who holds a lock that all who make
 * such hold, and has made none yet.  A pid that was given to another process since does not
 * matter then. */
int leftover_sweep_locked(const char *folder, const char *suffix, struct err *e);

#endif
