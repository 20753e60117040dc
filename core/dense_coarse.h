/* dense_coarse.h - coarse codes of rows and queries, and the bound they give on a score.
 * Private to dense_*.c.  The layout of a record stands in dense_format.h. */
#ifndef RAGPOOL_DENSE_COARSE_H
#define RAGPOOL_DENSE_COARSE_H

#include <math.h>

#include "dense_format.h"

/* A query ready to be compared with coarse codes.  No exact score of a row is larger than
 *   step * (by_dot * (dot3 - middle)) + by_error * error - by_norm2 * norm2 + plus
 * where step, error and norm2 are its tail's. */
struct coarse_query {
	int8_t *code;			/* coarse_values_of(dim), zeros behind dim */
	float by_dot;
	float middle;
	float by_error;
	float by_norm2;
	float plus;
};

/* The record of one vector, as it is stored exactly. */
void dense_coarse_encode(uint8_t *record, const float *v, uint32_t dim);
/* Of a row of an index whose exact vectors are in place; zeros when it has none. */
void dense_coarse_of_row(const struct dense *d, uint32_t row, uint8_t *record);

/* q is filled; c->code is the caller's. */
void dense_coarse_query(struct coarse_query *c, const struct dense *d,
    const struct dense_query *q);

/* Four values at once, in the compiler's own vectors: it does not make them of a loop with
 * comparisons. */
typedef float floats4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t ints4 __attribute__((vector_size(16), aligned(4), may_alias));

static inline floats4
floats4_pick(ints4 mask, floats4 a, floats4 b)
{
	return (floats4)(((ints4)a & mask) | ((ints4)b & ~mask));
}

/* Makes of it the bound that holds in all likelihood (dense_options.nearly), for tails that
 * went through dense_coarse_make_likely() as well. */
void dense_coarse_query_likely(struct coarse_query *c, uint32_t dim);

/* Where most of the vector is lost, nothing is likely: the error is without bound. */
static inline void
dense_coarse_make_likely(floats4 *step, floats4 *error, floats4 norm2)
{
	const floats4 all = {INFINITY, INFINITY, INFINITY, INFINITY};
	floats4 kept = norm2 - *error * *error;
	ints4 is_sound = kept > 0.5f * norm2;

	*step = floats4_pick(is_sound, *step * (norm2 / kept), *step);
	*error = floats4_pick(is_sound, *error, all);
}

#endif
