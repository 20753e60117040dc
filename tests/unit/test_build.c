/* test_build.c - a whole build, and questions to what it made. */
#include "unit.h"

#include <unistd.h>

#include "bounds.h"
#include "build.h"
#include "file.h"
#include "generation.h"
#include "pushed.h"
#include "query.h"
#include "source.h"

static char *base;
static char data[600], docs[600];

static void
put(const char *name, const char *text)
{
	char path[800];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", docs, name);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static int
make_folder(void **state)
{
	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	if (file_make_dirs(docs, 0755, NULL) == -1)
		return -1;
	put("reload.md", "# Reload\n\nA worker reopens the index between two requests.\n");
	put("backup.md", "# Backup\n\nCopy the sealed generations to another disk.\n");
	put("zh.md", "# 滚动升级\n\n逐个替换旧实例，服务不会中断。\n");
	put("page.html", "<html><head><title>Tenants</title></head><body><p>Each tenant has "
			 "its own folder.</p></body></html>");
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static int
build(const char *tenant, const char *version, struct build_report *report, struct err *e)
{
	struct build_config c = {.source_type = "directory", .chunk_size = 128,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {.data_dir = data, .tenant = tenant, .config = &c};

	snprintf(c.version, sizeof c.version, "%s", version);
	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	return build_run(&r, report, e);
}

static void
expect_first(struct index *x, const char *question, const char *key)
{
	struct query q = {.text = question, .text_len = strlen(question), .top_k = 3};
	struct query_scratch *s;
	struct query_result r;
	struct arena a;
	struct err e;

	arena_init(&a, 64 << 20);
	assert_ok(query_scratch_new(&s, &e), &e);
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	if (r.count == 0 || strcmp(r.hits[0].chunk.key, key) != 0)
		fail_msg("%s: %s, not %s", question,
		    r.count > 0 ? r.hits[0].chunk.key : "nothing", key);
	query_scratch_free(s);
	arena_fini(&a);
}

static void
questions_find_the_document_that_answers(void **state)
{
	struct build_report report;
	struct index *x;
	struct err e;

	(void)state;
	assert_ok(build("t", "v1", &report, &e), &e);
	assert_int_equal(report.documents, 4);
	assert_ok(index_open(&x, data, "t", report.generation, &e), &e);
	expect_first(x, "how does a worker reopen its index?", "reload.md");
	expect_first(x, "where do backups of generations go", "backup.md");
	expect_first(x, "如何滚动升级实例", "zh.md");
	expect_first(x, "folders of tenants", "page.html");
	index_close(x);
}

static void
building_twice_makes_nothing_new(void **state)
{
	struct build_report one, two;
	struct err e;

	(void)state;
	assert_ok(build("t", "v1", &one, &e), &e);
	assert_ok(build("t", "v1", &two, &e), &e);
	assert_true(two.existed);
	assert_string_equal(one.generation, two.generation);
	assert_ok(build("t", "v2", &two, &e), &e);
	assert_false(two.existed);
	assert_int_equal(two.unchanged, 4);
}

static void
another_folder_gives_the_same_hash(void **state)
{
	struct build_report one, two;
	char aside[700];
	struct err e;

	(void)state;
	assert_ok(build("t", "v1", &one, &e), &e);
	snprintf(aside, sizeof aside, "%s-aside", data);
	assert_int_equal(rename(data, aside), 0);
	assert_ok(build("t", "v1", &two, &e), &e);
	assert_string_equal(strchr(one.generation, '-'), strchr(two.generation, '-'));
	assert_ok(file_remove_tree(data, &e), &e);
	assert_int_equal(rename(aside, data), 0);
}

static void
a_source_without_text_makes_no_generation(void **state)
{
	struct build_report report;
	char aside[700];
	struct err e;

	(void)state;
	snprintf(aside, sizeof aside, "%s-aside", docs);
	assert_int_equal(rename(docs, aside), 0);
	assert_ok(file_make_dirs(docs, 0755, &e), &e);
	assert_refused(build("empty", "v1", &report, &e), &e, ERR_SOURCE);
	assert_int_equal(rmdir(docs), 0);
	assert_refused(build("empty", "v1", &report, &e), &e, ERR_NOT_FOUND);
	assert_int_equal(rename(aside, docs), 0);
}

static void
questions_out_of_bounds_are_refused(void **state)
{
	static char longest[QUERY_TEXT_MAX + 2];
	struct build_report report;
	struct index *x;
	struct query_scratch *s;
	struct query_result r;
	struct arena a;
	struct err e;

	(void)state;
	memset(longest, 'a', sizeof longest);
	arena_init(&a, 64 << 20);
	assert_ok(build("t", "v1", &report, &e), &e);
	assert_ok(index_open(&x, data, "t", report.generation, &e), &e);
	assert_ok(query_scratch_new(&s, &e), &e);
	struct query q = {.text = " \n", .text_len = 2, .top_k = 1};
	assert_refused(query_run(x, s, &q, &a, &r, &e), &e, ERR_EMPTY_QUERY);
	q = (struct query){.text = longest, .text_len = sizeof longest, .top_k = 1};
	assert_refused(query_run(x, s, &q, &a, &r, &e), &e, ERR_QUERY_SIZE);
	q = (struct query){.text = "x", .text_len = 1, .top_k = TOP_K_MAX + 1};
	assert_refused(query_run(x, s, &q, &a, &r, &e), &e, ERR_RANGE);
	q = (struct query){.text = "xyzzy", .text_len = 5, .top_k = 3};
	assert_ok(query_run(x, s, &q, &a, &r, &e), &e);
	assert_int_equal(r.count, 0);
	query_scratch_free(s);
	index_close(x);
	arena_fini(&a);
}

static int
build_pushed(const char *tenant, struct build_report *report, struct err *e)
{
	struct build_config c = {.source_type = "push", .version = "v1", .chunk_size = 128,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {.data_dir = data, .tenant = tenant, .config = &c, .max_shrink = 100};
	int rc;

	assert_ok(source_pushed_open(&r.source, data, tenant, e), e);
	rc = build_run(&r, report, e);
	source_close(r.source);
	return rc;
}

static void
what_is_sent_may_be_nothing_but_not_what_lies_elsewhere(void **state)
{
	const struct pushed_document d = {.key = "a", .bytes = "A yak.", .n = 6};
	struct build_report report;
	char pushed[700];
	struct err e;

	(void)state;
	assert_ok(build_pushed("p", &report, &e), &e);
	assert_int_equal(report.documents, 0);
	assert_ok(generation_set_current(data, "p", report.generation, &e), &e);
	assert_ok(build_pushed("p", &report, &e), &e);
	assert_ok(pushed_put(data, "p", &d, &e), &e);
	assert_ok(build_pushed("p", &report, &e), &e);
	assert_int_equal(report.documents, 1);
	assert_ok(generation_set_current(data, "p", report.generation, &e), &e);
	snprintf(pushed, sizeof pushed, "%s/tenants/p/pushed", data);
	assert_ok(file_remove_tree(pushed, &e), &e);
	assert_refused(build_pushed("p", &report, &e), &e, ERR_SOURCE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(questions_find_the_document_that_answers),
	    cmocka_unit_test(building_twice_makes_nothing_new),
	    cmocka_unit_test(another_folder_gives_the_same_hash),
	    cmocka_unit_test(a_source_without_text_makes_no_generation),
	    cmocka_unit_test(questions_out_of_bounds_are_refused),
	    cmocka_unit_test(what_is_sent_may_be_nothing_but_not_what_lies_elsewhere),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
