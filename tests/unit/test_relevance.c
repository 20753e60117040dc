/* test_relevance.c - texts scored by their words alone. */
#include "unit.h"

#include "relevance.h"

enum { MOST = 8 };

static void
score(const char *query, const char *const *texts, size_t count, float *out)
{
	struct embed_text t[MOST];
	struct analyzer *a;
	struct arena arena;
	struct err e;

	for (size_t i = 0; i < count; i++)
		t[i] = (struct embed_text){.text = texts[i], .len = strlen(texts[i])};
	arena_init(&arena, 1 << 20);
	assert_ok(analyzer_new(&a, "english", &e), &e);
	assert_ok(relevance_by_words(a, query, strlen(query), t, count, &arena, out, &e), &e);
	for (size_t i = 0; i < count; i++)
		assert_true(out[i] >= 0 && out[i] <= 1);
	analyzer_free(a);
	arena_fini(&arena);
}

static void
more_and_rarer_words_count_more(void **state)
{
	static const char *const texts[] = {"Cats sleep all day.",
	    "The storm broke the flagpole of the lighthouse.", "A storm came.", "Flagpoles stand.",
	    "A storm, a storm."};
	float s[5];

	(void)state;
	score("What did the storm break, the flagpole?", texts, 5, s);
	assert_true(s[0] == 0);
	assert_true(s[1] > s[2] && s[1] > s[3] && s[1] > s[4]);
	assert_true(s[3] > s[2]);	/* two texts have the one word, three the other */
	assert_true(s[4] > s[2]);
}

static void
chinese_words_are_found_in_text_without_spaces(void **state)
{
	static const char *const texts[] = {"今天天气很好。", "金融科技的最新进展包括移动支付。"};
	float s[2];

	(void)state;
	score("金融科技", texts, 2, s);
	assert_true(s[0] == 0 && s[1] > 0.3f);
}

static void
nothing_to_go_by_is_no_score(void **state)
{
	static const char *const texts[] = {"", "the and of", "words"};
	float s[3];

	(void)state;
	score("the of", texts, 3, s);
	assert_true(s[0] == 0 && s[2] == 0 && s[1] > 0);
	score("...", texts, 3, s);
	assert_true(s[0] == 0 && s[1] == 0 && s[2] == 0);
	score("words", texts, 1, s);
	assert_true(s[0] == 0);
	score("words", texts + 2, 1, s);
	assert_true(s[0] > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(more_and_rarer_words_count_more),
	    cmocka_unit_test(chinese_words_are_found_in_text_without_spaces),
	    cmocka_unit_test(nothing_to_go_by_is_no_score),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
