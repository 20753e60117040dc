/* test_worker_options.c - what the supervisor says to a worker is what the worker reads. */
#include "unit.h"

#include "../../fcgi/conf_table.h"
#include "../../fcgi/worker_args.h"
#include "../../fcgi/worker_options.h"

static void
read_all(struct worker_options *o, struct worker_args *a)
{
	struct err e;

	worker_options_init(o);
	assert_ok(worker_options_read(o, (int)a->count, (char **)a->argv, &e), &e);
}

static void
every_option_of_the_supervisor_is_read(void **state)
{
	struct conf_global g = {.data_dir = "/d", .cors_origins = "https://a", .gateway_socket = "/g",
	    .control_socket = "/c", .files_bytes = 18, .files_max = 19,
	    .log_level = 1, .log_file = "/dev/null", .jwt_keys = "/k", .jwt_audience = "us",
	    .jwt_issuer = "they", .inbox_bytes = 5, .inbox_requests = 6, .upload_max = 7,
	    .fair_share = true};
	struct conf_pool p = {.max_requests = 8, .max_body_bytes = 9, .top_k_max = 10,
	    .embedding_timeout_ms = 11, .without_embedding = WITHOUT_EMBEDDING_WORDS + 1,
	    .result_cache_bytes = 12, .answer_model = "m", .answer_prompt = "/p",
	    .answer_prompts_dir = "/ps", .answer_timeout_ms = 13, .stream_keepalive_ms = 17,
	    .answer_context = 14,
	    .answer_tokens = 15, .request_slowlog_timeout_ms = 16, .slowlog = "/s"};
	struct worker_options o;
	struct worker_args a;

	(void)state;
	g.rate_per_key = g.rate_per_route = g.rate_per_tenant = conf_rate_pack(3, 1);
	worker_args_fill(&a, &g, &p);
	read_all(&o, &a);
	assert_string_equal(o.data_dir, "/d");
	assert_string_equal(o.cors_origins, "https://a");
	assert_string_equal(o.gateway, "/g");
	assert_string_equal(o.control, "/c");
	assert_int_equal(o.intake.files.bytes, 18);
	assert_int_equal(o.intake.files.files, 19);
	assert_string_equal(o.log_file, "/dev/null");
	assert_string_equal(o.auth.jwt_keys, "/k");
	assert_string_equal(o.auth.jwt_audience, "us");
	assert_string_equal(o.auth.jwt_issuer, "they");
	assert_false(o.auth.is_off);
	assert_false(o.is_confined);
	assert_true(o.quota.fair);
	assert_true(o.quota.key.burst == 3 && o.quota.route.burst == 3 && o.quota.tenant.burst == 3);
	assert_int_equal(o.intake.waits.bytes, 5);
	assert_int_equal(o.intake.waits.entries, 6);
	assert_int_equal(o.intake.upload_max, 7);
	assert_int_equal(o.max_requests, 8);
	assert_int_equal(o.max_body, 9);
	assert_int_equal(o.top_k_max, 10);
	assert_int_equal(o.embedding_ms, 11);
	assert_true(o.needs_vectors);
	assert_int_equal(o.result_cache, 12);
	assert_string_equal(o.answers.model, "m");
	assert_string_equal(o.answers.prompt, "/p");
	assert_string_equal(o.answers.prompts_dir, "/ps");
	assert_int_equal(o.answers.timeout_ms, 13);
	assert_int_equal(o.answers.keepalive_ms, 17);
	assert_int_equal(o.answers.context_tokens, 14);
	assert_int_equal(o.answers.max_tokens, 15);
	assert_int_equal(o.slow_ms, 16);
	assert_string_equal(o.slowlog, "/s");
}

static void
what_is_no_good_is_refused_by_name(void **state)
{
	static const struct {
		const char *name, *value, *says;
	} t[] = {
	    {"--max-requests", "x", "--max-requests takes a whole number from 0 to "},
	    {"--max-requests", "", "--max-requests takes a whole number"},
	    {"--max-requests", "-1", "--max-requests takes a whole number"},
	    {"--max-requests", "99999999999999999999", "--max-requests takes a whole number"},
	    {"--top-k-max", "0", "--top-k-max takes a whole number from 1 to 1000"},
	    {"--top-k-max", "1001", "--top-k-max takes a whole number"},
	    {"--top-k-max", "5x", "--top-k-max takes a whole number"},
	    {"--auth", "key", "--auth takes keys|off"},
	    {"--auth", "keysx", "--auth takes keys|off"},
	    {"--confine", "", "--confine takes no|yes"},
	    {"--rate-per-key", "5", "--rate-per-key takes REQUESTS/SECONDS"},
	    {"--log-level", "loud", "--log-level takes "},
	};
	struct worker_options o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		char *argv[] = {"ragpool-worker", (char *)t[i].name, (char *)t[i].value, NULL};
		worker_options_init(&o);
		assert_refused(worker_options_read(&o, 3, argv, &e), &e, ERR_USAGE);
		assert_ptr_equal(strstr(e.text, t[i].says), e.text);
	}
}

static void
nothing_stands_beside_options(void **state)
{
	char *argv[] = {"ragpool-worker", "--data", "/d", "more", NULL};
	struct worker_options o;
	struct err e;

	(void)state;
	worker_options_init(&o);
	assert_refused(worker_options_read(&o, 4, argv, &e), &e, ERR_USAGE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_option_of_the_supervisor_is_read),
	    cmocka_unit_test(what_is_no_good_is_refused_by_name),
	    cmocka_unit_test(nothing_stands_beside_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
