/* hnsw_search.c - the walk: from the top of the graph to the rows nearest a query.
 *
 * One expansion collects the neighbours not seen yet without a branch, compares them as
 * one batch (rows prefetched while earlier ones are computed) and sorts the good ones
 * into the pool.  Ids come from a file: each is compared with the number of rows before
 * it is followed. */
#include "clk.h"
#include "dense_scratch.h"

enum {
	BOTTOM_MAX = 2 * DENSE_M_MAX,
	EXPANSIONS_A_DEADLINE = 64,
	/* Up to 64 KiB of bits are cleared as a whole, more by the list of rows seen. */
	CLEAR_WHOLE_BYTES = 64 * 1024,
	TOUCHED_MAX = 32 * 1024,
};
#define KEY_IS_DONE 1ull

static size_t
seen_bytes(const struct dense *d)
{
	return ((size_t)d->h.rows + 63) / 64 * 8;
}

int
hnsw_fit(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct err *e)
{
	size_t open = ask->ef;

	if (ask->allowed != NULL && (size_t)ask->budget + 2 * BOTTOM_MAX > open)
		open = (size_t)ask->budget + 2 * BOTTOM_MAX;
	if (scratch_fit(&s->seen, &s->seen_bytes, seen_bytes(d), e) == -1 ||
	    scratch_fit(&s->touched, &s->touched_bytes, TOUCHED_MAX * 4, e) == -1)
		return -1;
	return scratch_fit(&s->open, &s->open_bytes, open * 8, e);
}

/* ---- one walk's state ---- */

struct walk {
	const struct dense *d;
	const struct dense_query *q;
	const struct dense_ask *ask;
	struct dense_report *report;
	struct pool *pool;
	uint64_t *seen;
	uint32_t *touched;
	uint32_t touches;		/* TOUCHED_MAX: too many to list */
	uint64_t *open;			/* heap, best first */
	uint32_t opens;
	uint32_t expansions;
};

static void
see(struct walk *w, uint32_t row)
{
	w->seen[row / 64] |= 1ull << row % 64;
	if (w->touches < TOUCHED_MAX)
		w->touched[w->touches++] = row;
}

static void
forget(struct walk *w)
{
	size_t bytes = seen_bytes(w->d);

	if (bytes <= CLEAR_WHOLE_BYTES || w->touches == TOUCHED_MAX)
		memset(w->seen, 0, bytes);
	else
		for (uint32_t i = 0; i < w->touches; i++)
			w->seen[w->touched[i] / 64] = 0;
}

/* The neighbours of row not seen before. */
static uint32_t
fresh_neighbours(struct walk *w, uint32_t row, uint32_t *ids)
{
	uint32_t n = 2 * w->d->h.m, rows = w->d->h.rows, fresh = 0, room;
	const uint32_t *link = w->d->links + (size_t)row * n;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t to = link[i] < rows ? link[i] : row;	/* row itself was seen */
		uint64_t word = w->seen[to / 64], bit = 1ull << to % 64;
		ids[fresh] = to;
		fresh += (word & bit) == 0;
		w->seen[to / 64] = word | bit;
	}
	room = TOUCHED_MAX - w->touches;
	if (fresh > room) {
		w->touches = TOUCHED_MAX;
	} else {
		memcpy(w->touched + w->touches, ids, fresh * sizeof *ids);
		w->touches += fresh;
	}
	return fresh;
}

static void
compare(struct walk *w, const uint32_t *ids, uint32_t n, uint64_t *key)
{
	for (uint32_t i = 0, part; i < n; i += part) {
		part = n - i < VEC_BATCH ? n - i : VEC_BATCH;
		dense_key_ids(w->d, w->q, ids + i, part, key + i);
	}
	w->report->scored += n;
}

static bool
is_late(struct walk *w)
{
	if (w->ask->deadline_ns == 0 || ++w->expansions % EXPANSIONS_A_DEADLINE != 0 ||
	    clk_ns() <= w->ask->deadline_ns)
		return false;
	w->report->cut = true;
	return true;
}

/* ---- the levels above: greedy ---- */

/* Rows and upper indices of a node's neighbours on a level. */
static uint32_t
upper_neighbours(const struct dense *d, uint32_t node, uint32_t level, uint32_t *at, uint32_t *row)
{
	struct upper_node u = d->upper[node];
	uint64_t from = (uint64_t)u.at + (uint64_t)(level - 1) * d->h.m;
	uint32_t n = 0;

	if (u.level < level || from + d->h.m > d->h.upper_links)
		return 0;
	for (uint32_t i = 0; i < d->h.m; i++) {
		uint32_t to = d->upper_links[from + i];
		if (to == node || to >= d->h.upper_nodes || d->upper[to].row >= d->h.rows)
			continue;
		at[n] = to;
		row[n++] = d->upper[to].row;
	}
	return n;
}

static uint64_t
descend(struct walk *w)
{
	const struct dense *d = w->d;
	uint32_t at[DENSE_M_MAX], row[DENSE_M_MAX], node = d->h.entry_upper, n;
	uint64_t key[DENSE_M_MAX], best;
	bool moved;

	row[0] = d->h.upper_nodes > 0 ? d->upper[node].row : d->h.entry_row;
	if (row[0] >= d->h.rows)
		row[0] = d->h.entry_row;
	compare(w, row, 1, &best);
	for (uint32_t level = d->h.levels; level > 0; level--)
		do {
			moved = false;
			n = upper_neighbours(d, node, level, at, row);
			compare(w, row, n, key);
			for (uint32_t i = 0; i < n; i++)
				if (key[i] > best) {
					best = key[i];
					node = at[i];
					moved = true;
				}
		} while (moved);
	return best;
}

/* ---- the bottom, without a filter: the pool is the frontier too ---- */

static void
walk_all(struct walk *w, uint64_t start)
{
	struct pool *p = w->pool;
	uint32_t ids[BOTTOM_MAX], at = 0, n;
	uint64_t key[BOTTOM_MAX];

	pool_put(p, start);
	see(w, key_row(start));
	while (at < p->len && !is_late(w)) {
		uint32_t lowest = p->len;
		p->key[at] |= KEY_IS_DONE;
		n = fresh_neighbours(w, key_row(p->key[at]), ids);
		compare(w, ids, n, key);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t place = pool_put(p, key[i]);
			lowest = place < lowest ? place : lowest;
		}
		at = lowest <= at ? lowest : at + 1;
		while (at < p->len && (p->key[at] & KEY_IS_DONE))
			at++;
		if (at < p->len)
			__builtin_prefetch(
			    w->d->links + (size_t)key_row(p->key[at]) * 2 * w->d->h.m);
	}
}

/* ---- the bottom, with a filter: everything is walked, the allowed is kept ---- */

static void
open_push(struct walk *w, uint64_t key)
{
	uint32_t i = w->opens++;

	for (; i > 0 && w->open[(i - 1) / 2] < key; i = (i - 1) / 2)
		w->open[i] = w->open[(i - 1) / 2];
	w->open[i] = key;
}

static uint64_t
open_pop(struct walk *w)
{
	uint64_t top = w->open[0], last = w->open[--w->opens];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < w->opens) {
		if (child + 1 < w->opens && w->open[child + 1] > w->open[child])
			child++;
		if (w->open[child] <= last)
			break;
		w->open[i] = w->open[child];
		i = child;
	}
	w->open[i] = last;
	return top;
}

/* A node stands for its copies as well. */
static bool
is_allowed(const struct walk *w, uint32_t row)
{
	const uint32_t *copy;
	uint32_t n;

	if (bit_is_set(w->ask->allowed, row))
		return true;
	if (!(dense_tail(w->d, row)->sum & CODE_IS_HEAD))
		return false;
	copy = dense_copies(w->d, row, &n);
	for (uint32_t i = 0; i < n; i++)
		if (copy[i] < w->d->h.rows && bit_is_set(w->ask->allowed, copy[i]))
			return true;
	return false;
}

static void
meet(struct walk *w, uint64_t key)
{
	if (key <= pool_floor(w->pool))
		return;
	open_push(w, key);
	if (is_allowed(w, key_row(key)))
		pool_put(w->pool, key);
}

/* False when comparing the allowed rows one by one would have been cheaper. */
static bool
walk_filtered(struct walk *w, uint64_t start)
{
	uint32_t ids[BOTTOM_MAX], n;
	uint64_t key[BOTTOM_MAX], best;

	see(w, key_row(start));
	meet(w, start);
	while (w->opens > 0 && !is_late(w)) {
		if ((best = open_pop(w)) <= pool_floor(w->pool))
			break;
		n = fresh_neighbours(w, key_row(best), ids);
		if (w->report->scored + n > w->ask->budget)
			return false;
		compare(w, ids, n, key);
		for (uint32_t i = 0; i < n; i++)
			meet(w, key[i]);
		if (w->opens > 0)
			__builtin_prefetch(
			    w->d->links + (size_t)key_row(w->open[0]) * 2 * w->d->h.m);
	}
	return true;
}

/* ---- copies come in beside the node that stood for them ---- */

static void
put_if_allowed(const struct walk *w, struct pool *p, uint64_t like, uint32_t row)
{
	if (row < w->d->h.rows && (w->ask->allowed == NULL || bit_is_set(w->ask->allowed, row)))
		pool_put(p, key_of(key_score(like), row));
}

static void
add_copies(struct walk *w)
{
	struct pool *p = w->pool, nodes = *p;
	const uint32_t *copy;
	uint32_t n;

	if (w->d->same_groups == 0)
		return;
	nodes.key = w->open;
	memcpy(nodes.key, p->key, p->len * sizeof *p->key);
	p->len = 0;
	for (uint32_t i = 0; i < nodes.len; i++) {
		uint32_t row = key_row(nodes.key[i]);
		put_if_allowed(w, p, nodes.key[i], row);
		if (!(dense_tail(w->d, row)->sum & CODE_IS_HEAD))
			continue;
		copy = dense_copies(w->d, row, &n);
		for (uint32_t k = 0; k < n; k++) {
			if (p->len == p->cap && key_score(nodes.key[i]) <= key_score(pool_floor(p)))
				break;
			put_if_allowed(w, p, nodes.key[i], copy[k]);
		}
	}
}

bool
hnsw_walk(const struct dense *d, struct dense_scratch *s, const struct dense_query *q,
    const struct dense_ask *ask, uint32_t wanted, struct pool *pool,
    struct dense_report *report)
{
	struct walk w = {.d = d, .q = q, .ask = ask, .report = report, .pool = pool,
	    .seen = s->seen, .touched = s->touched, .open = s->open};
	uint64_t start = descend(&w);
	bool done = true;

	if (ask->allowed == NULL)
		walk_all(&w, start);
	else
		done = walk_filtered(&w, start);
	forget(&w);
	if (!done)
		return false;
	add_copies(&w);
	return report->cut || pool->len >= wanted;
}
