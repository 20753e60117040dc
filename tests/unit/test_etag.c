/* test_etag.c - an answer that a client has already is not sent again. */
#include "unit.h"

#include "../../fcgi/etag.h"

static char tag[64];

/* The status of an answer to a request with that If-None-Match; its ETag into tag. */
static int
answer(const char *body, const char *known)
{
	char header[256];
	char *envp[] = {header, NULL};
	struct req r = {.envp = envp};
	struct reply p;
	struct buf out;
	const char *at;
	int status;

	snprintf(header, sizeof header, "HTTP_IF_NONE_MATCH=%s", known != NULL ? known : "");
	if (known == NULL)
		envp[0] = NULL;
	reply_init(&p);
	buf_init(&out, 1 << 20);
	buf_adds(&p.body, body);
	etag_apply(&r, &p);
	reply_format(&p, &out, 0);
	assert_non_null(strstr(out.data, "Cache-Control: private, no-cache\r\n"));
	assert_non_null(at = strstr(out.data, "ETag: "));
	sscanf(at, "ETag: %63s", tag);
	if (p.status == 304) {
		assert_null(strstr(out.data, "\r\nContent-"));
		assert_string_equal(strstr(out.data, "\r\n\r\n"), "\r\n\r\n");
	} else {
		assert_non_null(strstr(out.data, body));
	}
	status = p.status;
	reply_fini(&p);
	buf_fini(&out);
	return status;
}

static void
the_same_bytes_are_not_sent_twice(void **state)
{
	char first[64], list[200];

	(void)state;
	assert_int_equal(answer("{\"a\": 1}", NULL), 200);
	memcpy(first, tag, sizeof first);
	assert_int_equal(strlen(first), 34);
	assert_int_equal(answer("{\"a\": 1}", first), 304);
	assert_int_equal(answer("{\"a\": 1}", "*"), 304);
	snprintf(list, sizeof list, "\"x\",W/%s , \"y\"", first);
	assert_int_equal(answer("{\"a\": 1}", list), 304);
	assert_int_equal(answer("{\"a\": 2}", first), 200);
	assert_string_not_equal(first, tag);
	first[5] ^= 1;
	assert_int_equal(answer("{\"a\": 1}", first), 200);
	assert_int_equal(answer("{\"a\": 1}", ""), 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_bytes_are_not_sent_twice)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
