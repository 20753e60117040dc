/* test_multipart.c - uploads, read piece by piece whatever the pieces are. */
#include "unit.h"

#include <stdlib.h>

#include "../../fcgi/multipart.h"

struct feed {
	const char *bytes;
	size_t n, at, piece;
};

static long
give(void *from, char *into, size_t n)
{
	struct feed *f = from;
	size_t has = f->n - f->at;

	if (has > f->piece)
		has = f->piece;
	if (has > n)
		has = n;
	memcpy(into, f->bytes + f->at, has);
	f->at += has;
	return (long)has;
}

/* "[name|file|type|bytes]" of each part, or the error's slug. */
static void
read_all(const char *type, const char *body, size_t n, size_t piece, size_t take, char out[8192])
{
	struct feed f = {.bytes = body, .n = n, .piece = piece};
	static struct multipart m;
	struct arena a;
	struct req r = {.content_type = type, .content_length = n, .read = give, .read_from = &f,
	    .arena = &a};
	char bytes[4096];
	size_t used = 0;
	struct err e;
	long got = 0;
	int next = -1;

	arena_init(&a, 1 << 20);
	out[0] = '\0';
	if (multipart_open(&m, &r, &e) == 0)
		while ((next = multipart_next(&m, &e)) == 1) {
			used += (size_t)sprintf(out + used, "[%s|%s|%s|", m.name, m.file, m.type);
			while ((got = multipart_read(&m, bytes, take, &e)) > 0) {
				memcpy(out + used, bytes, (size_t)got);
				used += (size_t)got;
			}
			if (got == -1)
				break;
			used += (size_t)sprintf(out + used, "]");
		}
	if (next == -1 || got == -1)
		sprintf(out, "%s", err_row(e.code)->slug);
	arena_fini(&a);
}

static const char type[] = "multipart/form-data; boundary=\"xX\"";

static void
expect(const char *body, const char *wanted)
{
	char out[8192];

	for (size_t piece = 1; piece < 40; piece += 3)
		for (size_t take = 1; take < 5000; take = take * 7 + 1) {
			read_all(type, body, strlen(body), piece, take < 4096 ? take : 4096, out);
			assert_string_equal(out, wanted);
		}
}

static void
parts_come_as_they_were_sent(void **state)
{
	(void)state;
	expect("--xX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xX\r\n"
	       "content-disposition: form-data; filename=\"b \\\"q\\\".txt\"; name=f\r\n"
	       "Content-Type: text/plain\r\n\r\nline\r\n--xY\r\n-\r\n--x\r\n\r\n--xX--\r\n",
	    "[a|||1][f|b \"q\".txt|text/plain|line\r\n--xY\r\n-\r\n--x\r\n]");
	expect("preamble\r\n--xX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--xX--", "[a|||]");
}

static void
what_is_malformed_is_refused(void **state)
{
	(void)state;
	expect("", "bad_request");
	expect("--xX--", "");
	expect("--xX\r\nContent-Disposition: form-data; name=a\r\n\r\ncut", "bad_request");
	expect("--xX\r\nContent-Disposition: form-data\r\n\r\n1\r\n--xX--", "bad_request");
	expect("--xX\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--xX--", "bad_request");
	expect("--xX\r\nno colon\r\n\r\n1\r\n--xX--", "bad_request");
	expect("--xX and more\r\n\r\n1\r\n--xX--", "bad_request");
	expect("--xX\r\nContent-Disposition: form-data; name=\"a\r\n\r\n1\r\n--xX--", "bad_request");
	expect("--xX\r\nContent-Disposition: form-data; name=a\r\n"
	       "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n--xX--",
	    "unsupported_encoding");
}

static void
a_boundary_is_needed(void **state)
{
	char out[8192];

	(void)state;
	read_all("multipart/form-data", "x", 1, 1, 1, out);
	assert_string_equal(out, "unsupported_media_type");
	read_all("multipart/form-data; boundary=", "x", 1, 1, 1, out);
	assert_string_equal(out, "unsupported_media_type");
	read_all("multipart/form-data; boundary=0123456789012345678901234567890123456789"
		 "0123456789012345678901234567890123456789", "x", 1, 1, 1, out);
	assert_string_equal(out, "unsupported_media_type");
}

/* Every cut of a good body is refused, and none reads past its end. */
static void
every_cut_is_refused(void **state)
{
	static const char body[] =
	    "--xX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbytes\r\n--xX--";
	char out[8192], *copy;

	(void)state;
	for (size_t n = 0; n < sizeof body - 1; n++) {
		copy = malloc(n + 1);
		memcpy(copy, body, n);
		read_all(type, copy, n, 5, 4, out);
		assert_string_equal(out, "bad_request");
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts_come_as_they_were_sent),
	    cmocka_unit_test(what_is_malformed_is_refused),
	    cmocka_unit_test(a_boundary_is_needed),
	    cmocka_unit_test(every_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
