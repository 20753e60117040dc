/* bench_ann.c - speed and recall of the dense index on a benchmark set.
 *
 *   bench_ann SET build INDEX [M] [efConstruction] [threads]
 *					calibrated by rows; `asked` instead of build: by the even
 *					queries
 *   bench_ann SET flat INDEX		without a graph, for scanning
 *   bench_ann SET walk INDEX [slack]	a sweep, or one point for paired runs; from 4 on it is
 *					a fixed width instead
 *   bench_ann SET scan INDEX		one query at a time, and 32 in one pass
 *   bench_ann SET recall INDEX		0.90, 0.95 and 0.99 asked for: what the odd queries get
 *   bench_ann SET filter INDEX	shares of the rows from 0.2 to 90 %, drawn at random and
 *					the furthest from query 0; beside an exact scan
 *   bench_ann SET grow INDEX OLD	builds on OLD with the set's last tenth as new rows
 *
 * JSON lines, k = 10, one thread, per CPU second of the process (a shared machine takes
 * wall time away, not that).  Best of three rounds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clk.h"
#include "dense.h"
#include "vecs.h"

enum { K = 10, ROUNDS = 3, SCAN_QUERIES = 200, LINE_BYTES = 512 };

static struct vecs_set set;

static void
must(int rc, const struct err *e)
{
	if (rc == 0)
		return;
	fprintf(stderr, "%s\n", e->text);
	exit(1);
}

static double
cpu_s(void)
{
	return (double)clk_cpu_ns() * 1e-9;
}

/* ---- building ---- */

static void
build(const char *path, uint32_t rows, const struct dense_params *p,
    const struct dense_base *base)
{
	struct rpx_writer *w;
	struct dense_built built;
	struct err e;
	double t = cpu_s();

	unlink(path);
	must(rpx_create(&w, path, "bench", &e), &e);
	must(dense_write(w, set.base.data, rows, p, base, &built, &e), &e);
	must(rpx_finish(w, &e), &e);
	printf("{\"engine\":\"ragpool\",\"set\":\"%s\",\"M\":%u,\"efc\":%u,\"build_s\":%.1f,"
	       "\"rows\":%u,\"nodes\":%u,\"reused\":%u,\"healed\":%u,\"tuned\":[%.3f,%.3f,%.3f],"
	       "\"tuned_recall\":[%.3f,%.3f,%.3f]}\n",
	    set.name, p->m, p->ef_construction, cpu_s() - t, rows, built.nodes, built.reused,
	    built.healed, (double)built.slack[0], (double)built.slack[1],
	    (double)built.slack[2], (double)built.recall[0],
	    (double)built.recall[1], (double)built.recall[2]);
}

static float *
even_queries(void)
{
	size_t dim = set.query.dim, n = set.query.rows / 2;
	float *v = malloc(n * dim * sizeof *v);

	for (size_t i = 0; i < n; i++)
		memcpy(v + i * dim, set.query.data + 2 * i * dim, dim * sizeof *v);
	return v;
}

static struct dense_params
params_of(int argc, char **argv)
{
	return (struct dense_params){
	    .dim = set.base.dim,
	    .metric = set.is_ip ? DENSE_COSINE : DENSE_L2,
	    .graph = strcmp(argv[2], "flat") == 0 ? DENSE_GRAPH_NEVER : DENSE_GRAPH_ALWAYS,
	    .m = argc > 4 ? (unsigned)atoi(argv[4]) : DENSE_M,
	    .ef_construction = argc > 5 ? (unsigned)atoi(argv[5]) : DENSE_EF_CONSTRUCTION,
	    .threads = argc > 6 ? (unsigned)atoi(argv[6]) : 1,
	};
}

/* ---- searching ---- */

struct shelf {
	struct rpx r;
	struct dense *d;
	struct dense_scratch *s;
	struct dense_info info;
};

static void
open_shelf(struct shelf *b, const char *path)
{
	struct err e;

	must(rpx_open(&b->r, path, &e), &e);
	must(dense_open(&b->d, &b->r, &e), &e);
	b->s = dense_scratch_new(&e);
	dense_info(b->d, &b->info);
}

static void
close_shelf(struct shelf *b)
{
	dense_scratch_free(b->s);
	dense_close(b->d);
	rpx_close(&b->r);
}

static uint32_t
count_good(uint32_t query, const struct dense_hit *hit, uint32_t n)
{
	uint32_t row[K];

	for (uint32_t i = 0; i < n; i++)
		row[i] = hit[i].row;
	return vecs_hits(&set, query, row, n, K);
}

static const float *
query_of(uint32_t i)
{
	return set.query.data + (size_t)i * set.query.dim;
}

struct outcome {
	double recall;
	double qps;
	double scored;
	double exact;
};

static struct outcome
measure(struct shelf *b, const struct dense_options *o, uint32_t queries)
{
	struct dense_hit hit[K];
	struct dense_report report;
	struct err e;
	double best = 1e9, t;
	uint64_t good, scored, exact;
	uint32_t n;

	for (int round = 0; round < ROUNDS; round++) {
		good = scored = exact = 0;
		t = cpu_s();
		for (uint32_t i = 0; i < queries; i++) {
			must(dense_search(b->d, b->s, query_of(i), o, hit, &n, &report, &e),
			    &e);
			good += count_good(i, hit, n);
			scored += report.scored;
			exact += report.exact;
		}
		t = cpu_s() - t;
		best = t < best ? t : best;
	}
	return (struct outcome){(double)good / (queries * K), queries / best,
	    (double)scored / queries, (double)exact / queries};
}

static void
print_point(const char *engine, double ef, struct outcome m)
{
	printf("{\"engine\":\"%s\",\"set\":\"%s\",\"ef\":%g,\"recall\":%.4f,\"qps\":%.1f,"
	       "\"scored\":%.0f}\n",
	    engine, set.name, ef, m.recall, m.qps, m.scored);
	fflush(stdout);
}

static void
walk_point(struct shelf *b, const char *engine, double at)
{
	struct dense_options o = {.k = K};

	if (at < 4)
		o.slack = (float)at;
	else
		o.ef = (uint32_t)at;
	print_point(engine, at, measure(b, &o, set.query.rows));
}

static void
walk(struct shelf *b)
{
	static const char *const name[] = {"ragpool-0.90", "ragpool-0.95", "ragpool-0.99"};
	static const double slack[] = {0.02, 0.04, 0.06, 0.08, 0.10, 0.12, 0.14, 0.16, 0.18,
	    0.20, 0.24, 0.28};
	static const double width[] = {32, 64, 128, 256, 512};

	printf("{\"engine\":\"ragpool\",\"set\":\"%s\",\"hot_bytes_a_row\":%.1f,\"file_mib\":%.0f}\n",
	    set.name, (double)b->info.hot_bytes / b->info.rows, (double)b->r.map.len / 1048576);
	for (size_t i = 0; i < sizeof slack / sizeof *slack; i++)
		walk_point(b, "ragpool", slack[i]);
	for (size_t i = 0; i < sizeof width / sizeof *width; i++)
		walk_point(b, "ragpool-width", width[i]);
	for (int i = 0; i < 3; i++)
		walk_point(b, name[i], (double)b->info.slack[i]);
}

static void
scan(struct shelf *b)
{
	struct dense_options o = {.k = K, .exact = true};
	uint32_t queries = set.query.rows < SCAN_QUERIES ? set.query.rows : SCAN_QUERIES;
	struct dense_hit *hit = malloc((size_t)queries * K * sizeof *hit);
	uint32_t *count = malloc(queries * sizeof *count);
	struct outcome m = measure(b, &o, queries);
	double best = 1e9, t, bytes = (double)b->info.scan_bytes;
	uint32_t good = 0;
	struct err e;

	printf("{\"engine\":\"ragpool-scan\",\"set\":\"%s\",\"recall\":%.4f,\"qps\":%.1f,"
	       "\"ns_a_row\":%.1f,\"gb_s\":%.2f,\"exact\":%.0f}\n",
	    set.name, m.recall, m.qps, 1e9 / m.qps / b->info.rows, bytes * m.qps / 1e9,
	    m.exact);
	for (int round = 0; round < ROUNDS; round++) {
		t = cpu_s();
		must(dense_search_many(b->d, b->s, set.query.data, queries, &o, hit, count, &e),
		    &e);
		t = cpu_s() - t;
		best = t < best ? t : best;
	}
	for (uint32_t i = 0; i < queries; i++)
		good += count_good(i, hit + (size_t)i * K, count[i]);
	printf("{\"engine\":\"ragpool-scan-many\",\"set\":\"%s\",\"recall\":%.4f,\"qps\":%.1f,"
	       "\"ns_a_row\":%.2f}\n",
	    set.name, (double)good / (queries * K), queries / best,
	    best * 1e9 / queries / b->info.rows);
	free(hit);
	free(count);
}

/* ---- recall as asked for ---- */

/* Hits are counted by exact score, so that a copy of a hit is as good. */
static void
recalls(struct shelf *b)
{
	static const float wanted[] = {0.90f, 0.95f, 0.97f, 0.99f};

	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		struct dense_options o = {.k = K, .recall = wanted[i]};
		struct dense_options exact = {.k = K, .exact = true};
		struct dense_hit hit[K], truth[K];
		uint32_t n, want, good = 0, all = 0;
		struct err e;
		for (uint32_t q = 1; q < set.query.rows; q += 2) {
			must(dense_search(b->d, b->s, query_of(q), &o, hit, &n, NULL, &e), &e);
			must(dense_search(b->d, b->s, query_of(q), &exact, truth, &want, NULL,
			    &e), &e);
			for (uint32_t k = 0; k < n; k++)
				good += hit[k].score >= truth[want - 1].score;
			all += want;
		}
		printf("{\"engine\":\"ragpool-recall\",\"set\":\"%s\",\"asked\":%.2f,\"got\":%.4f}\n",
		    set.name, (double)wanted[i], (double)good / all);
	}
}

/* ---- filters ---- */

/* How far a row lies towards query 0, for filters that go with the vectors; else a number
 * that has nothing to do with them. */
static float *
draw_places(struct shelf *b, bool by_direction)
{
	float *place = malloc(b->info.rows * sizeof *place);
	float *v = malloc(b->info.dim * sizeof *v);

	for (uint32_t row = 0; row < b->info.rows; row++) {
		place[row] = (float)(row * 2654435761u >> 8);
		if (!by_direction)
			continue;
		dense_vector(b->d, row, v);
		place[row] = 0;
		for (uint32_t i = 0; i < b->info.dim; i++)
			place[row] += v[i] * query_of(0)[i];
	}
	free(v);
	return place;
}

static int
by_value(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The rows of the lowest places. */
static uint32_t
allow_share(uint64_t *allowed, const float *place, uint32_t rows, double share)
{
	float *sorted = malloc(rows * sizeof *sorted), most;
	uint32_t n = 0;

	memcpy(sorted, place, rows * sizeof *sorted);
	qsort(sorted, rows, sizeof *sorted, by_value);
	most = sorted[(uint32_t)(share * (rows - 1))];
	memset(allowed, 0, ((size_t)rows + 63) / 64 * 8);
	for (uint32_t row = 0; row < rows; row++)
		if (place[row] <= most) {
			allowed[row / 64] |= 1ull << row % 64;
			n++;
		}
	free(sorted);
	return n;
}

static void
filter_point(struct shelf *b, const char *kind, double share, const uint64_t *allowed,
    uint32_t count)
{
	struct dense_options o = {.k = K, .allowed = allowed, .allowed_count = count};
	struct dense_options exact = {.k = K, .allowed = allowed, .allowed_count = count,
	    .exact = true};
	uint32_t queries = set.query.rows < SCAN_QUERIES ? set.query.rows : SCAN_QUERIES;
	uint32_t n, want, good = 0, all = 0, scans = 0, missing = 0;
	struct outcome m = measure(b, &o, queries), scan = measure(b, &exact, queries);
	struct dense_hit hit[K], truth[K];
	struct dense_report report;
	struct err e;

	for (uint32_t q = 0; q < queries; q++) {
		must(dense_search(b->d, b->s, query_of(q), &o, hit, &n, &report, &e), &e);
		must(dense_search(b->d, b->s, query_of(q), &exact, truth, &want, NULL, &e), &e);
		for (uint32_t k = 0; k < n; k++)
			good += hit[k].score >= truth[want - 1].score;
		all += want;
		missing += want - n;
		scans += report.scanned;
	}
	printf("{\"engine\":\"ragpool-filter\",\"set\":\"%s\",\"kind\":\"%s\",\"selectivity\":%g,"
	       "\"rows\":%u,\"recall\":%.4f,\"missing\":%u,\"qps\":%.1f,\"scored\":%.0f,"
	       "\"scanned\":%.2f,\"scan_qps\":%.1f,\"scan_ns_a_row\":%.1f}\n",
	    set.name, kind, share, count, (double)good / all, missing, m.qps, m.scored,
	    (double)scans / queries, scan.qps, 1e9 / scan.qps / count);
	fflush(stdout);
}

static void
filter(struct shelf *b)
{
	static const char *const kind[] = {"random", "direction"};
	static const double share[] = {0.002, 0.01, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9};
	uint64_t *allowed = malloc(((size_t)b->info.rows + 63) / 64 * 8);

	for (int by_direction = 0; by_direction < 2; by_direction++) {
		float *place = draw_places(b, by_direction);
		for (size_t i = 0; i < sizeof share / sizeof *share; i++)
			filter_point(b, kind[by_direction], share[i], allowed,
			    allow_share(allowed, place, b->info.rows, share[i]));
		free(place);
	}
	free(allowed);
}

/* ---- growing ---- */

/* OLD gets all rows but the last tenth; INDEX is then built on it with 5 % of those gone
 * and the tenth added. */
static void
grow(const char *path, const char *old_path, const struct dense_params *p)
{
	uint32_t rows = set.base.rows, kept = rows - rows / 10, gone = kept / 20, *old_row;
	struct dense_base base;
	struct shelf b;

	build(old_path, kept, p, NULL);
	open_shelf(&b, old_path);
	if ((old_row = malloc(rows * sizeof *old_row)) == NULL)
		exit(1);
	/* The rows that go leave their place to new ones: data moves, the truth stays. */
	for (uint32_t row = 0; row < rows; row++)
		old_row[row] = row < kept && row % 20 != 7 ? row : DENSE_NO_ROW;
	base = (struct dense_base){.old = b.d, .old_row_of_new = old_row};
	build(path, rows, p, &base);
	printf("{\"engine\":\"ragpool-grow\",\"set\":\"%s\",\"kept\":%u,\"gone\":%u,\"new\":%u}\n",
	    set.name, kept - gone, gone, rows - kept + gone);
	free(old_row);
	close_shelf(&b);
}

static int
usage(void)
{
	fprintf(stderr, "usage: bench_ann SET build|asked|flat|walk|recall|scan|filter INDEX [...]\n"
			"       bench_ann SET grow INDEX OLD [M] [efConstruction]\n");
	return 2;
}

int
main(int argc, char **argv)
{
	struct dense_params p;
	struct shelf b;
	float *questions = NULL;
	const char *what;

	if (argc < 4)
		return usage();
	what = argv[2];
	vecs_read(&set, argv[1]);
	if (strcmp(what, "build") == 0 || strcmp(what, "flat") == 0 ||
	    strcmp(what, "asked") == 0) {
		p = params_of(argc, argv);
		if (strcmp(what, "asked") == 0) {
			p.questions = questions = even_queries();
			p.question_count = set.query.rows / 2;
		}
		build(argv[3], set.base.rows, &p, NULL);
		free(questions);
	} else if (strcmp(what, "grow") == 0 && argc > 4) {
		p = params_of(argc - 1, argv + 1);
		grow(argv[3], argv[4], &p);
	} else {
		vecs_drop_base(&set);
		open_shelf(&b, argv[3]);
		if (strcmp(what, "walk") == 0) {
			if (argc > 4)
				walk_point(&b, "ragpool", atof(argv[4]));
			else
				walk(&b);
		} else if (strcmp(what, "scan") == 0) {
			scan(&b);
		} else if (strcmp(what, "recall") == 0) {
			recalls(&b);
		} else if (strcmp(what, "filter") == 0) {
			filter(&b);
		}
		close_shelf(&b);
	}
	vecs_free(&set);
	return 0;
}
