/* rest.h - a build that lets others to the processor.
 *
 * Where all processors are taken, what wakes on one is let in at once unless it ran there a moment ago:
 * the web server that handed a question on 0.2 ms before, and is woken by the answer, waits until what runs
 * there is moved off it, by the kernel's tick, 4 ms later at 250 Hz.  No priority helps there,
 * doc/BENCHMARKS.md has what was tried.  So the build stops by itself.  A timer's signal, 10,000 times a
 * second while anybody asks (demand.h): its handler sleeps for 0.3 ms
 *   - where somebody else was given this processor since it looked last, and will want it again soon,
 *   - where a worker has a question in hand, or had one since; and again as long as it has, 2 ms at most,
 *     after which the build computes for 1 ms, whatever is asked,
 *   - else after each millisecond, in which whoever waits unseen is let in.
 *
 * Threads  those of crew.h, and the caller.
 * Signals  SIGRTMIN + 9, with SA_RESTART; poll(2) and its like return EINTR, which they may
 *          always do.  Children have no timers.
 * Hangs    a thread that waits, and does not compute, has no timer running and uses no time.
 * Cost     at 100 questions a second a build takes 2.5 times as long; where there is always one in
 *          hand it computes a third of the time.
 */
#ifndef RAGPOOL_REST_H
#define RAGPOOL_REST_H

#include "err.h"

/* From now on, until the process ends. */
int rest_begin(struct err *e);

#endif
