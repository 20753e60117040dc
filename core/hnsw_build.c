/* hnsw_build.c - linking the rows into a graph, on their codes.
 *
 * Rows are inserted in a shuffled order, in batches.  The rows of a batch look for their
 * neighbours in the graph as it was before the batch and among the batch rows before them
 * (compared one by one, about 1 % of the work), then the links back are made, each list
 * by one thread in the order of the batch.  So the graph is the same for any number of
 * threads; nothing is locked.
 *
 * Source  Malkov, Yashunin, "Efficient and robust approximate nearest neighbor search using
 *         HNSW graphs", 2016, algorithms 1, 2 and 4; batches as in ParlayANN (Dobson et
 *         al. 2024). */
#include "hnsw_build.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "crew.h"

enum {
	BATCH_MAX = 256,
	BATCH_MIN_FOR_THREADS = 32,
	THREADS_MAX = 64,
	ABREAST = 4,			/* rows expanded together; 8 gain no more */
	LIKE_BATCH = ABREAST * VEC_BATCH,
};
#define KEY_IS_DONE 1ull

/* A search for neighbours ends as a walk does (hnsw_search.c), at this much more than the
 * distance of the NEAR-th: 22 % less work, recall lower by 0.001 (real text). */
#define BUILD_SLACK 0.3f
enum { NEAR = 20 };
#define CODE_ERROR 0.002f

/* ---- similarity of two rows by their codes ---- */

void
hnsw_like(struct hnsw_like *q, const struct dense *d, uint32_t row)
{
	const struct code_tail *t = dense_tail(d, row);
	float two = d->h.metric == DENSE_L2 ? 2 : 1, sum = (float)(t->sum & ~CODE_IS_HEAD);

	q->code = (const int8_t *)dense_code(d, row);
	q->by_lo = two * ((float)d->h.dim * t->lo + t->step * sum);
	q->by_step_sum = two * t->lo;
	q->by_step_dot = two * t->step;
	q->by_norm2 = d->h.metric == DENSE_L2 ? 1 : 0;
	q->norm2 = q->by_norm2 * t->norm2;
	q->origin = d->h.metric == DENSE_COSINE ? 1
	    : d->h.metric == DENSE_L2	       ? 0
					       : sqrtf(t->norm2) * d->h.longest;
}

static inline float
likeness(const struct hnsw_like *q, const struct code_tail *t, int32_t dot)
{
	return q->by_lo * t->lo +
	    t->step * (q->by_step_sum * (float)(t->sum & ~CODE_IS_HEAD) +
			  q->by_step_dot * (float)dot) -
	    q->by_norm2 * t->norm2 - q->norm2;
}

void
hnsw_likeness(const struct dense *d, const struct hnsw_like *q, const uint32_t *rows,
    uint32_t n, float *out)
{
	int32_t dot[LIKE_BATCH];

	for (uint32_t i = 0, part; i < n; i += part) {
		part = n - i < LIKE_BATCH ? n - i : LIKE_BATCH;
		d->ops->dot7_ids(
		    q->code, d->code_bytes, d->codes, d->h.code_stride, rows + i, part, dot);
		for (uint32_t k = 0; k < part; k++)
			out[i + k] = likeness(q, dense_tail(d, rows[i + k]), dot[k]);
	}
}

/* ---- choosing neighbours ---- */

/* Whether one of the chosen is nearer to row than `to` is: row is then reached by it. */
static bool
is_covered(const struct dense *d, uint32_t row, float to, const uint32_t *chosen, uint32_t n)
{
	struct hnsw_like q;
	float like[4];

	hnsw_like(&q, d, row);
	for (uint32_t i = 0, part; i < n; i += part) {
		part = n - i < 4 ? n - i : 4;
		hnsw_likeness(d, &q, chosen + i, part, like);
		for (uint32_t k = 0; k < part; k++)
			if (like[k] > to)
				return true;
	}
	return false;
}

uint32_t
hnsw_choose(const struct dense *d, const uint64_t *key, uint32_t n, uint32_t most,
    uint32_t *out)
{
	uint32_t chosen = 0;

	for (uint32_t i = 0; i < n && chosen < most; i++)
		if (!is_covered(d, key_row(key[i]), key_score(key[i]), out, chosen))
			out[chosen++] = key_row(key[i]);
	return chosen;
}

/* ---- the builder ---- */

/* Nodes are named by their row everywhere here; lists of the upper levels are turned into
 * indices when the graph is done. */

uint32_t *
hnsw_list(const struct hnsw_builder *b, uint32_t row, uint32_t level, uint8_t **count)
{
	size_t list;

	if (level == 0) {
		*count = b->count0 + row;
		return b->g->links + (size_t)row * 2 * b->m;
	}
	list = b->g->upper[b->upper_of[row]].at + (size_t)(level - 1) * b->m;
	*count = b->upper_count + list / b->m;
	return b->g->upper_links + list;
}

static uint32_t
fresh_of(const struct hnsw_builder *b, struct hnsw_hand *h, uint32_t row, uint32_t level,
    uint32_t *ids)
{
	uint8_t *count;
	const uint32_t *link = hnsw_list(b, row, level, &count);
	uint32_t fresh = 0;

	for (uint32_t i = 0; i < *count; i++) {
		uint32_t to = link[i];
		uint64_t word = h->seen[to / 64], bit = 1ull << to % 64;
		ids[fresh] = to;
		fresh += (word & bit) == 0;
		h->seen[to / 64] = word | bit;
	}
	return fresh;
}

/* The list that is read next; at the bottom lists lie all over. */
static inline void
fetch_list(const struct hnsw_builder *b, uint32_t row, uint32_t level)
{
	const uint32_t *list = b->g->links + (size_t)row * 2 * b->m;

	if (level > 0)
		return;
	for (uint32_t i = 0; i < 2 * b->m; i += 16)
		__builtin_prefetch(list + i);
	__builtin_prefetch(b->count0 + row);
}

static void
raise_floor(const struct hnsw_like *q, struct pool *p)
{
	float distance;
	uint64_t floor;

	if (p->len < NEAR)
		return;
	distance = fmaxf(q->origin - key_score(p->key[NEAR - 1]), 0) +
	    CODE_ERROR * fabsf(q->origin);
	floor = key_of(q->origin - (1 + BUILD_SLACK) * distance, 0);
	if (floor > p->floor)
		p->floor = floor;
}

/* The best rows of the pool that were not expanded yet, from `at` on, marked as expanded;
 * their lists are on the way. */
static uint32_t
next_abreast(const struct hnsw_builder *b, struct pool *p, uint32_t at, uint32_t level,
    uint32_t *rows)
{
	uint32_t n = 0;

	for (; at < p->len && p->key[at] >= p->floor && n < ABREAST; at++) {
		if (p->key[at] & KEY_IS_DONE)
			continue;
		p->key[at] |= KEY_IS_DONE;
		rows[n] = key_row(p->key[at]);
		fetch_list(b, rows[n++], level);
	}
	return n;
}

/* Most rows are no better than the floor; which ones cannot be foretold. */
static uint32_t
keep_above(uint64_t floor, const float *like, const uint32_t *ids, uint32_t n, uint64_t *key)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		key[kept] = key_of(like[i], ids[i]);
		kept += key[kept] > floor;
	}
	return kept;
}

/* The pool's best rows on a level, from the one that is in the pool.  Nearly all of the pool
 * is expanded in the end, so that going some rows abreast compares few more, and memory is
 * waited for once, not for each. */
static void
search_level(const struct hnsw_builder *b, struct hnsw_hand *h, const struct hnsw_like *q,
    uint32_t level, struct pool *p)
{
	uint32_t rows[ABREAST], ids[ABREAST * 2 * DENSE_M_MAX], at = 0, n, lowest, place, wide;
	uint64_t key[ABREAST * 2 * DENSE_M_MAX];
	float like[ABREAST * 2 * DENSE_M_MAX];

	memset(h->seen, 0, b->seen_bytes);
	for (uint32_t i = 0; i < p->len; i++)
		h->seen[key_row(p->key[i]) / 64] |= 1ull << key_row(p->key[i]) % 64;
	while ((wide = next_abreast(b, p, at, level, rows)) > 0) {
		n = 0;
		for (uint32_t i = 0; i < wide; i++)
			n += fresh_of(b, h, rows[i], level, ids + n);
		hnsw_likeness(b->d, q, ids, n, like);
		lowest = p->len;
		n = keep_above(p->floor, like, ids, n, key);
		for (uint32_t i = 0; i < n; i++) {
			place = pool_put(p, key[i]);
			lowest = place < lowest ? place : lowest;
		}
		raise_floor(q, p);
		at = lowest < at ? lowest : at;
		while (at < p->len && (p->key[at] & KEY_IS_DONE))
			at++;
	}
	for (uint32_t i = 0; i < p->len; i++)
		p->key[i] &= ~KEY_IS_DONE;
}

static uint64_t
descend(const struct hnsw_builder *b, const struct hnsw_like *q, uint32_t to_level)
{
	uint32_t row = b->entry;
	float like[DENSE_M_MAX], mine;
	uint64_t best;

	hnsw_likeness(b->d, q, &row, 1, &mine);
	best = key_of(mine, row);
	for (uint32_t level = b->top; level > to_level; level--)
		for (bool moved = true; moved;) {
			uint8_t *count;
			const uint32_t *link = hnsw_list(b, key_row(best), level, &count);
			moved = false;
			hnsw_likeness(b->d, q, link, *count, like);
			for (uint32_t i = 0; i < *count; i++)
				if (key_of(like[i], link[i]) > best) {
					best = key_of(like[i], link[i]);
					moved = true;
				}
		}
	return best;
}

/* Batch rows before this one that reach the level. */
static void
add_mates(const struct hnsw_builder *b, const struct hnsw_like *q, uint32_t before,
    uint32_t level, struct pool *p)
{
	uint32_t ids[BATCH_MAX], n = 0;
	float like[BATCH_MAX];

	for (uint32_t i = 0; i < before; i++)
		if (b->level[b->batch[i]] >= level)
			ids[n++] = b->batch[i];
	if (n == 0)
		return;
	hnsw_likeness(b->d, q, ids, n, like);
	for (uint32_t i = 0; i < n; i++)
		pool_put(p, key_of(like[i], ids[i]));
}

/* Finds and writes the row's own links; nobody reads them before the batch is done. */
static void
find_links(const struct hnsw_builder *b, struct hnsw_hand *h, uint32_t place)
{
	uint32_t row = b->batch[place], level = b->level[row], *list;
	struct pool p = {.key = h->pool, .cap = b->ef};
	struct hnsw_like q;
	uint64_t best = 0;
	uint8_t *count;

	hnsw_like(&q, b->d, row);
	if (b->inserted > 0)
		best = descend(b, &q, level);
	for (uint32_t l = level + 1; l-- > 0;) {
		p.len = 0;
		p.floor = 0;
		if (b->inserted > 0 && l <= b->top) {
			pool_put(&p, best);
			search_level(b, h, &q, l, &p);
			best = p.key[0];
		}
		p.floor = p.len < p.cap ? 0 : p.key[p.len - 1];
		add_mates(b, &q, place, l, &p);
		list = hnsw_list(b, row, l, &count);
		*count = (uint8_t)hnsw_choose(b->d, p.key, p.len, b->m, list);
	}
}

/* Adds a link; a full list is chosen anew. */
static void
add_link(const struct hnsw_builder *b, uint32_t row, uint32_t level, uint32_t to)
{
	uint32_t most = level == 0 ? 2 * b->m : b->m, all[2 * DENSE_M_MAX + 1], *list;
	float like[2 * DENSE_M_MAX + 1];
	uint64_t key[2 * DENSE_M_MAX + 1];
	struct pool p = {.key = key, .cap = most + 1};
	struct hnsw_like q;
	uint8_t *count;

	list = hnsw_list(b, row, level, &count);
	for (uint32_t i = 0; i < *count; i++)
		if (list[i] == to)		/* a node that is inserted again */
			return;
	if (*count < most) {
		list[(*count)++] = to;
		return;
	}
	memcpy(all, list, most * sizeof *all);
	all[most] = to;
	hnsw_like(&q, b->d, row);
	hnsw_likeness(b->d, &q, all, most + 1, like);
	for (uint32_t i = 0; i <= most; i++)
		pool_put(&p, key_of(like[i], all[i]));
	*count = (uint8_t)hnsw_choose(b->d, key, p.len, most, list);
}

/* The links back of the whole batch, as far as they begin at this hand's rows. */
static void
link_back(const struct hnsw_builder *b, uint32_t hand)
{
	for (uint32_t i = 0; i < b->batch_len; i++) {
		uint32_t row = b->batch[i];
		for (uint32_t l = 0; l <= b->level[row]; l++) {
			uint32_t own = b->own_count[i * (DENSE_LEVELS_MAX + 1) + l];
			const uint32_t *mine =
			    b->own + ((size_t)i * (DENSE_LEVELS_MAX + 1) + l) * b->m;
			for (uint32_t k = 0; k < own; k++)
				if (mine[k] % b->hands == hand)
					add_link(b, mine[k], l, row);
		}
	}
}

/* Links back change the lists of batch rows too: what they chose is kept aside first. */
static void
keep_own(struct hnsw_builder *b)
{
	for (uint32_t i = 0; i < b->batch_len; i++)
		for (uint32_t l = 0; l <= b->level[b->batch[i]]; l++) {
			size_t at = (size_t)i * (DENSE_LEVELS_MAX + 1) + l;
			uint8_t *count;
			const uint32_t *list = hnsw_list(b, b->batch[i], l, &count);
			b->own_count[at] = *count;
			memcpy(b->own + at * b->m, list, *count * sizeof *list);
		}
}

/* ---- hands: threads that do one step together ---- */

static void
work(struct hnsw_hand *h)
{
	struct hnsw_builder *b = h->builder;
	uint32_t i;

	if (b->is_linking)
		link_back(b, h->number);
	else
		while ((i = __atomic_fetch_add(&b->next, 1, __ATOMIC_RELAXED)) < b->batch_len)
			find_links(b, h, i);
}

static void *
be_hired(void *hand)
{
	crew_begin_thread();
	work(hand);
	crew_end_thread();
	return NULL;
}

/* A thread that cannot be had is replaced by the caller, who works last. */
static void
step(struct hnsw_builder *b, bool is_linking)
{
	pthread_t thread[THREADS_MAX];
	bool runs[THREADS_MAX] = {false};

	b->next = 0;
	b->is_linking = is_linking;
	if (b->batch_len >= BATCH_MIN_FOR_THREADS)
		for (uint32_t i = 1; i < b->hands; i++)
			runs[i] = pthread_create(&thread[i], NULL, be_hired, &b->hand[i]) == 0;
	for (uint32_t i = 0; i < b->hands; i++)
		if (!runs[i])
			work(&b->hand[i]);
	for (uint32_t i = 1; i < b->hands; i++)
		if (runs[i])
			pthread_join(thread[i], NULL);
}

static void
insert_batch(struct hnsw_builder *b)
{
	step(b, false);
	keep_own(b);
	step(b, true);
	for (uint32_t i = 0; i < b->batch_len; i++)
		if (b->inserted++ == 0 || b->level[b->batch[i]] > b->top) {
			b->entry = b->batch[i];
			b->top = b->level[b->entry];
		}
}

void
hnsw_insert(struct hnsw_builder *b, const uint32_t *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i += b->batch_len) {
		uint32_t len = b->inserted / 4 < 1 ? 1 : b->inserted / 4;
		len = len < BATCH_MAX ? len : BATCH_MAX;
		b->batch = rows + i;
		b->batch_len = n - i < len ? n - i : len;
		insert_batch(b);
		told_that(b->told, i + b->batch_len, n);
	}
}

/* ---- beginning and end ---- */

/* How many times in a row a die of m sides shows 0. */
static uint8_t
draw_level(uint64_t seed, uint32_t row, uint32_t m)
{
	uint64_t x = mix64(seed ^ mix64(row));
	uint8_t level = 0;

	for (; level < DENSE_LEVELS_MAX && x % m == 0; level++)
		x = mix64(x);
	return level;
}

static void
draw_levels(struct hnsw_builder *b, const uint8_t *given)
{
	for (uint32_t row = 0; row < b->d->h.rows; row++)
		if (b->same->head[row] == row)
			b->level[row] = given != NULL && given[row] != HNSW_NO_LEVEL
			    ? given[row]
			    : draw_level(b->seed, row, b->m);
}

static int
lay_out_upper(struct hnsw_builder *b, struct err *e)
{
	struct hnsw *g = b->g;
	uint32_t rows = b->d->h.rows, nodes = 0, lists = 0;

	for (uint32_t row = 0; row < rows; row++)
		if (b->level[row] > 0) {
			nodes++;
			lists += b->level[row];
		}
	g->upper = malloc(nodes * sizeof *g->upper + 1);
	g->upper_links = calloc((size_t)lists * b->m + 1, sizeof *g->upper_links);
	b->upper_count = calloc((size_t)lists + 1, 1);
	if (g->upper == NULL || g->upper_links == NULL || b->upper_count == NULL)
		return err_sys(e, ERR_NOMEM, "dense build");
	for (uint32_t row = 0; row < rows; row++)
		if (b->level[row] > 0) {
			b->upper_of[row] = g->upper_nodes;
			g->upper[g->upper_nodes++] =
			    (struct upper_node){row, b->level[row], g->upper_count};
			g->upper_count += b->level[row] * b->m;
		}
	return 0;
}

static int
hire_hands(struct hnsw_builder *b, uint32_t hands, struct err *e)
{
	b->hands = hands < 1 ? 1 : hands > THREADS_MAX ? THREADS_MAX : hands;
	if ((b->hand = calloc(b->hands, sizeof *b->hand)) == NULL)
		return err_sys(e, ERR_NOMEM, "dense build");
	for (uint32_t i = 0; i < b->hands; i++) {
		struct hnsw_hand *h = &b->hand[i];
		h->builder = b;
		h->number = i;
		h->seen = malloc(b->seen_bytes);
		h->pool = malloc(b->ef * sizeof *h->pool);
		if (h->seen == NULL || h->pool == NULL)
			return err_sys(e, ERR_NOMEM, "dense build");
	}
	return 0;
}

int
hnsw_begin(struct hnsw_builder *b, const struct dense_params *p, const uint8_t *levels,
    struct err *e)
{
	size_t rows = b->d->h.rows;

	b->m = p->m;
	b->ef = p->ef_construction;
	b->seed = p->seed;
	b->told = p->told;
	b->seen_bytes = (rows + 63) / 64 * 8;
	b->level = calloc(rows + 1, 1);
	b->count0 = calloc(rows + 1, 1);
	b->upper_of = calloc(rows + 1, sizeof *b->upper_of);
	b->own_count = malloc((size_t)BATCH_MAX * (DENSE_LEVELS_MAX + 1));
	b->own = malloc((size_t)BATCH_MAX * (DENSE_LEVELS_MAX + 1) * b->m * sizeof *b->own);
	b->g->links = dense_grab(rows * 8 * b->m, e);
	if (b->level == NULL || b->count0 == NULL || b->upper_of == NULL ||
	    b->own_count == NULL || b->own == NULL || b->g->links == NULL)
		return err_sys(e, ERR_NOMEM, "dense build");
	draw_levels(b, levels);
	if (lay_out_upper(b, e) == -1)
		return -1;
	return hire_hands(b, p->threads > 0 ? p->threads : crew_size(), e);
}

/* Fills short lists up and names upper neighbours by index. */
void
hnsw_end(struct hnsw_builder *b)
{
	struct hnsw *g = b->g;
	uint32_t rows = b->d->h.rows, m = b->m;

	for (uint32_t row = 0; row < rows; row++)
		for (uint32_t i = b->count0[row]; i < 2 * m; i++)
			g->links[(size_t)row * 2 * m + i] = row;
	for (uint32_t node = 0; node < g->upper_nodes; node++)
		for (uint32_t k = 0; k < g->upper[node].level * m; k++) {
			size_t at = g->upper[node].at + (size_t)k;
			g->upper_links[at] = k % m < b->upper_count[at / m]
			    ? b->upper_of[g->upper_links[at]]
			    : node;
		}
	g->levels = b->top;
	g->entry_row = b->entry;
	g->entry_upper = b->top > 0 ? b->upper_of[b->entry] : DENSE_NO_ROW;
}

void
hnsw_release(struct hnsw_builder *b)
{
	for (uint32_t i = 0; b->hand != NULL && i < b->hands; i++) {
		free(b->hand[i].seen);
		free(b->hand[i].pool);
	}
	free(b->hand);
	free(b->level);
	free(b->count0);
	free(b->upper_of);
	free(b->upper_count);
	free(b->own);
	free(b->own_count);
}

void
hnsw_free(struct hnsw *g)
{
	free(g->links);
	free(g->upper);
	free(g->upper_links);
	memset(g, 0, sizeof *g);
}

/* The heads for which skip is not set, shuffled (Fisher, Yates). */
uint32_t
hnsw_order(const struct hnsw_builder *b, const uint8_t *skip, uint32_t *order)
{
	uint64_t x = b->seed;
	uint32_t n = 0;

	for (uint32_t row = 0; row < b->d->h.rows; row++)
		if (b->same->head[row] == row && (skip == NULL || !skip[row]))
			order[n++] = row;
	for (uint32_t i = n; i > 1; i--) {
		uint32_t k = (uint32_t)((x = mix64(x)) % i), last = order[i - 1];
		order[i - 1] = order[k];
		order[k] = last;
	}
	return n;
}

static int
build_anew(struct hnsw *g, const struct dense *d, const struct dense_same *same,
    const struct dense_params *p, struct err *e)
{
	struct hnsw_builder b = {.d = d, .same = same, .g = g};
	uint32_t *order = malloc(((size_t)d->h.rows + 1) * sizeof *order);
	int rc = -1;

	if (order == NULL) {
		err_sys(e, ERR_NOMEM, "dense build");
		goto out;
	}
	if (hnsw_begin(&b, p, NULL, e) == -1)
		goto out;
	hnsw_insert(&b, order, hnsw_order(&b, NULL, order));
	hnsw_end(&b);
	rc = 0;
out:
	hnsw_release(&b);
	free(order);
	return rc;
}

int
hnsw_build(struct hnsw *g, const struct dense *d, const struct dense_same *same,
    const struct dense_params *p, const struct dense_base *base, struct err *e)
{
	int rc;

	if (base != NULL && base->old != NULL && (rc = hnsw_renew(g, d, same, p, base, e)) <= 0)
		return rc;
	return build_anew(g, d, same, p, e);
}
