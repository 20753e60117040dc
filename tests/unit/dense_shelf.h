/* dense_shelf.h - rows of vectors, and an index of them on disk and open, for the tests of
 * the dense sections. */
#ifndef RAGPOOL_TEST_DENSE_SHELF_H
#define RAGPOOL_TEST_DENSE_SHELF_H

#include <math.h>
#include <unistd.h>

#include "dense.h"
#include "dense_format.h"
#include "unit.h"

static char *folder;
static char path[600];

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/index.rpx", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

/* ---- data ---- */

static uint64_t random_state = 1;

static uint32_t
next_random(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33);
}

static float
bell(void)
{
	float sum = 0;

	for (int i = 0; i < 4; i++)
		sum += (float)(next_random() % 65536) / 65536 - 0.5f;
	return sum;
}

/* Rows around a few hundred centres, spread over decaying axes. */
static float *
make_rows(uint32_t rows, uint32_t dim, uint64_t seed)
{
	enum { CENTRES = 200 };
	float *v = malloc((size_t)rows * dim * sizeof *v);
	float *centre = malloc((size_t)CENTRES * dim * sizeof *centre);

	random_state = 77;
	for (uint32_t i = 0; i < CENTRES * dim; i++)
		centre[i] = bell();
	random_state = seed;
	for (uint32_t row = 0; row < rows; row++) {
		const float *c = centre + (size_t)(next_random() % CENTRES) * dim;
		for (uint32_t i = 0; i < dim; i++)
			v[(size_t)row * dim + i] =
			    c[i] + bell() * 2 / sqrtf((float)(1 + i / 4));
	}
	free(centre);
	return v;
}

/* ---- an index on disk and open ---- */

struct shelf {
	struct rpx r;
	struct dense *d;
	struct dense_scratch *s;
	struct dense_built built;
};

static int
write_index(const char *to, const float *v, uint32_t rows, const struct dense_params *p,
    const struct dense_base *base, struct dense_built *built, struct err *e)
{
	struct rpx_writer *w;

	unlink(to);
	if (rpx_create(&w, to, "alpha", e) == -1)
		return -1;
	if (dense_write(w, v, rows, p, base, built, e) == -1) {
		rpx_abandon(w);
		return -1;
	}
	return rpx_finish(w, e);
}

static void
open_shelf(struct shelf *b, const char *at)
{
	struct err e;

	assert_ok(rpx_open(&b->r, at, &e), &e);
	assert_ok(dense_open(&b->d, &b->r, &e), &e);
	assert_non_null(b->s = dense_scratch_new(&e));
}

static void
put_on_shelf(struct shelf *b, const float *v, uint32_t rows, const struct dense_params *p)
{
	struct err e;

	assert_ok(write_index(path, v, rows, p, NULL, &b->built, &e), &e);
	open_shelf(b, path);
	assert_ok(rpx_verify(&b->r, &e), &e);
	assert_ok(dense_verify(b->d, &e), &e);
}

static void
clear_shelf(struct shelf *b)
{
	dense_scratch_free(b->s);
	dense_close(b->d);
	rpx_close(&b->r);
}

#endif
