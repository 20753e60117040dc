/* test_text_formats.c - e-mail, source code and PDF: what comes out of them. */
#include "unit_text.h"

#include <unistd.h>

/* ---- e-mail ---- */

static void
mail_gives_headers_text_and_names_of_attachments(void **state)
{
	static const char mail[] =
	    "From: =?UTF-8?B?5byg5LiJ?= <zhang@x.test>\r\n"
	    "To: Bob <bob@x.test>\r\n"
	    "Subject: =?ISO-8859-1?Q?Caf=E9_?=\r\n =?ISO-8859-1?Q?menu?=\r\n"
	    "Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n"
	    "Content-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n"
	    "preamble\r\n--b1\r\n"
	    "Content-Type: multipart/alternative; boundary=b2\r\n\r\n"
	    "--b2\r\nContent-Type: text/html\r\n\r\n<p>HTML <b>side</b>.\r\n"
	    "--b2\r\nContent-Type: text/plain; charset=gb18030\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nxOO6w6Os\r\nysC956Gj\r\n"
	    "--b2--\r\n--b1\r\nContent-Type: application/pdf; name=\"plan.pdf\"\r\n"
	    "Content-Disposition: attachment; filename=\"plan.pdf\"\r\n\r\n%PDF-1.4\r\n--b1--\r\n";
	struct text_document d;

	(void)state;
	extract(&d, "a.eml", mail);
	check_document(&d);
	assert_int_equal(d.kind, TEXT_EMAIL);
	assert_string_equal(d.title, "Caf\xc3\xa9 menu");
	assert_block(&d, 0, TEXT_HEADING, "Caf\xc3\xa9 menu", "Caf\xc3\xa9 menu");
	assert_non_null(strstr(block_text(&d, 1), "From: \xe5\xbc\xa0\xe4\xb8\x89 <zhang@x.test>"));
	assert_block(&d, 2, TEXT_PARAGRAPH, "Caf\xc3\xa9 menu",
	    "\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c\xe3\x80\x82");
	assert_int_equal(d.block_count, 3);
	assert_non_null(strstr(d.fields, "\"attachments\": \"plan.pdf\""));
	assert_non_null(strstr(d.fields, "\"to\": \"Bob <bob@x.test>\""));
	text_document_fini(&d);
}

static void
mail_without_plain_text_gives_its_page(void **state)
{
	struct text_document d;

	(void)state;
	extract(&d, "a.eml",
	    "Subject: x\nContent-Type: text/html; charset=utf-8\n"
	    "Content-Transfer-Encoding: quoted-printable\n\n<h2>News</h2><p>caf=C3=A9 is =\nopen</p>");
	assert_block(&d, 1, TEXT_HEADING, "x > News", "News");
	assert_block(&d, 2, TEXT_PARAGRAPH, "x > News", "caf\xc3\xa9 is open");
	text_document_fini(&d);
}

static void
mail_that_is_none_is_refused(void **state)
{
	struct text_document d;
	struct err e;

	(void)state;
	assert_refused(text_extract("a.eml", "hello\n", 6, &d, &e), &e, ERR_DAMAGED);
	assert_ok(text_extract("a.eml", "Subject: only this\n\n", 20, &d, &e), &e);
	text_document_fini(&d);
}

static void
parts_in_parts_end_somewhere(void **state)
{
	struct text_document d;
	char *mail = malloc(64 * 1024), *at;

	(void)state;
	at = stpcpy(mail, "Subject: deep\n");
	for (int i = 0; i < 200; i++)
		at += sprintf(at, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	strcpy(at, "\nnever reached\n");
	extract(&d, "a.eml", mail);
	assert_null(strstr(d.text, "never"));
	text_document_fini(&d);
	free(mail);
}

/* ---- source code ---- */

static void
code_is_cut_where_definitions_begin(void **state)
{
	static const struct {
		const char *name, *code;
		const char *paths[4];
	} t[] = {
	    {"a.c", "#include <x.h>\n\n/* Adds. */\nstatic int\nadd(int a, int b)\n{\n\treturn a + b;\n}\n\n"
		    "struct pair {\n\tint a;\n};\nstruct pair p;\nint\nmain(void)\n{\n\tif (x)\n\t\tf();\n}\n",
		{"", "add", "pair", "main"}},
	    {"a.py", "import x\n\n@cached\ndef first(a):\n    return 1\n\nclass Box:\n    x = 1\n\n"
		     "    async def open(self):\n        pass\n",
		{"", "first", "Box", "Box > open"}},
	    {"a.go", "package x\n\n// Serve serves.\nfunc (s *Server) Serve(a int) error {\n\treturn nil\n}\n\n"
		     "type Server struct {\n}\n",
		{"", "Serve", "Server", NULL}},
	    {"A.java", "package x;\n\n/** A box. */\npublic class Box {\n    @Override\n"
		       "    public int size() {\n        return 1;\n    }\n}\n",
		{"", "Box", "Box > size", NULL}},
	    {"a.ts", "import x;\nexport default class App {\n  render() {\n    if (a) {\n    }\n  }\n}\n"
		     "export async function load(a) {\n}\n",
		{"", "App", "App > render", "load"}},
	    {"a.rs", "use x;\n#[derive(Debug)]\npub struct P {\n}\nimpl P {\n    pub fn new() -> P {\n    }\n}\n",
		{"", "P", "P", "P > new"}},
	    {"a.sql", "select 1;\nCREATE TABLE users (\n id int\n);\n", {"", "users", NULL, NULL}},
	};
	struct text_document d;
	char path[TEXT_PATH_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		size_t wanted = 0;

		extract(&d, t[i].name, t[i].code);
		check_document(&d);
		assert_true(d.is_source_bytes);
		while (wanted < 4 && t[i].paths[wanted] != NULL)
			wanted++;
		for (size_t k = 0; k < d.block_count; k++) {
			text_heading_path(&d, d.blocks[k].heading, path, sizeof path);
			if (k >= wanted || strcmp(path, t[i].paths[k]) != 0)
				fail_msg("%s, block %zu is under \"%s\"", t[i].name, k, path);
		}
		assert_int_equal(d.block_count, wanted);
		text_document_fini(&d);
	}
}

static void
a_definition_takes_in_what_stands_above_it(void **state)
{
	struct text_document d;

	(void)state;
	extract(&d, "a.c", "int x;\n\n/* Adds.\n */\nint\nadd(int a)\n{\n}\n");
	assert_string_equal(block_text(&d, 0), "int x;");
	assert_string_equal(block_text(&d, 1), "/* Adds.\n */\nint\nadd(int a)\n{\n}");
	text_document_fini(&d);
}

/* ---- PDF ---- */

/* A PDF by hand: objects, a table of where they are, a trailer. */
static size_t
make_pdf(char *out, const char *const *pages, size_t count, const char *trailer)
{
	size_t at[64], n = 0, objects = 4;
	char *s = out;

	s += sprintf(s, "%%PDF-1.4\n");
	at[1] = (size_t)(s - out);
	s += sprintf(s, "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n");
	at[2] = (size_t)(s - out);
	s += sprintf(s, "2 0 obj\n<</Type/Pages/Count %zu/Kids[", count);
	for (size_t i = 0; i < count; i++)
		s += sprintf(s, "%zu 0 R ", 5 + 2 * i);
	s += sprintf(s, "]>>\nendobj\n");
	at[3] = (size_t)(s - out);
	s += sprintf(s, "3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n");
	at[4] = (size_t)(s - out);
	s += sprintf(s, "4 0 obj\n<</Title(A small paper)/Author(Ann)>>\nendobj\n");
	for (size_t i = 0; i < count; i++) {
		char text[512];

		at[++objects] = (size_t)(s - out);
		s += sprintf(s, "%zu 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<<"
				"/Font<</F 3 0 R>>>>/Contents %zu 0 R>>\nendobj\n", objects, objects + 1);
		n = (size_t)snprintf(text, sizeof text, "BT /F 12 Tf 50 700 Td %s ET", pages[i]);
		at[++objects] = (size_t)(s - out);
		s += sprintf(s, "%zu 0 obj\n<</Length %zu>>\nstream\n%s\nendstream\nendobj\n", objects, n, text);
	}
	n = (size_t)(s - out);
	s += sprintf(s, "xref\n0 %zu\n0000000000 65535 f \n", objects + 1);
	for (size_t i = 1; i <= objects; i++)
		s += sprintf(s, "%010zu 00000 n \n", at[i]);
	s += sprintf(s, "trailer\n<</Size %zu/Root 1 0 R/Info 4 0 R%s>>\nstartxref\n%zu\n%%%%EOF\n",
	    objects + 1, trailer, n);
	return (size_t)(s - out);
}

static bool
has_pdftotext(void)
{
	if (access("/usr/bin/pdftotext", X_OK) == 0)
		return true;
	print_message("# pdftotext is not installed: PDF is not tested\n");
	return false;
}

static void
pdf_pages_keep_their_numbers(void **state)
{
	static const char *const pages[] = {
	    "(The first page has words on it.) Tj", "", "(The third page speaks of tea.) Tj"};
	struct text_document d;
	struct err e;
	char bytes[8192];
	size_t n = make_pdf(bytes, pages, 3, "");

	(void)state;
	if (!has_pdftotext()) {
		assert_refused(text_extract("a.pdf", bytes, n, &d, &e), &e, ERR_NO_EXTRACTOR);
		assert_non_null(strstr(e.text, "poppler-utils"));
		return;
	}
	assert_ok(text_extract("a.pdf", bytes, n, &d, &e), &e);
	check_document(&d);
	assert_int_equal(d.kind, TEXT_PDF);
	assert_string_equal(d.title, "A small paper");
	assert_non_null(strstr(d.fields, "\"author\": \"Ann\""));
	assert_int_equal(d.page_count, 3);
	assert_string_equal(block_text(&d, 0), "The first page has words on it.");
	assert_string_equal(block_text(&d, 1), "The third page speaks of tea.");
	assert_int_equal(text_page_at(&d, d.blocks[0].start), 1);
	assert_int_equal(text_page_at(&d, d.blocks[1].start), 3);
	text_document_fini(&d);
}

static void
running_titles_are_left_out(void **state)
{
	const char *pages[6];
	char text[6][160];
	struct text_document d;
	struct err e;
	char bytes[16384];

	(void)state;
	if (!has_pdftotext())
		return;
	for (int i = 0; i < 6; i++) {
		snprintf(text[i], sizeof text[i],
		    "(Annual report) Tj 0 -100 Td (Sentence %c of the report.) Tj 0 -500 Td (Page %d) Tj",
		    'A' + i, i + 1);
		pages[i] = text[i];
	}
	assert_ok(text_extract("a.pdf", bytes, make_pdf(bytes, pages, 6, ""), &d, &e), &e);
	assert_null(strstr(d.text, "Annual"));
	assert_null(strstr(d.text, "Page"));
	assert_non_null(strstr(d.text, "Sentence F of the report."));
	text_document_fini(&d);
}

static void
rows_of_a_table_stay_rows(void **state)
{
	char table[1024] = "0 0 Td ";
	const char *pages[] = {table};
	struct text_document d;
	struct err e;
	char bytes[8192];

	(void)state;
	if (!has_pdftotext())
		return;
	for (int i = 0; i < 10; i++)
		sprintf(table + strlen(table), "(r%d) Tj 200 0 Td (v%d) Tj -200 -40 Td ", i, i);
	assert_true(strlen(table) < 480);
	assert_ok(text_extract("a.pdf", bytes, make_pdf(bytes, pages, 1, ""), &d, &e), &e);
	assert_non_null(strstr(d.text, "r3 | v3\n"));
	assert_int_equal(d.blocks[0].kind, TEXT_TABLE);
	text_document_fini(&d);
}

static void
pdfs_that_cannot_be_read_say_why(void **state)
{
	static const char *const blank[] = {"", ""};
	struct text_document d;
	struct err e;
	char bytes[8192];
	size_t n = make_pdf(bytes, blank, 2, "");

	(void)state;
	if (!has_pdftotext())
		return;
	assert_refused(text_extract("a.pdf", bytes, n, &d, &e), &e, ERR_SCANNED);
	assert_non_null(strstr(e.text, "2 pages"));
	assert_refused(text_extract("a.pdf", "%PDF-1.7\nnothing", 16, &d, &e), &e, ERR_DAMAGED);
	n = make_pdf(bytes, blank, 2,
	    "/Encrypt<</Filter/Standard/V 1/R 2/O(01234567890123456789012345678901)"
	    "/U(01234567890123456789012345678901)/P -4>>/ID[(a)(a)]");
	assert_refused(text_extract("a.pdf", bytes, n, &d, &e), &e, ERR_ENCRYPTED);
}

static void
damaged_pdfs_do_no_harm(void **state)
{
	static const char *const pages[] = {"(Some words.) Tj"};
	struct text_document d;
	struct err e;
	char bytes[8192];
	uint32_t random = 7;

	(void)state;
	if (!has_pdftotext())
		return;
	for (int round = 0; round < 24; round++) {
		size_t n = make_pdf(bytes, pages, 1, "");

		for (int k = 0; k < 6; k++) {
			random = random * 1664525 + 1013904223;
			bytes[8 + (random >> 8) % (n - 8)] = (char)(random >> 3);
		}
		if (round % 3 == 0)
			n -= (random >> 8) % (n / 2);
		if (text_extract("a.pdf", bytes, n, &d, &e) == 0) {
			check_document(&d);
			text_document_fini(&d);
		} else {
			assert_int_not_equal(e.text[0], '\0');
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mail_gives_headers_text_and_names_of_attachments),
	    cmocka_unit_test(mail_without_plain_text_gives_its_page),
	    cmocka_unit_test(mail_that_is_none_is_refused),
	    cmocka_unit_test(parts_in_parts_end_somewhere),
	    cmocka_unit_test(code_is_cut_where_definitions_begin),
	    cmocka_unit_test(a_definition_takes_in_what_stands_above_it),
	    cmocka_unit_test(pdf_pages_keep_their_numbers),
	    cmocka_unit_test(running_titles_are_left_out),
	    cmocka_unit_test(rows_of_a_table_stay_rows),
	    cmocka_unit_test(pdfs_that_cannot_be_read_say_why),
	    cmocka_unit_test(damaged_pdfs_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
