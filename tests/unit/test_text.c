/* test_text.c - what a file is, and the shape of the document it becomes. */
#include "unit_text.h"

#include "bounds.h"

static void
formats_that_are_not_read_are_named(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		enum err_code code;
		const char *says;
	} t[] = {
	    {"a.docx", "PK\x03\x04" "abc", 7, ERR_DAMAGED, "zip"},
	    {"a.txt", "PK\x05\x06", 4, ERR_UNSUPPORTED, "zip"},
	    {"a.doc", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1zz", 10, ERR_UNSUPPORTED, "DOCX"},
	    {"a.md", "\x7f" "ELF\x02\x01", 6, ERR_UNSUPPORTED, "ELF"},
	    {"a.txt", "\x89PNG\r\n\x1a\n", 8, ERR_UNSUPPORTED, "PNG"},
	    {"a", "\x1f\x8b\x08", 3, ERR_UNSUPPORTED, "gzip"},
	    {"a", "{\\rtf1 hello}", 13, ERR_UNSUPPORTED, "RTF"},
	    {"a.txt", "", 0, ERR_EMPTY, "empty"},
	    {"a.txt", "\xef\xbb\xbf", 3, ERR_NOT_TEXT, "byte order mark"},
	    {"a.txt", "\xff\xfe", 2, ERR_NOT_TEXT, "byte order mark"},
	    {"a.txt", "\0\0\0\0\0\0", 6, ERR_NOT_TEXT, "NUL"},
	    {"a.txt", " \n\t\n", 4, ERR_NOT_TEXT, "no text"},
	    {"a.txt", "\xe3\x80\x80\n", 4, ERR_NOT_TEXT, "no text"},
	    {"a.md", "---\ntitle: x\n---\n", 17, ERR_NOT_TEXT, "no text"},
	    {"a.html", "<script>x</script>", 18, ERR_NOT_TEXT, "no text"},
	    {"a.txt", "\x01\x02\x03\x04\x05\x06zz", 8, ERR_NOT_TEXT, "binary"},
	    {"a.txt", "\x80\x01\xfe\x02\xff\x03\x9c\x04", 8, ERR_NOT_TEXT, "binary"},
	};
	struct text_document d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (text_extract(t[i].name, t[i].bytes, t[i].n, &d, &e) != -1)
			fail_msg("row %zu was read", i);
		if (e.code != t[i].code || strstr(e.text, t[i].says) == NULL)
			fail_msg("row %zu: %s: %s", i, err_row(e.code)->slug, e.text);
		assert_null(d.blocks);
	}
}

static void
too_large_a_file_is_refused_unread(void **state)
{
	struct text_document d;
	struct err e;

	(void)state;
	assert_refused(text_extract("a.txt", "x", (size_t)DOCUMENT_BYTES_MAX + 1, &d, &e), &e,
	    ERR_LIMIT);
}

static void
kind_follows_name_then_look(void **state)
{
	static const struct {
		const char *name, *bytes;
		enum text_kind kind;
	} t[] = {
	    {"a.txt", "<html><p>x", TEXT_PLAIN},
	    {"a.md", "x", TEXT_MARKDOWN},
	    {"dir.md/README", "x", TEXT_PLAIN},
	    {"A.HTM", "x", TEXT_HTML},
	    {"", "  <!DOCTYPE html><p>x", TEXT_HTML},
	    {"page.php", "<HTML><p>x", TEXT_HTML},
	    {"", "x < y", TEXT_PLAIN},
	    {"main.c", "int x;", TEXT_PROGRAM},
	    {"a.py", "x = 1", TEXT_PROGRAM},
	    {"README", "x = 1", TEXT_PLAIN},
	};
	struct text_document d;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		extract(&d, t[i].name, t[i].bytes);
		if (d.kind != t[i].kind)
			fail_msg("row %zu is %s", i, text_kind_name(d.kind));
		text_document_fini(&d);
	}
}

static void
plain_paragraphs_end_at_blank_lines(void **state)
{
	const char *s = "\n  One\nline two. \r\n \t\r\nTwo\n\n\n\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82";
	struct text_document d;

	(void)state;
	extract(&d, "a.txt", s);
	check_document(&d);
	assert_int_equal(d.block_count, 3);
	assert_block(&d, 0, TEXT_PARAGRAPH, "", "One\nline two.");
	assert_block(&d, 1, TEXT_PARAGRAPH, "", "Two");
	assert_block(&d, 2, TEXT_PARAGRAPH, "", "\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82");
	assert_true(d.is_source_bytes);
	assert_ptr_equal(d.text, s);
	text_document_fini(&d);
}

static void
spans_of_text_with_a_mark_or_nuls_still_point_into_the_file(void **state)
{
	static const char marked[] = "\xef\xbb\xbfHello.";
	static const char holed[] = "One \0 two.";
	struct text_document d;
	struct err e;

	(void)state;
	assert_ok(text_extract("a.txt", marked, sizeof marked - 1, &d, &e), &e);
	assert_true(d.is_source_bytes);
	assert_int_equal(d.blocks[0].start, 3);
	text_document_fini(&d);
	assert_ok(text_extract("a.md", holed, sizeof holed - 1, &d, &e), &e);
	assert_true(d.is_source_bytes);
	assert_int_equal(d.len, sizeof holed - 1);
	check_document(&d);
	text_document_fini(&d);
}

static void
heading_paths_are_cut_on_a_character(void **state)
{
	struct text_document d;
	char path[16];

	(void)state;
	extract(&d, "a.md", "# A\n## \xe4\xb8\xad\xe6\x96\x87\n### C\n## D\n");
	assert_int_equal(text_heading_path(&d, 2, path, sizeof path), 14);
	assert_string_equal(path, "A > \xe4\xb8\xad\xe6\x96\x87 > C");
	assert_int_equal(text_heading_path(&d, 2, path, 9), 7);
	assert_string_equal(path, "A > \xe4\xb8\xad");
	assert_int_equal(text_heading_path(&d, TEXT_NO_HEADING, path, sizeof path), 0);
	assert_int_equal(text_heading_path(&d, 0, path, 0), 0);
	assert_int_equal(text_heading_common(&d, 2, 3), 0);
	assert_int_equal(text_heading_common(&d, 1, 2), 1);
	assert_int_equal(text_heading_common(&d, 2, TEXT_NO_HEADING), TEXT_NO_HEADING);
	text_document_fini(&d);
}

static void
blocks_past_the_maximum_join_the_last(void **state)
{
	size_t n = 3 * ((size_t)TEXT_BLOCKS_MAX + 10);
	char *s = malloc(n);
	struct text_document d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < n; i++)
		s[i] = i % 3 == 0 ? 'a' : '\n';
	assert_ok(text_extract("a.txt", s, n, &d, &e), &e);
	assert_int_equal(d.block_count, TEXT_BLOCKS_MAX);
	assert_int_equal(d.blocks[d.block_count - 1].end, n - 2);
	text_document_fini(&d);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(formats_that_are_not_read_are_named),
	    cmocka_unit_test(too_large_a_file_is_refused_unread),
	    cmocka_unit_test(kind_follows_name_then_look),
	    cmocka_unit_test(plain_paragraphs_end_at_blank_lines),
	    cmocka_unit_test(spans_of_text_with_a_mark_or_nuls_still_point_into_the_file),
	    cmocka_unit_test(heading_paths_are_cut_on_a_character),
	    cmocka_unit_test(blocks_past_the_maximum_join_the_last),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
