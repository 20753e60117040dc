/* test_termdoc.c - rows of tokens with a dictionary in byte order. */
#include "unit.h"

#include "termdoc.h"

static void
make(struct termdoc *t, const char *const *text, int rows)
{
	struct analyzer *a;
	struct err e;

	assert_ok(analyzer_new(&a, "english", &e), &e);
	assert_ok(termdoc_init(t, &e), &e);
	for (int i = 0; i < rows; i++) {
		assert_ok(termdoc_begin_row(t, &e), &e);
		assert_ok(termdoc_add_text(t, a, text[i], strlen(text[i]), &e), &e);
	}
	assert_ok(termdoc_seal(t, &e), &e);
	analyzer_free(a);
}

static void
dictionary_is_sorted_and_counts_rows(void **state)
{
	static const char *const text[] = {"pear apple pear", "", "apple 中国", "apples ape"};
	static const char bytes[] = "apeapplpear中中国国";
	static const uint32_t df[] = {1, 3, 1, 1, 1, 1};
	static const uint32_t token[] = {2, 1, 2, 1, 3, 4, 5, 1, 0};
	static const uint64_t row_at[] = {0, 3, 3, 7, 9};
	struct termdoc t;

	(void)state;
	make(&t, text, 4);
	assert_int_equal(t.rows, 4);
	assert_int_equal(t.terms, 6);
	assert_int_equal(t.term_at[6], strlen(bytes));
	assert_memory_equal(t.term_bytes, bytes, strlen(bytes));
	assert_memory_equal(t.df, df, sizeof df);
	assert_memory_equal(t.token, token, sizeof token);
	assert_memory_equal(t.row_at, row_at, sizeof row_at);
	assert_int_equal(termdoc_find(&t, "pear", 4), 2);
	assert_int_equal(termdoc_find(&t, "pea", 3), UINT32_MAX);
	assert_int_equal(termdoc_find(&t, "pears", 5), UINT32_MAX);
	termdoc_fini(&t);
}

static void
nothing_seals_to_nothing(void **state)
{
	struct termdoc t;

	(void)state;
	make(&t, NULL, 0);
	assert_int_equal(t.rows, 0);
	assert_int_equal(t.terms, 0);
	assert_int_equal(t.row_at[0], 0);
	assert_int_equal(termdoc_find(&t, "x", 1), UINT32_MAX);
	termdoc_fini(&t);
}

static void
fields_of_a_row_are_joined(void **state)
{
	struct termdoc t;
	struct analyzer *a;
	struct err e;

	(void)state;
	assert_ok(analyzer_new(&a, "none", &e), &e);
	assert_ok(termdoc_init(&t, &e), &e);
	assert_ok(termdoc_begin_row(&t, &e), &e);
	assert_ok(termdoc_add_text(&t, a, "b a", 3, &e), &e);
	assert_ok(termdoc_add_text(&t, a, "a c", 3, &e), &e);
	assert_ok(termdoc_seal(&t, &e), &e);
	assert_int_equal(t.row_at[1], 4);
	assert_int_equal(t.df[0], 1);
	assert_int_equal(t.token[2], 0);
	termdoc_fini(&t);
	analyzer_free(a);
}

/* A number in letters: digits would be parts of their own. */
static void
spell(char word[16], int n)
{
	snprintf(word, 16, "w%d", n);
	for (char *p = word + 1; *p != '\0'; p++)
		*p += 'a' - '0';
}

/* Many words, so that table and buffers grow; every one is found under its bytes and
 * the order does not depend on the seed. */
static void
many_words_keep_their_bytes(void **state)
{
	struct termdoc t;
	struct analyzer *a;
	struct err e;
	char word[16];

	(void)state;
	assert_ok(analyzer_new(&a, "none", &e), &e);
	assert_ok(termdoc_init(&t, &e), &e);
	for (int i = 0; i < 30000; i++) {
		spell(word, i * 7919 % 30011);
		assert_ok(termdoc_begin_row(&t, &e), &e);
		assert_ok(termdoc_add_text(&t, a, word, strlen(word), &e), &e);
	}
	assert_ok(termdoc_seal(&t, &e), &e);
	assert_int_equal(t.terms, 30000);
	for (int i = 0; i < 30000; i++) {
		spell(word, i * 7919 % 30011);
		assert_int_equal(t.token[i], termdoc_find(&t, word, strlen(word)));
	}
	termdoc_fini(&t);
	analyzer_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dictionary_is_sorted_and_counts_rows),
	    cmocka_unit_test(nothing_seals_to_nothing),
	    cmocka_unit_test(fields_of_a_row_are_joined),
	    cmocka_unit_test(many_words_keep_their_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
