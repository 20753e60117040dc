/* test_filtered.c - questions under a filter: the same as asking for everything and keeping
 * what the filter lets through. */
#include "unit.h"

#include "build.h"
#include "bounds.h"
#include "file.h"
#include "filter_json.h"
#include "query.h"

enum { DOCUMENTS = 300 };

static char *base;
static char data[600];
static struct index *x;
static struct query_scratch *scratch;

static const char *const topics[] = {"bicycle tube rubber patch", "granite lighthouse lamp fog",
    "rye flour bread starter", "index worker reload signal", "river bridge arch stone"};

static void
put_document(const char *docs, int i)
{
	char path[1200], text[2000];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", docs, i % 3 == 0 ? "old" : "new");
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	snprintf(text, sizeof text, "---\nnumber: %d\ntopic: t%d\ntags: [all, %s]\n%s---\n"
		"# Document %d\n\nAbout %s, number%d and %s once more.\n", i, i % 5,
	    i % 2 ? "odd" : "even", i % 7 == 0 ? "lucky: true\n" : "", i, topics[i % 5], i,
	    topics[(i + 1) % 5]);
	snprintf(path, sizeof path, "%s/%s/d%03d.md", docs, i % 3 == 0 ? "old" : "new", i);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static int
build_all(void **state)
{
	struct build_config c = {.version = "v1", .source_type = "directory", .chunk_size = 64,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {.tenant = "t", .config = &c, .data_dir = data};
	struct build_report report;
	struct err e;

	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(c.source_path, sizeof c.source_path, "%s/docs", base);
	for (int i = 0; i < DOCUMENTS; i++)
		put_document(c.source_path, i);
	assert_ok(build_run(&r, &report, &e), &e);
	assert_true(report.dim > 0);
	assert_ok(index_open(&x, data, "t", report.generation, &e), &e);
	assert_ok(query_scratch_new(&scratch, &e), &e);
	return 0;
}

static int
drop_all(void **state)
{
	(void)state;
	query_scratch_free(scratch);
	index_close(x);
	unit_folder_gone(base);
	return 0;
}

/* What each filter says, in C. */
static bool is_small(int i) { return i < 20; }
static bool is_even(int i) { return i % 2 == 0; }
static bool is_old_topic(int i) { return i % 3 == 0 && (i % 5 == 1 || i % 5 == 4); }
static bool is_lucky(int i) { return i % 7 == 0; }
static bool is_unlucky(int i) { return i % 7 != 0; }
static bool is_one(int i) { return i == 123; }
static bool is_none(int i) { return i < 0; }
static bool is_any(int i) { return i >= 0; }

static const struct {
	const char *json;
	bool (*lets)(int i);
} filters[] = {
    {"{\"number\": {\"$lt\": 20}}", is_small},
    {"{\"type\": \"eq\", \"key\": \"tags\", \"value\": \"even\"}", is_even},
    {"{\"folder\": \"old\", \"topic\": {\"$in\": [\"t1\", \"t4\"]}}", is_old_topic},
    {"{\"lucky\": true}", is_lucky},
    {"{\"lucky\": {\"$ne\": true}}", is_unlucky},
    {"{\"path\": {\"$prefix\": \"old/d123\"}}", is_one},
    {"{\"type\": \"gt\", \"key\": \"number\", \"value\": \"x\"}", is_none},
    {"{\"kind\": \"markdown\", \"bytes\": {\"$gt\": 1}}", is_any},
};
enum { FILTERS = sizeof filters / sizeof filters[0] };

static const struct filter *
parse(const char *json, struct arena *a)
{
	const struct filter *f;
	struct json_object *o;
	struct err e;

	assert_ok(json_parse_object(&o, json, strlen(json), &e), &e);
	assert_ok(filter_from_json(&f, o, "filters", a, &e), &e);
	json_object_put(o);
	return f;
}

static int
number_of(const struct query_hit *h)
{
	const char *d = strrchr(h->chunk.key, '/');

	return atoi(d + 2);
}

static int
allowed_documents(bool (*lets)(int))
{
	int n = 0;

	for (int i = 0; i < DOCUMENTS; i++)
		n += lets(i);
	return n;
}

/* One half alone has an order that does not depend on the rest: the filtered answer is the
 * unfiltered one of all rows with what is not allowed taken out. */
static void
expect_as_brute_force(enum fuse_mode mode, const char *question)
{
	struct query q = {.text = question, .text_len = strlen(question), .mode = mode};
	struct query_result all, some;
	struct arena a;
	struct err e;

	arena_init(&a, 256 << 20);
	q.top_k = TOP_K_MAX;
	assert_ok(query_run(x, scratch, &q, &a, &all, &e), &e);
	for (int f = 0; f < FILTERS; f++) {
		size_t at = 0;
		q.top_k = 10;
		q.filter = parse(filters[f].json, &a);
		assert_ok(query_run(x, scratch, &q, &a, &some, &e), &e);
		for (size_t i = 0; i < all.count && at < 10; i++) {
			if (!filters[f].lets(number_of(&all.hits[i])))
				continue;
			assert_true(at < some.count);
			assert_int_equal(some.hits[at++].row, all.hits[i].row);
		}
		assert_int_equal(some.count, at);
	}
	arena_fini(&a);
}

static void
each_half_answers_as_brute_force_does(void **state)
{
	(void)state;
	for (int t = 0; t < 5; t++) {
		expect_as_brute_force(FUSE_LEXICAL, topics[t]);
		expect_as_brute_force(FUSE_DENSE, topics[t]);
	}
}

static void
k_hits_come_whenever_k_documents_are_let_through(void **state)
{
	struct query q = {.text = "number7 granite", .text_len = 15, .top_k = 15};
	struct query_result r;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, 256 << 20);
	for (int f = 0; f < FILTERS; f++) {
		int allowed = allowed_documents(filters[f].lets);
		q.filter = parse(filters[f].json, &a);
		assert_ok(query_run(x, scratch, &q, &a, &r, &e), &e);
		assert_int_equal(r.count, allowed < 15 ? allowed : 15);
		for (size_t i = 0; i < r.count; i++)
			assert_true(filters[f].lets(number_of(&r.hits[i])));
	}
	arena_fini(&a);
}

static void
operators_and_filter_both_hold(void **state)
{
	const char *text = "+granite -rye bread";
	struct query q = {.text = text, .text_len = strlen(text), .top_k = 50, .operators = true};
	struct query_result r;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, 256 << 20);
	q.filter = parse(filters[0].json, &a);
	assert_ok(query_run(x, scratch, &q, &a, &r, &e), &e);
	assert_int_equal(r.count, 4);	/* of 0..19: granite is in those of topics 0 and 1, */
	for (size_t i = 0; i < r.count; i++)	/* and rye in those of 1 */
		assert_true(number_of(&r.hits[i]) % 5 == 0 && number_of(&r.hits[i]) < 20);
	arena_fini(&a);
}

static void
hits_carry_their_documents_metadata(void **state)
{
	struct query q = {.text = "number14", .text_len = 8, .top_k = 1, .mode = FUSE_LEXICAL};
	struct query_result r;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, 256 << 20);
	assert_ok(query_run(x, scratch, &q, &a, &r, &e), &e);
	assert_int_equal(r.count, 1);
	assert_non_null(strstr(r.hits[0].chunk.meta, "\"path\": \"new/d014.md\""));
	assert_non_null(strstr(r.hits[0].chunk.meta, "\"number\": 14, \"topic\": \"t4\", "
						     "\"tags\": [\"all\", \"even\"], \"lucky\": true}"));
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_half_answers_as_brute_force_does),
	    cmocka_unit_test(k_hits_come_whenever_k_documents_are_let_through),
	    cmocka_unit_test(operators_and_filter_both_hold),
	    cmocka_unit_test(hits_carry_their_documents_metadata),
	};
	return cmocka_run_group_tests(tests, build_all, drop_all);
}
