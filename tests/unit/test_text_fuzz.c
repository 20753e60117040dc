/* test_text_fuzz.c - random bytes and damaged documents through extraction and
 * chunking: an answer or an error, the promises kept, nothing leaked.  Bounded by CPU
 * time; the seeds are fixed, so a failure repeats. */
#include "unit_text.h"

#include "clk.h"

enum { ROUND_MS = 300, BYTES_MAX = 4096 };

static const char *const seeds[] = {
    "# Title\n\nSome *text* with `code`.\n\n- a\n- b\n  - c\n\n```c\nint x;\n```\n\n|a|b|\n|-|-|\n|1|2|\n",
    "<!doctype html><title>T</title><main><h1>A</h1><p>x &amp; y<ul><li>i<li>j</ul><table><tr>"
    "<td>1<td>2</table><pre>p\nq</pre><script>s</script></main><svg><a xlink:href=x></svg>",
    "\xff\xfe" "a\0b\0\n\0-N\x87\x65\n\0",
    "\xef\xbb\xbf---\ntitle: x\n---\n\xe4\xb8\xad\xe6\x96\x87\xe3\x80\x82" "e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7",
    "\xc4\xe3\xba\xc3\xca\xc0\xbd\xe7\xa1\xa3\xd1\xa7\xb6\xf8\xca\xb1\xcf\xb0\xd6\xae",
    "<table><b><tr><p><td></b><i x=1 y='2'></p></table><frameset><math><mi><template><p></p>",
};
static const size_t seed_bytes[] = {0, 0, 14, 0, 0, 0};

static uint32_t random_state;

static uint32_t
rnd(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % below;
}

static void
try_it(const char *name, const char *bytes, size_t n)
{
	/* Exactly n bytes on the heap, so that a read past the end is seen. */
	char *copy = malloc(n > 0 ? n : 1);
	struct text_document d;
	struct chunk_list l;
	struct err e;

	memcpy(copy, bytes, n);
	if (text_extract(name, copy, n, &d, &e) == 0) {
		struct chunk_params p = {.size = 16 + rnd(64), .unit = rnd(CHUNK_UNIT_MAX)};

		p.overlap = rnd(p.size);
		check_document(&d);
		chunk_checked(&d, &p, &l);
		chunk_list_fini(&l);
		text_document_fini(&d);
	} else {
		assert_true(e.code == ERR_NOT_TEXT || e.code == ERR_UNSUPPORTED ||
		    e.code == ERR_LIMIT || e.code == ERR_EMPTY || e.code == ERR_DAMAGED);
		assert_int_not_equal(e.text[0], '\0');
	}
	free(copy);
}

static const char *
any_name(void)
{
	static const char *const names[] = {"a.md", "a.html", "a.txt", "", "a.c", "a.py", "a.eml"};

	return names[rnd(sizeof names / sizeof names[0])];
}

static void
random_bytes_do_no_harm(void **state)
{
	int64_t stop = clk_cpu_ns() + ROUND_MS * INT64_C(1000000);
	char bytes[BYTES_MAX];

	(void)state;
	for (random_state = 1; clk_cpu_ns() < stop;) {
		size_t n = rnd(rnd(4) == 0 ? sizeof bytes : 64);
		bool printable = rnd(2);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)(printable ? ' ' + rnd(95) : rnd(256));
		try_it(any_name(), bytes, n);
	}
}

static size_t
mutate(char *bytes, size_t n)
{
	size_t at = rnd((uint32_t)n), len = rnd((uint32_t)(n - at) + 1), to = rnd((uint32_t)n);

	switch (rnd(5)) {
	case 0:
		bytes[at] = (char)rnd(256);
		return n;
	case 1:				/* cut the end */
		return at > 0 ? at : 1;
	case 2:				/* copy a part over another */
		memmove(bytes + to, bytes + at, len < n - to ? len : n - to);
		return n;
	case 3:				/* repeat a part */
		if (n + len > BYTES_MAX)
			return n;
		memmove(bytes + at + len, bytes + at, n - at);
		return n + len;
	default:
		bytes[at] ^= (char)(1 << rnd(8));
		return n;
	}
}

static void
damaged_documents_do_no_harm(void **state)
{
	int64_t stop = clk_cpu_ns() + 2 * ROUND_MS * INT64_C(1000000);
	char bytes[BYTES_MAX];

	(void)state;
	for (random_state = 2; clk_cpu_ns() < stop;) {
		size_t i = rnd(sizeof seeds / sizeof seeds[0]);
		size_t n = seed_bytes[i] != 0 ? seed_bytes[i] : strlen(seeds[i]);

		memcpy(bytes, seeds[i], n);
		for (uint32_t k = rnd(12); k > 0; k--)
			n = mutate(bytes, n);
		try_it(any_name(), bytes, n);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_bytes_do_no_harm),
	    cmocka_unit_test(damaged_documents_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
