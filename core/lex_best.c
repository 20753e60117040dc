/* lex_best.c - the k best of the rows that are offered. */
#include "lex_best.h"

#include <stdlib.h>

enum {
	FEW = 16,		/* keys that are sooner inserted than parted */
	ROOM_MIN = 64,
};

int
lex_best_begin(struct lex_best *b, uint32_t k, struct err *e)
{
	size_t room = (size_t)k + (k > ROOM_MIN ? k : ROOM_MIN);

	if (room > b->cap) {
		free(b->key);
		b->key = malloc(room * sizeof *b->key);
		b->cap = b->key != NULL ? room : 0;
	}
	b->k = k;
	b->room = (uint32_t)room;
	b->held = 0;
	b->least = 0;
	return b->cap > 0 ? 0 : err_set(e, ERR_NOMEM, "no memory to search in");
}

void
lex_best_fini(struct lex_best *b)
{
	free(b->key);
	*b = (struct lex_best){0};
}

/* Largest first. */
static void
insert_all(uint64_t *key, uint32_t n)
{
	for (uint32_t i = 1, at; i < n; i++) {
		uint64_t moving = key[i];
		for (at = i; at > 0 && key[at - 1] < moving; at--)
			key[at] = key[at - 1];
		key[at] = moving;
	}
}

static inline void
swap(uint64_t *a, uint64_t *b)
{
	uint64_t other = *a;

	*a = *b;
	*b = other;
}

/* The middle one of three, to the end. */
static void
choose(uint64_t *key, uint32_t n)
{
	uint64_t *low = &key[0], *middle = &key[n / 2], *high = &key[n - 1];

	if (*low > *middle)
		swap(low, middle);
	if (*middle < *high)
		swap(middle, high);
	if (*low > *high)
		swap(low, high);
}

/* Those above the chosen one before it, the others behind it; answers its place.  No branch to
 * guess wrong. */
static uint32_t
part(uint64_t *key, uint32_t n)
{
	uint64_t by, moving;
	uint32_t at = 0;

	choose(key, n);
	by = key[n - 1];
	for (uint32_t i = 0; i < n - 1; i++) {
		moving = key[i];
		key[i] = key[at];
		key[at] = moving;
		at += moving > by;
	}
	swap(&key[at], &key[n - 1]);
	return at;
}

/* Puts in the places from..to - 1 what belongs there when all are in order, and before and
 * behind them what belongs before and behind. */
static void
arrange(uint64_t *key, uint32_t n, uint32_t from, uint32_t to)
{
	uint32_t at, behind_from, behind_to;

	while (n > FEW && from < to) {
		at = part(key, n);
		behind_from = from > at + 1 ? from - at - 1 : 0;
		behind_to = to > at + 1 ? to - at - 1 : 0;
		to = to < at ? to : at;
		if (at < n / 2) {	/* the smaller half first: the stack stays small */
			arrange(key, at, from, to);
			key += at + 1;
			n -= at + 1;
			from = behind_from;
			to = behind_to;
		} else {
			arrange(key + at + 1, n - at - 1, behind_from, behind_to);
			n = at;
		}
	}
	if (from < to)
		insert_all(key, n);
}

void
lex_best_trim(struct lex_best *b)
{
	if (b->held <= b->k)
		return;
	arrange(b->key, b->held, b->k - 1, b->k);
	b->held = b->k;
	b->least = lex_best_units(b, b->k - 1);
}

void
lex_best_end(struct lex_best *b)
{
	uint32_t k = b->held < b->k ? b->held : b->k;

	arrange(b->key, b->held, 0, k);
	b->held = k;
}
