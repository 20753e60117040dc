/* test_base64.c - the examples of RFC 4648, and nothing but them. */
#include "unit.h"

#include "../../fcgi/base64.h"

static void
examples_of_the_standard(void **state)
{
	static const char *const plain[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="},
	    {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
	    {"\xff\xef\xbf", "/++/"}};
	uint8_t out[16];
	size_t used;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		const char *text = plain[i][1];
		size_t n = strlen(plain[i][0]);
		buf_init(&b, 100);
		buf_adds(&b, "");
		base64_put(&b, plain[i][0], n);
		assert_int_equal(b.len, strlen(text));
		assert_memory_equal(b.len > 0 ? b.data : "", text, b.len);
		assert_true(base64_decode(text, strlen(text), out, sizeof out, &used));
		assert_int_equal(used, n);
		assert_memory_equal(out, plain[i][0], n);
		assert_true(n == 0 || !base64_decode(text, strlen(text), out, n - 1, &used));
		buf_fini(&b);
	}
}

static void
other_texts_are_refused(void **state)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zg===", "Zg==Zg==", "=", "====", "Zh==",
	    "Zm9=", "Zm8=\n", "Zm 8", "Z-_8", "Zm9v!AAA", "Z===", "\xc3\xa4=="};
	uint8_t out[16];
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (base64_decode(bad[i], strlen(bad[i]), out, sizeof out, &used))
			fail_msg("\"%s\" is taken", bad[i]);
	assert_false(base64_decode("Zg\0=", 4, out, sizeof out, &used));
	assert_true(base64url_decode("_--_", 4, out, sizeof out, &used));
	assert_memory_equal(out, "\xff\xef\xbf", 3);
	assert_false(base64url_decode("Zg==", 4, out, sizeof out, &used));
	assert_false(base64url_decode("/++/", 4, out, sizeof out, &used));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(examples_of_the_standard),
	    cmocka_unit_test(other_texts_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
