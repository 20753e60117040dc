/* test_consul_pointer.c - by which the hosts of a fleet agree on what is live. */
#include "unit.h"

#include "../../fcgi/consul_pointer.h"

#define HASH "0a1b2c3d4e5f"
#define SHA HASH "00000000000000000000000000000000000000000000000000f0"

static int
parse(struct consul_pointer *p, const char *text)
{
	struct err e;
	int rc = consul_pointer_parse(p, text, strlen(text), 9, &e);

	if (rc == -1)
		assert_true(e.text[0] != '\0');
	return rc;
}

static void
what_is_written_reads_back(void **state)
{
	struct consul_pointer p = {.generation = "7-" HASH, .manifest = SHA,
	    .where = "s3://b/\"p\"/7", .version = "v1.3", .previous = "6-aaaaaaaaaaaa",
	    .withdrawn = "v1.4", .host = "web3", .flip = 12, .index = 9}, back;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	consul_pointer_write(&p, &b);
	assert_int_equal(parse(&back, b.data), 0);
	assert_memory_equal(&p, &back, sizeof p);
	buf_fini(&b);
}

static void
only_the_generation_is_needed(void **state)
{
	struct consul_pointer p;

	(void)state;
	assert_int_equal(parse(&p, "{\"generation\":\"2-" HASH "\",\"note\":[1]}"), 0);
	assert_string_equal(p.generation, "2-" HASH);
	assert_string_equal(p.where, "");
	assert_int_equal(p.flip, 0);
	assert_int_equal(p.index, 9);
}

static void
what_contradicts_itself_is_refused(void **state)
{
	static const char *const bad[] = {"", "null", "[]", "{}", "{\"generation\":7}",
	    "{\"generation\":\"../7\"}", "{\"generation\":\"7\"}",
	    "{\"generation\":\"7-" HASH "\",\"manifest_sha256\":\"abc\"}",
	    "{\"generation\":\"7-ffffffffffff\",\"manifest_sha256\":\"" SHA "\"}",
	    "{\"generation\":\"7-" HASH "\",\"flip\":-1}",
	    "{\"generation\":\"7-" HASH "\",\"flip\":\"1\"}",
	    "{\"generation\":\"7-" HASH "\",\"where\":\"a\\u0007b\"}",
	    "{\"generation\":\"7-" HASH "\",\"previous\":\"/etc/passwd\"}",
	    "{\"generation\":\"7-" HASH "\"", "{\"generation\":\"7-" HASH "\"}{}",
	    "{\"generation\":\"7-" HASH "\",\"generation\":\"8-" HASH "\"}"};
	struct consul_pointer p;
	char long_text[CONSUL_POINTER_MAX + 2];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse(&p, bad[i]) == 0)
			fail_msg("accepted: %s", bad[i]);
		assert_string_equal(p.generation, "");
	}
	memset(long_text, ' ', sizeof long_text);
	assert_int_equal(consul_pointer_parse(&p, long_text, sizeof long_text - 1, 1, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static void
a_pin_is_a_name_or_an_object(void **state)
{
	static const struct {
		const char *text, *generation;	/* "": refused */
	} t[] = {{"3-" HASH, "3-" HASH}, {"  3-" HASH "\n", "3-" HASH},
	    {"{\"generation\":\"3-" HASH "\"}", "3-" HASH}, {"", ""}, {" ", ""}, {"live", ""},
	    {"{}", ""}, {"3-" HASH " x", ""}, {"\"3-" HASH "\"", ""}};
	char got[GENERATION_NAME_BYTES];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		assert_int_equal(consul_pin_parse(got, t[i].text, strlen(t[i].text), &e),
		    t[i].generation[0] != '\0' ? 0 : -1);
		assert_string_equal(got, t[i].generation);
	}
	assert_int_equal(consul_pin_parse(got, "3-a\0b", 5, &e), -1);
}

static void
an_older_pointer_never_overtakes(void **state)
{
	static const struct {
		const char *now, *next;
		uint64_t now_flip, now_index, next_flip, next_index;
		enum pointer_order order;
	} t[] = {
	    {"", "1-" HASH, 0, 0, 0, 5, POINTER_NEWER},
	    {"1-" HASH, "1-" HASH, 1, 5, 2, 9, POINTER_SAME},
	    {"1-" HASH, "4-" HASH, 1, 5, 2, 9, POINTER_SAME},	/* numbers differ by host */
	    {"1-" HASH, "2-aaaaaaaaaaaa", 1, 5, 2, 9, POINTER_NEWER},
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 3, 12, POINTER_NEWER},	/* a rollback */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 1, 5, POINTER_OLDER},	/* restored */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 1, 99, POINTER_OLDER},	/* by a host that slept */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 90, 3, 4, POINTER_NEWER},	/* wiped, and written anew */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 0, 12, POINTER_NEWER},	/* by hand */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 0, 7, POINTER_OLDER},	/* by hand, restored */
	    {"2-aaaaaaaaaaaa", "1-" HASH, 0, 9, 4, 12, POINTER_NEWER},
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 2, 12, POINTER_NEWER},
	    {"2-aaaaaaaaaaaa", "1-" HASH, 2, 9, 2, 8, POINTER_OLDER},
	};

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		struct consul_pointer now = {.flip = t[i].now_flip, .index = t[i].now_index};
		struct consul_pointer next = {.flip = t[i].next_flip, .index = t[i].next_index};
		strcpy(now.generation, t[i].now);
		strcpy(next.generation, t[i].next);
		if (consul_pointer_compare(&now, &next) != t[i].order)
			fail_msg("row %zu", i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_reads_back),
	    cmocka_unit_test(only_the_generation_is_needed),
	    cmocka_unit_test(what_contradicts_itself_is_refused),
	    cmocka_unit_test(a_pin_is_a_name_or_an_object),
	    cmocka_unit_test(an_older_pointer_never_overtakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
