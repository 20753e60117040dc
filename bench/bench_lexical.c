/* bench_lexical.c - word search against SQLite FTS5's bm25(), side by side in one run.
 *
 *   bench_lexical -q QUERIES.jsonl [-q ...] [-n PASSAGES] [-w WORDS] [-m QUERIES]
 *       [-f FTS5_QUERIES] [-l LANGUAGE] [-o INDEX] [-W] CORPUS...
 *
 * CORPUS is a .jsonl of {"title","text"} or a file of plain text; QUERIES.jsonl holds
 * {"text"}.  All texts become one stream of words, out of which PASSAGES (240000)
 * passages of WORDS (200) consecutive words are cut at places chosen by a seeded
 * generator: the same files give the same passages.  FTS5: in memory, contentless,
 * optimised, porter unicode61, OR of the distinct words, ORDER BY rank LIMIT 10.  Queries
 * alternate between the two engines; ours go on with the rest of QUERIES when FTS5 has
 * had FTS5_QUERIES (40; 0 leaves it out).
 *
 * Times of queries are CPU time of the process, which waits for nothing but memory; with
 * -W they are wall-clock time, for an idle machine.
 *
 * Checked in every run: our ten best rows and scores equal our exhaustive ones.
 * The last line is JSON. */
#include <ctype.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>
#include <sqlite3.h>

#include "buf.h"
#include "clk.h"
#include "lex.h"
#include "rpx.h"
#include "termdoc.h"

enum { TOP = 10, QUERIES_MAX = 20000 };

struct bench {
	uint32_t passages, words, queries_max, fts_queries;
	const char *language, *path;
	int64_t (*now)(void);		/* of queries */
	struct buf stream;		/* words, one space between */
	size_t *word_at;		/* where each begins */
	size_t stream_words;
	char *query[QUERIES_MAX];
	size_t queries;
	struct rpx rpx;
	struct lex *x;
	struct analyzer *analyzer;
	struct lex_scratch *scratch;
	sqlite3 *db;
	sqlite3_stmt *select;
	uint64_t random;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_lexical: %s: %s\n", what, why);
	exit(1);
}

static void
must(int rc, const struct err *e)
{
	if (rc != 0)
		die("error", e->text);
}

static double
cpu_seconds_since(int64_t start_ns)
{
	return (double)(clk_cpu_ns() - start_ns) * 1e-9;
}

/* ---- passages ---- */

static void
add_words(struct bench *b, const char *text)
{
	bool in_word = false;

	for (; *text != '\0'; text++) {
		bool is_space = isspace((unsigned char)*text) != 0;
		if (!is_space)
			buf_addc(&b->stream, *text);
		else if (in_word)
			buf_addc(&b->stream, ' ');
		in_word = !is_space;
	}
	if (in_word)
		buf_addc(&b->stream, ' ');
}

static const char *
member(struct json_object *o, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(o, name, &value) ? json_object_get_string(value) : "";
}

/* Calls for every line: as JSON when the name ends in .jsonl, else as text. */
static void
each_line(struct bench *b, const char *path,
    void (*take)(struct bench *b, const char *title, const char *text))
{
	bool is_json = strlen(path) > 6 && strcmp(path + strlen(path) - 6, ".jsonl") == 0;
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		die(path, "cannot be read");
	while (getline(&line, &cap, f) > 0) {
		struct json_object *o;
		if (!is_json) {
			take(b, "", line);
			continue;
		}
		if ((o = json_tokener_parse(line)) == NULL)
			die(path, "a line is not JSON");
		take(b, member(o, "title"), member(o, "text"));
		json_object_put(o);
	}
	free(line);
	fclose(f);
}

static void
take_document(struct bench *b, const char *title, const char *text)
{
	add_words(b, title);
	add_words(b, text);
}

static void
take_query(struct bench *b, const char *title, const char *text)
{
	(void)title;
	if (b->queries < QUERIES_MAX && b->queries < b->queries_max)
		b->query[b->queries++] = strdup(text);
}

static void
find_words(struct bench *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->stream.len; i++)
		n += b->stream.data[i] == ' ';
	b->stream_words = n;
	b->word_at = malloc((n + 1) * sizeof *b->word_at);
	b->word_at[0] = 0;
	for (size_t i = 0, k = 1; i < b->stream.len; i++)
		if (b->stream.data[i] == ' ')
			b->word_at[k++] = i + 1;
	if (n < 2 * (size_t)b->words)
		die("corpus", "too few words");
}

static const char *
next_passage(struct bench *b, size_t *len)
{
	size_t first;

	b->random = b->random * 6364136223846793005u + 1442695040888963407u;
	first = (size_t)((b->random >> 33) % (b->stream_words - b->words));
	*len = b->word_at[first + b->words] - b->word_at[first];
	return b->stream.data + b->word_at[first];
}

/* ---- ours ---- */

static void
build_ours(struct bench *b)
{
	const struct lex_params params = LEX_PARAMS_DEFAULT;
	struct rpx_writer *w;
	struct termdoc t;
	struct err e;
	size_t len;
	int64_t start = clk_cpu_ns();
	double terms_s;

	must(analyzer_new(&b->analyzer, b->language, &e), &e);
	must(termdoc_init(&t, &e), &e);
	b->random = 1;
	for (uint32_t i = 0; i < b->passages; i++) {
		const char *text = next_passage(b, &len);
		must(termdoc_begin_row(&t, &e), &e);
		must(termdoc_add_text(&t, b->analyzer, text, len, &e), &e);
	}
	must(termdoc_seal(&t, &e), &e);
	terms_s = cpu_seconds_since(start);
	start = clk_cpu_ns();
	unlink(b->path);
	must(rpx_create(&w, b->path, "bench", &e), &e);
	must(lex_write(w, &t, &params, &e), &e);
	must(rpx_finish(w, &e), &e);
	printf("ours: %u passages, %u terms, analyzed in %.2f CPU s, written in %.2f\n", t.rows,
	    t.terms, terms_s, cpu_seconds_since(start));
	termdoc_fini(&t);
	must(rpx_open(&b->rpx, b->path, &e), &e);
	must(lex_open(&b->x, &b->rpx, &e), &e);
	for (uint32_t i = 0; i < b->rpx.sections; i++) {
		char name[5];
		rpx_kind_name(b->rpx.table[i].kind, name);
		printf("ours: section %s %.1f MB\n", name, (double)b->rpx.table[i].bytes / 1e6);
	}
	if ((b->scratch = lex_scratch_new(&e)) == NULL)
		die("scratch", e.text);
}

/* Nanoseconds from text to hits. */
static int64_t
ask_ours(struct bench *b, const char *text, bool exhaustive, struct lex_hit *hit, uint32_t *n,
    struct lex_report *report)
{
	static struct lex_query q;
	struct lex_options o = {.k = TOP, .exhaustive = exhaustive};
	struct err e;
	int64_t start = b->now();

	must(lex_query_parse(&q, b->x, b->analyzer, text, strlen(text), LEX_PLAIN, &e), &e);
	must(lex_search(b->x, b->scratch, &q, &o, hit, n, report, &e), &e);
	return b->now() - start;
}

/* ---- FTS5 ---- */

static void
sql(struct bench *b, const char *text)
{
	if (sqlite3_exec(b->db, text, NULL, NULL, NULL) != SQLITE_OK)
		die(text, sqlite3_errmsg(b->db));
}

static void
build_fts(struct bench *b)
{
	sqlite3_stmt *insert;
	int64_t start = clk_cpu_ns();
	size_t len;

	if (sqlite3_open(":memory:", &b->db) != SQLITE_OK)
		die("sqlite3", "cannot open");
	sql(b, "create virtual table t using fts5(x, content='', tokenize='porter unicode61')");
	sql(b, "begin");
	sqlite3_prepare_v2(b->db, "insert into t(rowid, x) values(?, ?)", -1, &insert, NULL);
	b->random = 1;
	for (uint32_t i = 0; i < b->passages; i++) {
		const char *text = next_passage(b, &len);
		sqlite3_bind_int64(insert, 1, (sqlite3_int64)i + 1);
		sqlite3_bind_text(insert, 2, text, (int)len, SQLITE_STATIC);
		if (sqlite3_step(insert) != SQLITE_DONE)
			die("insert", sqlite3_errmsg(b->db));
		sqlite3_reset(insert);
	}
	sqlite3_finalize(insert);
	sql(b, "commit");
	sql(b, "insert into t(t) values('optimize')");
	if (sqlite3_prepare_v2(b->db, "select rowid from t where t match ? order by rank limit 10",
	        -1, &b->select, NULL) != SQLITE_OK)
		die("select", sqlite3_errmsg(b->db));
	printf("fts5: %u passages in %.2f CPU s\n", b->passages, cpu_seconds_since(start));
}

/* "a" OR "b" for the distinct words of the text. */
static void
fts_match(const char *text, struct buf *out)
{
	buf_reset(out);
	while (*text != '\0') {
		char word[80] = " \"";
		size_t n = 2;

		for (; *text != '\0' && !isalnum((unsigned char)*text) && !(*text & 0x80); text++)
			continue;
		for (; isalnum((unsigned char)*text) || (*text & 0x80); text++)
			if (n < sizeof word - 2)
				word[n++] = (char)tolower((unsigned char)*text);
		word[n++] = '"';
		word[n] = '\0';
		if (n < 4 || (out->len > 0 && strstr(out->data, word) != NULL))
			continue;
		if (out->len > 0)
			buf_adds(out, " OR");
		buf_adds(out, word);
	}
}

static int64_t
ask_fts(struct bench *b, const char *text, struct buf *match)
{
	int64_t start;
	int rc;

	fts_match(text, match);
	if (match->len == 0)
		return -1;
	start = b->now();
	sqlite3_bind_text(b->select, 1, match->data, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(b->select)) == SQLITE_ROW)
		continue;
	if (rc != SQLITE_DONE)
		die("match", sqlite3_errmsg(b->db));
	sqlite3_reset(b->select);
	return b->now() - start;
}

/* ---- figures ---- */

static int
compare_ns(const void *x, const void *y)
{
	const int64_t *a = x, *b = y;

	return *a < *b ? -1 : *a > *b;
}

struct figures {
	double median_ms, p99_ms, worst_ms;
};

static struct figures
figures_of(int64_t *ns, size_t n)
{
	if (n == 0)
		return (struct figures){0};
	qsort(ns, n, sizeof *ns, compare_ns);
	return (struct figures){(double)ns[n / 2] * 1e-6, (double)ns[n - 1 - n / 100] * 1e-6,
	    (double)ns[n - 1] * 1e-6};
}

static bool
is_same(const struct lex_hit *a, const struct lex_hit *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (a[i].row != b[i].row || a[i].score != b[i].score)
			return false;
	return true;
}

static int
run(struct bench *b)
{
	int64_t *ours = calloc(b->queries, sizeof *ours), *all = calloc(b->queries, sizeof *all);
	int64_t *fts = calloc(b->queries, sizeof *fts), ns;
	size_t fts_n = 0, differing = 0, shared = 0;
	struct lex_report report;
	uint64_t scored = 0, scored_all = 0;
	struct figures o, x, f, s;
	int64_t *beside = calloc(b->queries, sizeof *beside);
	struct buf match;

	buf_init(&match, 1 << 20);
	for (size_t i = 0; i < b->queries; i++) {
		struct lex_hit hit[TOP], want[TOP];
		uint32_t n, m;

		ours[i] = ask_ours(b, b->query[i], false, hit, &n, &report);
		scored += report.scored + report.looked_up;
		if (b->db != NULL && fts_n < b->fts_queries &&
		    (ns = ask_fts(b, b->query[i], &match)) >= 0) {
			beside[shared++] = ours[i];
			fts[fts_n++] = ns;
		}
		all[i] = ask_ours(b, b->query[i], true, want, &m, &report);
		scored_all += report.scored;
		differing += n != m || !is_same(hit, want, n);
	}
	o = figures_of(ours, b->queries);
	x = figures_of(all, b->queries);
	f = figures_of(fts, fts_n);
	s = figures_of(beside, shared);
	printf("%-28s %8s %10s %10s %10s\n", "", "queries", "median ms", "p99 ms", "worst ms");
	printf("%-28s %8zu %10.3f %10.3f %10.3f\n", "ours", b->queries, o.median_ms, o.p99_ms,
	    o.worst_ms);
	printf("%-28s %8zu %10.3f %10.3f %10.3f\n", "ours, exhaustive", b->queries, x.median_ms,
	    x.p99_ms, x.worst_ms);
	if (fts_n > 0) {
		printf("%-28s %8zu %10.3f %10.3f %10.3f\n", "ours, FTS5's queries", shared,
		    s.median_ms, s.p99_ms, s.worst_ms);
		printf("%-28s %8zu %10.3f %10.3f %10.3f\n", "fts5 bm25()", fts_n, f.median_ms,
		    f.p99_ms, f.worst_ms);
		printf("fts5 / ours: median %.0fx, p99 %.0fx\n", f.median_ms / s.median_ms,
		    f.p99_ms / s.p99_ms);
	}
	printf("postings scored a query: %.0f of %.0f; answers unlike the exhaustive ones: %zu\n",
	    (double)scored / (double)b->queries, (double)scored_all / (double)b->queries,
	    differing);
	printf("{\"bench\":\"lexical\",\"clock\":\"%s\",\"passages\":%u,\"queries\":%zu,"
	       "\"median_ms\":%.4f,"
	       "\"p99_ms\":%.4f,\"exhaustive_median_ms\":%.4f,\"fts5_queries\":%zu,"
	       "\"fts5_median_ms\":%.3f,\"fts5_p99_ms\":%.3f,\"ratio_median\":%.1f,"
	       "\"ratio_p99\":%.1f,\"differing\":%zu}\n",
	    b->now == clk_ns ? "wall" : "cpu", b->passages, b->queries, o.median_ms, o.p99_ms,
	    x.median_ms, fts_n, f.median_ms,
	    f.p99_ms, fts_n > 0 ? f.median_ms / s.median_ms : 0,
	    fts_n > 0 ? f.p99_ms / s.p99_ms : 0, differing);
	buf_fini(&match);
	free(ours);
	free(all);
	free(fts);
	free(beside);
	return differing > 0;
}

int
main(int argc, char **argv)
{
	static struct bench b = {.passages = 240000, .words = 200, .queries_max = 1000,
	    .fts_queries = 40, .language = "english", .path = "bench_lexical.rpx",
	    .now = clk_cpu_ns};
	const char *query_file[64];
	int query_files = 0, c, rc;

	while ((c = getopt(argc, argv, "q:n:w:m:f:l:o:W")) != -1) {
		switch (c) {
		case 'q':
			if (query_files < 64)
				query_file[query_files++] = optarg;
			break;
		case 'n':
			b.passages = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			b.words = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			b.queries_max = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'f':
			b.fts_queries = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			b.language = optarg;
			break;
		case 'o':
			b.path = optarg;
			break;
		case 'W':
			b.now = clk_ns;
			break;
		default:
			die("usage", "bench_lexical -q QUERIES.jsonl [options] CORPUS...");
		}
	}
	if (optind == argc || query_files == 0 || b.passages == 0 || b.words == 0)
		die("usage", "bench_lexical -q QUERIES.jsonl [options] CORPUS...");
	buf_init(&b.stream, (size_t)1 << 31);
	for (int i = optind; i < argc; i++)
		each_line(&b, argv[i], take_document);
	for (int i = 0; i < query_files; i++)
		each_line(&b, query_file[i], take_query);
	if (b.queries == 0)
		die("queries", "there are none");
	find_words(&b);
	build_ours(&b);
	if (b.fts_queries > 0)
		build_fts(&b);
	rc = run(&b);
	lex_close(b.x);
	rpx_close(&b.rpx);
	unlink(b.path);
	return rc;
}
