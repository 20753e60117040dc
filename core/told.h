/* told.h - somebody who is told how far long work has come.
 *
 * Told often: what it does has to be cheap, and must not fail.
 */
#ifndef RAGPOOL_TOLD_H
#define RAGPOOL_TOLD_H

#include <stddef.h>
#include <stdint.h>

struct told {
	void (*tell)(void *context, uint64_t done, uint64_t all);
	void *context;
};

/* told may be NULL. */
static inline void
told_that(const struct told *told, uint64_t done, uint64_t all)
{
	if (told != NULL)
		told->tell(told->context, done, all);
}

#endif
