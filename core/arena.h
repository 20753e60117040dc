/* arena.h - bounded bump memory for the life of one request or one build step.
 *
 * Allocate freely, free nothing, reset once.  Blocks are kept across resets, so a
 * worker's steady state allocates nothing.
 *
 * Shapes  every pointer is aligned to 16 bytes; n may be 0.
 * Errors  arena_alloc() answers NULL past the maximum or out of memory, and the
 *         arena remembers it (->failed) until the next reset.
 * Cost    O(1); arena_reset() O(blocks).
 */
#ifndef RAGPOOL_ARENA_H
#define RAGPOOL_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *first;
	struct arena_block *now;
	size_t used;
	size_t max;
	bool failed;
};

void arena_init(struct arena *a, size_t max);
void arena_fini(struct arena *a);
void arena_reset(struct arena *a);
/* Not cleared. */
void *arena_alloc(struct arena *a, size_t n);
/* count * size bytes, overflow checked, cleared. */
void *arena_calloc(struct arena *a, size_t count, size_t size);
/* A NUL-terminated copy of n bytes. */
char *arena_copy(struct arena *a, const void *bytes, size_t n);

#endif
