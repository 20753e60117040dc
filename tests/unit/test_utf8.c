/* test_utf8.c - strict UTF-8: what is let through, what is not. */
#include "unit.h"

#include "utf8.h"

static void
validity_follows_rfc3629(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool valid;
	} t[] = {
	    {"", 0, true},
	    {"abc", 3, true},
	    {"\xe4\xb8\xad", 3, true},
	    {"\xf0\x9f\x98\x80", 4, true},
	    {"\xc0\x80", 2, false},		/* overlong NUL */
	    {"\xe0\x9f\xbf", 3, false},		/* overlong */
	    {"\xed\xa0\x80", 3, false},		/* surrogate */
	    {"\xf4\x90\x80\x80", 4, false},	/* above U+10FFFF */
	    {"\x80", 1, false},
	    {"\xe4\xb8", 2, false},		/* cut */
	    {"\xff", 1, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
		if (utf8_is_valid(t[i].bytes, t[i].n) != t[i].valid)
			fail_msg("row %zu", i);
}

static void
floor_never_splits_a_character(void **state)
{
	const char *text = "a\xe4\xb8\xad" "b\xf0\x9f\x98\x80";
	static const size_t want[] = {0, 1, 1, 1, 4, 5, 5, 5, 5, 9};

	(void)state;
	for (size_t n = 0; n < sizeof want / sizeof want[0]; n++)
		assert_int_equal(utf8_floor(text, n), want[n]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(validity_follows_rfc3629),
	    cmocka_unit_test(floor_never_splits_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
