/* test_s3_page.c - listings of a bucket, also those that lie or attack. */
#include "unit.h"

#include "../../fcgi/s3.h"
#include "../../fcgi/s3_names.h"
#include "../../fcgi/xml_walk.h"

#define HEAD "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define LAST "<IsTruncated>false</IsTruncated></ListBucketResult>"
#define OBJECT(key, size) \
	"<Contents><Key>" key "</Key><LastModified>2024-05-01T10:00:00.000Z</LastModified>" \
	"<ETag>&quot;abc&quot;</ETag><Size>" size "</Size></Contents>"

static int
note(void *context, const struct s3_object *o, struct err *e)
{
	char *out = context;

	(void)e;
	snprintf(out + strlen(out), 400, "[%s|%llu|%s]", o->key, (unsigned long long)o->size, o->etag);
	return 0;
}

static int
parse(const char *xml, char out[2000], char **token, struct err *e)
{
	out[0] = '\0';
	return s3_parse_page(xml, strlen(xml), note, out, token, e);
}

static void
pages_are_read_with_all_their_keys(void **state)
{
	char out[2000], *token;
	struct err e;

	(void)state;
	assert_ok(parse(HEAD OBJECT("a b.md", "12") OBJECT("x&amp;y&lt;.md", "0") LAST, out, &token,
		      &e), &e);
	assert_string_equal(out, "[a b.md|12|abc][x&y<.md|0|abc]");
	assert_null(token);
	/* The word that keys are encoded stands behind them. */
	assert_ok(parse(HEAD OBJECT("a+b%2Bc/%E6%96%87.md", "1") "<EncodingType>url</EncodingType>"
			LAST, out, &token, &e), &e);
	assert_string_equal(out, "[a b+c/\xe6\x96\x87.md|1|abc]");
	assert_ok(parse(HEAD OBJECT("a+b", "1") LAST, out, &token, &e), &e);
	assert_string_equal(out, "[a+b|1|abc]");
	assert_ok(parse(HEAD LAST, out, &token, &e), &e);
	assert_string_equal(out, "");
}

static void
the_token_of_the_next_page_is_kept_as_it_is(void **state)
{
	char out[2000], *token;
	struct err e;

	(void)state;
	assert_ok(parse(HEAD "<NextContinuationToken>1+/=%2B &amp;</NextContinuationToken>"
			"<IsTruncated>true</IsTruncated></ListBucketResult>", out, &token, &e), &e);
	assert_string_equal(token, "1+/=%2B &");
	free(token);
	assert_ok(parse(HEAD "<NextContinuationToken>left over</NextContinuationToken>" LAST, out,
		      &token, &e), &e);
	assert_null(token);
}

static void
a_listing_that_may_be_incomplete_is_refused(void **state)
{
	static const char *const bad[] = {
	    "", "not xml", "<html><body>Sign in</body></html>", HEAD,
	    HEAD OBJECT("a", "1") "</ListBucketResult>",
	    HEAD "<IsTruncated>yes</IsTruncated></ListBucketResult>",
	    HEAD "<IsTruncated>true</IsTruncated></ListBucketResult>",
	    HEAD "<IsTruncated>true</IsTruncated><NextContinuationToken/></ListBucketResult>",
	    HEAD OBJECT("a", "-1") LAST, HEAD OBJECT("a", "") LAST, HEAD OBJECT("a", "1x") LAST,
	    HEAD OBJECT("a", "99999999999999999999") LAST, HEAD OBJECT("", "1") LAST,
	    HEAD "<Contents><Size>1</Size></Contents>" LAST,
	    HEAD "<Contents><Key>a</Key></Contents>" LAST,
	    HEAD "<EncodingType>url</EncodingType>" OBJECT("%4", "1") LAST,
	    HEAD "<EncodingType>url</EncodingType>" OBJECT("a%00b", "1") LAST,
	    HEAD OBJECT("a", "1") LAST "<again/>",
	};
	char out[2000], *token;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		if (parse(bad[i], out, &token, &e) == 0)
			fail_msg("taken: %s", bad[i]);
		assert_string_equal(err_row(e.code)->slug, "peer_error");
		assert_null(token);
	}
}

static void
attacks_by_xml_are_refused(void **state)
{
	static const char bomb[] =
	    "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
	    HEAD OBJECT("&b;", "1") LAST;
	static const char file[] =
	    "<!DOCTYPE l [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>" HEAD OBJECT("&x;", "1") LAST;
	char *deep = calloc(1, 100000), *wide = calloc(1, 200000), out[2000], *token;
	struct err e;

	(void)state;
	assert_refused(parse(bomb, out, &token, &e), &e, ERR_PEER);
	assert_non_null(strstr(e.text, "document type"));
	assert_refused(parse(file, out, &token, &e), &e, ERR_PEER);
	assert_string_equal(out, "");
	for (int i = 0; i < 20000; i++)
		strcpy(deep + 3 * i, "<a>");
	assert_refused(parse(deep, out, &token, &e), &e, ERR_PEER);
	strcpy(wide, HEAD "<Contents><Key>");
	memset(wide + strlen(wide), 'k', 150000);
	assert_refused(parse(wide, out, &token, &e), &e, ERR_PEER);
	free(deep);
	free(wide);
}

static void
every_prefix_of_a_page_is_refused(void **state)
{
	static const char page[] = HEAD OBJECT("a%20b", "1") "<EncodingType>url</EncodingType>" LAST;
	char out[2000], *token;
	struct err e;

	(void)state;
	for (size_t n = 0; n < sizeof page - 1; n++) {
		out[0] = '\0';
		assert_refused(s3_parse_page(page, n, note, out, &token, &e), &e, ERR_PEER);
	}
}

static void
names_of_buckets_and_regions_are_checked(void **state)
{
	static const char *const good[] = {"abc", "knowledge-base-alpha", "a.b.c", "123"};
	static const char *const bad[] = {"", "ab", "a/../b", "A-b-c", "-abc", "abc-", "a..b", "a_b_c",
	    "a b c", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_ok(s3_bucket_check(good[i], &e), &e);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_refused(s3_bucket_check(bad[i], &e), &e, ERR_CONFIG);
	assert_ok(s3_region_check("cn-north-1", &e), &e);
	assert_refused(s3_region_check("us east", &e), &e, ERR_CONFIG);
	assert_refused(s3_region_check("", &e), &e, ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_are_read_with_all_their_keys),
	    cmocka_unit_test(the_token_of_the_next_page_is_kept_as_it_is),
	    cmocka_unit_test(a_listing_that_may_be_incomplete_is_refused),
	    cmocka_unit_test(attacks_by_xml_are_refused),
	    cmocka_unit_test(every_prefix_of_a_page_is_refused),
	    cmocka_unit_test(names_of_buckets_and_regions_are_checked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
