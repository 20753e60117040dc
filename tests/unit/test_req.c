/* test_req.c - requests: what reaches a handler, and what is refused before. */
#include "unit.h"

#include "../../fcgi/req.h"
#include "../../fcgi/req_id.h"

static struct arena arena;
static const char *body_text;
static size_t body_left;

static long
read_body(void *from, char *into, size_t n)
{
	(void)from;
	if (n > 3)
		n = 3;		/* in small pieces, as a socket may */
	if (n > body_left)
		n = body_left;
	memcpy(into, body_text, n);
	body_text += n;
	body_left -= n;
	return (long)n;
}

static int
init(struct req *r, const char *uri, const char *length, const char *type, struct err *e)
{
	static char params[5][600];
	static char *envp[6];

	snprintf(params[0], sizeof params[0], "REQUEST_METHOD=POST");
	snprintf(params[1], sizeof params[1], "REQUEST_URI=%s", uri);
	snprintf(params[2], sizeof params[2], "CONTENT_LENGTH=%s", length);
	snprintf(params[3], sizeof params[3], "CONTENT_TYPE=%s", type);
	for (int i = 0; i < 4; i++)
		envp[i] = params[i];
	envp[4] = NULL;
	arena_reset(&arena);
	return req_init(r, envp, &arena, read_body, NULL, e);
}

static void
addresses_are_decoded_once_or_refused(void **state)
{
	static const struct {
		const char *uri;
		const char *path;	/* NULL: refused */
		const char *query;
	} t[] = {
	    {"/query/t1", "/query/t1", ""},
	    {"/query/t%31?x=%20", "/query/t1", "x=%20"},
	    {"/query/%2e%2e", "/query/..", ""},
	    {"/query/%252e", "/query/%2e", ""},
	    {"/a//b/", "/a//b/", ""},
	    {"/%E7%9F%A5", "/\xe7\x9f\xa5", ""},
	    {"/a%2Fb", "/a\x1f" "b", ""},	/* one segment: REQ_ENCODED_SLASH */
	    {"/%1f", NULL, NULL},
	    {"/%00", NULL, NULL},
	    {"/%0a", NULL, NULL},
	    {"/%0D%0Ax", NULL, NULL},
	    {"/%zz", NULL, NULL},
	    {"/%4", NULL, NULL},
	    {"/%", NULL, NULL},
	    {"/%ff", NULL, NULL},
	    {"query", NULL, NULL},
	    {"", NULL, NULL},
	};
	struct req r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		int rc = init(&r, t[i].uri, "0", "", &e);
		if ((rc == 0) != (t[i].path != NULL))
			fail_msg("%s: %d", t[i].uri, rc);
		if (rc == 0) {
			assert_string_equal(r.path, t[i].path);
			assert_string_equal(r.query, t[i].query);
		}
	}
}

static void
lengths_are_believed_only_when_met(void **state)
{
	struct req r;
	struct err e;

	(void)state;
	assert_refused(init(&r, "/", "-2", "", &e), &e, ERR_INPUT);
	assert_refused(init(&r, "/", "1e3", "", &e), &e, ERR_INPUT);
	assert_ok(init(&r, "/", "99999999999999999999999", "", &e), &e);
	assert_refused(req_read_body(&r, 1000, &e), &e, ERR_BODY_SIZE);
	assert_ok(init(&r, "/", "1000", "", &e), &e);
	body_text = "abc";
	body_left = 3;
	assert_refused(req_read_body(&r, 1000, &e), &e, ERR_TRUNCATED_BODY);
	assert_ok(init(&r, "/", "8", "", &e), &e);
	body_text = "abcdefgh";
	body_left = 8;
	assert_ok(req_read_body(&r, 8, &e), &e);
	assert_string_equal(r.body, "abcdefgh");
	assert_ok(init(&r, "/", "", "", &e), &e);
	assert_int_equal(r.content_length, 0);
}

static void
a_body_without_a_length_ends_where_it_ends(void **state)
{
	static const char *const unsaid[] = {"", "-1"};
	char text[50001];
	struct req r;
	struct err e;

	(void)state;
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	for (size_t i = 0; i < 2; i++) {
		assert_ok(init(&r, "/", unsaid[i], "", &e), &e);
		body_text = text;
		body_left = sizeof text - 1;
		assert_ok(req_read_body(&r, sizeof text - 1, &e), &e);
		assert_int_equal(r.content_length, sizeof text - 1);
		assert_string_equal(r.body, text);
		assert_ok(init(&r, "/", unsaid[i], "", &e), &e);
		body_text = text;
		body_left = sizeof text - 1;
		assert_refused(req_read_body(&r, sizeof text - 2, &e), &e, ERR_BODY_SIZE);
		assert_ok(init(&r, "/", unsaid[i], "", &e), &e);
		body_left = 0;
		assert_ok(req_read_body(&r, 10, &e), &e);
		assert_string_equal(r.body, "");
	}
}

static void
only_json_in_utf8_is_taken(void **state)
{
	static const struct {
		const char *type;
		bool taken;
	} t[] = {
	    {"application/json", true},
	    {"Application/JSON ; charset=UTF-8", true},
	    {"application/json; charset=\"utf-8\"", true},
	    {"application/problem+json", true},
	    {"", false},
	    {"text/plain", false},
	    {"application/json; charset=latin1", false},
	    {"application/jsonp", false},
	};
	struct req r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_ok(init(&r, "/", "2", t[i].type, &e), &e);
		if ((req_need_json(&r, &e) == 0) != t[i].taken)
			fail_msg("%s", t[i].type);
	}
}

static void
values_behind_the_question_mark_are_decoded(void **state)
{
	static const struct {
		const char *uri;
		const char *value;	/* of "name"; NULL: absent */
		enum err_code code;
	} t[] = {
	    {"/x", NULL, ERR_NONE},
	    {"/x?", NULL, ERR_NONE},
	    {"/x?name", "", ERR_NONE},
	    {"/x?name=", "", ERR_NONE},
	    {"/x?a=1&name=b%20c+d", "b c d", ERR_NONE},
	    {"/x?names=1&nam=2&aname=3", NULL, ERR_NONE},
	    {"/x?name=1&b=2&&", "1", ERR_NONE},
	    {"/x?name=1&name=1", NULL, ERR_INPUT},
	    {"/x?name=%zz", NULL, ERR_INPUT},
	    {"/x?name=%00", NULL, ERR_INPUT},
	    {"/x?name=%ff", NULL, ERR_INPUT},
	};
	const char *value;
	struct req r;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_ok(init(&r, t[i].uri, "0", "", &e), &e);
		if (t[i].code != ERR_NONE) {
			assert_refused(req_query_get(&r, "name", &value, &e), &e, t[i].code);
			continue;
		}
		assert_ok(req_query_get(&r, "name", &value, &e), &e);
		if ((value == NULL) != (t[i].value == NULL) ||
		    (value != NULL && strcmp(value, t[i].value) != 0))
			fail_msg("%s: %s", t[i].uri, value != NULL ? value : "absent");
	}
}

static void
ids_from_outside_are_taken_when_plain(void **state)
{
	static const struct {
		const char *given;
		bool taken;
	} ids[] = {
	    {"a", true},
	    {"7f/x:y.z_w-1+2=", true},
	    {"", false},
	    {"a b", false},
	    {"a\"b", false},
	    {"a\tb", false},
	    {"\xc3\xa9", false},
	    {"0123456789012345678901234567890123456789012345678901234567890123", true},
	    {"01234567890123456789012345678901234567890123456789012345678901234", false},
	};
	static const struct {
		const char *given;
		bool taken;
	} traces[] = {
	    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
	    {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
	    {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
	    {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
	    {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
	    {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", false},
	    {"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
		const char *id = req_id_of(ids[i].given, &arena);
		if ((id == ids[i].given) != ids[i].taken || strlen(id) == 0)
			fail_msg("%s: %s", ids[i].given, id);
	}
	assert_string_not_equal(req_id_of(NULL, &arena), req_id_of(NULL, &arena));
	for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++)
		if ((req_trace_of(traces[i].given) != NULL) != traces[i].taken)
			fail_msg("%s", traces[i].given);
	assert_null(req_trace_of(NULL));
}

static int
make_arena(void **state)
{
	(void)state;
	arena_init(&arena, 1 << 20);
	return 0;
}

static int
drop_arena(void **state)
{
	(void)state;
	arena_fini(&arena);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_are_decoded_once_or_refused),
	    cmocka_unit_test(lengths_are_believed_only_when_met),
	    cmocka_unit_test(a_body_without_a_length_ends_where_it_ends),
	    cmocka_unit_test(only_json_in_utf8_is_taken),
	    cmocka_unit_test(values_behind_the_question_mark_are_decoded),
	    cmocka_unit_test(ids_from_outside_are_taken_when_plain),
	};
	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
