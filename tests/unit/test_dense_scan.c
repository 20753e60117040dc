/* test_dense_scan.c - a scan by bounds finds what comparing every exact vector finds. */
#include "unit.h"

#include <math.h>

#include "dense_coarse.h"
#include "dense_shelf.h"
#include "hash.h"

enum { K = 10 };

/* ---- the truth: every exact score, by the key hits are sorted by ---- */

static uint32_t
compare_all(const struct dense *d, const float *q, const uint64_t *allowed, uint32_t k,
    struct dense_hit *hit)
{
	uint64_t key[64];
	struct pool p = {.key = key, .cap = k};

	for (uint32_t row = 0; row < d->h.rows; row++)
		if ((allowed == NULL || bit_is_set(allowed, row)) && dense_has_vector(d, row))
			pool_put(&p, key_of(dense_score(d, row, q), row));
	for (uint32_t i = 0; i < p.len; i++)
		hit[i] = (struct dense_hit){key_row(key[i]), key_score(key[i])};
	return p.len;
}

static void
assert_exact(struct shelf *b, const float *q, const uint64_t *allowed, uint32_t count)
{
	struct dense_options o = {.k = K, .allowed = allowed, .allowed_count = count};
	struct dense_hit hit[K], want[K];
	struct dense_report report;
	struct err e;
	uint32_t n, all = compare_all(b->d, q, allowed, K, want);

	assert_ok(dense_search(b->d, b->s, q, &o, hit, &n, &report, &e), &e);
	assert_ok(dense_search(b->d, b->s, q, &o, hit, &n, &report, &e), &e);
	assert_true(report.scanned);
	assert_int_equal(n, all);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(hit[i].row, want[i].row);
		assert_true(hit[i].score == want[i].score);
	}
}

/* ---- rows of every sort ---- */

enum sort { CLUSTERED, COPIES, FLAT, SPIKES, TINY, LONG_AND_SHORT, HUGE_ONES, SORTS };

static float *
make_sort(enum sort sort, uint32_t rows, uint32_t dim)
{
	float *v = make_rows(rows, dim, 40 + sort);

	for (uint32_t row = 0; row < rows; row++) {
		float *r = v + (size_t)row * dim;
		if (sort == COPIES && row % 3 != 0)
			memcpy(r, v, dim * sizeof *r);
		for (uint32_t i = 0; i < dim; i++) {
			if (sort == FLAT)	/* all nearly the same: bounds are no help */
				r[i] = 1 + r[i] * 1e-3f;
			if (sort == SPIKES)
				r[i] = i == row % dim ? 1 : row % 2 ? 0 : r[i] * 1e-4f;
			if (sort == TINY)
				r[i] *= 1e-9f;
			if (sort == LONG_AND_SHORT)
				r[i] *= row % 7 == 0 ? 100 : 0.01f;
			if (sort == HUGE_ONES)	/* floats do not hold their bounds */
				r[i] *= 1e17f;
		}
		if (row % 29 == 5)
			memset(r, 0, dim * sizeof *r);
	}
	return v;
}

static void
scans_are_exact_for_every_sort_of_rows(void **state)
{
	enum { ROWS = 700, DIM = 40, QUERIES = 8 };
	float *q = make_rows(QUERIES, DIM, 50);

	(void)state;
	for (int sort = 0; sort < SORTS; sort++) {
		float *v = make_sort((enum sort)sort, ROWS, DIM);
		for (int kind = 0; kind < DENSE_METRIC_MAX * DENSE_EXACT_MAX; kind++) {
			struct dense_params p = {.dim = DIM,
			    .metric = (enum dense_metric)(kind % DENSE_METRIC_MAX),
			    .exact = (enum dense_exact)(kind / DENSE_METRIC_MAX)};
			struct shelf b;
			put_on_shelf(&b, v, ROWS, &p);
			for (uint32_t i = 0; i < QUERIES; i++)
				assert_exact(&b, q + i * DIM, NULL, 0);
			for (uint32_t row = 0; row < ROWS; row += 97)
				if (vec_norm2(v + row * DIM, DIM) > 0)
					assert_exact(&b, v + row * DIM, NULL, 0);
			clear_shelf(&b);
		}
		free(v);
	}
	free(q);
}

static void
scans_are_exact_for_every_dimension(void **state)
{
	static const uint32_t dims[] = {1, 2, 3, 7, 16, 33, 127, 128, 129, 255, 384, 700, 1536};
	enum { ROWS = 300 };

	(void)state;
	for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
		float *v = make_rows(ROWS, dims[i], 60), *q = make_rows(4, dims[i], 61);
		struct dense_params p = {.dim = dims[i], .metric = DENSE_L2};
		struct shelf b;
		put_on_shelf(&b, v, ROWS, &p);
		for (uint32_t k = 0; k < 4; k++)
			assert_exact(&b, q + (size_t)k * dims[i], NULL, 0);
		clear_shelf(&b);
		free(v);
		free(q);
	}
}

static void
scans_under_a_filter_are_exact(void **state)
{
	enum { ROWS = 5000, DIM = 48, QUERIES = 30 };
	float *v = make_sort(CLUSTERED, ROWS, DIM), *q = make_rows(QUERIES, DIM, 62);
	struct dense_params p = {.dim = DIM};
	uint64_t allowed[(ROWS + 63) / 64];
	struct shelf b;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	for (uint32_t i = 0; i < QUERIES; i++) {
		uint32_t count = 0, one_in = 1u << i % 9;
		memset(allowed, 0, sizeof allowed);
		for (uint32_t row = 0; row < ROWS; row++)
			if (next_random() % one_in == 0) {
				allowed[row / 64] |= 1ull << row % 64;
				count++;
			}
		assert_exact(&b, q + i * DIM, allowed, count);
		assert_exact(&b, q + i * DIM, allowed, count / 2);	/* counted wrongly */
	}
	clear_shelf(&b);
	free(v);
	free(q);
}

/* The bound is what all of this rests on: asked of each row, not of the best alone. */
static void
no_score_is_above_its_bound(void **state)
{
	enum { ROWS = 300, DIM = 100, QUERIES = 12 };
	float *q = make_rows(QUERIES, DIM, 63);
	float exact[DIM];
	int8_t code[DIM + 64], coarse[2 * VEC_GROUP];

	(void)state;
	for (int sort = 0; sort < SORTS * DENSE_METRIC_MAX; sort++) {
		float *v = make_sort((enum sort)(sort % SORTS), ROWS, DIM);
		struct dense_params p = {.dim = DIM,
		    .metric = (enum dense_metric)(sort / SORTS)};
		struct shelf b;
		struct err e;
		put_on_shelf(&b, v, ROWS, &p);
		for (uint32_t i = 0; i < QUERIES; i++) {
			struct dense_query dq = {.code = code, .exact = exact};
			struct coarse_query c = {.code = coarse};
			assert_ok(dense_query_fill(&dq, b.d, q + i * DIM, &e), &e);
			dense_coarse_query(&c, b.d, &dq);
			for (uint32_t row = 0; row < ROWS; row++) {
				const uint8_t *r = b.d->coarse + row * b.d->coarse_stride;
				struct coarse_tail t;
				int32_t dot;
				float upper;
				if (!dense_has_vector(b.d, row))
					continue;
				memcpy(&t, r + b.d->coarse_stride - sizeof t, sizeof t);
				b.d->ops->dot3_rows(coarse, VEC_GROUP, r, 0, 1, &dot);
				upper = t.step * (c.by_dot * ((float)dot - c.middle)) +
				    c.by_error * t.error - c.by_norm2 * t.norm2 + c.plus;
				assert_true(t.error > 0);
				assert_true(dense_exact_score(b.d, &dq, row) <= upper);
			}
		}
		clear_shelf(&b);
		free(v);
	}
	free(q);
}

/* A base that was built on another machine is taken over by its bytes. */
static void
coarse_codes_are_the_same_on_every_machine(void **state)
{
	static const struct {
		uint32_t dim, crc;
	} t[] = {{1, 0x77214f78}, {48, 0xd01c1c74}, {129, 0x683544a4}, {384, 0x7d7eb399},
	    {1536, 0x847781e2}};
	enum { ROWS = 50 };
	uint8_t record[COARSE_STRIDE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		float *v = make_rows(ROWS, t[i].dim, 68);
		uint32_t crc = 0;
		for (uint32_t row = 0; row < ROWS; row++) {
			dense_coarse_encode(record, v + (size_t)row * t[i].dim, t[i].dim);
			crc = hash_crc32c(crc, record, coarse_stride_of(t[i].dim));
		}
		if (crc != t[i].crc)
			fail_msg("dimension %u: 0x%08x", t[i].dim, crc);
		free(v);
	}
}

/* What the bounds are for: few exact vectors are read. */
static void
a_scan_reads_few_exact_vectors(void **state)
{
	enum { ROWS = 20000, DIM = 128, QUERIES = 20 };
	float *v = make_rows(ROWS, DIM, 64), *q = make_rows(QUERIES, DIM, 65);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_NEVER};
	struct dense_options o = {.k = K};
	struct dense_hit hit[K];
	struct dense_report report;
	struct shelf b;
	struct err e;
	uint32_t n, read = 0;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	for (uint32_t i = 0; i < QUERIES; i++) {
		assert_ok(dense_search(b.d, b.s, q + i * DIM, &o, hit, &n, &report, &e), &e);
		assert_int_equal(report.scored, ROWS);
		read += report.exact;
	}
	if (read > QUERIES * ROWS / 20)
		fail_msg("%u exact vectors a query", read / QUERIES);
	clear_shelf(&b);
	free(v);
	free(q);
}

/* Hits of a scan that goes by what is likely; how many exact vectors it read. */
static uint32_t
assert_nearly_is_exact(struct shelf *b, const float *q)
{
	struct dense_options o = {.k = K, .nearly = true};
	struct dense_hit hit[K], want[K];
	struct dense_report report;
	struct err e;
	uint32_t n, all = compare_all(b->d, q, NULL, K, want);

	assert_ok(dense_search(b->d, b->s, q, &o, hit, &n, &report, &e), &e);
	assert_ok(dense_search(b->d, b->s, q, &o, hit, &n, &report, &e), &e);
	assert_int_equal(n, all);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(hit[i].row, want[i].row);
		assert_true(hit[i].score == want[i].score);
	}
	return report.exact;
}

static void
a_likely_bound_misses_none_of_these(void **state)
{
	enum { ROWS = 900, QUERIES = 40 };
	static const uint32_t dims[] = {2, 24, 100, 256};

	(void)state;
	for (int kind = 0; kind < SORTS * DENSE_METRIC_MAX * 4; kind++) {
		uint32_t dim = dims[kind % 4];
		float *v = make_sort((enum sort)(kind / 4 / DENSE_METRIC_MAX), ROWS, dim);
		float *q = make_rows(QUERIES, dim, 70 + (uint64_t)kind);
		struct dense_params p = {.dim = dim, .graph = DENSE_GRAPH_NEVER,
		    .metric = (enum dense_metric)(kind / 4 % DENSE_METRIC_MAX)};
		struct shelf b;

		put_on_shelf(&b, v, ROWS, &p);
		for (uint32_t i = 0; i < QUERIES; i++)
			assert_nearly_is_exact(&b, q + (size_t)i * dim);
		for (uint32_t row = 0; row < ROWS; row += 29)	/* one of them, its own best hit */
			assert_nearly_is_exact(&b, v + (size_t)row * dim);
		clear_shelf(&b);
		free(v);
		free(q);
	}
}

/* What it is for: of text, whose neighbours are many and near, the sure bound reads a fifth. */
static void
a_likely_bound_reads_hardly_more_than_the_hits(void **state)
{
	enum { ROWS = 8000, DIM = 256, QUERIES = 20 };
	float *v = make_rows(ROWS, DIM, 71), *q = make_rows(QUERIES, DIM, 72);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_NEVER};
	struct shelf b;
	uint32_t read = 0;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	for (uint32_t i = 0; i < QUERIES; i++)
		read += assert_nearly_is_exact(&b, q + i * DIM);
	if (read > QUERIES * 8 * K)
		fail_msg("%u exact vectors a query", read / QUERIES);
	clear_shelf(&b);
	free(v);
	free(q);
}

/* ---- files of before: no coarse codes ---- */

static void
write_without_coarse(const struct rpx *r, const char *to)
{
	static const enum rpx_kind kinds[] = {RPX_DENSE, RPX_CODES, RPX_EXACT};
	struct rpx_writer *w;
	struct err e;
	uint64_t items;
	size_t n;

	unlink(to);
	assert_ok(rpx_create(&w, to, "alpha", &e), &e);
	for (int i = 0; i < 3; i++) {
		const void *p = rpx_find(r, kinds[i], &n, &items);
		assert_ok(rpx_add(w, kinds[i], p, n, items, &e), &e);
	}
	assert_ok(rpx_finish(w, &e), &e);
}

static void
a_file_without_coarse_codes_is_scanned_by_codes(void **state)
{
	enum { ROWS = 1500, DIM = 50, QUERIES = 40 };
	float *v = make_rows(ROWS, DIM, 66), *q = make_rows(QUERIES, DIM, 67);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_NEVER};
	struct dense_options o = {.k = K};
	struct dense_hit hit[K], want[K], many[QUERIES * K];
	uint32_t n, count[QUERIES], same = 0;
	struct shelf b, old;
	char without[640];
	struct err e;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	snprintf(without, sizeof without, "%s.without", path);
	write_without_coarse(&b.r, without);
	open_shelf(&old, without);
	assert_null(old.d->coarse);
	assert_ok(dense_verify(old.d, &e), &e);
	assert_ok(dense_search_many(old.d, old.s, q, QUERIES, &o, many, count, &e), &e);
	for (uint32_t i = 0; i < QUERIES; i++) {
		assert_ok(dense_search(old.d, old.s, q + i * DIM, &o, hit, &n, NULL, &e), &e);
		assert_int_equal(n, K);
		assert_int_equal(count[i], K);
		assert_memory_equal(many + i * K, hit, sizeof hit);
		compare_all(b.d, q + i * DIM, NULL, K, want);
		for (uint32_t k = 0; k < K; k++)
			same += hit[k].score >= want[K - 1].score;
	}
	assert_true(same >= QUERIES * K * 99 / 100);
	clear_shelf(&old);
	clear_shelf(&b);
	free(v);
	free(q);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scans_are_exact_for_every_sort_of_rows),
	    cmocka_unit_test(scans_are_exact_for_every_dimension),
	    cmocka_unit_test(scans_under_a_filter_are_exact),
	    cmocka_unit_test(no_score_is_above_its_bound),
	    cmocka_unit_test(coarse_codes_are_the_same_on_every_machine),
	    cmocka_unit_test(a_scan_reads_few_exact_vectors),
	    cmocka_unit_test(a_likely_bound_misses_none_of_these),
	    cmocka_unit_test(a_likely_bound_reads_hardly_more_than_the_hits),
	    cmocka_unit_test(a_file_without_coarse_codes_is_scanned_by_codes),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
