/* rest.h - a build that lets others to the processor once a millisecond.
 *
 * Where all processors are taken, what wakes on one waits until what runs there is moved off it: by
 * the kernel's tick, 4 ms later at 250 Hz, wherever the scheduler does not see a reason to do it at once
 * (sessions and control groups that share the processors, kernels before 6.12).  No priority helps there,
 * doc/BENCHMARKS.md has what was tried.  So the build stops by itself: a timer's signal, and its handler
 * sleeps for 0.3 ms, in which whoever waits is let in; being SCHED_BATCH the build then waits its turn.
 * While nobody asks anything (demand.h) it does not sleep.
 *
 * Threads  those of crew.h, and the caller.
 * Signals  SIGRTMIN + 9, with SA_RESTART; poll(2) and its like return EINTR, which they may
 *          always do.  Children have no timers.
 * Hangs    a thread that waits, and does not compute, has no timer running and uses no time.
 * Cost     three tenths of the time in which it would compute, while questions are asked.
 */
#ifndef RAGPOOL_REST_H
#define RAGPOOL_REST_H

#include "err.h"

/* From now on, until the process ends. */
int rest_begin(struct err *e);

#endif
