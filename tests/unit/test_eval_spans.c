/* test_eval_spans.c - how much of the marked answers is found, on a set small enough to count. */
#include "unit.h"

#include "eval_spans.h"
#include "file.h"

static char *dir;

static int
make_folder(void **state)
{
	char path[600];

	(void)state;
	dir = unit_folder();
	snprintf(path, sizeof path, "%s/docs", dir);
	return file_make_dirs(path, 0755, NULL);
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(dir);
	return 0;
}

static void
put(const char *name, const char *text)
{
	char path[700];
	struct err e;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static int
run(const char *chunks, unsigned top_k, struct eval_spans_scores *s, struct err *e)
{
	struct eval_spans_options o = {.top_k = top_k, .mode = FUSE_LEXICAL, .chunks = chunks,
	    .config = {.version = "v", .chunk_size = 16, .language = "english",
		.embedding_model = "builtin:lsa"}};

	return eval_spans_run(dir, &o, s, e);
}

/* "alpha beta gamma" at 0..16, "delta" at 18..23. */
static void
found_bytes_are_counted_once_for_recall(void **state)
{
	char chunks[700];
	struct eval_spans_scores s;
	struct err e;

	(void)state;
	put("docs/a.txt", "alpha beta gamma\n\ndelta epsilon\n");
	put("docs/b.txt", "zeta eta theta\n");
	put("questions.jsonl",
	    "{\"id\": \"1\", \"doc\": \"a.txt\", \"text\": \"alpha\", \"spans\": [{\"start_byte\": 6,"
	    " \"end_byte\": 16}]}\n");
	put("chunks.jsonl",
	    "{\"doc\": \"a.txt\", \"start_byte\": 0, \"end_byte\": 10}\n"
	    "{\"doc\": \"a.txt\", \"start_byte\": 0, \"end_byte\": 12}\n"
	    "{\"doc\": \"a.txt\", \"start_byte\": 18, \"end_byte\": 31}\n"
	    "{\"doc\": \"b.txt\", \"start_byte\": 0, \"end_byte\": 14}\n");
	snprintf(chunks, sizeof chunks, "%s/chunks.jsonl", dir);
	assert_true(eval_spans_is_set(dir));
	assert_ok(run(chunks, 5, &s, &e), &e);
	assert_int_equal(s.documents, 2);
	assert_int_equal(s.chunks, 4);
	assert_int_equal(s.questions, 1);
	/* Both chunks with "alpha": 6 of the 10 marked bytes, 22 answered. */
	assert_true(s.recall > 0.599 && s.recall < 0.601);
	assert_true(s.precision > 6.0 / 22 - 1e-6 && s.precision < 6.0 / 22 + 1e-6);
	assert_true(s.iou > 6.0 / 26 - 1e-6 && s.iou < 6.0 / 26 + 1e-6);
	assert_true(s.answered_bytes > 21.9 && s.answered_bytes < 22.1);
}

static void
documents_are_cut_as_a_build_would(void **state)
{
	struct eval_spans_scores s;
	struct err e;

	(void)state;
	assert_ok(run(NULL, 1, &s, &e), &e);
	assert_int_equal(s.chunks, 2);
	assert_true(s.recall > 0.999);
}

/* Small chunks are found, the passage that they are parts of is answered, once. */
static void
a_passage_is_answered_once_for_all_its_chunks(void **state)
{
	struct eval_spans_options o = {.top_k = 5, .mode = FUSE_LEXICAL,
	    .config = {.version = "v", .chunk_size = 16, .parent_size = 256, .language = "english",
		.embedding_model = "builtin:lsa"}};
	char text[2000] = "";
	struct eval_spans_scores s;
	struct err e;

	(void)state;
	for (int i = 0; i < 12; i++)
		sprintf(text + strlen(text), "Sentence %d speaks of the alpha particle again.%s", i,
		    i < 11 ? " " : "");
	put("docs/a.txt", text);
	assert_ok(eval_spans_run(dir, &o, &s, &e), &e);
	assert_true(s.chunks > 8);
	assert_true(s.recall > 0.999);
	assert_true(s.answered_bytes > (double)strlen(text) - 0.5 &&
	    s.answered_bytes < (double)strlen(text) + 0.5);
	put("docs/a.txt", "alpha beta gamma\n\ndelta epsilon\n");
}

static void
sets_that_are_wrong_are_refused_by_line(void **state)
{
	struct eval_spans_scores s;
	struct err e;

	(void)state;
	put("questions.jsonl", "\n{\"doc\": \"a.txt\", \"text\": \"x\", \"spans\": [{\"start_byte\": 6,"
			       " \"end_byte\": 160}]}\n");
	assert_refused(run(NULL, 1, &s, &e), &e, ERR_CORRUPT);
	assert_non_null(strstr(e.text, "questions.jsonl:2"));
	put("questions.jsonl", "{\"doc\": \"c.txt\", \"text\": \"x\", \"spans\": []}\n");
	assert_refused(run(NULL, 1, &s, &e), &e, ERR_CORRUPT);
	put("questions.jsonl", "{\"doc\": \"a.txt\"}\n");
	assert_refused(run(NULL, 1, &s, &e), &e, ERR_MISSING_FIELD);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(found_bytes_are_counted_once_for_recall),
	    cmocka_unit_test(documents_are_cut_as_a_build_would),
	    cmocka_unit_test(a_passage_is_answered_once_for_all_its_chunks),
	    cmocka_unit_test(sets_that_are_wrong_are_refused_by_line),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
