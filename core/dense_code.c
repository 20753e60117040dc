/* dense_code.c - vectors and queries as codes, and their scores. */
#include <math.h>

#include "dense_format.h"

/* Levels are placed between the smallest and the largest value of this one vector; one
 * pair for a whole collection lost 5 points of recall on text. */
void
dense_encode(uint8_t *record, const float *v, uint32_t dim)
{
	struct code_tail t = {.norm2 = (float)vec_norm2(v, dim)};
	size_t bytes = code_bytes_of(dim);
	float lo = v[0], hi = v[0], per_step;

	memset(record, 0, bytes + CODE_TAIL_BYTES);
	if (t.norm2 == 0)
		return;
	for (uint32_t i = 1; i < dim; i++) {
		lo = fminf(lo, v[i]);
		hi = fmaxf(hi, v[i]);
	}
	t.lo = lo;
	t.step = (hi - lo) / CODE_MAX;
	per_step = t.step > 0 ? 1 / t.step : 0;
	if (!isfinite(per_step))
		per_step = 0;			/* all values equal but for rounding */
	for (uint32_t i = 0; i < dim; i++) {
		float level = (v[i] - lo) * per_step + 0.5f;
		record[i] = (uint8_t)(level < CODE_MAX ? level : CODE_MAX);
		t.sum += record[i];
	}
	memcpy(record + bytes, &t, sizeof t);
}

int
dense_query_fill(struct dense_query *q, const struct dense *d, const float *v, struct err *e)
{
	uint32_t dim = d->h.dim;
	float most = 0, scale, sum = 0, two = d->h.metric == DENSE_L2 ? 2 : 1;

	if (!vec_is_finite(v, dim) || !isfinite((float)vec_norm2(v, dim)))
		return err_set(e, ERR_INPUT, "the query vector is not finite");
	if (d->h.metric == DENSE_COSINE)
		vec_normalise(q->exact, v, dim);
	else
		memcpy(q->exact, v, dim * sizeof *v);
	memset(q->code, 0, d->code_bytes);
	for (uint32_t i = 0; i < dim; i++) {
		most = fmaxf(most, fabsf(q->exact[i]));
		sum += q->exact[i];
	}
	scale = most / CODE_MAX;
	for (uint32_t i = 0; i < dim && scale > 0; i++)
		q->code[i] = (int8_t)lrintf(fmaxf(-CODE_MAX, fminf(CODE_MAX,
		    q->exact[i] / scale)));
	q->norm2 = (float)vec_norm2(q->exact, dim);
	q->is_zero = most == 0;
	q->origin = d->h.metric == DENSE_COSINE ? 1
	    : d->h.metric == DENSE_L2	       ? q->norm2
					       : sqrtf(q->norm2) * d->h.longest;
	q->by_lo = two * sum;
	q->by_step = two * scale;
	q->by_norm2 = d->h.metric == DENSE_L2 ? 1 : 0;
	return 0;
}

void
dense_key_ids(const struct dense *d, const struct dense_query *q, const uint32_t *ids,
    uint32_t n, uint64_t *key)
{
	int32_t dot[VEC_BATCH];

	d->ops->dot7_ids(q->code, d->code_bytes, d->codes, d->h.code_stride, ids, n, dot);
	for (uint32_t i = 0; i < n; i++)
		key[i] = key_of(approx_score(q, dense_tail(d, ids[i]), dot[i]), ids[i]);
}

void
dense_key_rows(const struct dense *d, const struct dense_query *q, uint32_t first, uint32_t n,
    uint64_t *key)
{
	int32_t dot[VEC_BATCH];

	d->ops->dot7_rows(
	    q->code, d->code_bytes, dense_code(d, first), d->h.code_stride, n, dot);
	for (uint32_t i = 0; i < n; i++)
		key[i] = key_of(approx_score(q, dense_tail(d, first + i), dot[i]), first + i);
}

float
dense_exact_score(const struct dense *d, const struct dense_query *q, uint32_t row)
{
	const void *exact = d->exact + (size_t)row * d->h.exact_stride;
	bool is_l2 = d->h.metric == DENSE_L2;
	float s;

	if (d->h.exact == DENSE_FP32)
		s = (is_l2 ? d->ops->l2 : d->ops->dot)(q->exact, exact, d->h.dim);
	else
		s = (is_l2 ? d->ops->l2_half : d->ops->dot_half)(q->exact, exact, d->h.dim);
	if (isnan(s))
		return -INFINITY;
	return is_l2 ? -s : s;
}

void
dense_fetch_exact(const struct dense *d, uint32_t row)
{
	const uint8_t *p = d->exact + (size_t)row * d->h.exact_stride;

	for (uint32_t at = 0; at < d->h.exact_stride; at += 64)
		__builtin_prefetch(p + at);
}

void
dense_fetch_exact_early(const struct dense *d, uint32_t row)
{
	const uint8_t *p = d->exact + (size_t)row * d->h.exact_stride;

	for (uint32_t at = 0; at < d->h.exact_stride; at += 64)
		__builtin_prefetch(p + at, 0, 2);
}
