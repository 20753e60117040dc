/* text.c - what a file is, and the document that comes of it. */
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "text_charset.h"
#include "text_parts.h"

/* ---- what the bytes are ---- */

/* Formats that are told by their first bytes and are not text.  A signature that is
 * itself printable must be one that no prose begins with. */
static const struct {
	const char *bytes;
	size_t len;
	size_t at;
	const char *name;
} signatures[] = {
	{"%PDF-", 5, 0, "PDF"},
	{"PK\x03\x04", 4, 0, "a zip archive (DOCX, XLSX, ODT, EPUB)"},
	{"PK\x05\x06", 4, 0, "an empty zip archive"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8, 0, "an OLE file (DOC, XLS, PPT)"},
	{"{\\rtf", 5, 0, "RTF"},
	{"%!PS-", 5, 0, "PostScript"},
	{"\x7f" "ELF", 4, 0, "an ELF program"},
	{"MZ\x90\x00", 4, 0, "a Windows program"},
	{"\xca\xfe\xba\xbe", 4, 0, "a Java class or Mach-O program"},
	{"\xcf\xfa\xed\xfe", 4, 0, "a Mach-O program"},
	{"!<arch>\n", 8, 0, "an ar archive"},
	{"\0asm", 4, 0, "WebAssembly"},
	{"\x1f\x8b", 2, 0, "gzip data"},
	{"BZh", 3, 0, "bzip2 data"},
	{"\xfd" "7zXZ\0", 6, 0, "xz data"},
	{"\x28\xb5\x2f\xfd", 4, 0, "zstd data"},
	{"\x04\x22\x4d\x18", 4, 0, "lz4 data"},
	{"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive"},
	{"Rar!\x1a\x07", 6, 0, "a rar archive"},
	{"ustar", 5, 257, "a tar archive"},
	{"\x89PNG\r\n\x1a\n", 8, 0, "a PNG image"},
	{"\xff\xd8\xff", 3, 0, "a JPEG image"},
	{"GIF87a", 6, 0, "a GIF image"},
	{"GIF89a", 6, 0, "a GIF image"},
	{"WEBPVP8", 7, 8, "a WebP image"},
	{"II*\0", 4, 0, "a TIFF image"},
	{"MM\0*", 4, 0, "a TIFF image"},
	{"ftyp", 4, 4, "an MP4 or HEIF file"},
	{"OggS", 4, 0, "an Ogg file"},
	{"ID3", 3, 0, "an MP3 file"},
	{"fLaC", 4, 0, "a FLAC file"},
	{"\x1a\x45\xdf\xa3", 4, 0, "a Matroska file"},
	{"wOFF", 4, 0, "a font"},
	{"wOF2", 4, 0, "a font"},
	{"SQLite format 3\0", 16, 0, "an SQLite database"},
	{"PAR1", 4, 0, "a Parquet file"},
	{"\x89RPX\r\n\x1a\n", 8, 0, "an index.rpx file"},
};

static const char *
unread_format(const char *bytes, size_t n)
{
	size_t near = n < 1024 ? n : 1024;

	for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
		if (n >= signatures[i].at + signatures[i].len &&
		    memcmp(bytes + signatures[i].at, signatures[i].bytes,
			signatures[i].len) == 0)
			return signatures[i].name;
	/* Readers accept a PDF behind up to 1 KiB of other bytes; prose that speaks of
	 * PDF does not put a line feed before the sign and NUL bytes behind it. */
	if (memmem(bytes, near, "\n%PDF-1.", 8) != NULL &&
	    memchr(bytes, '\0', n < 65536 ? n : 65536) != NULL)
		return "PDF";
	return NULL;
}

static const struct {
	const char *extension;
	enum text_kind kind;
} extensions[] = {
	{"md", TEXT_MARKDOWN},
	{"markdown", TEXT_MARKDOWN},
	{"mdown", TEXT_MARKDOWN},
	{"mkd", TEXT_MARKDOWN},
	{"mdx", TEXT_MARKDOWN},
	{"html", TEXT_HTML},
	{"htm", TEXT_HTML},
	{"xhtml", TEXT_HTML},
	{"xht", TEXT_HTML},
	{"txt", TEXT_PLAIN},
	{"text", TEXT_PLAIN},
	{"log", TEXT_PLAIN},
	{"csv", TEXT_PLAIN},
	{"tsv", TEXT_PLAIN},
};

static bool
kind_by_name(const char *name, enum text_kind *kind)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL || strchr(dot, '/') != NULL)
		return false;
	for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
		if (strcasecmp(dot + 1, extensions[i].extension) == 0) {
			*kind = extensions[i].kind;
			return true;
		}
	}
	return false;
}

/* For a name that tells nothing: an HTML page says so at its beginning. */
static enum text_kind
kind_by_look(const char *text, size_t n)
{
	static const char *const marks[] = {"<!doctype html", "<html"};
	size_t at = text_skip_space(text, 0, n < 1024 ? n : 1024);

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
		size_t len = strlen(marks[i]);

		if (n - at >= len && strncasecmp(text + at, marks[i], len) == 0)
			return TEXT_HTML;
	}
	return TEXT_PLAIN;
}

/* ---- the document ---- */

static int
walk(struct text_document *d, struct text_decoded *decoded, struct err *e)
{
	struct text_builder b;
	int rc;

	text_builder_init(&b, d);
	if (d->kind == TEXT_HTML) {
		rc = text_walk_html(&b, decoded->text, decoded->len, e);
	} else {
		d->text = decoded->text;
		d->len = decoded->len;
		d->is_source_bytes = decoded->is_source_bytes;
		d->owned = decoded->owned;
		decoded->owned = NULL;
		rc = d->kind == TEXT_MARKDOWN ? text_walk_markdown(&b, e)
					      : text_walk_plain(&b, e);
	}
	if (text_builder_finish(&b, rc == 0 ? e : NULL) == -1)
		rc = -1;
	return rc;
}

int
text_extract(
    const char *name, const char *bytes, size_t n, struct text_document *out, struct err *e)
{
	struct text_decoded decoded = {0};
	const char *format;
	char declared[32] = "";
	bool known;
	int rc = -1;

	*out = (struct text_document){.text = ""};
	if (n > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the file has %zu bytes, %d are read", n,
		    DOCUMENT_BYTES_MAX);
	if (n == 0)
		return err_set(e, ERR_NOT_TEXT, "the file is empty");
	if ((format = unread_format(bytes, n)) != NULL)
		return err_set(e, ERR_UNSUPPORTED,
		    "%s is not among the formats read: text, Markdown, HTML", format);
	known = kind_by_name(name, &out->kind);
	if (known && out->kind == TEXT_HTML)
		text_find_declared(bytes, n, declared, sizeof declared);
	if (text_decode(bytes, n, declared, &decoded, e) == -1)
		goto out;
	if (!known)
		out->kind = kind_by_look(decoded.text, decoded.len);
	memcpy(out->charset, decoded.charset, sizeof out->charset);
	out->replaced = decoded.replaced;
	if (walk(out, &decoded, e) == -1)
		goto out;
	if (out->block_count == 0) {
		err_set(e, ERR_NOT_TEXT, "there is no text in the file");
		goto out;
	}
	rc = 0;
out:
	text_decoded_fini(&decoded);
	if (rc == -1)
		text_document_fini(out);
	return rc;
}

void
text_document_fini(struct text_document *d)
{
	if (d == NULL)
		return;
	free(d->blocks);
	free(d->headings);
	free(d->names);
	free(d->owned);
	*d = (struct text_document){.text = ""};
}

size_t
text_heading_path(const struct text_document *d, uint32_t heading, char *out, size_t size)
{
	uint32_t chain[8];
	struct buf b;
	size_t depth = 0, len;

	if (size == 0)
		return 0;
	out[0] = '\0';
	for (; heading != TEXT_NO_HEADING && depth < 8; heading = d->headings[heading].parent)
		chain[depth++] = heading;
	buf_init(&b, 8 * (TEXT_HEADING_BYTES + 3));
	while (depth-- > 0) {
		const struct text_heading *h = &d->headings[chain[depth]];

		if (b.len > 0)
			buf_adds(&b, " > ");
		buf_add(&b, d->names + h->name_at, h->name_len);
	}
	len = b.len < size ? b.len : size - 1;
	if (len > 0)
		memcpy(out, b.data, len = utf8_floor(b.data, len));
	out[len] = '\0';
	buf_fini(&b);
	return len;
}

uint32_t
text_heading_common(const struct text_document *d, uint32_t a, uint32_t b)
{
	/* A parent always comes before its child, so the later one may step up. */
	while (a != b) {
		if (a == TEXT_NO_HEADING || b == TEXT_NO_HEADING)
			return TEXT_NO_HEADING;
		if (a > b)
			a = d->headings[a].parent;
		else
			b = d->headings[b].parent;
	}
	return a;
}

const char *
text_kind_name(enum text_kind kind)
{
	static const char *const names[] = {"plain", "markdown", "html"};

	_Static_assert(sizeof names / sizeof names[0] == TEXT_KIND_MAX, "a name each");
	return (unsigned)kind < TEXT_KIND_MAX ? names[kind] : "unknown";
}

const char *
text_block_kind_name(enum text_block_kind kind)
{
	static const char *const names[] = {"heading", "paragraph", "list", "table", "code"};

	_Static_assert(sizeof names / sizeof names[0] == TEXT_BLOCK_KIND_MAX, "a name each");
	return (unsigned)kind < TEXT_BLOCK_KIND_MAX ? names[kind] : "unknown";
}
