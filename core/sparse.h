/* sparse.h - a sparse matrix, and its products with a tall one.
 *
 * Shapes  rows x columns; entries of a row in any order.  Dense matrices are those of
 *         linalg.h: row-major floats, `stride` floats from row to row, aligned to 32 bytes.
 * Order   each number of a product is the sum over the row's entries in their order, every
 *         product and every sum rounded to float: the same bits with any number of threads and
 *         on any CPU.
 * Memory  owned: sparse_fini().
 * Errors  ERR_NOMEM.
 * Cost    the dense matrix is read in slices of 64 columns, so that a slice of it stays in the
 *         cache and a row's sums in registers: 2.7 million entries x 272 columns 0.21 and, by
 *         the transposed, 0.10 s of CPU where whole rows took 0.41 (AVX2; 0.34 and 0.29 without).
 *         Slices of 32: 0.54, of 128: 0.30 and 0.20.  Threads share it (crew.h).
 */
#ifndef RAGPOOL_SPARSE_H
#define RAGPOOL_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct sparse {
	size_t rows, columns;
	uint64_t *at;		/* rows + 1: where each row's entries begin */
	uint32_t *column;
	float *value;
};

/* Room for that many entries; at is zero. */
int sparse_init(
    struct sparse *a, size_t rows, size_t columns, uint64_t entries, struct err *e);
void sparse_fini(struct sparse *a);
/* Entries of a row of *t are in the order of their columns. */
int sparse_transpose(struct sparse *t, const struct sparse *a, struct err *e);
/* y = A z; y has A's rows, z a row for each of its columns. */
void sparse_times(const struct sparse *a, const float *z, float *y, size_t stride);

#endif
