/* test_lex.c - the lexical index finds exactly what exhaustive BM25 finds. */
#include "lex_corpus.h"

#include "lex_words.h"

static const struct lex_params usual = LEX_PARAMS_DEFAULT;
static struct lex_query query;

static void
random_query(const struct corpus *c, uint32_t words)
{
	char text[4096];
	size_t len = 0;
	uint32_t n = 1 + corpus_random(12);

	for (uint32_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, sizeof text - len, "%u ", corpus_word(words));
	corpus_query(c, &query, text);
}

static uint64_t *
random_filter(uint32_t rows, uint32_t one_in)
{
	uint64_t *bits = calloc(rows / 64 + 1, sizeof *bits);

	for (uint32_t row = 0; row < rows; row++)
		if (corpus_random(one_in) == 0)
			bits[row / 64] |= UINT64_C(1) << row % 64;
	return bits;
}

static uint32_t
search(const struct corpus *c, const struct lex_options *o, struct lex_hit *out)
{
	struct err e;
	uint32_t n;

	assert_ok(lex_search(c->x, c->s, &query, o, out, &n, NULL, &e), &e);
	return n;
}

static void
pruned_equals_exhaustive(void **state)
{
	static const uint32_t ks[] = {1, 3, 10, 100, 5000};
	struct lex_hit *fast = calloc(8000, sizeof *fast), *slow = calloc(8000, sizeof *slow);

	(void)state;
	for (int round = 0; round < 12; round++) {
		static const uint32_t rows[] = {7000, 300, 1, 129, 2048, 5001};
		uint32_t words = 20u << round % 6;
		struct corpus c;

		corpus_begin(&c);
		corpus_random_rows(&c, rows[round % 6], words, 5 + 40 * (uint32_t)(round % 3));
		corpus_end(&c, &usual);
		for (int i = 0; i < 60; i++) {
			uint64_t *allowed =
			    i % 3 ? random_filter(c.t.rows, i % 3 == 1 ? 3 : 200) : NULL;
			struct lex_options o = {.k = ks[i % 5], .allowed = allowed};
			uint32_t n, m;

			random_query(&c, words);
			n = search(&c, &o, fast);
			o.exhaustive = true;
			m = search(&c, &o, slow);
			assert_int_equal(n, m);
			assert_memory_equal(fast, slow, n * sizeof *fast);
			free(allowed);
		}
		corpus_gone(&c);
	}
	free(fast);
	free(slow);
}

/* Against sums in double made from the tokens alone: the same rows match, scores agree
 * to a unit (2^-22 of the bound) a term, and no row is left out that is clearly better. */
static void
scores_are_bm25(void **state)
{
	static const struct lex_params params[] = {
	    {1.2f, 0.75f, true}, {0.9f, 0.4f, false}, {0, 0, true}, {2, 1, true}};
	struct lex_hit hit[600];

	(void)state;
	for (int round = 0; round < 4; round++) {
		const struct lex_params *p = &params[round];
		struct corpus c;

		corpus_begin(&c);
		corpus_random_rows(&c, 500, 60, 30);
		corpus_end(&c, p);
		for (int i = 0; i < 30; i++) {
			struct lex_options o = {.k = 600};
			uint32_t n, matching = 0;

			random_query(&c, 60);
			n = search(&c, &o, hit);
			for (uint32_t row = 0; row < c.t.rows; row++)
				matching += corpus_score(&c, &query, row, (double)p->k1, (double)p->b) > 0;
			assert_int_equal(n, matching);
			for (uint32_t h = 0; h < n; h++) {
				double want = corpus_score(
				    &c, &query, hit[h].row, (double)p->k1, (double)p->b);
				if (fabs(want - (double)hit[h].score) >
				    (double)lex_score_bound(c.x, &query) * query.terms * 0x1p-22 +
				        1e-6 * want)
					fail_msg("row %u: %f, not %f", hit[h].row,
					    (double)hit[h].score, want);
				assert_true(
				    hit[h].score <= lex_score_bound(c.x, &query) * 1.00001f);
				if (h > 0)
					assert_true(hit[h - 1].score > hit[h].score ||
					    (hit[h - 1].score == hit[h].score &&
					        hit[h - 1].row < hit[h].row));
			}
		}
		corpus_gone(&c);
	}
}

static void
given_rows_score_as_in_the_search(void **state)
{
	struct lex_options o = {.k = 400};
	struct lex_part part[QUERY_TERMS_MAX];
	struct lex_hit hit[400];
	uint32_t row[400];
	float score[400], sum, one;
	struct corpus c;
	struct err e;

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, 3000, 40, 20);
	corpus_end(&c, &usual);
	for (int i = 0; i < 20; i++) {
		random_query(&c, 40);
		uint32_t n = search(&c, &o, hit);
		for (uint32_t h = 0; h < n; h++)
			row[h] = hit[h].row;
		assert_ok(lex_score_rows(c.x, c.s, &query, row, n, score, &e), &e);
		for (uint32_t h = 0; h < n; h++)
			assert_true(score[h] == hit[h].score);
		assert_true(n > 0);
		assert_ok(lex_explain(c.x, c.s, &query, hit[0].row, part, &one, &e), &e);
		assert_true(one == hit[0].score);
		sum = 0;
		for (uint32_t k = 0; k < query.terms; k++) {
			assert_true((part[k].tf > 0) == (part[k].score > 0));
			assert_int_equal(lex_holds(c.x, c.s, &query.term[k].term, hit[0].row, &e),
			    part[k].tf > 0);
			sum += part[k].score;
		}
		assert_true(fabsf(sum - one) < 1e-4f * one);
	}
	row[0] = UINT32_MAX;
	assert_ok(lex_score_rows(c.x, c.s, &query, row, 1, score, &e), &e);
	assert_true(score[0] == 0);
	corpus_gone(&c);
}

static void
empty_and_tiny_corpora_answer(void **state)
{
	static const struct {
		const char *text[3];
		uint32_t rows, hits;
	} t[] = {{{""}, 0, 0}, {{""}, 1, 0}, {{"", "", ""}, 3, 0}, {{"pear"}, 1, 1},
	    {{"", "pear pear", "apple"}, 3, 1}};
	struct lex_options o = {.k = 10};
	struct lex_hit hit[10];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct corpus c;

		corpus_begin(&c);
		for (uint32_t row = 0; row < t[i].rows; row++)
			corpus_row(&c, t[i].text[row]);
		corpus_end(&c, &usual);
		corpus_query(&c, &query, "pear plum");
		assert_int_equal(search(&c, &o, hit), t[i].hits);
		corpus_gone(&c);
	}
}

/* Rows the query finds, as "0 2 3", in order of rows. */
static const char *
rows_of(const struct corpus *c, const char *text)
{
	static char out[256];
	struct lex_options o = {.k = 64};
	struct lex_hit hit[64];
	size_t len = 0;
	uint32_t n;

	corpus_query(c, &query, text);
	n = search(c, &o, hit);
	out[0] = '\0';
	for (uint32_t row = 0; row < c->t.rows; row++)
		for (uint32_t i = 0; i < n; i++)
			if (hit[i].row == row)
				len += (size_t)snprintf(out + len, sizeof out - len, "%s%u",
				    len > 0 ? " " : "", row);
	return out;
}

static void
clauses_are_obeyed(void **state)
{
	static const char *const text[] = {"red green blue", "green red blue", "red blue",
	    "blue green red green", "中国人民银行", "人民中国", "red red green", "-5 volts c++"};
	static const struct {
		const char *query, *rows;
	} t[] = {
	    {"red", "0 1 2 3 6"},
	    {"red -green", "2"},
	    {"red +blue", "0 1 2 3"},
	    {"+red +green blue", "0 1 3 6"},
	    {"\"red green\"", "0 3 6"},
	    {"\"red green\" -blue", "6"},
	    {"blue -\"red green\"", "1 2"},
	    {"\"green red green\"", "3"},
	    {"\"red red\"", "6"},
	    {"\"green green\"", ""},
	    {"\"red blue\"", "1 2"},
	    {"red +purple", ""},
	    {"red -purple", "0 1 2 3 6"},
	    {"purple", ""},
	    {"-red", ""},
	    {"\"中国人民\"", "4"},
	    {"中国人民", "4 5"},
	    {"+中国人民", "4"},
	    {"\"red green", "0 1 2 3 6"},
	    {"red-green", "0 1 2 3 6"},
	    {"-5 volts", "7"},
	    {"volts --red - +", "0 1 2 3 6 7"},
	    {"+red-green", "0 3 6"},
	    {"+\"\" red", "0 1 2 3 6"},
	    {"c++ -", "7"},
	};
	struct corpus c;

	(void)state;
	corpus_begin(&c);
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		corpus_row(&c, text[i]);
	corpus_end(&c, &usual);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		const char *got = rows_of(&c, t[i].query);
		if (strcmp(got, t[i].rows) != 0)
			fail_msg("%s: rows \"%s\", not \"%s\"", t[i].query, got, t[i].rows);
	}
	corpus_gone(&c);
}

/* Every phrase of two and three words over a small alphabet, against the tokens. */
static void
phrases_match_the_tokens(void **state)
{
	struct corpus c;

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, 600, 12, 300);
	corpus_end(&c, &usual);
	for (int i = 0; i < 40; i++) {
		struct lex_options o = {.k = 600};
		uint32_t word[3], words = 2 + corpus_random(2), n, found = 0;
		struct lex_hit hit[600];
		char text[64];
		size_t len = 1;

		text[0] = '"';
		for (uint32_t k = 0; k < words; k++) {
			uint32_t number = corpus_word(12);
			char name[16];
			snprintf(name, sizeof name, "%u", number);
			word[k] = termdoc_find(&c.t, name, strlen(name));
			len += (size_t)snprintf(text + len, sizeof text - len, "%s ", name);
		}
		text[len] = '"';
		text[len + 1] = '\0';
		corpus_query(&c, &query, text);
		n = search(&c, &o, hit);
		for (uint32_t row = 0; row < c.t.rows; row++) {
			bool is_there = false;
			for (uint64_t k = c.t.row_at[row]; k + words <= c.t.row_at[row + 1]; k++)
				is_there |= memcmp(c.t.token + k, word, words * 4) == 0;
			found += is_there;
		}
		assert_int_equal(n, found);
	}
	corpus_gone(&c);
}

static void
stop_words_count_only_alone(void **state)
{
	struct analyzer *english;
	struct corpus c;
	struct err e;

	(void)state;
	corpus_begin(&c);
	corpus_row(&c, "to be or not to be");
	corpus_row(&c, "a question of the day");
	corpus_end(&c, &usual);
	assert_ok(analyzer_new(&english, "english", &e), &e);
	assert_ok(lex_query_parse(&query, c.x, english, "the question", 12, LEX_PLAIN, &e), &e);
	assert_int_equal(query.terms, 1);
	assert_ok(lex_query_parse(&query, c.x, english, "to be or to", 11, LEX_PLAIN, &e), &e);
	assert_int_equal(query.terms, 3);
	assert_true(query.term[0].weight == 2);
	analyzer_free(english);
	corpus_gone(&c);
}

static void
assert_same_terms(const struct lex_query *a, const struct lex_query *b, const char *text)
{
	if (a->terms != b->terms || a->unknown != b->unknown)
		fail_msg("\"%s\": %u and %u terms", text, a->terms, b->terms);
	for (uint32_t i = 0; i < a->terms; i++)
		if (a->term[i].term.id != b->term[i].term.id ||
		    a->term[i].term.postings_at != b->term[i].term.postings_at ||
		    a->term[i].weight != b->term[i].weight)
			fail_msg("\"%s\": term %u", text, i);
}

/* By words that were read before, of this index and of another, and by ones that were not. */
static void
assert_read_alike(struct lex_words *words, const struct corpus *c, struct analyzer *a,
    const char *text)
{
	static struct lex_query of_words;
	size_t len = strlen(text);
	struct err e;

	assert_ok(lex_query_parse(&query, c->x, a, text, len, LEX_PLAIN, &e), &e);
	assert_ok(lex_words_read(words, c->x, a, text, len, &e), &e);
	lex_query_of_words(&of_words, words);
	assert_same_terms(&query, &of_words, text);
	for (uint32_t k = 0; k < words->count; k++)
		assert_true(words->word[k].start < words->word[k].end && words->word[k].end <= len);
}

static void
words_read_once_make_the_same_query(void **state)
{
	static const char *const texts[] = {"", "?!", "to be or to", "the question of zebras",
	    "questions, a QUESTION of question", "zebra", "day day of not", "\xe4\xb8\xad\xe6\x96\x87",
	    "be", "be a day", "dayQuestions", "antidisestablishmentarianism of days", "d\xc3\xa4ys days"};
	struct lex_words words = {0};
	struct analyzer *english;
	struct corpus c[2];
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		corpus_begin(&c[i]);
		corpus_row(&c[i], "to be or not to be \xe4\xb8\xad\xe6\x96\x87");
		corpus_row(&c[i], i == 0 ? "a question of the day" : "days of zebra");
		corpus_end(&c[i], &usual);
	}
	assert_ok(analyzer_new(&english, "english", &e), &e);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
			for (int k = 0; k < 2; k++)
				assert_read_alike(&words, &c[k], english, texts[i]);
	lex_words_fini(&words);
	analyzer_free(english);
	corpus_gone(&c[0]);
	corpus_gone(&c[1]);
}

/* More words than are kept: they push each other out, and none is taken for another. */
static void
many_words_are_read_alike(void **state)
{
	struct lex_words words = {0};
	char text[64];
	struct corpus c;

	(void)state;
	corpus_begin(&c);
	for (int i = 0; i < 6000; i += 3) {
		snprintf(text, sizeof text, "w%d w%d word%d", i, i + 1, i / 7);
		corpus_row(&c, text);
	}
	corpus_end(&c, &usual);
	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof text, "w%u W%u word%u", corpus_random(7000),
		    corpus_random(7000), corpus_random(1000));
		assert_read_alike(&words, &c, c.a, text);
	}
	lex_words_fini(&words);
	corpus_gone(&c);
}

static void
oversized_queries_are_cut(void **state)
{
	char *text = malloc(20000);
	size_t len = 0;
	struct corpus c;

	(void)state;
	corpus_begin(&c);
	for (int i = 0; i < 1000; i++) {
		char word[16];
		snprintf(word, sizeof word, "w%d", i);
		corpus_row(&c, word);
	}
	corpus_end(&c, &usual);
	for (int i = 0; i < 1000; i++)
		len += (size_t)sprintf(text + len, "w%d ", i);
	corpus_query(&c, &query, text);
	assert_int_equal(query.terms, QUERY_TERMS_MAX);
	len = 0;
	for (int i = 0; i < 1000; i++)
		len += (size_t)sprintf(text + len, "+w%d ", i);
	corpus_query(&c, &query, text);
	assert_int_equal(query.clauses, LEX_CLAUSES_MAX);
	corpus_gone(&c);
	free(text);
}

static void
weights_by_hand_add_up(void **state)
{
	struct lex_options o = {.k = 2};
	struct lex_hit hit[2];
	struct lex_term t;
	struct corpus c;
	struct err e;

	(void)state;
	corpus_begin(&c);
	corpus_row(&c, "red");
	corpus_row(&c, "blue");
	corpus_end(&c, &usual);
	lex_query_clear(&query);
	assert_int_equal(lex_find(c.x, "blue", 4, &t, &e), 1);
	assert_true(lex_query_add(&query, &t, 0.25f));
	assert_true(lex_query_add(&query, &t, 0.5f));
	assert_false(lex_query_add(&query, &t, 0));
	assert_false(lex_query_add(&query, &t, NAN));
	assert_int_equal(lex_find(c.x, "red", 3, &t, &e), 1);
	assert_true(lex_query_add(&query, &t, 0.5f));
	assert_int_equal(search(&c, &o, hit), 2);
	assert_int_equal(hit[0].row, 1);
	assert_true(fabsf(hit[0].score / hit[1].score - 1.5f) < 1e-5f);
	corpus_gone(&c);
}

static void
lexicon_knows_every_term_by_bytes_and_id(void **state)
{
	struct corpus c;
	struct lex_term t, same;
	char bytes[TERM_BYTES_MAX];
	size_t len;
	struct err e;

	(void)state;
	corpus_begin(&c);
	corpus_random_rows(&c, 2000, 3000, 20);
	corpus_end(&c, &usual);
	assert_int_equal(lex_terms(c.x), c.t.terms);
	for (uint32_t id = 0; id < c.t.terms; id++) {
		assert_ok(lex_term_at(c.x, id, &t, bytes, &len, &e), &e);
		assert_int_equal(t.id, id);
		assert_int_equal(t.df, c.t.df[id]);
		assert_int_equal(len, c.t.term_at[id + 1] - c.t.term_at[id]);
		assert_memory_equal(bytes, c.t.term_bytes + c.t.term_at[id], len);
		assert_int_equal(lex_find(c.x, bytes, len, &same, &e), 1);
		assert_int_equal(same.id, id);
	}
	assert_refused(lex_term_at(c.x, c.t.terms, &t, bytes, &len, &e), &e, ERR_RANGE);
	assert_int_equal(lex_find(c.x, "w", 1, &t, &e), 0);
	assert_int_equal(lex_find(c.x, "a", 1, &t, &e), 0);
	assert_int_equal(lex_find(c.x, "zzz", 3, &t, &e), 0);
	assert_int_equal(lex_find(c.x, "", 0, &t, &e), 0);
	corpus_gone(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pruned_equals_exhaustive),
	    cmocka_unit_test(scores_are_bm25),
	    cmocka_unit_test(given_rows_score_as_in_the_search),
	    cmocka_unit_test(empty_and_tiny_corpora_answer),
	    cmocka_unit_test(clauses_are_obeyed),
	    cmocka_unit_test(phrases_match_the_tokens),
	    cmocka_unit_test(stop_words_count_only_alone),
	    cmocka_unit_test(words_read_once_make_the_same_query),
	    cmocka_unit_test(many_words_are_read_alike),
	    cmocka_unit_test(oversized_queries_are_cut),
	    cmocka_unit_test(weights_by_hand_add_up),
	    cmocka_unit_test(lexicon_knows_every_term_by_bytes_and_id),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
