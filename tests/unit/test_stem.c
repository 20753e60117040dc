/* test_stem.c - stems and stop words, cached or not. */
#include "unit.h"

#include "stem.h"

static void
expect(struct stemmer *s, const char *word, const char *stem, bool is_stop_word)
{
	struct stem got = stemmer_stem(s, word, strlen(word));

	assert_int_equal(got.len, strlen(stem));
	assert_memory_equal(got.bytes, stem, got.len);
	assert_int_equal(got.is_stop_word, is_stop_word);
}

static void
second_answer_equals_the_first(void **state)
{
	struct stemmer *s;
	struct err e;

	(void)state;
	assert_ok(stemmer_new(&s, "english", &e), &e);
	for (int i = 0; i < 2; i++) {
		expect(s, "running", "run", false);
		expect(s, "with", "with", true);
		expect(s, "withs", "with", false);
		expect(s, "does", "doe", true);
		expect(s, "yourselves", "yourselv", true);
		expect(s, "wi", "wi", false);
		expect(s, "a", "a", true);
		expect(s, "zz", "zz", false);
		expect(s, "honorificabilitudinitatibuses", "honorificabilitudinitatibus", false);
	}
	stemmer_free(s);
}

/* Far more words than slots: a slot that is taken over must not answer for the old. */
static void
cache_never_confuses_words(void **state)
{
	struct stemmer *s;
	struct err e;
	char word[32];

	(void)state;
	assert_ok(stemmer_new(&s, "none", &e), &e);
	for (int i = 0; i < 200000; i++) {
		snprintf(word, sizeof word, "w%dx", i * 7919 % 50021);
		expect(s, word, word, false);
	}
	stemmer_free(s);
}

static void
stemmer_reads_its_own_script(void **state)
{
	struct stemmer *s;
	struct err e;

	(void)state;
	assert_ok(stemmer_new(&s, "russian", &e), &e);
	assert_true(stemmer_reads(s, 0x43a));
	assert_false(stemmer_reads(s, 'k'));
	stemmer_free(s);
	assert_ok(stemmer_new(&s, "english", &e), &e);
	assert_true(stemmer_reads(s, 0xe9));
	assert_false(stemmer_reads(s, 0xd7));
	stemmer_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(second_answer_equals_the_first),
	    cmocka_unit_test(cache_never_confuses_words),
	    cmocka_unit_test(stemmer_reads_its_own_script),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
