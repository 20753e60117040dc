/* test_dense.c - nearest vectors: scans are exact, graphs nearly so, filters always hold. */
#include "unit.h"

#include <math.h>

#include "dense_shelf.h"
#include "file.h"

/* ---- the truth, in double ---- */

static double
true_score(enum dense_metric metric, const float *a, const float *b, uint32_t dim)
{
	double dot = 0, aa = 0, bb = 0;

	for (uint32_t i = 0; i < dim; i++) {
		dot += (double)a[i] * b[i];
		aa += (double)a[i] * a[i];
		bb += (double)b[i] * b[i];
	}
	if (metric == DENSE_COSINE)
		return dot / sqrt(aa * bb);
	return metric == DENSE_IP ? dot : -(aa + bb - 2 * dot);
}

/* The k-th best true score among the allowed rows, and how many rows there are. */
static double
true_floor(const float *v, uint32_t rows, uint32_t dim, enum dense_metric metric,
    const float *q, const uint64_t *allowed, uint32_t k, uint32_t *found)
{
	double best[64], s;
	uint32_t n = 0, at;

	for (uint32_t row = 0; row < rows; row++) {
		const float *r = v + (size_t)row * dim;
		if ((allowed != NULL && !bit_is_set(allowed, row)) || vec_norm2(r, dim) == 0)
			continue;
		s = true_score(metric, q, r, dim);
		for (at = n; at > 0 && best[at - 1] < s; at--)
			if (at < k)
				best[at] = best[at - 1];
		if (at < k)
			best[at] = s;
		if (n < k)
			n++;
	}
	*found = n;
	return n > 0 ? best[n - 1] : 0;
}

static uint32_t
hits_above(const struct dense_hit *hit, uint32_t n, double floor)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < n; i++)
		good += hit[i].score >= floor - 2e-3 * fabs(floor) - 1e-4;
	return good;
}

/* ---- scans ---- */

static void
a_scan_finds_the_nearest_under_every_metric(void **state)
{
	enum { ROWS = 1500, DIM = 50, K = 10 };
	float *v = make_rows(ROWS, DIM, 3), *q = make_rows(20, DIM, 4);
	struct dense_hit hit[K];
	struct err e;

	(void)state;
	for (int metric = 0; metric < DENSE_METRIC_MAX; metric++)
		for (int exact = 0; exact < DENSE_EXACT_MAX; exact++) {
			struct dense_params p = {.dim = DIM,
			    .metric = (enum dense_metric)metric,
			    .exact = (enum dense_exact)exact};
			struct dense_options o = {.k = K};
			struct shelf b;
			put_on_shelf(&b, v, ROWS, &p);
			for (uint32_t i = 0; i < 20; i++) {
				uint32_t n, want;
				double floor = true_floor(v, ROWS, DIM, p.metric, q + i * DIM,
				    NULL, K, &want);
				assert_ok(dense_search(b.d, b.s, q + i * DIM, &o, hit, &n, NULL,
				    &e), &e);
				assert_int_equal(n, K);
				assert_int_equal(hits_above(hit, n, floor), K);
				for (uint32_t k = 0; k < n; k++) {
					double s = true_score(p.metric, q + i * DIM,
					    v + hit[k].row * DIM, DIM);
					assert_true(fabs(s - hit[k].score) <= 2e-3 * (1 + fabs(s)));
					assert_true(hit[k].score == dense_score(b.d, hit[k].row,
					    q + i * DIM));
					assert_true(k == 0 || hit[k - 1].score >= hit[k].score);
				}
			}
			clear_shelf(&b);
		}
	free(v);
	free(q);
}

static void
rows_without_a_vector_are_never_returned(void **state)
{
	enum { ROWS = 100, DIM = 8 };
	float *v = make_rows(ROWS, DIM, 5), out[DIM];
	struct dense_hit hit[ROWS];
	struct dense_options o = {.k = ROWS};
	struct err e;
	uint32_t n;

	(void)state;
	for (uint32_t row = 0; row < ROWS; row += 3)
		memset(v + row * DIM, 0, DIM * sizeof *v);
	for (int graph = DENSE_GRAPH_NEVER; graph <= DENSE_GRAPH_ALWAYS; graph++) {
		struct dense_params p = {.dim = DIM, .metric = DENSE_L2,
		    .graph = (enum dense_graph)graph};
		struct shelf b;
		put_on_shelf(&b, v, ROWS, &p);
		assert_int_equal(b.built.rows_with_vector, 66);
		assert_ok(dense_search(b.d, b.s, v + DIM, &o, hit, &n, NULL, &e), &e);
		assert_int_equal(n, 66);
		for (uint32_t i = 0; i < n; i++)
			assert_int_not_equal(hit[i].row % 3, 0);
		assert_false(dense_vector(b.d, 3, out));
		assert_true(dense_vector(b.d, 4, out));
		assert_false(dense_vector(b.d, ROWS, out));
		assert_true(isinf(dense_score(b.d, 3, v)));
		clear_shelf(&b);
	}
	free(v);
}

static void
ties_go_to_the_lower_row(void **state)
{
	enum { ROWS = 90, DIM = 8 };
	float *v = make_rows(3, DIM, 6), *all = malloc(ROWS * DIM * sizeof *v);
	struct dense_hit hit[ROWS];
	struct dense_options o = {.k = 12};
	struct err e;
	uint32_t n;

	(void)state;
	for (uint32_t row = 0; row < ROWS; row++)
		memcpy(all + row * DIM, v + row % 3 * DIM, DIM * sizeof *v);
	for (int graph = DENSE_GRAPH_NEVER; graph <= DENSE_GRAPH_ALWAYS; graph++) {
		struct dense_params p = {.dim = DIM, .graph = (enum dense_graph)graph};
		struct shelf b;
		put_on_shelf(&b, all, ROWS, &p);
		assert_int_equal(b.built.nodes, graph == DENSE_GRAPH_ALWAYS ? 3 : 0);
		assert_ok(dense_search(b.d, b.s, v + DIM, &o, hit, &n, NULL, &e), &e);
		assert_int_equal(n, 12);
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(hit[i].row, 1 + 3 * i);
		clear_shelf(&b);
	}
	free(v);
	free(all);
}

static void
empty_and_tiny_indexes_answer(void **state)
{
	float v[4] = {1, 2, 3, 4}, zero[4] = {0};
	struct dense_options o = {.k = 5};
	struct dense_hit hit[5];
	struct err e;
	uint32_t n;

	(void)state;
	for (uint32_t rows = 0; rows < 2; rows++)
		for (int graph = 0; graph <= DENSE_GRAPH_ALWAYS; graph++) {
			struct dense_params p = {.dim = 4, .graph = (enum dense_graph)graph};
			struct shelf b;
			put_on_shelf(&b, v, rows, &p);
			assert_ok(dense_search(b.d, b.s, v, &o, hit, &n, NULL, &e), &e);
			assert_int_equal(n, rows);
			assert_ok(dense_search(b.d, b.s, zero, &o, hit, &n, NULL, &e), &e);
			assert_int_equal(n, 0);
			clear_shelf(&b);
		}
}

static void
bad_input_is_refused(void **state)
{
	float v[8] = {1, 2, 3, 4, 5, 6, 7, NAN};
	struct dense_params p = {.dim = 4};
	struct dense_options o = {.k = 0};
	struct dense_hit hit[5];
	struct shelf b;
	struct err e;
	uint32_t n;

	(void)state;
	assert_refused(write_index(path, v, 2, &p, NULL, NULL, &e), &e, ERR_RANGE);
	v[7] = 1e30f;
	assert_refused(write_index(path, v, 2, &p, NULL, NULL, &e), &e, ERR_RANGE);
	p.dim = 0;
	assert_refused(write_index(path, v, 1, &p, NULL, NULL, &e), &e, ERR_RANGE);
	p.dim = INDEX_DIM_MAX + 1;
	assert_refused(write_index(path, v, 0, &p, NULL, NULL, &e), &e, ERR_RANGE);
	p.dim = 4;
	p.m = 1;
	assert_refused(write_index(path, v, 1, &p, NULL, NULL, &e), &e, ERR_RANGE);
	p.m = 0;
	put_on_shelf(&b, v, 1, &p);
	assert_refused(dense_search(b.d, b.s, v, &o, hit, &n, NULL, &e), &e, ERR_RANGE);
	o.k = 1;
	v[0] = INFINITY;
	assert_refused(dense_search(b.d, b.s, v, &o, hit, &n, NULL, &e), &e, ERR_INPUT);
	clear_shelf(&b);
}

static void
large_values_turn_halves_into_floats(void **state)
{
	float v[8] = {100000, 2, 3, 4, 5, 6, 7, 8}, out[4];
	struct dense_params p = {.dim = 4, .metric = DENSE_L2};
	struct shelf b;

	(void)state;
	put_on_shelf(&b, v, 2, &p);
	assert_true(dense_vector(b.d, 0, out));
	assert_memory_equal(out, v, sizeof out);
	clear_shelf(&b);
}

static void
many_queries_answer_as_one_by_one(void **state)
{
	enum { ROWS = 700, DIM = 33, QUERIES = 45, K = 7 };
	float *v = make_rows(ROWS, DIM, 8), *q = make_rows(QUERIES, DIM, 9);
	struct dense_params p = {.dim = DIM};
	struct dense_options o = {.k = K};
	struct dense_hit one[K], *many = malloc(QUERIES * K * sizeof *many);
	uint32_t n, count[QUERIES];
	uint64_t allowed[11] = {0x5555, 0, ~0ull, 1, 0, 0xff00ff00ff00ull};
	struct shelf b;
	struct err e;

	(void)state;
	memset(q + 5 * DIM, 0, DIM * sizeof *q);	/* one of them has no direction */
	put_on_shelf(&b, v, ROWS, &p);
	for (int filtered = 0; filtered < 2; filtered++) {
		o.allowed = filtered ? allowed : NULL;
		o.allowed_count = filtered ? 8 + 64 + 1 + 24 : 0;
		assert_ok(dense_search_many(b.d, b.s, q, QUERIES, &o, many, count, &e), &e);
		for (uint32_t i = 0; i < QUERIES; i++) {
			assert_ok(dense_search(b.d, b.s, q + i * DIM, &o, one, &n, NULL, &e),
			    &e);
			assert_int_equal(count[i], n);
			assert_int_equal(n, i == 5 ? 0 : K);
			assert_memory_equal(many + i * K, one, n * sizeof *one);
		}
	}
	clear_shelf(&b);
	free(many);
	free(v);
	free(q);
}

/* ---- filters ---- */

/* Random, clustered, tiny, empty and full bitmaps against brute force. */
static uint32_t
fill_bitmap(uint64_t *allowed, uint32_t rows, uint32_t kind)
{
	uint32_t count = 0, from = next_random() % rows, one_in = 1u << kind % 7;

	memset(allowed, 0, (rows + 63) / 64 * 8);
	for (uint32_t row = 0; row < rows; row++) {
		bool in = kind % 3 == 0 ? next_random() % one_in == 0
		    : kind % 3 == 1    ? row >= from && row < from + rows / one_in
				       : row % one_in == 3 % one_in;
		if (!in)
			continue;
		allowed[row / 64] |= 1ull << row % 64;
		count++;
	}
	return count;
}

static void
check_filters(uint32_t rows, enum dense_graph graph, uint32_t rounds, double *recall)
{
	enum { DIM = 24, K = 10 };
	float *v = make_rows(rows, DIM, 10), *q = make_rows(rounds, DIM, 11);
	uint64_t *allowed = malloc((rows + 63) / 64 * 8);
	struct dense_params p = {.dim = DIM, .graph = graph, .ef_construction = 60, .m = 8};
	struct dense_options o = {.k = K, .allowed = allowed};
	struct dense_hit hit[K];
	uint32_t n, want, good = 0, all = 0;
	struct shelf b;
	struct err e;

	for (uint32_t row = 0; row < rows; row += 50) {		/* some copies, some without */
		memcpy(v + row * DIM, v + (row + 1) * DIM, DIM * sizeof *v);
		memset(v + (row + 2) * DIM, 0, DIM * sizeof *v);
	}
	put_on_shelf(&b, v, rows, &p);
	for (uint32_t i = 0; i < rounds; i++) {
		double floor;
		o.allowed_count = fill_bitmap(allowed, rows, i);
		floor = true_floor(v, rows, DIM, DENSE_COSINE, q + i * DIM, allowed, K, &want);
		assert_ok(dense_search(b.d, b.s, q + i * DIM, &o, hit, &n, NULL, &e), &e);
		assert_int_equal(n, want);
		for (uint32_t k = 0; k < n; k++)
			assert_true(bit_is_set(allowed, hit[k].row));
		good += hits_above(hit, n, floor);
		all += want;
	}
	*recall = (double)good / all;
	clear_shelf(&b);
	free(allowed);
	free(v);
	free(q);
}

static void
filtered_scans_are_exact(void **state)
{
	double recall;

	(void)state;
	check_filters(2000, DENSE_GRAPH_NEVER, 60, &recall);
	assert_true(recall == 1);
	check_filters(2000, DENSE_GRAPH_ALWAYS, 60, &recall);
	assert_true(recall == 1);
}

static void
filtered_walks_give_all_hits_and_few_errors(void **state)
{
	double recall;

	(void)state;
	check_filters(24000, DENSE_GRAPH_ALWAYS, 60, &recall);
	if (recall < 0.97)
		fail_msg("recall %.3f", recall);
}

/* ---- the graph ---- */

static double
graph_recall(struct shelf *b, const float *v, uint32_t rows, uint32_t dim, const float *q,
    uint32_t queries, float goal)
{
	enum { K = 10 };
	struct dense_options o = {.k = K, .recall = goal};
	struct dense_hit hit[K];
	uint32_t n, want, good = 0;
	struct dense_report report;
	struct err e;

	for (uint32_t i = 0; i < queries; i++) {
		double floor = true_floor(v, rows, dim, DENSE_COSINE, q + i * dim, NULL, K,
		    &want);
		assert_ok(dense_search(b->d, b->s, q + i * dim, &o, hit, &n, &report, &e), &e);
		assert_int_equal(n, K);
		assert_false(report.scanned);
		good += hits_above(hit, n, floor + 2e-3 * fabs(floor) + 1e-4 - 1e-6);
	}
	return (double)good / (queries * K);
}

/* 0.95 and 0.99 are promised for rows with noise; these are new points of the same
 * mixture, so each threshold stands a little below its goal. */
static void
a_walk_reaches_the_recall_asked_for(void **state)
{
	enum { ROWS = 30000, DIM = 64, QUERIES = 100 };
	float *v = make_rows(ROWS, DIM, 12), *q = make_rows(QUERIES, DIM, 13);
	struct dense_params p = {.dim = DIM, .exact = DENSE_FP32, .graph = DENSE_GRAPH_ALWAYS,
	    .ef_construction = 60};
	struct shelf b;
	double recall;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	assert_true(b.built.recall[1] >= 0.95f);
	recall = graph_recall(&b, v, ROWS, DIM, q, QUERIES, 0.95f);
	if (recall < 0.95)
		fail_msg("recall %.3f at slack %g", recall, (double)b.built.slack[1]);
	recall = graph_recall(&b, v, ROWS, DIM, q, QUERIES, 0.99f);
	if (recall < 0.985)
		fail_msg("recall %.3f at slack %g", recall, (double)b.built.slack[2]);
	clear_shelf(&b);
	free(v);
	free(q);
}

static void
a_deadline_cuts_and_says_so(void **state)
{
	enum { ROWS = 20000, DIM = 16 };
	float *v = make_rows(ROWS, DIM, 14);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_NEVER};
	struct dense_options o = {.k = 5, .deadline_ns = 1};
	struct dense_hit hit[5];
	struct dense_report report;
	struct shelf b;
	struct err e;
	uint32_t n;

	(void)state;
	put_on_shelf(&b, v, ROWS, &p);
	assert_ok(dense_search(b.d, b.s, v, &o, hit, &n, &report, &e), &e);
	assert_true(report.cut);
	assert_true(report.scored < ROWS);
	clear_shelf(&b);
	free(v);
}

/* ---- bytes ---- */

static void
bytes_are_the_same_for_any_number_of_threads(void **state)
{
	enum { ROWS = 2000, DIM = 20 };
	float *v = make_rows(ROWS, DIM, 15);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_ALWAYS, .ef_construction = 50,
	    .m = 6};
	char *first = NULL, *again;
	size_t n1 = 0, n2;
	struct err e;

	(void)state;
	for (p.threads = 0; p.threads < 4; p.threads++) {
		assert_ok(write_index(path, v, ROWS, &p, NULL, NULL, &e), &e);
		assert_ok(file_read(&again, &n2, path, 1 << 26, &e), &e);
		if (first == NULL) {
			first = again;
			n1 = n2;
			continue;
		}
		assert_int_equal(n1, n2);
		assert_memory_equal(first, again, n1);
		free(again);
	}
	free(first);
	free(v);
}

/* ---- growing from the previous generation ---- */

enum { OLD_ROWS = 4000, NEW_ROWS = 4400, GROW_DIM = 32 };

/* The new generation drops every one_in-th row, moves the others up and adds new ones. */
static uint32_t
plan_growth(const float *all, uint32_t one_in, float *v, uint32_t *old_row)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < NEW_ROWS; row++) {
		if (row < OLD_ROWS && row % one_in == 1)
			continue;
		memcpy(v + (size_t)n * GROW_DIM, all + (size_t)row * GROW_DIM,
		    GROW_DIM * sizeof *v);
		old_row[n++] = row < OLD_ROWS ? row : DENSE_NO_ROW;
	}
	return n;
}

static void
a_renewed_graph_finds_as_much_as_a_new_one(void **state)
{
	float *all = make_rows(NEW_ROWS, GROW_DIM, 17), *q = make_rows(100, GROW_DIM, 18);
	float *v = malloc((size_t)NEW_ROWS * GROW_DIM * sizeof *v);
	uint32_t *old_row = malloc(NEW_ROWS * sizeof *old_row), n;
	struct dense_params p = {.dim = GROW_DIM, .exact = DENSE_FP32,
	    .graph = DENSE_GRAPH_ALWAYS,
	    .ef_construction = 80};
	struct dense_built built;
	struct shelf old, b;
	char grown[640];
	double renewed, anew;
	struct err e;

	(void)state;
	snprintf(grown, sizeof grown, "%s.grown", path);
	for (uint32_t row = 0; row < OLD_ROWS; row += 40)	/* copies,
	    whose head goes or stays */
		memcpy(all + (row + 1) * GROW_DIM, all + (row + 2) * GROW_DIM,
		    GROW_DIM * sizeof *v);
	put_on_shelf(&old, all, OLD_ROWS, &p);
	n = plan_growth(all, 10, v, old_row);
	struct dense_base base = {.old = old.d, .old_row_of_new = old_row};
	assert_ok(write_index(grown, v, n, &p, &base, &built, &e), &e);
	assert_true(built.reused > OLD_ROWS * 8 / 10);
	assert_true(built.healed > 0);
	open_shelf(&b, grown);
	assert_ok(dense_verify(b.d, &e), &e);
	renewed = graph_recall(&b, v, n, GROW_DIM, q, 100, 0.95f);
	clear_shelf(&b);
	clear_shelf(&old);
	put_on_shelf(&b, v, n, &p);
	anew = graph_recall(&b, v, n, GROW_DIM, q, 100, 0.95f);
	clear_shelf(&b);
	if (renewed < anew - 0.01)
		fail_msg("recall %.3f, anew %.3f", renewed, anew);
	free(old_row);
	free(v);
	free(q);
	free(all);
}

static void
a_base_too_different_is_not_used(void **state)
{
	float *all = make_rows(NEW_ROWS, GROW_DIM, 19);
	float *v = malloc((size_t)NEW_ROWS * GROW_DIM * sizeof *v);
	uint32_t *old_row = malloc(NEW_ROWS * sizeof *old_row), n;
	struct dense_params p = {.dim = GROW_DIM, .graph = DENSE_GRAPH_ALWAYS,
	    .ef_construction = 20,
	    .m = 6};
	struct dense_built built;
	struct shelf old;
	char grown[640];
	struct err e;

	(void)state;
	snprintf(grown, sizeof grown, "%s.grown", path);
	put_on_shelf(&old, all, OLD_ROWS, &p);
	struct dense_base base = {.old = old.d, .old_row_of_new = old_row};
	n = plan_growth(all, 4, v, old_row);			/* a quarter went */
	assert_ok(write_index(grown, v, n, &p, &base, &built, &e), &e);
	assert_int_equal(built.reused, 0);
	n = plan_growth(all, 100, v, old_row);
	p.m = 7;						/* another shape */
	assert_ok(write_index(grown, v, n, &p, &base, &built, &e), &e);
	assert_int_equal(built.reused, 0);
	p.m = 6;
	for (uint32_t row =
	    0; row < n; row++)			/* a liar: every row did change */
		old_row[row] = (row * 7 + 5) % OLD_ROWS;
	assert_ok(write_index(grown, v, n, &p, &base, &built, &e), &e);
	assert_int_equal(built.reused, 0);
	clear_shelf(&old);
	free(old_row);
	free(v);
	free(all);
}

static void
kept_vectors_are_those_of_the_base_bit_for_bit(void **state)
{
	float *all = make_rows(NEW_ROWS, GROW_DIM, 23), kept[GROW_DIM], was[GROW_DIM];
	float *v = malloc((size_t)NEW_ROWS * GROW_DIM * sizeof *v);
	uint32_t *old_row = malloc(NEW_ROWS * sizeof *old_row), n;
	struct dense_params p = {.dim = GROW_DIM, .graph = DENSE_GRAPH_ALWAYS,
	    .ef_construction = 20,
	    .m = 6};
	struct dense_built built;
	struct shelf old, b;
	char grown[640];
	struct err e;

	(void)state;
	snprintf(grown, sizeof grown, "%s.grown", path);
	memcpy(all + GROW_DIM, all, GROW_DIM * sizeof *all);	/* a copy, whose head stays */
	put_on_shelf(&old, all, OLD_ROWS, &p);
	n = plan_growth(all, 50, v, old_row);
	for (uint32_t row = 0; row < n; row++)
		if (old_row[row] != DENSE_NO_ROW)
			v[(size_t)row * GROW_DIM] = NAN;	/* not read */
	struct dense_base base = {
	    .old = old.d, .old_row_of_new = old_row, .keeps_vectors = true};
	assert_ok(write_index(grown, v, n, &p, &base, &built, &e), &e);
	assert_true(built.reused > OLD_ROWS * 9 / 10);
	open_shelf(&b, grown);
	assert_ok(dense_verify(b.d, &e), &e);
	for (uint32_t row = 0; row < n; row++) {
		if (old_row[row] == DENSE_NO_ROW)
			continue;
		dense_vector(b.d, row, kept);
		dense_vector(old.d, old_row[row], was);
		assert_memory_equal(kept, was, sizeof kept);
	}
	clear_shelf(&b);
	old_row[0] = OLD_ROWS;
	assert_refused(write_index(grown, v, n, &p, &base, &built, &e), &e, ERR_RANGE);
	old_row[0] = 0;
	p.exact = DENSE_FP32;
	assert_refused(write_index(grown, v, n, &p, &base, &built, &e), &e, ERR_RANGE);
	clear_shelf(&old);
	free(old_row);
	free(v);
	free(all);
}

static void
renewing_gives_the_same_bytes_again(void **state)
{
	float *all = make_rows(NEW_ROWS, GROW_DIM, 20);
	float *v = malloc((size_t)NEW_ROWS * GROW_DIM * sizeof *v);
	uint32_t *old_row = malloc(NEW_ROWS * sizeof *old_row), n;
	struct dense_params p = {.dim = GROW_DIM, .graph = DENSE_GRAPH_ALWAYS,
	    .ef_construction = 30,
	    .m = 6};
	char grown[640], *one, *two;
	size_t n1, n2;
	struct shelf old;
	struct err e;

	(void)state;
	snprintf(grown, sizeof grown, "%s.grown", path);
	put_on_shelf(&old, all, OLD_ROWS, &p);
	struct dense_base base = {.old = old.d, .old_row_of_new = old_row};
	n = plan_growth(all, 10, v, old_row);
	assert_ok(write_index(grown, v, n, &p, &base, NULL, &e), &e);
	assert_ok(file_read(&one, &n1, grown, 1 << 26, &e), &e);
	p.threads = 3;
	assert_ok(write_index(grown, v, n, &p, &base, NULL, &e), &e);
	assert_ok(file_read(&two, &n2, grown, 1 << 26, &e), &e);
	assert_int_equal(n1, n2);
	assert_memory_equal(one, two, n1);
	clear_shelf(&old);
	free(one);
	free(two);
	free(old_row);
	free(v);
	free(all);
}

/* ---- hostile sections: right checksums, wrong content ---- */

static const enum rpx_kind kinds[] = {RPX_DENSE, RPX_CODES, RPX_EXACT, RPX_LINKS, RPX_UPPER,
    RPX_SAME, RPX_COARSE};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void
write_damaged(const struct rpx *r, const char *to, uint32_t victim, struct err *e)
{
	struct rpx_writer *w;
	size_t n;
	uint64_t items;

	unlink(to);
	assert_ok(rpx_create(&w, to, "alpha", e), e);
	for (uint32_t i = 0; i < KINDS; i++) {
		const void *p = rpx_find(r, kinds[i], &n, &items);
		unsigned char *copy = malloc(n + 64);
		memcpy(copy, p, n);
		for (uint32_t k = 0; i == victim && n > 0 && k < 1 + next_random() % 8; k++) {
			static const uint32_t odd[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff,
			    299, 300, 0x7fc00000};
			uint32_t x = next_random() % 3 ? odd[next_random() % 8] : next_random();
			size_t at = next_random() % (n / 4) * 4;
			if (next_random() % 2)
				memcpy(copy + at, &x, 4);
			else
				copy[at] = (unsigned char)x;
		}
		if (i == victim && next_random() % 10 == 0)
			n = next_random() % (n + 64);
		assert_ok(rpx_add(w, kinds[i], copy, n, items, e), e);
		free(copy);
	}
	assert_ok(rpx_finish(w, e), e);
}

/* A damaged base must not harm the build that trusts it. */
static void
renew_from(const struct dense *d, const float *v, uint32_t rows, uint32_t dim)
{
	struct dense_params p = {.dim = dim, .graph = DENSE_GRAPH_ALWAYS, .m = 4,
	    .ef_construction = 20};
	uint32_t *old_row = malloc(rows * sizeof *old_row);
	struct dense_base base = {.old = d, .old_row_of_new = old_row};
	struct rpx_writer *w;
	char to[640];
	struct err e;

	snprintf(to, sizeof to, "%s.renewed", path);
	for (uint32_t row = 0; row < rows; row++)
		old_row[row] = row % 11 == 0 ? next_random() : row;
	unlink(to);
	assert_ok(rpx_create(&w, to, "alpha", &e), &e);
	assert_ok(dense_write(w, v, rows, &p, &base, NULL, &e), &e);
	rpx_abandon(w);
	free(old_row);
}

static void
use_all(const char *at, const float *q, uint32_t rows, uint32_t dim)
{
	struct rpx r;
	struct dense *d;
	struct err e;
	struct dense_hit hit[200];
	uint32_t n, count[2];
	uint64_t allowed[64];
	float out[64];

	assert_ok(rpx_open(&r, at, &e), &e);
	if (dense_open(&d, &r, &e) == 0) {
		struct dense_scratch *s = dense_scratch_new(&e);
		struct dense_options o = {.k = 100};
		struct dense_info info;
		dense_info(d, &info);
		if (info.dim == dim && info.rows == rows) {
			dense_search(d, s, q, &o, hit, &n, NULL, &e);
			o.ef = 40;
			dense_search(d, s, q, &o, hit, &n, NULL, &e);
			memset(allowed, 0xff, sizeof allowed);
			o.allowed = allowed;
			o.allowed_count = rows;
			dense_search_many(d, s, q, 2, &o, hit, count, &e);
			dense_vector(d, rows - 1, out);
			dense_score(d, 7, q);
		}
		dense_verify(d, &e);
		dense_scratch_free(s);
		renew_from(d, q, rows, dim);
	}
	dense_close(d);
	rpx_close(&r);
}

static void
hostile_sections_never_read_out_of_bounds(void **state)
{
	enum { ROWS = 300, DIM = 16 };
	float *v = make_rows(ROWS, DIM, 16);
	struct dense_params p = {.dim = DIM, .graph = DENSE_GRAPH_ALWAYS, .m = 4,
	    .ef_construction = 20};
	char damaged[640];
	struct shelf b;
	struct err e;

	(void)state;
	for (uint32_t row = 0; row < ROWS; row += 10)
		memcpy(v + row * DIM, v + (row + 1) * DIM, DIM * sizeof *v);
	put_on_shelf(&b, v, ROWS, &p);
	snprintf(damaged, sizeof damaged, "%s.damaged", path);
	for (uint32_t i = 0; i < 30 * KINDS; i++) {
		write_damaged(&b.r, damaged, i % KINDS, &e);
		use_all(damaged, v, ROWS, DIM);
	}
	clear_shelf(&b);
	free(v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_scan_finds_the_nearest_under_every_metric),
	    cmocka_unit_test(rows_without_a_vector_are_never_returned),
	    cmocka_unit_test(ties_go_to_the_lower_row),
	    cmocka_unit_test(empty_and_tiny_indexes_answer),
	    cmocka_unit_test(bad_input_is_refused),
	    cmocka_unit_test(large_values_turn_halves_into_floats),
	    cmocka_unit_test(many_queries_answer_as_one_by_one),
	    cmocka_unit_test(filtered_scans_are_exact),
	    cmocka_unit_test(filtered_walks_give_all_hits_and_few_errors),
	    cmocka_unit_test(a_walk_reaches_the_recall_asked_for),
	    cmocka_unit_test(a_deadline_cuts_and_says_so),
	    cmocka_unit_test(bytes_are_the_same_for_any_number_of_threads),
	    cmocka_unit_test(a_renewed_graph_finds_as_much_as_a_new_one),
	    cmocka_unit_test(a_base_too_different_is_not_used),
	    cmocka_unit_test(kept_vectors_are_those_of_the_base_bit_for_bit),
	    cmocka_unit_test(renewing_gives_the_same_bytes_again),
	    cmocka_unit_test(hostile_sections_never_read_out_of_bounds),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
