/* test_keys.c - API keys: what opens, what does not, and what is kept of them. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "../../fcgi/base64.h"
#include "../../fcgi/keys.h"
#include "file.h"

static char *base;
static const char *const all[] = {"*"};
static const char *const some[] = {"alpha", "team-*"};

static int
make_folder(void **state)
{
	(void)state;
	base = unit_folder();
	return 0;
}

static int
drop_folder(void **state)
{
	(void)state;
	unit_folder_gone(base);
	return 0;
}

static void
create(enum caller_role role, const char *const *tenants, size_t n, char text[KEY_TEXT_BYTES])
{
	struct key_wish w = {.role = role, .tenants = tenants, .tenant_count = n, .name = "test"};
	struct err e;

	assert_ok(keys_create(base, &w, text, &e), &e);
}

static void
a_key_opens_until_it_is_revoked(void **state)
{
	char a[KEY_TEXT_BYTES], b[KEY_TEXT_BYTES], id[KEY_ID_BYTES + 1];
	const struct key *k;
	struct keys keys;
	struct err e;

	(void)state;
	create(ROLE_READER, some, 2, a);
	create(ROLE_ADMIN, all, 1, b);
	assert_string_not_equal(a, b);
	assert_ok(keys_load(&keys, base, &e), &e);
	assert_int_equal(keys.count, 2);
	k = keys_find(&keys, a);
	assert_non_null(k);
	assert_int_equal(k->role, ROLE_READER);
	assert_int_equal(k->scope_count, 2);
	assert_string_equal(k->scope[1], "team-*");
	memcpy(id, k->id, sizeof id);
	assert_false(keys_refresh(&keys, base, &e));
	assert_int_equal(e.code, ERR_NONE);
	assert_ok(keys_revoke(base, id, &e), &e);
	assert_true(keys_refresh(&keys, base, &e));
	assert_null(keys_find(&keys, a));
	assert_non_null(keys_find(&keys, b));
	assert_refused(keys_revoke(base, id, &e), &e, ERR_NOT_FOUND);
	keys_fini(&keys);
}

static void
nothing_but_the_whole_key_opens(void **state)
{
	char text[KEY_TEXT_BYTES], other[KEY_TEXT_BYTES + 8];
	struct keys keys;
	struct err e;

	(void)state;
	create(ROLE_READER, all, 1, text);
	assert_ok(keys_load(&keys, base, &e), &e);
	for (size_t i = 0; text[i] != '\0'; i++) {
		strcpy(other, text);
		other[i] = other[i] == 'A' ? 'B' : 'A';
		assert_null(keys_find(&keys, other));
		other[i] = '\0';
		assert_null(keys_find(&keys, other));
	}
	snprintf(other, sizeof other, "%sA", text);
	assert_null(keys_find(&keys, other));
	assert_null(keys_find(&keys, ""));
	keys_fini(&keys);
}

static void
the_file_holds_no_secret_and_is_for_its_owner(void **state)
{
	char text[KEY_TEXT_BYTES], path[600], *bytes;
	struct stat st;
	size_t n;
	struct err e;

	(void)state;
	create(ROLE_EDITOR, all, 1, text);
	snprintf(path, sizeof path, "%s/keys.json", base);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_ok(file_read(&bytes, &n, path, 1 << 20, &e), &e);
	assert_null(strstr(bytes, text + 3 + KEY_ID_BYTES + 1));
	free(bytes);
}

static void
a_damaged_file_leaves_the_keys_that_were_known(void **state)
{
	static const char *const bad[] = {"", "{", "[]", "{\"keys\": [{}]}",
	    "{\"keys\": [{\"id\": \"abc\"}]}",
	    "{\"keys\": [{\"id\": \"abcdefghijkl\", \"hash\": \"00\", \"role\": \"reader\","
	    " \"tenants\": []}]}",
	    "{\"keys\": [{\"id\": \"abcdefghijkl\", \"role\": \"king\", \"tenants\": [\"*\"],"
	    " \"hash\": \"0000000000000000000000000000000000000000000000000000000000000000\"}]}",
	    "{\"keys\": [{\"id\": \"abcdefghijkl\", \"role\": \"reader\", \"tenants\": [\"../x\"],"
	    " \"hash\": \"0000000000000000000000000000000000000000000000000000000000000000\"}]}"};
	char text[KEY_TEXT_BYTES], path[600];
	struct keys keys, fresh;
	struct err e;

	(void)state;
	create(ROLE_READER, all, 1, text);
	assert_ok(keys_load(&keys, base, &e), &e);
	snprintf(path, sizeof path, "%s/keys.json", base);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_ok(file_replace(path, bad[i], strlen(bad[i]), 0640, &e), &e);
		assert_false(keys_refresh(&keys, base, &e));
		assert_int_equal(e.code, ERR_CONFIG);
		assert_false(keys_refresh(&keys, base, &e));	/* told of once */
		assert_int_equal(e.code, ERR_NONE);
		assert_non_null(keys_find(&keys, text));
		assert_refused(keys_load(&fresh, base, &e), &e, ERR_CONFIG);
	}
	unlink(path);
	assert_true(keys_refresh(&keys, base, &e));
	assert_null(keys_find(&keys, text));
	keys_fini(&keys);
}

static void
wishes_are_checked(void **state)
{
	static const char *const wrong[] = {"UPPER", "", "a/b", "*a", "**"};
	struct key_wish w = {.role = ROLE_READER, .name = ""};
	char text[KEY_TEXT_BYTES];
	struct err e;

	(void)state;
	assert_refused(keys_create(base, &w, text, &e), &e, ERR_USAGE);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		w.tenants = &wrong[i];
		w.tenant_count = 1;
		if (keys_create(base, &w, text, &e) == 0)
			fail_msg("%s", wrong[i]);
	}
	w.tenants = all;
	w.role = ROLE_NONE;
	assert_refused(keys_create(base, &w, text, &e), &e, ERR_USAGE);
}

static void
scopes_are_names_beginnings_or_all(void **state)
{
	struct caller c = {.scope = some, .scope_count = 2};
	struct caller none = {0};

	(void)state;
	assert_true(caller_may_see(&c, "alpha"));
	assert_false(caller_may_see(&c, "alphabet"));
	assert_false(caller_may_see(&c, "alph"));
	assert_true(caller_may_see(&c, "team-"));
	assert_true(caller_may_see(&c, "team-x"));
	assert_false(caller_may_see(&c, "team"));
	assert_false(caller_sees_all(&c));
	assert_false(caller_may_see(&none, "alpha"));
	assert_true(caller_may_see(&caller_anyone, "alpha"));
	assert_true(caller_sees_all(&caller_anyone));
}

static void
base64url_is_read_strictly(void **state)
{
	static const struct {
		const char *text;
		const char *bytes;	/* NULL: refused */
	} t[] = {
	    {"", ""},
	    {"Zg", "f"},
	    {"Zm8", "fo"},
	    {"Zm9v", "foo"},
	    {"Zm9vYg", "foob"},
	    {"-_-_", "\xfb\xff\xbf"},
	    {"Zg==", NULL},
	    {"Z", NULL},
	    {"Zh", NULL},
	    {"Zm9", NULL},
	    {"+/+/", NULL},
	    {"Zm 9v", NULL},
	};
	uint8_t out[16];
	char back[16];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		bool ok = base64url_decode(t[i].text, strlen(t[i].text), out, sizeof out, &n);
		if (ok != (t[i].bytes != NULL))
			fail_msg("%s", t[i].text);
		if (!ok)
			continue;
		assert_int_equal(n, strlen(t[i].bytes));
		assert_memory_equal(out, t[i].bytes, n);
		base64url_encode(out, n, back);
		assert_string_equal(back, t[i].text);
	}
	assert_false(base64url_decode("Zm9v", 4, out, 2, &n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		a_key_opens_until_it_is_revoked, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		nothing_but_the_whole_key_opens, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		the_file_holds_no_secret_and_is_for_its_owner, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(
		a_damaged_file_leaves_the_keys_that_were_known, make_folder, drop_folder),
	    cmocka_unit_test_setup_teardown(wishes_are_checked, make_folder, drop_folder),
	    cmocka_unit_test(scopes_are_names_beginnings_or_all),
	    cmocka_unit_test(base64url_is_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
