/* test_lex_near.c - nearness against plain loops over the tokens. */
#include "lex_corpus.h"

#include "lex_near.h"

static const struct lex_params usual = LEX_PARAMS_DEFAULT;
static struct lex_near *near;

static double
expected_pair(const struct corpus *c, uint32_t row, uint32_t a, uint32_t b)
{
	const struct termdoc *t = &c->t;
	const uint32_t *token = t->token + t->row_at[row];
	int len = (int)(t->row_at[row + 1] - t->row_at[row]);
	double avg = (double)t->row_at[t->rows] / t->rows, tp = 0;
	double norm = 1.2 * (0.25 + 0.75 * len / avg), n = t->rows;
	double idf_a = log(1 + (n - t->df[a] + 0.5) / (t->df[a] + 0.5));
	double idf_b = log(1 + (n - t->df[b] + 0.5) / (t->df[b] + 0.5));

	for (int i = 0; i < len; i++)
		for (int k = 0; k < len; k++)
			if (token[i] == a && token[k] == b && abs(i - k) <= 8)
				tp += 1.0 / ((i - k) * (i - k));
	return (idf_a + idf_b) / 2 * 2.2 * tp / (tp + norm);
}

static uint32_t
take_pairs(const struct corpus *c, struct analyzer *a, const char *text)
{
	struct lex_words words = {0};
	uint32_t pairs;
	struct err e;

	assert_ok(lex_words_read(&words, c->x, a, text, strlen(text), &e), &e);
	pairs = lex_near_pairs(near, &words);
	lex_words_fini(&words);
	return pairs;
}

/* Queries of words that are all in the lexicon, repeated pairs included. */
static void
scores_are_the_formula(void **state)
{
	struct corpus c;
	struct err e;
	uint32_t row[400];
	float score[400];

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, 400, 60, 80);
	corpus_end(&c, &usual);
	for (uint32_t i = 0; i < 400; i++)
		row[i] = (i * 7 + 3) % 400;	/* any order */
	for (int round = 0; round < 40; round++) {
		char text[200] = "";
		uint32_t id[8], n = 0;
		for (int i = 0; i < 6; i++) {
			char word[12];
			int len = snprintf(word, sizeof word, "%u", corpus_word(60));
			if ((id[n] = termdoc_find(&c.t, word, (size_t)len)) == UINT32_MAX)
				continue;
			n++;
			strcat(strcat(text, word), " ");
		}
		take_pairs(&c, c.a, text);
		assert_ok(lex_near_rows(near, c.x, row, 400, score, &e), &e);
		for (int i = 0; i < 400; i++) {
			double want = 0;
			for (uint32_t k = 0; k + 1 < n; k++)
				if (id[k] != id[k + 1])
					want += expected_pair(&c, row[i], id[k], id[k + 1]);
			if (fabs(want - score[i]) > 1e-4)
				fail_msg("\"%s\", row %u: %g, not %g", text, row[i], score[i], want);
		}
	}
	corpus_gone(&c);
}

/* The same scores whatever is asked and in which order, none above what was told of its row;
 * and where two words stand once and apart, what is told is not far above. */
static void
no_score_is_above_what_was_told(void **state)
{
	struct corpus c;
	struct err e;
	uint32_t row[300], few[40];
	float score[300], most[300], one;

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, 299, 40, 120);
	corpus_row(&c, "alpha x x x beta x x x x gamma");
	corpus_end(&c, &usual);
	for (uint32_t i = 0; i < 300; i++)
		row[i] = (i * 11 + 5) % 300;
	for (int round = 0; round < 40; round++) {
		char text[200] = "alpha beta ";
		for (int i = 0; i < 9; i++)
			snprintf(text + strlen(text), 12, "%u ", corpus_word(40));
		take_pairs(&c, c.a, text);
		assert_ok(lex_near_rows(near, c.x, row, 300, score, &e), &e);
		assert_ok(lex_near_find(near, c.x, row, 300, most, &e), &e);
		for (uint32_t n = 0, i = 7; n < 300; n++, i = (i + 7) % 300) {
			assert_ok(lex_near_score(near, i, &one, &e), &e);
			assert_memory_equal(&one, &score[i], sizeof one);
			if (one > most[i])
				fail_msg("row %u: %g above %g", row[i], one, most[i]);
		}
		few[0] = few[39] = row[round];	/* the same row twice */
		memcpy(few + 1, row, 38 * sizeof *few);
		assert_ok(lex_near_rows(near, c.x, few, 40, most, &e), &e);
		assert_memory_equal(&most[0], &score[round], sizeof one);
		assert_memory_equal(&most[1], score, 38 * sizeof one);
		assert_memory_equal(&most[39], &score[round], sizeof one);
	}
	take_pairs(&c, c.a, "alpha beta");
	row[0] = 299;
	row[1] = UINT32_MAX;
	assert_ok(lex_near_find(near, c.x, row, 2, most, &e), &e);
	assert_ok(lex_near_score(near, 0, &one, &e), &e);
	assert_true(one > 0 && most[0] >= one && most[0] < 20 * one);
	assert_ok(lex_near_score(near, 1, &one, &e), &e);
	assert_true(one <= 0 && most[1] <= 0);
	corpus_gone(&c);
}

static void
find_most(const struct corpus *c, struct lex_near *n, const struct lex_words *words,
    const uint32_t *row, float *most)
{
	struct err e;

	lex_near_pairs(n, words);
	assert_ok(lex_near_find(n, c->x, row, 300, most, &e), &e);
}

/* What a search decoded, the same question's, another one's, or of another index, changes
 * nothing: not what the search itself finds next, either. */
static void
what_is_decoded_already_is_the_same(void **state)
{
	static struct lex_query q;
	struct lex_words words = {0};
	struct lex_near *sharing;
	struct corpus c[2];
	struct lex_hit hit[50], again[50];
	float want[300], most[300];
	uint32_t row[300], n, m;
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		corpus_begin(&c[i]);
		corpus_random_rows(&c[i], 2000, 50, 60);
		corpus_end(&c[i], &usual);
	}
	assert_non_null(sharing = lex_near_new(&e));
	lex_near_share(sharing, c[0].s);
	for (uint32_t i = 0; i < 300; i++)
		row[i] = (i * 397 + 5) % 2000;
	for (int round = 0; round < 60; round++) {
		const struct corpus *asked = &c[round % 3 == 2];
		struct lex_options o = {.k = 50, .exhaustive = round % 2 == 0};
		char text[200] = "";
		for (int i = 0; i < 9; i++)
			snprintf(text + strlen(text), 12, "%u ", corpus_word(50));
		assert_ok(lex_words_read(&words, asked->x, c[0].a, text, strlen(text), &e), &e);
		lex_query_of_words(&q, &words);
		find_most(asked, near, &words, row, want);
		find_most(asked, sharing, &words, row, most);	/* nothing, or another question's */
		assert_memory_equal(want, most, sizeof want);
		assert_ok(lex_search(asked->x, c[0].s, &q, &o, hit, &n, NULL, &e), &e);
		find_most(asked, sharing, &words, row, most);
		assert_memory_equal(want, most, sizeof want);
		assert_ok(lex_search(asked->x, c[1].s, &q, &o, again, &m, NULL, &e), &e);
		assert_int_equal(n, m);
		assert_memory_equal(hit, again, n * sizeof *hit);
	}
	lex_near_free(sharing);
	lex_words_fini(&words);
	corpus_gone(&c[0]);
	corpus_gone(&c[1]);
}

/* Long lists, then short ones until there is no more room for what is decoded. */
static void
there_is_room_to_the_last_row(void **state)
{
	enum { LONG = 16, SHORT = 44, ROWS = 2000 };
	struct lex_words words = {0};
	struct lex_options o = {.k = 30};
	static struct lex_query q;
	struct lex_near *sharing;
	char all[1000] = "", few[1000] = "";
	struct lex_hit hit[30];
	float want[300], most[300];
	uint32_t row[300], n;
	struct corpus c;
	struct err e;

	(void)state;
	for (int i = 0; i < LONG; i++)
		snprintf(all + strlen(all), 16, "a%d ", i);
	strcpy(few, all);
	for (int i = 0; i < SHORT; i++)
		snprintf(few + strlen(few), 16, "b%d ", i);
	corpus_begin(&c);
	for (int i = 0; i < ROWS; i++)
		corpus_row(&c, i % 300 == 7 ? few : all);
	corpus_end(&c, &usual);
	assert_non_null(sharing = lex_near_new(&e));
	lex_near_share(sharing, c.s);
	for (uint32_t i = 0; i < 300; i++)
		row[i] = i * 6 + 1;
	assert_ok(lex_words_read(&words, c.x, c.a, few, strlen(few), &e), &e);
	lex_query_of_words(&q, &words);
	assert_ok(lex_search(c.x, c.s, &q, &o, hit, &n, NULL, &e), &e);
	assert_int_equal(hit[0].row, 7);
	find_most(&c, near, &words, row, want);
	find_most(&c, sharing, &words, row, most);
	assert_memory_equal(want, most, sizeof want);
	lex_near_free(sharing);
	lex_words_fini(&words);
	corpus_gone(&c);
}

static void
pairs_are_neighbours_of_the_query(void **state)
{
	static const struct {
		const char *text;
		uint32_t pairs;
	} t[] = {
	    {"", 0},
	    {"alpha", 0},
	    {"alpha beta", 1},
	    {"alpha beta alpha", 2},
	    {"alpha beta alpha beta", 2},	/* the first pair twice */
	    {"alpha alpha", 0},
	    {"alpha zebra beta", 0},		/* an unknown word separates */
	    {"the alpha of the beta", 1},	/* stop words do not */
	    {"\xe4\xb8\xad\xe6\x96\x87\xe6\x90\x9c\xe7\xb4\xa2", 0},	/* overlapping bigrams */
	    {"\xe4\xb8\xad\xe6\x96\x87 alpha", 1},
	};
	struct corpus c;
	struct analyzer *english;
	struct err e;
	uint32_t pairs;

	(void)state;
	corpus_begin(&c);
	corpus_row(&c, "alpha beta the of \xe4\xb8\xad\xe6\x96\x87\xe6\x90\x9c\xe7\xb4\xa2");
	corpus_end(&c, &usual);
	assert_ok(analyzer_new(&english, "english", &e), &e);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		pairs = take_pairs(&c, english, t[i].text);
		if (pairs != t[i].pairs)
			fail_msg("case %zu: %u pairs, not %u", i, pairs, t[i].pairs);
	}
	analyzer_free(english);
	corpus_gone(&c);
}

static void
long_queries_stop_at_the_limit(void **state)
{
	struct corpus c;
	struct err e;
	char text[4000] = "";
	uint32_t row[] = {0, 1, 99, UINT32_MAX};
	float score[4];

	(void)state;
	corpus_begin(&c);
	for (int i = 0; i < 300; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "%d ", i);
	corpus_row(&c, text);
	corpus_row(&c, "1 2 298 299");
	corpus_end(&c, &usual);
	assert_int_equal(take_pairs(&c, c.a, text), LEX_NEAR_PAIRS_MAX);
	assert_ok(lex_near_rows(near, c.x, row, 4, score, &e), &e);
	assert_true(score[0] > score[1] && score[1] > 0);
	assert_true(score[2] <= 0 && score[3] <= 0);	/* rows that do not exist */
	corpus_gone(&c);
}

static void
without_positions_all_is_zero(void **state)
{
	struct lex_params p = LEX_PARAMS_DEFAULT;
	struct corpus c;
	struct err e;
	uint32_t row = 0;
	float score = 1;

	(void)state;
	p.with_positions = false;
	corpus_begin(&c);
	corpus_row(&c, "alpha beta");
	corpus_end(&c, &p);
	assert_int_equal(take_pairs(&c, c.a, "alpha beta"), 1);
	assert_ok(lex_near_rows(near, c.x, &row, 1, &score, &e), &e);
	assert_true(score <= 0 && score >= 0);
	corpus_gone(&c);
}

static int
set_up(void **state)
{
	struct err e;

	(void)state;
	near = lex_near_new(&e);
	return near == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	(void)state;
	lex_near_free(near);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scores_are_the_formula),
	    cmocka_unit_test(no_score_is_above_what_was_told),
	    cmocka_unit_test(what_is_decoded_already_is_the_same),
	    cmocka_unit_test(there_is_room_to_the_last_row),
	    cmocka_unit_test(pairs_are_neighbours_of_the_query),
	    cmocka_unit_test(long_queries_stop_at_the_limit),
	    cmocka_unit_test(without_positions_all_is_zero),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
