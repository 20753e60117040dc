/* dense_tune.c - how wide a walk must be for a given recall, measured on this index.
 *
 * The queries are rows moved by noise: nobody's questions are at hand when an index is
 * built.  Questions are further from the rows than rows are from each other, so the
 * noise is large; see NOISE. */
#include <math.h>
#include <stdlib.h>

#include "dense_build.h"

enum { SAMPLES = 256, K = 10, GOALS = 3 };

static const float goal[GOALS] = {0.90f, 0.95f, 0.99f};

/* Length of the noise against the row's own: a cosine of 0.7 to the row. */
#define NOISE 1.0f

static float
bell(uint64_t *x)
{
	float sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (float)((*x = mix64(*x)) >> 40) * 0x1p-24f - 0.5f;
	return sum;
}

static void
make_query(const struct dense *d, uint32_t row, uint64_t seed, float *noise, float *out)
{
	uint32_t dim = d->h.dim;
	float by;

	for (uint32_t i = 0; i < dim; i++)
		noise[i] = bell(&seed);
	dense_vector(d, row, out);
	by = NOISE * sqrtf((float)(vec_norm2(out, dim) / vec_norm2(noise, dim)));
	for (uint32_t i = 0; i < dim; i++)
		out[i] += noise[i] * by;
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
recall_at(const struct dense *d, struct tune *t, uint32_t ef, float *recall, struct err *e)
{
	struct dense_options o = {.k = K, .ef = ef};
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

/* From narrow to wide; each goal takes the first width that reaches it. */
static int
find_widths(struct dense *d, struct tune *t, struct err *e)
{
	uint32_t ef = 2 * K, at = 0;
	float recall;

	while (at < GOALS) {
		if (recall_at(d, t, ef, &recall, e) == -1)
			return -1;
		for (; at < GOALS && (recall >= goal[at] || ef >= 1024); at++) {
			d->h.ef[at] = ef;
			d->h.recall[at] = recall;
		}
		ef += (ef / 4 + 3) & ~3u;
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
	if (dense_search_many(d, t.scratch, t.query, t.samples, &exact, t.truth, t.count, e) == -1 ||
	    find_widths(d, &t, e) == -1)
		goto out;
	rc = 0;
out:
	dense_scratch_free(t.scratch);
	free(t.query);
	free(t.noise);
	free(t.truth);
	return rc;
}
