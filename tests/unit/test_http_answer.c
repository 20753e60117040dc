/* test_http_answer.c - answers in any pieces; a histogram against the sorted truth. */
#include "unit.h"

#include "../../fcgi/http_answer.h"
#include "../../fcgi/latency.h"

#define HEAD "HTTP/1.1 200 OK\r\nX-Ragpool-Generation: 7-abc\r\n"

static void
an_answer_is_whole_at_its_last_byte(void **state)
{
	static const struct {
		const char *bytes;
		int status;
		const char *body;
		bool is_kept;
	} t[] = {
	    {HEAD "Content-Length: 5\r\n\r\nhello", 200, "hello", true},
	    {HEAD "content-length:5\r\nConnection: close\r\n\r\nhello", 200, "hello", false},
	    {HEAD "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", 200,
		"hello", true},
	    {"HTTP/1.1 100 Continue\r\n\r\n" HEAD "Content-Length: 2\r\n\r\nhi", 200, "hi", true},
	    {"HTTP/1.0 503 Busy\r\nContent-Length: 0\r\n\r\n", 503, "", false},
	    {"HTTP/1.1 204\r\n\r\n", 204, "", true},
	};
	struct http_answer a;
	char copy[512], value[16];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		size_t n = strlen(t[i].bytes);
		for (size_t part = 0; part < n; part++) {
			memcpy(copy, t[i].bytes, n + 1);
			copy[part] = '\0';
			if (http_answer_read(&a, copy, part, false) != 0)
				fail_msg("%zu: not 0 after %zu bytes", i, part);
		}
		memcpy(copy, t[i].bytes, n + 1);
		assert_int_equal(http_answer_read(&a, copy, n, false), 1);
		assert_int_equal(a.status, t[i].status);
		assert_int_equal(a.body_bytes, strlen(t[i].body));
		assert_memory_equal(a.body, t[i].body, a.body_bytes);
		assert_int_equal(a.is_kept, t[i].is_kept);
		http_answer_header(&a, "x-ragpool-generation", value, sizeof value);
		assert_string_equal(value, t[i].status == 200 ? "7-abc" : "");
		http_answer_header(&a, "absent", value, sizeof value);
		assert_string_equal(value, "");
	}
}

static void
what_is_no_answer_is_refused(void **state)
{
	static const char *const t[] = {
	    "HTTP/2 200\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n",
	    "HTTP/1.1 2000\r\n\r\n", HEAD "Content-Length: -1\r\n\r\n",
	    HEAD "Content-Length: 99999999999999999999\r\n\r\n",
	    HEAD "Content-Length: 1\r\n\r\nab",
	    HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
	    HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n",
	    HEAD "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
	    HEAD "Transfer-Encoding: chunked\r\n\r\n1\r\nabc",
	};
	struct http_answer a;
	char copy[512];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		strcpy(copy, t[i]);
		if (http_answer_read(&a, copy, strlen(copy), false) != -1)
			fail_msg("%s: taken", t[i]);
	}
	strcpy(copy, HEAD "Content-Length: 5\r\n\r\nhel");
	assert_int_equal(http_answer_read(&a, copy, strlen(copy), true), -1);
	strcpy(copy, HEAD "\r\nhel");
	assert_int_equal(http_answer_read(&a, copy, strlen(copy), false), 0);
	assert_int_equal(http_answer_read(&a, copy, strlen(copy), true), 1);
	assert_int_equal(a.body_bytes, 3);
}

static int
compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
percentiles_are_near_the_truth(void **state)
{
	static const double shares[] = {0, 0.5, 0.9, 0.99, 0.999, 1};
	static uint64_t values[10000];
	static struct latency l;
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < 10000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		values[i] = (seed >> 33) >> (seed >> 8) % 31;
		latency_add(&l, (int64_t)values[i]);
	}
	qsort(values, 10000, sizeof values[0], compare);
	for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
		size_t at = shares[i] == 0 ? 0 : (size_t)(shares[i] * 10000 + 0.5) - 1;
		uint64_t got = latency_at(&l, shares[i]);
		if (got < values[at] || got > values[at] + values[at] / 64 + 1)
			fail_msg("%g: %llu, not %llu", shares[i], (unsigned long long)got,
			    (unsigned long long)values[at]);
	}
	latency_add(&l, -5);
	latency_add(&l, (int64_t)1 << 40);
	assert_int_equal(latency_at(&l, 1), UINT32_MAX);
	assert_int_equal(latency_at(&l, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_whole_at_its_last_byte),
	    cmocka_unit_test(what_is_no_answer_is_refused),
	    cmocka_unit_test(percentiles_are_near_the_truth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
