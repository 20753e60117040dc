/* answer_cache.h - answers that were given lately, the oldest use thrown out first.
 *
 * An answer is found again by all that it was made from: the address, the tenant, its
 * generation, the filter that the caller's key carries and the request's body, byte by byte.
 * A new generation is another key, so nothing here is ever stale.  What was made with less
 * than it should be (a model that could not be asked) is not kept.
 *
 * Memory  at most `max` bytes in one worker, what keeps the order counted in; 0: nothing.
 * Cost    a SHA-256 of the body; O(1) but for growing the table.
 */
#ifndef RAGPOOL_ANSWER_CACHE_H
#define RAGPOOL_ANSWER_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "filter.h"
#include "hash.h"

struct answer_entry;

struct answer_cache {
	struct answer_entry **table;	/* chains by hash */
	size_t slots;			/* a power of two */
	size_t count, bytes, max;
	struct answer_entry *newest, *oldest;
	uint64_t hits, misses;
};

/* What an answer is made from. */
struct answer_source {
	const char *path, *tenant, *generation;
	const struct filter *filter;	/* of the caller; NULL: none */
	const char *body;
	size_t body_bytes;
};

void answer_cache_init(struct answer_cache *c, size_t max);
void answer_cache_fini(struct answer_cache *c);
/* -1: there is no key for it, and nothing to keep. */
int answer_cache_key(const struct answer_source *s, uint8_t key[SHA256_BYTES]);
/* Appends the answer; false when it is not there. */
bool answer_cache_get(struct answer_cache *c, const uint8_t key[SHA256_BYTES], struct buf *out);
/* Out of memory it keeps nothing, and says nothing. */
void answer_cache_put(
    struct answer_cache *c, const uint8_t key[SHA256_BYTES], const char *bytes, size_t n);

#endif
