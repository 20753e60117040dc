/* shrink.h - when less than before is too much less.
 *
 * A listing that fails half way, a prefix with a typing error, a disk that was not mounted:
 * all look like a source that lost most of its documents.  So what shrinks a lot is refused
 * until somebody says that it is meant.  Asked by the build of its source's listing, and by
 * the gate of a generation's counts.
 *
 * Below SHRINK_COUNT_MIN nothing is too much: a few documents come and go.
 */
#ifndef RAGPOOL_SHRINK_H
#define RAGPOOL_SHRINK_H

#include <stdbool.h>
#include <stdint.h>

enum { SHRINK_COUNT_MIN = 20, SHRINK_PERCENT_DEFAULT = 50 };

/* More than max_percent (0..100) of `before` are gone. */
static inline bool
shrink_is_too_much(uint64_t before, uint64_t after, unsigned max_percent)
{
	return before >= SHRINK_COUNT_MIN && after < before &&
	    (double)(before - after) * 100 > (double)before * max_percent;
}

#endif
