/* linalg.h - the little dense linear algebra the built-in embedder is trained with.
 *
 * Matrices are row-major float, `stride` floats from row to row; a stride is a multiple
 * of LINALG_PAD, the memory is aligned to 32 bytes, and the columns between the width and
 * the stride are zero and stay zero.  Square matrices are double, without padding.
 *
 * Determinism  every sum is taken in one fixed order, product and sum rounded apart, however
 *         wide the CPU's registers and however many the threads (crew.h): the same build gives
 *         the same bits on every machine of its kind.
 * Errors  products of floats are summed in float over LINALG_BLOCK rows at most and in
 *         double beyond, so a sum over n rows keeps about single precision for any n.
 * Memory  owned by the caller throughout: linalg_alloc(), free().
 * Source  CholeskyQR: Golub and Van Loan, "Matrix Computations", 5.2; Yamamoto et al. 2015
 *         (twice is as good as Householder, at two thirds of its passes over memory).
 *         Eigenvalues: Householder tridiagonal form and implicit QL, as in EISPACK's
 *         tred2 and tql2; cyclic Jacobi took eight times as long at 272 columns.
 */
#ifndef RAGPOOL_LINALG_H
#define RAGPOOL_LINALG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum { LINALG_PAD = 8, LINALG_BLOCK = 128 };

/* The smallest stride that holds n columns. */
static inline size_t
linalg_stride(size_t n)
{
	return (n + LINALG_PAD - 1) / LINALG_PAD * LINALG_PAD;
}

/* rows * stride floats, zero; NULL when there is no memory or the size overflows. */
float *linalg_alloc(size_t rows, size_t stride);

/* Registers of eight floats: the kernels compiled for AVX2 may run. */
bool linalg_is_wide(void);

/* g = Y' Y, n x n, both triangles; n <= stride. */
void linalg_gram(double *g, const float *y, size_t rows, size_t n, size_t stride);

/* Y = Y M, in place, M n x m with m <= n; columns m and up of Y become zero.
 * The products are taken in float. */
int linalg_times(float *y, size_t rows, size_t n, size_t stride, const double *m,
    size_t m_columns, struct err *e);

/* Makes the n columns of Y orthonormal, keeping the space of the leading ones; a column
 * that depends on those before it (to about 1e-5 of its length) becomes zero.  *rank
 * counts the others. */
int linalg_orthonormalise(
    float *y, size_t rows, size_t n, size_t stride, size_t *rank, struct err *e);

/* The symmetric n x n matrix a = sum of value[i] * row i of vector' * row i of vector,
 * values descending, the largest component of each row of `vector` positive; a is
 * overwritten.  ERR_INTERNAL for a number that is not finite. */
int linalg_eigen(double *a, size_t n, double *value, double *vector, struct err *e);

#endif
