/* test_store_files.c - vector stores and their files: whose they are, what they are called, what
 * waits, what a document says of them. */
#include "unit_inbox.h"

#include "../../fcgi/file_area.h"
#include "../../fcgi/file_id.h"
#include "../../fcgi/page.h"
#include "../../fcgi/store_about.h"
#include "../../fcgi/store_files.h"
#include "../../fcgi/waiting.h"
#include "file.h"
#include "json.h"

/* ---- whose files are ---- */

static void
area_of(const struct caller *c, char out[UPLOAD_AREA_BYTES])
{
	struct err e;

	assert_ok(file_area_of(c, out, &e), &e);
}

static void
files_are_shared_by_keys_of_one_tenant_and_by_nobody_else(void **state)
{
	static const char *const a[] = {"docs"}, *const b[] = {"docs", "more"}, *const star[] = {"*"},
			  *const some[] = {"do*"}, *const c[] = {"docs2"};
	const struct caller callers[] = {
	    {.id = "k1", .scope = a, .scope_count = 1},
	    {.id = "k2", .scope = c, .scope_count = 1},
	    {.id = "k1", .scope = b, .scope_count = 2},
	    {.id = "k2", .scope = star, .scope_count = 1},
	    {.id = "k3", .scope = some, .scope_count = 1},
	    {.id = "k2", .is_token = true, .scope = star, .scope_count = 1},
	    {.id = "-", .is_token = true, .scope = b, .scope_count = 2},
	    {.id = "-", .is_token = true, .scope = some, .scope_count = 1},
	    {.id = "-", .scope = star, .scope_count = 1},
	};
	enum { N = sizeof callers / sizeof callers[0] };
	const struct caller same = {.id = "other", .is_token = true, .scope = a, .scope_count = 1};
	char areas[N][UPLOAD_AREA_BYTES], again[UPLOAD_AREA_BYTES];

	(void)state;
	for (int i = 0; i < N; i++) {
		area_of(&callers[i], areas[i]);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(areas[i], areas[k]);
	}
	assert_string_equal(areas[0], "t-docs");
	area_of(&same, again);
	assert_string_equal(again, areas[0]);
}

static void
a_key_with_a_filter_has_no_files(void **state)
{
	static const char *const star[] = {"*"};
	const struct filter f = {.op = FILTER_AND};
	const struct caller c = {.id = "k", .scope = star, .scope_count = 1, .filter = &f};
	char area[UPLOAD_AREA_BYTES];
	struct err e;

	(void)state;
	assert_refused(file_area_of(&c, area, &e), &e, ERR_FORBIDDEN);
}

/* ---- what they are called ---- */

static void
an_attached_file_keeps_its_id_and_name(void **state)
{
	static const struct {
		const char *key, *id, *name;
	} t[] = {
	    {"file-0123456789abcdef01234567/a/b.md", "file-0123456789abcdef01234567", "a/b.md"},
	    {"file-0123456789abcdef01234567/", "file-0123456789abcdef01234567", ""},
	    {"file-0123456789abcdef01234567", NULL, "file-0123456789abcdef01234567"},
	    {"file-0123456789abcdef0123456/x", NULL, "file-0123456789abcdef0123456/x"},
	    {"file-0123456789abcdef012345678/x", NULL, "file-0123456789abcdef012345678/x"},
	    {"file-0123456789ABCDEF01234567/x", NULL, "file-0123456789ABCDEF01234567/x"},
	    {"notes.md", NULL, "notes.md"},
	};
	struct upload u = {.id = "0123456789abcdef01234567", .name = "n\xc3\xa4me.md"};
	char id[FILE_ID_BYTES], key[DOCUMENT_PATH_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		file_id_of(t[i].key, id);
		assert_non_null(file_id_digits(id));
		assert_string_equal(file_name_of(t[i].key), t[i].name);
		if (t[i].id != NULL)
			assert_string_equal(id, t[i].id);
		else
			assert_string_not_equal(id, "file-0123456789abcdef01234567");
	}
	file_key_of(&u, key);
	assert_string_equal(key, "file-0123456789abcdef01234567/n\xc3\xa4me.md");
	memset(u.name, 'x', sizeof u.name - 1);
	file_key_of(&u, key);
	assert_int_equal(strlen(key), DOCUMENT_PATH_BYTES);
}

static void
what_is_no_id_is_none(void **state)
{
	static const char *const bad[] = {"", "file-", "file-0123", "0123456789abcdef01234567",
	    "file-0123456789abcdef0123456g", "file-0123456789abcdef012345678",
	    "FILE-0123456789abcdef01234567", "file-../../../../../../x"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_null(file_id_digits(bad[i]));
}

/* ---- what waits ---- */

static void
the_last_word_about_a_document_counts(void **state)
{
	static const struct {
		const char *key;
		enum inbox_op op;
		const char *meta;
	} t[] = {
	    {"a", INBOX_PUT, "{\"n\":2}"}, {"b", INBOX_REMOVE, NULL}, {"c", INBOX_PUT, "{\"n\":3}"},
	    {"d", INBOX_DESCRIBE, "{\"n\":4}"}, {"e", INBOX_REMOVE, NULL}};
	struct waiting w;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 20);
	inbox_say(INBOX_REMOVE, "c", NULL, NULL);
	inbox_say(INBOX_PUT, "a", "bytes", "{\"n\":1}");
	inbox_say(INBOX_PUT, "b", "bytes", NULL);
	inbox_say(INBOX_DESCRIBE, "a", NULL, "{\"n\":2}");
	inbox_say(INBOX_REMOVE, "b", NULL, NULL);
	inbox_say(INBOX_PUT, "c", "bytes", "{\"n\":3}");
	inbox_say(INBOX_DESCRIBE, "d", NULL, "{\"n\":4}");
	inbox_say(INBOX_REMOVE, "e", NULL, NULL);
	inbox_say(INBOX_DESCRIBE, "e", NULL, "{\"n\":5}");
	assert_ok(waiting_read(&w, base, "t", &a, &e), &e);
	assert_int_equal(w.count, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct waiting_item *is = waiting_find(&w, t[i].key);
		assert_non_null(is);
		assert_int_equal(is->op, t[i].op);
		if (t[i].meta != NULL)
			assert_string_equal(is->meta, t[i].meta);
	}
	assert_int_equal(waiting_find(&w, "a")->bytes, 5);
	assert_null(waiting_find(&w, "f"));
	assert_null(waiting_find(&w, ""));
	arena_fini(&a);
}

static void
an_entry_that_is_broken_hides_no_other(void **state)
{
	char path[700];
	struct waiting w;
	struct arena a;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 20);
	inbox_say(INBOX_PUT, "x", "bytes", NULL);
	snprintf(path, sizeof path, "%s/inbox/t/00000000ffff-00000000", base);
	assert_ok(file_replace(path, "half", 4, 0640, &e), &e);
	assert_ok(waiting_read(&w, base, "t", &a, &e), &e);
	assert_non_null(waiting_find(&w, "x"));
	arena_fini(&a);
}

/* ---- what a document says ---- */

static struct json_object *
parse(const char *text)
{
	struct json_object *o;
	struct err e;

	assert_ok(json_parse_object(&o, text, strlen(text), &e), &e);
	return o;
}

static void
a_document_is_made_and_changed(void **state)
{
	struct json_object *wish = parse("{\"name\": \"N\", \"metadata\": {\"a\": \"b\"}, \"file_ids\": []}"), *d, *c;
	struct store_about about;
	struct err e;

	(void)state;
	d = store_document_new(wish, 200, 20, 77);
	json_object_put(wish);
	store_about_read(&about, d);
	assert_true(about.is_ours);
	assert_string_equal(about.name, "N");
	assert_int_equal(about.created, 77);
	assert_int_equal(about.chunk_size, 200);
	assert_int_equal(about.chunk_overlap, 20);
	c = parse("{\"name\": null, \"description\": \"D\"}");
	assert_ok(store_document_change(d, c, &e), &e);
	assert_ok(store_document_change(d, c, &e), &e);
	json_object_put(c);
	store_about_read(&about, d);
	assert_null(about.name);
	assert_string_equal(about.description, "D");
	assert_non_null(about.metadata);
	assert_string_equal(json_object_get_string(json_object_object_get(d, "version")), "1+2");
	json_object_put(d);
}

static void
versions_go_on_from_what_they_are(void **state)
{
	static const char *const t[][2] = {{"1", "1+1"}, {"v1.2+9", "v1.2+10"}, {"a+b", "a+b+1"},
	    {"+", "++1"}, {"x+-3", "x+-3+1"}, {"2+", "2++1"}};
	struct json_object *c = parse("{}");
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct json_object *d = parse("{\"store\": {}}");
		json_object_object_add(d, "version", json_object_new_string(t[i][0]));
		assert_ok(store_document_change(d, c, &e), &e);
		assert_string_equal(
		    json_object_get_string(json_object_object_get(d, "version")), t[i][1]);
		json_object_put(d);
	}
	json_object_put(c);
}

static void
a_document_without_the_member_is_its_operators(void **state)
{
	struct json_object *d = parse("{\"version\": \"1\"}"), *c = parse("{\"name\": \"N\"}");
	struct store_about about;
	struct err e;

	(void)state;
	store_about_read(&about, d);
	assert_false(about.is_ours);
	assert_refused(store_document_change(d, c, &e), &e, ERR_MISSING_FIELD);
	json_object_put(d);
	json_object_put(c);
}

/* ---- pages ---- */

static void
a_page_says_what_is_behind_it(void **state)
{
	const struct page page = {.limit = 2};
	struct page_out o;
	struct buf b;

	(void)state;
	for (int items = 0; items < 4; items++) {
		char wanted[200];
		buf_init(&b, 1000);
		page_begin(&o, &b, &page);
		for (int i = 0; i < items; i++) {
			char id[2] = {(char)('a' + i), '\0'};
			if (!page_next(&o, id))
				break;
			buf_adds(&b, id);
		}
		page_end(&o);
		buf_addc(&b, '\0');
		snprintf(wanted, sizeof wanted, "{\"object\": \"list\", \"data\": [%s], %s, \"has_more\": %s}\n",
		    items == 0 ? "" : items == 1 ? "a" : "a, b",
		    items == 0 ? "\"first_id\": null, \"last_id\": null" :
			items == 1 ? "\"first_id\": \"a\", \"last_id\": \"a\"" :
				     "\"first_id\": \"a\", \"last_id\": \"b\"",
		    items > 2 ? "true" : "false");
		assert_string_equal(b.data, wanted);
		buf_fini(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_shared_by_keys_of_one_tenant_and_by_nobody_else),
	    cmocka_unit_test(a_key_with_a_filter_has_no_files),
	    cmocka_unit_test(an_attached_file_keeps_its_id_and_name),
	    cmocka_unit_test(what_is_no_id_is_none),
	    cmocka_unit_test_setup_teardown(the_last_word_about_a_document_counts, inbox_set_up, inbox_tear_down),
	    cmocka_unit_test_setup_teardown(an_entry_that_is_broken_hides_no_other, inbox_set_up, inbox_tear_down),
	    cmocka_unit_test(a_document_is_made_and_changed),
	    cmocka_unit_test(versions_go_on_from_what_they_are),
	    cmocka_unit_test(a_document_without_the_member_is_its_operators),
	    cmocka_unit_test(a_page_says_what_is_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
