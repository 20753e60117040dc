/* test_rpx.c - the index container: what goes in comes out, and damage is refused. */
#include "unit.h"

#include <unistd.h>

#include "file.h"
#include "rpx.h"

static char *folder;
static char path[600];

static int
make_folder(void **state)
{
	(void)state;
	folder = unit_folder();
	snprintf(path, sizeof path, "%s/index.rpx", folder);
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(folder);
	return 0;
}

static void
write_sample(void)
{
	struct rpx_writer *w;
	struct err e;

	unlink(path);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(rpx_add(w, RPX_TERMS, "hello", 5, 1, &e), &e);
	assert_ok(rpx_begin(w, RPX_CODES, &e), &e);
	for (int i = 0; i < 100000; i++)
		assert_ok(rpx_put(w, &i, sizeof i, &e), &e);
	assert_ok(rpx_end(w, 100000, &e), &e);
	assert_ok(rpx_add(w, RPX_SAME, "", 0, 0, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
}

static void
sections_read_back_as_written(void **state)
{
	struct rpx r;
	struct err e;
	size_t n;
	uint64_t items;
	const int *numbers;

	(void)state;
	write_sample();
	assert_ok(rpx_open(&r, path, &e), &e);
	assert_string_equal(r.tenant, "alpha");
	assert_memory_equal(rpx_find(&r, RPX_TERMS, &n, &items), "hello", 5);
	assert_int_equal(n, 5);
	numbers = rpx_find(&r, RPX_CODES, &n, &items);
	assert_int_equal(items, 100000);
	assert_int_equal(numbers[99999], 99999);
	assert_non_null(rpx_find(&r, RPX_SAME, &n, &items));
	assert_int_equal(n, 0);
	assert_null(rpx_find(&r, RPX_LINKS, &n, &items));
	assert_refused(rpx_need(&r, RPX_LINKS, &n, &items, &e) == NULL ? -1 : 0, &e, ERR_CORRUPT);
	assert_ok(rpx_verify(&r, &e), &e);
	rpx_close(&r);
}

static void
same_input_gives_same_bytes(void **state)
{
	char *one, *two;
	size_t n1, n2;
	struct err e;

	(void)state;
	write_sample();
	assert_ok(file_read(&one, &n1, path, 1 << 24, &e), &e);
	write_sample();
	assert_ok(file_read(&two, &n2, path, 1 << 24, &e), &e);
	assert_int_equal(n1, n2);
	assert_memory_equal(one, two, n1);
	free(one);
	free(two);
}

/* Any flipped bit must be found: in the header and table at open, in a section by
 * verify, in the padding by nothing (it is not read by anyone). */
static void
every_flipped_bit_is_found(void **state)
{
	char *bytes;
	size_t n, at;
	struct rpx r;
	struct err e;
	uint32_t random = 1;

	(void)state;
	write_sample();
	assert_ok(file_read(&bytes, &n, path, 1 << 24, &e), &e);
	for (int i = 0; i < 300; i++) {
		random = random * 1664525 + 1013904223;
		at = i < 150 ? (random >> 8) % 4096 : 8192 + (random >> 8) % 400000;
		bytes[at] ^= (char)(1 << random % 8);
		assert_ok(file_replace(path, bytes, n, 0600, &e), &e);
		if (rpx_open(&r, path, &e) == 0) {
			if (rpx_verify(&r, &e) == 0)
				fail_msg("flip at %zu went unseen", at);
			rpx_close(&r);
		}
		bytes[at] ^= (char)(1 << random % 8);
	}
	free(bytes);
}

static void
every_truncation_is_refused(void **state)
{
	char *bytes;
	size_t n;
	struct rpx r;
	struct err e;

	(void)state;
	write_sample();
	assert_ok(file_read(&bytes, &n, path, 1 << 24, &e), &e);
	for (size_t len = 0; len < n; len += len < 5000 ? 97 : 4099) {
		assert_ok(file_replace(path, bytes, len, 0600, &e), &e);
		assert_refused(rpx_open(&r, path, &e), &e, ERR_CORRUPT);
	}
	free(bytes);
}

static void
unfinished_file_leaves_nothing(void **state)
{
	struct rpx_writer *w;
	struct err e;

	(void)state;
	unlink(path);
	assert_ok(rpx_create(&w, path, "alpha", &e), &e);
	assert_ok(rpx_add(w, RPX_TERMS, "x", 1, 1, &e), &e);
	rpx_abandon(w);
	assert_int_equal(access(path, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sections_read_back_as_written),
	    cmocka_unit_test(same_input_gives_same_bytes),
	    cmocka_unit_test(every_flipped_bit_is_found),
	    cmocka_unit_test(every_truncation_is_refused),
	    cmocka_unit_test(unfinished_file_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
