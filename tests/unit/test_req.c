/* test_req.c - requests: what reaches a handler, and what is refused before. */
#include "unit.h"

#include "../../fcgi/req.h"

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
	assert_refused(init(&r, "/", "-1", "", &e), &e, ERR_INPUT);
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
	    cmocka_unit_test(only_json_in_utf8_is_taken),
	};
	return cmocka_run_group_tests(tests, make_arena, drop_arena);
}
