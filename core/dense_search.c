/* dense_search.c - one question from vector to hits: scan or walk, re-rank, answer. */
#include "dense.h"

#include <math.h>
#include <stdlib.h>

#include "dense_scratch.h"

enum {
	RERANK_MIN = 20,
	RERANK_MIN_EXACT = 100,
	LANES_MAX = 32,			/* queries that share one pass */
	SCAN_ALWAYS = 10000,		/* allowed rows below which no walk pays */
	SCAN_FACTOR = 6000,		/* scan while m * m <= this * n: of 200,000 rows the
					 * crossover is at 32,000 drawn at random and at 48,000
					 * that lie far from the query, measured */
	WALK_PLACES = 1024,
	WALK_PER_HIT = 40,		/* codes a walk compares for each hit, about */
	WALK_FIXED = 400,
	WALK_COST = 2,			/* a code of a walk against one of a scan, while all of
					 * them lie in a cache: 15 against 7 ns at 256 dimensions;
					 * where they do not, rows outnumber what a walk meets */
	WALK_BUDGET = 4,		/* a filtered walk gives up after this part of the
					 * allowed rows: half of what the scan then costs */
};

/* ---- scratch ---- */

struct dense_scratch *
dense_scratch_new(struct err *e)
{
	struct dense_scratch *s = calloc(1, sizeof *s);

	if (s == NULL)
		err_sys(e, ERR_NOMEM, "dense scratch");
	return s;
}

void
dense_scratch_free(struct dense_scratch *s)
{
	if (s == NULL)
		return;
	free(s->code);
	free(s->exact);
	free(s->pool);
	free(s->final);
	free(s->coarse);
	free(s->unpacked);
	free(s->upper);
	free(s->rows);
	free(s->seen);
	free(s->touched);
	free(s->open);
	free(s);
}

int
scratch_fit(void *array, size_t *have, size_t bytes, struct err *e)
{
	void **p = array, *grown;

	if (bytes <= *have)
		return 0;
	bytes = (bytes + bytes / 2 + 63) & ~(size_t)63;
	if ((grown = aligned_alloc(64, bytes)) == NULL)
		return err_sys(e, ERR_NOMEM, "dense scratch");
	memset(grown, 0, bytes);
	free(*p);
	*p = grown;
	*have = bytes;
	return 0;
}

static int
fit(const struct dense *d, struct dense_scratch *s, uint32_t lanes, uint32_t cap, uint32_t k,
    struct err *e)
{
	size_t exact = (size_t)lanes * d->h.dim * sizeof(float);

	if (scratch_fit(&s->code, &s->code_bytes, lanes * (d->code_bytes + 64), e) == -1 ||
	    scratch_fit(&s->exact, &s->exact_bytes, exact, e) == -1 ||
	    scratch_fit(&s->final, &s->final_bytes, (size_t)k * 8, e) == -1)
		return -1;
	return scratch_fit(&s->pool, &s->pool_bytes, (size_t)lanes * (cap + k) * 8, e);
}

static int
fill_lane(const struct dense *d, struct dense_scratch *s, struct scan_lane *lane, uint32_t i,
    uint32_t cap, uint32_t k, const float *query, struct err *e)
{
	uint64_t *pool = s->pool + (size_t)i * (cap + k);

	lane->query.code = s->code + i * ((d->code_bytes + 63) & ~(size_t)63);
	lane->query.exact = s->exact + (size_t)i * d->h.dim;
	lane->pool = (struct pool){.key = pool, .cap = cap};
	lane->best = (struct pool){.key = pool + cap, .cap = k};
	return dense_query_fill(&lane->query, d, query, e);
}

/* ---- the last step ---- */

static uint32_t
take_hits(const struct pool *best, struct dense_hit *out)
{
	for (uint32_t i = 0; i < best->len; i++)
		out[i] = (struct dense_hit){key_row(best->key[i]), key_score(best->key[i])};
	return best->len;
}

/* Exact scores of the pool's best `keep` choose the k hits. */
static uint32_t
rerank(const struct dense *d, struct dense_scratch *s, const struct scan_lane *lane,
    uint32_t keep, uint32_t k, struct dense_hit *out)
{
	struct pool best = {.key = s->final, .cap = k};
	const struct pool *p = &lane->pool;
	uint32_t n = p->len < keep ? p->len : keep;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = key_row(p->key[i]);
		if (i + 2 < n)
			dense_fetch_exact(d, key_row(p->key[i + 2]));
		pool_put(&best, key_of(dense_exact_score(d, &lane->query, row), row));
	}
	return take_hits(&best, out);
}

/* Fills every lane's `best` by coarse codes, or its pool, to be re-ranked, by codes. */
static int
scan_lanes(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct scan_lane *lane, uint32_t lanes, struct dense_report *report, struct err *e)
{
	for (uint32_t l = 0; l < lanes; l++) {
		lane[l].pool.len = 0;
		lane[l].pool.floor = 0;
		lane[l].pool.cap = ask->keep;
	}
	if (d->coarse != NULL)
		return dense_scan_coarse(d, s, ask, lane, lanes, report, e);
	dense_scan_codes(d, ask, lane, lanes, report);
	return 0;
}

/* ---- the plan ---- */

static uint32_t
rows_to_find(const struct dense *d, const struct dense_options *o)
{
	uint32_t n = d->h.rows_with_vector;

	if (o->allowed != NULL && o->allowed_count < n)
		n = o->allowed_count;
	return n < o->k ? n : o->k;
}

static uint32_t
rows_to_rerank(const struct dense_options *o)
{
	uint32_t n = o->exact ? 4 * o->k : 2 * o->k;
	uint32_t least = o->exact ? RERANK_MIN_EXACT : RERANK_MIN;

	return n > least ? n : least;
}

/* A walk by slack seldom needs more than a few dozen places; this bounds the worst. */
static uint32_t
width_of(const struct dense_options *o)
{
	uint32_t keep = rows_to_rerank(o), ef = o->ef;

	if (ef == 0)
		ef = WALK_PLACES + keep;
	if (ef > DENSE_EF_MAX + keep)
		ef = DENSE_EF_MAX + keep;
	return ef < keep ? keep : ef;
}

/* Between the calibrated ones by a straight line, which lies above the curve. */
static float
slack_for(const struct dense *d, float recall)
{
	const float *slack = d->h.slack;

	if (recall <= 0.90f)
		return slack[0];
	if (recall <= 0.95f)
		return slack[0] + (slack[1] - slack[0]) * (recall - 0.90f) / 0.05f;
	if (recall < 0.99f)
		return slack[1] + (slack[2] - slack[1]) * (recall - 0.95f) / 0.04f;
	return slack[2];
}

static float
slack_of(const struct dense *d, const struct dense_options *o)
{
	if (o->ef != 0)
		return INFINITY;
	if (o->slack > 0)
		return o->slack;
	return slack_for(d, o->recall > 0 ? o->recall : 0.95f);
}

static bool
is_walk(const struct dense *d, const struct dense_options *o)
{
	uint64_t n = d->h.rows, m = o->allowed_count, walk;

	if (d->links == NULL || o->exact)
		return false;
	if (o->allowed != NULL)
		return m > SCAN_ALWAYS && m * m > SCAN_FACTOR * n;
	walk = (WALK_FIXED + (uint64_t)o->k * WALK_PER_HIT) * WALK_COST;
	return o->ef != 0 || o->slack > 0 || walk < n;
}

static int
check(const struct dense *d, const float *query, const struct dense_options *o, struct err *e)
{
	if (o->k == 0 || o->k > DENSE_EF_MAX)
		return err_set(e, ERR_RANGE, "k is %u", o->k);
	if (!vec_is_finite(query, d->h.dim))
		return err_set(e, ERR_INPUT, "the query vector is not finite");
	return 0;
}

static bool
is_hopeless(const struct dense *d, const struct dense_query *q, uint32_t wanted)
{
	return wanted == 0 || (q->is_zero && d->h.metric != DENSE_L2);
}

int
dense_search(const struct dense *d, struct dense_scratch *s, const float *query,
    const struct dense_options *o, struct dense_hit *out, uint32_t *count,
    struct dense_report *report, struct err *e)
{
	uint32_t wanted = rows_to_find(d, o), keep = rows_to_rerank(o), ef = width_of(o);
	struct dense_report mine = {0};
	struct dense_ask ask = {.allowed = o->allowed, .allowed_count = o->allowed_count,
	    .deadline_ns = o->deadline_ns, .ef = ef, .k = o->k, .keep = keep,
	    .nearly = o->nearly, .slack = slack_of(d, o)};
	struct scan_lane lane;
	bool walked = false;

	*count = 0;
	if (report != NULL)
		*report = mine;
	if (check(d, query, o, e) == -1 || fit(d, s, 1, ef, o->k, e) == -1 ||
	    fill_lane(d, s, &lane, 0, ef, o->k, query, e) == -1)
		return -1;
	if (is_hopeless(d, &lane.query, wanted))
		return 0;
	if (is_walk(d, o)) {
		ask.budget = o->allowed != NULL ? o->allowed_count / WALK_BUDGET
						: d->h.rows;
		if (hnsw_fit(d, s, &ask, e) == -1)
			return -1;
		walked = hnsw_walk(d, s, &lane.query, &ask, wanted, &lane.pool, &mine);
	}
	if (!walked && scan_lanes(d, s, &ask, &lane, 1, &mine, e) == -1)
		return -1;
	*count = walked || d->coarse == NULL ? rerank(d, s, &lane, keep, o->k, out)
					     : take_hits(&lane.best, out);
	if (report != NULL)
		*report = mine;
	return 0;
}

/* ---- many queries ---- */

static int
scan_block(const struct dense *d, struct dense_scratch *s, const float *query,
    uint32_t queries, const struct dense_options *o, struct dense_hit *out, uint32_t *count,
    struct err *e)
{
	struct scan_lane lane[LANES_MAX], *live[LANES_MAX];
	struct dense_report report = {0};
	struct dense_ask ask = {.allowed = o->allowed, .allowed_count = o->allowed_count,
	    .deadline_ns = o->deadline_ns, .k = o->k, .keep = rows_to_rerank(o),
	    .nearly = o->nearly};
	uint32_t wanted = rows_to_find(d, o), lanes = 0;

	if (fit(d, s, queries, ask.keep, o->k, e) == -1)
		return -1;
	for (uint32_t i = 0; i < queries; i++) {
		count[i] = 0;
		live[i] = NULL;
		if (check(d, query + (size_t)i * d->h.dim, o, e) == -1 ||
		    fill_lane(d, s, &lane[lanes], i, ask.keep, o->k,
			query + (size_t)i * d->h.dim, e) == -1)
			return -1;
		if (!is_hopeless(d, &lane[lanes].query, wanted))
			live[i] = &lane[lanes++];
	}
	if (lanes > 0 && scan_lanes(d, s, &ask, lane, lanes, &report, e) == -1)
		return -1;
	for (uint32_t i = 0; i < queries; i++) {
		struct dense_hit *hits = out + (size_t)i * o->k;
		if (live[i] != NULL)
			count[i] = d->coarse != NULL
			    ? take_hits(&live[i]->best, hits)
			    : rerank(d, s, live[i], ask.keep, o->k, hits);
	}
	return 0;
}

int
dense_search_many(const struct dense *d, struct dense_scratch *s, const float *query,
    uint32_t queries, const struct dense_options *o, struct dense_hit *out, uint32_t *count,
    struct err *e)
{
	bool walk = is_walk(d, o);

	for (uint32_t i = 0, n; i < queries; i += n) {
		const float *q = query + (size_t)i * d->h.dim;
		struct dense_hit *hits = out + (size_t)i * o->k;
		int rc;
		n = walk ? 1 : queries - i < LANES_MAX ? queries - i : LANES_MAX;
		rc = walk ? dense_search(d, s, q, o, hits, count + i, NULL, e)
			  : scan_block(d, s, q, n, o, hits, count + i, e);
		if (rc == -1)
			return -1;
	}
	return 0;
}

void
dense_ready(const struct dense *d, const float *query, float *ready)
{
	if (d->h.metric == DENSE_COSINE)
		vec_normalise(ready, query, d->h.dim);
	else
		memcpy(ready, query, d->h.dim * sizeof *query);
}

float
dense_score_ready(const struct dense *d, uint32_t row, const float *ready)
{
	struct dense_query q = {.exact = (float *)ready};

	if (row >= d->h.rows)
		return -INFINITY;
	/* Where all have one, the code is not looked at: it is not near. */
	if (d->h.rows_with_vector != d->h.rows && !dense_has_vector(d, row))
		return -INFINITY;
	return dense_exact_score(d, &q, row);
}

float
dense_score(const struct dense *d, uint32_t row, const float *query)
{
	float ready[INDEX_DIM_MAX];

	dense_ready(d, query, ready);
	return dense_score_ready(d, row, ready);
}
