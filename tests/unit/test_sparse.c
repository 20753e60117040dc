/* test_sparse.c - products of a sparse matrix, whatever the threads and the registers. */
#include "unit.h"

#include <math.h>

#include "crew.h"
#include "linalg.h"
#include "sparse.h"

static uint64_t random_state = 7;

static uint32_t
random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) % n);
}

/* Rows of 0 to 9 entries. */
static void
random_sparse(struct sparse *a, size_t rows, size_t columns)
{
	uint64_t n = 0;
	struct err e;

	assert_int_equal(sparse_init(a, rows, columns, rows * 9, &e), 0);
	for (size_t i = 0; i < rows; i++) {
		for (uint32_t k = random_below(10); k > 0; k--) {
			a->column[n] = random_below((uint32_t)columns);
			a->value[n++] = (float)random_below(1000) / 500 - 1;
		}
		a->at[i + 1] = n;
	}
}

static float *
random_dense(size_t rows, size_t n)
{
	float *z = linalg_alloc(rows, linalg_stride(n));

	assert_non_null(z);
	for (size_t i = 0; i < rows; i++)
		for (size_t j = 0; j < n; j++)
			z[i * linalg_stride(n) + j] = (float)random_below(1000) / 500 - 1;
	return z;
}

/* The sum of one number, as sparse.h says it is taken. */
static float
plain_sum(const struct sparse *a, size_t i, const float *z, size_t stride, size_t j)
{
	float sum = 0, product;

	for (uint64_t k = a->at[i]; k < a->at[i + 1]; k++) {
		product = a->value[k] * z[a->column[k] * stride + j];
		sum += product;
	}
	return sum;
}

static const struct {
	size_t rows, columns, n;
} shapes[] = {{1, 1, 1}, {3, 5, 8}, {40, 17, 20}, {100, 300, 64}, {70, 90, 72}, {5000, 700, 272}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static void
products_are_the_plain_sums_bit_for_bit(void **state)
{
	(void)state;
	for (int c = 0; c < SHAPES; c++)
		for (unsigned threads = 1; threads <= 3; threads++) {
			size_t stride = linalg_stride(shapes[c].n);
			struct sparse a;
			float *z, *y;
			random_sparse(&a, shapes[c].rows, shapes[c].columns);
			z = random_dense(a.columns, shapes[c].n);
			y = random_dense(a.rows, shapes[c].n);	/* nothing of it stays */
			crew_set_size(threads);
			sparse_times(&a, z, y, stride);
			crew_set_size(1);
			for (size_t i = 0; i < a.rows; i++)
				for (size_t j = 0; j < stride; j++) {
					float want = plain_sum(&a, i, z, stride, j);
					assert_memory_equal(&y[i * stride + j], &want, sizeof want);
				}
			free(z);
			free(y);
			sparse_fini(&a);
		}
}

static void
transposed_twice_is_the_matrix_in_order_of_columns(void **state)
{
	struct sparse a, t, back;
	struct err e;

	(void)state;
	random_sparse(&a, 300, 40);
	assert_int_equal(sparse_transpose(&t, &a, &e), 0);
	assert_int_equal(sparse_transpose(&back, &t, &e), 0);
	assert_int_equal(t.rows, 40);
	assert_int_equal(t.columns, 300);
	assert_memory_equal(back.at, a.at, 301 * sizeof *a.at);
	for (size_t i = 0; i < a.rows; i++) {
		float sum = 0, same = 0;
		for (uint64_t k = a.at[i]; k < a.at[i + 1]; k++) {
			sum += a.value[k] * (float)(a.column[k] + 1);
			same += back.value[k] * (float)(back.column[k] + 1);
			assert_true(k == a.at[i] || back.column[k] >= back.column[k - 1]);
		}
		assert_true(fabsf(sum - same) < 1e-3f);
	}
	sparse_fini(&a);
	sparse_fini(&t);
	sparse_fini(&back);
}

struct counting {
	unsigned done[1000];
};

static void
count_part(void *context, size_t part)
{
	struct counting *c = context;

	__atomic_fetch_add(&c->done[part], 1, __ATOMIC_RELAXED);
}

static void
a_crew_does_each_part_once(void **state)
{
	(void)state;
	for (unsigned threads = 0; threads <= CREW_MAX; threads += 16)
		for (size_t parts = 0; parts <= 1000; parts += 250) {
			struct counting c = {{0}};
			crew_set_size(threads);
			crew_run(count_part, &c, parts);
			crew_set_size(1);
			for (size_t i = 0; i < 1000; i++)
				assert_int_equal(c.done[i], i < parts);
		}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(products_are_the_plain_sums_bit_for_bit),
	    cmocka_unit_test(transposed_twice_is_the_matrix_in_order_of_columns),
	    cmocka_unit_test(a_crew_does_each_part_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
