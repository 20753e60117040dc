/* test_hash.c - checksums answer their published vectors. */
#include "unit.h"

#include "hash.h"

static void
crc32c_answers_rfc3720_vectors(void **state)
{
	unsigned char zeros[32] = {0}, ones[32];

	(void)state;
	memset(ones, 0xff, sizeof ones);
	assert_int_equal(hash_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(hash_crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(hash_crc32c(0, ones, 32), 0x62a8ab43);
}

static void
crc32c_of_parts_equals_crc32c_of_the_whole(void **state)
{
	unsigned char bytes[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		bytes[i] = (unsigned char)(i * 31 + 7);
	for (size_t cut = 0; cut <= sizeof bytes; cut += 13) {
		uint32_t c = hash_crc32c(0, bytes, cut);
		assert_int_equal(hash_crc32c(c, bytes + cut, sizeof bytes - cut),
		    hash_crc32c(0, bytes, sizeof bytes));
	}
}

static void
sha256_answers_fips_vector(void **state)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];
	struct err e;

	(void)state;
	assert_ok(hash_sha256_of("abc", 3, digest, &e), &e);
	hash_hex(digest, hex);
	assert_string_equal(
	    hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc32c_answers_rfc3720_vectors),
	    cmocka_unit_test(crc32c_of_parts_equals_crc32c_of_the_whole),
	    cmocka_unit_test(sha256_answers_fips_vector),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
