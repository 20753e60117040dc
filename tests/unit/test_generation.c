/* test_generation.c - generations: published once, verified whole, swept with care. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "generation.h"
#include "rpx.h"

static char *data;

static int
make_folder(void **state)
{
	(void)state;
	data = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(data);
	return 0;
}

/* A folder ready to be published whose index holds `content`. */
static void
prepare(char tmp[600], const char *content, const char *version)
{
	struct manifest m = {.documents = 1, .chunks = 1};
	struct rpx_writer *w;
	uint8_t digest[SHA256_BYTES];
	char path[700], hash12[13];
	struct err e;

	snprintf(tmp, 600, "%s/tenants/t/gen/.tmp-%d-test", data, (int)getpid());
	assert_ok(file_make_dirs(tmp, 0755, &e), &e);
	snprintf(path, sizeof path, "%s/index.rpx", tmp);
	assert_ok(rpx_create(&w, path, "t", &e), &e);
	assert_ok(rpx_add(w, RPX_TERMS, content, strlen(content), 1, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	assert_ok(hash_sha256_file(path, digest, &m.index_bytes, &e), &e);
	hash_hex(digest, m.index_sha256);
	snprintf(path, sizeof path, "%s/store.db", tmp);
	assert_ok(file_replace(path, "store", 5, 0600, &e), &e);
	assert_ok(hash_sha256_file(path, digest, &m.store_bytes, &e), &e);
	hash_hex(digest, m.store_sha256);
	strcpy(m.tenant, "t");
	snprintf(m.config_version, sizeof m.config_version, "%s", version);
	assert_ok(manifest_write(&m, tmp, hash12, &e), &e);
}

static void
publish(char name[GENERATION_NAME_BYTES], const char *content, const char *version, bool *existed)
{
	char tmp[600];
	struct err e;

	prepare(tmp, content, version);
	assert_ok(generation_publish(name, existed, data, "t", tmp, &e), &e);
	assert_int_equal(access(tmp, F_OK), -1);
}

static void
same_content_keeps_its_name(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES], three[GENERATION_NAME_BYTES];
	bool existed;

	(void)state;
	publish(one, "aaa", "v1", &existed);
	assert_false(existed);
	publish(two, "bbb", "v1", &existed);
	assert_false(existed);
	assert_int_equal(generation_seq(two), generation_seq(one) + 1);
	publish(three, "aaa", "v1", &existed);
	assert_true(existed);
	assert_string_equal(one, three);
	publish(three, "aaa", "v2", &existed);
	assert_false(existed);
}

static void
a_damaged_one_is_made_again_beside_it(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES], dir[4096], path[4200];
	bool existed;
	struct err e;

	(void)state;
	publish(one, "to be damaged", "v1", &existed);
	assert_ok(generation_dir(dir, data, "t", one, &e), &e);
	snprintf(path, sizeof path, "%s/index.rpx", dir);
	assert_int_equal(truncate(path, 4096), 0);
	publish(two, "to be damaged", "v1", &existed);
	assert_false(existed);
	assert_int_equal(generation_seq(two), generation_seq(one) + 1);
	assert_string_equal(strchr(two, '-'), strchr(one, '-'));
	assert_ok(generation_verify(data, "t", two, &e), &e);
	assert_refused(generation_verify(data, "t", one, &e), &e, ERR_CORRUPT);
	publish(one, "to be damaged", "v1", &existed);
	assert_true(existed);
	assert_string_equal(one, two);
}

static void
published_files_cannot_be_written(void **state)
{
	char name[GENERATION_NAME_BYTES], dir[4096], path[4200];
	struct stat st;
	bool existed;
	struct err e;

	(void)state;
	publish(name, "sealed", "v1", &existed);
	assert_ok(generation_dir(dir, data, "t", name, &e), &e);
	snprintf(path, sizeof path, "%s/index.rpx", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
}

static void
verify_finds_a_changed_byte_in_any_file(void **state)
{
	static const char *const files[] = {"manifest.json", "store.db", "index.rpx"};
	char name[GENERATION_NAME_BYTES], dir[4096], path[4200], *bytes;
	size_t n;
	bool existed;
	struct err e;

	(void)state;
	publish(name, "verify me", "v1", &existed);
	assert_ok(generation_verify(data, "t", name, &e), &e);
	assert_ok(generation_dir(dir, data, "t", name, &e), &e);
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		assert_ok(file_read(&bytes, &n, path, 1 << 20, &e), &e);
		bytes[n / 2] ^= 1;
		assert_ok(file_replace(path, bytes, n, 0440, &e), &e);
		assert_refused(generation_verify(data, "t", name, &e), &e, ERR_CORRUPT);
		bytes[n / 2] ^= 1;
		assert_ok(file_replace(path, bytes, n, 0440, &e), &e);
		free(bytes);
	}
	assert_ok(generation_verify(data, "t", name, &e), &e);
}

static void
the_pointer_names_only_what_exists(void **state)
{
	char name[GENERATION_NAME_BYTES], current[GENERATION_NAME_BYTES];
	bool existed;
	struct err e;

	(void)state;
	assert_refused(generation_current(current, data, "nobody", &e), &e, ERR_NOT_READY);
	assert_refused(
	    generation_set_current(data, "t", "99-0123456789ab", &e), &e, ERR_NOT_FOUND);
	publish(name, "point", "v1", &existed);
	assert_ok(generation_set_current(data, "t", name, &e), &e);
	assert_ok(generation_current(current, data, "t", &e), &e);
	assert_string_equal(current, name);
}

static struct generation_use
is_the_one(void *context, const char *name)
{
	return (struct generation_use){.is_used = strcmp(name, context) == 0};
}

static const struct generation_rules two = {.keep = 2}, many = {.keep = 100};

/* All but the first two. */
static struct generation_use
is_a_late_one(void *context, const char *name)
{
	char(*names)[GENERATION_NAME_BYTES] = context;

	return (struct generation_use){
	    .is_refused = strcmp(name, names[0]) != 0 && strcmp(name, names[1]) != 0};
}

static void
what_was_refused_costs_no_place(void **state)
{
	char names[6][GENERATION_NAME_BYTES], content[32], dir[4096];
	bool existed;
	struct err e;

	(void)state;
	for (int i = 0; i < 6; i++) {
		snprintf(content, sizeof content, "refused %d", i);
		publish(names[i], content, "v1", &existed);
	}
	assert_ok(generation_set_current(data, "t", names[1], &e), &e);
	assert_ok(generation_sweep(data, "t", &two, is_a_late_one, names, &e), &e);
	for (int i = 0; i < 6; i++) {
		assert_ok(generation_dir(dir, data, "t", names[i], &e), &e);
		assert_int_equal(file_is_folder(dir), i < 2 || i == 5);
	}
}

static void
sweeping_spares_current_and_used(void **state)
{
	char names[6][GENERATION_NAME_BYTES], content[32], dir[4096], verdict[4096];
	bool existed;
	struct err e;

	(void)state;
	for (int i = 0; i < 6; i++) {
		snprintf(content, sizeof content, "sweep %d", i);
		publish(names[i], content, "v1", &existed);
		assert_ok(generation_verdict_path(verdict, data, "t", names[i], &e), &e);
		snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(verdict, '/') - verdict), verdict);
		assert_ok(file_make_dirs(dir, 0755, &e), &e);
		assert_ok(file_replace(verdict, "{}", 2, 0644, &e), &e);
	}
	assert_ok(generation_set_current(data, "t", names[0], &e), &e);
	assert_ok(generation_sweep(data, "t", &two, is_the_one, names[1], &e), &e);
	for (int i = 0; i < 6; i++) {
		assert_ok(generation_dir(dir, data, "t", names[i], &e), &e);
		assert_int_equal(file_is_folder(dir), i != 2 && i != 3);
		assert_ok(generation_verdict_path(verdict, data, "t", names[i], &e), &e);
		assert_int_equal(access(verdict, F_OK) == 0, i != 2 && i != 3);
	}
}

/* The generation was sealed at this second. */
static void
set_sealed(const char *name, int64_t s)
{
	const struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s}};
	char dir[4000], path[4096];
	struct err e;

	assert_ok(generation_dir(dir, data, "t", name, &e), &e);
	snprintf(path, sizeof path, "%s/manifest.json", dir);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static bool
is_there(const char *name)
{
	char dir[4096];
	struct err e;

	assert_ok(generation_dir(dir, data, "t", name, &e), &e);
	return file_is_folder(dir);
}

static struct generation_use
is_refused_one(void *context, const char *name)
{
	return (struct generation_use){.is_refused = strcmp(name, context) == 0};
}

static void
time_is_over_so_long_after_a_successor_came(void **state)
{
	struct generation_rules r = {.keep = 100, .ttl_s = 1000, .now_s = 10000};
	char names[5][GENERATION_NAME_BYTES], content[32];
	bool existed;
	struct err e;

	(void)state;
	for (int i = 0; i < 5; i++) {
		snprintf(content, sizeof content, "old %d", i);
		publish(names[i], content, "v1", &existed);
	}
	/* 0 was replaced at 5000, 1 at 9100, 2 at 9500; 3 is refused and replaced nothing */
	set_sealed(names[0], 100);
	set_sealed(names[1], 5000);
	set_sealed(names[2], 9100);
	set_sealed(names[3], 9200);
	set_sealed(names[4], 9500);
	assert_ok(generation_set_current(data, "t", names[4], &e), &e);
	assert_ok(generation_sweep(data, "t", &r, is_refused_one, names[3], &e), &e);
	for (int i = 0; i < 5; i++)
		assert_int_equal(is_there(names[i]), i != 0);
	r.now_s = 10101;		/* 1 has been replaced for 1001 s, 2 for 601 */
	assert_ok(generation_sweep(data, "t", &r, is_refused_one, names[3], &e), &e);
	assert_false(is_there(names[1]));
	assert_true(is_there(names[2]) && is_there(names[3]));
	r.now_s = 10201;		/* the refused one by its own age */
	assert_ok(generation_sweep(data, "t", &r, is_refused_one, names[3], &e), &e);
	assert_true(is_there(names[2]) && !is_there(names[3]) && is_there(names[4]));
}

static void
live_and_used_ones_have_no_end(void **state)
{
	struct generation_rules r = {.keep = 1, .ttl_s = 1, .now_s = 1000000};
	char names[4][GENERATION_NAME_BYTES], content[32];
	bool existed;
	struct err e;

	(void)state;
	for (int i = 0; i < 4; i++) {
		snprintf(content, sizeof content, "in use %d", i);
		publish(names[i], content, "v1", &existed);
		set_sealed(names[i], 100 + i);
	}
	assert_ok(generation_set_current(data, "t", names[0], &e), &e);
	assert_ok(generation_sweep(data, "t", &r, is_the_one, names[1], &e), &e);
	assert_true(is_there(names[0]));	/* `current`: rolled back to, say */
	assert_true(is_there(names[1]));	/* pinned, or a worker has it */
	assert_false(is_there(names[2]));
	assert_true(is_there(names[3]));	/* nothing has replaced it */
}

static void
a_dead_builds_folder_is_swept_a_live_ones_is_not(void **state)
{
	char dead[600], live[600], pointer[600];
	struct err e;

	(void)state;
	snprintf(dead, sizeof dead, "%s/tenants/t/gen/.tmp-%d-build", data, 0x3fffff0);
	snprintf(live, sizeof live, "%s/tenants/t/gen/.tmp-%d-build", data, (int)getpid());
	assert_ok(file_make_dirs(dead, 0755, &e), &e);
	assert_ok(file_make_dirs(live, 0755, &e), &e);
	snprintf(pointer, sizeof pointer, "%s/tenants/t/current.tmp-%d", data, 0x3fffff0);
	assert_ok(file_replace(pointer, "x", 1, 0644, &e), &e);
	assert_ok(generation_sweep(data, "t", &many, NULL, NULL, &e), &e);
	assert_false(file_is_folder(dead));
	assert_true(file_is_folder(live));
	assert_int_equal(access(pointer, F_OK), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_content_keeps_its_name),
	    cmocka_unit_test(a_damaged_one_is_made_again_beside_it),
	    cmocka_unit_test(published_files_cannot_be_written),
	    cmocka_unit_test(verify_finds_a_changed_byte_in_any_file),
	    cmocka_unit_test(the_pointer_names_only_what_exists),
	    cmocka_unit_test(sweeping_spares_current_and_used),
	    cmocka_unit_test(what_was_refused_costs_no_place),
	    cmocka_unit_test(time_is_over_so_long_after_a_successor_came),
	    cmocka_unit_test(live_and_used_ones_have_no_end),
	    cmocka_unit_test(a_dead_builds_folder_is_swept_a_live_ones_is_not),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
