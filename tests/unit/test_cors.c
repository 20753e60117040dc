/* test_cors.c - which web pages may ask. */
#include "unit.h"

#include "../../fcgi/cors.h"

static void
origins_are_compared_as_a_whole(void **state)
{
	static const char list[] = "https://a.example.com  http://b.example.com:8080";

	(void)state;
	assert_true(cors_lists(list, "https://a.example.com"));
	assert_true(cors_lists(list, "http://b.example.com:8080"));
	assert_false(cors_lists(list, "https://a.example.co"));
	assert_false(cors_lists(list, "https://a.example.com.evil.org"));
	assert_false(cors_lists(list, "http://b.example.com"));
	assert_false(cors_lists(list, ""));
	assert_false(cors_lists("", ""));
	assert_false(cors_lists("", "null"));
	assert_true(cors_lists("x *", "https://anything"));
}

static void
this_machine_is_known_by_its_names(void **state)
{
	(void)state;
	assert_true(cors_is_local("http://localhost"));
	assert_true(cors_is_local("https://localhost:3000"));
	assert_true(cors_is_local("http://127.0.0.1:80"));
	assert_true(cors_is_local("http://[::1]"));
	assert_false(cors_is_local("http://localhost.evil.org"));
	assert_false(cors_is_local("http://localhost:80.evil.org"));
	assert_false(cors_is_local("http://127.0.0.1@evil.org"));
	assert_false(cors_is_local("ftp://localhost"));
	assert_false(cors_is_local("null"));
	assert_false(cors_is_local(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(origins_are_compared_as_a_whole),
	    cmocka_unit_test(this_machine_is_known_by_its_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
