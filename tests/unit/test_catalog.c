/* test_catalog.c - which tenants are wanted: acceptance, refusal, absence, a new start. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../fcgi/catalog.h"
#include "file.h"

static char *folder;
static struct catalog *c;

static int
begin(void **state)
{
	struct err e;

	(void)state;
	folder = unit_folder();
	return catalog_new(&c, folder, &e);
}

static int
end(void **state)
{
	(void)state;
	catalog_free(c);
	unit_folder_gone(folder);
	return 0;
}

static void
restart(void)
{
	struct err e;
	size_t skipped;

	catalog_free(c);
	assert_ok(catalog_new(&c, folder, &e), &e);
	assert_ok(catalog_load_lkg(c, &skipped, &e), &e);
}

static void
offer(const char *name, const char *version, const char *path, enum catalog_origin origin)
{
	char text[400];
	struct err e;

	snprintf(text, sizeof text,
	    "{\"version\":\"%s\",\"data_source\":{\"type\":\"directory\",\"path\":\"%s\"}}", version,
	    path);
	assert_ok(catalog_offer(c, name, text, strlen(text), origin, 7, &e), &e);
}

static void
offer_text(const char *name, const char *text)
{
	struct err e;

	assert_ok(catalog_offer(c, name, text, strlen(text), ORIGIN_FILE, 8, &e), &e);
}

/* "changed a, gone b" for all changes that wait. */
static const char *
changes(void)
{
	static char text[8000];
	struct catalog_change change;
	size_t n = 0;

	text[0] = '\0';
	while (catalog_next_change(c, &change))
		n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %s", n > 0 ? ", " : "",
		    catalog_change_name(change.kind), change.tenant);
	return text;
}

static size_t
count_removed(void)
{
	struct catalog_change change;
	size_t n = 0;

	while (catalog_next_change(c, &change))
		n += change.kind == CATALOG_REMOVED;
	return n;
}

static void
read_without(unsigned from, unsigned to, enum catalog_origin origin, bool trusted, int64_t now)
{
	char name[20];

	catalog_begin(c, origin);
	for (unsigned i = from; i < to; i++) {
		snprintf(name, sizeof name, "t%03u", i);
		catalog_seen(c, name, origin);
	}
	catalog_end(c, origin, trusted, now);
}

static void
fill(unsigned count, enum catalog_origin origin)
{
	char name[20];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, "t%03u", i);
		offer(name, "v1", "/a", origin);
	}
	changes();
}

static bool
is_stored(const char *name)
{
	char path[700];

	snprintf(path, sizeof path, "%s/lkg/%s", folder, name);
	return access(path, F_OK) == 0;
}

static void
a_new_version_is_a_change_and_a_new_form_is_not(void **state)
{
	(void)state;
	offer("b", "v1", "/a", ORIGIN_FILE);
	offer("a", "v1", "/a", ORIGIN_FILE);
	assert_string_equal(changes(), "changed b, changed a");
	offer_text("a", "{\"data_source\":{\"path\":\"/a\",\"type\":\"directory\"},\"version\":\"v1\"}");
	assert_string_equal(changes(), "");
	offer("a", "v2", "/a", ORIGIN_FILE);
	offer("a", "v3", "/a", ORIGIN_FILE);
	assert_string_equal(changes(), "changed a");
	assert_string_equal(catalog_find(c, "a")->config.version, "v3");
	assert_string_equal(catalog_at(c, 0)->name, "a");
	assert_int_equal(catalog_count(c), 2);
	assert_null(catalog_find(c, "zz"));
}

static void
a_bad_document_is_told_once_and_the_old_one_stays(void **state)
{
	const struct catalog_tenant *t;

	(void)state;
	offer("a", "v1", "/a", ORIGIN_FILE);
	changes();
	offer_text("a", "{");
	assert_string_equal(changes(), "refused a");
	offer_text("a", "{");
	assert_string_equal(changes(), "");
	t = catalog_find(c, "a");
	assert_string_equal(t->config.version, "v1");
	assert_int_equal(t->refusal.code, ERR_JSON);
	offer("a", "v1", "/a", ORIGIN_FILE);
	assert_int_equal(catalog_find(c, "a")->refusal.code, ERR_NONE);
	offer_text("new", "{}");
	assert_string_equal(changes(), "refused new");
	assert_null(catalog_find(c, "new")->document);
	offer_text("s", "{\"version\":\"1\",\"data_source\":{\"type\":\"ftp\"}}");
	assert_int_equal(catalog_find(c, "s")->refusal.code, ERR_SOURCE);
	assert_false(is_stored("s.json"));
}

static void
a_version_cannot_be_used_twice(void **state)
{
	(void)state;
	offer("a", "v1", "/a", ORIGIN_FILE);
	offer("a", "v1", "/b", ORIGIN_FILE);
	assert_string_equal(changes(), "changed a, refused a");
	assert_string_equal(catalog_find(c, "a")->config.source_path, "/a");
	assert_string_equal(catalog_find(c, "a")->refusal.text,
	    "version \"v1\" was in force with other content; give the change a new version");
	offer("a", "v2", "/b", ORIGIN_FILE);
	assert_string_equal(changes(), "changed a");
	assert_string_equal(catalog_find(c, "a")->config.source_path, "/b");
}

static void
a_tenant_has_one_source(void **state)
{
	(void)state;
	offer("a", "v1", "/a", ORIGIN_FILE);
	offer("a", "v2", "/b", ORIGIN_CONSUL);
	assert_string_equal(changes(), "changed a, refused a");
	assert_string_equal(catalog_find(c, "a")->config.version, "v1");
	assert_false(catalog_seen(c, "a", ORIGIN_CONSUL));
	/* the file's absence frees it */
	read_without(0, 0, ORIGIN_FILE, true, 1);
	offer("a", "v2", "/b", ORIGIN_CONSUL);
	assert_string_equal(changes(), "changed a");
	assert_int_equal(catalog_find(c, "a")->origin, ORIGIN_CONSUL);
}

static void
bad_names_are_refused(void **state)
{
	struct err e;

	(void)state;
	assert_refused(
	    catalog_offer(c, "../x", "{}", 2, ORIGIN_FILE, 0, &e), &e, ERR_TENANT_NAME);
	assert_refused(catalog_offer(c, "", "{}", 2, ORIGIN_FILE, 0, &e), &e, ERR_TENANT_NAME);
	assert_int_equal(catalog_count(c), 0);
}

static void
a_removed_file_removes_its_tenant(void **state)
{
	(void)state;
	fill(30, ORIGIN_FILE);
	offer("con", "v1", "/a", ORIGIN_CONSUL);
	changes();
	read_without(5, 30, ORIGIN_FILE, true, 1);
	assert_int_equal(count_removed(), 5);
	assert_int_equal(catalog_count(c), 26);
	assert_false(is_stored("t004.json"));
	assert_true(is_stored("t005.json"));
	assert_non_null(catalog_find(c, "con"));
}

static void
many_files_that_vanish_at_once_are_kept_until_accepted(void **state)
{
	(void)state;
	fill(30, ORIGIN_FILE);
	read_without(7, 30, ORIGIN_FILE, true, 1);
	assert_string_equal(changes(), "gone t006, gone t005, gone t004, gone t003, gone t002, "
				       "gone t001, gone t000");
	assert_true(catalog_find(c, "t000")->deletion_refused);
	/* what comes back is back; what does not stays kept, however few it is */
	read_without(3, 30, ORIGIN_FILE, true, 2);
	assert_string_equal(changes(), "back t003, back t004, back t005, back t006");
	assert_int_equal(catalog_count(c), 30);
	assert_int_equal(catalog_accept_deletions(c), 3);
	assert_int_equal(count_removed(), 3);
	assert_int_equal(catalog_count(c), 27);
}

static void
six_of_many_may_vanish_and_five_of_few(void **state)
{
	(void)state;
	fill(100, ORIGIN_FILE);
	read_without(20, 100, ORIGIN_FILE, true, 1);
	assert_int_equal(count_removed(), 20);
	read_without(95, 100, ORIGIN_FILE, true, 1);
	assert_int_equal(count_removed(), 0);
	catalog_accept_deletions(c);
	count_removed();
	read_without(0, 0, ORIGIN_FILE, true, 1);
	assert_int_equal(count_removed(), 5);
	assert_int_equal(catalog_count(c), 0);
}

static void
a_key_is_removed_by_two_trusted_readings_half_a_minute_apart(void **state)
{
	(void)state;
	fill(2, ORIGIN_CONSUL);
	assert_true(is_stored("t000.consul"));
	read_without(1, 2, ORIGIN_CONSUL, false, 1000);
	assert_string_equal(changes(), "gone t000");
	read_without(1, 2, ORIGIN_CONSUL, false, 99000);
	read_without(1, 2, ORIGIN_CONSUL, true, 100000);
	read_without(1, 2, ORIGIN_CONSUL, true, 129999);
	read_without(1, 2, ORIGIN_CONSUL, false, 130001);
	assert_string_equal(changes(), "");
	assert_non_null(catalog_find(c, "t000"));
	read_without(1, 2, ORIGIN_CONSUL, true, 130002);
	assert_string_equal(changes(), "removed t000");
	assert_false(is_stored("t000.json"));
	assert_false(is_stored("t000.consul"));
}

static void
a_key_that_comes_back_starts_the_clock_anew(void **state)
{
	(void)state;
	fill(1, ORIGIN_CONSUL);
	read_without(0, 0, ORIGIN_CONSUL, true, 1000);
	read_without(0, 1, ORIGIN_CONSUL, true, 2000);
	assert_string_equal(changes(), "gone t000, back t000");
	read_without(0, 0, ORIGIN_CONSUL, true, 60000);
	assert_non_null(catalog_find(c, "t000"));
}

static void
many_keys_that_vanish_are_kept_even_when_confirmed(void **state)
{
	(void)state;
	fill(10, ORIGIN_CONSUL);
	read_without(0, 0, ORIGIN_CONSUL, true, 1000);
	changes();
	catalog_begin(c, ORIGIN_CONSUL);
	assert_int_equal(catalog_end(c, ORIGIN_CONSUL, true, 99000), 0);
	assert_int_equal(catalog_count(c), 10);
	assert_true(catalog_find(c, "t009")->deletion_refused);
}

static void
a_new_start_serves_what_was_accepted(void **state)
{
	char path[700];
	struct err e;
	size_t skipped;

	(void)state;
	offer("f", "v1", "/a", ORIGIN_FILE);
	offer("k", "v2", "/b", ORIGIN_CONSUL);
	offer_text("f", "{");
	snprintf(path, sizeof path, "%s/lkg/bad.json", folder);
	assert_ok(file_replace(path, "{", 1, 0600, &e), &e);
	catalog_free(c);
	assert_ok(catalog_new(&c, folder, &e), &e);
	assert_ok(catalog_load_lkg(c, &skipped, &e), &e);
	assert_int_equal(skipped, 1);
	assert_string_equal(changes(), "changed f, changed k");
	assert_int_equal(catalog_find(c, "k")->origin, ORIGIN_CONSUL);
	assert_false(catalog_find(c, "k")->confirmed);
	/* the folder does not have f any more; Consul is switched off: k stays */
	read_without(0, 0, ORIGIN_FILE, true, 1);
	assert_string_equal(changes(), "removed f");
	restart();
	assert_string_equal(changes(), "changed k");
	/* moved to a file while the pool was down */
	offer("k", "v2", "/b", ORIGIN_FILE);
	restart();
	assert_int_equal(catalog_find(c, "k")->origin, ORIGIN_FILE);
}

static void
a_document_that_cannot_be_stored_is_refused_and_tried_again(void **state)
{
	char lkg[600], away[600];
	static const char text[] =
	    "{\"version\":\"v2\",\"data_source\":{\"type\":\"directory\",\"path\":\"/a\"}}";
	struct err e;

	(void)state;
	offer("a", "v1", "/a", ORIGIN_FILE);
	changes();
	snprintf(lkg, sizeof lkg, "%s/lkg", folder);
	snprintf(away, sizeof away, "%s/away", folder);
	assert_int_equal(rename(lkg, away), 0);
	assert_int_equal(
	    catalog_offer(c, "a", text, sizeof text - 1, ORIGIN_FILE, 9, &e), -1);
	assert_string_equal(catalog_find(c, "a")->config.version, "v1");
	assert_int_not_equal(catalog_trouble(c)->code, ERR_NONE);
	assert_int_equal(rename(away, lkg), 0);
	assert_ok(catalog_offer(c, "a", text, sizeof text - 1, ORIGIN_FILE, 9, &e), &e);
	assert_string_equal(catalog_find(c, "a")->config.version, "v2");
	assert_int_equal(catalog_trouble(c)->code, ERR_NONE);
}

static void
changes_of_a_tenant_that_came_back_make_sense(void **state)
{
	(void)state;
	fill(1, ORIGIN_FILE);
	read_without(0, 0, ORIGIN_FILE, true, 1);
	offer("t000", "v2", "/b", ORIGIN_FILE);
	assert_string_equal(changes(), "changed t000");
	offer("t000", "v3", "/b", ORIGIN_FILE);
	read_without(0, 0, ORIGIN_FILE, true, 1);
	assert_string_equal(changes(), "removed t000");
}

/* As offer(), of a key in Consul with this ModifyIndex. */
static const struct catalog_tenant *
offer_key(const char *version, const char *path, uint64_t index)
{
	char text[400];
	struct err e;

	snprintf(text, sizeof text,
	    "{\"version\":\"%s\",\"data_source\":{\"type\":\"directory\",\"path\":\"%s\"}}", version,
	    path);
	assert_ok(catalog_offer(c, "a", text, strlen(text), ORIGIN_CONSUL, index, &e), &e);
	return catalog_find(c, "a");
}

static void
a_consul_that_was_restored_to_the_past_takes_nothing_back(void **state)
{
	const struct catalog_tenant *t;

	(void)state;
	offer_key("v1", "/a", 50);
	offer_key("v2", "/a", 60);
	offer_key("v3", "/a", 70);
	assert_string_equal(changes(), "changed a");
	for (int start = 0; start < 2; start++) {	/* the second time after a restart */
		t = offer_key("v2", "/a", 60);
		assert_string_equal(t->config.version, "v3");
		assert_int_equal(t->alert, ALERT_OLDER);
		t = offer_key("v1", "/a", 50);
		assert_string_equal(t->config.version, "v3");
		assert_int_equal(t->alert, ALERT_OLDER);
		restart();
		changes();
	}
	/* a document that was never seen is a new history's */
	t = offer_key("v4", "/a", 20);
	assert_string_equal(t->config.version, "v4");
	assert_int_equal(t->alert, ALERT_NONE);
	/* an old one that was written anew is somebody's will, also after it was refused */
	offer_key("v2", "/a", 15);
	assert_int_equal(catalog_find(c, "a")->alert, ALERT_OLDER);
	t = offer_key("v2", "/a", 25);
	assert_string_equal(t->config.version, "v2");
	t = offer_key("v4", "/a", 24);
	assert_int_equal(t->alert, ALERT_OLDER);
	assert_string_equal(t->config.version, "v2");
	/* what is in force, under any index, only tells the index */
	t = offer_key("v2", "/a", 3);
	assert_int_equal(t->refusal.code, ERR_NONE);
	t = offer_key("v4", "/a", 4);
	assert_string_equal(t->config.version, "v4");
}

static void
content_under_a_used_version_raises_an_alert(void **state)
{
	const struct catalog_tenant *t;

	(void)state;
	offer_key("v1", "/a", 50);
	t = offer_key("v1", "/b", 51);
	assert_int_equal(t->alert, ALERT_VERSION_REUSED);
	assert_string_equal(catalog_alert_name(t->alert), "config_changed_without_version");
	assert_string_equal(t->config.source_path, "/a");
	t = offer_key("v1", "/a", 52);
	assert_int_equal(t->alert, ALERT_NONE);
	offer_key("v1", "/b", 53);
	t = offer_key("v2", "/b", 54);
	assert_int_equal(t->alert, ALERT_NONE);
	assert_string_equal(t->config.source_path, "/b");
}

static void
only_the_last_documents_are_remembered(void **state)
{
	char version[16];

	(void)state;
	for (int i = 0; i < CATALOG_PAST_MAX + 5; i++) {
		snprintf(version, sizeof version, "v%d", i);
		offer_key(version, "/a", 100 + (uint64_t)i);
	}
	assert_int_equal(catalog_find(c, "a")->past_count, CATALOG_PAST_MAX);
	restart();
	assert_int_equal(catalog_find(c, "a")->past_count, CATALOG_PAST_MAX);
	assert_int_equal(offer_key("v19", "/a", 50)->alert, ALERT_OLDER);
	assert_int_equal(offer_key("v4", "/a", 50)->alert, ALERT_OLDER);
	assert_int_equal(offer_key("v3", "/a", 50)->alert, ALERT_NONE);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(a_new_version_is_a_change_and_a_new_form_is_not),
	    T(a_bad_document_is_told_once_and_the_old_one_stays),
	    T(a_version_cannot_be_used_twice),
	    T(a_tenant_has_one_source),
	    T(bad_names_are_refused),
	    T(a_removed_file_removes_its_tenant),
	    T(many_files_that_vanish_at_once_are_kept_until_accepted),
	    T(six_of_many_may_vanish_and_five_of_few),
	    T(a_key_is_removed_by_two_trusted_readings_half_a_minute_apart),
	    T(a_key_that_comes_back_starts_the_clock_anew),
	    T(many_keys_that_vanish_are_kept_even_when_confirmed),
	    T(a_new_start_serves_what_was_accepted),
	    T(a_document_that_cannot_be_stored_is_refused_and_tried_again),
	    T(changes_of_a_tenant_that_came_back_make_sense),
	    T(a_consul_that_was_restored_to_the_past_takes_nothing_back),
	    T(content_under_a_used_version_raises_an_alert),
	    T(only_the_last_documents_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
