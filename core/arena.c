/* arena.c - bump memory. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = 16, ARENA_BLOCK = 64 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t cap;
	size_t used;
	_Alignas(ARENA_ALIGN) unsigned char bytes[];
};

void
arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){.max = max};
}

void
arena_fini(struct arena *a)
{
	struct arena_block *b, *next;

	if (a == NULL)
		return;
	for (b = a->first; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){.max = a->max};
}

void
arena_reset(struct arena *a)
{
	struct arena_block *b;

	for (b = a->first; b != NULL; b = b->next)
		b->used = 0;
	a->now = a->first;
	a->used = 0;
	a->failed = false;
}

static struct arena_block *
block_with_room(struct arena *a, size_t n)
{
	struct arena_block *b, *fresh;
	size_t cap = n > ARENA_BLOCK ? n : ARENA_BLOCK;

	for (b = a->now; b != NULL; b = b->next) {
		a->now = b;
		if (b->cap - b->used >= n)
			return b;
	}
	if ((fresh = malloc(sizeof *fresh + cap)) == NULL)
		return NULL;
	*fresh = (struct arena_block){.cap = cap};
	if (a->now != NULL)
		a->now->next = fresh;
	else
		a->first = fresh;
	a->now = fresh;
	return fresh;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = NULL;
	void *p;

	if (n <= SIZE_MAX - ARENA_ALIGN) {
		n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
		if (n <= a->max - a->used)
			b = block_with_room(a, n);
	}
	if (b == NULL) {
		a->failed = true;
		return NULL;
	}
	p = b->bytes + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *
arena_calloc(struct arena *a, size_t count, size_t size)
{
	size_t n;
	void *p;

	if (__builtin_mul_overflow(count, size, &n)) {
		a->failed = true;
		return NULL;
	}
	if ((p = arena_alloc(a, n)) != NULL)
		memset(p, 0, n);
	return p;
}

char *
arena_copy(struct arena *a, const void *bytes, size_t n)
{
	char *p;

	if (n == SIZE_MAX || (p = arena_alloc(a, n + 1)) == NULL)
		return NULL;
	if (n > 0)
		memcpy(p, bytes, n);
	p[n] = '\0';
	return p;
}
