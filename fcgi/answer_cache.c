/* answer_cache.c - answers that were given lately. */
#include "answer_cache.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256, LARGEST_PART = 8 };

struct answer_entry {
	struct answer_entry *next;		/* of the chain */
	struct answer_entry *newer, *older;
	uint8_t key[SHA256_BYTES];
	size_t n;
	char bytes[];
};

void
answer_cache_init(struct answer_cache *c, size_t max)
{
	*c = (struct answer_cache){.max = max};
}

void
answer_cache_fini(struct answer_cache *c)
{
	struct answer_entry *at = c->newest, *older;

	for (; at != NULL; at = older) {
		older = at->older;
		free(at);
	}
	free(c->table);
	*c = (struct answer_cache){0};
}

/* ---- the key ---- */

/* Lengths first, so that no two sources have the same bytes. */
static void
add_bytes(struct hash_sha256 *h, const void *bytes, size_t n)
{
	uint64_t length = n;

	hash_sha256_add(h, &length, sizeof length);
	hash_sha256_add(h, bytes, n);
}

static void
add_value(struct hash_sha256 *h, const struct filter_value *v)
{
	uint32_t type = v->type;

	hash_sha256_add(h, &type, sizeof type);
	if (v->type == FILTER_STRING)
		add_bytes(h, v->text, v->len);
	else if (v->type == FILTER_NUMBER)
		hash_sha256_add(h, &v->number, sizeof v->number);
	else
		add_bytes(h, v->truth ? "y" : "n", 1);
}

static void
add_filter(struct hash_sha256 *h, const struct filter *f)
{
	uint32_t op = f->op;

	hash_sha256_add(h, &op, sizeof op);
	add_bytes(h, f->field != NULL ? f->field : "", f->field != NULL ? strlen(f->field) : 0);
	hash_sha256_add(h, &f->count, sizeof f->count);
	for (uint32_t i = 0; i < f->count; i++)
		add_value(h, &f->values[i]);
	for (const struct filter *child = f->first; child != NULL; child = child->next)
		add_filter(h, child);
	add_bytes(h, ")", 1);
}

int
answer_cache_key(const struct answer_source *s, uint8_t key[SHA256_BYTES])
{
	struct hash_sha256 *h = hash_sha256_new(NULL);

	if (h == NULL)
		return -1;
	add_bytes(h, s->path, strlen(s->path));
	add_bytes(h, s->tenant, strlen(s->tenant));
	add_bytes(h, s->generation, strlen(s->generation));
	add_bytes(h, s->body, s->body_bytes);
	if (s->filter != NULL)
		add_filter(h, s->filter);
	hash_sha256_end(h, key);
	return 0;
}

/* ---- the list ---- */

/* Keys are digests: their first bytes are as good a hash as any. */
static struct answer_entry **
chain_of(const struct answer_cache *c, const uint8_t *key)
{
	uint64_t word;

	memcpy(&word, key, sizeof word);
	return &c->table[(size_t)word & (c->slots - 1)];
}

static struct answer_entry *
find(const struct answer_cache *c, const uint8_t *key)
{
	struct answer_entry *at = c->slots > 0 ? *chain_of(c, key) : NULL;

	while (at != NULL && memcmp(at->key, key, SHA256_BYTES) != 0)
		at = at->next;
	return at;
}

static void
unlink_age(struct answer_cache *c, struct answer_entry *at)
{
	*(at->newer != NULL ? &at->newer->older : &c->newest) = at->older;
	*(at->older != NULL ? &at->older->newer : &c->oldest) = at->newer;
}

static void
link_newest(struct answer_cache *c, struct answer_entry *at)
{
	at->newer = NULL;
	at->older = c->newest;
	*(c->newest != NULL ? &c->newest->newer : &c->oldest) = at;
	c->newest = at;
}

static size_t
size_of(size_t n)
{
	return sizeof(struct answer_entry) + n + sizeof(struct answer_entry *);
}

static void
drop_oldest(struct answer_cache *c)
{
	struct answer_entry *at = c->oldest, **link = chain_of(c, at->key);

	while (*link != at)
		link = &(*link)->next;
	*link = at->next;
	unlink_age(c, at);
	c->bytes -= size_of(at->n);
	c->count--;
	free(at);
}

static int
grow(struct answer_cache *c)
{
	struct answer_cache bigger = *c;

	bigger.slots = c->slots == 0 ? FIRST_SLOTS : 2 * c->slots;
	if ((bigger.table = calloc(bigger.slots, sizeof *bigger.table)) == NULL)
		return -1;
	for (struct answer_entry *at = c->newest; at != NULL; at = at->older) {
		struct answer_entry **chain = chain_of(&bigger, at->key);
		at->next = *chain;
		*chain = at;
	}
	free(c->table);
	*c = bigger;
	return 0;
}

bool
answer_cache_get(struct answer_cache *c, const uint8_t key[SHA256_BYTES], struct buf *out)
{
	struct answer_entry *at = find(c, key);

	if (at == NULL) {
		c->misses++;
		return false;
	}
	c->hits++;
	unlink_age(c, at);
	link_newest(c, at);
	buf_add(out, at->bytes, at->n);
	return true;
}

/* One answer may not push out most of the others. */
void
answer_cache_put(
    struct answer_cache *c, const uint8_t key[SHA256_BYTES], const char *bytes, size_t n)
{
	size_t need = size_of(n);
	struct answer_entry *at;

	if (need > c->max / LARGEST_PART || find(c, key) != NULL ||
	    (c->count >= c->slots && grow(c) == -1))
		return;
	while (c->bytes + need > c->max)
		drop_oldest(c);
	if ((at = malloc(sizeof *at + n)) == NULL)
		return;
	memcpy(at->key, key, SHA256_BYTES);
	at->n = n;
	memcpy(at->bytes, bytes, n);
	at->next = *chain_of(c, key);
	*chain_of(c, key) = at;
	link_newest(c, at);
	c->bytes += need;
	c->count++;
}
