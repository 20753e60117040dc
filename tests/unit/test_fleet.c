/* test_fleet.c - what a host does about a key, in every situation. */
#include "unit.h"

#include "../../fcgi/fleet.h"

#define A "1-aaaaaaaaaaaa"
#define B "2-bbbbbbbbbbbb"
#define C "3-cccccccccccc"

static struct fleet_tenant t;
static struct fleet_view v;

/* A host that serves A of v1, as the key says, and could do anything. */
static int
begin(void **state)
{
	struct consul_pointer key = {.generation = A, .version = "v1", .host = "x", .flip = 1, .index = 10};

	(void)state;
	t = (struct fleet_tenant){.is_listed = true};
	fleet_take_key(&t, &key, NULL);
	fleet_took_key(&t);
	v = (struct fleet_view){.is_reachable = true, .may_write = true, .wanted = "v1", .live = A,
	    .live_version = "v1", .host = "h", .here = "", .now_ms = 1000};
	return 0;
}

static void
set_key(const char *generation, const char *version, const char *where, uint64_t flip,
    uint64_t index)
{
	struct consul_pointer key = {.flip = flip, .index = index};

	strcpy(key.generation, generation);
	strcpy(key.version, version);
	strcpy(key.where, where);
	strcpy(key.host, flip != 0 ? "y" : "");
	fleet_take_key(&t, generation[0] != '\0' ? &key : NULL, NULL);
}

static void
decides(enum fleet_step wanted)
{
	enum fleet_step got = fleet_decide(&t, &v);

	if (got != wanted)
		fail_msg("%s, not %s", fleet_step_name(got), fleet_step_name(wanted));
}

static void
what_is_away_comes_back_first(void **state)
{
	(void)state;
	set_key(B, "v2", "", 2, 12);
	v.here = B;
	v.is_away = true;
	decides(FLEET_TAKE);			/* there is nowhere to get it from */
	v.has_store = true;
	decides(FLEET_FETCH);			/* even though nobody said that it is there */
	v.is_away = false;
	decides(FLEET_TAKE);
}

static void
what_people_point_at_is_looked_for_in_the_store(void **state)
{
	(void)state;
	set_key(B, "", "", 0, 12);
	decides(FLEET_WAIT);
	v.has_store = true;
	decides(FLEET_FETCH);
	set_key(B, "v0", "", 2, 13);		/* by a host, whom the store failed */
	decides(FLEET_WAIT);
}

static void
a_host_that_agrees_rests(void **state)
{
	(void)state;
	decides(FLEET_REST);
	set_key(A, "v1", "", 2, 12);		/* said again by another */
	decides(FLEET_ADOPT);
	fleet_took_key(&t);
	decides(FLEET_REST);
	set_key(A, "v1", "", 0, 13);		/* and by hand */
	decides(FLEET_ADOPT);
	fleet_took_key(&t);
	decides(FLEET_REST);
	assert_int_equal(t.taken.flip, 2);
}

static void
a_newer_key_is_followed_by_what_this_host_can(void **state)
{
	(void)state;
	set_key(B, "v2", "store", 2, 12);
	v.wanted = "v2";
	decides(FLEET_BUILD);			/* no store of ours */
	v.wanted = "v1";
	decides(FLEET_WAIT);
	v.has_store = true;
	decides(FLEET_FETCH);
	t.was_fetched_in_vain = true;
	decides(FLEET_WAIT);
	v.wanted = "v2";
	decides(FLEET_BUILD);
	v.here = B;
	decides(FLEET_TAKE);
	v.here = "";
	fleet_offer(&t, C, "v2", "");		/* our build of the same document is ready */
	decides(FLEET_TAKE_OWN);
	fleet_forget_own(&t);
	v.live = C;
	v.live_version = "v2";
	decides(FLEET_ADOPT);
	/* a new key is tried anew */
	set_key(B, "v2", "store", 3, 14);
	decides(FLEET_FETCH);
	t.is_busy = true;
	decides(FLEET_REST);
}

static void
an_older_key_is_not_followed(void **state)
{
	(void)state;
	set_key(B, "v2", "", 2, 12);
	fleet_took_key(&t);
	v.live = B;
	v.here = A;
	set_key(A, "v1", "store", 1, 10);
	decides(FLEET_WAIT);
	/* but it does not hold up what is made here, which counts on from the newest */
	fleet_offer(&t, C, "v3", "");
	decides(FLEET_WRITE);
	struct consul_pointer next;
	fleet_next_pointer(&t, "", "", "z", &next);
	assert_int_equal(next.flip, 3);
	assert_string_equal(next.previous, A);
}

static void
what_is_made_here_goes_by_the_key(void **state)
{
	(void)state;
	fleet_offer(&t, B, "v2", "");
	decides(FLEET_WRITE);
	v.has_store = true;
	decides(FLEET_PUBLISH);
	t.publish_tries = FLEET_PUBLISH_TRIES;
	decides(FLEET_WRITE);
	t.publish_tries = 0;
	t.is_published = true;
	decides(FLEET_WRITE);
	v.may_write = false;
	decides(FLEET_ALONE);
	v.may_write = true;
	v.is_reachable = false;
	decides(FLEET_WAIT);
	v.live = v.live_version = "";
	decides(FLEET_SERVE);
	v.live = B;
	decides(FLEET_REST);			/* served, and offered when Consul is back */
	v.is_reachable = true;
	decides(FLEET_WRITE);
	fleet_back_off(&t, v.now_ms);
	decides(FLEET_REST);
	v.now_ms += FLEET_RETRY_MIN_MS;
	decides(FLEET_WRITE);
	set_key(B, "v2", "", 2, 12);		/* another host was faster, with the same */
	v.here = B;
	decides(FLEET_TAKE);
	fleet_took_key(&t);
	decides(FLEET_TAKE_OWN);
}

static void
of_two_builds_that_of_the_document_in_force_wins(void **state)
{
	(void)state;
	v.wanted = "v3";
	fleet_offer(&t, C, "v3", "");
	set_key(B, "v2", "", 2, 12);		/* a slow host, of the document before */
	v.here = B;
	decides(FLEET_WRITE);
	/* the slow host itself: the key is of the document in force, its own is not */
	fleet_offer(&t, B, "v2", "");
	set_key(C, "v3", "", 2, 12);
	v.here = C;
	decides(FLEET_TAKE);
	/* what was taken back is no slow host's word */
	fleet_offer(&t, C, "v3", "");
	set_key(A, "v1", "", 3, 14);
	strcpy(t.key.withdrawn, "v3");
	strcpy(t.taken.generation, B);
	v.here = A;
	decides(FLEET_TAKE);
}

static void
without_a_key_what_is_live_is_offered(void **state)
{
	(void)state;
	set_key("", "", "", 0, 0);
	decides(FLEET_OFFER);
	v.is_reachable = false;
	decides(FLEET_REST);
	v.is_reachable = true;
	t.is_listed = false;			/* the tenant itself is gone, or hidden */
	decides(FLEET_REST);
	t.is_listed = true;
	v.may_write = false;
	decides(FLEET_REST);
	v.may_write = true;
	v.wanted = "v2";			/* its document waits for a build */
	decides(FLEET_REST);
	t.bad.code = ERR_JSON;			/* a key that cannot be read is no absent key */
	v.wanted = "v1";
	decides(FLEET_WAIT);
}

static void
a_version_on_its_way_need_not_be_built(void **state)
{
	(void)state;
	assert_false(fleet_covers(&t, "v2", true));
	set_key(B, "v2", "store", 2, 12);
	assert_true(fleet_covers(&t, "v2", true));
	assert_false(fleet_covers(&t, "v2", false));
	assert_false(fleet_covers(&t, "v3", true));
	t.was_fetched_in_vain = true;
	assert_false(fleet_covers(&t, "v2", true));
	fleet_offer(&t, C, "v2", "");
	assert_true(fleet_covers(&t, "v2", false));
}

static void
what_the_fleet_went_back_from_is_not_built_again(void **state)
{
	(void)state;
	assert_false(fleet_holds_back(&t, "v1", 5));
	assert_false(fleet_holds_back(&t, "v2", 5));
	strcpy(t.taken.withdrawn, "v2");
	assert_true(fleet_holds_back(&t, "v2", 50));
	assert_false(fleet_holds_back(&t, "v3", 50));
	t.taken.withdrawn[0] = '\0';
	t.taken.host[0] = '\0';			/* written by hand, at index 10 */
	assert_true(fleet_holds_back(&t, "v2", 9));
	assert_false(fleet_holds_back(&t, "v2", 11));
	t = (struct fleet_tenant){.is_listed = true};	/* a host that comes late */
	assert_false(fleet_holds_back(&t, "v2", 9));
	set_key(A, "v1", "store", 3, 12);
	assert_false(fleet_holds_back(&t, "v2", 9));
	strcpy(t.key.withdrawn, "v2");
	assert_true(fleet_holds_back(&t, "v2", 9));
	assert_false(fleet_holds_back(&t, "v1", 9));
	assert_false(fleet_holds_back(&t, "v3", 9));
}

static void
what_the_store_did_not_take_is_published_later(void **state)
{
	(void)state;
	v.has_store = true;
	decides(FLEET_REST);			/* made by x: its business */
	v.host = "x";
	decides(FLEET_OFFER);
	fleet_offer(&t, A, "v1", "");
	t.publish_tries = 9 * FLEET_PUBLISH_TRIES;
	decides(FLEET_PUBLISH);			/* it serves already: no hurry, and no end */
	v.is_reachable = false;
	decides(FLEET_TAKE_OWN);
	v.is_reachable = true;
	t.is_published = true;
	decides(FLEET_WRITE);
	set_key(A, "v1", "store", 2, 12);
	assert_true(fleet_own_is_in_key(&t));
	fleet_took_key(&t);
	fleet_forget_own(&t);
	decides(FLEET_REST);
}

static void
what_the_key_has_left_behind_is_not_published(void **state)
{
	(void)state;
	v.has_store = true;
	v.host = "x";
	fleet_offer(&t, A, "v1", "");
	set_key(B, "v2", "store", 2, 12);
	assert_string_equal(t.own, "");
	decides(FLEET_FETCH);
	begin(NULL);
	fleet_offer(&t, C, "v2", "");		/* but what it never named is still to be said */
	set_key(B, "v2", "store", 2, 12);
	assert_string_equal(t.own, C);
}

/* Whatever the situation, a host that serves is never told to serve nothing, and what is
 * older than what it follows is never taken. */
static void
no_situation_leads_backwards(void **state)
{
	static const char *const names[] = {"", A, B, C};
	static const char *const versions[] = {"", "v1", "v2"};

	(void)state;
	for (unsigned n = 0; n < 4 * 3 * 4 * 3 * 64; n++) {
		begin(NULL);
		unsigned k = n;
		set_key(names[k % 4], versions[k / 4 % 3], k & 1 ? "store" : "", 1 + k % 3, 8 + k % 5);
		strcpy(t.taken.generation, B);
		t.taken.flip = 2;
		k /= 12;
		if (names[k % 4][0] != '\0')
			fleet_offer(&t, names[k % 4], versions[k / 4 % 3], "");
		k /= 12;
		v.is_reachable = k & 1;
		v.may_write = k & 2;
		v.has_store = k & 4;
		v.here = k & 8 ? t.key.generation : "";
		v.wanted = k & 16 ? "v2" : "v1";
		v.live = v.live_version = k & 32 ? "" : A;
		enum fleet_step step = fleet_decide(&t, &v);
		if (step == FLEET_TAKE || step == FLEET_FETCH || step == FLEET_BUILD)
			assert_int_equal(consul_pointer_compare(&t.taken, &t.key), POINTER_NEWER);
		if (step == FLEET_WRITE || step == FLEET_PUBLISH || step == FLEET_OFFER)
			assert_true(v.may_write && v.is_reachable);
		if (step == FLEET_SERVE)
			assert_string_equal(v.live, "");
		if (step == FLEET_TAKE_OWN || step == FLEET_WRITE || step == FLEET_ALONE)
			assert_true(t.own[0] != '\0');
	}
}

static void
tenants_are_found_by_name(void **state)
{
	static const char *const names[] = {"m", "a", "z", "b", "y", "c"};
	struct fleet f = {0};

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_non_null(fleet_have(&f, names[i]));
	assert_ptr_equal(fleet_have(&f, "z"), fleet_find(&f, "z"));
	assert_int_equal(f.count, 6);
	fleet_remove(&f, "b");
	fleet_remove(&f, "nobody");
	assert_null(fleet_find(&f, "b"));
	for (size_t i = 1; i < f.count; i++)
		assert_true(strcmp(f.at[i - 1]->name, f.at[i]->name) < 0);
	fleet_fini(&f);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
	    T(a_host_that_agrees_rests),
	    T(what_is_away_comes_back_first),
	    T(what_people_point_at_is_looked_for_in_the_store),
	    T(a_newer_key_is_followed_by_what_this_host_can),
	    T(an_older_key_is_not_followed),
	    T(what_is_made_here_goes_by_the_key),
	    T(of_two_builds_that_of_the_document_in_force_wins),
	    T(without_a_key_what_is_live_is_offered),
	    T(a_version_on_its_way_need_not_be_built),
	    T(what_the_fleet_went_back_from_is_not_built_again),
	    T(what_the_store_did_not_take_is_published_later),
	    T(what_the_key_has_left_behind_is_not_published),
	    T(no_situation_leads_backwards),
	    T(tenants_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
