/* test_glance.c - bits of kinds are those of each byte by itself. */
#include "unit.h"

#include "glance.h"

static uint64_t
bits_of(const char *text, const char *kind, size_t n)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < GLANCE_BYTES; i++)
		if (memchr(kind, text[i], n) != NULL)
			bits |= UINT64_C(1) << i;
	return bits;
}

static uint64_t
between(const char *text, unsigned char first, unsigned char last)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < GLANCE_BYTES; i++)
		if ((unsigned char)text[i] >= first && (unsigned char)text[i] <= last)
			bits |= UINT64_C(1) << i;
	return bits;
}

static void
assert_kinds(const char *text, const struct glance *g)
{
	assert_int_equal(g->letter, between(text, 'a', 'z') | between(text, 'A', 'Z') | between(text, '0', '9'));
	assert_int_equal(g->space, bits_of(text, " ", 1));
	assert_int_equal(g->line, bits_of(text, "\n", 1));
	assert_int_equal(g->stop, bits_of(text, ".!?", 3));
	assert_int_equal(g->control, between(text, 0, 0x1f) | bits_of(text, "\x7f", 1));
	assert_int_equal(g->quote, bits_of(text, "\"\\", 2));
	assert_int_equal(g->high, between(text, 0x80, 0xff));
}

static void
every_byte_is_of_its_kinds_anywhere(void **state)
{
	char text[GLANCE_BYTES];
	struct glance g, plain;
	uint64_t x = 1;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		for (size_t k = 0; k < sizeof text; k++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			text[k] = (char)(i < 256 ? (uint64_t)i : x >> 40);
		}
		glance(text, &g);
		assert_kinds(text, &g);
		glance_plain(text, &plain);
		assert_memory_equal(&g, &plain, sizeof g);
		assert_int_equal(glance_special(text), g.control | g.quote | g.high);
	}
}

static void
what_is_missing_is_nothing(void **state)
{
	struct glance g;

	(void)state;
	for (size_t n = 0; n < GLANCE_BYTES; n++) {
		char *text = malloc(n + 1);
		memset(text, 'a', n + 1);
		glance_rest(text, n, &g);
		assert_int_equal(g.letter, (UINT64_C(1) << n) - 1);
		assert_int_equal(g.control, ~g.letter);
		assert_int_equal(g.high | g.space | g.line | g.stop | g.quote, 0);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_byte_is_of_its_kinds_anywhere),
	    cmocka_unit_test(what_is_missing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
