/* test_lsa.c - the built-in embedder against an exact decomposition, and its promises. */
#include "unit.h"

#include <math.h>

#include "embed_format.h"
#include "file.h"
#include "linalg.h"
#include "lsa.h"
#include "lsa_format.h"

static uint64_t random_state;

static uint32_t
next_random(uint32_t below)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((random_state >> 33) * below >> 31);
}

/* Rows of words 0, 1, ...: two thirds from the row's topic of 20 words, skewed; one third from
 * all. */
static void
make_rows(struct termdoc *t, uint32_t rows, uint32_t words, uint32_t vocabulary)
{
	struct analyzer *a;
	struct err e;
	char text[16];

	random_state = rows;
	assert_ok(analyzer_new(&a, "none", &e), &e);
	assert_ok(termdoc_init(t, &e), &e);
	for (uint32_t r = 0; r < rows; r++) {
		uint32_t topic = next_random(vocabulary / 20);
		assert_ok(termdoc_begin_row(t, &e), &e);
		for (uint32_t i = 0; i < words; i++) {
			uint32_t w = next_random(3) == 0 ? next_random(vocabulary)
			    : topic * 20 + next_random(1 + next_random(20));
			int n = snprintf(text, sizeof text, "%u ", w);
			assert_ok(termdoc_add_text(t, a, text, (size_t)n, &e), &e);
		}
	}
	assert_ok(termdoc_seal(t, &e), &e);
	analyzer_free(a);
}

/* Row r of A in double, by the formula of lsa.h and nothing shared with it. */
static void
exact_row(const struct termdoc *t, uint32_t r, double *out)
{
	double avg = (double)t->row_at[t->rows] / t->rows, norm = 0;
	double len = (double)(t->row_at[r + 1] - t->row_at[r]);

	memset(out, 0, t->terms * sizeof *out);
	for (uint64_t i = t->row_at[r]; i < t->row_at[r + 1]; i++)
		out[t->token[i]]++;
	for (uint32_t i = 0; i < t->terms; i++) {
		double n = t->rows, df = t->df[i];
		double idf = log(1 + (n - df + 0.5) / (df + 0.5));
		out[i] *= pow(idf, 1.5) * 2.2 / (out[i] + 1.2 * (0.25 + 0.75 * len / avg));
		norm += out[i] * out[i];
	}
	for (uint32_t i = 0; i < t->terms && norm > 0; i++)
		out[i] /= sqrt(norm);
}

/* Cosines of all rows after the exact projection: with A A' = U S^2 U' the vectors are
 * U S^(3/2), so their products are U S^3 U' over the first dim directions. */
static double *
exact_cosines(const struct termdoc *t, uint32_t dim)
{
	size_t n = t->rows;
	double *a = calloc(n * t->terms, sizeof *a), *g = calloc(n * n, sizeof *g);
	double *value = calloc(n, sizeof *value), *u = calloc(n * n, sizeof *u);
	double *out = calloc(n * n, sizeof *out);
	struct err e;

	for (uint32_t r = 0; r < n; r++)
		exact_row(t, r, a + r * t->terms);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			for (size_t k = 0; k < t->terms; k++)
				g[i * n + j] += a[i * t->terms + k] * a[j * t->terms + k];
	assert_ok(linalg_eigen(g, n, value, u, &e), &e);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			for (size_t k = 0; k < dim; k++)
				if (value[k] > 0)
					out[i * n + j] += u[k * n + i] * u[k * n + j] *
					    pow(value[k], 1.5);
	for (size_t i = 0; i < n; i++)
		value[i] = sqrt(out[i * n + i]);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			out[i * n + j] /= value[i] * value[j];
	free(a);
	free(g);
	free(value);
	free(u);
	return out;
}

static double
dot(const float *a, const float *b, uint32_t n)
{
	double sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += (double)a[i] * b[i];
	return sum;
}

static void
rows_lie_as_the_exact_decomposition_says(void **state)
{
	static const struct {
		uint32_t rows, words, vocabulary, dim;
		double error;
	} t[] = {{40, 30, 400, 39, 0.03}, {300, 40, 60, 60, 0.03}, {300, 60, 800, 256, 0.03}};

	(void)state;
	for (size_t c = 0; c < sizeof t / sizeof t[0]; c++) {
		struct termdoc d;
		struct lsa m;
		struct err e;
		double worst = 0;
		make_rows(&d, t[c].rows, t[c].words, t[c].vocabulary);
		assert_ok(lsa_train(&m, &d, NULL, &e), &e);
		assert_int_equal(m.dim, t[c].dim);
		assert_int_equal(m.trained_rows, t[c].rows);
		float *v = calloc((size_t)d.rows * m.dim, sizeof *v);
		assert_ok(lsa_rows(&m, &d, 0, d.rows, v, &e), &e);
		double *exact = exact_cosines(&d, m.dim);
		for (uint32_t i = 0; i < d.rows; i++)
			for (uint32_t j = 0; j < d.rows; j++)
				worst = fmax(worst, fabs(exact[(size_t)i * d.rows + j] -
				    dot(v + (size_t)i * m.dim, v + (size_t)j * m.dim, m.dim)));
		if (worst > t[c].error)
			fail_msg("case %zu: a cosine is off by %g", c, worst);
		free(exact);
		free(v);
		lsa_fini(&m);
		termdoc_fini(&d);
	}
}

static void
queries_find_rows_of_their_topic_without_sharing_a_word(void **state)
{
	/* "car" and "auto" never meet, but keep the same company; "tree" keeps another. */
	static const char *const text[] = {"car engine wheel road tyre brake fuel clutch",
	    "auto engine wheel road tyre brake fuel clutch", "tree leaf forest green"};
	struct analyzer *a;
	struct termdoc d;
	struct lsa m;
	struct err e;
	struct lsa_term term = {.tf = 1};

	(void)state;
	assert_ok(analyzer_new(&a, "none", &e), &e);
	assert_ok(termdoc_init(&d, &e), &e);
	for (int i = 0; i < 36; i++) {
		assert_ok(termdoc_begin_row(&d, &e), &e);
		assert_ok(termdoc_add_text(&d, a, text[i % 3], strlen(text[i % 3]), &e), &e);
	}
	assert_ok(termdoc_seal(&d, &e), &e);
	assert_ok(lsa_train(&m, &d, NULL, &e), &e);
	float *rows = calloc((size_t)d.rows * m.dim, sizeof *rows);
	float *query = calloc(m.dim, sizeof *query);
	assert_ok(lsa_rows(&m, &d, 0, d.rows, rows, &e), &e);
	term.id = termdoc_find(&d, "car", 3);
	term.idf = lsa_idf(d.rows, d.df[term.id]);
	assert_true(lsa_embed(&m, &term, 1, query));
	assert_true(dot(query, rows, m.dim) > 0.7);			/* its own */
	assert_true(dot(query, rows + m.dim, m.dim) > 0.1);		/* "auto" */
	assert_true(fabs(dot(query, rows + 2 * m.dim, m.dim)) < 0.02);	/* "tree" */
	free(rows);
	free(query);
	lsa_fini(&m);
	termdoc_fini(&d);
	analyzer_free(a);
}

static size_t
model_bytes(const struct lsa *m)
{
	return (size_t)lsa_layout(m->terms, m->slots, m->dim).bytes;
}

static void
same_rows_give_the_same_bytes(void **state)
{
	struct termdoc d;
	struct lsa one, two;
	struct err e;

	(void)state;
	make_rows(&d, 200, 50, 700);
	assert_ok(lsa_train(&one, &d, NULL, &e), &e);
	assert_ok(lsa_train(&two, &d, NULL, &e), &e);
	assert_int_equal(model_bytes(&one), model_bytes(&two));
	assert_memory_equal(one.owned, two.owned, model_bytes(&one));
	lsa_fini(&one);
	lsa_fini(&two);
	termdoc_fini(&d);
}

static void
a_row_folded_in_lies_where_training_put_it(void **state)
{
	struct termdoc d;
	struct lsa m;
	struct err e;

	(void)state;
	make_rows(&d, 120, 40, 500);
	assert_ok(lsa_train(&m, &d, NULL, &e), &e);
	float *all = calloc((size_t)d.rows * m.dim, sizeof *all);
	float *one = calloc(m.dim, sizeof *one);
	assert_ok(lsa_rows(&m, &d, 0, d.rows, all, &e), &e);
	for (uint32_t r = 0; r < d.rows; r += 7) {
		assert_ok(lsa_rows(&m, &d, r, 1, one, &e), &e);
		assert_memory_equal(one, all + (size_t)r * m.dim, m.dim * sizeof *one);
	}
	assert_refused(lsa_rows(&m, &d, 100, 21, all, &e), &e, ERR_INTERNAL);
	free(one);
	free(all);
	lsa_fini(&m);
	termdoc_fini(&d);
}

static void
listed_rows_are_embedded_as_all_are(void **state)
{
	static const uint32_t list[] = {119, 0, 7}, beyond[] = {120};
	struct termdoc d;
	struct lsa m;
	struct err e;
	float *all, *some;

	(void)state;
	make_rows(&d, 120, 40, 400);
	assert_ok(lsa_train(&m, &d, NULL, &e), &e);
	all = calloc((size_t)d.rows * m.dim, sizeof *all);
	some = calloc((size_t)d.rows * m.dim, sizeof *some);
	assert_ok(lsa_rows(&m, &d, 0, d.rows, all, &e), &e);
	assert_ok(lsa_rows_listed(&m, &d, list, 3, some, &e), &e);
	for (uint32_t r = 0; r < d.rows; r++) {
		bool is_listed = r == 119 || r == 0 || r == 7;
		int differs = memcmp(some + (size_t)r * m.dim, all + (size_t)r * m.dim,
		    m.dim * sizeof *all);
		assert_int_equal(differs == 0, is_listed);
	}
	assert_refused(lsa_rows_listed(&m, &d, beyond, 1, some, &e), &e, ERR_INTERNAL);
	free(some);
	free(all);
	lsa_fini(&m);
	termdoc_fini(&d);
}

static int64_t
find_old(void *lexicon, const char *term, size_t len)
{
	uint32_t id = termdoc_find(lexicon, term, len);

	return id == UINT32_MAX ? -1 : (int64_t)id;
}

static void
carried_model_keeps_each_terms_vector(void **state)
{
	struct termdoc old, new;
	struct lsa m, carried;
	struct err e;
	uint32_t known = 0;

	(void)state;
	make_rows(&old, 100, 40, 400);
	make_rows(&new, 110, 40, 600);
	assert_ok(lsa_train(&m, &old, NULL, &e), &e);
	assert_ok(lsa_carry(&carried, &m, find_old, &old, &new, &e), &e);
	assert_int_equal(carried.dim, m.dim);
	assert_int_equal(carried.terms, new.terms);
	assert_int_equal(carried.trained_rows, 100);
	for (uint32_t i = 0; i < new.terms; i++) {
		uint32_t id = termdoc_find(&old, new.term_bytes + new.term_at[i],
		    (size_t)(new.term_at[i + 1] - new.term_at[i]));
		uint32_t was = id == UINT32_MAX ? LSA_NO_SLOT : m.slot[id], is = carried.slot[i];
		assert_int_equal(was == LSA_NO_SLOT, is == LSA_NO_SLOT);
		if (is == LSA_NO_SLOT)
			continue;
		known++;
		assert_true(!(m.scale[was] < carried.scale[is]) && !(m.scale[was] > carried.scale[is]));
		assert_memory_equal(m.code + (size_t)was * m.dim,
		    carried.code + (size_t)is * m.dim, m.dim);
	}
	assert_int_equal(known, carried.slots);
	assert_true(known > 300 && known < new.terms);
	lsa_fini(&m);
	lsa_fini(&carried);
	termdoc_fini(&old);
	termdoc_fini(&new);
}

static void
too_little_is_refused_and_nothing_known_has_no_vector(void **state)
{
	struct termdoc d;
	struct lsa m;
	struct err e;
	struct lsa_term outside = {UINT32_MAX - 5, 1, 1};

	(void)state;
	make_rows(&d, LSA_ROWS_MIN - 1, 10, 100);
	assert_false(lsa_is_worthwhile(&d));
	assert_refused(lsa_train(&m, &d, NULL, &e), &e, ERR_INPUT);
	termdoc_fini(&d);
	make_rows(&d, LSA_ROWS_MIN, 10, 100);
	assert_ok(lsa_train(&m, &d, NULL, &e), &e);
	float *v = calloc(m.dim, sizeof *v);
	v[0] = 1;
	assert_false(lsa_embed(&m, &outside, 1, v));
	assert_true(dot(v, v, m.dim) <= 0);
	assert_false(lsa_embed(&m, NULL, 0, v));
	free(v);
	lsa_fini(&m);
	termdoc_fini(&d);
}

/* Rows that are all alike, empty rows, one term: ranks far below the dimension. */
static void
poor_collections_still_train(void **state)
{
	static const char *const text[] = {"same words here", "", "x"};
	struct analyzer *a;
	struct termdoc d;
	struct lsa m;
	struct err e;

	(void)state;
	assert_ok(analyzer_new(&a, "none", &e), &e);
	for (int c = 0; c < 4; c++) {
		assert_ok(termdoc_init(&d, &e), &e);
		for (int i = 0; i < 50; i++) {
			const char *s = text[c < 3 ? c : i % 3];
			assert_ok(termdoc_begin_row(&d, &e), &e);
			assert_ok(termdoc_add_text(&d, a, s, strlen(s), &e), &e);
		}
		assert_ok(termdoc_seal(&d, &e), &e);
		if (c == 1) {
			assert_refused(lsa_train(&m, &d, NULL, &e), &e, ERR_INPUT);
		} else {
			assert_ok(lsa_train(&m, &d, NULL, &e), &e);
			float *v = calloc((size_t)d.rows * m.dim, sizeof *v);
			assert_ok(lsa_rows(&m, &d, 0, d.rows, v, &e), &e);
			for (uint32_t r = 0; r < d.rows; r++) {
				double norm = dot(v + (size_t)r * m.dim, v + (size_t)r * m.dim, m.dim);
				bool is_empty = d.row_at[r] == d.row_at[r + 1];
				assert_true(is_empty ? norm <= 0 : fabs(norm - 1) < 1e-5);
			}
			free(v);
			lsa_fini(&m);
		}
		termdoc_fini(&d);
	}
	analyzer_free(a);
}

/* ---- the section ---- */

static char *folder, path[600];

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/index.rpx", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static void
model_reads_back_as_written(void **state)
{
	struct termdoc d;
	struct lsa m, back;
	struct rpx_writer *w;
	struct rpx r;
	struct err e;
	struct lsa_term q[3];
	float one[LSA_DIM_MAX], two[LSA_DIM_MAX];
	size_t bytes;
	uint64_t items;

	(void)state;
	make_rows(&d, 90, 30, 300);
	assert_ok(lsa_train(&m, &d, NULL, &e), &e);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(lsa_put(&m, w, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	assert_ok(rpx_open(&r, path, &e), &e);
	const void *section = rpx_find(&r, RPX_EMBEDDER, &bytes, &items);
	assert_int_equal(items, m.slots);
	assert_ok(lsa_open(&back, section, bytes, d.terms, &e), &e);
	assert_int_equal(back.trained_rows, 90);
	for (uint32_t i = 0; i < 3; i++)
		q[i] = (struct lsa_term){i * 11, 1 + i, lsa_idf(d.rows, d.df[i * 11])};
	assert_true(lsa_embed(&m, q, 3, one));
	assert_true(lsa_embed(&back, q, 3, two));
	assert_memory_equal(one, two, m.dim * sizeof *one);
	rpx_close(&r);
	lsa_fini(&m);
	termdoc_fini(&d);
}

static void
hostile_sections_are_refused(void **state)
{
	enum { TERMS = 10, SLOTS = 6, DIM = 5 };
	size_t bytes = (size_t)lsa_layout(TERMS, SLOTS, DIM).bytes;
	char *section = calloc(1, bytes + 64);
	struct embed_header *h = (void *)section;
	struct lsa_header *own = (void *)(section + sizeof *h);
	struct lsa m;
	struct err e;

	(void)state;
	*h = (struct embed_header){
	    .format = EMBED_FORMAT, .kind = EMBED_KIND_LSA, .dim = DIM, .count = TERMS};
	own->slots = SLOTS;
	assert_ok(lsa_open(&m, section, bytes, TERMS, &e), &e);
	for (size_t n = 0; n < bytes; n++)
		assert_refused(lsa_open(&m, section, n, TERMS, &e), &e, ERR_CORRUPT);
	assert_refused(lsa_open(&m, section, bytes + 1, TERMS, &e), &e, ERR_CORRUPT);
	assert_refused(lsa_open(&m, section, bytes, TERMS + 1, &e), &e, ERR_CORRUPT);
	h->format = EMBED_FORMAT + 1;
	assert_refused(lsa_open(&m, section, bytes, TERMS, &e), &e, ERR_FORMAT_NEW);
	h->format = EMBED_FORMAT;
	/* Any flipped bit of the headers but in the trained rows is refused. */
	for (size_t i = 4; i < 128; i++)
		for (int bit = 0; bit < 8; bit++) {
			if ((i >= 24 && i < 32) || (i >= 72 && i < 80))
				continue;	/* a static model's checksums; trained rows */
			section[i] ^= (char)(1 << bit);
			assert_int_equal(lsa_open(&m, section, bytes, TERMS, &e), -1);
			section[i] ^= (char)(1 << bit);
		}
	free(section);
}

static void
wild_slots_and_scales_do_no_harm(void **state)
{
	enum { TERMS = 40, SLOTS = 7, DIM = 9 };
	struct lsa_layout at = lsa_layout(TERMS, SLOTS, DIM);
	char *section = malloc((size_t)at.bytes);
	struct lsa_term q[TERMS];
	struct lsa m;
	struct err e;
	float v[DIM];

	(void)state;
	random_state = 9;
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < at.bytes; i++)
			section[i] = (char)next_random(256);
		*(struct embed_header *)(void *)section = (struct embed_header){
		    .format = EMBED_FORMAT, .kind = EMBED_KIND_LSA, .dim = DIM, .count = TERMS};
		*(struct lsa_header *)(void *)(section + 64) = (struct lsa_header){.slots = SLOTS};
		for (uint32_t i = 0; i < TERMS; i += 3)	/* some that exist */
			((uint32_t *)(void *)(section + at.slot))[i] = i % (SLOTS + 1);
		assert_ok(lsa_open(&m, section, (size_t)at.bytes, TERMS, &e), &e);
		for (uint32_t i = 0; i < TERMS; i++)
			q[i] = (struct lsa_term){next_random(2 * TERMS), next_random(9), next_random(99)};
		bool has = lsa_embed(&m, q, TERMS, v);
		double norm = dot(v, v, DIM);
		assert_true(has ? fabs(norm - 1) < 1e-5 : norm <= 0);
	}
	free(section);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_lie_as_the_exact_decomposition_says),
	    cmocka_unit_test(queries_find_rows_of_their_topic_without_sharing_a_word),
	    cmocka_unit_test(same_rows_give_the_same_bytes),
	    cmocka_unit_test(a_row_folded_in_lies_where_training_put_it),
	    cmocka_unit_test(listed_rows_are_embedded_as_all_are),
	    cmocka_unit_test(carried_model_keeps_each_terms_vector),
	    cmocka_unit_test(too_little_is_refused_and_nothing_known_has_no_vector),
	    cmocka_unit_test(poor_collections_still_train),
	    cmocka_unit_test(model_reads_back_as_written),
	    cmocka_unit_test(hostile_sections_are_refused),
	    cmocka_unit_test(wild_slots_and_scales_do_no_harm),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
