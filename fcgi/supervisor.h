/* supervisor.h - the supervisor: binds, spawns, watches, builds, rolls, answers.
 *
 * One thread, one loop, one blocking call (curl_multi_poll).  It never serves a query and
 * never touches what a generation holds.
 */
#ifndef RAGPOOL_SUPERVISOR_H
#define RAGPOOL_SUPERVISOR_H

#include "conf.h"
#include "err.h"

/* Runs until it is told to stop; the exit code.  What keeps it from starting is in *e, and
 * the code is that of the error.  *conf is taken. */
int supervisor_run(struct conf *conf, struct err *e);
/* What a new binary is asked before it takes over by USR2: could it?  Touches nothing, and
 * says so on standard output. */
int supervisor_try(const struct conf *conf, struct buf *errors, struct err *e);

#endif
