/* lsa_train.c - the built-in embedder at build time. */
#include "lsa.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "embed_format.h"
#include "linalg.h"
#include "lsa_format.h"
#include "sparse.h"
#include "vec.h"

enum {
	OVERSAMPLE = 16,	/* columns beyond dim: Halko et al. ask for 5 to 10 */
	POWER_ITERATIONS = 4,
	PASSES = 2 + 2 * POWER_ITERATIONS,
};

bool
lsa_is_worthwhile(const struct termdoc *t)
{
	return t->rows >= LSA_ROWS_MIN && t->terms > 0;
}

/* ---- entries of the matrix ---- */

/* Turns token sequences into rows of weights. */
struct lsa_weigher {
	const struct termdoc *t;
	double avg_len;
	uint32_t *count;	/* of each term in the row at hand; all zero between rows */
	uint32_t *term;		/* distinct terms of the row, in text order */
	float *weight;		/* beside term */
	float *idf;		/* of each term, to the power 1.5 */
	uint32_t n;
};

static void
weigher_fini(struct lsa_weigher *w)
{
	free(w->count);
	free(w->term);
	free(w->weight);
	free(w->idf);
}

static int
weigher_init(struct lsa_weigher *w, const struct termdoc *t, struct err *e)
{
	uint64_t longest = 1;

	*w = (struct lsa_weigher){.t = t};
	for (uint32_t r = 0; r < t->rows; r++)
		if (t->row_at[r + 1] - t->row_at[r] > longest)
			longest = t->row_at[r + 1] - t->row_at[r];
	if (longest > t->terms)		/* of distinct terms there are no more */
		longest = t->terms > 0 ? t->terms : 1;
	w->count = calloc((size_t)t->terms + 1, sizeof *w->count);
	w->idf = calloc((size_t)t->terms + 1, sizeof *w->idf);
	w->term = calloc(longest, sizeof *w->term);
	w->weight = calloc(longest, sizeof *w->weight);
	if (w->count == NULL || w->idf == NULL || w->term == NULL || w->weight == NULL) {
		weigher_fini(w);
		return err_set(e, ERR_NOMEM, "weights of %u terms", t->terms);
	}
	w->avg_len = t->rows > 0 ? (double)t->row_at[t->rows] / t->rows : 1;
	if (w->avg_len <= 0)
		w->avg_len = 1;
	for (uint32_t i = 0; i < t->terms; i++) {
		double idf = lsa_idf(t->rows, t->df[i]);
		w->idf[i] = (float)(idf * sqrt(idf));
	}
	return 0;
}

/* Row r of A, before it is normalised: BM25 with k1 = 1.2, b = 0.75. */
static void
weigh(struct lsa_weigher *w, uint32_t r)
{
	const uint32_t *token = w->t->token + w->t->row_at[r];
	uint64_t len = w->t->row_at[r + 1] - w->t->row_at[r];
	double k = 1.2 * (0.25 + 0.75 * (double)len / w->avg_len), norm = 0;

	w->n = 0;
	for (uint64_t i = 0; i < len; i++)
		if (w->count[token[i]]++ == 0)
			w->term[w->n++] = token[i];
	for (uint32_t i = 0; i < w->n; i++) {
		double tf = w->count[w->term[i]];
		w->weight[i] = (float)(w->idf[w->term[i]] * tf * 2.2 / (tf + k));
		norm += (double)w->weight[i] * w->weight[i];
		w->count[w->term[i]] = 0;
	}
	norm = norm > 0 ? 1 / sqrt(norm) : 0;
	for (uint32_t i = 0; i < w->n; i++)
		w->weight[i] = (float)(w->weight[i] * norm);
}

/* ---- the sparse matrix of the training sample ---- */

/* Evenly spaced, all of them up to LSA_SAMPLE_ROWS. */
static size_t
sample_rows(const struct termdoc *t)
{
	return t->rows < LSA_SAMPLE_ROWS ? t->rows : LSA_SAMPLE_ROWS;
}

static uint32_t
sampled(const struct termdoc *t, size_t i)
{
	return (uint32_t)((uint64_t)i * t->rows / sample_rows(t));
}

/* The smallest number of rows a term must be in, so that at most LSA_SLOTS_MAX terms are. */
static uint32_t
least_held(const uint32_t *held, uint32_t terms)
{
	uint32_t exactly[64] = {0}, left = 0, least = 1;

	for (uint32_t i = 0; i < terms; i++) {
		exactly[held[i] < 63 ? held[i] : 63]++;
		left += held[i] > 0;
	}
	while (left > LSA_SLOTS_MAX && least < 63)
		left -= exactly[least++];
	return least;
}

/* slot_of: a slot for each term that enough sampled rows hold, in the order of ids; ids
 * beyond LSA_SLOTS_MAX get none whatever their frequency. */
static size_t
assign_slots(struct lsa_weigher *w, uint32_t *slot_of, uint64_t *entries)
{
	const struct termdoc *t = w->t;
	size_t rows = sample_rows(t), slots = 0;
	uint32_t least;

	memset(slot_of, 0, t->terms * sizeof *slot_of);
	for (size_t i = 0; i < rows; i++) {
		weigh(w, sampled(t, i));
		for (uint32_t k = 0; k < w->n; k++)
			slot_of[w->term[k]]++;
	}
	least = least_held(slot_of, t->terms);
	*entries = 0;
	for (uint32_t i = 0; i < t->terms; i++) {
		uint32_t held = slot_of[i];
		bool takes = held >= least && slots < LSA_SLOTS_MAX;
		slot_of[i] = takes ? (uint32_t)slots++ : LSA_NO_SLOT;
		*entries += takes ? held : 0;
	}
	return slots;
}

static int
matrix_build(struct sparse *a, struct lsa_weigher *w, uint32_t *slot_of, struct err *e)
{
	uint64_t entries, n = 0;
	size_t slots = assign_slots(w, slot_of, &entries);

	if (sparse_init(a, sample_rows(w->t), slots, entries, e) == -1)
		return -1;
	for (size_t i = 0; i < a->rows; i++) {
		weigh(w, sampled(w->t, i));
		for (uint32_t k = 0; k < w->n; k++) {
			if (slot_of[w->term[k]] == LSA_NO_SLOT)
				continue;
			a->column[n] = slot_of[w->term[k]];
			a->value[n++] = w->weight[k];
		}
		a->at[i + 1] = n;
	}
	return 0;
}

/* ---- the decomposition ---- */

/* SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t
mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* The random start: signs, which serve as well as normal numbers and are cheaper. */
static void
fill_signs(float *z, size_t rows, size_t n, size_t stride)
{
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < n; j++) {
			uint64_t bits = mix((uint64_t)i << 8 | j / 64);
			z[i * stride + j] = bits >> j % 64 & 1 ? 1 : -1;
		}
}

/* y: an orthonormal basis of about the leading left singular space, z = A' y. */
static int
find_range(const struct sparse *a, const struct sparse *transposed, size_t n, float *y,
    float *z, const struct told *told, struct err *e)
{
	size_t stride = linalg_stride(n), rank;
	uint64_t passes = 0;

	fill_signs(z, a->columns, n, stride);
	told_that(told, passes++, PASSES);
	sparse_times(a, z, y, stride);
	for (int i = 0; i < POWER_ITERATIONS; i++) {
		if (linalg_orthonormalise(y, a->rows, n, stride, &rank, e) == -1)
			return -1;
		told_that(told, passes++, PASSES);
		sparse_times(transposed, y, z, stride);
		told_that(told, passes++, PASSES);
		sparse_times(a, z, y, stride);
	}
	if (linalg_orthonormalise(y, a->rows, n, stride, &rank, e) == -1)
		return -1;
	told_that(told, passes++, PASSES);
	sparse_times(transposed, y, z, stride);
	told_that(told, passes, PASSES);
	return 0;
}

/* z = A' Q (B transposed); B B' = W S^2 W'; V = B' W / S; so V S^(1/2) = z W S^(-1/2).
 * Replaces the first dim columns of z by that. */
static int
term_vectors(float *z, size_t slots, size_t n, size_t dim, struct err *e)
{
	double *g = calloc(n * n, sizeof *g), *w = calloc(n * n, sizeof *w);
	double *value = calloc(n, sizeof *value);
	int rc = -1;

	if (g == NULL || w == NULL || value == NULL) {
		err_set(e, ERR_NOMEM, "eigenvalues of %zu columns", n);
		goto out;
	}
	linalg_gram(g, z, slots, n, linalg_stride(n));
	if (linalg_eigen(g, n, value, w, e) == -1)
		goto out;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < dim; j++)	/* directions without weight vanish */
			g[i * dim + j] = value[j] > value[0] * 1e-9 && value[j] > 0
			    ? w[j * n + i] / sqrt(sqrt(value[j])) : 0;
	rc = linalg_times(z, slots, n, linalg_stride(n), g, dim, e);
out:
	free(g);
	free(w);
	free(value);
	return rc;
}

/* ---- the model ---- */

static int
model_alloc(struct lsa *m, uint32_t terms, uint32_t slots, uint32_t dim, struct err *e)
{
	struct lsa_layout at = lsa_layout(terms, slots, dim);
	char *memory = calloc(1, (size_t)at.bytes);

	if (memory == NULL)
		return err_set(e, ERR_NOMEM, "a model of %u terms", slots);
	*m = (struct lsa){
	    .dim = dim,
	    .terms = terms,
	    .slots = slots,
	    .slot = (const void *)(memory + at.slot),
	    .scale = (const void *)(memory + at.scale),
	    .code = (const void *)(memory + at.code),
	    .owned = memory,
	};
	return 0;
}

void
lsa_fini(struct lsa *m)
{
	if (m == NULL)
		return;
	free(m->owned);
	memset(m, 0, sizeof *m);
}

/* The arrays of an owned model, to be written. */
#define WRITABLE(type, pointer) ((type *)(uintptr_t)(pointer))

/* One byte a component, one scale a term: measured to change no ranking figure. */
static void
quantise(struct lsa *m, const float *z, size_t stride)
{
	float *scale = WRITABLE(float, m->scale);
	int8_t *code = WRITABLE(int8_t, m->code);

	for (uint32_t s = 0; s < m->slots; s++) {
		const float *v = z + s * stride;
		float top = 0;
		for (uint32_t i = 0; i < m->dim; i++)
			if (fabsf(v[i]) > top)
				top = fabsf(v[i]);
		scale[s] = top / 127;
		if (!(top > 0))
			continue;
		for (uint32_t i = 0; i < m->dim; i++)
			code[(size_t)s * m->dim + i] = (int8_t)lrintf(v[i] / top * 127);
	}
}

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static int
train(struct lsa *m, const struct sparse *a, uint32_t terms, const struct told *told,
    struct err *e)
{
	size_t most = smaller(a->rows, a->columns);
	size_t dim = smaller(LSA_DIM_MAX, smaller(a->rows - 1, a->columns));
	size_t n = smaller(dim + OVERSAMPLE, most), stride = linalg_stride(n);
	float *y = linalg_alloc(a->rows, stride), *z = linalg_alloc(a->columns, stride);
	struct sparse transposed = {0};
	int rc = -1;

	if (y == NULL || z == NULL) {
		err_set(e, ERR_NOMEM, "a matrix of %zu rows, %zu terms", a->rows, a->columns);
		goto out;
	}
	if (sparse_transpose(&transposed, a, e) == -1 ||
	    find_range(a, &transposed, n, y, z, told, e) == -1)
		goto out;
	sparse_fini(&transposed);
	free(y);
	y = NULL;
	if (term_vectors(z, a->columns, n, dim, e) == -1 ||
	    model_alloc(m, terms, (uint32_t)a->columns, (uint32_t)dim, e) == -1)
		goto out;
	m->trained_rows = a->rows;
	quantise(m, z, stride);
	rc = 0;
out:
	sparse_fini(&transposed);
	free(y);
	free(z);
	return rc;
}

int
lsa_train(struct lsa *m, const struct termdoc *t, const struct told *told, struct err *e)
{
	struct lsa_weigher w;
	struct sparse a = {0};
	uint32_t *slot_of = NULL;
	int rc = -1;

	memset(m, 0, sizeof *m);
	if (!lsa_is_worthwhile(t))
		return err_set(e, ERR_INPUT, "%u rows are too few for an embedder of their own",
		    t->rows);
	if (weigher_init(&w, t, e) == -1)
		return -1;
	if ((slot_of = calloc(t->terms, sizeof *slot_of)) == NULL) {
		err_set(e, ERR_NOMEM, "%u terms", t->terms);
		goto out;
	}
	if (matrix_build(&a, &w, slot_of, e) == -1)
		goto out;
	if (a.columns == 0) {
		err_set(e, ERR_INPUT, "no two rows share a term");
		goto out;
	}
	if (train(m, &a, t->terms, told, e) == -1)
		goto out;
	memcpy(WRITABLE(uint32_t, m->slot), slot_of, t->terms * sizeof *slot_of);
	rc = 0;
out:
	if (rc == -1)
		lsa_fini(m);
	weigher_fini(&w);
	sparse_fini(&a);
	free(slot_of);
	return rc;
}

int
lsa_carry(struct lsa *m, const struct lsa *base,
    int64_t (*old_id)(void *lexicon, const char *term, size_t len), void *lexicon,
    const struct termdoc *t, struct err *e)
{
	uint32_t *old_slot = calloc((size_t)t->terms + 1, sizeof *old_slot), *slot;
	uint32_t slots = 0;
	int rc = -1;

	memset(m, 0, sizeof *m);
	if (old_slot == NULL)
		return err_set(e, ERR_NOMEM, "%u terms", t->terms);
	for (uint32_t i = 0; i < t->terms; i++) {
		int64_t id = old_id(lexicon, t->term_bytes + t->term_at[i],
		    (size_t)(t->term_at[i + 1] - t->term_at[i]));
		old_slot[i] = id >= 0 && id < base->terms ? base->slot[id] : LSA_NO_SLOT;
		if (old_slot[i] >= base->slots)
			old_slot[i] = LSA_NO_SLOT;
		else
			slots++;
	}
	if (model_alloc(m, t->terms, slots, base->dim, e) == -1)
		goto out;
	m->trained_rows = base->trained_rows;
	slot = WRITABLE(uint32_t, m->slot);
	slots = 0;
	for (uint32_t i = 0; i < t->terms; i++) {
		slot[i] = LSA_NO_SLOT;
		if (old_slot[i] == LSA_NO_SLOT)
			continue;
		memcpy(WRITABLE(int8_t, m->code) + (size_t)slots * m->dim,
		    base->code + (size_t)old_slot[i] * m->dim, m->dim);
		WRITABLE(float, m->scale)[slots] = base->scale[old_slot[i]];
		slot[i] = slots++;
	}
	rc = 0;
out:
	free(old_slot);
	return rc;
}

static void
fold_in(const struct lsa *m, struct lsa_weigher *w, uint32_t row, float *v)
{
	memset(v, 0, m->dim * sizeof *v);
	weigh(w, row);
	for (uint32_t k = 0; k < w->n; k++) {
		uint32_t slot = m->slot[w->term[k]];
		if (slot < m->slots)
			lsa_add(m, slot, w->weight[k], v);
	}
	vec_normalise(v, v, m->dim);
}

/* Rows, each by one of the threads. */
struct folding {
	const struct lsa *m;
	const uint32_t *row;	/* NULL: first, first + 1, ... */
	uint32_t first, n;
	float *out;		/* of row `first` */
	struct lsa_weigher weigher[CREW_MAX];
	unsigned parts;
};

static void
fold_part(void *context, size_t part)
{
	struct folding *f = context;
	uint64_t from = (uint64_t)f->n * part / f->parts, to = (uint64_t)f->n * (part + 1) / f->parts;

	for (uint64_t i = from; i < to; i++) {
		uint32_t row = f->row != NULL ? f->row[i] : f->first + (uint32_t)i;
		fold_in(f->m, &f->weigher[part], row,
		    f->out + (size_t)(row - f->first) * f->m->dim);
	}
}

static int
fold_all(struct folding *f, const struct termdoc *t, struct err *e)
{
	int rc = 0;

	while (f->parts < crew_size() && rc == 0)
		if ((rc = weigher_init(&f->weigher[f->parts], t, e)) == 0)
			f->parts++;
	if (rc == 0)
		crew_run(fold_part, f, f->parts);
	while (f->parts > 0)
		weigher_fini(&f->weigher[--f->parts]);
	return rc;
}

int
lsa_rows(const struct lsa *m, const struct termdoc *t, uint32_t first, uint32_t n, float *out,
    struct err *e)
{
	struct folding f = {.m = m, .first = first, .n = n, .out = out};

	if (m->terms != t->terms || first > t->rows || n > t->rows - first)
		return err_set(e, ERR_INTERNAL, "rows and model do not belong together");
	return fold_all(&f, t, e);
}

int
lsa_rows_listed(const struct lsa *m, const struct termdoc *t, const uint32_t *row, uint32_t n,
    float *out, struct err *e)
{
	struct folding f = {.m = m, .row = row, .n = n, .out = out};

	if (m->terms != t->terms)
		return err_set(e, ERR_INTERNAL, "rows and model do not belong together");
	for (uint32_t i = 0; i < n; i++)
		if (row[i] >= t->rows)
			return err_set(e, ERR_INTERNAL, "row %u of %u", row[i], t->rows);
	return fold_all(&f, t, e);
}

int
lsa_put(const struct lsa *m, struct rpx_writer *w, struct err *e)
{
	static const uint8_t zeros[64];
	struct lsa_layout at = lsa_layout(m->terms, m->slots, m->dim);
	const struct embed_header h = {.format = EMBED_FORMAT,
	    .kind = EMBED_KIND_LSA,
	    .dim = m->dim,
	    .count = m->terms};
	const struct lsa_header own = {.slots = m->slots, .trained_rows = m->trained_rows};
	size_t slot_bytes = 4 * (size_t)m->terms, scale_bytes = 4 * (size_t)m->slots;

	if (rpx_begin(w, RPX_EMBEDDER, e) == -1 || rpx_put(w, &h, sizeof h, e) == -1 ||
	    rpx_put(w, &own, sizeof own, e) == -1 ||
	    rpx_put(w, m->slot, slot_bytes, e) == -1 ||
	    rpx_put(w, zeros, (size_t)(at.scale - at.slot) - slot_bytes, e) == -1 ||
	    rpx_put(w, m->scale, scale_bytes, e) == -1 ||
	    rpx_put(w, zeros, (size_t)(at.code - at.scale) - scale_bytes, e) == -1 ||
	    rpx_put(w, m->code, (size_t)m->slots * m->dim, e) == -1)
		return -1;
	return rpx_end(w, m->slots, e);
}
