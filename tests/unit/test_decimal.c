/* test_decimal.c - numbers as text: what printf says, without it. */
#include "unit.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "decimal.h"

static void
whole_numbers(void **state)
{
	static const uint64_t rows[] = {0, 1, 9, 10, 99, 100, 4294967295u, 4294967296u,
	    UINT64_C(9999999999999999999), UINT64_MAX};
	char got[DECIMAL_BYTES], wanted[DECIMAL_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		snprintf(wanted, sizeof wanted, "%" PRIu64, rows[i]);
		assert_int_equal(decimal_of(rows[i], got), strlen(wanted));
		assert_string_equal(got, wanted);
	}
}

static void
assert_float(float value)
{
	char got[DECIMAL_BYTES], wanted[40];
	size_t n = decimal_of_float(value, got);

	for (int digits = 6; digits <= 9; digits++) {
		snprintf(wanted, sizeof wanted, "%.*g", digits, (double)value);
		if (strtof(wanted, NULL) == value)
			break;
	}
	if (n != strlen(wanted) || strcmp(got, wanted) != 0)
		fail_msg("%a: %s, printf says %s", (double)value, got, wanted);
}

/* Where the way of writing changes, and where a float has neighbours that are not equally far. */
static void
floats_at_the_edges(void **state)
{
	static const float rows[] = {0, -0.0f, 1, 0.5f, 0.1f, 1e-4f, 1e5f, 1e6f, 123456.7f, 99999.99f,
	    0.99999994f, 9.9999999f, 999999.9f, 1e-5f, FLT_MIN, FLT_MAX, FLT_TRUE_MIN, 16777216, 1e10f};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_float(rows[i]);
		assert_float(-rows[i]);
		assert_float(nextafterf(rows[i], 0));
		if (rows[i] < FLT_MAX)
			assert_float(nextafterf(rows[i], FLT_MAX));
	}
	for (int e = -20; e <= 20; e++) {
		float two = ldexpf(1, e), ten = (float)pow(10, e);
		assert_float(two);
		assert_float(nextafterf(two, 0));
		assert_float(nextafterf(two, FLT_MAX));
		assert_float(ten);
		assert_float(nextafterf(ten, 0));
		assert_float(nextafterf(ten, FLT_MAX));
	}
}

static void
floats_of_all_sizes(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (int i = 0; i < 300000; i++) {
		float value;
		uint32_t bits;
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		/* Mostly of the sizes that scores have, from 2^-15 to 2^17. */
		bits = (uint32_t)x & 0x807fffff;
		bits |= (uint32_t)(i % 8 == 0 ? x >> 40 & 0xff : 112 + (x >> 40) % 33) << 23;
		memcpy(&value, &bits, sizeof value);
		if (isfinite(value))
			assert_float(value);
	}
	for (int i = 0; i < 100000; i++)
		assert_float((float)i / 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(floats_at_the_edges),
	    cmocka_unit_test(floats_of_all_sizes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
