/* test_text_markdown.c - Markdown's blocks, with exact spans in the source. */
#include "unit_text.h"

#include "clk.h"

struct row {
	enum text_block_kind kind;
	const char *path, *text;
};

static const struct {
	const char *source;
	struct row want[8];
} documents[] = {
    {"# A #\n\ntext\nmore\n\n## B `c` *d* [e](f) {#id}\nx",
	{{TEXT_HEADING, "A", "# A #"}, {TEXT_PARAGRAPH, "A", "text\nmore"},
	    {TEXT_HEADING, "A > B c d e", "## B `c` *d* [e](f) {#id}"},
	    {TEXT_PARAGRAPH, "A > B c d e", "x"}}},
    {"Title\n=====\nx\n\nSub & &amp; two\n---\ny\n\n---\nz",
	{{TEXT_HEADING, "Title", "Title\n====="}, {TEXT_PARAGRAPH, "Title", "x"},
	    {TEXT_HEADING, "Title > Sub & & two", "Sub & &amp; two\n---"},
	    {TEXT_PARAGRAPH, "Title > Sub & & two", "y"},
	    {TEXT_PARAGRAPH, "Title > Sub & & two", "z"}}},
    {"#nospace\n####### seven\n\\# no",
	{{TEXT_PARAGRAPH, "", "#nospace\n####### seven\n\\# no"}}},
    {"### Deep\n# Top\n#### Skip\n# 2. Next\n",
	{{TEXT_HEADING, "Deep", "### Deep"}, {TEXT_HEADING, "Top", "# Top"},
	    {TEXT_HEADING, "Top > Skip", "#### Skip"}, {TEXT_HEADING, "2. Next", "# 2. Next"}}},
    {"a\n```sh\n# not a heading\n\n```\nb",
	{{TEXT_PARAGRAPH, "", "a"}, {TEXT_CODE, "", "```sh\n# not a heading\n\n```"},
	    {TEXT_PARAGRAPH, "", "b"}}},
    {"~~~~\n~~~\n```\nnever closed\n# x",
	{{TEXT_CODE, "", "~~~~\n~~~\n```\nnever closed\n# x"}}},
    {"p\n\n    code\n\n    more\n\nq",
	{{TEXT_PARAGRAPH, "", "p"}, {TEXT_CODE, "", "code\n\n    more"},
	    {TEXT_PARAGRAPH, "", "q"}}},
    {"x | y\n--|--\n1 | 2\n3 | 4\n\nafter",
	{{TEXT_TABLE, "", "x | y\n--|--\n1 | 2\n3 | 4"}, {TEXT_PARAGRAPH, "", "after"}}},
    {"a | b\nno table\n", {{TEXT_PARAGRAPH, "", "a | b\nno table"}}},
    {"- one\n- two\n  more\n\n  loose\n\n- three\n\nout",
	{{TEXT_LIST, "", "- one\n- two\n  more\n\n  loose\n\n- three"},
	    {TEXT_PARAGRAPH, "", "out"}}},
    {"1. one\n\n   ```\n   x\n   ```\n\n2. two\n10) ten",
	{{TEXT_LIST, "", "1. one"}, {TEXT_CODE, "", "```\n   x\n   ```"},
	    {TEXT_LIST, "", "2. two\n10) ten"}}},
    {"It was\n1986. A year.\n", {{TEXT_PARAGRAPH, "", "It was\n1986. A year."}}},
    {"---\ntitle: \"A \\ b\"\nx: 1\n---\nbody", {{TEXT_PARAGRAPH, "", "body"}}},
    {"---\nnot closed\n", {{TEXT_PARAGRAPH, "", "not closed"}}},
    {"{{< note >}}\nHi\n{{< /note >}}", {{TEXT_PARAGRAPH, "", "{{< note >}}\nHi\n{{< /note >}}"}}},
    {"> # quoted\n> text", {{TEXT_PARAGRAPH, "", "> # quoted\n> text"}}},
    {"## \xe5\xae\x89\xe8\xa3\x85\r\n\r\n\xe6\x96\x87\r\n",
	{{TEXT_HEADING, "\xe5\xae\x89\xe8\xa3\x85", "## \xe5\xae\x89\xe8\xa3\x85"},
	    {TEXT_PARAGRAPH, "\xe5\xae\x89\xe8\xa3\x85", "\xe6\x96\x87"}}},
    {"* * *\n***\nx", {{TEXT_PARAGRAPH, "", "x"}}},
    {"#\ntext", {{TEXT_PARAGRAPH, "", "#"}, {TEXT_PARAGRAPH, "", "text"}}},
};

static void
blocks_are_what_commonmark_says(void **state)
{
	struct text_document d;

	(void)state;
	for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
		size_t n = 0;

		extract(&d, "a.md", documents[i].source);
		check_document(&d);
		while (n < 8 && documents[i].want[n].text != NULL)
			n++;
		if (d.block_count != n)
			for (size_t j = 0; j < d.block_count; j++)
				print_message("# [%s]\n", block_text(&d, j));
		if (d.block_count != n)
			fail_msg("document %zu has %zu blocks, not %zu", i, d.block_count, n);
		for (size_t j = 0; j < n; j++)
			assert_block(&d, j, documents[i].want[j].kind, documents[i].want[j].path,
			    documents[i].want[j].text);
		text_document_fini(&d);
	}
}

static void
text_is_the_file_itself(void **state)
{
	const char *s = "\xef\xbb\xbf---\ntitle: t\n---\n# A\nb\n";
	struct text_document d;

	(void)state;
	extract(&d, "a.md", s);
	assert_true(d.is_source_bytes);
	assert_ptr_equal(d.text, s);
	assert_string_equal(block_text(&d, 1), "b");
	text_document_fini(&d);
}

static void
title_comes_from_front_matter_then_first_heading(void **state)
{
	static const struct {
		const char *source, *title;
	} t[] = {
	    {"---\ntitle: 'Front'\n---\n# Head\n", "Front"},
	    {"+++\nTitle = \"Toml\"\n+++\nx", "Toml"},
	    {"---\ntitle: \xe9\x83\xa8\xe7\xbd\xb2\r\n---\r\nx", "\xe9\x83\xa8\xe7\xbd\xb2"},
	    {"---\nsubtitle: no\n---\n## Two\n# One\n# Other", "One"},
	    {"text", ""},
	};
	struct text_document d;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		extract(&d, "a.md", t[i].source);
		assert_string_equal(d.title, t[i].title);
		text_document_fini(&d);
	}
}

static void
code_within_a_list_continues_it(void **state)
{
	struct text_document d;

	(void)state;
	extract(&d, "a.md", "1. one\n\n   ```\n   x\n   ```\n2. two\n\nend");
	assert_int_equal(d.block_count, 4);
	assert_false(d.blocks[0].continues);
	assert_true(d.blocks[1].continues);
	assert_true(d.blocks[2].continues);
	assert_false(d.blocks[3].continues);
	text_document_fini(&d);
}

/* What is quadratic in md4c (27 s for 400 KB of brackets) has to stay linear here. */
static void
hostile_nesting_costs_no_more_than_prose(void **state)
{
	static const char *const parts[] = {"[", "![", "* ", "> ", "`", "<a x=", "|a", "# [", "- \n",
	    "***bold ", "\n\n", "#\n", "```\n", "a\n=\n", "| a | b |\n|--|--|\n", "{", "&"};
	enum { BYTES = 1 << 20 };
	char *s = malloc(BYTES);
	struct text_document d;
	struct err e;
	int64_t began;

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		size_t len = strlen(parts[i]);

		for (size_t at = 0; at < BYTES; at++)
			s[at] = parts[i][at % len];
		began = clk_cpu_ns();
		if (text_extract("a.md", s, BYTES, &d, &e) == 0) {
			check_document(&d);
			text_document_fini(&d);
		}
		if (clk_cpu_ns() - began > INT64_C(2000000000))
			fail_msg("\"%s\" took %d ms", parts[i],
			    (int)((clk_cpu_ns() - began) / 1000000));
	}
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_are_what_commonmark_says),
	    cmocka_unit_test(text_is_the_file_itself),
	    cmocka_unit_test(title_comes_from_front_matter_then_first_heading),
	    cmocka_unit_test(code_within_a_list_continues_it),
	    cmocka_unit_test(hostile_nesting_costs_no_more_than_prose),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
