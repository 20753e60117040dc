/* test_json.c - strict JSON: each row is one text and what becomes of it. */
#include "unit.h"

#include "json.h"

static void
each_text_is_taken_or_refused_as_listed(void **state)
{
	static const struct {
		const char *text;
		const char *slug;	/* "ok" or the error's */
	} t[] = {
	    {"{}", "ok"},
	    {" {\"a\": [1, -2.5e3, true, false, null, \"x\"]} \n", "ok"},
	    {"0", "ok"},
	    {"\"\\ud83d\\ude00 \\u00e9 \\n\"", "ok"},
	    {"{\"a\": {\"a\": 1}}", "ok"},
	    {"", "empty_body"},
	    {"   ", "empty_body"},
	    {"{\"query\":", "invalid_json"},
	    {"{}x", "invalid_json"},
	    {"[1,]", "invalid_json"},
	    {"{\"a\":1,}", "invalid_json"},
	    {"{'a': 1}", "invalid_json"},
	    {"// c\n{}", "invalid_json"},
	    {"\xef\xbb\xbf{}", "invalid_json"},
	    {"NaN", "invalid_json"},
	    {"[Infinity]", "invalid_json"},
	    {"[-Infinity]", "invalid_json"},
	    {"01", "invalid_json"},
	    {"[1.]", "invalid_json"},
	    {"[.5]", "invalid_json"},
	    {"[+1]", "invalid_json"},
	    {"[1e]", "invalid_json"},
	    {"[1e999]", "out_of_range"},
	    {"\"a\nb\"", "invalid_json"},
	    {"\"\\u0000\"", "invalid_json"},
	    {"{\"a\\u0000b\": 1}", "invalid_json"},
	    {"\"\\ud800\"", "invalid_json"},
	    {"\"\\udc00\"", "invalid_json"},
	    {"\"\\ud800\\u0041\"", "invalid_json"},
	    {"\"\\x41\"", "invalid_json"},
	    {"\"abc", "invalid_json"},
	    {"\"\xff\"", "invalid_utf8"},
	    {"\"\xc0\x80\"", "invalid_utf8"},
	    {"\"\xed\xa0\x80\"", "invalid_utf8"},
	    {"{\"a\":1,\"a\":2}", "duplicate_key"},
	    {"{\"a\":1,\"\\u0061\":2}", "duplicate_key"},
	    {"[{\"b\":{\"a\":1,\"c\":2,\"a\":3}}]", "duplicate_key"},
	    {"[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", "ok"},
	    {"[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", "json_too_deep"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct json_object *o = NULL;
		struct err e;
		const char *slug = "ok";

		if (json_parse(&o, t[i].text, strlen(t[i].text), &e) == -1)
			slug = err_row(e.code)->slug;
		if (strcmp(slug, t[i].slug) != 0)
			fail_msg("%s: %s, not %s", t[i].text, slug, t[i].slug);
		json_object_put(o);
	}
}

static void
deep_nesting_costs_no_stack(void **state)
{
	size_t n = 1000000;
	char *text = malloc(n);
	struct json_object *o;
	struct err e;

	(void)state;
	memset(text, '[', n);
	assert_refused(json_parse(&o, text, n, &e), &e, ERR_JSON_DEPTH);
	free(text);
}

static void
getters_name_the_member_and_the_range(void **state)
{
	static const char text[] = "{\"n\": 5, \"s\": \"abc\", \"b\": true, \"big\": 1e20, \"z\": null}";
	struct json_object *o;
	struct err e;
	int64_t n = 7;
	const char *s = NULL;
	bool b = false;

	(void)state;
	assert_ok(json_parse_object(&o, text, strlen(text), &e), &e);
	assert_ok(json_get_int(o, "n", true, 1, 10, &n, &e), &e);
	assert_int_equal(n, 5);
	assert_refused(json_get_int(o, "n", true, 6, 10, &n, &e), &e, ERR_RANGE);
	assert_refused(json_get_int(o, "s", true, 0, 10, &n, &e), &e, ERR_TYPE);
	assert_refused(json_get_int(o, "big", true, 0, 10, &n, &e), &e, ERR_TYPE);
	assert_refused(json_get_int(o, "m", true, 0, 10, &n, &e), &e, ERR_MISSING_FIELD);
	assert_non_null(strstr(e.text, "\"m\""));
	n = 7;
	assert_ok(json_get_int(o, "z", false, 0, 10, &n, &e), &e);
	assert_int_equal(n, 7);
	assert_ok(json_get_text(o, "s", true, 3, &s, &e), &e);
	assert_string_equal(s, "abc");
	assert_refused(json_get_text(o, "s", true, 2, &s, &e), &e, ERR_RANGE);
	assert_ok(json_get_bool(o, "b", true, &b, &e), &e);
	assert_true(b);
	json_object_put(o);
	assert_refused(json_parse_object(&o, "[]", 2, &e), &e, ERR_NOT_OBJECT);
}

static void
written_text_reads_back(void **state)
{
	static const char text[] = "a\"b\\c\n\t\x01\x7f \xe7\x9f\xa5 \xf0\x9f\x98\x80/";
	struct json_object *o;
	struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 1000);
	json_put_text(&b, text, strlen(text));
	assert_ok(json_parse(&o, b.data, b.len, &e), &e);
	assert_string_equal(json_object_get_string(o), text);
	json_object_put(o);
	buf_reset(&b);
	json_put_text(&b, "x\xff\xe4\xb8", 4);
	assert_string_equal(b.data, "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
	buf_fini(&b);
}

/* Each byte alone, at each place among others: eight are looked at together. */
static void
each_byte_is_written_as_it_should_be_wherever_it_stands(void **state)
{
	char text[33], wanted[96];
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	for (int c = 1; c < 256; c++)
		for (size_t at = 0; at < sizeof text - 1; at++) {
			static const char plain[] = "a sentence of 32 bytes, ~no less";
			char as[8] = {(char)c};
			if (strchr("\"\\", c) != NULL)
				snprintf(as, sizeof as, "\\%c", c);
			else if (c == '\n' || c == '\r' || c == '\t')
				snprintf(as, sizeof as, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
			else if (c < 0x20 || c == 0x7f)
				snprintf(as, sizeof as, "\\u%04x", c);
			else if (c >= 0x80)
				snprintf(as, sizeof as, "\xef\xbf\xbd");
			memcpy(text, plain, sizeof text);
			text[at] = (char)c;
			snprintf(wanted, sizeof wanted, "\"%.*s%s%s\"", (int)at, plain, as, plain + at + 1);
			buf_reset(&b);
			json_put_text(&b, text, strlen(text));
			assert_string_equal(b.data, wanted);
		}
	buf_fini(&b);
}

static void
written_floats_read_back_exactly(void **state)
{
	static const float t[] = {0.0f, 1.0f, 0.1f, 1.0f / 3, 12345.678f, 1e-30f, -2.5f};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		buf_reset(&b);
		json_put_float(&b, t[i]);
		assert_true(strtof(b.data, NULL) == t[i]);
	}
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_text_is_taken_or_refused_as_listed),
	    cmocka_unit_test(deep_nesting_costs_no_stack),
	    cmocka_unit_test(getters_name_the_member_and_the_range),
	    cmocka_unit_test(written_text_reads_back),
	    cmocka_unit_test(each_byte_is_written_as_it_should_be_wherever_it_stands),
	    cmocka_unit_test(written_floats_read_back_exactly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
