/* text_parts.h - what the extractors share; included by core/text*.c and chunk.c only.
 *
 * An extractor walks its text once and adds blocks in order.  The builder keeps the
 * stack of open headings and the limits of text.h.
 */
#ifndef RAGPOOL_TEXT_PARTS_H
#define RAGPOOL_TEXT_PARTS_H

#include "buf.h"
#include "metadata.h"
#include "text.h"
#include "utf8.h"

struct text_builder {
	struct text_document *d;	/* ->text and ->len are set when a walk begins */
	size_t block_cap;
	size_t heading_cap;
	size_t page_cap;
	struct buf names;
	struct metadata_fields fields;
	uint32_t open[7];		/* by level: the open heading, or TEXT_NO_HEADING */
	uint32_t current;
	bool failed;			/* out of memory; adding does nothing any more */
};

void text_builder_init(struct text_builder *b, struct text_document *d);
/* Hands the names over to the document; ERR_NOMEM when something failed. */
int text_builder_finish(struct text_builder *b, struct err *e);
/* White space at both ends of [start, end) is left out; nothing else, no block. */
void text_add_block(struct text_builder *b, enum text_block_kind kind, size_t start, size_t end,
    bool continues);
/* name: the heading's words; control characters go, white space is collapsed. */
void text_add_heading(struct text_builder *b, unsigned level, size_t start, size_t end,
    const char *name, size_t name_len);

/* As a heading that stands nowhere in the text: what follows is under it. */
void text_open_section(
    struct text_builder *b, unsigned level, const char *name, size_t name_len);
/* A page begins at byte `at`. */
void text_add_page(struct text_builder *b, size_t at);

/* One line of white space made single and cut to size - 1 bytes; its length. */
size_t text_squeeze(char *out, size_t size, const char *s, size_t n);

/* Walk a text that is there. */
int text_walk_plain(struct text_builder *b, struct err *e);
int text_walk_markdown(struct text_builder *b, struct err *e);
/* Source code in the language of the name's extension. */
int text_walk_program(struct text_builder *b, const char *name, struct err *e);
bool text_is_program(const char *name);

/* Make the text: it is set, owned, when they are done. */
int text_walk_html(struct text_builder *b, const char *page, size_t n, struct err *e);
int text_walk_email(struct text_builder *b, const char *bytes, size_t n, struct err *e);
int text_walk_pdf(struct text_builder *b, const char *bytes, size_t n, struct err *e);
/* DOCX, PPTX, XLSX, OpenDocument, EPUB: says which in d->kind. */
int text_walk_archive(struct text_builder *b, const char *bytes, size_t n, struct err *e);

/* Bytes of the white space character at s (n > 0), 0 when it is none.  Unicode's
 * White_Space, with the byte order mark and the zero width space. */
static inline size_t
text_space_len(const char *s, size_t n)
{
	unsigned char c = (unsigned char)s[0];
	uint32_t cp;
	size_t len;

	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r') ? 1 : 0;
	if (c != 0xc2 && c != 0xe1 && c != 0xe2 && c != 0xe3 && c != 0xef)
		return 0;
	if ((len = utf8_next(s, n, &cp)) == 0)
		return 0;
	return cp == 0x85 || cp == 0xa0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200b) ||
			cp == 0x2028 || cp == 0x2029 || cp == 0x202f || cp == 0x205f ||
			cp == 0x3000 || cp == 0xfeff
		   ? len : 0;
}

/* The first byte in [at, end) that is not white space, or end. */
static inline size_t
text_skip_space(const char *s, size_t at, size_t end)
{
	size_t len;

	while (at < end && (len = text_space_len(s + at, end - at)) > 0)
		at += len;
	return at;
}

/* The end of the last character in [at, end) that is not white space, or at. */
static inline size_t
text_trim_space(const char *s, size_t at, size_t end)
{
	while (end > at) {
		size_t lead = end - 1;

		while (lead > at && ((unsigned char)s[lead] & 0xc0) == 0x80)
			lead--;
		if (text_space_len(s + lead, end - lead) != end - lead)
			break;
		end = lead;
	}
	return end;
}

/* The line that begins at `at`: where it ends without "\n" or "\r\n". */
static inline size_t
text_line_end(const char *s, size_t at, size_t n, size_t *next)
{
	const char *nl = __builtin_memchr(s + at, '\n', n - at);
	size_t end = nl != NULL ? (size_t)(nl - s) : n;

	*next = nl != NULL ? end + 1 : n;
	return end > at && s[end - 1] == '\r' ? end - 1 : end;
}

#endif
