/* test_rows.c - files whose rows are documents. */
#include "unit_text.h"

#include "rows.h"

struct seen {
	char all[4000];
	int rows;
};

/* "number/id/title/fields/text|" of each. */
static int
see_row(void *context, const struct row *r, struct err *e)
{
	struct seen *s = context;
	size_t used = strlen(s->all);

	(void)e;
	check_document(r->text);
	assert_int_equal(r->text->kind, TEXT_ROW);
	snprintf(s->all + used, sizeof s->all - used, "%d/%s/%s/%s/%s|", (int)r->number, r->id,
	    r->text->title, r->text->fields, r->text->text);
	s->rows++;
	return 0;
}

static void
each_row_is_a_document_with_its_fields(void **state)
{
	static const struct {
		const char *name, *bytes, *all;
	} t[] = {
	    {"a.csv", "name,price,ok\ntea,1.5,true\n\"milk, \"\"fresh\"\"\",,no\n",
		"1//tea/, \"row\": 1, \"name\": \"tea\", \"price\": 1.5, \"ok\": true/"
		"name: tea\nprice: 1.5\nok: true\n|"
		"2//milk, \"fresh\"/, \"row\": 2, \"name\": \"milk, \\\"fresh\\\"\", \"ok\": \"no\"/"
		"name: milk, \"fresh\"\nok: no\n|"},
	    {"a.CSV", "id;text\r\n7;\"two\nlines\"\r\n\r\n8;x\r\n",
		"1/7//, \"row\": 1, \"id\": 7/two\nlines|2/8//, \"row\": 2, \"id\": 8/x|"},
	    {"a.tsv", "a\tb\n1\t\"q\"r\t3\n",
		"1///, \"row\": 1, \"a\": 1, \"b\": \"qr\", \"column 3\": 3/a: 1\nb: qr\ncolumn 3: 3\n|"},
	    {"a.csv", "\xef\xbb\xbf\xe5\x90\x8d,b\n\xe8\x8c\xb6,\n,\n",
		"1///, \"row\": 1, \"\xe5\x90\x8d\": \"\xe8\x8c\xb6\"/\xe5\x90\x8d: \xe8\x8c\xb6\n|"},
	    {"a.jsonl",
		"{\"id\": \"x\", \"title\": \"T\", \"text\": \"Hello.\", \"n\": 3, \"tags\": [\"a\", 2, {}]}\n\n"
		"{\"q\": {\"deep\": 1}, \"z\": null, \"ok\": false}\n",
		"1/x/T/, \"row\": 1, \"id\": \"x\", \"n\": 3, \"tags\": [\"a\", 2]/Hello.|"
		"2///, \"row\": 2, \"ok\": false/q: {\"deep\":1}\nok: false\n|"},
	    {"a.csv", "only,a,header\n", ""},
	    {"a.csv", "a,row\n1,9\n", "1///, \"row\": 1, \"a\": 1/a: 1\nrow: 9\n|"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct seen s = {.rows = 0};
		struct err e;

		assert_true(rows_are_in(t[i].name));
		assert_ok(rows_each(t[i].name, t[i].bytes, strlen(t[i].bytes), see_row, &s, &e), &e);
		assert_string_equal(s.all, t[i].all);
	}
	assert_false(rows_are_in("csv"));
	assert_false(rows_are_in("a.csv/readme"));
	assert_false(rows_are_in("a.txt"));
}

static void
a_bad_row_refuses_the_file_by_its_line(void **state)
{
	static const struct {
		const char *name, *bytes;
		enum err_code code;
		const char *says;
	} t[] = {
	    {"a.csv", "a,b\n1,2\n\"3,4\n", ERR_DAMAGED, "line 3"},
	    {"a.jsonl", "{\"a\": 1}\n{\"a\": }\n", ERR_JSON, "line 2"},
	    {"a.jsonl", "{\"a\": 1}\n[1]\n", ERR_NOT_OBJECT, "line 2"},
	    {"a.jsonl", "{\"a\": 1, \"a\": 2}\n", ERR_DUPLICATE_KEY, "line 1"},
	    {"a.csv", "", ERR_EMPTY, "empty"},
	    {"a.csv", "\x01\x02\x03\x04\x05\x06zz", ERR_NOT_TEXT, "binary"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct seen s = {.rows = 0};
		struct err e;

		assert_refused(rows_each(t[i].name, t[i].bytes, strlen(t[i].bytes), see_row, &s, &e),
		    &e, t[i].code);
		if (strstr(e.text, t[i].says) == NULL)
			fail_msg("row %zu: %s", i, e.text);
	}
}

static int count_row(void *context, const struct row *r, struct err *e);

/* Lists of a row may be larger than all that is kept of a document. */
static void
lists_that_do_not_fit_are_left_out(void **state)
{
	size_t n = 0, room = 40 << 20;
	char *s = malloc(room);
	struct err e;
	int rows = 0;

	(void)state;
	n += (size_t)sprintf(s, "{\"text\": \"x\"");
	for (int i = 0; i < 48; i++) {
		n += (size_t)sprintf(s + n, ", \"f%d\": [\"\"", i);
		for (int k = 0; k < 200; k++)
			n += (size_t)sprintf(s + n, ", \"%0*d\"", i < 24 ? 1000 : 100, k);
		n += (size_t)sprintf(s + n, "]");
	}
	n += (size_t)sprintf(s + n, "}\n");
	assert_true(n < room);
	assert_ok(rows_each("a.jsonl", s, n, count_row, &rows, &e), &e);
	assert_int_equal(rows, 1);
	free(s);
}

static int
count_row(void *context, const struct row *r, struct err *e)
{
	(void)r, (void)e;
	++*(int *)context;
	return 0;
}

static void
rows_and_fields_have_limits(void **state)
{
	size_t n = 2 * (ROW_FIELDS_MAX + 2);
	char *s = malloc(n + 1);
	struct err e;
	int rows = 0;

	(void)state;
	for (size_t i = 0; i < n; i++)
		s[i] = i % 2 == 0 ? 'a' : ',';
	assert_refused(rows_each("a.csv", s, n, count_row, &rows, &e), &e, ERR_LIMIT);
	free(s);
	n = 2 * ((size_t)ROWS_MAX + 3);
	s = malloc(n);
	for (size_t i = 0; i < n; i++)
		s[i] = i % 2 == 0 ? 'a' : '\n';
	assert_refused(rows_each("a.csv", s, n, count_row, &rows, &e), &e, ERR_LIMIT);
	assert_int_equal(rows, ROWS_MAX);
	free(s);
}

static void
damaged_rows_do_no_harm(void **state)
{
	static const char *const seeds[] = {"a,b,\"c\"\n1,\"x\"\"y\",3\n4,5,6\n",
	    "{\"id\": \"x\", \"text\": \"Hello.\", \"tags\": [1, {\"a\": 2}]}\n{\"b\": 2.5e3}\n"};
	uint32_t random = 11;
	struct err e;
	int rows = 0;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		char *s = strdup(seeds[round % 2]);
		size_t n = strlen(s);

		for (int k = 0; k < 4; k++) {
			random = random * 1664525 + 1013904223;
			s[(random >> 8) % n] = ",\"\n{}[]:\\\x80x0"[(random >> 4) % 12];
		}
		n -= (random >> 20) % 8;
		if (rows_each(round % 2 ? "a.jsonl" : "a.csv", s, n, count_row, &rows, &e) == -1)
			assert_int_not_equal(e.text[0], '\0');
		free(s);
	}
	assert_true(rows > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_row_is_a_document_with_its_fields),
	    cmocka_unit_test(a_bad_row_refuses_the_file_by_its_line),
	    cmocka_unit_test(lists_that_do_not_fit_are_left_out),
	    cmocka_unit_test(rows_and_fields_have_limits),
	    cmocka_unit_test(damaged_rows_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
