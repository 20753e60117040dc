/* hnsw_search.c - the walk: from the top of the graph to the rows nearest a query.
 *
 * One expansion collects the neighbours not seen yet without a branch, compares them as
 * one batch (rows prefetched while earlier ones are computed) and sorts the good ones
 * into the pool.  Ids come from a file: each is compared with the number of rows before
 * it is followed.
 *
 * When to stop: not after a fixed number of places, but where the best row left is
 * further than (1 + slack) times the k-th found, in squared distance.  Easy questions end
 * early and hard ones go on.  Measured against a fixed width, for the same recall: a
 * third of the rows compared on clustered data, six tenths on real text.  Scores are
 * turned into distances by `origin`: 1 for cosine, |q|^2 for l2 (whose scores leave |q|^2
 * out) and |q| times the longest row for ip, which makes it the cosine of rows padded to
 * one length.  Source: Al-Jazzazi et al., "Distance adaptive beam search", 2025; we keep a
 * bounded pool and let the bound reject rows before they enter it. */
#include <math.h>

#include "clk.h"
#include "dense_scratch.h"
#include "give_way.h"

enum {
	BOTTOM_MAX = 2 * DENSE_M_MAX,
	EXPANSIONS_A_DEADLINE = 64,
	EXPANSION_NS = 500,
	/* Up to 64 KiB of bits are cleared as a whole, more by the list of rows seen. */
	CLEAR_WHOLE_BYTES = 64 * 1024,
	TOUCHED_MAX = 32 * 1024,
	STARTS = 4,			/* places the bottom is entered at */
	SOON = 6,			/* places behind the one at hand whose links are fetched */
};
#define KEY_IS_DONE 1ull

/* Codes are off by this much of the origin; without it the bound would cut through rows
 * nearly equal to the query. */
#define CODE_ERROR 0.002f

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

static bool
see_once(struct walk *w, uint32_t i)
{
	uint64_t *word = &w->seen[i / 64], bit = 1ull << i % 64;
	bool is_new = (*word & bit) == 0;

	*word |= bit;
	return is_new;
}

/* At the bottom, where what was seen is listed. */
static bool
see_row(struct walk *w, uint32_t row)
{
	if (!see_once(w, row))
		return false;
	if (w->touches < TOUCHED_MAX)
		w->touched[w->touches++] = row;
	return true;
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

/* Of the row that is about to be followed, or may be soon. */
static inline void
fetch_links(const struct walk *w, uint64_t key)
{
	const uint32_t *link = w->d->links + (size_t)key_row(key) * 2 * w->d->h.m;

	for (uint32_t i = 0; i < 2 * w->d->h.m; i += 16)
		__builtin_prefetch(link + i);
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
	give_way_after(EXPANSION_NS);
	if (w->ask->deadline_ns == 0 || ++w->expansions % EXPANSIONS_A_DEADLINE != 0 ||
	    clk_ns() <= w->ask->deadline_ns)
		return false;
	w->report->cut = true;
	return true;
}

/* Rows below the bound neither enter the pool nor are followed. */
static void
raise_floor(struct walk *w)
{
	struct pool *p = w->pool;
	float distance, bound;

	if (p->len < w->ask->keep || w->ask->slack == INFINITY)
		return;
	distance = w->q->origin - key_score(p->key[w->ask->k - 1]);
	distance = fmaxf(distance, 0) + CODE_ERROR * fabsf(w->q->origin);
	bound = w->q->origin - (1 + w->ask->slack) * distance;
	if (key_of(bound, 0) > p->floor)
		p->floor = key_of(bound, 0);
}

/* ---- the levels above: greedy, but a few at a time on the last ---- */

/* Rows and upper indices of a node's neighbours on a level that were not seen before. */
static uint32_t
upper_neighbours(struct walk *w, uint32_t node, uint32_t level, uint32_t *at, uint32_t *row)
{
	const struct dense *d = w->d;
	struct upper_node u = d->upper[node];
	uint64_t from = (uint64_t)u.at + (uint64_t)(level - 1) * d->h.m;
	uint32_t n = 0;

	if (u.level < level || from + d->h.m > d->h.upper_links)
		return 0;
	for (uint32_t i = 0; i < d->h.m; i++) {
		uint32_t to = d->upper_links[from + i];
		if (to >= d->h.upper_nodes || d->upper[to].row >= d->h.rows || !see_once(w, to))
			continue;
		at[n] = to;
		row[n++] = d->upper[to].row;
	}
	return n;
}

/* p holds upper indices and leaves with the best of the level. */
static void
walk_upper(struct walk *w, uint32_t level, struct pool *p)
{
	uint32_t at[DENSE_M_MAX], row[DENSE_M_MAX], next = 0, n;
	uint64_t key[DENSE_M_MAX];

	memset(w->seen, 0, ((size_t)w->d->h.upper_nodes + 63) / 64 * 8);
	for (uint32_t i = 0; i < p->len; i++) {
		p->key[i] &= ~KEY_IS_DONE;
		see_once(w, key_row(p->key[i]));
	}
	while (next < p->len) {
		uint32_t lowest = p->len;
		p->key[next] |= KEY_IS_DONE;
		n = upper_neighbours(w, key_row(p->key[next]), level, at, row);
		compare(w, row, n, key);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t place = pool_put(p, key_of(key_score(key[i]), at[i]));
			lowest = place < lowest ? place : lowest;
		}
		next = lowest <= next ? lowest : next + 1;
		while (next < p->len && (p->key[next] & KEY_IS_DONE))
			next++;
	}
}

/* Where the bottom is entered: keys of rows, best first. */
static uint32_t
descend(struct walk *w, uint64_t start[STARTS])
{
	const struct dense *d = w->d;
	struct pool p = {.key = start, .cap = 1};
	uint32_t row = d->h.entry_row;
	uint64_t key;

	if (d->h.upper_nodes > 0 && d->upper[d->h.entry_upper].row < d->h.rows)
		row = d->upper[d->h.entry_upper].row;
	compare(w, &row, 1, &key);
	if (d->h.upper_nodes == 0) {
		start[0] = key;
		return 1;
	}
	pool_put(&p, key_of(key_score(key), d->h.entry_upper));
	for (uint32_t level = d->h.levels; level > 0; level--) {
		if (level == 1)
			p = (struct pool){.key = start, .len = p.len, .cap = STARTS};
		walk_upper(w, level, &p);
	}
	memset(w->seen, 0, ((size_t)d->h.upper_nodes + 63) / 64 * 8);
	for (uint32_t i = 0; i < p.len; i++) {
		row = d->upper[key_row(start[i])].row;
		start[i] = key_of(key_score(start[i]), row < d->h.rows ? row : d->h.entry_row);
	}
	return p.len;
}

/* ---- the bottom, without a filter: the pool is the frontier too ---- */

static void
walk_all(struct walk *w, const uint64_t *start, uint32_t starts)
{
	struct pool *p = w->pool;
	uint32_t ids[BOTTOM_MAX], at = 0, n;
	uint64_t key[BOTTOM_MAX];

	for (uint32_t i = 0; i < starts; i++)
		if (see_row(w, key_row(start[i])))
			pool_put(p, start[i]);
	while (at < p->len && p->key[at] >= p->floor && !is_late(w)) {
		uint32_t lowest = p->len;
		p->key[at] |= KEY_IS_DONE;
		n = fresh_neighbours(w, key_row(p->key[at]), ids);
		compare(w, ids, n, key);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t place = pool_put(p, key[i]);
			lowest = place < lowest ? place : lowest;
			if (place <= at + SOON)
				fetch_links(w, key[i]);
		}
		raise_floor(w);
		at = lowest <= at ? lowest : at + 1;
		while (at < p->len && (p->key[at] & KEY_IS_DONE))
			at++;
		if (at < p->len)
			fetch_links(w, p->key[at]);
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
	if (key <= w->pool->floor)
		return;
	open_push(w, key);
	if (is_allowed(w, key_row(key)))
		pool_put(w->pool, key);
}

/* False when comparing the allowed rows one by one would have been cheaper. */
static bool
walk_filtered(struct walk *w, const uint64_t *start, uint32_t starts)
{
	uint32_t ids[BOTTOM_MAX], n;
	uint64_t key[BOTTOM_MAX], best;

	for (uint32_t i = 0; i < starts; i++)
		if (see_row(w, key_row(start[i])))
			meet(w, start[i]);
	while (w->opens > 0 && !is_late(w)) {
		if ((best = open_pop(w)) <= w->pool->floor)
			break;
		n = fresh_neighbours(w, key_row(best), ids);
		if (w->report->scored + n > w->ask->budget)
			return false;
		compare(w, ids, n, key);
		for (uint32_t i = 0; i < n; i++)
			meet(w, key[i]);
		raise_floor(w);
		if (w->opens > 0)
			fetch_links(w, w->open[0]);
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
	p->floor = 0;
	for (uint32_t i = 0; i < nodes.len; i++) {
		uint32_t row = key_row(nodes.key[i]);
		put_if_allowed(w, p, nodes.key[i], row);
		if (!(dense_tail(w->d, row)->sum & CODE_IS_HEAD))
			continue;
		copy = dense_copies(w->d, row, &n);
		for (uint32_t k = 0; k < n; k++) {
			if (p->len == p->cap && key_score(nodes.key[i]) <= key_score(p->floor))
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
	uint64_t start[STARTS];
	uint32_t starts = descend(&w, start);
	bool done = true;

	if (ask->allowed == NULL)
		walk_all(&w, start, starts);
	else
		done = walk_filtered(&w, start, starts);
	forget(&w);
	if (!done)
		return false;
	add_copies(&w);
	return report->cut || pool->len >= wanted;
}
