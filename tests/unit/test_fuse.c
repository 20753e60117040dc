/* test_fuse.c - fusion, feedback, diversity, grouping: formulas and properties. */
#include "unit.h"

#include <math.h>

#include "fuse.h"

static uint64_t random_state = 3;

static float
next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (float)(random_state >> 40) * 0x1p-24f;
}

static bool
same(float a, double b)
{
	return fabs(a - b) < 1e-6;
}

static const struct fuse_lexical lexical[] = {
    {7, 8, 4, false}, {3, 10, 0, false}, {5, 2, 2, false}};
static const struct fuse_dense dense[] = {{5, 0.9f}, {9, 0.5f}, {3, 0.1f}};
enum { L = 3, D = 3 };

static float
cosine_of_7(void *context, uint32_t row)
{
	(void)context;
	return row == 7 ? 0.3f : NAN;
}

static const struct fuse_hit *
hit_of(const struct fuse_hit *hits, size_t n, uint32_t row)
{
	for (size_t i = 0; i < n; i++)
		if (hits[i].row == row)
			return &hits[i];
	fail_msg("row %u is missing", row);
	return NULL;
}

static void
hybrid_follows_its_formula(void **state)
{
	struct fuse_options o = {.mode = FUSE_HYBRID, .dense_weight = 0.3f, .near_weight = 0.5f,
	    .cosine = cosine_of_7};
	struct fuse_hit h[L + D];
	size_t n = fuse(lexical, L, dense, D, &o, h);

	(void)state;
	assert_int_equal(n, 4);
	/* M = 10: of row 3 (10 + 0) and of row 7 (8 + 2). */
	assert_true(same(hit_of(h, n, 7)->score, 0.7 * 10 / 10 + 0.3 * 0.3));
	assert_true(same(hit_of(h, n, 3)->score, 0.7 * 10 / 10 + 0.3 * 0.1));
	assert_true(same(hit_of(h, n, 5)->score, 0.7 * 3 / 10 + 0.3 * 0.9));
	assert_true(same(hit_of(h, n, 9)->score, 0.3 * 0.5));
	assert_true(same(hit_of(h, n, 7)->part.near, 0.7 * 0.5 * 4 / 10));
	assert_int_equal(h[0].row, 7);
	assert_int_equal(h[1].row, 3);
	assert_int_equal(hit_of(h, n, 7)->dense_place, 0);
	assert_int_equal(hit_of(h, n, 5)->dense_place, 1);
	assert_int_equal(hit_of(h, n, 5)->lexical_place, 3);
	assert_true(same(hit_of(h, n, 7)->cosine, 0.3));
}

static void
spread_cosines_go_from_0_to_1(void **state)
{
	struct fuse_options o = {.mode = FUSE_HYBRID, .dense_weight = 0.4f, .is_spread = true,
	    .cosine = cosine_of_7};
	struct fuse_hit h[L + D];
	size_t n = fuse(lexical, L, dense, D, &o, h);

	(void)state;
	assert_true(same(hit_of(h, n, 5)->part.dense, 0.4));
	assert_true(same(hit_of(h, n, 3)->part.dense, 0));
	assert_true(same(hit_of(h, n, 7)->part.dense, 0.4 * 0.2 / 0.8));
	n = fuse(lexical, L, dense, 1, &o, h);	/* row 3 has no vector: counts 0 */
	assert_true(same(hit_of(h, n, 3)->part.dense, 0));
	n = fuse(NULL, 0, dense, 1, &o, h);	/* nothing to spread: as it is */
	assert_true(same(h[0].score, 0.9));
}

static void
minmax_follows_its_formula(void **state)
{
	struct fuse_options o = {.mode = FUSE_MINMAX, .dense_weight = 0.25f, .near_weight = 0.5f};
	struct fuse_hit h[L + D];
	size_t n = fuse(lexical, L, dense, D, &o, h);

	(void)state;
	assert_true(same(hit_of(h, n, 7)->score, 0.75));		/* lexical 10, 3..10 */
	assert_true(same(hit_of(h, n, 5)->score, 0.25));
	assert_true(same(hit_of(h, n, 9)->score, 0.25 * 0.4 / 0.8));
	assert_true(same(hit_of(h, n, 3)->score, 0.75));
	n = fuse(lexical, 1, dense, 1, &o, h);			/* alone in its list: 1 */
	assert_true(same(hit_of(h, n, 7)->score, 0.75));
	assert_true(same(hit_of(h, n, 5)->score, 0.25));
}

static void
rrf_sums_reciprocal_places(void **state)
{
	struct fuse_options o = {.mode = FUSE_RRF, .near_weight = 0.5f};
	struct fuse_hit h[L + D];
	size_t n = fuse(lexical, L, dense, D, &o, h);

	(void)state;
	/* 3 and 7 tie at 10 in the lexical list: the lower row is first. */
	assert_true(same(hit_of(h, n, 3)->score, 1.0 / 61 + 1.0 / 63));
	assert_true(same(hit_of(h, n, 7)->score, 1.0 / 62));
	assert_true(same(hit_of(h, n, 5)->score, 1.0 / 63 + 1.0 / 61));
	assert_true(same(hit_of(h, n, 9)->score, 1.0 / 62));
	assert_int_equal(h[0].row, 3);		/* ties: the lower row */
	assert_int_equal(h[1].row, 5);
	assert_int_equal(h[2].row, 7);
}

static void
single_modes_use_one_list(void **state)
{
	struct fuse_options o = {.mode = FUSE_DENSE};
	struct fuse_hit h[L + D];

	(void)state;
	assert_int_equal(fuse(lexical, L, dense, D, &o, h), 3);
	assert_true(h[0].row == 5 && same(h[0].score, 0.9));
	o.mode = FUSE_LEXICAL;
	o.near_weight = 1;
	assert_int_equal(fuse(lexical, L, dense, D, &o, h), 3);
	assert_true(h[0].row == 7 && same(h[0].score, 12) && same(h[0].part.near, 4));
}

static void
an_empty_list_gives_its_weight_to_the_other(void **state)
{
	static const enum fuse_mode modes[] = {FUSE_HYBRID, FUSE_MINMAX};
	struct fuse_hit h[L + D];

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct fuse_options o = {.mode = modes[i], .dense_weight = 0.3f,
		    .cosine = cosine_of_7};
		assert_int_equal(fuse(lexical, L, NULL, 0, &o, h), 3);
		assert_true(h[0].row == 3 && same(h[0].score, 1));
		assert_int_equal(fuse(NULL, 0, dense, D, &o, h), 3);
		assert_true(h[0].row == 5 && same(h[0].score, i == 0 ? 0.9 : 1));
		assert_int_equal(fuse(NULL, 0, NULL, 0, &o, h), 0);
	}
}

static float
random_cosine(void *context, uint32_t row)
{
	(void)context;
	return row % 5 == 0 ? -INFINITY : (float)(row % 17) / 17 - 0.2f;
}

/* In every mode, for random lists with ties and wild numbers. */
static void
parts_add_up_and_order_is_kept(void **state)
{
	enum { MOST = 60 };
	struct fuse_lexical l[MOST];
	struct fuse_dense d[MOST];
	struct fuse_hit h[2 * MOST], again[2 * MOST];

	(void)state;
	for (int round = 0; round < 400; round++) {
		size_t nl = (size_t)(next_random() * MOST), nd = (size_t)(next_random() * MOST), n;
		struct fuse_options o = {.mode = (enum fuse_mode)(round % FUSE_MODE_MAX),
		    .dense_weight = next_random(), .near_weight = next_random(),
		    .is_spread = round % 2 == 0, .cosine = round % 3 == 0 ? random_cosine : NULL};
		for (size_t i = 0; i < nl; i++)
			l[i] = (struct fuse_lexical){(uint32_t)i * 2, floorf(next_random() * 9),
			    round % 7 == 0 && i == 3 ? NAN : next_random(), false};
		for (size_t i = 0; i < nd; i++)
			d[i] = (struct fuse_dense){(uint32_t)i * 3,
			    round % 11 == 0 && i == 2 ? INFINITY : floorf(next_random() * 5) / 5};
		n = fuse(l, nl, d, nd, &o, h);
		for (size_t i = 0; i < n; i++) {
			float sum = h[i].part.bm25 + h[i].part.near + h[i].part.dense;
			assert_memory_equal(&sum, &h[i].score, sizeof sum);
			assert_true(isfinite(h[i].score));
			if (i > 0 && !(h[i - 1].score > h[i].score))
				assert_true(h[i - 1].row < h[i].row && h[i - 1].score >= h[i].score);
		}
		/* The order of the input does not matter. */
		for (size_t i = 0; i < nl / 2; i++) {
			struct fuse_lexical swap = l[i];
			l[i] = l[nl - 1 - i];
			l[nl - 1 - i] = swap;
		}
		assert_int_equal(fuse(l, nl, d, nd, &o, again), n);
		assert_memory_equal(h, again, n * sizeof *h);
	}
}

/* ---- what follows ---- */

static bool
vector_of(void *context, uint32_t row, float *out)
{
	(void)context;
	out[0] = row == 1;
	out[1] = row == 2;
	out[2] = 0;
	return row == 1 || row == 2;
}

static void
feedback_moves_the_query_towards_the_best_hits(void **state)
{
	struct fuse_hit h[] = {{.row = 1, .score = 3}, {.row = 2, .score = 4}, {.row = 8, .score = 9},
	    {.row = 1, .score = -5}};
	float q[3] = {0, 0, 1}, scratch[6], length = sqrtf(2);

	(void)state;
	fuse_feedback(h, 4, vector_of, NULL, q, 3, scratch, q);
	assert_true(same(q[0], 0.6 / length));
	assert_true(same(q[1], 0.8 / length));
	assert_true(same(q[2], 1 / length));
	float r[3] = {0, 1, 0};
	fuse_feedback(h, 0, vector_of, NULL, r, 3, scratch, q);
	assert_memory_equal(q, r, sizeof r);
}

/* Rows of one decade are alike. */
static float
decade(void *context, uint32_t row, uint32_t other)
{
	++*(int *)context;
	return row / 10 == other / 10;
}

static void
diversity_takes_unlike_hits_first(void **state)
{
	struct fuse_hit h[] = {{.row = 11, .score = 10}, {.row = 12, .score = 9}, {.row = 13, .score = 8},
	    {.row = 21, .score = 7}, {.row = 22, .score = 6}, {.row = 31, .score = 2}};
	static const uint32_t half[] = {11, 21, 31, 12, 13, 22}, none[] = {11, 12, 13, 21, 22, 31};
	struct fuse_hit copy[6];
	int calls = 0;

	(void)state;
	memcpy(copy, h, sizeof h);
	fuse_diversify(copy, 6, 3, 1, decade, &calls);
	for (int i = 0; i < 6; i++)
		assert_int_equal(copy[i].row, none[i]);
	fuse_diversify(copy, 6, 3, 0.5f, decade, &calls);
	for (int i = 0; i < 6; i++)
		assert_int_equal(copy[i].row, half[i]);
	assert_int_equal(calls, 5 + 4);		/* the last choice asks nothing */
	fuse_diversify(copy, 0, 3, 0.5f, decade, &calls);
	/* With 0.95 likeness hardly counts: scores decide. */
	fuse_diversify(h, 6, 6, 0.95f, decade, &calls);
	for (int i = 0; i < 6; i++)
		assert_int_equal(h[i].row, none[i]);
}

static uint32_t
document_of(void *context, uint32_t row)
{
	(void)context;
	return row / 10;
}

static void
grouping_keeps_the_first_hits_of_each_document(void **state)
{
	static const uint32_t rows[] = {11, 12, 21, 13, 31, 22, 23};
	static const uint32_t two[] = {11, 12, 21, 31, 22}, one[] = {11, 21, 31};
	struct fuse_hit h[7];

	(void)state;
	for (int i = 0; i < 7; i++)
		h[i] = (struct fuse_hit){.row = rows[i]};
	assert_int_equal(fuse_group(h, 7, 2, document_of, NULL), 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(h[i].row, two[i]);
		assert_int_equal(h[i].document, two[i] / 10);
	}
	assert_int_equal(fuse_group(h, 5, 1, document_of, NULL), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(h[i].row, one[i]);
}

enum { ROWS = 40, FOUND = 12 };
static float cosine_by_row[ROWS];

static float
cosine_by_table(void *context, uint32_t row)
{
	(void)context;
	return cosine_by_row[row];
}

/* Random halves of a collection of ROWS: some lexical rows, and the best FOUND cosines. */
static size_t
make_halves(struct fuse_lexical words[FOUND], struct fuse_dense vectors[FOUND])
{
	size_t n = 1 + (size_t)(next_random() * FOUND), found = 0;

	for (uint32_t i = 0; i < ROWS; i++)
		cosine_by_row[i] = 2 * next_random() - 1;
	for (uint32_t i = 0; i < n; i++)
		words[i] = (struct fuse_lexical){
		    .row = 3 * i + 1, .bm25 = 5 + 5 * next_random(), .near = 2 * next_random()};
	for (uint32_t i = 0; i < ROWS; i++) {
		size_t better = 0;
		for (uint32_t k = 0; k < ROWS; k++)
			better += cosine_by_row[k] > cosine_by_row[i];
		if (better < FOUND)
			vectors[found++] = (struct fuse_dense){i, cosine_by_row[i]};
	}
	return n;
}

/* What the dense list knows of rows that the words did not find. */
static float
best_of_others(const struct fuse_lexical *words, size_t n, const struct fuse_dense vectors[FOUND])
{
	float best = -1;

	for (size_t i = 0; i < FOUND; i++) {
		bool is_word = false;
		for (size_t k = 0; k < n; k++)
			is_word |= words[k].row == vectors[i].row;
		if (!is_word)
			best = fmaxf(best, vectors[i].cosine);
	}
	return best;
}

struct nears {
	const struct fuse_lexical *words;
	size_t asked;
};

static int
near_of_word(void *context, size_t i, float *out, struct err *e)
{
	struct nears *s = context;

	(void)e;
	*out = s->words[i].near;
	s->asked++;
	return 0;
}

/* Without the dense list, and with few of the nears. */
static void
first_hits_are_those_of_both_lists(void **state)
{
	struct fuse_options o = fuse_options_for(EMBED_KIND_LSA);
	struct fuse_hit both[2 * FOUND], alone[FOUND];
	struct fuse_lexical words[FOUND], bounds[FOUND];
	struct fuse_dense vectors[FOUND];
	struct nears nears = {.words = words};
	uint64_t key[FOUND];
	float cosine[FOUND];
	size_t all = 0, wanted = 0, found = 0, sure;
	struct err e;

	(void)state;
	o.cosine = cosine_by_table;
	o.near = near_of_word;
	o.context = &nears;
	for (int round = 0; round < 2000; round++) {
		size_t n = make_halves(words, vectors), k = 1 + (size_t)(next_random() * 8), m;
		k = k < n ? k : n;
		for (size_t i = 0; i < n; i++) {
			bounds[i] = words[i];
			bounds[i].is_most = next_random() < 0.9f;
			if (bounds[i].is_most)
				bounds[i].near += round % 4 == 0 ? 0 : next_random();
		}
		o.others = round % 2 == 0 ? FUSE_COSINE_MOST : best_of_others(words, n, vectors);
		m = fuse(words, n, vectors, FOUND, &o, both);
		assert_ok(fuse_first(bounds, n, &o, k, key, cosine, alone, &sure, &e), &e);
		for (size_t i = 0; i < sure; i++) {
			assert_int_equal(alone[i].row, both[i].row);
			assert_true(alone[i].score == both[i].score);
			assert_memory_equal(&alone[i].part, &both[i].part, sizeof both[i].part);
			assert_true(alone[i].cosine == both[i].cosine);
			assert_true(alone[i].near == both[i].near);
		}
		if (sure < k)		/* the next one could be beaten */
			assert_true(sure == m || both[sure].lexical_place == 0 ||
			    !(both[sure].score > 0.4f * o.others));
		all += n;
		wanted += k;
		found += sure;
	}
	assert_true(found > wanted / 4 && found < wanted);
	assert_true(nears.asked > found && nears.asked < all * 3 / 4);
	assert_ok(fuse_first(bounds, 0, &o, 5, key, cosine, alone, &sure, &e), &e);
	assert_int_equal(sure, 0);
	for (int i = 0; i < ROWS; i++)		/* perhaps there are no vectors */
		cosine_by_row[i] = -INFINITY;
	assert_ok(fuse_first(bounds, 1, &o, 1, key, cosine, alone, &sure, &e), &e);
	assert_int_equal(sure, 0);
}

static int
near_is_damaged(void *context, size_t i, float *out, struct err *e)
{
	(void)context;
	(void)i;
	*out = 0;
	return err_set(e, ERR_CORRUPT, "damaged");
}

static void
what_cannot_be_made_exact_is_an_error(void **state)
{
	struct fuse_options o = fuse_options_for(EMBED_KIND_LSA);
	struct fuse_lexical word = {.row = 1, .bm25 = 1, .near = 1, .is_most = true};
	struct fuse_hit out;
	uint64_t key;
	float cosine;
	size_t n;
	struct err e;

	(void)state;
	o.cosine = cosine_by_table;
	o.near = near_is_damaged;
	assert_int_equal(fuse_first(&word, 1, &o, 1, &key, &cosine, &out, &n, &e), -1);
	assert_int_equal(e.code, ERR_CORRUPT);
}

static void
modes_have_names(void **state)
{
	enum fuse_mode m;

	(void)state;
	assert_ok(fuse_mode_of("rrf", &m), (&(struct err){0}));
	assert_int_equal(m, FUSE_RRF);
	assert_int_equal(fuse_mode_of("", &m), -1);
	assert_int_equal(fuse_mode_of("hybri", &m), -1);
	assert_true(same(fuse_options_for(EMBED_KIND_LSA).dense_weight, 0.4));
	assert_true(fuse_options_for(EMBED_KIND_EXTERNAL).is_spread);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hybrid_follows_its_formula),
	    cmocka_unit_test(spread_cosines_go_from_0_to_1),
	    cmocka_unit_test(minmax_follows_its_formula),
	    cmocka_unit_test(rrf_sums_reciprocal_places),
	    cmocka_unit_test(single_modes_use_one_list),
	    cmocka_unit_test(an_empty_list_gives_its_weight_to_the_other),
	    cmocka_unit_test(parts_add_up_and_order_is_kept),
	    cmocka_unit_test(feedback_moves_the_query_towards_the_best_hits),
	    cmocka_unit_test(diversity_takes_unlike_hits_first),
	    cmocka_unit_test(grouping_keeps_the_first_hits_of_each_document),
	    cmocka_unit_test(first_hits_are_those_of_both_lists),
	    cmocka_unit_test(what_cannot_be_made_exact_is_an_error),
	    cmocka_unit_test(modes_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
