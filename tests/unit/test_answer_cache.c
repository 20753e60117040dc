/* test_answer_cache.c - answers found again by all that they were made from, within bounds. */
#include "unit.h"

#include "../../fcgi/answer_cache.h"

static void
key_of(const struct answer_source *s, uint8_t key[SHA256_BYTES])
{
	assert_int_equal(answer_cache_key(s, key), 0);
}

static bool
differ(const struct answer_source *a, const struct answer_source *b)
{
	uint8_t x[SHA256_BYTES], y[SHA256_BYTES];

	key_of(a, x);
	key_of(b, y);
	return memcmp(x, y, sizeof x) != 0;
}

static void
everything_an_answer_depends_on_is_in_its_key(void **state)
{
	struct filter_value one = {.type = FILTER_STRING, .text = "a", .len = 1},
			    two = {.type = FILTER_NUMBER, .number = 1};
	struct filter eq = {.op = FILTER_EQ, .field = "f", .values = &one, .count = 1}, ne = eq,
		      number = eq, other = eq, both = {.op = FILTER_AND, .first = &eq};
	const struct answer_source s = {.path = "/query/a", .tenant = "a", .generation = "1-x",
	    .body = "{}", .body_bytes = 2};
	struct answer_source t;

	(void)state;
	ne.op = FILTER_NE;
	number.values = &two;
	other.field = "g";
	assert_false(differ(&s, &s));
#define DIFFERS(member, value) (t = s, t.member = (value), assert_true(differ(&s, &t)))
	DIFFERS(path, "/retrieve");
	DIFFERS(tenant, "b");
	DIFFERS(generation, "2-x");
	DIFFERS(body, "[]");
	DIFFERS(body_bytes, 1);
	DIFFERS(filter, &eq);
#undef DIFFERS
	{
		const struct filter *const all[] = {&eq, &ne, &number, &other, &both};
		struct answer_source x = s, y = s;
		for (int i = 0; i < 5; i++)
			for (int k = 0; k < 5; k++) {
				x.filter = all[i];
				y.filter = all[k];
				assert_int_equal(differ(&x, &y), i != k);
			}
	}
	/* what moves from one part to the next is another source */
	t = s;
	t.tenant = "a1";
	t.generation = "-x";
	assert_true(differ(&s, &t));
}

static void
number_key(uint8_t key[SHA256_BYTES], unsigned i)
{
	memset(key, 0, SHA256_BYTES);
	memcpy(key, &i, sizeof i);
	memcpy(key + 8, &i, sizeof i);
}

static void
the_oldest_use_gives_way(void **state)
{
	enum { MAX = 100000, N = 2000 };
	struct answer_cache c;
	uint8_t key[SHA256_BYTES];
	char text[100];
	struct buf out;

	(void)state;
	memset(text, 'x', sizeof text);
	buf_init(&out, 1 << 20);
	answer_cache_init(&c, MAX);
	for (unsigned i = 0; i < N; i++) {
		number_key(key, i);
		assert_false(answer_cache_get(&c, key, &out));
		answer_cache_put(&c, key, text, sizeof text);
		answer_cache_put(&c, key, text, sizeof text);
		assert_true(c.bytes <= MAX);
		number_key(key, 0);
		assert_true(answer_cache_get(&c, key, &out));	/* used, so it stays */
	}
	assert_true(c.count > 300 && c.count < N);
	buf_reset(&out);
	number_key(key, N - 1);
	assert_true(answer_cache_get(&c, key, &out));
	assert_int_equal(out.len, sizeof text);
	number_key(key, 1);
	assert_false(answer_cache_get(&c, key, &out));
	answer_cache_fini(&c);
	buf_fini(&out);
}

static void
what_is_too_large_is_not_kept(void **state)
{
	struct answer_cache c;
	uint8_t key[SHA256_BYTES];
	char text[2000] = "";
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	number_key(key, 1);
	answer_cache_init(&c, 8000);
	answer_cache_put(&c, key, text, sizeof text);
	assert_false(answer_cache_get(&c, key, &out));
	answer_cache_put(&c, key, text, 500);
	assert_true(answer_cache_get(&c, key, &out));
	answer_cache_fini(&c);
	answer_cache_init(&c, 0);
	answer_cache_put(&c, key, text, 0);
	assert_false(answer_cache_get(&c, key, &out));
	answer_cache_fini(&c);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_an_answer_depends_on_is_in_its_key),
	    cmocka_unit_test(the_oldest_use_gives_way),
	    cmocka_unit_test(what_is_too_large_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
