/* test_gateway_cache.c - vectors kept within their bytes, the oldest use thrown out. */
#include "unit.h"

#include <stdbool.h>

#include "../../fcgi/gateway_cache.h"

static void
key_of(unsigned i, uint8_t key[CACHE_KEY_BYTES])
{
	memset(key, 0, CACHE_KEY_BYTES);
	memcpy(key, &i, sizeof i);
	key[31] = 7;
}

static bool
has(struct gateway_cache *c, unsigned i)
{
	uint8_t key[CACHE_KEY_BYTES];
	uint32_t dim;
	const float *v;

	key_of(i, key);
	v = cache_get(c, key, &dim);
	if (v != NULL && (dim != 3 || v[0] != (float)i))
		fail_msg("%u has another's vector", i);
	return v != NULL;
}

static void
put(struct gateway_cache *c, unsigned i)
{
	uint8_t key[CACHE_KEY_BYTES];
	float vector[3] = {(float)i, 1, 2};

	key_of(i, key);
	cache_put(c, key, vector, 3);
}

static void
what_was_put_is_found_again_and_nothing_else(void **state)
{
	struct gateway_cache c;

	(void)state;
	cache_init(&c, 1 << 20);
	assert_false(has(&c, 1));
	for (unsigned i = 0; i < 3000; i++)
		put(&c, i);
	for (unsigned i = 0; i < 3000; i++)
		assert_true(has(&c, i));
	assert_false(has(&c, 3000));
	assert_int_equal(c.count, 3000);
	assert_int_equal(c.hits, 3000);
	assert_int_equal(c.misses, 2);
	cache_fini(&c);
}

static void
it_never_holds_more_bytes_than_it_may(void **state)
{
	struct gateway_cache c;

	(void)state;
	cache_init(&c, 10000);
	for (unsigned i = 0; i < 2000; i++) {
		put(&c, i);
		assert_true(c.bytes <= 10000);
		assert_true(has(&c, i));
	}
	assert_true(c.count > 50 && c.count < 200);
	cache_fini(&c);
}

static void
what_was_used_last_stays_longest(void **state)
{
	struct gateway_cache c;
	unsigned fits;

	(void)state;
	cache_init(&c, 10000);
	for (fits = 0; c.count == fits; fits++)
		put(&c, fits);
	fits = (unsigned)c.count;
	assert_true(has(&c, 1));		/* 0 was thrown out; 1 is used again */
	assert_false(has(&c, 0));
	for (unsigned i = 0; i < fits - 1; i++)
		put(&c, 1000 + i);
	assert_true(has(&c, 1));
	assert_false(has(&c, 2));
	cache_fini(&c);
}

static void
without_room_nothing_is_kept(void **state)
{
	struct gateway_cache c;

	(void)state;
	cache_init(&c, 0);
	put(&c, 1);
	assert_false(has(&c, 1));
	assert_int_equal(c.bytes, 0);
	cache_fini(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_is_found_again_and_nothing_else),
	    cmocka_unit_test(it_never_holds_more_bytes_than_it_may),
	    cmocka_unit_test(what_was_used_last_stays_longest),
	    cmocka_unit_test(without_room_nothing_is_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
