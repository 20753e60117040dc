/* test_lex_fts.c - SQLite FTS5 as an oracle: the same words in the same rows. */
#include "lex_corpus.h"

#include <sqlite3.h>

static struct lex_query query;
static sqlite3 *db;
static uint32_t next_row;

static sqlite3_stmt *
prepare(const char *sql)
{
	sqlite3_stmt *s;

	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	return s;
}

static void
run(const char *sql)
{
	sqlite3_stmt *s = prepare(sql);

	while (sqlite3_step(s) == SQLITE_ROW)
		continue;
	sqlite3_finalize(s);
}

/* The row in both engines; rowid is the row. */
static void
add_row(struct corpus *c, const char *text)
{
	sqlite3_stmt *s = prepare("insert into t(rowid, x) values(?, ?)");

	corpus_row(c, text);
	sqlite3_bind_int64(s, 1, next_row++);
	sqlite3_bind_text(s, 2, text, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	sqlite3_finalize(s);
}

/* Words have a case, but no parts as ASCII ones would. */
static void
fill(struct corpus *c)
{
	static const struct lex_params usual = LEX_PARAMS_DEFAULT;
	char text[2048];

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	run("create virtual table t using fts5(x, tokenize='unicode61 remove_diacritics 0')");
	run("create virtual table v using fts5vocab(t, row)");
	next_row = 0;
	corpus_begin(c);
	run("begin");
	for (int row = 0; row < 1500; row++) {
		uint32_t n = corpus_random(25);
		size_t len = 0;
		text[0] = '\0';
		for (uint32_t i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%u%s",
			    corpus_random(2) ? "Ω" : "ω", corpus_word(80),
			    corpus_random(3) ? " " : " -- \xc3\x89t\xc3\xa9, ");
		add_row(c, text);
	}
	run("commit");
	corpus_end(c, &usual);
}

static void
empty(struct corpus *c)
{
	sqlite3_close(db);
	corpus_gone(c);
}

static void
every_word_is_in_as_many_rows(void **state)
{
	struct lex_term t;
	struct corpus c;
	struct err e;
	sqlite3_stmt *s;
	uint32_t terms = 0;

	(void)state;
	fill(&c);
	s = prepare("select term, doc from v");
	for (; sqlite3_step(s) == SQLITE_ROW; terms++) {
		const char *word = (const char *)sqlite3_column_text(s, 0);
		assert_int_equal(lex_find(c.x, word, strlen(word), &t, &e), 1);
		assert_int_equal(t.df, sqlite3_column_int64(s, 1));
	}
	sqlite3_finalize(s);
	assert_int_equal(terms, lex_terms(c.x));
	empty(&c);
}

static void
same_rows_match(const struct corpus *c, const char *ours, const char *match)
{
	static struct lex_hit hit[1500];
	struct lex_options o = {.k = 1500};
	sqlite3_stmt *s = prepare("select count(*), sum(rowid) from t where t match ?");
	int64_t sum = 0;
	struct err e;
	uint32_t n;

	corpus_query(c, &query, ours);
	assert_ok(lex_search(c->x, c->s, &query, &o, hit, &n, NULL, &e), &e);
	for (uint32_t i = 0; i < n; i++)
		sum += hit[i].row;
	sqlite3_bind_text(s, 1, match, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	if (sqlite3_column_int64(s, 0) != n || sqlite3_column_int64(s, 1) != sum)
		fail_msg("%s: %u rows, FTS5 %lld", ours, n,
		    (long long)sqlite3_column_int64(s, 0));
	sqlite3_finalize(s);
}

static void
words_clauses_and_phrases_match_the_same_rows(void **state)
{
	char ours[128], match[128];
	struct corpus c;

	(void)state;
	fill(&c);
	for (int i = 0; i < 200; i++) {
		unsigned a = corpus_word(80), b = corpus_word(80), d = corpus_word(80);

		snprintf(ours, sizeof ours, "ω%u ω%u ω%u", a, b, d);
		snprintf(match, sizeof match, "ω%u OR ω%u OR ω%u", a, b, d);
		same_rows_match(&c, ours, match);
		snprintf(ours, sizeof ours, "+ω%u +ω%u -ω%u", a, b, d);
		snprintf(match, sizeof match, "(ω%u AND ω%u) NOT ω%u", a, b, d);
		same_rows_match(&c, ours, match);
		snprintf(ours, sizeof ours, "\"ω%u ω%u\"", a, b);
		same_rows_match(&c, ours, ours);
		snprintf(ours, sizeof ours, "ω%u -\"ω%u ω%u\"", d, a, b);
		snprintf(match, sizeof match, "ω%u NOT \"ω%u ω%u\"", d, a, b);
		same_rows_match(&c, ours, match);
	}
	empty(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_word_is_in_as_many_rows),
	    cmocka_unit_test(words_clauses_and_phrases_match_the_same_rows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
