/* fuse.c - one list of hits from a lexical and a dense one, and what follows it. */
#include "fuse.h"

#include <math.h>
#include <string.h>

#include "vec.h"

static const char *const mode_names[FUSE_MODE_MAX] = {
#define X(symbol, name) [symbol] = name,
    FUSE_MODES(X)
#undef X
};

int
fuse_mode_of(const char *name, enum fuse_mode *out)
{
	for (int i = 0; i < FUSE_MODE_MAX; i++) {
		if (strcmp(mode_names[i], name) == 0) {
			*out = (enum fuse_mode)i;
			return 0;
		}
	}
	return -1;
}

struct fuse_options
fuse_options_for(enum embed_kind kind)
{
	return (struct fuse_options){
	    .mode = FUSE_HYBRID,
	    .dense_weight = 0.4f,
	    .near_weight = 0.35f,
	    .is_spread = kind == EMBED_KIND_EXTERNAL,
	    .others = FUSE_COSINE_MOST,
	};
}

/* ---- order ---- */

static float
or_zero(float f)
{
	return isfinite(f) ? f : 0;
}

static inline bool
is_lower(const struct fuse_hit *x, const struct fuse_hit *y)
{
	return x->row < y->row;
}

static inline bool
is_better(const struct fuse_hit *x, const struct fuse_hit *y)
{
	if (x->score < y->score || x->score > y->score)
		return x->score > y->score;
	return x->row < y->row;
}

/* Shell's sort (gaps: Ciura 2001): of a few hundred hits, mostly in order already, a fifth
 * of what qsort() takes, since it may look into them. */
static inline __attribute__((always_inline)) void
sort_hits(struct fuse_hit *hits, size_t count,
    bool (*is_before)(const struct fuse_hit *, const struct fuse_hit *))
{
	static const size_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

	for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
		size_t gap = gaps[g];
		for (size_t i = gap; i < count; i++) {
			struct fuse_hit moving;
			size_t at = i;
			if (!is_before(&hits[i], &hits[i - gap]))
				continue;
			moving = hits[i];
			for (; at >= gap && is_before(&moving, &hits[at - gap]); at -= gap)
				hits[at] = hits[at - gap];
			hits[at] = moving;
		}
	}
}

static void
sort_by_row(struct fuse_hit *hits, size_t count)
{
	sort_hits(hits, count, is_lower);
}

static void
sort_by_score(struct fuse_hit *hits, size_t count)
{
	sort_hits(hits, count, is_better);
}

/* ---- one entry for each row ---- */

/* The two lists into out, each with its places; score is only for sorting here. */
static size_t
gather(const struct fuse_lexical *lexical, size_t lexical_count, const struct fuse_dense *dense,
    size_t dense_count, const struct fuse_options *o, struct fuse_hit *out)
{
	struct fuse_hit *behind = out + lexical_count;

	for (size_t i = 0; i < lexical_count; i++) {
		out[i] = (struct fuse_hit){.row = lexical[i].row,
		    .bm25 = or_zero(lexical[i].bm25), .near = or_zero(lexical[i].near)};
		out[i].score = out[i].bm25 + o->near_weight * out[i].near;
	}
	for (size_t i = 0; i < dense_count; i++) {
		behind[i] = (struct fuse_hit){.row = dense[i].row,
		    .cosine = or_zero(dense[i].cosine), .score = or_zero(dense[i].cosine)};
	}
	sort_by_score(out, lexical_count);
	sort_by_score(behind, dense_count);
	for (size_t i = 0; i < lexical_count; i++)
		out[i].lexical_place = (uint32_t)i + 1;
	for (size_t i = 0; i < dense_count; i++)
		behind[i].dense_place = (uint32_t)i + 1;
	return lexical_count + dense_count;
}

/* Puts the two entries of a row together; answers how many rows there are. */
static size_t
join(struct fuse_hit *hits, size_t count)
{
	size_t n = 0;

	sort_by_row(hits, count);
	for (size_t i = 0; i < count; i++) {
		struct fuse_hit *last = n > 0 ? &hits[n - 1] : NULL;
		if (last == NULL || last->row != hits[i].row) {
			hits[n++] = hits[i];
		} else if (hits[i].dense_place != 0) {
			last->dense_place = hits[i].dense_place;
			last->cosine = hits[i].cosine;
		} else {
			last->lexical_place = hits[i].lexical_place;
			last->bm25 = hits[i].bm25;
			last->near = hits[i].near;
		}
	}
	return n;
}

/* ---- scales ---- */

struct scale {
	float low, high;
};

static struct scale
no_scale(void)
{
	return (struct scale){INFINITY, -INFINITY};
}

static void
widen(struct scale *s, float value)
{
	s->low = fminf(s->low, value);
	s->high = fmaxf(s->high, value);
}

static float
per_unit(const struct scale *s)
{
	return s->high > s->low ? 1 / (s->high - s->low) : 0;
}

static void
set_parts(struct fuse_hit *h, float bm25, float near, float dense)
{
	h->part.bm25 = bm25;
	h->part.near = near;
	h->part.dense = dense;
	h->score = bm25 + near + dense;
}

/* ---- the modes ---- */

/* The cosines that the dense list does not have; rows without a vector count 0. */
static void
complete_cosines(struct fuse_hit *hits, size_t count, const struct fuse_options *o)
{
	for (size_t i = 0; i < count && o->cosine != NULL; i++)
		if (hits[i].dense_place == 0)
			hits[i].cosine = or_zero(o->cosine(o->context, hits[i].row));
}

static float
dense_weight(const struct fuse_options *o, size_t lexical_count, size_t dense_count)
{
	if (dense_count == 0)
		return 0;
	return lexical_count == 0 ? 1 : o->dense_weight;
}

static void
score_hybrid(struct fuse_hit *hits, size_t count, const struct fuse_options *o, float w)
{
	struct scale cosines = no_scale();
	float top = 0, by, low = 0, unit = 1;

	if (w > 0)
		complete_cosines(hits, count, o);
	for (size_t i = 0; i < count; i++) {
		top = fmaxf(top, hits[i].bm25 + o->near_weight * hits[i].near);
		widen(&cosines, hits[i].cosine);
	}
	if (o->is_spread && cosines.high > cosines.low) {
		low = cosines.low;
		unit = per_unit(&cosines);
	}
	by = top > 0 ? (1 - w) / top : 0;
	for (size_t i = 0; i < count; i++)
		set_parts(&hits[i], by * hits[i].bm25, by * o->near_weight * hits[i].near,
		    w * (hits[i].cosine - low) * unit);
}

static void
score_minmax(struct fuse_hit *hits, size_t count, const struct fuse_options *o, float w)
{
	struct scale lexical = no_scale(), cosines = no_scale();
	float by, by_dense;

	for (size_t i = 0; i < count; i++) {
		if (hits[i].lexical_place != 0)
			widen(&lexical, hits[i].bm25 + o->near_weight * hits[i].near);
		if (hits[i].dense_place != 0)
			widen(&cosines, hits[i].cosine);
	}
	by = (1 - w) * per_unit(&lexical);
	by_dense = w * per_unit(&cosines);
	for (size_t i = 0; i < count; i++) {
		struct fuse_hit *h = &hits[i];
		float bm25 = by > 0 ? by * (h->bm25 - lexical.low) : 1 - w;
		float cosine = by_dense > 0 ? by_dense * (h->cosine - cosines.low) : w;
		bool has = h->lexical_place != 0;
		set_parts(h, has ? bm25 : 0, has ? by * o->near_weight * h->near : 0,
		    h->dense_place != 0 ? cosine : 0);
	}
}

static float
by_place(uint32_t place)
{
	return place != 0 ? 1.0f / (float)(FUSE_RRF_K + place) : 0;
}

size_t
fuse(const struct fuse_lexical *lexical, size_t lexical_count, const struct fuse_dense *dense,
    size_t dense_count, const struct fuse_options *o, struct fuse_hit *out)
{
	size_t count;
	float w;

	if (o->mode == FUSE_DENSE)
		lexical_count = 0;
	if (o->mode == FUSE_LEXICAL)
		dense_count = 0;
	w = dense_weight(o, lexical_count, dense_count);
	count = gather(lexical, lexical_count, dense, dense_count, o, out);
	if (lexical_count > 0 && dense_count > 0)
		count = join(out, count);
	switch (o->mode) {
	case FUSE_HYBRID:
		score_hybrid(out, count, o, w);
		break;
	case FUSE_MINMAX:
		score_minmax(out, count, o, w);
		break;
	case FUSE_RRF:
		for (size_t i = 0; i < count; i++)
			set_parts(&out[i], by_place(out[i].lexical_place), 0,
			    by_place(out[i].dense_place));
		break;
	default:
		for (size_t i = 0; i < count; i++)
			set_parts(&out[i], out[i].bm25, o->near_weight * out[i].near,
			    out[i].cosine);
	}
	sort_by_score(out, count);
	return count;
}

/* ---- what follows ---- */

static float
lexical_score(const struct fuse_lexical *l, const struct fuse_options *o)
{
	return or_zero(l->bm25) + o->near_weight * or_zero(l->near);
}

static int
make_exact(struct fuse_lexical *lexical, size_t i, const struct fuse_options *o, struct err *e)
{
	if (o->near(o->context, i, &lexical[i].near, e) == -1)
		return -1;
	lexical[i].is_most = false;
	return 0;
}

/* The best of the list, which all others are measured by.  As rounding never turns an order
 * round, a score made of what near can be at most is not below the score. */
static int
find_top(struct fuse_lexical *lexical, size_t count, const struct fuse_options *o, float *top,
    struct err *e)
{
	*top = 0;
	for (size_t i = 0; i < count; i++) {
		if (!(lexical_score(&lexical[i], o) > *top))
			continue;
		if (lexical[i].is_most && make_exact(lexical, i, o, e) == -1)
			return -1;
		*top = fmaxf(*top, lexical_score(&lexical[i], o));
	}
	return 0;
}

/* What the parts of a score are measured by, as score_hybrid() does. */
struct measure {
	float bm25, near, cosine;
};

static struct measure
measure_by(float top, const struct fuse_options *o)
{
	float by = top > 0 ? (1 - o->dense_weight) / top : 0;

	return (struct measure){by, by * o->near_weight, o->dense_weight};
}

/* Larger comes first: by score, what is not exact yet before what is, the lower row.  Scores
 * that are not above 0 are none. */
static uint64_t
key_of_score(const struct fuse_lexical *l, float cosine, const struct measure *m)
{
	float score = m->bm25 * or_zero(l->bm25) + m->near * or_zero(l->near) + m->cosine * cosine;
	uint32_t bits;

	memcpy(&bits, &score, sizeof bits);
	return score > 0
	    ? (uint64_t)bits << 32 | (uint32_t)l->is_most << 31 | (0x7fffffff - l->row)
	    : 0;
}

static float
score_of_key(uint64_t key)
{
	uint32_t bits = (uint32_t)(key >> 32);
	float score;

	memcpy(&score, &bits, sizeof score);
	return score;
}

static struct fuse_hit
hit_of(const struct fuse_lexical *l, float cosine, const struct measure *m)
{
	struct fuse_hit h = {.row = l->row, .bm25 = or_zero(l->bm25), .near = or_zero(l->near),
	    .cosine = cosine};

	set_parts(&h, m->bm25 * h.bm25, m->near * h.near, m->cosine * cosine);
	return h;
}

static size_t
largest(const uint64_t *key, size_t count)
{
	uint64_t most = key[0];
	size_t at = 0;

	for (size_t i = 1; i < count; i++) {
		at = key[i] > most ? i : at;
		most = key[i] > most ? key[i] : most;
	}
	return at;
}

int
fuse_first(struct fuse_lexical *lexical, size_t count, const struct fuse_options *o, size_t k,
    uint64_t *key, float *cosine, struct fuse_hit *out, size_t *n, struct err *e)
{
	float top, most = o->dense_weight * o->others;
	struct measure m;

	*n = 0;
	if (find_top(lexical, count, o, &top, e) == -1)
		return -1;
	m = measure_by(top, o);
	for (size_t i = 0; i < count; i++) {
		cosine[i] = or_zero(o->cosine(o->context, lexical[i].row));
		key[i] = key_of_score(&lexical[i], cosine[i], &m);
	}
	while (*n < k && *n < count) {
		size_t i = largest(key, count);
		if (!(score_of_key(key[i]) > most))
			break;
		if (lexical[i].is_most) {
			if (make_exact(lexical, i, o, e) == -1)
				return -1;
			key[i] = key_of_score(&lexical[i], cosine[i], &m);
			continue;
		}
		if (*n == 0 && cosine[i] == 0)
			break;		/* then there may be no vectors at all */
		out[(*n)++] = hit_of(&lexical[i], cosine[i], &m);
		key[i] = 0;
	}
	return 0;
}

void
fuse_feedback(const struct fuse_hit *hits, size_t count,
    bool (*vector)(void *context, uint32_t row, float *out), void *context, const float *query,
    uint32_t dim, float *scratch, float *out)
{
	const struct vec_ops *ops = vec_ops();
	float *mean = scratch, *one = scratch + dim;

	memset(mean, 0, dim * sizeof *mean);
	for (size_t i = 0; i < count && i < FUSE_FEEDBACK_HITS; i++) {
		if (!(hits[i].score > 0) || !vector(context, hits[i].row, one))
			continue;
		ops->add(mean, hits[i].score, one, dim);
	}
	vec_normalise(mean, mean, dim);
	ops->add(mean, 1, query, dim);
	vec_normalise(out, mean, dim);
}

/* Moves hits[from] to `to`, those between one place back. */
static void
move_up(struct fuse_hit *hits, size_t from, size_t to)
{
	struct fuse_hit h = hits[from];

	memmove(hits + to + 1, hits + to, (from - to) * sizeof *hits);
	hits[to] = h;
}

void
fuse_diversify(struct fuse_hit *hits, size_t count, size_t k, float lambda,
    float (*likeness)(void *context, uint32_t row, uint32_t other), void *context)
{
	float top = 0;

	for (size_t i = 0; i < count; i++) {
		hits[i].likeness = 0;
		top = fmaxf(top, hits[i].score);
	}
	for (size_t n = 0; n < k && n < count; n++) {
		size_t best = n;
		float best_value = -INFINITY;
		for (size_t i = n; i < count; i++) {
			float value = lambda * (top > 0 ? hits[i].score / top : 0) -
			    (1 - lambda) * hits[i].likeness;
			if (value > best_value) {
				best = i;
				best_value = value;
			}
		}
		move_up(hits, best, n);
		for (size_t i = n + 1; i < count && n + 1 < k && lambda < 1; i++) {
			float like = or_zero(likeness(context, hits[i].row, hits[n].row));
			if (n == 0 || like > hits[i].likeness)
				hits[i].likeness = like;
		}
	}
}

size_t
fuse_group(struct fuse_hit *hits, size_t count, unsigned most,
    uint32_t (*document)(void *context, uint32_t row), void *context)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned before = 0;
		hits[i].document = document(context, hits[i].row);
		for (size_t k = 0; k < kept && before < most; k++)
			before += hits[k].document == hits[i].document;
		if (before < most)
			hits[kept++] = hits[i];
	}
	return kept;
}
