/* test_vec.c - every tier equals the scalar one: codes as integers, floats bit for bit. */
#include "unit.h"

#include <math.h>

#include "vec.h"

enum { N_MAX = 1100, ROWS = 37 };

static uint32_t state_ = 1;

static uint32_t
next_random(void)
{
	state_ = state_ * 1664525 + 1013904223;
	return state_ >> 8;
}

static float
random_float(void)
{
	return (float)((int32_t)(next_random() % 2000001) - 1000000) / 700000.0f;
}

static void
fill_codes(uint8_t *code, int8_t *q, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		code[i] = (uint8_t)(next_random() % 128);
		q[i] = (int8_t)((int32_t)(next_random() % 256) - 128);
	}
}

#define EACH_TIER(ops) \
	for (int tier_ = 0; tier_ < VEC_TIER_MAX; tier_++) \
		if ((ops = vec_ops_of((enum vec_tier)tier_)) != NULL)

static void
extreme_codes_do_not_saturate(void **state)
{
	static uint8_t code[4096];
	static int8_t q[4096];
	const struct vec_ops *ops;

	(void)state;
	memset(code, 127, sizeof code);
	memset(q, 127, sizeof q);
	EACH_TIER(ops)
		assert_int_equal(ops->dot7(q, code, sizeof q), 4096 * 127 * 127);
	memset(q, -128, sizeof q);
	EACH_TIER(ops)
		assert_int_equal(ops->dot7(q, code, sizeof q), -4096 * 127 * 128);
}

static void
codes_give_the_same_integer_for_every_length(void **state)
{
	static uint8_t code[N_MAX];
	static int8_t q[N_MAX];
	const struct vec_ops *ops;

	(void)state;
	for (size_t n = 0; n < N_MAX; n += n < 200 ? 1 : 37) {
		fill_codes(code, q, n);
		EACH_TIER(ops)
			assert_int_equal(ops->dot7(q, code, n), vec_scalar_ops.dot7(q, code,
			    n));
	}
}

static void
batches_give_the_same_integers(void **state)
{
	static uint8_t codes[ROWS * (N_MAX + 16)];
	static int8_t q[N_MAX];
	const struct vec_ops *ops;
	int32_t want[ROWS], got[ROWS];
	uint32_t ids[ROWS];

	(void)state;
	for (int round = 0; round < 60; round++) {
		size_t n = next_random() % N_MAX, stride = n + 16, count = next_random() % ROWS;
		for (int i = 0; i < ROWS; i++) {
			fill_codes(codes + i * stride, q, n);
			ids[i] = next_random() % ROWS;
		}
		EACH_TIER(ops) {
			vec_scalar_ops.dot7_rows(q, n, codes, stride, count, want);
			ops->dot7_rows(q, n, codes, stride, count, got);
			assert_memory_equal(got, want, count * sizeof *got);
			vec_scalar_ops.dot7_ids(q, n, codes, stride, ids, count, want);
			ops->dot7_ids(q, n, codes, stride, ids, count, got);
			assert_memory_equal(got, want, count * sizeof *got);
		}
	}
}

static void
three_bits_come_back_from_their_bytes(void **state)
{
	uint8_t in[3 * VEC_GROUP], packed[3 * VEC_GROUP_BYTES], out[3 * VEC_GROUP];

	(void)state;
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < sizeof in; i++)
			in[i] = (uint8_t)(next_random() % 8);
		vec_pack3(packed, in, sizeof in);
		vec_unpack3(out, packed, sizeof in);
		assert_memory_equal(out, in, sizeof in);
	}
}

static void
coarse_batches_give_the_same_integers(void **state)
{
	enum { GROUPS = 9, STRIDE = GROUPS * VEC_GROUP_BYTES + 12 };
	static uint8_t codes[ROWS * STRIDE], value[GROUPS * VEC_GROUP];
	static int8_t q[GROUPS * VEC_GROUP];
	const struct vec_ops *ops;
	int32_t want[ROWS], got[ROWS];
	uint32_t ids[ROWS];

	(void)state;
	for (int round = 0; round < 120; round++) {
		size_t groups = 1 + next_random() % GROUPS, n = groups * VEC_GROUP;
		size_t stride = groups * VEC_GROUP_BYTES + 12, count = next_random() % ROWS;
		for (size_t i = 0; i < n; i++)	/* the extremes as well */
			q[i] = (int8_t)(round == 0 ? -128 : round == 1 ? 127
			    : (int32_t)(next_random() % 256) - 128);
		for (size_t i = 0; i < sizeof codes; i++)
			codes[i] = (uint8_t)(round < 2 ? 0xff : next_random());
		for (size_t i = 0; i < count; i++) {
			ids[i] = next_random() % ROWS;
			vec_unpack3(value, codes + i * stride, n);
			want[i] = vec_scalar_ops.dot7(q, value, n);
		}
		EACH_TIER(ops) {
			ops->dot3_rows(q, n, codes, stride, count, got);
			assert_memory_equal(got, want, count * sizeof *got);
		}
		vec_scalar_ops.dot3_ids(q, n, codes, stride, ids, count, want);
		EACH_TIER(ops) {
			ops->dot3_ids(q, n, codes, stride, ids, count, got);
			assert_memory_equal(got, want, count * sizeof *got);
		}
	}
}

static void
assert_same_bits(float a, float b)
{
	assert_memory_equal(&a, &b, sizeof a);
}

static void
floats_are_equal_bit_for_bit(void **state)
{
	static float a[N_MAX], b[N_MAX];
	static uint16_t h[N_MAX];
	const struct vec_ops *ops, *ref = &vec_scalar_ops;

	(void)state;
	for (size_t n = 0; n < N_MAX; n += n < 140 ? 1 : 53) {
		for (size_t i = 0; i < n; i++) {
			a[i] = random_float();
			b[i] = random_float();
		}
		ref->to_half(h, b, n);
		EACH_TIER(ops) {
			assert_same_bits(ops->dot(a, b, n), ref->dot(a, b, n));
			assert_same_bits(ops->l2(a, b, n), ref->l2(a, b, n));
			assert_same_bits(ops->dot_half(a, h, n), ref->dot_half(a, h, n));
			assert_same_bits(ops->l2_half(a, h, n), ref->l2_half(a, h, n));
		}
	}
}

static void
codes_are_added_bit_for_bit_alike(void **state)
{
	static float want[N_MAX + 1], got[N_MAX + 1];
	static int8_t code[N_MAX];
	const struct vec_ops *ops;

	(void)state;
	for (size_t n = 0; n < N_MAX; n += n < 140 ? 1 : 53) {
		for (size_t i = 0; i < n; i++) {
			want[i] = random_float();
			code[i] = (int8_t)(i * 37 + n);
		}
		want[n] = 7;		/* not touched */
		EACH_TIER(ops) {
			memcpy(got, want, sizeof got);
			ops->add_codes(got, 0.37f, code, n);
			for (size_t i = 0; i < n; i++)
				assert_same_bits(got[i], want[i] + 0.37f * (float)code[i]);
			assert_same_bits(got[n], 7);
		}
	}
}

static void
floats_are_added_and_scaled_bit_for_bit_alike(void **state)
{
	static float v[N_MAX], sum[N_MAX + 1], got[N_MAX + 1];
	const struct vec_ops *ops;

	(void)state;
	for (size_t n = 0; n < N_MAX; n += n < 140 ? 1 : 53) {
		for (size_t i = 0; i < n; i++) {
			v[i] = random_float();
			sum[i] = random_float();
		}
		EACH_TIER(ops) {
			memcpy(got, sum, sizeof got);
			got[n] = 7;		/* not touched */
			ops->add(got, 0.37f, v, n);
			for (size_t i = 0; i < n; i++)
				assert_same_bits(got[i], sum[i] + 0.37f * v[i]);
			ops->scale(got, v, 1 / 3.0, n);
			for (size_t i = 0; i < n; i++)
				assert_same_bits(got[i], (float)(v[i] * (1 / 3.0)));
			assert_same_bits(got[n], 7);
			assert_true(ops->scales_alike(v, 0.3, 0.3 * (1 + 0x1p-52), n));
			assert_int_equal(
			    ops->scales_alike(v, 0.3, 0.3 * (1 + 0x1p-22), n), n == 0);
		}
	}
	for (size_t at = 0; at < 20; at++) {
		for (size_t i = 0; i < 20; i++)
			v[i] = i == at;		/* 0 is always alike */
		EACH_TIER(ops) {
			assert_false(ops->scales_alike(v, 1, 1.5, 20));
			assert_true(ops->scales_alike(v, 1, 1.5, at));
		}
	}
}

/* What is of length one already is left alone, as dividing would leave it. */
static void
normalising_is_dividing_by_the_length(void **state)
{
	static float v[N_MAX], one[N_MAX], got[N_MAX];
	size_t same = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		size_t n = 1 + (size_t)round % 300;
		for (size_t i = 0; i < n; i++)
			v[i] = round % 3 == 0 ? ldexpf(random_float() < 0 ? -1 : 1, -(int)(i % 9))
					      : random_float();
		for (int again = 0; again < 3; again++) {
			double by = 1 / sqrt(vec_norm2(v, n));
			for (size_t i = 0; i < n; i++)
				one[i] = (float)(v[i] * by);
			assert_true(vec_normalise(got, v, n));
			assert_memory_equal(got, one, n * sizeof *one);
			same += memcmp(v, one, n * sizeof *one) == 0;
			/* Almost of length one, too. */
			for (size_t i = 0; i < n; i++)
				v[i] = one[i] * (1 + (float)(round % 5) * 0x1p-25f);
		}
	}
	assert_true(same > 3000);
}

static void
dot_stays_within_its_error_bound(void **state)
{
	static float a[N_MAX], b[N_MAX];
	double sum = 0, size = 0;

	(void)state;
	for (size_t i = 0; i < N_MAX; i++) {
		a[i] = random_float();
		b[i] = random_float();
		sum += (double)a[i] * b[i];
		size += fabs((double)a[i] * b[i]);
	}
	assert_true(fabs(vec_ops()->dot(a, b,
	    N_MAX) - sum) <= size * (N_MAX / 32.0 + 6) * 0x1p-24);
}

static void
halves_round_alike_and_come_back(void **state)
{
	static const float odd[] = {0, -0.0f, 1, 65504, 65519.9f, 65520, 1e9f, -1e9f, 0x1p-24f,
	    0x1p-25f, 0x1.8p-25f, 0x1.004p-14f, 5.9e-8f, 1e-20f, 0x1.002p0f, 0x1.006p0f,
	    INFINITY};
	const struct vec_ops *ops, *ref = &vec_scalar_ops;
	uint16_t want[17], got[17], back[17];
	float wide[17];

	(void)state;
	ref->to_half(want, odd, 17);
	EACH_TIER(ops) {
		ops->to_half(got, odd, 17);
		assert_memory_equal(got, want, sizeof want);
	}
	for (uint32_t h = 0; h < 0x7c01; h += 17) {	/* every 17th finite half, and some */
		for (uint32_t i = 0; i < 17; i++)
			got[i] = (uint16_t)(h + i <= 0x7c00 ? h + i : 0);
		EACH_TIER(ops) {
			ops->from_half(wide, got, 17);
			ops->to_half(back, wide, 17);
			assert_memory_equal(back, got, sizeof got);
		}
	}
}

static void
normalised_vectors_have_length_one(void **state)
{
	float v[100], u[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		v[i] = random_float() * 1e18f;
	assert_true(vec_normalise(u, v, 100));
	assert_true(fabs(vec_norm2(u, 100) - 1) < 1e-6);
	memset(v, 0, sizeof v);
	assert_false(vec_normalise(u, v, 100));
	v[3] = NAN;
	assert_false(vec_normalise(u, v, 100));
	assert_false(vec_is_finite(v, 100));
}

static void
a_tier_is_named_and_stays(void **state)
{
	(void)state;
	assert_non_null(vec_ops()->name);
	assert_ptr_equal(vec_ops(), vec_ops());
	assert_ptr_equal(vec_ops_of(VEC_SCALAR), &vec_scalar_ops);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(extreme_codes_do_not_saturate),
	    cmocka_unit_test(codes_give_the_same_integer_for_every_length),
	    cmocka_unit_test(batches_give_the_same_integers),
	    cmocka_unit_test(three_bits_come_back_from_their_bytes),
	    cmocka_unit_test(coarse_batches_give_the_same_integers),
	    cmocka_unit_test(floats_are_equal_bit_for_bit),
	    cmocka_unit_test(codes_are_added_bit_for_bit_alike),
	    cmocka_unit_test(floats_are_added_and_scaled_bit_for_bit_alike),
	    cmocka_unit_test(normalising_is_dividing_by_the_length),
	    cmocka_unit_test(dot_stays_within_its_error_bound),
	    cmocka_unit_test(halves_round_alike_and_come_back),
	    cmocka_unit_test(normalised_vectors_have_length_one),
	    cmocka_unit_test(a_tier_is_named_and_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
