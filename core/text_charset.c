/* text_charset.c - bytes in some charset to UTF-8. */
#include "text_charset.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uchardet.h>

#include "buf.h"
#include "bounds.h"
#include "utf8.h"

enum {
	DETECT_BYTES = 1 << 20,		/* what uchardet gets to see */
	SAMPLE_BYTES = 64 * 1024,	/* what the looks below look at */
	DECLARED_WITHIN = 4096,
	CONTROL_SHARE = 50,		/* one control byte in so many: binary */
	DAMAGE_SHARE = 20,		/* one bad place in so many: another charset */
};

/* ---- looks ---- */

/* What a file may begin with; the longer mark of the same beginning first. */
static const struct {
	const char *bytes;
	size_t len;
	size_t unit;
	const char *charset;
} marks[] = {
	{"\xef\xbb\xbf", 3, 1, "UTF-8"},
	{"\xff\xfe\0\0", 4, 4, "UTF-32LE"},
	{"\0\0\xfe\xff", 4, 4, "UTF-32BE"},
	{"\xff\xfe", 2, 2, "UTF-16LE"},
	{"\xfe\xff", 2, 2, "UTF-16BE"},
};

static const char *
charset_of_mark(const char *bytes, size_t n, size_t *len)
{
	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		if (n >= marks[i].len && n / marks[i].unit * marks[i].unit == n &&
		    memcmp(bytes, marks[i].bytes, marks[i].len) == 0) {
			*len = marks[i].len;
			return marks[i].charset;
		}
	}
	/* UTF-16 whose last byte was lost is still UTF-16. */
	for (size_t i = 3; i < sizeof marks / sizeof marks[0]; i++) {
		if (n >= 5 && memcmp(bytes, marks[i].bytes, 2) == 0) {
			*len = 2;
			return marks[i].charset;
		}
	}
	*len = 0;
	return NULL;
}

static bool
is_control(unsigned char c)
{
	return c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != '\v' &&
	    c != '\b' && c != 0x1b;
}

static bool
looks_binary(const char *s, size_t n)
{
	size_t controls = 0;

	for (size_t i = 0; i < n; i++)
		controls += is_control((unsigned char)s[i]);
	return controls > 1 + n / CONTROL_SHARE;	/* one stray byte harms nobody */
}

struct utf16_look {
	size_t units;
	size_t plausible;	/* in blocks that text is made of */
	size_t marks;		/* space, line feed, full stop, comma: any text has them */
	bool broken;		/* a lone surrogate or a noncharacter */
};

static void
look_at_unit(struct utf16_look *l, unsigned unit, bool *high)
{
	bool low = unit >= 0xdc00 && unit <= 0xdfff;

	l->units++;
	if (*high != low || unit == 0xfffe || unit == 0xffff || unit == 0)
		l->broken = true;
	*high = unit >= 0xd800 && unit <= 0xdbff;
	l->plausible += (unit >= 0x20 && unit < 0x250) || unit == '\n' || unit == '\r' ||
	    unit == '\t' || (unit >= 0x370 && unit < 0x600) ||
	    (unit >= 0x2010 && unit < 0x2040) || (unit >= 0x3000 && unit < 0x3100) ||
	    (unit >= 0x4e00 && unit < 0xa000) || (unit >= 0xac00 && unit < 0xd7a4) ||
	    (unit >= 0xff00 && unit < 0xfff0) || *high || low;
	l->marks += unit == ' ' || unit == '\n' || unit == 0x3002 || unit == 0x3001 ||
	    unit == 0xff0c;
}

/* UTF-16 without a mark.  Latin-1 read as UTF-16 gives Han characters throughout, but
 * never a space or a full stop: those need a byte below 0x10 or a NUL. */
static bool
looks_utf16(const char *bytes, size_t n, bool big)
{
	const unsigned char *p = (const unsigned char *)bytes;
	struct utf16_look l = {0};
	bool high = false;

	if (n < 8)
		return false;
	for (size_t i = 0; i + 1 < n && i < SAMPLE_BYTES; i += 2)
		look_at_unit(&l, big ? p[i] << 8 | p[i + 1] : p[i + 1] << 8 | p[i], &high);
	return !l.broken && l.plausible * 100 >= l.units * 95 && l.marks > l.units / 200;
}

/* ---- UTF-8 ---- */

struct utf8_look {
	size_t multibyte;	/* good sequences of more than one byte */
	size_t damaged;
	size_t nul;
};

static struct utf8_look
look_at_utf8(const char *s, size_t n)
{
	struct utf8_look l = {0};
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len) {
		if ((unsigned char)s[i] < 0x80) {
			len = 1;
			l.nul += s[i] == '\0';
		} else if ((len = utf8_next(s + i, n - i, &cp)) == 0) {
			l.damaged++;
			len = 1;
		} else {
			l.multibyte++;
		}
	}
	return l;
}

/* A copy with each damaged place as one U+FFFD and NUL as a space. */
static int
repair_utf8(const char *s, size_t n, struct text_decoded *out, struct err *e)
{
	struct buf b;
	bool damaged = false;
	uint32_t cp;

	buf_init(&b, DOCUMENT_BYTES_MAX);
	for (size_t i = 0, len; i < n; i += len) {
		if ((len = utf8_next(s + i, n - i, &cp)) > 0) {
			buf_add(&b, cp == 0 ? " " : s + i, len);
			damaged = false;
			continue;
		}
		len = 1;
		if (!damaged) {
			buf_adds(&b, "\xef\xbf\xbd");
			out->replaced++;
		}
		damaged = true;
	}
	if (buf_check(&b, "the text", e) == -1) {
		buf_fini(&b);
		return -1;
	}
	out->len = b.len;
	out->text = out->owned = buf_take(&b);
	return 0;
}

static int
take_utf8(const char *bytes, size_t n, const struct utf8_look *l, struct text_decoded *out,
    struct err *e)
{
	if (looks_binary(bytes, n < SAMPLE_BYTES ? n : SAMPLE_BYTES) || looks_binary(bytes, n))
		return err_set(e, ERR_NOT_TEXT, "the file is binary");
	strcpy(out->charset, l->multibyte > 0 || l->damaged > 0 ? "UTF-8" : "ASCII");
	out->is_source_bytes = l->damaged == 0;
	if (l->damaged > 0 || l->nul > 0)
		return repair_utf8(bytes, n, out, e);
	out->text = bytes;
	out->len = n;
	return 0;
}

/* ---- any other ---- */

/* Converts all of it; a place that does not convert becomes U+FFFD. */
static int
convert_all(iconv_t cd, const char *bytes, size_t n, size_t unit, struct buf *b,
    size_t *replaced)
{
	char *in = (char *)(uintptr_t)bytes, *to;
	size_t left = n;
	bool damaged = false;

	while (left > 0) {
		size_t room = left * 2 < 65536 ? 65536 : left * 2, had, rc;

		if (room > b->max - b->len)
			room = b->max - b->len;
		had = room;
		if (room < 8 || (to = buf_room(b, room)) == NULL) {
			b->failed = true;
			return -1;
		}
		size_t before = left;
		rc = iconv(cd, &in, &left, &to, &room);
		if (room < had)
			buf_grew(b, had - room);
		if (rc != (size_t)-1)
			break;
		damaged = damaged && left == before;
		if (errno == E2BIG)
			continue;
		if (!damaged) {
			buf_adds(b, "\xef\xbf\xbd");
			++*replaced;
		}
		damaged = true;
		unit = unit < left ? unit : left;
		in += unit;
		left -= unit;
		iconv(cd, NULL, NULL, NULL, NULL);
	}
	return 0;
}

static bool
has_controls(const char *s, size_t n)
{
	return looks_binary(s, n < SAMPLE_BYTES ? n : SAMPLE_BYTES) || looks_binary(s, n);
}

static int
take_converted(const char *charset, const char *bytes, size_t n, struct text_decoded *out,
    struct err *e)
{
	size_t unit = strncmp(charset, "UTF-32", 6) == 0   ? 4
		      : strncmp(charset, "UTF-16", 6) == 0 ? 2
							     : 1;
	struct buf b;
	iconv_t cd = iconv_open("UTF-8", charset);
	int rc = -1;

	if (cd == (iconv_t)-1)
		return err_set(e, ERR_NOT_TEXT, "the charset %.20s is not known here", charset);
	buf_init(&b, n < DOCUMENT_BYTES_MAX / 3 ? 3 * n + 64 : DOCUMENT_BYTES_MAX);
	out->replaced = 0;
	if (convert_all(cd, bytes, n, unit, &b, &out->replaced) == -1 ||
	    buf_check(&b, "the text", e) == -1) {
		buf_check(&b, "the text", e);
		goto out;
	}
	if (has_controls(b.data != NULL ? b.data : "", b.len)) {
		err_set(e, ERR_NOT_TEXT, "the file is binary");
		goto out;
	}
	if (out->replaced > 2 + n / unit / 100) {
		err_set(e, ERR_NOT_TEXT, "%zu places are not %.20s, and no other charset fits",
		    out->replaced, charset);
		goto out;
	}
	/* glibc lets characters above U+10FFFF through where a charset can spell them. */
	if (b.len > 0 && !utf8_is_valid(b.data, b.len)) {
		err_set(e, ERR_NOT_TEXT, "the bytes are not %.20s, and no other charset fits",
		    charset);
		goto out;
	}
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] == '\0')
			b.data[i] = ' ';
	snprintf(out->charset, sizeof out->charset, "%s", charset);
	out->len = b.len;
	out->text = out->owned = buf_take(&b);
	rc = 0;
out:
	buf_fini(&b);
	iconv_close(cd);
	return rc;
}

/* Names of subsets and of what browsers read them as: the superset decodes all of it. */
static const char *
superset_of(const char *charset)
{
	static const char *const supersets[][2] = {
	    {"GB2312", "GB18030"}, {"GBK", "GB18030"}, {"GB_2312-80", "GB18030"},
	    {"HZ-GB-2312", "HZ-GB-2312"}, {"ISO-8859-1", "WINDOWS-1252"},
	    {"ASCII", "WINDOWS-1252"}, {"US-ASCII", "WINDOWS-1252"}, {"LATIN1", "WINDOWS-1252"},
	    {"SHIFT_JIS", "CP932"}, {"SHIFT-JIS", "CP932"}, {"SJIS", "CP932"},
	    {"X-SJIS", "CP932"}, {"BIG5", "BIG5-HKSCS"}, {"EUC-KR", "CP949"},
	    {"KS_C_5601-1987", "CP949"}, {"UHC", "CP949"}, {"ISO-8859-9", "WINDOWS-1254"},
	    {"TIS-620", "CP874"}, {"MAC-CYRILLIC", "MAC-CYRILLIC"},
	};

	for (size_t i = 0; i < sizeof supersets / sizeof supersets[0]; i++)
		if (strcasecmp(charset, supersets[i][0]) == 0)
			return supersets[i][1];
	return charset;
}

static void
detect(const char *bytes, size_t n, char *out, size_t size)
{
	uchardet_t u = uchardet_new();
	const char *found = "";

	if (n > DETECT_BYTES)
		n = DETECT_BYTES;
	if (u != NULL && uchardet_handle_data(u, bytes, n) == 0) {
		uchardet_data_end(u);
		found = uchardet_get_charset(u);
	}
	snprintf(out, size, "%s", found[0] != '\0' ? found : "WINDOWS-1252");
	if (u != NULL)
		uchardet_delete(u);
}

static int
take_declared(const char *bytes, size_t n, const char *declared, struct text_decoded *out)
{
	/* A page whose meta element could be read as ASCII is not UTF-16. */
	if (declared[0] == '\0' || strncasecmp(declared, "UTF", 3) == 0)
		return -1;
	return take_converted(superset_of(declared), bytes, n, out, NULL);
}

static bool
only_nuls(const char *s, size_t n)
{
	return n == 0 || (s[0] == '\0' && memcmp(s, s + 1, n - 1) == 0);
}

int
text_decode(const char *bytes, size_t n, const char *declared, struct text_decoded *out,
    struct err *e)
{
	const char *charset;
	struct utf8_look look;
	size_t mark;
	char found[64];

	*out = (struct text_decoded){.text = ""};
	charset = charset_of_mark(bytes, n, &mark);
	if (only_nuls(bytes + mark, n - mark))
		return err_set(e, ERR_NOT_TEXT, "the file holds %s",
		    mark > 0 ? "a byte order mark and nothing else" : "only NUL bytes");
	if (charset != NULL && strcmp(charset, "UTF-8") != 0)
		return take_converted(charset, bytes + mark, n - mark, out, e);
	look = look_at_utf8(bytes, n);
	if (charset == NULL && (look.damaged > 0 || look.nul > n / 8)) {
		if (looks_utf16(bytes, n, false))
			return take_converted("UTF-16LE", bytes, n, out, e);
		if (looks_utf16(bytes, n, true))
			return take_converted("UTF-16BE", bytes, n, out, e);
	}
	if (look.damaged == 0)
		return take_utf8(bytes, n, &look, out, e);
	if (looks_binary(bytes, n))
		return err_set(e, ERR_NOT_TEXT, "the file is binary");
	if (take_declared(bytes, n, declared, out) == 0)
		return 0;
	if (charset != NULL || look.multibyte / DAMAGE_SHARE >= look.damaged)
		return take_utf8(bytes, n, &look, out, e);
	detect(bytes, n, found, sizeof found);
	if (strncmp(found, "UTF-8", 5) == 0) {
		if (look.damaged <= look.multibyte)
			return take_utf8(bytes, n, &look, out, e);
		strcpy(found, "WINDOWS-1252");
	}
	return take_converted(superset_of(found), bytes, n, out, e);
}

void
text_decoded_fini(struct text_decoded *d)
{
	free(d->owned);
	*d = (struct text_decoded){.text = ""};
}

void
text_find_declared(const char *bytes, size_t n, char *out, size_t size)
{
	size_t within = n < DECLARED_WITHIN ? n : DECLARED_WITHIN, len = 0;
	const char *end = bytes + within;

	out[0] = '\0';
	for (const char *p = bytes; (p = memchr(p, '=', (size_t)(end - p))) != NULL; p++) {
		bool meta = p - bytes >= 7 && strncasecmp(p - 7, "charset", 7) == 0;
		bool xml = p - bytes >= 8 && strncasecmp(p - 8, "encoding", 8) == 0;

		if (!meta && !xml)
			continue;
		p++;
		while (p < end && (*p == '"' || *p == '\'' || *p == ' '))
			p++;
		while (p < end && len + 1 < size &&
		    (strchr("-_.:+", *p) != NULL ? *p != '\0' : (*p >= '0' && *p <= '9') ||
		    ((*p | 32) >= 'a' && (*p | 32) <= 'z')))
			out[len++] = *p++;
		out[len] = '\0';
		return;
	}
}
