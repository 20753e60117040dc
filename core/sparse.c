/* sparse.c - a sparse matrix, and its products with a tall one. */
#include "sparse.h"

#include <stdlib.h>
#include <string.h>

#include "crew.h"
#include "linalg.h"

/* Two registers of the baseline, one with AVX2; the sums are the same. */
typedef float float8 __attribute__((vector_size(32)));

enum {
	SLICE = 64,		/* columns at once: eight registers */
	AHEAD = 16,		/* entries between the prefetch and the use */
	ROWS_A_PART = 2048,
};

int
sparse_init(struct sparse *a, size_t rows, size_t columns, uint64_t entries, struct err *e)
{
	*a = (struct sparse){.rows = rows, .columns = columns};
	a->at = calloc(rows + 1, sizeof *a->at);
	a->column = calloc(entries + 1, sizeof *a->column);
	a->value = calloc(entries + 1, sizeof *a->value);
	if (a->at != NULL && a->column != NULL && a->value != NULL)
		return 0;
	sparse_fini(a);
	return err_set(e, ERR_NOMEM, "a matrix of %llu entries", (unsigned long long)entries);
}

void
sparse_fini(struct sparse *a)
{
	free(a->at);
	free(a->column);
	free(a->value);
	*a = (struct sparse){0};
}

int
sparse_transpose(struct sparse *t, const struct sparse *a, struct err *e)
{
	uint64_t entries = a->at[a->rows], *next;

	if (sparse_init(t, a->columns, a->rows, entries, e) == -1)
		return -1;
	if ((next = calloc(a->columns + 1, sizeof *next)) == NULL) {
		sparse_fini(t);
		return err_set(e, ERR_NOMEM, "a matrix of %zu columns", a->columns);
	}
	for (uint64_t k = 0; k < entries; k++)
		t->at[a->column[k] + 1]++;
	for (size_t i = 0; i < t->rows; i++) {
		t->at[i + 1] += t->at[i];
		next[i] = t->at[i];
	}
	for (size_t i = 0; i < a->rows; i++)
		for (uint64_t k = a->at[i]; k < a->at[i + 1]; k++) {
			uint64_t to = next[a->column[k]]++;
			t->column[to] = (uint32_t)i;
			t->value[to] = a->value[k];
		}
	free(next);
	return 0;
}

/* ---- products ---- */

struct product {
	const struct sparse *a;
	const float *z;
	float *y;
	size_t stride;
	size_t parts_a_slice;
};

/* `width` columns, a constant and a multiple of eight, of the rows from..to-1.  z is as large as the
 * cache that all processors share: it is asked to leave nothing there, which costs this no time, and
 * whoever answers questions finds his own data in it. */
static inline __attribute__((always_inline)) void
slice(const struct product *p, size_t column, size_t width, size_t from, size_t to)
{
	const struct sparse *a = p->a;
	const float *z = p->z + column;
	const uint64_t end = a->at[to];

	for (size_t i = from; i < to; i++) {
		float8 sum[SLICE / 8] = {{0}}, x;
		for (uint64_t k = a->at[i]; k < a->at[i + 1]; k++) {
			const float *row = z + a->column[k] * p->stride;
			if (k + AHEAD < end) {
				const float *next = z + a->column[k + AHEAD] * p->stride;
				for (size_t j = 0; j < width; j += 16)
					__builtin_prefetch(next + j, 0, 0);
			}
#pragma GCC unroll 8
			for (size_t j = 0; j < width / 8; j++) {
				memcpy(&x, row + j * 8, sizeof x);
				sum[j] += a->value[k] * x;
			}
		}
		memcpy(p->y + i * p->stride + column, sum, width * sizeof *z);
	}
}

/* A whole slice, or what is left of the columns. */
static inline __attribute__((always_inline)) void
slice_or_rest(const struct product *p, size_t column, size_t from, size_t to)
{
	if (column + SLICE <= p->stride) {
		slice(p, column, SLICE, from, to);
		return;
	}
	for (; column + 16 <= p->stride; column += 16)
		slice(p, column, 16, from, to);
	if (column < p->stride)
		slice(p, column, 8, from, to);
}

static void
slice_plain(const struct product *p, size_t column, size_t from, size_t to)
{
	slice_or_rest(p, column, from, to);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void
slice_avx2(const struct product *p, size_t column, size_t from, size_t to)
{
	slice_or_rest(p, column, from, to);
}
#else
#define slice_avx2 slice_plain
#endif

static void
run_part(void *context, size_t part)
{
	const struct product *p = context;
	size_t column = part / p->parts_a_slice * SLICE;
	size_t from = part % p->parts_a_slice * ROWS_A_PART;
	size_t to = from + ROWS_A_PART < p->a->rows ? from + ROWS_A_PART : p->a->rows;

	(linalg_is_wide() ? slice_avx2 : slice_plain)(p, column, from, to);
}

void
sparse_times(const struct sparse *a, const float *z, float *y, size_t stride)
{
	struct product p = {.a = a, .z = z, .y = y, .stride = stride,
	    .parts_a_slice = (a->rows + ROWS_A_PART - 1) / ROWS_A_PART};

	crew_run(run_part, &p, p.parts_a_slice * ((stride + SLICE - 1) / SLICE));
}
