/* gateway_cache.c - vectors of texts that were embedded lately. */
#include "gateway_cache.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

struct cache_entry {
	struct cache_entry *next;		/* of the chain */
	struct cache_entry *newer, *older;
	uint8_t key[CACHE_KEY_BYTES];
	uint32_t dim;
	float vector[];
};

void
cache_init(struct gateway_cache *c, size_t max)
{
	*c = (struct gateway_cache){.max = max};
}

void
cache_fini(struct gateway_cache *c)
{
	struct cache_entry *at = c->newest, *older;

	for (; at != NULL; at = older) {
		older = at->older;
		free(at);
	}
	free(c->table);
	*c = (struct gateway_cache){0};
}

/* Keys are digests: their first bytes are as good a hash as any. */
static size_t
slot_of(const struct gateway_cache *c, const uint8_t *key)
{
	uint64_t word;

	memcpy(&word, key, sizeof word);
	return (size_t)word & (c->slots - 1);
}

static struct cache_entry *
find(const struct gateway_cache *c, const uint8_t *key)
{
	struct cache_entry *at = c->slots > 0 ? c->table[slot_of(c, key)] : NULL;

	while (at != NULL && memcmp(at->key, key, CACHE_KEY_BYTES) != 0)
		at = at->next;
	return at;
}

static void
unlink_age(struct gateway_cache *c, struct cache_entry *at)
{
	*(at->newer != NULL ? &at->newer->older : &c->newest) = at->older;
	*(at->older != NULL ? &at->older->newer : &c->oldest) = at->newer;
}

static void
link_newest(struct gateway_cache *c, struct cache_entry *at)
{
	at->newer = NULL;
	at->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = at;
	c->newest = at;
}

static size_t
size_of(uint32_t dim)
{
	return sizeof(struct cache_entry) + dim * sizeof(float) + sizeof(struct cache_entry *);
}

static void
drop_oldest(struct gateway_cache *c)
{
	struct cache_entry *at = c->oldest, **link = &c->table[slot_of(c, at->key)];

	while (*link != at)
		link = &(*link)->next;
	*link = at->next;
	unlink_age(c, at);
	c->bytes -= size_of(at->dim);
	c->count--;
	free(at);
}

static int
grow(struct gateway_cache *c)
{
	struct gateway_cache bigger = *c;
	size_t slots = c->slots == 0 ? FIRST_SLOTS : 2 * c->slots;

	if ((bigger.table = calloc(slots, sizeof *bigger.table)) == NULL)
		return -1;
	bigger.slots = slots;
	for (struct cache_entry *at = c->newest; at != NULL; at = at->older) {
		size_t i = slot_of(&bigger, at->key);
		at->next = bigger.table[i];
		bigger.table[i] = at;
	}
	free(c->table);
	*c = bigger;
	return 0;
}

const float *
cache_get(struct gateway_cache *c, const uint8_t key[CACHE_KEY_BYTES], uint32_t *dim)
{
	struct cache_entry *at = find(c, key);

	if (at == NULL) {
		c->misses++;
		return NULL;
	}
	c->hits++;
	unlink_age(c, at);
	link_newest(c, at);
	*dim = at->dim;
	return at->vector;
}

void
cache_put(struct gateway_cache *c, const uint8_t key[CACHE_KEY_BYTES], const float *vector,
    uint32_t dim)
{
	size_t need = size_of(dim);
	struct cache_entry *at;

	if (need > c->max || find(c, key) != NULL || (c->count >= c->slots && grow(c) == -1))
		return;
	while (c->bytes + need > c->max)
		drop_oldest(c);
	if ((at = malloc(sizeof *at + dim * sizeof *vector)) == NULL)
		return;
	memcpy(at->key, key, CACHE_KEY_BYTES);
	at->dim = dim;
	memcpy(at->vector, vector, dim * sizeof *vector);
	at->next = c->table[slot_of(c, key)];
	c->table[slot_of(c, key)] = at;
	link_newest(c, at);
	c->bytes += need;
	c->count++;
}
