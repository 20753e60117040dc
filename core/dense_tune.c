/* dense_tune.c - how far a walk must look for a given recall, measured on this index.
 *
 * By questions, where the caller has some: how hard a question is depends on how far it lies
 * from the rows, and that differs between collections more than any rule covers.  Without
 * them they are made of rows: a row and, nearly as long, the sum of four others with random
 * signs, which lies among the rows as their own spread does.  Measured (slack that gives
 * 0.95): by such rows 0.104 where questions to text need 0.100; 0.152 where new points of
 * clusters need 0.056, too careful; rows with a little noise promised 0.95 where text got
 * 0.85. */
#include <math.h>
#include <stdlib.h>

#include "dense_build.h"

enum { SAMPLES = 500, QUESTIONS_MIN = 50, K = 10, GOALS = 3, OTHERS = 4 };

static const float goal[GOALS] = {0.90f, 0.95f, 0.99f};
static const float step[] = {0.02f, 0.03f, 0.045f, 0.07f, 0.10f, 0.14f, 0.20f, 0.28f, 0.40f};
enum { STEPS = sizeof step / sizeof *step };

#define ASIDE 0.9f

/* A row moved aside by 0.9 of its length; sum is room for a vector. */
static void
make_query(const struct dense *d, uint32_t row, uint64_t seed, float *sum, float *out)
{
	uint32_t dim = d->h.dim;
	double length, aside;

	memset(sum, 0, dim * sizeof *sum);
	for (int i = 0; i < OTHERS; i++) {
		seed = mix64(seed);
		dense_vector(d, (uint32_t)((seed >> 1) % d->h.rows), out);
		for (uint32_t k = 0; k < dim; k++)
			sum[k] += seed & 1 ? out[k] : -out[k];
	}
	dense_vector(d, row, out);
	length = sqrt(vec_norm2(out, dim));
	aside = sqrt(vec_norm2(sum, dim));
	for (uint32_t k = 0; k < dim && aside > 0; k++)
		out[k] += (float)(sum[k] * (ASIDE * length / aside));
}

struct tune {
	float *query;
	float *sum;
	struct dense_hit *truth;
	struct dense_scratch *scratch;
	uint32_t count[SAMPLES];	/* of truth */
	uint32_t samples;
};

/* The caller's questions, evenly drawn, or rows. */
static void
sample(const struct dense *d, struct tune *t, const struct dense_params *p)
{
	size_t dim = d->h.dim, bytes = dim * sizeof(float);

	if (p->question_count >= QUESTIONS_MIN) {
		t->samples = p->question_count < SAMPLES ? p->question_count : SAMPLES;
		for (size_t i = 0; i < t->samples; i++)
			memcpy(t->query + i * dim, p->questions +
			    i * p->question_count / t->samples * dim, bytes);
		return;
	}
	for (uint64_t x = p->seed, tries = 0; t->samples < SAMPLES && tries < 8 * SAMPLES;
	     tries++) {
		uint32_t row = (uint32_t)((x = mix64(x)) % d->h.rows);
		if (dense_has_vector(d, row))
			make_query(d, row, x, t->sum, t->query + t->samples++ * dim);
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

/* From near to far; each goal takes what lies between the last step that missed it and the
 * first that reaches it. */
static int
find_slacks(struct dense *d, struct tune *t, struct err *e)
{
	float recall, before = 0, by;

	for (int i = 0, at = 0; i < STEPS && at < GOALS; i++, before = recall) {
		if (recall_at(d, t, step[i], &recall, e) == -1)
			return -1;
		for (; at < GOALS && (recall >= goal[at] || i == STEPS - 1); at++) {
			d->h.slack[at] = step[i];
			d->h.recall[at] = recall;
			if (i == 0 || recall < goal[at])
				continue;
			by = (goal[at] - before) / (recall - before);
			d->h.slack[at] = step[i - 1] + (step[i] - step[i - 1]) * by;
			d->h.recall[at] = goal[at];
		}
	}
	return 0;
}

int
dense_tune(struct dense *d, const struct dense_params *p, struct err *e)
{
	struct dense_options exact = {.k = K, .exact = true};
	size_t dim = d->h.dim;
	struct tune t = {
	    .query = malloc(SAMPLES * dim * sizeof(float)),
	    .sum = malloc(dim * sizeof(float)),
	    .truth = malloc(SAMPLES * K * sizeof(struct dense_hit)),
	    .scratch = dense_scratch_new(e),
	};
	int rc = -1;

	if (t.query == NULL || t.sum == NULL || t.truth == NULL || t.scratch == NULL) {
		err_sys(e, ERR_NOMEM, "dense build");
		goto out;
	}
	sample(d, &t, p);
	if (dense_search_many(d, t.scratch, t.query, t.samples, &exact, t.truth, t.count,
	    e) == -1 ||
	    find_slacks(d, &t, e) == -1)
		goto out;
	rc = 0;
out:
	dense_scratch_free(t.scratch);
	free(t.query);
	free(t.sum);
	free(t.truth);
	return rc;
}
