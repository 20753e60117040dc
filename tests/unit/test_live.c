/* test_live.c - what the pointers name, and what stays when one is damaged. */
#include "unit.h"

#include "file.h"
#include "generation.h"
#include "../../fcgi/live.h"
#include "rpx.h"

#include <unistd.h>

static char *data;
static const struct live_rules no_rules;

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

/* Publishes a generation of the tenant and points to it. */
static void
point_to(const char *tenant, const char *version, char name[GENERATION_NAME_BYTES])
{
	struct manifest m = {.documents = 3, .chunks = 7};
	struct rpx_writer *w;
	uint8_t digest[SHA256_BYTES];
	char tmp[600], path[700], hash12[13];
	bool existed;
	struct err e;

	snprintf(
	    tmp, sizeof tmp, "%s/tenants/%s/gen/.tmp-%d-test", data, tenant, (int)getpid());
	assert_ok(file_make_dirs(tmp, 0755, &e), &e);
	snprintf(path, sizeof path, "%s/index.rpx", tmp);
	assert_ok(rpx_create(&w, path, tenant, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
	assert_ok(hash_sha256_file(path, digest, &m.index_bytes, &e), &e);
	hash_hex(digest, m.index_sha256);
	snprintf(path, sizeof path, "%s/store.db", tmp);
	assert_ok(file_replace(path, version, strlen(version), 0600, &e), &e);
	assert_ok(hash_sha256_file(path, digest, &m.store_bytes, &e), &e);
	hash_hex(digest, m.store_sha256);
	snprintf(m.tenant, sizeof m.tenant, "%s", tenant);
	snprintf(m.config_version, sizeof m.config_version, "%s", version);
	assert_ok(manifest_write(&m, tmp, hash12, &e), &e);
	assert_ok(generation_publish(name, &existed, data, tenant, tmp, &e), &e);
	assert_ok(generation_set_current(data, tenant, name, &e), &e);
}

static void
a_tenant_without_a_pointer_is_building(void **state)
{
	struct live l = {0};
	struct roster r;
	struct err e;
	bool changed;

	(void)state;
	assert_ok(live_refresh(&l, data, "nobody", &no_rules, &changed, &e), &e);
	assert_true(changed);
	assert_string_equal(live_find(&l, "nobody")->generation, "");
	assert_string_equal(live_find(&l, "nobody")->trouble, "");
	assert_ok(live_refresh(&l, data, "nobody", &no_rules, &changed, &e), &e);
	assert_false(changed);
	assert_ok(live_roster(&l, &r, 1, NULL, &e), &e);
	assert_int_equal(r.entries[0].state, ROSTER_BUILDING);
	roster_fini(&r);
	live_fini(&l);
}

static void
a_moved_pointer_is_seen_once(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES];
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("alpha", "v1", one);
	assert_ok(live_refresh(&l, data, "alpha", &no_rules, &changed, &e), &e);
	assert_true(changed);
	assert_string_equal(live_find(&l, "alpha")->generation, one);
	assert_string_equal(live_find(&l, "alpha")->version, "v1");
	assert_int_equal(live_find(&l, "alpha")->chunks, 7);
	point_to("alpha", "v2", two);
	assert_ok(live_refresh(&l, data, "alpha", &no_rules, &changed, &e), &e);
	assert_true(changed);
	assert_string_equal(live_find(&l, "alpha")->generation, two);
	assert_ok(live_refresh(&l, data, "alpha", &no_rules, &changed, &e), &e);
	assert_false(changed);
	live_fini(&l);
}

static void
a_damaged_pointer_leaves_what_was_live(void **state)
{
	char name[GENERATION_NAME_BYTES], path[700];
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("beta", "v1", name);
	assert_ok(live_refresh(&l, data, "beta", &no_rules, &changed, &e), &e);
	snprintf(path, sizeof path, "%s/tenants/beta/current", data);
	assert_ok(file_replace(path, "../../etc", 9, 0644, &e), &e);
	assert_ok(live_refresh(&l, data, "beta", &no_rules, &changed, &e), &e);
	assert_false(changed);
	assert_string_equal(live_find(&l, "beta")->generation, name);
	assert_true(live_find(&l, "beta")->trouble[0] != '\0');
	live_fini(&l);
}

/* Where workers are confined it is said; what was live stays live. */
static void
a_folder_that_leads_elsewhere_is_said(void **state)
{
	const struct live_rules confined = {.is_confined = true};
	char name[GENERATION_NAME_BYTES], path[700], elsewhere[700];
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("linked", "v1", name);
	assert_ok(live_refresh(&l, data, "linked", &confined, &changed, &e), &e);
	assert_string_equal(live_find(&l, "linked")->trouble, "");
	snprintf(path, sizeof path, "%s/tenants/linked", data);
	snprintf(elsewhere, sizeof elsewhere, "%s-elsewhere", data);
	assert_int_equal(rename(path, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, path), 0);
	assert_ok(live_refresh(&l, data, "linked", &confined, &changed, &e), &e);
	assert_string_equal(live_find(&l, "linked")->generation, name);
	assert_non_null(strstr(live_find(&l, "linked")->trouble, "leads out of the data folder"));
	assert_ok(live_refresh(&l, data, "linked", &no_rules, &changed, &e), &e);
	assert_string_equal(live_find(&l, "linked")->trouble, "");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(elsewhere, path), 0);
	live_fini(&l);
}

static void
a_pin_holds_over_the_pointer(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES];
	struct pins pins = {0};
	const struct live_rules rules = {.pins = &pins};
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("gamma", "v1", one);
	point_to("gamma", "v2", two);
	assert_ok(live_refresh(&l, data, "gamma", &rules, &changed, &e), &e);
	assert_string_equal(live_find(&l, "gamma")->generation, two);
	assert_ok(pins_set(&pins, "gamma", one, PIN_OPERATOR, &changed, &e), &e);
	assert_ok(live_refresh(&l, data, "gamma", &rules, &changed, &e), &e);
	assert_true(changed);
	assert_string_equal(live_find(&l, "gamma")->generation, one);
	assert_string_equal(live_find(&l, "gamma")->version, "v1");
	assert_string_equal(live_find(&l, "gamma")->pointer, two);
	assert_string_equal(live_find(&l, "gamma")->built, "v2");
	assert_ok(pins_set(&pins, "gamma", NULL, PIN_OPERATOR, &changed, &e), &e);
	assert_ok(live_refresh(&l, data, "gamma", &rules, &changed, &e), &e);
	assert_string_equal(live_find(&l, "gamma")->generation, two);
	pins_fini(&pins);
	live_fini(&l);
}

static void
a_pin_on_nothing_takes_nothing_away(void **state)
{
	char one[GENERATION_NAME_BYTES];
	struct pins pins = {0};
	const struct live_rules rules = {.pins = &pins};
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("delta", "v1", one);
	assert_ok(pins_set(&pins, "delta", "7-0123456789ab", PIN_CONSUL, &changed, &e), &e);
	assert_ok(live_refresh(&l, data, "delta", &rules, &changed, &e), &e);
	assert_string_equal(live_find(&l, "delta")->generation, one);
	assert_non_null(strstr(live_find(&l, "delta")->trouble, "pinned on 7-0123456789ab"));
	pins_fini(&pins);
	live_fini(&l);
}

static void
a_quarantined_generation_is_not_followed(void **state)
{
	char one[GENERATION_NAME_BYTES], two[GENERATION_NAME_BYTES];
	struct quarantine q = {0};
	const struct live_rules rules = {.quarantine = &q};
	struct live l = {0};
	struct err e;
	bool changed;

	(void)state;
	point_to("epsilon", "v1", one);
	assert_ok(live_refresh(&l, data, "epsilon", &rules, &changed, &e), &e);
	point_to("epsilon", "v2", two);
	assert_ok(quarantine_add(&q, "epsilon", two, "it lies", 1, &e), &e);
	assert_ok(live_refresh(&l, data, "epsilon", &rules, &changed, &e), &e);
	assert_false(changed);
	assert_string_equal(live_find(&l, "epsilon")->generation, one);
	assert_non_null(strstr(live_find(&l, "epsilon")->trouble, "it lies"));
	assert_true(quarantine_remove(&q, "epsilon", two));
	assert_ok(live_refresh(&l, data, "epsilon", &rules, &changed, &e), &e);
	assert_string_equal(live_find(&l, "epsilon")->generation, two);
	assert_string_equal(live_find(&l, "epsilon")->trouble, "");
	quarantine_fini(&q);
	live_fini(&l);
}

/* What an operator waits for does not take the others along. */
static void
a_roster_on_a_base_moves_only_the_urgent(void **state)
{
	char name[2][GENERATION_NAME_BYTES], was[2][GENERATION_NAME_BYTES];
	static const char *const tenants[] = {"eta", "theta"};
	struct live l = {0};
	struct roster base, next;
	struct err e;
	bool changed;

	(void)state;
	for (int i = 0; i < 2; i++) {
		point_to(tenants[i], "v1", was[i]);
		assert_ok(live_refresh(&l, data, tenants[i], &no_rules, &changed, &e), &e);
	}
	assert_ok(live_roster(&l, &base, 1, NULL, &e), &e);
	assert_ok(roster_save(&base, data, &e), &e);
	for (int i = 0; i < 2; i++) {
		point_to(tenants[i], "v2", name[i]);
		assert_ok(live_refresh(&l, data, tenants[i], &no_rules, &changed, &e), &e);
	}
	live_find(&l, "theta")->is_urgent = true;
	assert_ok(live_roster(&l, &next, 2, &base, &e), &e);
	assert_string_equal(next.entries[0].generation, was[0]);
	assert_string_equal(next.entries[1].generation, name[1]);
	roster_fini(&base);
	roster_fini(&next);
	live_fini(&l);
}

static void
tenants_stay_sorted_and_leave(void **state)
{
	struct live l = {0};
	struct err e;
	bool changed;
	char name[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "t%d", i * 7919 % 300);
		assert_ok(live_refresh(&l, data, name, &no_rules, &changed, &e), &e);
	}
	assert_int_equal(l.count, 300);
	for (size_t i = 1; i < l.count; i++)
		assert_true(strcmp(l.at[i - 1].name, l.at[i].name) < 0);
	assert_true(live_remove(&l, "t123"));
	assert_false(live_remove(&l, "t123"));
	assert_null(live_find(&l, "t123"));
	assert_non_null(live_find(&l, "t124"));
	live_fini(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_tenant_without_a_pointer_is_building),
	    cmocka_unit_test(a_moved_pointer_is_seen_once),
	    cmocka_unit_test(a_damaged_pointer_leaves_what_was_live),
	    cmocka_unit_test(a_folder_that_leads_elsewhere_is_said),
	    cmocka_unit_test(a_pin_holds_over_the_pointer),
	    cmocka_unit_test(a_pin_on_nothing_takes_nothing_away),
	    cmocka_unit_test(a_quarantined_generation_is_not_followed),
	    cmocka_unit_test(a_roster_on_a_base_moves_only_the_urgent),
	    cmocka_unit_test(tenants_stay_sorted_and_leave),
	};
	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
