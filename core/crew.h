/* crew.h - work in parts, done by several threads at once.
 *
 * How many is the process's business: crew_set_size(), once, at its start.  Until then it is
 * one, the caller, so that nobody has threads who did not ask for them.
 *
 * Parts   0..parts-1 are begun in this order, each exactly once, by any of the threads; what a
 *         part writes no other part reads or writes.  So results do not depend on the size.
 * Errors  none: a thread that cannot be had is replaced by the others.
 * Cost    about 30 us a thread; worth it from about a millisecond on.
 */
#ifndef RAGPOOL_CREW_H
#define RAGPOOL_CREW_H

#include <stddef.h>

enum { CREW_MAX = 64 };

typedef void crew_fn(void *context, size_t part);
typedef void crew_manner_fn(void);

/* 0: as many as this process may use processors. */
void crew_set_size(unsigned threads);
unsigned crew_size(void);
/* What each hired thread does first, and last; once, at the start of the process. */
void crew_set_manners(crew_manner_fn *begin, crew_manner_fn *end);
/* For threads that are hired elsewhere. */
void crew_begin_thread(void);
void crew_end_thread(void);
/* Returns when all is done. */
void crew_run(crew_fn *work, void *context, size_t parts);

#endif
