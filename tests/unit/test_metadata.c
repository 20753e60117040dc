/* test_metadata.c - front matter and the fields that are always there. */
#include "unit.h"

#include "json.h"
#include "metadata.h"
#include "text.h"

static void
expect(const char *text, const char *rest)
{
	struct text_document d;
	struct json_object *o;
	struct buf b;
	char wanted[4096];
	struct err e;

	assert_ok(text_extract("notes/a.md", text, strlen(text), &d, &e), &e);
	buf_init(&b, METADATA_BYTES_MAX);
	metadata_of(&b, "notes/a.md", 12, &d);
	assert_ok(buf_check(&b, "metadata", &e), &e);
	assert_ok(json_parse_object(&o, b.data, b.len, &e), &e);
	json_object_put(o);
	snprintf(wanted, sizeof wanted, "{\"path\": \"notes/a.md\", \"title\": \"%s\", "
		"\"kind\": \"markdown\", \"folder\": \"notes\", \"bytes\": 12%s}", d.title, rest);
	assert_string_equal(b.data, wanted);
	buf_fini(&b);
	text_document_fini(&d);
}

static const struct {
	const char *front, *json;
} rows[] = {
    {"lang: en", ", \"lang\": \"en\""},
    {"lang: \"e\\\"n\"", ", \"lang\": \"e\\\"n\""},
    {"lang: 'it''s' # why", ", \"lang\": \"it's\""},
    {"year: 2024 # then", ", \"year\": 2024"},
    {"x: -1.5e3\ny: 007\nz: 1e999", ", \"x\": -1.5e3, \"y\": \"007\", \"z\": \"1e999\""},
    {"draft: true\nlive: False", ", \"draft\": true, \"live\": false"},
    {"date: 2024-05-01", ", \"date\": \"2024-05-01\""},
    {"tags: [a, 'b, c', 3]", ", \"tags\": [\"a\", \"b, c\", 3]"},
    {"tags:\n- a\n- true\nx: 1", ", \"tags\": [\"a\", true], \"x\": 1"},
    {"tags:\n  - a\n  - 'b'", ", \"tags\": [\"a\", \"b\"]"},
    {"empty: []", ", \"empty\": []"},
    {"a:\nb: 1", ", \"b\": 1"},
    {"a: null\nb: ~\nc: 1", ", \"c\": 1"},
    {"map:\n  inner: 1\nb: 2", ", \"b\": 2"},
    {"text: |\n  lines\n  more\nb: 2", ", \"b\": 2"},
    {"long: one\n  two\nb: 2", ", \"b\": 2"},
    {"a: {x: 1}\nb: [[1], 2]\nc: &x y\nd: 1", ", \"d\": 1"},
    {"a: 1\na: 2", ", \"a\": 1"},
    {"path: other\nbytes: 1\nx: 1", ", \"x\": 1"},
    {"$a: 1\nhttp://x.y/z\n# note\nx: 1", ", \"x\": 1"},
    {"作者: 王", ", \"作者\": \"王\""},
    {"a: \"open\nb: [1, 2\nc: 1", ", \"c\": 1"},
    {"key : 1", ", \"key\": 1"},
};

static void
front_matter_is_read_as_promised(void **state)
{
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(text, sizeof text, "---\n%s\n---\nSome text.\n", rows[i].front);
		expect(text, rows[i].json);
		snprintf(text, sizeof text, "\xef\xbb\xbf---\n%s\n---", rows[i].front);
		strcat(text, "\nSome text.\n");
		expect(text, rows[i].json);
	}
	expect("+++\nyear = 2024\ntags = [\"a\", 'b']\n[extra]\nx = 1\n+++\nText.\n",
	    ", \"year\": 2024, \"tags\": [\"a\", \"b\"]");
	expect("Just text.\n---\nx: 1\n---\n", "");
	expect("---\nx: 1\nnever closed\n", "");
}

/* Whatever stands there, what comes out is strict JSON within its bounds. */
static void
any_front_matter_gives_strict_json(void **state)
{
	static const char *const parts[] = {"a", ":", " ", "\n", "\"", "'", "[", "]", ",", "- ",
	    "\\", "#", "{", "\t", "1", "\xe4\xb8\xad", "\xff", "b: ", "\x01", "c:\n- ", "true"};
	uint32_t random = 7;
	struct err e;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct text_document d;
		struct json_object *o;
		struct buf text, out;
		buf_init(&text, 1 << 20);
		buf_init(&out, METADATA_BYTES_MAX);
		buf_adds(&text, "---\n");
		for (int i = 0; i < 24; i++) {
			random = random * 1664525 + 1013904223;
			buf_adds(&text, parts[(random >> 8) % (sizeof parts / sizeof parts[0])]);
		}
		buf_adds(&text, "\n---\ntext\n");
		if (text_extract("x.md", text.data, text.len, &d, &e) == 0) {
			metadata_of(&out, "x.md", 1, &d);
			if (json_parse_object(&o, out.data, out.len, &e) == -1)
				fail_msg("%s\n%s: %s", text.data, out.data, e.text);
			json_object_put(o);
			text_document_fini(&d);
		}
		buf_fini(&text);
		buf_fini(&out);
	}
}

static void
bounds_of_front_matter_hold(void **state)
{
	struct text_document d;
	struct json_object *o, *list;
	struct buf text, out;
	struct err e;

	(void)state;
	buf_init(&text, 1 << 20);
	buf_init(&out, METADATA_BYTES_MAX);
	buf_adds(&text, "---\nlong: \"");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "\xe4\xb8\xad");
	buf_adds(&text, "\"\nlist: [0");
	for (int i = 1; i < 2000; i++)
		buf_addf(&text, ", %d", i);
	buf_adds(&text, "]\n");
	for (int i = 0; i < 500; i++)
		buf_addf(&text, "field%d: %d\n", i, i);
	buf_adds(&text, "---\ntext\n");
	assert_ok(text_extract("x.md", text.data, text.len, &d, &e), &e);
	metadata_of(&out, "x.md", 1, &d);
	assert_ok(json_parse_object(&o, out.data, out.len, &e), &e);
	assert_int_equal(json_object_object_length(o), 5 + METADATA_FIELDS_MAX);
	assert_true(json_object_object_get_ex(o, "list", &list));
	assert_int_equal(json_object_array_length(list), METADATA_LIST_MAX);
	assert_true(json_object_object_get_ex(o, "long", &list));
	assert_int_equal(json_object_get_string_len(list), 1023);
	json_object_put(o);
	text_document_fini(&d);
	buf_fini(&text);
	buf_fini(&out);
}

static void
what_was_said_goes_before_what_it_says_of_itself(void **state)
{
	struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, 1000);
	buf_adds(&b, "{\"path\": \"a/b\", \"title\": \"T\", \"author\": \"it\", \"year\": 1.50}");
	assert_ok(metadata_add(&b, "{\"author\": \"we\", \"title\": \"U\", \"n\": 2, \"year\": null}", &e),
	    &e);
	buf_addc(&b, '\0');
	assert_string_equal(
	    b.data, "{\"path\":\"a/b\",\"title\":\"T\",\"year\":1.50, \"author\": \"we\", \"n\": 2}");
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_said_goes_before_what_it_says_of_itself),
	    cmocka_unit_test(front_matter_is_read_as_promised),
	    cmocka_unit_test(any_front_matter_gives_strict_json),
	    cmocka_unit_test(bounds_of_front_matter_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
