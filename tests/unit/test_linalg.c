/* test_linalg.c - the dense linear algebra against plain loops in double. */
#include "unit.h"

#include <math.h>

#include "linalg.h"

static uint64_t random_state;

static double
next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (double)(random_state >> 11) * 0x1p-52 - 1;
}

static float *
random_matrix(size_t rows, size_t n, size_t stride)
{
	float *y = linalg_alloc(rows, stride);

	assert_non_null(y);
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < n; j++)
			y[i * stride + j] = (float)next_random();
	return y;
}

static const struct {
	size_t rows, n;
} shapes[] = {{1, 1}, {3, 2}, {5, 5}, {127, 7}, {128, 8}, {129, 9}, {300, 33}, {1000, 70}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void
gram_equals_plain_loops(void **state)
{
	(void)state;
	for (int c = 0; c < SHAPES; c++) {
		size_t rows = shapes[c].rows, n = shapes[c].n, stride = linalg_stride(n);
		float *y = random_matrix(rows, n, stride);
		double *g = calloc(n * n, sizeof *g);
		linalg_gram(g, y, rows, n, stride);
		for (size_t a = 0; a < n; a++)
			for (size_t b = 0; b < n; b++) {
				double sum = 0;
				for (size_t r = 0; r < rows; r++)
					sum += (double)y[r * stride + a] * y[r * stride + b];
				assert_true(fabs(sum - g[a * n + b]) < 1e-5 * (double)(rows + 8));
			}
		free(g);
		free(y);
	}
}

static void
product_equals_plain_loops_and_clears_the_rest(void **state)
{
	struct err e;

	(void)state;
	for (int c = 0; c < SHAPES; c++) {
		size_t rows = shapes[c].rows, n = shapes[c].n, stride = linalg_stride(n);
		size_t m = (n + 1) / 2;
		float *y = random_matrix(rows, n, stride), *old = linalg_alloc(rows, stride);
		double *by = calloc(n * m, sizeof *by);
		memcpy(old, y, rows * stride * sizeof *y);
		for (size_t i = 0; i < n * m; i++)
			by[i] = next_random();
		assert_ok(linalg_times(y, rows, n, stride, by, m, &e), &e);
		for (size_t r = 0; r < rows; r++)
			for (size_t j = 0; j < stride; j++) {
				double sum = 0;
				for (size_t k = 0; j < m && k < n; k++)
					sum += (double)old[r * stride + k] * by[k * m + j];
				assert_true(fabs(sum - y[r * stride + j]) < 1e-4);
			}
		free(by);
		free(old);
		free(y);
	}
}

static void
columns_become_orthonormal(void **state)
{
	struct err e;
	size_t rank;

	(void)state;
	for (int c = 0; c < SHAPES; c++) {
		size_t rows = shapes[c].rows, n = shapes[c].n, stride = linalg_stride(n);
		float *y = random_matrix(rows, n, stride);
		double *g = calloc(n * n, sizeof *g);
		for (size_t r = 0; r < rows; r++)	/* condition number of about 1000 */
			for (size_t j = 0; j < n; j++)
				y[r * stride + j] *= expf(-7 * (float)j / (float)n);
		assert_ok(linalg_orthonormalise(y, rows, n, stride, &rank, &e), &e);
		linalg_gram(g, y, rows, n, stride);
		if (rows >= n)
			assert_int_equal(rank, n);
		for (size_t a = 0; a < n && rows >= n; a++)
			for (size_t b = 0; b < n; b++)
				assert_true(fabs(g[a * n + b] - (a == b)) < 1e-5);
		free(g);
		free(y);
	}
}

static void
dependent_columns_are_dropped(void **state)
{
	enum { ROWS = 200, N = 12, STRIDE = 16 };
	float *y = random_matrix(ROWS, N, STRIDE);
	double g[N * N];
	struct err e;
	size_t rank;

	(void)state;
	for (size_t r = 0; r < ROWS; r++) {
		y[r * STRIDE + 3] = y[r * STRIDE] - 2 * y[r * STRIDE + 1];
		y[r * STRIDE + 7] = 0;
	}
	assert_ok(linalg_orthonormalise(y, ROWS, N, STRIDE, &rank, &e), &e);
	assert_int_equal(rank, N - 2);
	linalg_gram(g, y, ROWS, N, STRIDE);
	for (int a = 0; a < N; a++)
		for (int b = 0; b < N; b++)
			assert_true(fabs(g[a * N + b] - (a == b && a != 3 && a != 7)) < 1e-5);
	free(y);
}

static void
eigenvectors_put_the_matrix_together_again(void **state)
{
	static const size_t sizes[] = {1, 2, 3, 8, 31, 64};
	struct err e;

	(void)state;
	for (size_t c = 0; c < sizeof sizes / sizeof sizes[0]; c++) {
		size_t n = sizes[c];
		double *a = calloc(n * n, sizeof *a), *copy = calloc(n * n, sizeof *copy);
		double *value = calloc(n, sizeof *value), *v = calloc(n * n, sizeof *v);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j <= i; j++)
				a[i * n + j] = a[j * n + i] = next_random();
		memcpy(copy, a, n * n * sizeof *a);
		assert_ok(linalg_eigen(a, n, value, v, &e), &e);
		for (size_t k = 1; k < n; k++)
			assert_true(value[k - 1] >= value[k]);
		for (size_t i = 0; i < n; i++)
			for (size_t j = 0; j < n; j++) {
				double sum = 0, dot = 0;
				for (size_t k = 0; k < n; k++) {
					sum += value[k] * v[k * n + i] * v[k * n + j];
					dot += v[i * n + k] * v[j * n + k];
				}
				assert_true(fabs(sum - copy[i * n + j]) < 1e-12 * (double)n * 10);
				assert_true(fabs(dot - (i == j)) < 1e-12 * (double)n * 10);
			}
		free(a);
		free(copy);
		free(value);
		free(v);
	}
}

static void
eigenvalues_of_special_matrices(void **state)
{
	double zero[9] = {0}, diagonal[9] = {2, 0, 0, 0, 5, 0, 0, 0, 5}, value[3], v[9];
	struct err e;

	(void)state;
	assert_ok(linalg_eigen(zero, 3, value, v, &e), &e);
	assert_true(fabs(value[0]) + fabs(value[2]) < 1e-300);
	assert_ok(linalg_eigen(diagonal, 3, value, v, &e), &e);
	assert_true(fabs(value[0] - 5) < 1e-14 && fabs(value[2] - 2) < 1e-14);
	assert_true(fabs(v[6] - 1) < 1e-14);	/* and its sign is positive */
	zero[4] = NAN;
	assert_refused(linalg_eigen(zero, 3, value, v, &e), &e, ERR_INTERNAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gram_equals_plain_loops),
	    cmocka_unit_test(product_equals_plain_loops_and_clears_the_rest),
	    cmocka_unit_test(columns_become_orthonormal),
	    cmocka_unit_test(dependent_columns_are_dropped),
	    cmocka_unit_test(eigenvectors_put_the_matrix_together_again),
	    cmocka_unit_test(eigenvalues_of_special_matrices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
