/* eval.c - how well a set of judged questions is answered. */
#include "eval.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "assemble.h"
#include "clk.h"
#include "db.h"
#include "embed_missing.h"
#include "eval_set.h"
#include "file.h"
#include "generation.h"

enum { NEAR = 10 };
static const char eval_tenant[] = "eval";

/* ---- building ---- */

static struct store_document
document_of(const struct eval_document *d)
{
	return (struct store_document){.key = d->id, .title = d->title, .source = d->id,
	    .bytes = strlen(d->text), .sha256 = "", .charset = "UTF-8"};
}

static struct store_chunk
chunk_of(const struct eval_document *d)
{
	size_t n = strlen(d->text);

	return (struct store_chunk){.end = n, .heading = "", .text = d->text, .text_len = n};
}

static int
walk_set(void *context, const struct knowledge_walk *walk, void *walker, struct err *e)
{
	const struct eval_set *s = context;

	for (size_t i = 0; i < s->document_count; i++) {
		struct store_document document = document_of(&s->documents[i]);
		struct store_chunk chunk = chunk_of(&s->documents[i]);
		if (walk->document(walker, &document, e) == -1 ||
		    walk->chunk(walker, &chunk, e) == -1)
			return -1;
	}
	return 0;
}

static int
add_document(void *assembly, const struct store_document *d, struct err *e)
{
	return assembly_add_document(assembly, d, e);
}

static int
add_chunk(void *assembly, const struct store_chunk *c, struct err *e)
{
	struct store_chunk chunk = *c;

	return assembly_add_chunk(assembly, &chunk, e);
}

static int
assemble_set(struct assembly *a, const struct eval_set *s, struct err *e)
{
	static const struct knowledge_walk walk = {add_document, add_chunk};
	struct assembly_report made;

	/* walk_set() reads it only */
	if (walk_set((void *)(uintptr_t)s, &walk, a, e) == -1)
		return -1;
	return assembly_finish(a, &made, e);
}

/* Where the vectors of a model elsewhere are kept while, or after, the set is built. */
struct embedded {
	sqlite3 *db;
	struct vectors *vectors;
};

static int
embed_set(struct embedded *v, const char *data, const struct eval_set *s,
    const struct eval_options *o, struct eval_scores *t, struct err *e)
{
	struct embed_passages passages = {walk_set, (void *)(uintptr_t)s};
	struct embed_missing_report made;
	char path[PATH_MAX];

	if (o->about == NULL)
		return 0;
	if (o->vectors == NULL && file_join(path, sizeof path, data, "vectors.db", e) == -1)
		return -1;
	if (db_open_write(&v->db, o->vectors != NULL ? o->vectors : path, e) == -1 ||
	    vectors_open(&v->vectors, v->db, o->about->identity, e) == -1 ||
	    embed_missing(&passages, v->vectors, o->embedder, o->about, o->service, &made, e) == -1)
		return -1;
	t->embedded = made.embedded;
	return 0;
}

static int
configure(struct build_config *c, const struct eval_options *o, struct err *e)
{
	*c = (struct build_config){.version = "eval", .chunk_size = 512};
	snprintf(c->language, sizeof c->language, "%s", o->language);
	snprintf(c->embedding_model, sizeof c->embedding_model, "%s", o->embedder);
	if (o->about != NULL)
		c->embedding_identity = o->about->identity;
	else if (build_embeds_elsewhere(c))
		return err_set(e, ERR_MODEL_UNKNOWN, "nobody here reaches the model %s", o->embedder);
	return 0;
}

/* Into tmp, a folder that is there. */
static int
assemble(const char *tmp, const struct eval_set *s, const struct build_config *config,
    struct vectors *v, struct err *e)
{
	struct assembly *a;
	int rc;

	if (assembly_new(&a, tmp, eval_tenant, config, e) == -1)
		return -1;
	if (v != NULL)
		assembly_set_vectors(a, v);
	rc = assemble_set(a, s, e);
	assembly_free(a);
	return rc;
}

static int
build_set(const char *data, const struct eval_set *s, const struct eval_options *o,
    struct index **out, struct eval_scores *t, struct err *e)
{
	struct build_config config;
	char dir[PATH_MAX], tmp[PATH_MAX], name[GENERATION_NAME_BYTES];
	struct embedded v = {0};
	bool existed;
	int rc = -1;

	if (configure(&config, o, e) == -1 ||
	    generation_dir(dir, data, eval_tenant, "", e) == -1 ||
	    file_join(tmp, sizeof tmp, dir, ".tmp-eval", e) == -1 ||
	    file_make_dirs(tmp, 0700, e) == -1)
		return -1;
	if (embed_set(&v, data, s, o, t, e) == 0)
		rc = assemble(tmp, s, &config, v.vectors, e);
	vectors_close(v.vectors);
	db_close(v.db);
	if (rc == -1 || generation_publish(name, &existed, data, eval_tenant, tmp, e) == -1)
		return -1;
	return index_open(out, data, eval_tenant, name, e);
}

/* ---- scoring ---- */

static uint32_t
relevance(const struct eval_set *s, const struct eval_question *q, uint32_t document)
{
	for (size_t i = 0; i < q->judgements; i++)
		if (s->judgements[q->first_judgement + i].document == document)
			return s->judgements[q->first_judgement + i].relevance;
	return 0;
}

static int
larger_first(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y) - (x > y);
}

static double
best_possible(const struct eval_set *s, const struct eval_question *q)
{
	uint32_t gain[256] = {0};
	size_t n = q->judgements < 256 ? q->judgements : 256;
	double sum = 0;

	for (size_t i = 0; i < n; i++)
		gain[i] = s->judgements[q->first_judgement + i].relevance;
	qsort(gain, n, sizeof gain[0], larger_first);
	for (size_t i = 0; i < n && i < NEAR; i++)
		sum += gain[i] / log2((double)i + 2);
	return sum;
}

static void
score_question(struct eval_scores *t, const struct eval_set *s, const struct eval_question *q,
    const struct query_result *r)
{
	double gain = 0, first = 0;
	size_t near = 0, found = 0;

	for (size_t i = 0; i < r->count; i++) {
		uint32_t rel = relevance(s, q, r->hits[i].row);
		if (rel == 0)
			continue;
		found++;
		if (i >= NEAR)
			continue;
		near++;
		gain += rel / log2((double)i + 2);
		if (first == 0)
			first = 1 / ((double)i + 1);
	}
	t->ndcg_10 += gain / best_possible(s, q);
	t->recall_10 += (double)near / (double)q->judgements;
	t->recall_100 += (double)found / (double)q->judgements;
	t->mrr_10 += first;
	t->queries++;
}

static void
print_run(FILE *out, const struct eval_set *s, const char *id, const struct query_result *r)
{
	for (size_t i = 0; out != NULL && i < r->count; i++)
		fprintf(out, "%s\t%s\t%.9g\n", id, s->documents[r->hits[i].row].id,
		    (double)r->hits[i].score);
}

/* A question without text is one that nothing answers. */
static int
rank_question(struct index *x, struct query_scratch *scratch, const struct query *q,
    struct arena *a, struct query_result *r, struct err *e)
{
	if (query_rank(x, scratch, q, a, r, e) == 0)
		return 0;
	if (e->code != ERR_EMPTY_QUERY)
		return -1;
	*r = (struct query_result){0};
	return 0;
}

static int
ask_all(struct index *x, const struct eval_set *s, const struct eval_options *o,
    struct eval_scores *t, struct err *e)
{
	struct query_scratch *scratch;
	struct query_result result;
	struct arena arena;
	int rc = 0;

	if (query_scratch_new(&scratch, e) == -1)
		return -1;
	arena_init(&arena, 1u << 30);
	for (size_t i = 0; i < s->question_count && rc == 0; i++) {
		const struct eval_question *q = &s->questions[i];
		struct query query = {.text = q->text, .text_len = strlen(q->text),
		    .top_k = o->top_k > 0 ? o->top_k : EVAL_DEPTH, .mode = o->mode, .service = o->service};
		if (q->judgements == 0)
			continue;
		arena_reset(&arena);
		if ((rc = rank_question(x, scratch, &query, &arena, &result, e)) == -1) {
			err_prefix(e, "query %.40s", q->id);
			break;
		}
		score_question(t, s, q, &result);
		print_run(o->run, s, q->id, &result);
	}
	arena_fini(&arena);
	query_scratch_free(scratch);
	return rc;
}

static void
divide_by_queries(struct eval_scores *t)
{
	double n = t->queries > 0 ? (double)t->queries : 1;

	t->ndcg_10 /= n;
	t->recall_10 /= n;
	t->mrr_10 /= n;
	t->recall_100 /= n;
}

static int
build_and_ask(const char *data, const struct eval_set *s, const struct eval_options *o,
    struct eval_scores *t, struct err *e)
{
	struct index *x;
	int64_t begin = clk_ns(), built;
	int rc;

	if (build_set(data, s, o, &x, t, e) == -1)
		return -1;
	built = clk_ns();
	rc = ask_all(x, s, o, t, e);
	t->build_seconds = (double)(built - begin) / 1e9;
	t->query_seconds = (double)(clk_ns() - built) / 1e9;
	index_close(x);
	return rc;
}

int
eval_run(const char *set_dir, const struct eval_options *o, struct eval_scores *scores,
    struct err *e)
{
	const char *base = getenv("TMPDIR");
	char data[PATH_MAX];
	struct eval_set s;
	int rc = -1;

	*scores = (struct eval_scores){0};
	if (file_join(data, sizeof data, base != NULL && base[0] != '\0' ? base : "/tmp",
		"ragpool-eval-XXXXXX", e) == -1 ||
	    eval_set_read(&s, set_dir, e) == -1)
		return -1;
	scores->documents = s.document_count;
	if (mkdtemp(data) == NULL) {
		err_sys(e, ERR_IO, "%s", data);
	} else {
		rc = build_and_ask(data, &s, o, scores, e);
		divide_by_queries(scores);
		file_remove_tree(data, NULL);
	}
	eval_set_fini(&s);
	return rc;
}
