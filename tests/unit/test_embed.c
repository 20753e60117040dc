/* test_embed.c - the three embedders behind one interface. */
#include "unit.h"

#include <math.h>

#include "embed.h"
#include "file.h"
#include "lsa.h"

static char *folder, path[600];
static struct analyzer *analyzer;
static struct termdoc docs;

static uint64_t lexicon_terms;

static struct lsa_term
term_of(const char *word)
{
	uint32_t id = termdoc_find(&docs, word, strlen(word));

	assert_int_not_equal(id, UINT32_MAX);
	return (struct lsa_term){.id = id, .tf = 1, .idf = lsa_idf(docs.rows, docs.df[id])};
}

static int
set_up(void **state)
{
	static const char *const text[] = {"the pump needs oil", "the oil of the pump is old",
	    "trees grow in the forest", "a forest of old trees"};
	struct err e;

	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/index.rpx", folder);
	assert_ok(analyzer_new(&analyzer, "english", &e), &e);
	assert_ok(termdoc_init(&docs, &e), &e);
	for (int i = 0; i < 40; i++) {
		assert_ok(termdoc_begin_row(&docs, &e), &e);
		assert_ok(termdoc_add_text(&docs, analyzer, text[i % 4], strlen(text[i % 4]), &e), &e);
	}
	assert_ok(termdoc_seal(&docs, &e), &e);
	lexicon_terms = docs.terms;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	analyzer_free(analyzer);
	termdoc_fini(&docs);
	unit_folder_gone(folder);
	return 0;
}

/* index.rpx with one section, or none. */
static void
write_index(const void *section, size_t n)
{
	struct rpx_writer *w;
	struct err e;

	remove(path);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	if (section != NULL)
		assert_ok(rpx_add(w, RPX_EMBEDDER, section, n, 1, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
}

static void
builtin_embedder_works_on_terms_of_the_lexicon(void **state)
{
	struct rpx_writer *w;
	struct rpx r;
	struct lsa model;
	struct embed *m;
	struct err e;
	float one[LSA_DIM_MAX], two[LSA_DIM_MAX];
	double norm = 0;

	(void)state;
	remove(path);
	assert_ok(lsa_train(&model, &docs, NULL, &e), &e);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(lsa_put(&model, w, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(embed_open(&m, &r, folder, lexicon_terms, &e), &e);
	assert_int_equal(embed_kind(m), EMBED_KIND_LSA);
	assert_int_equal(embed_dim(m), model.dim);
	assert_string_equal(embed_name(m), "builtin:lsa");
	const struct lsa_term terms[] = {term_of("oil"), term_of("pump")};
	const struct lsa_term unknown = {.id = docs.terms + 5, .tf = 1, .idf = 1};
	assert_true(embed_terms(m, terms, 2, one));
	for (uint32_t i = 0; i < model.dim; i++)
		norm += (double)one[i] * one[i];
	assert_true(fabs(norm - 1) < 1e-5);
	assert_true(lsa_embed(&model, terms, 2, two));
	assert_memory_equal(one, two, model.dim * sizeof *one);
	assert_false(embed_terms(m, &unknown, 1, two));
	assert_false(embed_terms(m, terms, 0, two));
	embed_close(m);
	/* A lexicon of another size is not this model's. */
	assert_refused(embed_open(&m, &r, folder, lexicon_terms + 1, &e), &e, ERR_CORRUPT);
	rpx_close(&r);
	lsa_fini(&model);
}

static void
without_the_section_there_is_no_dense_arm(void **state)
{
	struct rpx r;
	struct embed *m;
	struct err e;
	float v[1];
	bool has = true;

	(void)state;
	write_index(NULL, 0);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(embed_open(&m, &r, folder, lexicon_terms, &e), &e);
	assert_int_equal(embed_kind(m), EMBED_KIND_NONE);
	assert_int_equal(embed_dim(m), 0);
	assert_ok(embed_query(m, "oil", 3, v, &has, &e), &e);
	assert_false(has);
	embed_close(m);
	rpx_close(&r);
}

static void
vectors_from_outside_are_checked(void **state)
{
	struct rpx_writer *w;
	struct rpx r;
	struct embed *m;
	struct err e;
	float given[3] = {3, 0, 4}, v[3];
	bool has;

	(void)state;
	remove(path);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(embed_put_external(w, 3, "text-embedding-x", 7, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(embed_open(&m, &r, folder, lexicon_terms, &e), &e);
	assert_string_equal(embed_name(m), "text-embedding-x");
	assert_ok(embed_given(m, given, 3, v, &has, &e), &e);
	assert_true(has && fabsf(v[0] - 0.6f) < 1e-6f && fabsf(v[2] - 0.8f) < 1e-6f);
	assert_refused(embed_given(m, given, 2, v, &has, &e), &e, ERR_DIMENSION);
	given[1] = NAN;
	assert_refused(embed_given(m, given, 3, v, &has, &e), &e, ERR_RANGE);
	memset(given, 0, sizeof given);
	assert_ok(embed_given(m, given, 3, v, &has, &e), &e);
	assert_false(has);
	assert_refused(embed_query(m, "oil", 3, v, &has, &e), &e, ERR_MISSING_FIELD);
	embed_close(m);
	rpx_close(&r);
}

static void
write_model(const char *dir, const char *cell)
{
	static const char tokenizer[] = "{\"model\": {\"vocab\": {\"oil\": 0, \"pump\": 1}}}";
	char bytes[300], at[700];
	struct err e;
	int n = snprintf(bytes + 8, 200, "{\"embeddings\":{\"dtype\":\"I8\",\"shape\":[2,2],"
	    "\"data_offsets\":[0,4]}}%s", cell);

	memset(bytes, 0, 8);
	bytes[0] = (char)(n - 4);
	snprintf(at, sizeof at, "%s/%s", folder, dir);
	assert_ok(file_make_dirs(at, 0700, &e), &e);
	snprintf(at, sizeof at, "%s/%s/model.safetensors", folder, dir);
	assert_ok(file_replace(at, bytes, (size_t)n + 8, 0600, &e), &e);
	snprintf(at, sizeof at, "%s/%s/tokenizer.json", folder, dir);
	assert_ok(file_replace(at, tokenizer, sizeof tokenizer - 1, 0600, &e), &e);
}

static void
static_model_has_to_be_the_one_it_was_built_with(void **state)
{
	struct static_model *model;
	struct rpx_writer *w;
	struct rpx r;
	struct embed *m;
	struct err e;
	char at[700];
	float v[2];
	bool has;

	(void)state;
	write_model("words", "abcd");
	snprintf(at, sizeof at, "%s/words", folder);
	assert_ok(static_model_open(&model, at, &e), &e);
	remove(path);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(embed_put_static(w, model, "words", &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	static_model_close(model);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(embed_open(&m, &r, folder, lexicon_terms, &e), &e);
	assert_int_equal(embed_kind(m), EMBED_KIND_STATIC);
	assert_ok(embed_query(m, "Pump", 4, v, &has, &e), &e);
	assert_true(has && fabsf(v[0] / v[1] - 99.0f / 100) < 1e-6f);
	embed_close(m);
	write_model("words", "abce");
	assert_refused(embed_open(&m, &r, folder, lexicon_terms, &e), &e, ERR_SOURCE);
	snprintf(at, sizeof at, "%s/words/tokenizer.json", folder);
	remove(at);
	assert_refused(embed_open(&m, &r, folder, lexicon_terms, &e), &e, ERR_NOT_FOUND);
	rpx_close(&r);
}

static void
hostile_sections_are_refused(void **state)
{
	struct {
		struct embed_header h;
		char name[4];
	} s, good = {{.format = EMBED_FORMAT, .kind = EMBED_KIND_EXTERNAL, .dim = 4,
	    .name_bytes = 4}, "abcd"};
	static const struct {
		size_t at;
		uint32_t value;
		enum err_code code;
	} t[] = {{0, 0, ERR_CORRUPT}, {0, 2, ERR_FORMAT_NEW}, {4, 9, ERR_FORMAT_NEW},
	    {4, 0, ERR_FORMAT_NEW}, {8, 0, ERR_CORRUPT}, {8, 5000, ERR_CORRUPT},
	    {12, 0, ERR_CORRUPT}, {12, 5, ERR_CORRUPT}, {12, 0xffffffff, ERR_CORRUPT},
	    {64, 0x63006261, ERR_CORRUPT}, {4, EMBED_KIND_LSA, ERR_CORRUPT}};
	const size_t bytes = sizeof s.h + 4;
	struct rpx r;
	struct embed *m;
	struct err e;

	(void)state;
	write_index(&good, bytes);
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_ok(embed_open(&m, &r, folder, lexicon_terms, &e), &e);
	embed_close(m);
	rpx_close(&r);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		s = good;
		memcpy((char *)&s + t[i].at, &t[i].value, 4);
		write_index(&s, bytes);
		assert_ok(rpx_open(&r, path, &e), &e);
		if (embed_open(&m, &r, folder, lexicon_terms, &e) == 0)
			fail_msg("case %zu was opened", i);
		assert_string_equal(err_row(e.code)->slug, err_row(t[i].code)->slug);
		rpx_close(&r);
	}
	for (size_t n = 0; n < bytes; n++) {
		write_index(&good, n);
		assert_ok(rpx_open(&r, path, &e), &e);
		assert_refused(embed_open(&m, &r, folder, lexicon_terms, &e), &e, ERR_CORRUPT);
		rpx_close(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(builtin_embedder_works_on_terms_of_the_lexicon),
	    cmocka_unit_test(without_the_section_there_is_no_dense_arm),
	    cmocka_unit_test(vectors_from_outside_are_checked),
	    cmocka_unit_test(static_model_has_to_be_the_one_it_was_built_with),
	    cmocka_unit_test(hostile_sections_are_refused),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
