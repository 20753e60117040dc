/* hnsw_renew.c - taking the previous generation's graph over: rows that did not change
 * keep their links, rows that went are bridged, new rows are inserted.
 *
 * Bridging: a node that linked to a deleted one chooses anew among its remaining
 * neighbours and those of the deleted one.  A graph bridged too often goes stale, so the
 * deletions since it was last built anew are counted in the file.  Idea: qdrant's
 * GraphLayersHealer; ours chooses by codes and needs no search. */
#include <stdlib.h>

#include "hnsw_build.h"

enum { DELETED_MAX_PERCENT = 20 };

struct renewal {
	const struct dense *old;
	struct hnsw_builder b;
	uint32_t *new_of_old;		/* node to node; DENSE_NO_ROW: deleted */
	uint32_t *old_of_new;
	uint32_t *old_head;
	uint32_t *old_upper;		/* old row: index in its RPX_UPPER */
	uint8_t *given;			/* levels of the reused */
	uint8_t *is_reused;
	uint32_t *order;
	uint64_t *near;			/* keys of candidates */
	uint32_t reused;
	uint32_t healed;
};

static bool
is_same_kind(const struct dense_header *a, const struct dense_header *b)
{
	return (a->flags & DENSE_HAS_GRAPH) && a->dim == b->dim && a->metric == b->metric &&
	    a->exact == b->exact && a->m == b->m && a->ef_construction == b->ef_construction;
}

static uint32_t *
grab_rows(size_t rows, int fill, bool *failed)
{
	uint32_t *p = malloc((rows + 1) * sizeof *p);

	if (p == NULL)
		*failed = true;
	else
		memset(p, fill, (rows + 1) * sizeof *p);
	return p;
}

static int
begin(struct renewal *r, struct err *e)
{
	size_t rows = r->b.d->h.rows, old_rows = r->old->h.rows;
	bool failed = false;

	r->new_of_old = grab_rows(old_rows, 0xff, &failed);
	r->old_head = grab_rows(old_rows, 0xff, &failed);
	r->old_upper = grab_rows(old_rows, 0xff, &failed);
	r->old_of_new = grab_rows(rows, 0xff, &failed);
	r->order = grab_rows(rows, 0, &failed);
	r->given = malloc(rows + 1);
	r->is_reused = calloc(rows + 1, 1);
	r->near = malloc((2 * DENSE_M_MAX + 1) * 2 * DENSE_M_MAX * sizeof *r->near);
	if (failed || r->given == NULL || r->is_reused == NULL || r->near == NULL)
		return err_sys(e, ERR_NOMEM, "dense build");
	memset(r->given, HNSW_NO_LEVEL, rows + 1);
	return 0;
}

static void
release(struct renewal *r)
{
	hnsw_release(&r->b);
	free(r->new_of_old);
	free(r->old_head);
	free(r->old_upper);
	free(r->old_of_new);
	free(r->order);
	free(r->given);
	free(r->is_reused);
	free(r->near);
}

/* ---- which node became which ---- */

static void
read_old_groups(struct renewal *r)
{
	const struct dense *old = r->old;
	const uint32_t *copy;
	uint32_t n;

	for (uint32_t row = 0; row < old->h.rows; row++)
		r->old_head[row] = row;
	for (uint32_t g = 0; g < old->same_groups; g++) {
		copy = dense_copies(old, old->same_head[g], &n);
		for (uint32_t i = 0; i < n; i++)
			if (copy[i] < old->h.rows && old->same_head[g] < old->h.rows)
				r->old_head[copy[i]] = old->same_head[g];
	}
	for (uint32_t i = 0; i < old->h.upper_nodes; i++)
		if (old->upper[i].row < old->h.rows)
			r->old_upper[old->upper[i].row] = i;
}

/* Code and affine pair; whether the row heads a group may differ. */
static bool
is_unchanged(const struct renewal *r, uint32_t row, uint32_t old_row)
{
	const struct dense *d = r->b.d;

	return memcmp(dense_code(d, row), dense_code(r->old, old_row),
		   d->code_bytes + offsetof(struct code_tail, sum)) == 0;
}

static void
match_nodes(struct renewal *r, const uint32_t *old_row_of_new)
{
	const struct dense *d = r->b.d;

	for (uint32_t row = 0; row < d->h.rows; row++) {
		uint32_t was = old_row_of_new[row], head = r->b.same->head[row];
		if (head == DENSE_NO_ROW || was >= r->old->h.rows || !is_unchanged(r, row, was))
			continue;
		was = r->old_head[was];
		if (r->new_of_old[was] != DENSE_NO_ROW || r->old_of_new[head] != DENSE_NO_ROW)
			continue;
		r->new_of_old[was] = head;
		r->old_of_new[head] = was;
		r->reused++;
	}
}

/* Too much gone, or so much new that building anew costs the same. */
static bool
is_too_far(const struct renewal *r)
{
	uint64_t nodes = r->old->h.nodes, gone = nodes - r->reused + r->old->h.deleted;

	return r->reused == 0 || r->reused > nodes ||
	    gone * 100 > nodes * DELETED_MAX_PERCENT ||
	    2 * (uint64_t)r->reused < r->b.same->nodes;
}

/* ---- the old lists ---- */

/* An old node's links on a level, as old rows; none when the file says nonsense. */
static uint32_t
old_list(const struct renewal *r, uint32_t row, uint32_t level, uint32_t *out)
{
	const struct dense *old = r->old;
	uint32_t m = old->h.m, n = 0, to;
	struct upper_node u;

	if (level == 0) {
		for (uint32_t i = 0; i < 2 * m; i++)
			if ((to = old->links[(size_t)row * 2 * m + i]) < old->h.rows &&
			    to != row)
				out[n++] = to;
		return n;
	}
	if (r->old_upper[row] == DENSE_NO_ROW)
		return 0;
	u = old->upper[r->old_upper[row]];
	if (level > u.level || (uint64_t)u.at + (uint64_t)level * m > old->h.upper_links)
		return 0;
	for (uint32_t i = 0; i < m; i++) {
		to = old->upper_links[u.at + (level - 1) * m + i];
		if (to >= old->h.upper_nodes || (to = old->upper[to].row) >= old->h.rows)
			continue;
		if (to != row)
			out[n++] = to;
	}
	return n;
}

static void
give_levels(struct renewal *r)
{
	for (uint32_t row = 0; row < r->b.d->h.rows; row++) {
		uint32_t was = r->old_of_new[row], level = 0;
		if (was == DENSE_NO_ROW)
			continue;
		if (r->old_upper[was] != DENSE_NO_ROW)
			level = r->old->upper[r->old_upper[was]].level;
		r->given[row] = (uint8_t)(level < DENSE_LEVELS_MAX ? level : DENSE_LEVELS_MAX);
	}
}

/* Adds a node as a candidate once; seen is the hand's bitset, clear before and after. */
static void
add_near(struct renewal *r, uint32_t *rows, uint32_t *n, uint32_t row, uint32_t level)
{
	uint64_t *word = &r->b.hand[0].seen[row / 64], bit = 1ull << row % 64;

	if (r->b.level[row] < level || (*word & bit))
		return;
	*word |= bit;
	rows[(*n)++] = row;
}

/* Candidates: what is left of the node's neighbours, and theirs behind the deleted. */
static uint32_t
gather_near(struct renewal *r, uint32_t row, uint32_t level, uint32_t *rows, bool *is_torn)
{
	uint32_t link[2 * DENSE_M_MAX], behind[2 * DENSE_M_MAX], n = 0, links, behinds, to;

	*is_torn = false;
	links = old_list(r, r->old_of_new[row], level, link);
	for (uint32_t i = 0; i < links; i++)
		if ((to = r->new_of_old[link[i]]) != DENSE_NO_ROW)
			add_near(r, rows, &n, to, level);
		else
			*is_torn = true;
	for (uint32_t i = 0; i < links && *is_torn; i++) {
		if (r->new_of_old[link[i]] != DENSE_NO_ROW)
			continue;
		behinds = old_list(r, link[i], level, behind);
		for (uint32_t k = 0; k < behinds; k++)
			if ((to = r->new_of_old[behind[k]]) != DENSE_NO_ROW && to != row)
				add_near(r, rows, &n, to, level);
	}
	for (uint32_t i = 0; i < n; i++)
		r->b.hand[0].seen[rows[i] / 64] = 0;
	return n;
}

/* Writes the list; true when it had to be chosen anew. */
static bool
take_list(struct renewal *r, uint32_t row, uint32_t level)
{
	static const uint32_t room = (2 * DENSE_M_MAX + 1) * 2 * DENSE_M_MAX;
	const struct dense *d = r->b.d;
	uint32_t most = level == 0 ? 2 * r->b.m : r->b.m,
	    rows[(2 * DENSE_M_MAX + 1) * 2 * DENSE_M_MAX];
	float like[VEC_BATCH];
	struct pool p = {.key = r->near, .cap = room};
	struct hnsw_like q;
	uint8_t *count;
	uint32_t *list = hnsw_list(&r->b, row, level, &count), n;
	bool is_torn;

	n = gather_near(r, row, level, rows, &is_torn);
	if (!is_torn) {
		memcpy(list, rows, n * sizeof *list);
		*count = (uint8_t)n;
		return false;
	}
	hnsw_like(&q, d, row);
	for (uint32_t i = 0, part; i < n; i += part) {
		part = n - i < VEC_BATCH ? n - i : VEC_BATCH;
		hnsw_likeness(d, &q, rows + i, part, like);
		for (uint32_t k = 0; k < part; k++)
			pool_put(&p, key_of(like[k], rows[i + k]));
	}
	*count = (uint8_t)hnsw_choose(d, p.key, p.len, most, list);
	return true;
}

static void
take_node(struct renewal *r, uint32_t row)
{
	struct hnsw_builder *b = &r->b;
	bool torn = false;

	for (uint32_t level = 0; level <= b->level[row]; level++)
		torn |= take_list(r, row, level);
	r->healed += torn;
	if (b->count0[row] == 0)		/* all its neighbours went: insert it again */
		return;
	r->is_reused[row] = 1;
	if (b->inserted++ == 0 || b->level[row] > b->top) {
		b->entry = row;
		b->top = b->level[row];
	}
}

static int
renew(struct renewal *r, const struct dense_params *p, struct err *e)
{
	struct hnsw_builder *b = &r->b;

	give_levels(r);
	if (hnsw_begin(b, p, r->given, e) == -1)
		return -1;
	memset(b->hand[0].seen, 0, b->seen_bytes);
	for (uint32_t row = 0; row < b->d->h.rows; row++)
		if (r->old_of_new[row] != DENSE_NO_ROW)
			take_node(r, row);
	hnsw_insert(b, r->order, hnsw_order(b, r->is_reused, r->order));
	hnsw_end(b);
	b->g->deleted = r->old->h.deleted + (r->old->h.nodes - r->reused);
	b->g->reused = r->reused;
	b->g->healed = r->healed;
	return 0;
}

int
hnsw_renew(struct hnsw *g, const struct dense *d, const struct dense_same *same,
    const struct dense_params *p, const struct dense_base *base, struct err *e)
{
	struct renewal r = {.old = base->old, .b = {.d = d, .same = same, .g = g}};
	int rc = -1;

	if (!is_same_kind(&r.old->h, &d->h))
		return 1;
	if (begin(&r, e) == -1)
		goto out;
	read_old_groups(&r);
	match_nodes(&r, base->old_row_of_new);
	rc = is_too_far(&r) ? 1 : renew(&r, p, e);
out:
	release(&r);
	return rc;
}
