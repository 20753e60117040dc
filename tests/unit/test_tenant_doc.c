/* test_tenant_doc.c - a tenant's document: what it means and why it is refused. */
#include "unit.h"

#include "json.h"
#include "../../fcgi/tenant_doc.h"

#define SOURCE "\"data_source\":{\"type\":\"directory\",\"path\":\"/srv/docs\"}"
#define DOC(more) "{\"version\":\"v1\"," SOURCE more "}"
#define SOURCE_OF(text) "{\"version\":\"v1\",\"data_source\":" text "}"
#define PARAMS(text) DOC(",\"index_params\":" text)

static int
parse(struct tenant_doc *d, const char *text, struct err *e)
{
	return tenant_doc_parse(d, text, strlen(text), e);
}

static void
a_short_document_gets_the_defaults(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, DOC(""), &e), &e);
	assert_string_equal(d.config.version, "v1");
	assert_string_equal(d.config.source_type, "directory");
	assert_string_equal(d.config.source_path, "/srv/docs");
	assert_int_equal(d.config.chunk_size, 512);
	assert_int_equal(d.config.chunk_overlap, 50);
	assert_string_equal(d.config.language, "english");
	assert_string_equal(d.config.embedding_model, "builtin:lsa");
	assert_string_equal(d.notes.data, "");
	assert_ok(tenant_doc_check_source(&d, &e), &e);
	tenant_doc_fini(&d);
	assert_ok(parse(&d, PARAMS("{\"chunk_size\":40}"), &e), &e);
	assert_int_equal(d.config.chunk_overlap, 10);
	tenant_doc_fini(&d);
}

static void
a_tenant_may_ask_for_a_watched_canary(void **state)
{
	static const char *const bad[] = {"30", "m", "-1m", "1.5h", "30 m", "25h", "2d", "",
	    "9999999999ms"};
	struct tenant_doc d;
	struct err e;
	char text[300];

	(void)state;
	assert_ok(parse(&d, DOC(""), &e), &e);
	assert_int_equal(d.canary_window_ms, 0);
	tenant_doc_fini(&d);
	assert_ok(parse(&d, DOC(",\"rollout\":{\"canary_window\":\"30m\"}"), &e), &e);
	assert_int_equal(d.canary_window_ms, 1800000);
	assert_string_equal(d.notes.data, "");
	tenant_doc_fini(&d);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, DOC(",\"rollout\":{\"canary_window\":\"%s\"}"), bad[i]);
		assert_int_equal(parse(&d, text, &e), -1);
		assert_non_null(strstr(e.text, "rollout: \"canary_window\""));
	}
}

static void
a_tenant_may_live_otherwise_than_the_pool(void **state)
{
	static const char *const bad[] = {"\"keep_generations\": 1", "\"keep_generations\": 101",
	    "\"generation_ttl\": \"366d\"", "\"generation_ttl\": 5", "\"cold_after\": \"7\"",
	    "\"cold_after\": \"-1d\""};
	struct tenant_doc d;
	struct err e;
	char text[300];

	(void)state;
	assert_ok(parse(&d, DOC(""), &e), &e);
	assert_int_equal(d.life.keep, 0);
	assert_int_equal(d.life.ttl_ms, -1);
	assert_int_equal(d.life.cold_after_ms, -1);
	tenant_doc_fini(&d);
	assert_ok(parse(&d, DOC(",\"lifecycle\":{\"keep_generations\":5,"
	    "\"generation_ttl\":\"30d\",\"cold_after\":\"0s\"}"), &e), &e);
	assert_int_equal(d.life.keep, 5);
	assert_int_equal(d.life.ttl_ms, INT64_C(2592000000));
	assert_int_equal(d.life.cold_after_ms, 0);
	assert_string_equal(d.notes.data, "");
	tenant_doc_fini(&d);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, DOC(",\"lifecycle\":{%s}"), bad[i]);
		assert_int_equal(parse(&d, text, &e), -1);
		assert_non_null(strstr(e.text, "lifecycle: \""));
	}
}

static void
golden_queries_are_checked_before_they_are_needed(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, DOC(",\"golden\":[{\"query\":\"a\",\"expected\":\"b.md\"}]"), &e), &e);
	assert_string_equal(d.notes.data, "");
	tenant_doc_fini(&d);
	assert_refused(parse(&d, DOC(",\"golden\":{}"), &e), &e, ERR_TYPE);
	assert_refused(
	    parse(&d, DOC(",\"golden\":[{\"query\":\"a\"},{\"ask\":\"b\"}]"), &e), &e,
	    ERR_UNKNOWN_FIELD);
	assert_non_null(strstr(e.text, "golden[1]"));
}

/* As it stands in the source documents of the product. */
static void
the_documents_of_other_systems_are_read_as_they_are(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d,
		      "{\n  \"version\": \"v1.2\",\n  \"data_source\": {\n    \"type\": \"s3\",\n"
		      "    \"bucket\": \"knowledge-base-alpha\",\n"
		      "    \"prefix\": \"documents/2023-11/\",\n    \"region\": \"us-east-1\"\n  },\n"
		      "  \"index_params\": {\n    \"chunk_size\": 512,\n    \"chunk_overlap\": 50\n"
		      "  },\n  \"embedding_model\": \"text-embedding-ada-002\"\n}", &e), &e);
	assert_string_equal(d.config.source_type, "s3");
	assert_string_equal(d.config.embedding_model, "builtin:lsa");
	assert_string_equal(d.notes.data,
	    "embedding_model: no gateway to models is configured for \"text-embedding-ada-002\"; "
	    "built with builtin:lsa\n");
	assert_ok(tenant_doc_check_source(&d, &e), &e);
	assert_int_equal(d.source->type, SOURCE_S3);
	assert_string_equal(d.source->bucket, "knowledge-base-alpha");
	assert_string_equal(d.source->prefix, "documents/2023-11/");
	assert_string_equal(d.source->region, "us-east-1");
	tenant_doc_fini(&d);
	assert_ok(parse(&d, PARAMS("{\"index_type\":\"HNSW\",\"metric_type\":\"IP\","
				   "\"params\":{\"M\":16,\"efConstruction\":64}}"), &e), &e);
	assert_int_equal(d.config.m, 16);
	assert_int_equal(d.config.ef_construction, 64);
	tenant_doc_fini(&d);
}

static void
a_type_without_a_reader_is_refused_by_name(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, SOURCE_OF("{\"type\":\"ftp\",\"whatever\":{}}"), &e), &e);
	assert_refused(tenant_doc_check_source(&d, &e), &e, ERR_SOURCE);
	assert_string_equal(e.text, "data_source: type \"ftp\" is not one of directory, s3, http, "
				    "git, sqlite, postgres, push");
	tenant_doc_fini(&d);
}

static void
options_of_another_type_are_noted(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, SOURCE_OF("{\"type\":\"git\",\"path\":\"/r\",\"bucket\":\"b\","
				      "\"include\":[\"*.md\",\"docs/**\"]}"), &e), &e);
	assert_string_equal(
	    d.notes.data, "data_source: \"bucket\" has no effect for type git\n");
	assert_string_equal(d.source->include, "*.md\ndocs/**\n");
	assert_string_equal(d.source->ref, "HEAD");
	tenant_doc_fini(&d);
}

static void
unknown_members_are_noted_not_refused(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, DOC(",\"Version\":1,\"index_params\":{\"chunk\":1}"), &e), &e);
	assert_string_equal(d.notes.data,
	    "index_params: \"chunk\" is unknown and has no effect\n"
	    "\"Version\" is unknown and has no effect\n");
	tenant_doc_fini(&d);
}

static void
the_hash_is_of_the_content_not_of_the_bytes(void **state)
{
	struct tenant_doc a, b;
	struct err e;

	(void)state;
	assert_ok(parse(&a, DOC(",\"x\":[1,2.50,\"\\u00e9\",null]"), &e), &e);
	assert_ok(parse(&b, "{ \"x\" : [ 1, 2.5, \"\xc3\xa9\", null ],\n" SOURCE
			    ", \"version\" : \"v1\" }", &e), &e);
	assert_string_equal(a.hash, b.hash);
	tenant_doc_fini(&b);
	assert_ok(parse(&b, DOC(",\"x\":[1,2.5,\"e\",null]"), &e), &e);
	assert_string_not_equal(a.hash, b.hash);
	tenant_doc_fini(&a);
	tenant_doc_fini(&b);
}

static void
every_refusal_has_its_code_and_words(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		const char *words;
	} t[] = {
		{"", ERR_JSON, "the document is empty"},
		{"null", ERR_NOT_OBJECT, NULL},
		{"{", ERR_JSON, NULL},
		{"{\"a\":1,\"a\":2}", ERR_DUPLICATE_KEY, NULL},
		{"\xff", ERR_JSON, NULL},
		{"{}", ERR_MISSING_FIELD, "\"version\" is missing"},
		{"{\"version\":1}", ERR_TYPE, "\"version\" must be a string"},
		{"{\"version\":\"\"}", ERR_CONFIG, "\"version\" is empty"},
		{"{\"version\":\"a\\nb\"}", ERR_CONFIG,
		    "\"version\" has a control character in it"},
		{"{\"version\":\"v\"}", ERR_MISSING_FIELD,
		    "data_source: \"data_source\" is missing"},
		{SOURCE_OF("{}"), ERR_MISSING_FIELD, "data_source: \"type\" is missing"},
		{SOURCE_OF("{\"type\":\"directory\"}"), ERR_MISSING_FIELD,
		    "data_source: \"path\" is missing"},
		{SOURCE_OF("{\"type\":\"directory\",\"path\":\"srv\"}"), ERR_CONFIG,
		    "data_source: \"path\" must be absolute"},
		{SOURCE_OF("{\"type\":\"directory\",\"path\":\"/srv/..\"}"), ERR_CONFIG,
		    "data_source: \"path\" must have no \"..\" in it"},
		{SOURCE_OF("{\"type\":\"directory\",\"path\":\"/a/../b\"}"), ERR_CONFIG,
		    "data_source: \"path\" must have no \"..\" in it"},
		{SOURCE_OF("{\"type\":\"s3\"}"), ERR_MISSING_FIELD,
		    "data_source: \"bucket\" is missing"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"a/../b\"}"), ERR_CONFIG,
		    "data_source: \"a/../b\" is not a bucket's name: 3 to 63 of a-z 0-9 . -"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"abc\",\"region\":\"us east\"}"), ERR_CONFIG,
		    "data_source: \"us east\" is not a region such as us-east-1"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"abc\",\"endpoint\":\"file:///x\"}"), ERR_CONFIG,
		    "data_source: \"file:///x\" is not an http or https address"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"abc\",\"addressing\":\"x\"}"), ERR_CONFIG,
		    "data_source: \"addressing\" may be auto, path or virtual"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"abc\",\"include\":[\"a\",1]}"), ERR_TYPE,
		    "data_source: \"include\" must be a string or a list of them"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":\"abc\",\"exclude\":\"[\"}"), ERR_CONFIG,
		    "data_source: pattern \"[\": the ] is missing"},
		{SOURCE_OF("{\"type\":\"http\",\"url\":\"gopher://x\"}"), ERR_CONFIG,
		    "data_source: \"gopher://x\" is not an http or https address"},
		{SOURCE_OF("{\"type\":\"git\",\"path\":\"/r\",\"ref\":\"--help\"}"), ERR_CONFIG,
		    "data_source: \"ref\" is not a branch, tag or commit: --help"},
		{SOURCE_OF("{\"type\":\"sqlite\",\"path\":\"/d\",\"query\":\"\"}"), ERR_CONFIG,
		    "data_source: \"query\" is empty"},
		{SOURCE_OF("{\"type\":\"postgres\",\"dsn\":\"host=h password=x\",\"query\":\"q\"}"),
		    ERR_CONFIG,
		    "data_source: \"dsn\" is written as \"host=... dbname=... user=...\" and holds no "
		    "password; name credentials instead"},
		{SOURCE_OF("{\"type\":\"s3\",\"bucket\":1}"), ERR_TYPE,
		    "data_source: \"bucket\" must be a string"},
		{SOURCE_OF("{\"type\":\"s3\",\"secret_access_key\":\"hunter2\"}"), ERR_CONFIG,
		    "\"secret_access_key\" holds a secret; a document may only name credentials"},
		{DOC(",\"x\":[{\"API_Key\":\"hunter2\"}]"), ERR_CONFIG,
		    "\"API_Key\" holds a secret; a document may only name credentials"},
		{DOC(",\"token\":\"hunter2\""), ERR_CONFIG, NULL},
		{DOC(",\"password\":\"hunter2\""), ERR_CONFIG, NULL},
		{PARAMS("[]"), ERR_TYPE, "\"index_params\" must be an object"},
		{PARAMS("{\"chunk_size\":0}"), ERR_RANGE,
		    "index_params: \"chunk_size\" must be from 16 to 8192"},
		{PARAMS("{\"chunk_size\":-1}"), ERR_RANGE, NULL},
		{PARAMS("{\"chunk_size\":1000000000}"), ERR_RANGE, NULL},
		{PARAMS("{\"chunk_size\":\"512\"}"), ERR_TYPE, NULL},
		{PARAMS("{\"chunk_size\":64,\"chunk_overlap\":64}"), ERR_CONFIG,
		    "index_params: \"chunk_overlap\" must be less than \"chunk_size\""},
		{PARAMS("{\"language\":\"klingon\"}"), ERR_CONFIG, NULL},
		{PARAMS("{\"params\":{\"M\":\"x\"}}"), ERR_TYPE,
		    "index_params: params: \"M\" must be a whole number"},
		{DOC(",\"embedding_model\":\"\""), ERR_CONFIG, "\"embedding_model\" is empty"},
		{DOC(",\"embedding_model\":7"), ERR_TYPE, NULL},
	};
	struct tenant_doc d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (parse(&d, t[i].text, &e) != -1)
			fail_msg("accepted: %s", t[i].text);
		if (e.code != t[i].code || (t[i].words != NULL && strcmp(e.text, t[i].words) != 0))
			fail_msg("%s\n  gave %s: %s", t[i].text, err_row(e.code)->slug, e.text);
		assert_null(strstr(e.text, "hunter2"));
	}
}

static void
large_documents_are_refused_and_many_notes_are_bounded(void **state)
{
	char *text = malloc(TENANT_CONFIG_MAX + 2);
	struct tenant_doc d;
	struct err e;
	size_t n;

	(void)state;
	memset(text, ' ', TENANT_CONFIG_MAX + 1);
	memcpy(text, DOC(""), strlen(DOC("")));
	assert_ok(tenant_doc_parse(&d, text, TENANT_CONFIG_MAX, &e), &e);
	tenant_doc_fini(&d);
	assert_refused(tenant_doc_parse(&d, text, TENANT_CONFIG_MAX + 1, &e), &e, ERR_LIMIT);
	n = (size_t)sprintf(text, "{\"version\":\"v1\"," SOURCE);
	for (int i = 0; n < TENANT_CONFIG_MAX - 100; i++)
		n += (size_t)sprintf(text + n, ",\"member-%d\":%d", i, i);
	n += (size_t)sprintf(text + n, "}");
	assert_ok(tenant_doc_parse(&d, text, n, &e), &e);
	assert_true(d.notes.len > 1000 && d.notes.len <= 4096);
	assert_int_equal(d.notes.data[d.notes.len - 1], '\n');
	tenant_doc_fini(&d);
	free(text);
}

static void
the_gate_is_told_its_percentages(void **state)
{
	struct tenant_doc d;
	struct err e;

	(void)state;
	assert_ok(parse(&d, DOC(""), &e), &e);
	assert_int_equal(d.max_shrink, TENANT_DOC_AS_THE_POOL);
	tenant_doc_fini(&d);
	assert_ok(parse(&d, DOC(",\"gate\":{\"max_shrink\":7,\"min_recall\":100}"), &e), &e);
	assert_int_equal(d.max_shrink, 7);
	tenant_doc_fini(&d);
	assert_refused(parse(&d, DOC(",\"gate\":{\"max_shrink\":101}"), &e), &e, ERR_RANGE);
	assert_refused(parse(&d, DOC(",\"gate\":{\"shrink\":1}"), &e), &e, ERR_UNKNOWN_FIELD);
	assert_refused(parse(&d, DOC(",\"gate\":[]"), &e), &e, ERR_TYPE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_short_document_gets_the_defaults),
	    cmocka_unit_test(a_tenant_may_ask_for_a_watched_canary),
	    cmocka_unit_test(the_documents_of_other_systems_are_read_as_they_are),
	    cmocka_unit_test(a_type_without_a_reader_is_refused_by_name),
	    cmocka_unit_test(options_of_another_type_are_noted),
	    cmocka_unit_test(a_tenant_may_live_otherwise_than_the_pool),
	    cmocka_unit_test(golden_queries_are_checked_before_they_are_needed),
	    cmocka_unit_test(the_gate_is_told_its_percentages),
	    cmocka_unit_test(unknown_members_are_noted_not_refused),
	    cmocka_unit_test(the_hash_is_of_the_content_not_of_the_bytes),
	    cmocka_unit_test(every_refusal_has_its_code_and_words),
	    cmocka_unit_test(large_documents_are_refused_and_many_notes_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
