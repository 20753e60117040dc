/* test_embed_missing.c - vectors made elsewhere: asked for once, kept, and done without. */
#include "unit.h"

#include "build.h"
#include "embed_missing.h"
#include "file.h"
#include "generation.h"
#include "query.h"

enum { DIM = 8, DOCUMENTS = 40, WAITING_MAX = 64 };

static char *base;
static char data[600], docs[600];

/* A model that can be told to fail. */
static struct {
	uint64_t texts, requests;	/* that it was asked */
	struct {
		uint32_t ticket;
		size_t count;
		float vectors[16 * DIM];
	} waiting[WAITING_MAX];
	size_t waits;
	uint64_t fails_after;		/* so many requests; 0: never */
	enum err_code with;
	unsigned recovers;		/* so often it may be waited for */
	unsigned recovered;
	uint64_t query_fails;
	size_t drops;			/* a vector less than texts */
} model;

static void
vector_of(const char *text, size_t n, float *out)
{
	for (int k = 0; k < DIM; k++)
		out[k] = 0.01f;
	for (size_t i = 0; i < n; i++)
		out[(unsigned char)text[i] % DIM] += 1;
}

static int
submit(void *context, const char *name, uint32_t identity, uint32_t ticket,
    const struct embed_text *texts, size_t count, struct err *e)
{
	(void)context;
	assert_string_equal(name, "ada");
	assert_int_equal(identity, 77);
	assert_true(model.waits < WAITING_MAX && count <= 16);
	if (model.fails_after != 0 && model.requests >= model.fails_after)
		return err_set(e, model.with, "as it was told");
	model.requests++;
	model.texts += count;
	model.waiting[model.waits].ticket = ticket;
	model.waiting[model.waits].count = count - model.drops;
	for (size_t i = 0; i < count; i++)
		vector_of(texts[i].text, texts[i].len, model.waiting[model.waits].vectors + i * DIM);
	model.waits++;
	return 0;
}

/* The last question is answered first. */
static int
collect(void *context, uint32_t *ticket, const float **vectors, size_t *count, uint32_t *dim,
    struct err *e)
{
	(void)context;
	if (model.waits == 0)
		return err_set(e, ERR_EMBED_UNAVAILABLE, "nothing was asked");
	model.waits--;
	*ticket = model.waiting[model.waits].ticket;
	*vectors = model.waiting[model.waits].vectors;
	*count = model.waiting[model.waits].count;
	*dim = DIM;
	return 0;
}

static int
recover(void *context, unsigned attempt, struct err *e)
{
	(void)context;
	(void)e;
	model.waits = 0;
	model.recovered++;
	if (attempt >= model.recovers)
		return -1;
	model.fails_after = 0;
	return 0;
}

static int
query(void *context, const char *name, uint32_t identity, const struct embed_text *text,
    uint32_t dim, float *out, struct err *e)
{
	(void)context;
	assert_string_equal(name, "ada");
	assert_int_equal(identity, 77);
	assert_int_equal(dim, DIM);
	if (model.query_fails > 0)
		return err_set(e, ERR_EMBED_UNAVAILABLE, "left alone");
	vector_of(text->text, text->len, out);
	return 0;
}

static const struct embed_service service = {
    .query = query, .submit = submit, .collect = collect, .recover = recover};
static const struct embed_about about = {
    .identity = 77, .batch = 4, .batch_tokens = 1000, .in_flight = 3};

static void
put(int i, const char *words)
{
	char path[800], text[200];
	struct err e;

	snprintf(path, sizeof path, "%s/%02d.txt", docs, i);
	snprintf(text, sizeof text, "Document number %d is about %s.\n", i, words);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static int
make_folder(void **state)
{
	(void)state;
	memset(&model, 0, sizeof model);
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	if (file_make_dirs(docs, 0755, NULL) == -1)
		return -1;
	for (int i = 0; i < DOCUMENTS; i++)
		put(i, "lamps");
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

typedef int run_fn(const struct build_request *r, struct build_report *report, struct err *e);

static int
run(run_fn *by, const char *version, struct build_report *report, struct err *e)
{
	struct build_config c = {.source_type = "directory", .chunk_size = 128,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "ada",
	    .embedding_identity = 77};
	struct build_request r = {.data_dir = data, .tenant = "t", .config = &c,
	    .service = &service, .about = &about};

	snprintf(c.version, sizeof c.version, "%s", version);
	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	return by(&r, report, e);
}

static void
every_passage_is_asked_for_once(void **state)
{
	struct build_report report;
	struct err e;

	(void)state;
	assert_ok(run(build_run, "v1", &report, &e), &e);
	assert_int_equal(model.texts, DOCUMENTS);
	assert_int_equal(model.requests, DOCUMENTS / 4);
	assert_int_equal(report.dim, DIM);
	assert_int_equal(report.embedded, DOCUMENTS);
	put(3, "whales");
	assert_ok(run(build_run, "v2", &report, &e), &e);
	assert_int_equal(model.texts, DOCUMENTS + 1);
	assert_int_equal(report.embedded, 1);
	assert_int_equal(report.kept, DOCUMENTS - 1);
	put(3, "lamps");			/* its vector went with it */
	assert_ok(run(build_run, "v3", &report, &e), &e);
	assert_int_equal(model.texts, DOCUMENTS + 2);
}

static void
a_build_that_was_ended_has_paid_for_nothing_twice(void **state)
{
	struct build_report report;
	struct err e;
	uint64_t paid;

	(void)state;
	model.fails_after = 6;
	model.with = ERR_EMBED_ANSWER;
	assert_refused(run(build_run, "v1", &report, &e), &e, ERR_EMBED_ANSWER);
	/* What was under way when it ended is lost, and nothing else. */
	paid = model.texts - model.waits * 4;
	assert_true(paid >= 12);
	model.waits = 0;
	model.fails_after = 0;
	assert_ok(run(build_run, "v1", &report, &e), &e);
	assert_int_equal(report.kept, paid);
	assert_int_equal(report.embedded, DOCUMENTS - paid);
}

static void
a_failure_that_passes_is_waited_for(void **state)
{
	struct build_report report;
	struct err e;

	(void)state;
	model.fails_after = 5;
	model.with = ERR_EMBED_UNAVAILABLE;
	model.recovers = 1;
	assert_ok(run(build_run, "v1", &report, &e), &e);
	assert_int_equal(model.recovered, 1);
	assert_int_equal(report.chunks, DOCUMENTS);
}

static void
a_failure_that_does_not_is_the_builds(void **state)
{
	struct build_report report;
	struct err e;

	(void)state;
	model.fails_after = 5;
	model.with = ERR_EMBED_UNAVAILABLE;
	assert_refused(run(build_run, "v1", &report, &e), &e, ERR_EMBED_UNAVAILABLE);
	assert_int_equal(model.recovered, 1);
}

static void
an_answer_of_another_size_is_refused(void **state)
{
	struct build_report report;
	struct err e;

	(void)state;
	model.drops = 1;
	assert_refused(run(build_run, "v1", &report, &e), &e, ERR_EMBED_ANSWER);
}

static void
a_rehearsal_counts_and_changes_nothing(void **state)
{
	struct build_report report;
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_ok(run(build_rehearse, "v1", &report, &e), &e);
		assert_int_equal(report.documents, DOCUMENTS);
		assert_int_equal(report.chunks, DOCUMENTS);
		assert_int_equal(report.added, DOCUMENTS);
		assert_int_equal(report.embedded, DOCUMENTS);
		assert_int_equal(report.requests, DOCUMENTS / 4);
		assert_true(report.tokens > DOCUMENTS);
	}
	assert_int_equal(model.requests, 0);
	assert_ok(run(build_run, "v1", &report, &e), &e);
	put(1, "whales");
	assert_ok(run(build_rehearse, "v2", &report, &e), &e);
	assert_int_equal(report.embedded, 1);
	assert_int_equal(report.changed, 1);
}

/* ---- questions ---- */

static void
without_its_model_a_question_is_answered_by_words(void **state)
{
	struct query q = {.text = "whales", .text_len = 6, .top_k = 3, .service = &service};
	struct build_report report;
	struct query_scratch *s;
	struct query_result r;
	struct index *x;
	struct arena a;
	struct err e;

	(void)state;
	put(7, "whales");
	assert_ok(run(build_run, "v1", &report, &e), &e);
	assert_ok(index_open(&x, data, "t", report.generation, &e), &e);
	assert_ok(query_scratch_new(&s, &e), &e);
	arena_init(&a, 64 << 20);
	assert_string_equal(embed_name(x->embed), "ada");
	assert_int_equal(embed_identity(x->embed), 77);

	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	assert_int_equal(r.degraded.code, ERR_NONE);
	assert_true(r.hits[0].how.dense_place > 0);
	model.query_fails = 1;
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	assert_int_equal(r.degraded.code, ERR_EMBED_UNAVAILABLE);
	assert_string_equal(r.hits[0].chunk.key, "07.txt");
	q.needs_vectors = true;
	assert_refused(query_run(x, s, &q, &a, &r, &e), &e, ERR_EMBED_UNAVAILABLE);
	q.needs_vectors = false;
	q.mode = FUSE_DENSE;
	assert_refused(query_run(x, s, &q, &a, &r, &e), &e, ERR_EMBED_UNAVAILABLE);
	q.mode = FUSE_LEXICAL;			/* needs no vector: nothing lacks */
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	assert_int_equal(r.degraded.code, ERR_NONE);
	q.mode = FUSE_HYBRID;
	q.service = NULL;
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	assert_int_equal(r.degraded.code, ERR_EMBED_UNAVAILABLE);
	arena_fini(&a);
	query_scratch_free(s);
	index_close(x);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
	const struct CMUnitTest tests[] = {
	    T(every_passage_is_asked_for_once),
	    T(a_build_that_was_ended_has_paid_for_nothing_twice),
	    T(a_failure_that_passes_is_waited_for),
	    T(a_failure_that_does_not_is_the_builds),
	    T(an_answer_of_another_size_is_refused),
	    T(a_rehearsal_counts_and_changes_nothing),
	    T(without_its_model_a_question_is_answered_by_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
