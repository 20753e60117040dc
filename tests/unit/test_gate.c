/* test_gate.c - good generations pass, bad ones are told apart and named. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "build.h"
#include "diff.h"
#include "file.h"
#include "gate.h"
#include "golden.h"
#include "pushed.h"
#include "source.h"

enum { DOCUMENTS = 40 };

static char *base;
static char data[600], docs[600], golden_path[700];
static char first[GENERATION_NAME_BYTES];

static const char *const subjects[] = {"lantern", "harbour", "granite", "compass", "orchard",
    "saddle", "violin", "kettle"};
static const char *const verbs[] = {"carries", "repairs", "measures", "paints", "weighs"};

static void
put_file(const char *path, const char *text)
{
	struct err e;

	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static void
put_document(int i, const char *more)
{
	char path[700], text[900];

	snprintf(path, sizeof path, "%s/doc%02d.md", docs, i);
	snprintf(text, sizeof text,
	    "# Note %d about the %s\n\nThe %s of station %d %s the %s every morning.\n\n"
	    "## Detail %d\n\nMark%d is written on the lid, and the keeper %s it twice.\n%s",
	    i, subjects[i % 8], subjects[i % 8], i, verbs[i % 5], subjects[(i + 3) % 8], i, i,
	    verbs[(i + 2) % 5], more);
	put_file(path, text);
}

static void
fill_source(int from, int to)
{
	for (int i = from; i < to; i++)
		put_document(i, "");
}

static void
empty_source(int from, int to)
{
	char path[700];

	for (int i = from; i < to; i++) {
		snprintf(path, sizeof path, "%s/doc%02d.md", docs, i);
		unlink(path);
	}
}

static void
build(const char *version, unsigned chunk_size, char name[GENERATION_NAME_BYTES])
{
	struct build_config c = {.source_type = "directory", .chunk_size = chunk_size,
	    .chunk_overlap = 0, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {
	    .data_dir = data, .tenant = "t", .config = &c, .max_shrink = 100};
	struct build_report report;
	struct err e;

	snprintf(c.version, sizeof c.version, "%s", version);
	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	assert_ok(build_run(&r, &report, &e), &e);
	memcpy(name, report.generation, GENERATION_NAME_BYTES);
}

static int
make_folder(void **state)
{
	struct err e;

	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	snprintf(golden_path, sizeof golden_path, "%s/tenants/t/golden.jsonl", data);
	assert_ok(file_make_dirs(docs, 0755, &e), &e);
	fill_source(0, DOCUMENTS);
	build("v1", 64, first);
	assert_ok(generation_set_current(data, "t", first, &e), &e);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

/* The source as it was at first, for the next test. */
static int
restore(void **state)
{
	(void)state;
	empty_source(0, 100);
	fill_source(0, DOCUMENTS);
	unlink(golden_path);
	return 0;
}

static struct gate_request
request(const char *candidate)
{
	return (struct gate_request){.data_dir = data, .tenant = "t", .candidate = candidate,
	    .current = first,
	    .limits = {.max_shrink = 50, .queries = 20, .min_overlap = 50, .min_recall = 95,
		.max_slowdown = 100000}};
}

static void
expect(const struct gate_request *r, enum verdict verdict, const char *part,
    struct gate_report *out)
{
	struct err e;

	assert_ok(gate_run(r, out, &e), &e);
	if (out->verdict != verdict || strstr(gate_reason(out), part) == NULL)
		fail_msg("%s: %s; wanted %s with \"%s\"", verdict_name(out->verdict),
		    gate_reason(out), verdict_name(verdict), part);
}

static void
a_larger_generation_passes(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	fill_source(DOCUMENTS, 2 * DOCUMENTS);
	build("v2", 64, next);
	expect(&r, VERDICT_PASS, "", &out);
	assert_true(out.by_passage);
	assert_int_equal(out.sampled, 20);
	assert_int_equal(out.asked, 20);
	assert_true(out.compared >= 15 && out.overlap > 0.5);
	assert_true(out.known > 10 && out.known_again >= out.known * 95 / 100);
	assert_int_equal(out.was.documents, DOCUMENTS);
	assert_int_equal(out.is.documents, 2 * DOCUMENTS);
}

static void
the_first_generation_has_nothing_to_compare(void **state)
{
	struct gate_request r = request(first);
	struct gate_report out;

	(void)state;
	r.current = "";
	expect(&r, VERDICT_PASS, "first generation", &out);
	assert_int_equal(out.asked, 0);
	r.current = "77-0123456789ab";
	expect(&r, VERDICT_PASS, "cannot be opened", &out);
}

static void
half_the_rows_are_refused_unless_accepted(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	empty_source(15, DOCUMENTS);
	build("v3", 64, next);
	expect(&r, VERDICT_FAIL, "holds 15 documents, the current one 40", &out);
	r.limits.max_shrink = 70;
	expect(&r, VERDICT_PASS, "", &out);
	r.limits.max_shrink = 50;
	r.is_accepted = true;
	expect(&r, VERDICT_PASS, "accepted", &out);
	assert_true(out.asked > 0);
}

static void
other_parameters_are_compared_by_document(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	build("v4", 256, next);
	r.limits.min_overlap = 101;
	expect(&r, VERDICT_PASS, "", &out);
	assert_false(out.by_passage);
	assert_false(out.has_same_parameters);
	assert_true(out.is.chunks < out.was.chunks);
	assert_true(out.known_again >= out.known * 95 / 100);
}

static void
rankings_that_differ_are_refused(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	fill_source(DOCUMENTS, DOCUMENTS + 2);
	build("v5", 64, next);
	r.limits.min_overlap = 101;	/* no two rankings are that alike */
	expect(&r, VERDICT_FAIL, "rankings overlap by", &out);
}

static void
nothing_in_common_is_inconclusive(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	for (int i = 0; i < DOCUMENTS; i++) {
		char path[700], text[200];
		snprintf(path, sizeof path, "%s/doc%02d.md", docs, i);
		snprintf(text, sizeof text, "# Changed %d\n\nAnother lantern, number %d.\n", i, i);
		put_file(path, text);
	}
	build("v6", 64, next);
	expect(&r, VERDICT_INCONCLUSIVE, "nothing that the questions find", &out);
	assert_int_equal(out.compared, 0);
}

static void
a_lost_golden_query_is_refused_and_named(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	put_file(golden_path,
	    "{\"query\": \"what is mark7 written on\", \"expected\": [\"doc07.md\"]}\n\n"
	    "{\"query\": \"mark9\", \"expected\": \"doc09.md\"}\n");
	empty_source(7, 8);
	build("v7", 64, next);
	expect(&r, VERDICT_FAIL, "mark7", &out);
	assert_int_equal(out.given, 2);
	assert_int_equal(out.sampled, 18);
	assert_int_equal(out.judged, 2);
	assert_true(out.found_current == 1 && out.found_candidate == 0.5);
	assert_string_equal(out.lost[0], "what is mark7 written on");
	/* Repaired, the content is another one, and it passes. */
	put_document(7, "");
	build("v7b", 64, next);
	expect(&r, VERDICT_PASS, "", &out);
}

static void
golden_queries_of_the_document_count_too(void **state)
{
	static const char text[] = "[{\"query\": \"mark3\", \"expected\": [\"doc03.md\", \"x\"]}]";
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;
	struct err e;

	(void)state;
	build("v8", 64, next);
	assert_ok(json_parse(&r.golden, text, strlen(text), &e), &e);
	expect(&r, VERDICT_PASS, "", &out);
	assert_int_equal(out.given, 1);
	assert_true(out.found_current == 0.5 && out.found_candidate == 0.5);
	json_object_put(r.golden);
}

static void
unreadable_golden_queries_are_inconclusive(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
	    {"not json\n", "golden.jsonl:1"},
	    {"{\"query\": \"a\"}\n{\"query\": \"  \"}\n", "golden.jsonl:2"},
	    {"{\"query\": \"a\", \"expect\": \"b\"}\n", "expect"},
	    {"{\"query\": \"a\", \"expected\": [7]}\n", "\"expected\""},
	    {"{\"query\": \"a\", \"filters\": {\"x\": {\"$bad\": 1}}}\n", "filters"},
	    {"{\"expected\": \"b\"}\n", "query"},
	};
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	build("v9", 64, next);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put_file(golden_path, rows[i].line);
		expect(&r, VERDICT_INCONCLUSIVE, rows[i].words, &out);
		assert_int_equal(out.given, 0);
		assert_int_equal(out.sampled, 20);
	}
}

/* Damage of every file: cut in half, or one byte changed. */
static void
a_damaged_generation_fails_whatever_is_accepted(void **state)
{
	static const char *const files[] = {"manifest.json", "store.db", "index.rpx"};
	char next[GENERATION_NAME_BYTES], dir[4096], path[4200], *bytes;
	struct gate_request r = request(next);
	struct gate_report out;
	size_t n;
	struct err e;

	(void)state;
	build("v10", 64, next);
	r.is_accepted = true;
	assert_ok(generation_dir(dir, data, "t", next, &e), &e);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		assert_ok(file_read(&bytes, &n, path, 64 << 20, &e), &e);
		assert_ok(file_replace(path, bytes, n / 2, 0440, &e), &e);
		expect(&r, VERDICT_FAIL, "", &out);
		bytes[n / 3] ^= 4;
		assert_ok(file_replace(path, bytes, n, 0440, &e), &e);
		expect(&r, VERDICT_FAIL, "", &out);
		bytes[n / 3] ^= 4;
		assert_ok(file_replace(path, bytes, n, 0440, &e), &e);
		free(bytes);
	}
	expect(&r, VERDICT_PASS, "", &out);
}

/* Checksums that fit, counts that do not: whoever wrote it lied or erred. */
static void
a_manifest_that_disagrees_with_its_files_fails(void **state)
{
	static const char *const files[] = {"store.db", "index.rpx"};
	char next[GENERATION_NAME_BYTES], dir[4096], tmp[4200], from[4200], to[4300], hash[13];
	struct manifest m;
	struct gate_request r = request(next);
	struct gate_report out;
	bool existed;
	struct err e;

	(void)state;
	build("v11", 64, next);
	assert_ok(generation_dir(dir, data, "t", next, &e), &e);
	assert_ok(manifest_read(&m, dir, hash, &e), &e);
	for (int i = 0; i < 2; i++) {
		snprintf(tmp, sizeof tmp, "%s/tenants/t/gen/.tmp-%d-x", data, (int)getpid());
		assert_ok(file_make_dirs(tmp, 0755, &e), &e);
		snprintf(from, sizeof from, "%s/%s", dir, files[i]);
		snprintf(to, sizeof to, "%s/%s", tmp, files[i]);
		assert_int_equal(link(from, to), 0);
	}
	m.documents += 3;
	assert_ok(manifest_write(&m, tmp, hash, &e), &e);
	assert_ok(generation_publish(next, &existed, data, "t", tmp, &e), &e);
	assert_ok(generation_verify(data, "t", next, &e), &e);
	expect(&r, VERDICT_FAIL, "documents", &out);
}

static void
time_that_is_over_is_inconclusive(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct gate_request r = request(next);
	struct gate_report out;

	(void)state;
	build("v12", 64, next);
	r.limits.queries = 200;
	r.limits.time_ms = 1;
	expect(&r, VERDICT_INCONCLUSIVE, "could be asked in time", &out);
	assert_true(out.asked < 200);
}

/* The same generation gives the same questions; a similar one mostly the same. */
static void
samples_repeat(void **state)
{
	char next[GENERATION_NAME_BYTES];
	struct golden a = {0}, b = {0}, c = {0};
	struct index *x, *y;
	struct arena arena;
	unsigned same = 0;
	struct err e;

	(void)state;
	fill_source(DOCUMENTS, DOCUMENTS + 4);
	build("v13", 64, next);
	arena_init(&arena, 16 << 20);
	assert_ok(index_open(&x, data, "t", first, &e), &e);
	assert_ok(index_open(&y, data, "t", next, &e), &e);
	assert_ok(golden_sample(&a, x, 20, &arena, &e), &e);
	assert_ok(golden_sample(&b, x, 20, &arena, &e), &e);
	assert_ok(golden_sample(&c, y, 20, &arena, &e), &e);
	assert_int_equal(a.count, 20);
	assert_int_equal(c.count, 20);
	for (size_t i = 0; i < 20; i++) {
		assert_int_equal(a.query[i].row, b.query[i].row);
		for (size_t j = 0; j < i; j++)	/* forty documents: none twice */
			assert_int_not_equal(x->row[a.query[i].row].document,
			    x->row[a.query[j].row].document);
		for (size_t j = 0; j < 20; j++)
			same += a.query[i].len == c.query[j].len &&
			    memcmp(a.query[i].text, c.query[j].text, a.query[i].len) == 0;
	}
	assert_true(same >= 12);
	index_close(x);
	index_close(y);
	arena_fini(&arena);
}

static int
take_difference(void *context, enum diff_kind kind, const char *key, struct err *e)
{
	char *out = context;

	(void)e;
	snprintf(out + strlen(out), 200 - strlen(out), "%c%s ", "+-~"[kind], key);
	return 0;
}

static void
a_difference_is_told_by_key(void **state)
{
	char next[GENERATION_NAME_BYTES], told[200] = "";
	struct diff_counts counts;
	struct index *x, *y;
	struct err e;

	(void)state;
	empty_source(2, 4);
	empty_source(39, 40);
	put_document(5, "More of it.\n");
	fill_source(40, 42);
	build("v14", 64, next);
	assert_ok(index_open(&x, data, "t", first, &e), &e);
	assert_ok(index_open(&y, data, "t", next, &e), &e);
	assert_ok(diff_documents(x->store, y->store, &counts, take_difference, told, &e), &e);
	assert_string_equal(told,
	    "-doc02.md -doc03.md ~doc05.md -doc39.md +doc40.md +doc41.md ");
	assert_int_equal(counts.same, 36);
	told[0] = '\0';
	assert_ok(diff_documents(y->store, x->store, &counts, take_difference, told, &e), &e);
	assert_string_equal(told,
	    "+doc02.md +doc03.md ~doc05.md +doc39.md -doc40.md -doc41.md ");
	assert_ok(diff_documents(x->store, x->store, &counts, NULL, NULL, &e), &e);
	assert_int_equal(counts.same, 40);
	index_close(x);
	index_close(y);
}

static void
a_report_is_strict_json(void **state)
{
	struct gate_request r = request(first);
	struct gate_report out;
	struct json_object *o, *golden;
	const char *verdict = "";
	struct buf b;
	struct err e;

	(void)state;
	put_file(golden_path, "{\"query\": \"what is \\\"mark7\\\"\", \"expected\": \"none.md\"}\n");
	r.current = NULL;
	assert_ok(gate_run(&r, &out, &e), &e);
	buf_init(&b, 1 << 20);
	gate_report_write(&out, &b);
	assert_ok(buf_check(&b, "report", &e), &e);
	assert_ok(json_parse_object(&o, b.data, b.len, &e), &e);
	assert_ok(json_get_text(o, "verdict", true, 16, &verdict, &e), &e);
	assert_int_equal(verdict_of(verdict), VERDICT_PASS);
	assert_ok(json_get_object(o, "golden", true, &golden, &e), &e);
	assert_int_equal(verdict_of("maybe"), VERDICT_MAX);
	json_object_put(o);
	buf_fini(&b);
}

static void
build_pushed(const char *version, char name[GENERATION_NAME_BYTES])
{
	struct build_config c = {.source_type = "push", .chunk_size = 64, .language = "english",
	    .embedding_model = "builtin:lsa"};
	struct build_request r = {.data_dir = data, .tenant = "e", .config = &c, .max_shrink = 50};
	struct build_report report;
	struct source *s;
	struct err e;

	snprintf(c.version, sizeof c.version, "%s", version);
	assert_ok(source_pushed_open(&s, data, "e", &e), &e);
	r.source = s;
	assert_ok(build_run(&r, &report, &e), &e);
	source_close(s);
	memcpy(name, report.generation, GENERATION_NAME_BYTES);
}

/* A tenant of what is sent to it begins with nothing, and may come to nothing again. */
static void
from_nothing_and_to_nothing_passes(void **state)
{
	const struct pushed_document d = {.key = "a", .bytes = "A yak.", .n = 6};
	char none[GENERATION_NAME_BYTES], one[GENERATION_NAME_BYTES];
	struct gate_request r = request(one);
	struct gate_report out;
	struct err e;

	(void)state;
	build_pushed("v1", none);
	assert_ok(generation_set_current(data, "e", none, &e), &e);
	assert_ok(pushed_put(data, "e", &d, &e), &e);
	build_pushed("v1", one);
	r.tenant = "e";
	r.current = none;
	expect(&r, VERDICT_PASS, "holds nothing", &out);
	r.current = one;
	r.candidate = none;
	r.limits.removed = 1;
	expect(&r, VERDICT_PASS, "holds nothing", &out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(from_nothing_and_to_nothing_passes),
	    cmocka_unit_test_teardown(a_larger_generation_passes, restore),
	    cmocka_unit_test_teardown(the_first_generation_has_nothing_to_compare, restore),
	    cmocka_unit_test_teardown(half_the_rows_are_refused_unless_accepted, restore),
	    cmocka_unit_test_teardown(other_parameters_are_compared_by_document, restore),
	    cmocka_unit_test_teardown(rankings_that_differ_are_refused, restore),
	    cmocka_unit_test_teardown(nothing_in_common_is_inconclusive, restore),
	    cmocka_unit_test_teardown(a_lost_golden_query_is_refused_and_named, restore),
	    cmocka_unit_test_teardown(golden_queries_of_the_document_count_too, restore),
	    cmocka_unit_test_teardown(unreadable_golden_queries_are_inconclusive, restore),
	    cmocka_unit_test_teardown(a_damaged_generation_fails_whatever_is_accepted, restore),
	    cmocka_unit_test_teardown(a_manifest_that_disagrees_with_its_files_fails, restore),
	    cmocka_unit_test_teardown(time_that_is_over_is_inconclusive, restore),
	    cmocka_unit_test_teardown(samples_repeat, restore),
	    cmocka_unit_test_teardown(a_difference_is_told_by_key, restore),
	    cmocka_unit_test_teardown(a_report_is_strict_json, restore),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
