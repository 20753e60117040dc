/* test_consul_watch.c - every answer Consul can give, and what follows from it. */
#include "unit.h"

#include "../../fcgi/catalog.h"
#include "../../fcgi/consul_kv.h"
#include "../../fcgi/consul_watch.h"

#define ENTRY(key, value, index) \
	"{\"Key\":\"" key "\",\"Value\":" value ",\"ModifyIndex\":" index ",\"Flags\":0}"
#define ALPHA ENTRY("rag/tenants/alpha/config", "\"e30=\"", "7")
#define BETA ENTRY("rag/tenants/beta/config", "\"e30=\"", "8")

static struct consul_watch w;
static struct consul_set set;
static struct consul_question q;

static int
begin(void **state)
{
	(void)state;
	consul_watch_init(&w, "rag/tenants/", 30000, 42, 0);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	consul_set_fini(&set);
	return 0;
}

/* Lets the watch ask, at the earliest at `now`; answers when it did. */
static int64_t
ask(int64_t now)
{
	int64_t delay = consul_watch_timeout(&w, now);

	assert_true(delay >= 0);
	if (delay > 0)
		assert_false(consul_watch_next(&w, now, &q));
	assert_true(consul_watch_next(&w, now + delay, &q));
	assert_false(consul_watch_next(&w, now + delay + 1000000, &q));
	assert_int_equal(consul_watch_timeout(&w, now), -1);
	return now + delay;
}

/* Every answer comes this way, so that the set before it is freed. */
static int
take(const struct consul_answer *a, int64_t now)
{
	consul_set_fini(&set);
	return consul_watch_answer(&w, a, &set, now);
}

static int
reply(int status, const char *index, const char *body, int64_t now)
{
	struct consul_answer a = {.arrived = true, .status = status, .index = index, .body = body,
	    .body_bytes = strlen(body), .known_leader = "true"};

	return take(&a, now);
}

static int
silence(const char *trouble, int64_t now)
{
	struct consul_answer a = {.trouble = trouble};

	return take(&a, now);
}

/* Up to the first blocking question, alpha known, at index 10. */
static int64_t
watch_alpha(void)
{
	int64_t now = ask(1000);

	assert_int_equal(reply(200, "10", "[" ALPHA "]", now), 1);
	consul_watch_applied(&w, 0, true, now);
	return ask(now);
}

static void
the_first_reading_is_consistent_and_the_next_one_blocks(void **state)
{
	int64_t now = ask(0);

	(void)state;
	assert_int_equal(now, 0);
	assert_int_equal(q.kind, ASK_TENANTS);
	assert_true(q.consistent);
	assert_int_equal(q.index, 0);
	assert_int_equal(reply(200, "10", "[" BETA "," ALPHA "]", 5), 1);
	assert_int_equal(set.count, 2);
	assert_false(set.trusted);
	assert_string_equal(set.items[0].tenant, "alpha");
	assert_string_equal(set.items[0].document, "{}");
	assert_int_equal(set.items[0].revision, 7);
	consul_watch_applied(&w, 0, true, 5);
	assert_int_equal(w.status.state, CONSUL_WATCHING);
	assert_int_equal(w.status.keys, 2);
	ask(5);
	assert_false(q.consistent);
	assert_int_equal(q.index, 10);
	assert_int_equal(q.wait_ms, 30000);
}

static void
equal_content_is_not_offered_again_whatever_the_index_does(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	assert_int_equal(reply(200, "10", "[" ALPHA "]", now += 30000), 0);
	now = ask(now);
	assert_int_equal(q.index, 10);
	assert_int_equal(reply(200, "12", "[" ALPHA "]", now += 100), 0);
	now = ask(now);
	assert_int_equal(q.index, 12);
	assert_int_equal(reply(200, "13", "[" ALPHA "," BETA "]", now), 1);
	assert_int_equal(set.count, 2);
	/* but it is, when the catalog could not take it in */
	consul_watch_applied(&w, 0, false, now);
	now = ask(now);
	assert_int_equal(reply(200, "13", "[" ALPHA "," BETA "]", now), 1);
}

static void
an_index_that_falls_is_read_again_consistently(void **state)
{
	static const char *const indexes[] = {"9", "0", "", "x", "-3", "99999999999999999999", NULL};

	(void)state;
	for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
		begin(NULL);
		int64_t now = watch_alpha();
		assert_int_equal(reply(200, indexes[i], "[" BETA "]", now), 0);
		assert_int_equal(set.count, 0);
		assert_int_equal(w.status.resets, 1);
		now = ask(now);
		assert_true(q.consistent);
		assert_int_equal(q.index, 0);
		assert_int_equal(reply(200, "3", "[" BETA "]", now), 1);
		assert_false(set.trusted);
		consul_watch_applied(&w, 0, true, now);
		ask(now);
		assert_int_equal(q.index, 3);
	}
}

/* As through a proxy that drops headers: no busy loop. */
static void
without_an_index_questions_keep_their_distance(void **state)
{
	int64_t now = ask(0);

	(void)state;
	assert_int_equal(reply(200, NULL, "[" ALPHA "]", now), 1);
	consul_watch_applied(&w, 0, true, now);
	assert_int_equal(ask(now), now + 30000);
	assert_int_equal(q.index, 0);
}

static void
an_empty_prefix_is_offered_untrusted_and_never_verified(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	assert_int_equal(reply(404, "11", "", now), 1);
	assert_int_equal(set.count, 0);
	assert_false(set.trusted);
	consul_watch_applied(&w, 1, true, now);
	assert_int_equal(w.status.state, CONSUL_EMPTY);
	assert_int_equal(w.status.trouble.code, ERR_PEER);
	now = ask(now);
	assert_int_equal(q.kind, ASK_TENANTS);
	assert_int_equal(q.index, 11);
	assert_int_equal(q.wait_ms, 30000);
	/* restart of an agent in memory: index 1, nothing there */
	assert_int_equal(reply(404, "1", "", now), 0);
	now = ask(now);
	assert_int_equal(reply(404, "1", "", now), 0);
	now = ask(now);
	assert_int_equal(q.index, 1);
	assert_int_equal(reply(200, "5", "[" ALPHA "]", now), 1);
	assert_int_equal(w.status.state, CONSUL_WATCHING);
}

static void
a_tenant_that_is_gone_is_verified_twice_behind_the_sentinel(void **state)
{
	int64_t now = watch_alpha(), first;

	(void)state;
	assert_int_equal(reply(200, "11", "[" BETA "]", now), 1);
	assert_false(set.trusted);
	consul_watch_applied(&w, 1, true, now);
	for (int round = 0; round < 2; round++) {
		now = ask(now);
		assert_int_equal(q.kind, ASK_SENTINEL);
		assert_true(q.consistent);
		assert_int_equal(reply(200, "4", "x", now), 0);
		now = ask(now);
		assert_int_equal(q.kind, ASK_TENANTS);
		assert_true(q.consistent);
		assert_int_equal(q.index, 0);
		assert_int_equal(reply(200, "11", "[" BETA "]", now), 1);
		assert_true(set.trusted);
		consul_watch_applied(&w, round == 0 ? 1 : 0, true, now);
		first = round == 0 ? now : first;
		now = ask(now);
		assert_int_equal(q.kind, ASK_TENANTS);
		assert_int_equal(q.index, 11);
		assert_int_equal(q.wait_ms, round == 0 ? first + CATALOG_CONFIRM_MS - now : 30000);
		now += q.wait_ms;
		assert_int_equal(reply(200, "11", "[" BETA "]", now), 0);
	}
	assert_int_equal(w.status.sentinel, SENTINEL_THERE);
}

static void
without_the_sentinel_nothing_is_trusted(void **state)
{
	static const struct {
		int status;
		enum consul_sentinel seen;
	} t[] = {{404, SENTINEL_ABSENT}, {403, SENTINEL_DENIED}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(NULL);
		int64_t now = watch_alpha();
		reply(200, "11", "[" BETA "]", now);
		consul_watch_applied(&w, 1, true, now);
		now = ask(now);
		assert_int_equal(q.kind, ASK_SENTINEL);
		assert_int_equal(reply(t[i].status, "1", "", now), 0);
		assert_int_equal(w.status.sentinel, t[i].seen);
		assert_int_equal(w.status.state, CONSUL_WATCHING);
		now = ask(now);
		assert_int_equal(q.kind, ASK_TENANTS);
		assert_int_equal(q.index, 11);
		assert_int_equal(reply(200, "11", "[" BETA "]", now += q.wait_ms), 0);
	}
}

/* A policy that is narrowed between the sentinel and the reading, or a token revoked. */
static void
a_failure_ends_a_verification(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	reply(200, "11", "[" BETA "]", now);
	consul_watch_applied(&w, 1, true, now);
	now = ask(now);
	reply(200, "1", "", now);
	now = ask(now);
	assert_int_equal(reply(500, NULL, "rpc error", now), 0);
	now = ask(now);
	assert_int_equal(q.kind, ASK_TENANTS);
	assert_int_equal(reply(200, "11", "[" BETA "]", now), 0);
	for (now = ask(now); q.kind == ASK_TENANTS; now = ask(now))
		assert_int_equal(reply(200, "11", "[" BETA "]", now += q.wait_ms), 0);
	reply(200, "1", "", now);
	now = ask(now);
	assert_int_equal(reply(404, "12", "", now), 1);
	assert_false(set.trusted);
}

static void
every_failure_has_its_state_and_delay(void **state)
{
	static const struct {
		int status;
		const char *retry_after, *body;
		enum consul_state wanted;
		int64_t low, high;
	} t[] = {
		{403, NULL, "Permission denied", CONSUL_DENIED, 30000, 30000},
		{429, "7", "", CONSUL_THROTTLED, 7000, 7000},
		{429, NULL, "", CONSUL_THROTTLED, 30000, 30000},
		{429, "soon", "", CONSUL_THROTTLED, 30000, 30000},
		{429, "86400", "", CONSUL_THROTTLED, 300000, 300000},
		{500, NULL, "No cluster leader", CONSUL_LEADERLESS, 250, 750},
		{503, NULL, "", CONSUL_LEADERLESS, 250, 750},
		{400, NULL, "Invalid index", CONSUL_CONFUSED, 250, 750},
		{301, NULL, "", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "<html>", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[" ALPHA, CONSUL_CONFUSED, 250, 750},
		{200, NULL, "{}", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[1]", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[{}]", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[" ALPHA "," ALPHA "]", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[" ENTRY("other/x/config", "\"\"", "1") "]", CONSUL_CONFUSED, 250, 750},
		{200, NULL, "[" ENTRY("rag/tenants/a/config", "\"\"", "\"1\"") "]", CONSUL_CONFUSED,
		    250, 750},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		begin(NULL);
		int64_t now = watch_alpha(), delay;
		struct consul_answer a = {.arrived = true, .status = t[i].status, .index = "12",
		    .body = t[i].body, .body_bytes = strlen(t[i].body),
		    .retry_after = t[i].retry_after};
		assert_int_equal(take(&a, now), 0);
		assert_int_equal(set.count, 0);
		if (w.status.state != t[i].wanted)
			fail_msg("row %zu: %s", i, consul_state_name(w.status.state));
		assert_int_not_equal(w.status.trouble.code, ERR_NONE);
		assert_int_equal(w.status.failures, 1);
		delay = consul_watch_timeout(&w, now);
		if (delay < t[i].low || delay > t[i].high)
			fail_msg("row %zu: %lld ms", i, (long long)delay);
		now = ask(now);
		assert_int_equal(q.index, 0);
		assert_true(q.consistent);
		assert_int_equal(q.new_token, t[i].wanted == CONSUL_DENIED);
		assert_int_equal(reply(200, "12", "[" ALPHA "]", now), 0);
		assert_int_equal(w.status.state, CONSUL_WATCHING);
		assert_int_equal(w.status.trouble.code, ERR_NONE);
	}
}

static void
an_agent_without_a_leader_is_not_believed(void **state)
{
	int64_t now = watch_alpha();
	struct consul_answer a = {.arrived = true, .status = 200, .index = "12", .body = "[]",
	    .body_bytes = 2, .known_leader = "false"};

	(void)state;
	assert_int_equal(take(&a, now), 0);
	assert_int_equal(w.status.state, CONSUL_LEADERLESS);
}

static void
silence_is_backed_off_with_jitter_and_without_end(void **state)
{
	int64_t now = watch_alpha(), before, longest = 0, sum = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(silence("Connection refused", now), 0);
		before = now;
		now = ask(now);
		assert_true(now - before >= 250 && now - before <= 30000);
		longest = now - before > longest ? now - before : longest;
		sum += now - before;
	}
	assert_string_equal(w.status.trouble.text, "Connection refused");
	assert_int_equal(w.status.state, CONSUL_UNREACHABLE);
	assert_true(longest > 20000 && sum > 200 * 1000);
	assert_int_equal(reply(200, "10", "[" ALPHA "]", now), 0);
	silence("again", ask(now));
	assert_true(consul_watch_timeout(&w, now) < 40000);
	assert_true(w.backoff_ms <= 750);
}

static void
refused_tokens_are_tried_less_and_less_often(void **state)
{
	int64_t now = watch_alpha();
	static const int64_t delays[] = {30000, 60000, 120000, 240000, 300000, 300000};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		reply(403, NULL, "Permission denied", now);
		assert_int_equal(consul_watch_timeout(&w, now), delays[i]);
		now = ask(now);
	}
	assert_string_equal(w.status.trouble.text, "Consul answered 403: Permission denied");
}

static void
a_burst_of_answers_is_paced(void **state)
{
	int64_t now = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		now = ask(now);
		reply(200, "10", i % 2 == 0 ? "[" ALPHA "]" : "[" BETA "]", now);
		consul_watch_applied(&w, 0, true, now);
	}
	assert_int_equal(now, (20 - CONSUL_BURST) * CONSUL_PACE_MS);
}

static void
a_poke_ends_a_back_off_but_not_a_throttle(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	reply(403, NULL, "", now);
	consul_watch_poke(&w, now + 5000);
	assert_int_equal(consul_watch_timeout(&w, now + 5000), 0);
	now = ask(now + 5000);
	reply(429, NULL, "", now);
	consul_watch_poke(&w, now + 5000);
	assert_int_equal(consul_watch_timeout(&w, now + 5000), 25000);
}

static void
a_bad_value_concerns_its_own_tenant_only(void **state)
{
	static const struct {
		const char *value;
		enum err_code code;
		const char *words;
	} t[] = {
		{"null", ERR_JSON, "the key has no value"},
		{"\"\"", ERR_JSON, "the key has no value"},
		{"\"e30\"", ERR_JSON, "the value is not base64"},
		{"\"e3 0=\"", ERR_JSON, "the value is not base64"},
		{"\"e31=\"", ERR_JSON, "the value is not base64"},
		{"\"====\"", ERR_JSON, "the value is not base64"},
		{"\"=30=\"", ERR_JSON, "the value is not base64"},
		{"\"e30-\"", ERR_JSON, "the value is not base64"},
	};
	char body[1000];
	struct err e;
	size_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		snprintf(body, sizeof body,
		    "[" ENTRY("rag/tenants/bad/config", "%s", "9") "," ALPHA "]", t[i].value);
		consul_set_fini(&set);
		assert_ok(consul_kv_parse(&set, &bad, "rag/tenants/", body, strlen(body), &e), &e);
		assert_int_equal(set.count, 2);
		assert_string_equal(set.items[0].document, "{}");
		assert_null(set.items[1].document);
		assert_int_equal(set.items[1].why.code, t[i].code);
		assert_string_equal(set.items[1].why.text, t[i].words);
	}
}

static void
a_value_over_the_limit_is_refused_unread(void **state)
{
	size_t n = 700000, bad;
	char *body = malloc(n + 200);
	struct err e;
	int at = sprintf(body, "[{\"Key\":\"rag/tenants/big/config\",\"ModifyIndex\":1,\"Value\":\"");

	(void)state;
	memset(body + at, 'A', n);
	strcpy(body + (size_t)at + n, "\"}]");
	assert_ok(consul_kv_parse(&set, &bad, "rag/tenants/", body, strlen(body), &e), &e);
	assert_null(set.items[0].document);
	assert_int_equal(set.items[0].why.code, ERR_LIMIT);
	free(body);
}

static void
every_byte_survives_base64(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *bytes;
	} t[] = {{"Zg==", 1, "f"}, {"Zm8=", 2, "fo"}, {"Zm9v", 3, "foo"}, {"Zm9vYg==", 4, "foob"},
	    {"AAECA/+/fg==", 7, "\0\1\2\3\xff\xbf\x7e"}};
	char body[300];
	struct err e;
	size_t bad;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		snprintf(body, sizeof body, "[" ENTRY("p/t/config", "\"%s\"", "1") "]", t[i].text);
		consul_set_fini(&set);
		assert_ok(consul_kv_parse(&set, &bad, "p/", body, strlen(body), &e), &e);
		assert_int_equal(set.items[0].document_bytes, t[i].n);
		assert_memory_equal(set.items[0].document, t[i].bytes, t[i].n);
	}
}

static void
keys_of_no_tenant_are_counted(void **state)
{
#define K(name) ENTRY("rag/tenants/" name, "\"e30=\"", "1")
	static const char body[] = "[" K("") "," K("a/") "," K("a/generation") "," K("a/pin") ","
	    K("a/gone") "," K("a/status/host") "," K("a/config") "," K("b") "," K("A/config") "," K("a/b/config")
	    "," K("../config") "," K("a/other") "]";
	struct err e;
	size_t bad;

	(void)state;
	assert_ok(consul_kv_parse(&set, &bad, "rag/tenants/", body, sizeof body - 1, &e), &e);
	assert_int_equal(set.count, 1);
	assert_int_equal(bad, 5);
}

static void
damaged_bodies_never_crash(void **state)
{
	static const char good[] = "[" ALPHA "," BETA "," ENTRY("rag/tenants/c/config", "null", "3") "]";
	char copy[sizeof good];
	struct err e;
	size_t bad;

	(void)state;
	for (size_t n = 0; n < sizeof good - 1; n++) {
		consul_kv_parse(&set, &bad, "rag/tenants/", good, n, &e);
		consul_set_fini(&set);
		for (unsigned flip = 0; flip < 8; flip++) {
			memcpy(copy, good, sizeof good);
			copy[n] = (char)(copy[n] ^ (1 << flip));
			consul_kv_parse(&set, &bad, "rag/tenants/", copy, sizeof good - 1, &e);
			consul_set_fini(&set);
		}
	}
}

/* Fails once and answers well until it is told well again; how long that took. */
static int64_t
spell(int64_t *now)
{
	int64_t failed;

	silence("refused", *now);
	assert_true(w.status.is_degraded);
	failed = *now;
	*now = ask(*now);
	while (w.status.is_degraded) {
		reply(200, "11", "[" BETA "]", *now += q.wait_ms);
		consul_watch_applied(&w, 0, true, *now);
		*now = ask(*now);
	}
	return *now - failed;
}

static void
one_good_answer_is_not_yet_health(void **state)
{
	int64_t now = watch_alpha(), took;

	(void)state;
	assert_false(w.status.is_degraded);
	took = spell(&now);
	assert_true(took >= CONSUL_WELL_MS);
	assert_true(took < 2 * CONSUL_WELL_MS);
	/* but what the first good answer says is taken at once: see the tests above */
	for (int i = 0; i < CONSUL_FLAPS_MAX - 1; i++)
		assert_true(spell(&now) < CONSUL_CALM_MS);
	assert_true(spell(&now) >= CONSUL_CALM_MS);
	now += CONSUL_FLAPS_MS;
	assert_true(spell(&now) < CONSUL_CALM_MS);
}

static void
an_empty_prefix_is_no_health(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	reply(404, "12", "", now);
	assert_true(w.status.is_degraded);
}

static void
pointers_and_pins_are_listed_beside_the_documents(void **state)
{
	int64_t now = watch_alpha();

	(void)state;
	assert_int_equal(reply(200, "11",
			     "[" ALPHA "," ENTRY("rag/tenants/beta/generation", "\"e30=\"", "9") ","
			     ENTRY("rag/tenants/alpha/generation", "null", "10") ","
			     ENTRY("rag/tenants/alpha/status/web1", "\"e30=\"", "11") ","
			     ENTRY("rag/tenants/alpha/pin", "\"MS1hYQ==\"", "11") ","
			     ENTRY("rag/tenants/zeta/gone", "\"e30=\"", "12") ","
			     ENTRY("rag/tenants/beta/gone", "\"e30=\"", "8") "]",
			     now), 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.pointer_count, 2);
	assert_string_equal(set.pointers[0].tenant, "alpha");
	assert_null(set.pointers[0].document);
	assert_int_equal(set.pointers[0].why.code, ERR_JSON);
	assert_string_equal(set.pointers[1].document, "{}");
	assert_int_equal(set.pointers[1].revision, 9);
	assert_int_equal(set.pin_count, 1);
	assert_string_equal(set.pins[0].document, "1-aa");
	assert_int_equal(set.gone_count, 2);
	assert_int_equal(consul_item_find(set.gones, set.gone_count, "zeta")->revision, 12);
	assert_null(consul_item_find(set.gones, set.gone_count, "alpha"));
	assert_null(consul_item_find(set.items, 0, "alpha"));
	assert_int_equal(w.status.keys, 1);
	assert_int_equal(w.status.bad_keys, 0);
	/* the same pointer under another index is news: who writes it must know that index */
	consul_watch_applied(&w, 0, true, now);
	now = ask(now);
	assert_int_equal(reply(200, "12",
			     "[" ALPHA "," ENTRY("rag/tenants/alpha/generation", "null", "12") "]",
			     now), 1);
}

static void
the_sentinel_stands_beside_the_tenants(void **state)
{
	char key[300];

	(void)state;
	consul_sentinel_key("rag/tenants/", key, sizeof key);
	assert_string_equal(key, "rag/sentinel");
	consul_sentinel_key("a/b/c/", key, sizeof key);
	assert_string_equal(key, "a/b/sentinel");
	consul_sentinel_key("kb/", key, sizeof key);
	assert_string_equal(key, "sentinel");
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
	    T(the_first_reading_is_consistent_and_the_next_one_blocks),
	    T(equal_content_is_not_offered_again_whatever_the_index_does),
	    T(an_index_that_falls_is_read_again_consistently),
	    T(without_an_index_questions_keep_their_distance),
	    T(an_empty_prefix_is_offered_untrusted_and_never_verified),
	    T(a_tenant_that_is_gone_is_verified_twice_behind_the_sentinel),
	    T(without_the_sentinel_nothing_is_trusted),
	    T(a_failure_ends_a_verification),
	    T(every_failure_has_its_state_and_delay),
	    T(an_agent_without_a_leader_is_not_believed),
	    T(silence_is_backed_off_with_jitter_and_without_end),
	    T(refused_tokens_are_tried_less_and_less_often),
	    T(a_burst_of_answers_is_paced),
	    T(a_poke_ends_a_back_off_but_not_a_throttle),
	    T(a_bad_value_concerns_its_own_tenant_only),
	    T(a_value_over_the_limit_is_refused_unread),
	    T(every_byte_survives_base64),
	    T(keys_of_no_tenant_are_counted),
	    T(damaged_bodies_never_crash),
	    T(one_good_answer_is_not_yet_health),
	    T(an_empty_prefix_is_no_health),
	    T(pointers_and_pins_are_listed_beside_the_documents),
	    T(the_sentinel_stands_beside_the_tenants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
