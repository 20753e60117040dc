/* bench_query.c - what one question costs, without the wire.
 *
 *   bench_query DATA TENANT QUERIES [ROUNDS [MODE]]
 *
 * Opens the live generation of the tenant, asks the "text" of every line of QUERIES
 * (queries.jsonl) ROUNDS times (default 3), top_k 5, and prints one JSON line: microseconds
 * of CPU a question, stage by stage as the worker tells them apart, with a digest of all
 * rows and scores, by which two builds can be seen to answer alike.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "query.h"

enum { TOP_K = 5 };

struct bench {
	struct index *x;
	struct query_scratch *s;
	struct arena a;
	char **text;
	size_t count;
	int64_t stage_ns[QUERY_FETCH + 1], since_ns;
	int stage;
	bool is_digested;		/* in the first round, which is not measured */
	uint64_t digest;
};

static void
die(const struct err *e)
{
	fprintf(stderr, "bench_query: %s\n", e->text);
	exit(1);
}

static int64_t
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
read_queries(struct bench *b, const char *path)
{
	FILE *f = fopen(path, "r");
	struct json_object *o, *text;
	char *line = NULL;
	size_t cap = 0;

	if (f == NULL)
		die(&(struct err){.text = "cannot read the queries"});
	while (getline(&line, &cap, f) > 0) {
		if ((o = json_tokener_parse(line)) == NULL)
			continue;
		if (json_object_object_get_ex(o, "text", &text)) {
			b->text = realloc(b->text, (b->count + 1) * sizeof *b->text);
			b->text[b->count++] = strdup(json_object_get_string(text));
		}
		json_object_put(o);
	}
	free(line);
	fclose(f);
}

static void
on_stage(void *context, enum query_stage stage)
{
	struct bench *b = context;
	int64_t now = cpu_ns();

	if (b->stage >= 0)
		b->stage_ns[b->stage] += now - b->since_ns;
	b->since_ns = now;
	b->stage = (int)stage;
}

static void
mix(struct bench *b, const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		b->digest = (b->digest ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3;
}

static void
ask(struct bench *b, const char *text, enum fuse_mode mode)
{
	struct query q = {.text = text, .text_len = strlen(text), .top_k = TOP_K, .mode = mode,
	    .on_stage = on_stage, .stage_context = b};
	struct query_result r;
	struct err e;

	arena_reset(&b->a);
	b->stage = -1;
	if (query_run(b->x, b->s, &q, &b->a, &r, &e) == -1)
		die(&e);
	b->stage_ns[b->stage] += cpu_ns() - b->since_ns;
	for (size_t i = 0; i < r.count && b->is_digested; i++) {
		mix(b, &r.hits[i].row, sizeof r.hits[i].row);
		mix(b, &r.hits[i].score, sizeof r.hits[i].score);
		mix(b, r.hits[i].chunk.text, r.hits[i].chunk.text_len);
	}
}

int
main(int argc, char **argv)
{
	enum fuse_mode mode = FUSE_HYBRID;
	char generation[GENERATION_NAME_BYTES];
	struct bench b = {.digest = 0xcbf29ce484222325, .is_digested = true};
	int rounds = argc > 4 ? atoi(argv[4]) : 3;
	int64_t from;
	double asked;
	struct err e;

	if (argc < 4 || (argc > 5 && fuse_mode_of(argv[5], &mode) == -1))
		die(&(struct err){.text = "DATA TENANT QUERIES [ROUNDS [MODE]]"});
	read_queries(&b, argv[3]);
	arena_init(&b.a, 256 << 20);
	if (generation_current(generation, argv[1], argv[2], &e) == -1 ||
	    index_open(&b.x, argv[1], argv[2], generation, &e) == -1 ||
	    query_scratch_new(&b.s, &e) == -1)
		die(&e);
	for (size_t i = 0; i < b.count; i++)
		ask(&b, b.text[i], mode);
	memset(b.stage_ns, 0, sizeof b.stage_ns);
	b.is_digested = false;
	from = cpu_ns();
	for (int i = 0; i < rounds; i++)
		for (size_t k = 0; k < b.count; k++)
			ask(&b, b.text[k], mode);
	asked = (double)b.count * rounds * 1e3;
	printf("{\"bench\": \"query\", \"rows\": %u, \"questions\": %zu, \"cpu_us\": %.1f, "
	       "\"embed_us\": %.1f, \"search_us\": %.1f, \"fetch_us\": %.1f, "
	       "\"digest\": \"%016" PRIx64 "\"}\n",
	    b.x->rows, b.count, (double)(cpu_ns() - from) / asked,
	    (double)b.stage_ns[QUERY_EMBED] / asked, (double)b.stage_ns[QUERY_SEARCH] / asked,
	    (double)b.stage_ns[QUERY_FETCH] / asked, b.digest);
	index_close(b.x);
	query_scratch_free(b.s);
	arena_fini(&b.a);
	for (size_t i = 0; i < b.count; i++)
		free(b.text[i]);
	free(b.text);
	return 0;
}
