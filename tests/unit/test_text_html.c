/* test_text_html.c - pages: what is kept, how it is laid out, what is refused. */
#include "unit_text.h"

#include "clk.h"
#include "text_html_parse.h"

static const struct {
	const char *page, *text;
} pages[] = {
    {"<p>One\n  two&nbsp;&amp; <b>three</b>.</p><p>Four", "One two & three.\n\nFour"},
    {"<script>x</script><style>y</style><p>z<!-- c --><noscript>n</noscript>", "z"},
    {"<nav>menu</nav><div>a</div><aside>b</aside><footer>c</footer>", "a"},
    {"<header>Site</header><main><p>Text</main><p>out", "Text"},
    {"<div>junk</div><article><h1>H</h1>x</article>", "H\n\nx"},
    {"<article>a</article><article>b</article>", "a\n\nb"},
    {"<div role=main>m</div><div>n</div>", "m"},
    {"<p hidden>a</p><p style='color:red; display:none'>b</p><p aria-hidden=true>c</p>d", "d"},
    {"<form><input><label>Name</label></form><p>x", "x"},
    {"<form><p>All of it</p><input></form>", "All of it"},
    {"<nav>only a menu</nav>", "only a menu"},
    {"<ul><li>a<li>b <i>c</i><ul><li>d</ul><li>e</ul>", "- a\n- b c\n  - d\n- e"},
    {"<ol><li>a<li>b<p>more</ol>x", "1. a\n2. b\n  more\n\nx"},
    {"<table><tr><th>A<th>B<tr><td>1<td>2<tr><td><td>3<tr><td></table>", "A | B\n1 | 2\n3"},
    {"<table><caption>Cap</caption><tr><td><p>a</p><p>b</p><td>c</table>", "Cap\na b | c"},
    {"<table><tr><td><h2>H</h2><p>x</td><td>y</table>", "H\n\nx\n\ny"},
    {"<table><tr><td><table><tr><td>a<td>b</table><td>c</table>", "a | b\n\nc"},
    {"<pre>  a\n    b\n</pre>c", "  a\n    b\n\n\nc"},
    {"a<br>b<br><br>c", "a\nb\n\nc"},
    {"<p>a<p>  <p>b", "a\n\nb"},
    {"<h2>A<br>b</h2><h3></h3>c", "A b\n\nc"},
    {"<svg><text>s</text></svg><select><option>o</select><button>b</button>x", "x"},
    {"<p>\xe4\xb8\xad\xe3\x80\x80\xe6\x96\x87", "\xe4\xb8\xad \xe6\x96\x87"},
    {"<dl><dt>t<dd>d</dl>", "- t\n  d"},
    {"a &lt;b&gt; &#20013;&#x6587; &bogus;", "a <b> \xe4\xb8\xad\xe6\x96\x87 &bogus;"},
};

static void
pages_become_the_text_a_reader_sees(void **state)
{
	struct text_document d;

	(void)state;
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		extract(&d, "a.html", pages[i].page);
		check_document(&d);
		if (d.len != strlen(pages[i].text) || memcmp(d.text, pages[i].text, d.len) != 0)
			fail_msg("page %zu gives\n%.*s\nnot\n%s", i, (int)d.len, d.text,
			    pages[i].text);
		assert_false(d.is_source_bytes);
		text_document_fini(&d);
	}
}

static void
structure_survives(void **state)
{
	struct text_document d;

	(void)state;
	extract(&d, "a.html", "<title> The\n title </title><h1>A</h1><p>x</p><h2>B</h2>"
			      "<ul><li>i<pre>c\nd</pre><li>j</ul><table><tr><td>t</table>");
	check_document(&d);
	assert_string_equal(d.title, "The title");
	assert_int_equal(d.block_count, 7);
	assert_block(&d, 0, TEXT_HEADING, "A", "A");
	assert_block(&d, 1, TEXT_PARAGRAPH, "A", "x");
	assert_block(&d, 2, TEXT_HEADING, "A > B", "B");
	assert_block(&d, 3, TEXT_LIST, "A > B", "- i");
	assert_block(&d, 4, TEXT_CODE, "A > B", "c\nd");
	assert_block(&d, 5, TEXT_LIST, "A > B", "- j");
	assert_block(&d, 6, TEXT_TABLE, "A > B", "t");
	assert_true(d.blocks[4].continues && d.blocks[5].continues);
	assert_false(d.blocks[6].continues);
	text_document_fini(&d);
	extract(&d, "a.html", "<h1>Only a heading</h1>");
	assert_string_equal(d.title, "Only a heading");
	text_document_fini(&d);
}

static char *
repeated(const char *part, size_t n)
{
	size_t len = strlen(part);
	char *s = malloc(n);

	for (size_t i = 0; i < n; i++)
		s[i] = part[i % len];
	return s;
}

/* 2 MB each: refused or read, but soon, with a bounded memory and no deep stack. */
static void
hostile_pages_are_refused_or_read_soon(void **state)
{
	static const char *const parts[] = {"<div>", "<b>", "<table><tr><td>", "<a href=x>",
	    "<p><b>", "<x-y>", "<ul><li>", "<svg>", "<div></x>", "<b><div></b>", "<!--", "</p>",
	    "<td>", "<", "<a ", "&lt;", "<font color=1><p>", "<i x=1><table>", "<select><option>",
	    "<button><h1>", "<div/>", "<script>", "<math><mi>", "<frameset>", "<li>", "<template>"};
	enum { BYTES = 2 << 20 };
	struct text_document d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		char *s = repeated(parts[i], BYTES);
		int64_t began = clk_cpu_ns();

		if (text_extract("a.html", s, BYTES, &d, &e) == 0) {
			check_document(&d);
			text_document_fini(&d);
		} else {
			assert_true(e.code == ERR_LIMIT || e.code == ERR_NOT_TEXT);
		}
		if (clk_cpu_ns() - began > INT64_C(14000000000))
			fail_msg("\"%s\" took %d ms", parts[i],
			    (int)((clk_cpu_ns() - began) / 1000000));
		free(s);
	}
}

/* HTML opens every unclosed formatting element anew in each paragraph: 2 MB of page
 * would be 300 million elements. */
static void
formatting_is_not_multiplied_without_bound(void **state)
{
	enum { BYTES = 2 << 20 };
	char *s = repeated("<p>x", BYTES);
	struct text_document d;
	struct err e;
	size_t n = 3;			/* the first "<p>", which they all stand in */

	(void)state;
	for (int i = 0; i < HTML_DEPTH_MAX - 4; i++)
		n += (size_t)sprintf(s + n, "<b x=%d>", i);
	s[n] = ' ';
	assert_refused(text_extract("a.html", s, BYTES, &d, &e), &e, ERR_LIMIT);
	free(s);
}

static void
depth_counts_what_stays_open(void **state)
{
	static const struct {
		const char *part;
		bool fine;
	} t[] = {
	    {"<div>", false},
	    {"<div></div>", true},
	    {"<p>", true},
	    {"<li>x", true},
	    {"<br>", true},
	    {"<b><div></b>", false},
	    {"<tr><td><font>x", false},		/* no table ends the font */
	    {"<table><tr><td><font>x</table>", true},
	    {"<script><div></script>", true},
	    {"<!-- <div> -->", true},
	    {"<svg><path/></svg>", true},
	    {"<a title='<div>'>x</a>", true},
	    {"<table></div>", false},
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char *s = repeated(t[i].part, strlen(t[i].part) * (HTML_DEPTH_MAX + 1));

		if ((html_check_depth(s, strlen(t[i].part) * (HTML_DEPTH_MAX + 1), &e) == 0) !=
		    t[i].fine)
			fail_msg("row %zu", i);
		free(s);
	}
}

static void
ten_megabytes_of_open_elements_are_refused(void **state)
{
	char *s = repeated("<div>", 10 << 20);
	struct text_document d;
	struct err e;

	(void)state;
	assert_refused(text_extract("a.html", s, 10 << 20, &d, &e), &e, ERR_LIMIT);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_become_the_text_a_reader_sees),
	    cmocka_unit_test(structure_survives),
	    cmocka_unit_test(depth_counts_what_stays_open),
	    cmocka_unit_test(ten_megabytes_of_open_elements_are_refused),
	    cmocka_unit_test(formatting_is_not_multiplied_without_bound),
	    cmocka_unit_test(hostile_pages_are_refused_or_read_soon),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
