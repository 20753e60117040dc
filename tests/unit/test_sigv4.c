/* test_sigv4.c - the signer against the examples that AWS publishes. */
#include "unit.h"

#include "../../fcgi/sigv4.h"
#include "../../fcgi/url.h"

/* "Examples: Signature Calculations in AWS Signature Version 4" of the S3 documentation, of
 * which the bucket is examplebucket and the day 24 May 2013. */
#define S3_KEY {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""}
#define S3_HOST "examplebucket.s3.amazonaws.com"
#define S3_NOW 1369353600

/* aws-sig-v4-test-suite, of which the service is "service" and the day 30 August 2015. */
#define SUITE_KEY {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""}
#define SUITE_HOST "example.amazonaws.com"
#define SUITE_NOW 1440938160

static const struct sigv4_header range[] = {{"range", "bytes=0-9"}};
static const struct sigv4_header upload[] = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
    {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
static const struct sigv4_header trimmed[] = {{"my-header1", " value1"},
    {"my-header2", " \"a   b   c\""}};

#define S3(method, path, query, sha, more, count) \
	{method, S3_HOST, path, query, sha, "us-east-1", "s3", more, count, S3_NOW}
#define SUITE(method, path, query, more, count) \
	{method, SUITE_HOST, path, query, SIGV4_EMPTY_SHA256, "us-east-1", "service", more, count, \
	    SUITE_NOW}

static const struct {
	const char *name;
	struct sigv4_key key;
	struct sigv4_request request;
	const char *signed_headers, *signature;
} rows[] = {
    {"GET object", S3_KEY, S3("GET", "/test.txt", "", SIGV4_EMPTY_SHA256, range, 1),
	"host;range;x-amz-content-sha256;x-amz-date",
	"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"PUT object", S3_KEY,
	S3("PUT", "/test%24file.text", "",
	    "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", upload, 2),
	"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
	"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"},
    {"GET bucket lifecycle", S3_KEY, S3("GET", "/", "lifecycle=", SIGV4_EMPTY_SHA256, NULL, 0),
	"host;x-amz-content-sha256;x-amz-date",
	"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"GET bucket", S3_KEY, S3("GET", "/", "max-keys=2&prefix=J", SIGV4_EMPTY_SHA256, NULL, 0),
	"host;x-amz-content-sha256;x-amz-date",
	"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
    {"get-vanilla", SUITE_KEY, SUITE("GET", "/", "", NULL, 0), "host;x-amz-date",
	"5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"post-vanilla", SUITE_KEY, SUITE("POST", "/", "", NULL, 0), "host;x-amz-date",
	"5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"get-vanilla-query-order-key-case", SUITE_KEY,
	SUITE("GET", "/", "Param1=value1&Param2=value2", NULL, 0), "host;x-amz-date",
	"b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-utf8", SUITE_KEY, SUITE("GET", "/%E1%88%B4", "", NULL, 0), "host;x-amz-date",
	"8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-vanilla-utf8-query", SUITE_KEY, SUITE("GET", "/", "%E1%88%B4=bar", NULL, 0),
	"host;x-amz-date",
	"2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
    {"get-unreserved", SUITE_KEY,
	SUITE("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
	    NULL, 0),
	"host;x-amz-date",
	"07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-header-value-trim", SUITE_KEY, SUITE("GET", "/", "", trimmed, 2),
	"host;my-header1;my-header2;x-amz-date",
	"acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
};

static void
published_examples_get_their_signatures(void **state)
{
	struct buf headers;
	char wanted[300];
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		buf_init(&headers, 16384);
		assert_ok(sigv4_sign(&rows[i].request, &rows[i].key, &headers, &e), &e);
		snprintf(wanted, sizeof wanted, "SignedHeaders=%s, Signature=%s\n",
		    rows[i].signed_headers, rows[i].signature);
		if (strstr(headers.data, wanted) == NULL)
			fail_msg("%s:\n%s\nwanted %s", rows[i].name, headers.data, wanted);
		buf_fini(&headers);
	}
}

static void
a_sessions_token_is_sent_and_signed(void **state)
{
	const struct sigv4_key key = {"AKIDEXAMPLE", "secret-key-of-the-test", "session+token/="};
	const struct sigv4_request r = SUITE("GET", "/", "", NULL, 0);
	struct buf headers;
	struct err e;

	(void)state;
	buf_init(&headers, 16384);
	assert_ok(sigv4_sign(&r, &key, &headers, &e), &e);
	assert_non_null(strstr(headers.data, "SignedHeaders=host;x-amz-date;x-amz-security-token,"));
	assert_non_null(strstr(headers.data, "\nx-amz-security-token: session+token/=\n"));
	assert_null(strstr(headers.data, "secret-key-of-the-test"));
	buf_fini(&headers);
}

static void
what_does_not_fit_is_refused(void **state)
{
	char region[300];
	struct sigv4_key key = SUITE_KEY;
	struct sigv4_request r = SUITE("GET", "/", "", NULL, 0);
	struct sigv4_header many[SIGV4_HEADERS_MAX + 1] = {{"a", "b"}};
	struct buf headers;
	struct err e;

	(void)state;
	memset(region, 'r', sizeof region);
	region[299] = '\0';
	buf_init(&headers, 16384);
	r.region = region;
	assert_refused(sigv4_sign(&r, &key, &headers, &e), &e, ERR_LIMIT);
	r.region = "us-east-1";
	r.more = many;
	r.more_count = SIGV4_HEADERS_MAX + 1;
	assert_refused(sigv4_sign(&r, &key, &headers, &e), &e, ERR_LIMIT);
	buf_fini(&headers);
}

/* ---- url.h, which writes what is signed ---- */

static void
text_is_encoded_the_one_way(void **state)
{
	static const struct {
		const char *text, *also, *wanted;
	} t[] = {
	    {"a b+c%", "", "a%20b%2Bc%25"}, {"-._~/", "", "-._~%2F"}, {"a//b/../c", "/", "a//b/../c"},
	    {"\xe6\x96\x87", "", "%E6%96%87"}, {"(')!*", "/", "%28%27%29%21%2A"}, {"", "", ""},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		buf_init(&b, 1000);
		buf_adds(&b, "");
		url_encode(&b, t[i].text, strlen(t[i].text), t[i].also);
		assert_string_equal(b.data, t[i].wanted);
		buf_fini(&b);
	}
}

static void
text_is_decoded_or_refused(void **state)
{
	static const struct {
		const char *text, *wanted;
	} t[] = {{"a+b%2Bc", "a b+c"}, {"%e6%96%87", "\xe6\x96\x87"}, {"", ""}, {"%", NULL},
	    {"%4", NULL}, {"%zz", NULL}, {"%00", NULL}, {"a%4", NULL}};
	char text[100];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		strcpy(text, t[i].text);
		assert_int_equal(url_decode(text), t[i].wanted != NULL ? (long)strlen(t[i].wanted) : -1);
		if (t[i].wanted != NULL)
			assert_string_equal(text, t[i].wanted);
	}
}

static void
queries_are_sorted_by_encoded_name(void **state)
{
	struct url_query q = {0};
	struct buf b;
	struct err e;

	(void)state;
	url_query_add(&q, "prefix", "a/\xe6\x96\x87 +");
	url_query_add(&q, "a-b", "1");
	url_query_add(&q, "absent", NULL);
	url_query_add(&q, "a", "2");
	url_query_add(&q, "a", "1");
	url_query_add(&q, "location", "");
	buf_init(&b, 1000);
	assert_ok(url_query_write(&q, &b, &e), &e);
	assert_string_equal(
	    b.data, "a=1&a=2&a-b=1&location=&prefix=a%2F%E6%96%87%20%2B");
	buf_fini(&b);
}

static void
origins_tell_servers_apart(void **state)
{
	static const struct {
		const char *url, *origin;
	} t[] = {{"https://Docs.Example.COM/a?b", "https://docs.example.com"},
	    {"https://example.com:443/", "https://example.com"},
	    {"http://example.com:8080", "http://example.com:8080"},
	    {"http://[::1]:9/x", "http://[::1]:9"}, {"file:///etc/passwd", NULL},
	    {"gopher://x/", NULL}, {"http://user:pw@x/", NULL}, {"http://", NULL}};
	char origin[URL_ORIGIN_BYTES];
	struct buf b;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (t[i].origin == NULL) {
			assert_refused(url_origin(origin, t[i].url, &e), &e, ERR_CONFIG);
			continue;
		}
		assert_ok(url_origin(origin, t[i].url, &e), &e);
		assert_string_equal(origin, t[i].origin);
	}
	buf_init(&b, 1000);
	assert_ok(url_resolve(&b, "https://x.org/a/b?c", "../d e#f", &e), &e);
	assert_string_equal(b.data, "https://x.org/d%20e");
	assert_true(url_is_same_origin("https://x.org/a", "https://X.org:443/b"));
	assert_false(url_is_same_origin("https://x.org/", "http://x.org/"));
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_examples_get_their_signatures),
	    cmocka_unit_test(a_sessions_token_is_sent_and_signed),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(text_is_encoded_the_one_way),
	    cmocka_unit_test(text_is_decoded_or_refused),
	    cmocka_unit_test(queries_are_sorted_by_encoded_name),
	    cmocka_unit_test(origins_tell_servers_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
