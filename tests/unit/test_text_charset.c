/* test_text_charset.c - any charset in, strict UTF-8 out. */
#include "unit.h"

#include <iconv.h>

#include "text_charset.h"
#include "utf8.h"

static const char chinese[] =
    "\xe5\xad\xa6\xe8\x80\x8c\xe6\x97\xb6\xe4\xb9\xa0\xe4\xb9\x8b\xef\xbc\x8c\xe4\xb8\x8d"
    "\xe4\xba\xa6\xe8\xaf\xb4\xe4\xb9\x8e\xef\xbc\x9f\xe6\x9c\x89\xe6\x9c\x8b\xe8\x87\xaa"
    "\xe8\xbf\x9c\xe6\x96\xb9\xe6\x9d\xa5\xef\xbc\x8c\xe4\xb8\x8d\xe4\xba\xa6\xe4\xb9\x90"
    "\xe4\xb9\x8e\xef\xbc\x9f\xe4\xba\xba\xe4\xb8\x8d\xe7\x9f\xa5\xe8\x80\x8c\xe4\xb8\x8d"
    "\xe6\x84\xa0\xe3\x80\x82\n";
static const char japanese[] =
    "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe6\x96\x87\xe6\x9b\xb8\xe3\x81\xa7"
    "\xe3\x81\x99\xe3\x80\x82\xe3\x81\x93\xe3\x82\x8c\xe3\x81\xaf\xe6\x96\x87\xe5\xad\x97"
    "\xe3\x82\xb3\xe3\x83\xbc\xe3\x83\x89\xe3\x81\xae\xe8\xa9\xa6\xe9\xa8\x93\xe3\x81\xa7"
    "\xe3\x81\x99\xe3\x80\x82\n";
static const char french[] = "Le caf\xc3\xa9 \xc3\xa9tait d\xc3\xa9j\xc3\xa0 ferm\xc3\xa9, "
			     "h\xc3\xa9las, \xc3\xa0 No\xc3\xabl.\n";
static const char english[] = "The quick brown fox jumps over the lazy dog.\n";

static size_t
convert(const char *charset, const char *utf8, char *out, size_t size)
{
	char *in = (char *)(uintptr_t)utf8, *to = out;
	size_t left = strlen(utf8), room = size;
	iconv_t cd = iconv_open(charset, "UTF-8");

	assert_true(cd != (iconv_t)-1);
	assert_int_not_equal(iconv(cd, &in, &left, &to, &room), -1);
	iconv_close(cd);
	return size - room;
}

static void
charsets_are_told_apart(void **state)
{
	static const struct {
		const char *charset, *mark, *text;
	} t[] = {
	    {"UTF-8", "", chinese}, {"UTF-8", "\xef\xbb\xbf", french},
	    {"UTF-16LE", "\xff\xfe", french}, {"UTF-16BE", "\xfe\xff", chinese},
	    {"UTF-16LE", "", english}, {"UTF-16BE", "", english},
	    {"UTF-16LE", "", chinese}, {"UTF-16BE", "", chinese}, {"UTF-16LE", "", japanese},
	    {"UTF-32LE", "\xff\xfe\0\0", chinese}, {"GB18030", "", chinese},
	    {"GB2312", "", chinese}, {"SHIFT_JIS", "", japanese}, {"EUC-JP", "", japanese},
	    {"ISO-8859-1", "", french}, {"ISO-2022-JP", "", japanese},
	};
	char text[2048], bytes[8192];
	struct text_decoded d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		size_t mark = strlen(t[i].mark), n;

		if (strncmp(t[i].charset, "UTF-32", 6) == 0)
			mark = 4;
		memcpy(bytes, t[i].mark, mark);
		/* Four times, as a file is longer than one line. */
		snprintf(text, sizeof text, "%s%s%s%s", t[i].text, t[i].text, t[i].text, t[i].text);
		n = mark + convert(t[i].charset, text, bytes + mark, sizeof bytes - mark);
		if (text_decode(bytes, n, "", &d, &e) == -1)
			fail_msg("row %zu: %s", i, e.text);
		if (d.is_source_bytes)
			assert_memory_equal(d.text, bytes, n);
		else if (d.len != strlen(text) || memcmp(d.text, text, d.len) != 0)
			fail_msg("row %zu, %s read as %s: %.*s", i, t[i].charset, d.charset,
			    (int)d.len, d.text);
		text_decoded_fini(&d);
	}
}

static void
declared_charset_is_followed(void **state)
{
	char bytes[512];
	size_t n = convert("BIG5", "\xe5\xad\xb8\xe8\x80\x8c", bytes, sizeof bytes);
	struct text_decoded d;
	struct err e;

	(void)state;
	assert_ok(text_decode(bytes, n, "big5", &d, &e), &e);
	assert_int_equal(d.len, 6);
	assert_memory_equal(d.text, "\xe5\xad\xb8\xe8\x80\x8c", 6);
	text_decoded_fini(&d);
	/* A page that is UTF-8 is UTF-8, whatever it says. */
	assert_ok(text_decode(french, strlen(french), "iso-8859-1", &d, &e), &e);
	assert_ptr_equal(d.text, french);
	text_decoded_fini(&d);
	/* A charset that does not exist is as none. */
	assert_ok(text_decode("caf\xe9 noir\n", 10, "klingon", &d, &e), &e);
	assert_memory_equal(d.text, "caf\xc3\xa9", 5);
	text_decoded_fini(&d);
}

static void
declaration_is_found_in_meta_and_xml(void **state)
{
	static const struct {
		const char *page, *charset;
	} t[] = {
	    {"<meta charset=gbk>", "gbk"},
	    {"<meta http-equiv=Content-Type content='text/html; charset=Shift_JIS'>", "Shift_JIS"},
	    {"<?xml version=\"1.0\" encoding=\"EUC-KR\"?>", "EUC-KR"},
	    {"<p class=x>", ""},
	    {"charset=", ""},
	    {"<meta charset=\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\">",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	    {"<meta charset='x y'>", "x"},
	};
	char found[32];

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		text_find_declared(t[i].page, strlen(t[i].page), found, sizeof found);
		assert_string_equal(found, t[i].charset);
	}
}

static void
damage_is_repaired_and_counted(void **state)
{
	char bytes[1024];
	struct text_decoded d;
	struct err e;

	(void)state;
	snprintf(bytes, sizeof bytes, "%s\xe5\xad%s", chinese, chinese);
	assert_ok(text_decode(bytes, strlen(bytes), "", &d, &e), &e);
	assert_int_equal(d.replaced, 1);
	assert_false(d.is_source_bytes);
	assert_true(utf8_is_valid(d.text, d.len));
	assert_non_null(strstr(d.text, "\xef\xbf\xbd"));
	text_decoded_fini(&d);
}

static void
lone_surrogates_and_odd_tails_do_no_harm(void **state)
{
	static const char broken[] = "\xff\xfe" "a\0\0\xd8" "b\0c\0d\0e\0f";
	struct text_decoded d;
	struct err e;

	(void)state;
	assert_ok(text_decode(broken, sizeof broken - 1, "", &d, &e), &e);
	assert_true(utf8_is_valid(d.text, d.len));
	assert_int_equal(d.text[0], 'a');
	text_decoded_fini(&d);
}

/* iconv's own UTF-8 is not strict, and uchardet calls these bytes UTF-8. */
static void
what_no_charset_fits_never_comes_out_as_bad_utf8(void **state)
{
	static const char *const t[] = {"s\xf7\x98\xa4\xbe" "B",
	    "\xef\xbb\xb0-/-\n\xd0" "i\xcc\x81ti\xcc\x81 \xf4\x9f\x91\xa9", "\xed\xa0\x80\xed\xa0\x80 x"};
	struct text_decoded d;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
		if (text_decode(t[i], strlen(t[i]), "", &d, &e) == 0)
			assert_true(utf8_is_valid(d.text, d.len));
		else
			assert_int_equal(e.code, ERR_NOT_TEXT);
		text_decoded_fini(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(charsets_are_told_apart),
	    cmocka_unit_test(declared_charset_is_followed),
	    cmocka_unit_test(declaration_is_found_in_meta_and_xml),
	    cmocka_unit_test(damage_is_repaired_and_counted),
	    cmocka_unit_test(what_no_charset_fits_never_comes_out_as_bad_utf8),
	    cmocka_unit_test(lone_surrogates_and_odd_tails_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
