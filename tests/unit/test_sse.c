/* test_sse.c - events, and a conversation read from JSON. */
#include "unit.h"

#include "../../fcgi/chat.h"
#include "../../fcgi/sse.h"

static void
assert_event(const char *name, const char *data, const char *wanted)
{
	struct buf b;

	buf_init(&b, 4096);
	sse_event(&b, name, data, strlen(data));
	assert_string_equal(b.data, wanted);
	buf_fini(&b);
}

static void
an_event_is_its_name_and_its_data(void **state)
{
	(void)state;
	assert_event("delta", "{\"text\": \"a\"}", "event: delta\ndata: {\"text\": \"a\"}\n\n");
	assert_event(NULL, "[DONE]", "data: [DONE]\n\n");
	assert_event(NULL, "", "data: \n\n");
	assert_event("x", "a\nb\r\n\nevent: y", "event: x\ndata: a\ndata: b\ndata: \ndata: \n"
	    "data: event: y\n\n");
}

static void
a_comment_is_no_event(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	sse_comment(&b);
	assert_string_equal(b.data, ": \n\n");
	buf_fini(&b);
}

/* ---- conversations ---- */

static int
read_chat(struct chat *c, const char *json, struct arena *a, struct json_object **o, struct err *e)
{
	assert_ok(json_parse(o, json, strlen(json), e), e);
	return chat_read(c, *o, a, e);
}

static const struct {
	const char *json;
	enum err_code code;
} refused[] = {
    {"[]", ERR_RANGE},
    {"[1]", ERR_TYPE},
    {"[{\"content\": \"x\"}]", ERR_MISSING_FIELD},
    {"[{\"role\": \"king\", \"content\": \"x\"}]", ERR_RANGE},
    {"[{\"role\": \"user\", \"content\": 5}]", ERR_TYPE},
    {"[{\"role\": \"user\", \"content\": [{\"type\": \"image_url\"}]}]", ERR_TYPE},
    {"[{\"role\": \"user\", \"content\": [5]}]", ERR_TYPE},
    {"[{\"role\": \"system\", \"content\": \"x\"}]", ERR_MISSING_FIELD},
};

static void
conversations_are_refused_with_a_reason(void **state)
{
	struct json_object *o;
	struct arena a;
	struct chat c;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 20);
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		assert_refused(read_chat(&c, refused[i].json, &a, &o, &e), &e, refused[i].code);
		json_object_put(o);
	}
	arena_fini(&a);
}

static void
the_last_of_the_user_is_the_question(void **state)
{
	struct json_object *o;
	struct arena a;
	struct chat c;
	struct err e;

	(void)state;
	arena_init(&a, 1 << 20);
	assert_ok(read_chat(&c, "[{\"role\": \"developer\", \"content\": \"Be brief.\"},"
	    "{\"role\": \"user\", \"content\": \"When does the horn sound?\"},"
	    "{\"role\": \"assistant\", \"content\": null},"
	    "{\"role\": \"tool\", \"content\": \"42\"},"
	    "{\"role\": \"assistant\", \"content\": \"In fog.\"},"
	    "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"And\"},"
	    "{\"type\": \"text\", \"text\": \"how often?\"}]}]", &a, &o, &e), &e);
	assert_string_equal(c.question, "And\nhow often?");
	assert_int_equal(c.turn_count, 3);
	assert_string_equal(c.turns[0].role, "system");
	assert_string_equal(c.turns[2].text, "In fog.");
	assert_string_equal(c.search, "When does the horn sound?\nAnd\nhow often?");
	json_object_put(o);
	assert_ok(read_chat(&c, "[{\"role\": \"user\", \"content\": \"First of all\"},"
	    "{\"role\": \"user\", \"content\": \"Which letters arrive by boat on the second Tuesday?\"}]",
	    &a, &o, &e), &e);
	assert_ptr_equal(c.search, c.question);
	json_object_put(o);
	arena_fini(&a);
}

static void
a_tenant_has_several_names(void **state)
{
	struct arena a;

	(void)state;
	arena_init(&a, 1 << 16);
	assert_string_equal(chat_tenant("rag/en", &a), "en");
	assert_string_equal(chat_tenant("en", &a), "en");
	assert_string_equal(chat_tenant("rag/en:latest", &a), "en");
	assert_string_equal(chat_tenant("rag/en:7b", &a), "en:7b");
	assert_string_equal(chat_tenant("", &a), "");
	arena_fini(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_event_is_its_name_and_its_data),
	    cmocka_unit_test(a_comment_is_no_event),
	    cmocka_unit_test(conversations_are_refused_with_a_reason),
	    cmocka_unit_test(the_last_of_the_user_is_the_question),
	    cmocka_unit_test(a_tenant_has_several_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
