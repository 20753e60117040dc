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
	{"PK\x05\x06", 4, 0, "an empty zip archive"},
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
	for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++)
		if (n >= signatures[i].at + signatures[i].len &&
		    memcmp(bytes + signatures[i].at, signatures[i].bytes,
			signatures[i].len) == 0)
			return signatures[i].name;
	return NULL;
}

static bool
begins_with(const char *bytes, size_t n, const char *sign, size_t len)
{
	return n >= len && memcmp(bytes, sign, len) == 0;
}

/* Readers accept a PDF behind up to 1 KiB of other bytes; prose that speaks of PDF does
 * not put a line feed before the sign and NUL bytes behind it. */
static bool
is_pdf(const char *bytes, size_t n)
{
	size_t near = n < 1024 ? n : 1024;

	return begins_with(bytes, n, "%PDF-", 5) ||
	    (memmem(bytes, near, "\n%PDF-1.", 8) != NULL &&
		memchr(bytes, '\0', n < 65536 ? n : 65536) != NULL);
}

/* Office files before 2007, and the shell that later ones are encrypted in, whose folder
 * names are UTF-16. */
static int
refuse_ole(const char *bytes, size_t n, struct err *e)
{
	static const char sign[] = "E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e";

	if (memmem(bytes, n, sign, sizeof sign) != NULL)
		return err_set(e, ERR_ENCRYPTED, "the file opens only with a password");
	return err_set(e, ERR_UNSUPPORTED,
	    "DOC, XLS and PPT are not read; save it as DOCX, XLSX or PPTX");
}

/* The formats that are told by their first bytes and are read. */
static bool
is_packed(const char *bytes, size_t n)
{
	return begins_with(bytes, n, "PK\x03\x04", 4);
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
	{"eml", TEXT_EMAIL},
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
	*kind = TEXT_PROGRAM;
	return text_is_program(name);
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

/* Text that is decoded, then walked. */
static int
walk_text(struct text_builder *b, const char *name, struct text_decoded *decoded, struct err *e)
{
	struct text_document *d = b->d;

	if (d->kind == TEXT_HTML)
		return text_walk_html(b, decoded->text, decoded->len, e);
	d->text = decoded->text;
	d->len = decoded->len;
	d->is_source_bytes = decoded->is_source_bytes;
	d->owned = decoded->owned;
	decoded->owned = NULL;
	if (d->kind == TEXT_MARKDOWN)
		return text_walk_markdown(b, e);
	return d->kind == TEXT_PROGRAM ? text_walk_program(b, name, e) : text_walk_plain(b, e);
}

static int
decode_and_walk(struct text_builder *b, const char *name, bool kind_is_known, const char *bytes,
    size_t n, struct err *e)
{
	struct text_decoded decoded = {0};
	struct text_document *d = b->d;
	char declared[32] = "";
	enum text_kind look;
	int rc;

	if (kind_is_known && d->kind == TEXT_HTML)
		text_find_declared(bytes, n, declared, sizeof declared);
	if (text_decode(bytes, n, declared, &decoded, e) == -1)
		return -1;
	look = kind_by_look(decoded.text, decoded.len);
	/* A page with code in it is named as code. */
	if (!kind_is_known || (d->kind == TEXT_PROGRAM && look == TEXT_HTML))
		d->kind = look;
	memcpy(d->charset, decoded.charset, sizeof d->charset);
	d->replaced = decoded.replaced;
	rc = walk_text(b, name, &decoded, e);
	text_decoded_fini(&decoded);
	return rc;
}

static int
walk(struct text_builder *b, const char *name, const char *bytes, size_t n, struct err *e)
{
	bool known = kind_by_name(name, &b->d->kind);

	if (is_pdf(bytes, n)) {
		b->d->kind = TEXT_PDF;
		return text_walk_pdf(b, bytes, n, e);
	}
	if (is_packed(bytes, n))
		return text_walk_archive(b, bytes, n, e);
	if (known && b->d->kind == TEXT_EMAIL)
		return text_walk_email(b, bytes, n, e);
	return decode_and_walk(b, name, known, bytes, n, e);
}

static int
check_bytes(const char *bytes, size_t n, struct err *e)
{
	const char *format;

	if (n > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the file has %zu bytes, %d are read", n,
		    DOCUMENT_BYTES_MAX);
	if (n == 0)
		return err_set(e, ERR_EMPTY, "the file is empty");
	if (begins_with(bytes, n, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8))
		return refuse_ole(bytes, n, e);
	if ((format = unread_format(bytes, n)) != NULL)
		return err_set(e, ERR_UNSUPPORTED,
		    "%s is not among the formats read: text, Markdown, HTML, source code, e-mail, "
		    "CSV, JSONL, PDF, DOCX, PPTX, XLSX, ODT, ODS, ODP, EPUB", format);
	return 0;
}

int
text_extract(
    const char *name, const char *bytes, size_t n, struct text_document *out, struct err *e)
{
	struct text_builder b;
	int rc;

	*out = (struct text_document){.text = ""};
	if (check_bytes(bytes, n, e) == -1)
		return -1;
	text_builder_init(&b, out);
	rc = walk(&b, name, bytes, n, e);
	if (text_builder_finish(&b, rc == 0 ? e : NULL) == -1)
		rc = -1;
	if (rc == 0 && out->block_count == 0)
		rc = out->page_count > 0
			 ? err_set(e, ERR_SCANNED, "%zu pages hold pictures only, no text: run it "
						   "through text recognition (OCR) first",
			       out->page_count)
			 : err_set(e, ERR_NOT_TEXT, "there is no text in the file");
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
	free(d->pages);
	free(d->fields);
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

uint32_t
text_page_at(const struct text_document *d, size_t at)
{
	size_t low = 0, high = d->page_count;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (d->pages[mid] <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return (uint32_t)low;
}

const char *
text_kind_name(enum text_kind kind)
{
	static const char *const names[] = {"plain", "markdown", "html", "code", "email", "pdf",
	    "docx", "pptx", "xlsx", "opendocument", "epub", "row"};

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
