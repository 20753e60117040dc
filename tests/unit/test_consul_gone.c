/* test_consul_gone.c - when a key says that a tenant's data may go, and when it does not. */
#include "unit.h"

#include "../../fcgi/consul_gone.h"

enum { INDEX = 100 };
static const int64_t now_s = 2000000000;

static void
what_is_written_reads_back(void **state)
{
	struct consul_gone g = {.at = 1796040000, .host = "web3", .index = INDEX}, back;
	struct buf b;
	struct err e;

	(void)state;
	buf_init(&b, GONE_VALUE_MAX);
	consul_gone_write(&g, &b);
	assert_ok(consul_gone_parse(&back, b.data, b.len, INDEX, &e), &e);
	assert_memory_equal(&g, &back, sizeof g);
	buf_fini(&b);
}

static void
what_no_host_wrote_is_refused(void **state)
{
	static const char *const bad[] = {"", "1796040000", "{}", "[]", "{\"at\": -1}",
	    "{\"at\": \"1\"}", "{\"at\": 1e30}", "{\"at\": 1, \"host\": 3}",
	    "{\"at\": 1, \"host\": \"a\\nb\"}", "{\"at\": 1, \"host\": \"a b\"}",
	    "{\"at\": 1, \"host\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
	    "{\"at\": 1"};
	char large[GONE_VALUE_MAX + 20];
	struct consul_gone g;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (consul_gone_parse(&g, bad[i], strlen(bad[i]), INDEX, &e) != -1)
			fail_msg("%s was taken", bad[i]);
	assert_ok(consul_gone_parse(&g, "{\"at\": 1}", 9, INDEX, &e), &e);
	snprintf(large, sizeof large, "{\"at\": 1%*s}", GONE_VALUE_MAX, "");
	assert_refused(consul_gone_parse(&g, large, strlen(large), INDEX, &e), &e, ERR_LIMIT);
}

/* All there is: marked only what vanished, was known, and is older than the key. */
static void
every_case(void **state)
{
	static const uint64_t revisions[] = {0, INDEX - 1, INDEX, INDEX + 1};
	static const int64_t ages[] = {-1000, 0, GONE_KEPT_S, GONE_KEPT_S + 1};

	(void)state;
	for (unsigned i = 0; i < 4 * 4 * 4; i++) {
		uint64_t revision = revisions[i / 16];
		struct consul_gone g = {.at = now_s - ages[i / 4 % 4], .index = INDEX};
		struct gone_view v = {
		    .is_listed = i & 1, .has_vanished = i & 2, .revision = revision};
		bool is_old = ages[i / 4 % 4] > GONE_KEPT_S;
		bool may_go = (i & 3) == 2 && revision == INDEX - 1;
		assert_int_equal(consul_gone_decide(&g, &v, now_s),
		    v.is_listed	  ? GONE_DROP
			: may_go ? GONE_MARK
			: is_old ? GONE_DROP
				 : GONE_LEAVE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_reads_back),
	    cmocka_unit_test(what_no_host_wrote_is_refused),
	    cmocka_unit_test(every_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
