/* dense_tune.c - how far a walk must look for a given recall, measured on this index.
 *
 * Nobody's questions are at hand when an index is built, so the queries are made of rows.
 * Questions are further from the rows than rows are from each other; queries that are
 * rows with a little noise promised 0.95 where text got 0.85. */
#include <math.h>
#include <stdlib.h>

#include "dense_build.h"

enum { SAMPLES = 200, K = 10, GOALS = 3 };

static const float goal[GOALS] = {0.90f, 0.95f, 0.99f};
static const float step[] = {0.02f, 0.04f, 0.06f, 0.08f, 0.10f, 0.12f, 0.16f, 0.20f, 0.25f,
    0.30f};
enum { STEPS = sizeof step / sizeof *step };

#define OTHER 0.5f
#define NOISE 0.6f


static float
bell(uint64_t *x)
{
	float sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (float)((*x = mix64(*x)) >> 40) * 0x1p-24f - 0.5f;
	return sum;
}

/* A row, some of another and noise, as long as the row: what falls between passages. */
static void
make_query(const struct dense *d, uint32_t row, uint64_t seed, float *other, float *out)
{
	uint32_t dim = d->h.dim;
	float length, by;

	dense_vector(d, row, out);
	length = sqrtf((float)vec_norm2(out, dim));
	if (dense_vector(d, (uint32_t)(mix64(seed) % d->h.rows), other)) {
		by = OTHER * length / sqrtf((float)vec_norm2(other, dim));
		for (uint32_t i = 0; i < dim; i++)
			out[i] += other[i] * by;
	}
	for (uint32_t i = 0; i < dim; i++)
		other[i] = bell(&seed);
	by = NOISE * length / sqrtf((float)vec_norm2(other, dim));
	for (uint32_t i = 0; i < dim; i++)
		out[i] += other[i] * by;
}

struct tune {
	float *query;
	float *noise;
	struct dense_hit *truth;
	struct dense_scratch *scratch;
	uint32_t count[SAMPLES];	/* of truth */
	uint32_t samples;
};

static void
sample(const struct dense *d, struct tune *t, uint64_t seed)
{
	uint32_t tries = 0;

	for (uint64_t x = seed; t->samples < SAMPLES && tries < 8 * SAMPLES; tries++) {
		uint32_t row = (uint32_t)((x = mix64(x)) % d->h.rows);
		if (dense_has_vector(d, row))
			make_query(d, row, x, t->noise,
			    t->query + (size_t)t->samples++ * d->h.dim);
	}
}

static int
recall_at(const struct dense *d, struct tune *t, float slack, float *recall, struct err *e)
{
	struct dense_options o = {.k = K, .slack = slack};
	struct dense_hit hit[K];
	uint32_t found = 0, all = 0, n;

	for (uint32_t i = 0; i < t->samples; i++) {
		const struct dense_hit *truth = t->truth + (size_t)i * K;
		if (dense_search(d, t->scratch, t->query + (size_t)i * d->h.dim, &o, hit, &n,
			NULL, e) == -1)
			return -1;
		all += t->count[i];
		for (uint32_t k = 0; k < n; k++)	/* a tie with the last counts */
			found += hit[k].score >= truth[t->count[i] - 1].score;
	}
	*recall = all > 0 ? (float)(found < all ? found : all) / (float)all : 1;
	return 0;
}

/* From near to far; each goal takes the first slack that reaches it. */
static int
find_slacks(struct dense *d, struct tune *t, struct err *e)
{
	float recall;

	for (int i = 0, at = 0; i < STEPS && at < GOALS; i++) {
		if (recall_at(d, t, step[i], &recall, e) == -1)
			return -1;
		for (; at < GOALS && (recall >= goal[at] || i == STEPS - 1); at++) {
			d->h.slack[at] = step[i];
			d->h.recall[at] = recall;
		}
	}
	return 0;
}

int
dense_tune(struct dense *d, uint64_t seed, struct err *e)
{
	struct dense_options exact = {.k = K, .exact = true};
	size_t dim = d->h.dim;
	struct tune t = {
	    .query = malloc(SAMPLES * dim * sizeof(float)),
	    .noise = malloc(dim * sizeof(float)),
	    .truth = malloc(SAMPLES * K * sizeof(struct dense_hit)),
	    .scratch = dense_scratch_new(e),
	};
	int rc = -1;

	if (t.query == NULL || t.noise == NULL || t.truth == NULL || t.scratch == NULL) {
		err_sys(e, ERR_NOMEM, "dense build");
		goto out;
	}
	sample(d, &t, seed);
	if (dense_search_many(d, t.scratch, t.query, t.samples, &exact, t.truth, t.count,
	    e) == -1 ||
	    find_slacks(d, &t, e) == -1)
		goto out;
	rc = 0;
out:
	dense_scratch_free(t.scratch);
	free(t.query);
	free(t.noise);
	free(t.truth);
	return rc;
}
