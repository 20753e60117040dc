/* text.h - a file's bytes to clean text with its structure.
 *
 * text_extract() tells what the bytes are (signature first, then extension, then a
 * look inside), decodes them to UTF-8 and finds titles, headings, paragraphs, lists,
 * tables, code and pages.  Reads plain text, Markdown, HTML, source code, e-mail, PDF
 * (with pdftotext), DOCX, PPTX, XLSX, the OpenDocument three, and EPUB.
 *
 * Shapes  blocks are in text order and do not overlap; each begins and ends on a
 *         byte that is not white space.  Blocks cover all text, but for Markdown: all but
 *         the front matter and thematic breaks.
 * Units   offsets are bytes into ->text.  Where ->is_source_bytes, text is the file
 *         byte for byte (NUL bytes alone become spaces), so a span points into the
 *         file; otherwise it is a conversion and spans point into that.
 * Memory  the document is owned, text_document_fini() frees.  While is_source_bytes,
 *         ->text may borrow `bytes`: keep them for the document's life.  At most
 *         TEXT_BLOCKS_MAX blocks; what comes behind joins the last.
 * Errors  ERR_UNSUPPORTED a format that is not read (named); ERR_EMPTY no bytes;
 *         ERR_NOT_TEXT binary, or no text in it; ERR_SCANNED pages without text;
 *         ERR_ENCRYPTED; ERR_DAMAGED cut off or broken; ERR_HOSTILE an archive or XML made
 *         to exhaust its reader; ERR_LIMIT too large or too deep; ERR_EXTRACTOR the child
 *         that read it was stopped; ERR_NO_EXTRACTOR pdftotext is missing; ERR_NOMEM.
 * Cost    linear.  About 150 MB/s of text and Markdown, 15 MB/s of HTML; an HTML page
 *         takes up to 128 bytes of memory for each of its own, at most 1 GiB.  PDF and
 *         what is packed in zip are read in a child of its own (sandbox.h).
 */
#ifndef RAGPOOL_TEXT_H
#define RAGPOOL_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
	TEXT_TITLE_BYTES = 256,		/* titles are cut, on a character */
	TEXT_HEADING_BYTES = 256,	/* so are headings */
	TEXT_PATH_BYTES = 1024,		/* what a heading path wants at most to be whole */
	TEXT_BLOCKS_MAX = 1 << 20,
	TEXT_HEADINGS_MAX = 1 << 18,	/* further headings count as paragraphs */
	TEXT_PAGES_MAX = 1 << 16,	/* further pages count with the last */
};

#define TEXT_NO_HEADING UINT32_MAX

enum text_kind {
	TEXT_PLAIN,
	TEXT_MARKDOWN,
	TEXT_HTML,
	TEXT_PROGRAM,		/* source code */
	TEXT_EMAIL,
	TEXT_PDF,
	TEXT_DOCX,
	TEXT_PPTX,
	TEXT_XLSX,
	TEXT_ODF,		/* OpenDocument text, spreadsheet or presentation */
	TEXT_EPUB,
	TEXT_ROW,		/* one row of a CSV, TSV or JSONL file (rows.h) */
	TEXT_KIND_MAX
};

enum text_block_kind {
	TEXT_HEADING,
	TEXT_PARAGRAPH,
	TEXT_LIST,
	TEXT_TABLE,		/* one row a line */
	TEXT_CODE,
	TEXT_BLOCK_KIND_MAX
};

struct text_block {
	size_t start, end;
	uint32_t heading;	/* in force here (a heading: itself), or TEXT_NO_HEADING */
	uint8_t kind;		/* enum text_block_kind */
	uint8_t level;		/* 1..6 of a heading, else 0 */
	bool continues;		/* part of the list that the block before belongs to */
};

struct text_heading {
	uint32_t parent;	/* the heading above, of a lower level, or TEXT_NO_HEADING */
	uint32_t level;
	size_t name_at;		/* in ->names: the words without markup */
	size_t name_len;
};

struct text_document {
	enum text_kind kind;
	const char *text;
	size_t len;
	bool is_source_bytes;
	char charset[24];	/* what was decoded: "UTF-8", "GB18030", ... */
	size_t replaced;	/* undecodable bytes that became U+FFFD */
	char title[TEXT_TITLE_BYTES];	/* "" when the document names none */
	size_t front_at, front_len;	/* Markdown's front matter, both marks with it */
	struct text_block *blocks;
	size_t block_count;
	struct text_heading *headings;
	size_t heading_count;
	char *names;
	size_t *pages;		/* where page (slide) i + 1 begins; NULL: it has none */
	size_t page_count;
	char *fields;		/* what else is known, as metadata.h keeps it; NULL: nothing */
	char *owned;		/* the text, unless it is borrowed */
};

/* name: the file's name, for its extension; may be a path or "". */
int text_extract(
    const char *name, const char *bytes, size_t n, struct text_document *out, struct err *e);
void text_document_fini(struct text_document *d);

/* "A > B > C" for a heading and those above it, cut to size on a character; the empty
 * string for TEXT_NO_HEADING.  Returns its length. */
size_t text_heading_path(
    const struct text_document *d, uint32_t heading, char *out, size_t size);
/* The nearest heading that both stand under, or TEXT_NO_HEADING. */
uint32_t text_heading_common(const struct text_document *d, uint32_t a, uint32_t b);

/* The page, from 1, that the byte is on; 0 when the document has no pages. */
uint32_t text_page_at(const struct text_document *d, size_t at);

const char *text_kind_name(enum text_kind kind);
const char *text_block_kind_name(enum text_block_kind kind);

#endif
