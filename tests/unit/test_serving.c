/* test_serving.c - a worker's open generations: moved whole, kept when the new one is bad. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../fcgi/quarantine.h"
#include "../../fcgi/serving.h"
#include "build.h"
#include "file.h"

static char *base;
static char data[600], docs[600];

static int
make_folder(void **state)
{
	(void)state;
	base = unit_folder();
	snprintf(data, sizeof data, "%s/data", base);
	snprintf(docs, sizeof docs, "%s/docs", base);
	return file_make_dirs(docs, 0755, NULL);
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static void
build(const char *tenant, const char *text, char name[GENERATION_NAME_BYTES])
{
	struct build_config c = {.version = "v", .source_type = "directory", .chunk_size = 128,
	    .chunk_overlap = 8, .language = "english", .embedding_model = "builtin:lsa"};
	struct build_request r = {.data_dir = data, .tenant = tenant, .config = &c};
	struct build_report report;
	char path[700];
	struct err e;

	snprintf(c.source_path, sizeof c.source_path, "%s", docs);
	snprintf(path, sizeof path, "%s/a.txt", docs);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
	assert_ok(build_run(&r, &report, &e), &e);
	memcpy(name, report.generation, GENERATION_NAME_BYTES);
}

static void
save(uint64_t epoch, const char *generation_of_a, const char *generation_of_b)
{
	struct roster r = {.epoch = epoch};
	struct err e;

	assert_ok(roster_add(&r, "a", generation_of_a, &e), &e);
	if (generation_of_b != NULL)
		assert_ok(roster_add(&r, "b", generation_of_b, &e), &e);
	assert_ok(roster_add(&r, "soon", NULL, &e), &e);
	assert_ok(roster_save(&r, data, &e), &e);
	roster_fini(&r);
}

static void
expect(struct serving *s, const char *tenant, const char *generation)
{
	struct index *x;
	struct err e;

	assert_ok(serving_get(s, tenant, &x, &e), &e);
	assert_string_equal(index_generation(x), generation);
}

static void
a_tenant_is_served_from_its_epoch_only(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES], b[GENERATION_NAME_BYTES];
	struct serving_move_report moved;
	struct serving *s;
	struct index *x;
	struct err e;

	(void)state;
	build("a", "first words", one);
	build("a", "second words", two);
	build("b", "other words", b);
	save(1, one, b);
	save(2, two, b);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 1, &moved, &e), &e);
	expect(s, "a", one);
	expect(s, "b", b);
	assert_refused(serving_get(s, "soon", &x, &e), &e, ERR_NOT_READY);
	assert_refused(serving_get(s, "nobody", &x, &e), &e, ERR_TENANT);
	assert_int_equal(serving_get(s, "nobody", &x, NULL), -1);
	assert_int_equal(serving_get(s, "soon", &x, NULL), -1);
	assert_refused(serving_get(s, "../a", &x, &e), &e, ERR_TENANT_NAME);
	assert_int_equal(serving_get(s, "soon", &x, NULL), -1);	/* the reason may be unwanted */
	assert_ok(serving_move(s, 2, &moved, &e), &e);
	assert_int_equal(moved.moved, 1);
	expect(s, "a", two);
	assert_ok(serving_move(s, 1, &moved, &e), &e);
	expect(s, "a", one);
	assert_refused(serving_move(s, 77, &moved, &e), &e, ERR_NOT_FOUND);
	expect(s, "a", one);
	serving_free(s);
}

static void
a_bad_generation_leaves_its_tenant_where_it_was(void **state)
{
	char good[GENERATION_NAME_BYTES], bad[GENERATION_NAME_BYTES], b[GENERATION_NAME_BYTES],
	    b2[GENERATION_NAME_BYTES];
	char path[4096];
	struct serving_move_report moved;
	struct serving *s;
	struct err e;

	(void)state;
	build("a", "good words", good);
	build("a", "bad words", bad);
	build("b", "b one", b);
	build("b", "b two", b2);
	snprintf(path, sizeof path, "%s/tenants/a/gen/%s/index.rpx", data, bad);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(truncate(path, 5000), 0);
	save(11, good, b);
	save(12, bad, b2);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 11, &moved, &e), &e);
	expect(s, "a", good);
	expect(s, "b", b);
	assert_ok(serving_move(s, 12, &moved, &e), &e);
	assert_int_equal(moved.refused, 1);
	assert_true(moved.is_data);
	assert_string_equal(moved.tenant, "a");
	assert_non_null(strstr(moved.refusal, "index.rpx"));
	assert_int_equal(serving_behind_count(s), 1);
	expect(s, "a", good);
	expect(s, "b", b2);
	assert_ok(serving_move(s, 11, &moved, &e), &e);
	assert_int_equal(serving_behind_count(s), 0);
	serving_free(s);
}

static void
a_generation_that_can_be_opened_again_is(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES], path[4096], aside[4096];
	struct serving_move_report moved;
	struct serving *s;
	struct index *x;
	struct err e;
	int looks = 0;

	(void)state;
	build("a", "words of one", one);
	build("a", "words of two", two);
	snprintf(path, sizeof path, "%s/tenants/a/gen/%s", data, two);
	snprintf(aside, sizeof aside, "%s/aside", data);
	assert_int_equal(rename(path, aside), 0);
	save(81, one, NULL);
	save(82, two, NULL);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 81, &moved, &e), &e);
	expect(s, "a", one);
	assert_ok(serving_move(s, 82, &moved, &e), &e);
	assert_int_equal(moved.refused, 1);
	expect(s, "a", one);
	assert_int_equal(rename(aside, path), 0);
	do {
		usleep(20000);
		assert_ok(serving_get(s, "a", &x, &e), &e);
	} while (strcmp(index_generation(x), two) != 0 && ++looks < 3000);
	assert_string_equal(index_generation(x), two);
	assert_int_equal(serving_behind_count(s), 0);
	serving_free(s);
}

/* No descriptor beyond those that are open, and `spare` more. */
static void
limit_descriptors(struct rlimit *before, int spare)
{
	struct rlimit now;
	int next = dup(0);

	assert_int_equal(getrlimit(RLIMIT_NOFILE, before), 0);
	now = *before;
	now.rlim_cur = (rlim_t)(next + spare);
	close(next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static void
without_descriptors_the_oldest_makes_room(void **state)
{
	char a[GENERATION_NAME_BYTES], a2[GENERATION_NAME_BYTES], b[GENERATION_NAME_BYTES];
	struct serving_move_report moved;
	struct rlimit before;
	struct serving *s;
	struct err e;

	(void)state;
	build("a", "a in the narrow place", a);
	build("a", "a in the narrow place, again", a2);
	build("b", "b in the narrow place", b);
	save(91, a, b);
	save(92, a2, b);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 91, &moved, &e), &e);
	expect(s, "b", b);
	limit_descriptors(&before, 0);
	expect(s, "a", a);		/* in the place of b */
	assert_int_equal(serving_open_count(s), 1);
	setrlimit(RLIMIT_NOFILE, &before);
	expect(s, "b", b);
	limit_descriptors(&before, 0);
	assert_ok(serving_move(s, 92, &moved, &e), &e);
	assert_int_equal(moved.refused, 0);
	expect(s, "a", a2);
	expect(s, "b", b);
	setrlimit(RLIMIT_NOFILE, &before);
	serving_free(s);
}

static void
a_removed_tenant_is_gone_after_the_move(void **state)
{
	char a[GENERATION_NAME_BYTES], b[GENERATION_NAME_BYTES];
	struct serving_move_report moved;
	struct serving *s;
	struct index *x;
	struct err e;

	(void)state;
	build("a", "a text", a);
	build("b", "b text", b);
	save(21, a, b);
	save(22, a, NULL);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 21, &moved, &e), &e);
	expect(s, "b", b);
	assert_ok(serving_move(s, 22, &moved, &e), &e);
	assert_refused(serving_get(s, "b", &x, &e), &e, ERR_TENANT);
	assert_int_equal(serving_open_count(s), 0);
	expect(s, "a", a);
	serving_free(s);
}

static void
without_a_roster_the_pointer_is_followed(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES];
	struct serving_move_report moved;
	struct serving *s;
	struct index *x;
	struct err e;

	(void)state;
	build("hand", "by hand", one);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_refused(serving_get(s, "hand", &x, &e), &e, ERR_NOT_READY);
	assert_refused(serving_get(s, "nobody", &x, &e), &e, ERR_TENANT);
	assert_ok(generation_set_current(data, "hand", one, &e), &e);
	expect(s, "hand", one);
	build("hand", "by hand again", two);
	assert_ok(generation_set_current(data, "hand", two, &e), &e);
	expect(s, "hand", one);
	assert_ok(serving_move(s, 0, &moved, &e), &e);
	expect(s, "hand", two);
	serving_free(s);
}

static void
put_verdict(const char *tenant, const char *generation, const char *verdict)
{
	char path[4096], text[64], *slash;
	struct err e;

	assert_ok(generation_verdict_path(path, data, tenant, generation, &e), &e);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_ok(file_make_dirs(path, 0755, &e), &e);
	*slash = '/';
	snprintf(text, sizeof text, "{\"verdict\": \"%s\"}\n", verdict);
	assert_ok(file_replace(path, text, strlen(text), 0644, &e), &e);
}

static void
what_may_not_serve_is_not_opened_by_its_name(void **state)
{
	char old[GENERATION_NAME_BYTES], live[GENERATION_NAME_BYTES], next[GENERATION_NAME_BYTES];
	struct serving_move_report report;
	struct quarantine q = {0};
	struct serving *s;
	struct index *x;
	struct err e;

	(void)state;
	build("q", "old words", old);
	build("q", "live words", live);
	build("q", "next words", next);
	{
		struct roster r = {.epoch = 81};
		assert_ok(roster_add(&r, "q", live, &e), &e);
		assert_ok(roster_save(&r, data, &e), &e);
		roster_fini(&r);
	}
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 81, &report, &e), &e);
	assert_refused(serving_get_pinned(s, "q", next, &x, &e), &e, ERR_GENERATION);
	put_verdict("q", next, "inconclusive");
	assert_refused(serving_get_pinned(s, "q", next, &x, &e), &e, ERR_GENERATION);
	put_verdict("q", next, "fail");
	assert_refused(serving_get_pinned(s, "q", next, &x, &e), &e, ERR_GENERATION);
	put_verdict("q", next, "pass");
	assert_ok(serving_get_pinned(s, "q", next, &x, &e), &e);
	assert_ok(serving_get_pinned(s, "q", old, &x, &e), &e);
	put_verdict("q", old, "fail");
	assert_refused(serving_get_pinned(s, "q", old, &x, &e), &e, ERR_GENERATION);
	assert_ok(quarantine_add(&q, "q", next, "it ended workers", 1, &e), &e);
	assert_ok(quarantine_save(&q, data, &e), &e);
	assert_refused(serving_get_pinned(s, "q", next, &x, &e), &e, ERR_GENERATION);
	assert_ok(serving_get_pinned(s, "q", live, &x, &e), &e);
	quarantine_fini(&q);
	serving_free(s);
}

static void
an_older_generation_answers_when_it_is_named(void **state)
{
	char first[GENERATION_NAME_BYTES], second[GENERATION_NAME_BYTES];
	struct serving_move_report report;
	struct serving *s;
	struct index *x, *live;
	struct err e;

	(void)state;
	build("a", "the first words", first);
	build("a", "the second words", second);
	save(71, second, NULL);
	assert_ok(serving_new(&s, data, &e), &e);
	assert_ok(serving_move(s, 71, &report, &e), &e);
	assert_ok(serving_get_pinned(s, "a", first, &x, &e), &e);
	assert_string_equal(index_generation(x), first);
	assert_ok(serving_get_pinned(s, "a", second, &live, &e), &e);
	assert_string_equal(index_generation(live), second);
	assert_ok(serving_get_pinned(s, "a", first, &live, &e), &e);
	assert_ptr_equal(live, x);	/* it stayed open */
	assert_refused(serving_get_pinned(s, "a", "9-0123456789ab", &x, &e), &e, ERR_GENERATION);
	assert_refused(serving_get_pinned(s, "nobody", first, &x, &e), &e, ERR_TENANT);
	assert_ok(serving_get(s, "a", &x, &e), &e);
	assert_string_equal(index_generation(x), second);
	serving_free(s);
}

/* ---- tenants that are cold ---- */

static void
count_asked(void *context, const char *tenant)
{
	assert_string_equal(tenant, "a");
	++*(unsigned *)context;
}

/* Sent away, and adopted again from where it was kept. */
static void
away_and_back(const char *name)
{
	static const char *const files[] = {"manifest.json", "store.db", "index.rpx"};
	char dir[4000], kept[4000], from[4100], to[4100];
	bool existed;
	struct err e;

	assert_ok(generation_dir(dir, data, "a", name, &e), &e);
	snprintf(kept, sizeof kept, "%s/tenants/a/gen/.tmp-%d-fetch", data, (int)getpid());
	assert_ok(file_make_dirs(kept, 0755, &e), &e);
	for (int i = 0; i < 3; i++) {
		snprintf(from, sizeof from, "%s/%s", dir, files[i]);
		snprintf(to, sizeof to, "%s/%s", kept, files[i]);
		assert_int_equal(link(from, to), 0);
	}
	assert_false(generation_is_away(data, "a", name));
	assert_ok(generation_send_away(data, "a", name, &e), &e);
	assert_true(generation_is_away(data, "a", name));
	assert_false(generation_is_away(data, "a", "77-0123456789ab"));
	assert_refused(generation_verify(data, "a", name, &e), &e, ERR_NOT_FOUND);
	assert_ok(generation_adopt(data, "a", name, kept, &existed, &e), &e);
	assert_false(existed);
	assert_false(generation_is_away(data, "a", name));
	assert_ok(generation_verify(data, "a", name, &e), &e);
	assert_false(file_is_folder(kept));
}

static void
a_cold_tenant_is_closed_and_asked_for(void **state)
{
	struct serving_move_report moved;
	struct roster live = {.epoch = 91}, cold = {.epoch = 92};
	char name[GENERATION_NAME_BYTES];
	unsigned asked = 0;
	struct serving *s;
	struct index *x;
	struct err e;

	(void)state;
	build("a", "words that are seldom asked for", name);
	assert_ok(roster_add(&live, "a", name, &e), &e);
	assert_ok(roster_save(&live, data, &e), &e);
	assert_ok(roster_add_cold(&cold, "a", name, &e), &e);
	assert_ok(roster_save(&cold, data, &e), &e);
	assert_ok(serving_new(&s, data, &e), &e);
	serving_set_asked(s, count_asked, &asked);
	assert_ok(serving_move(s, 91, &moved, &e), &e);
	assert_ok(serving_get(s, "a", &x, &e), &e);
	assert_ok(serving_get(s, "a", &x, &e), &e);
	assert_int_equal(asked, 1);		/* once a minute is enough */
	assert_ok(serving_move(s, 92, &moved, &e), &e);
	assert_int_equal(moved.refused, 0);
	assert_int_equal(serving_open_count(s), 0);
	assert_refused(serving_get(s, "a", &x, &e), &e, ERR_COLD);
	assert_refused(serving_get(s, "a", &x, &e), &e, ERR_COLD);
	assert_int_equal(asked, 3);		/* each of those that wait */
	away_and_back(name);
	assert_ok(serving_move(s, 91, &moved, &e), &e);
	assert_ok(serving_get(s, "a", &x, &e), &e);
	serving_free(s);
	roster_fini(&live);
	roster_fini(&cold);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tenant_is_served_from_its_epoch_only),
	    cmocka_unit_test(a_bad_generation_leaves_its_tenant_where_it_was),
	    cmocka_unit_test(a_generation_that_can_be_opened_again_is),
	    cmocka_unit_test(without_descriptors_the_oldest_makes_room),
	    cmocka_unit_test(a_removed_tenant_is_gone_after_the_move),
	    cmocka_unit_test(without_a_roster_the_pointer_is_followed),
	    cmocka_unit_test(an_older_generation_answers_when_it_is_named),
	    cmocka_unit_test(what_may_not_serve_is_not_opened_by_its_name),
	    cmocka_unit_test(a_cold_tenant_is_closed_and_asked_for),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
