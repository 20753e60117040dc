/* gateway_cache.h - vectors of texts that were embedded lately, the oldest use thrown out.
 *
 * Keys    32 bytes that stand for a text and all that its vector depends on (a SHA-256).
 * Memory  at most `max` bytes, what keeps the order counted in; 0: nothing is kept.
 * Cost    O(1) but for growing the table, which doubles.
 */
#ifndef RAGPOOL_GATEWAY_CACHE_H
#define RAGPOOL_GATEWAY_CACHE_H

#include <stddef.h>
#include <stdint.h>

enum { CACHE_KEY_BYTES = 32 };

struct cache_entry;

struct gateway_cache {
	struct cache_entry **table;	/* chains by hash */
	size_t slots;			/* a power of two */
	size_t count, bytes, max;
	struct cache_entry *newest, *oldest;
	uint64_t hits, misses;
};

void cache_init(struct gateway_cache *c, size_t max);
void cache_fini(struct gateway_cache *c);
/* Borrowed until the next call that puts; NULL when it is not there. */
const float *cache_get(struct gateway_cache *c, const uint8_t key[CACHE_KEY_BYTES], uint32_t *dim);
/* Out of memory it keeps nothing, and says nothing: it is a cache. */
void cache_put(struct gateway_cache *c, const uint8_t key[CACHE_KEY_BYTES], const float *vector,
    uint32_t dim);

#endif
