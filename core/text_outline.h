/* text_outline.h - a document on its way out of the child that read it.
 *
 * The child of an office format writes what it finds as records, in reading order; the
 * parent reads them back, believes nothing, and makes a document.  Words are laid out as
 * text_html.c does: paragraphs parted by a blank line, a list a line an item with "- " and
 * two spaces a level, a table a line a row with " | " between its cells.
 *
 *   OFFSET  SIZE  MEANING
 *        0     1  enum outline_record
 *        1     1  a heading's level, a block's kind, a document's kind; else 0
 *        2     2  0
 *        4     4  bytes that follow, in this machine's order
 *        8     .  UTF-8 without NUL; of a field: name, NUL, value
 */
#ifndef RAGPOOL_TEXT_OUTLINE_H
#define RAGPOOL_TEXT_OUTLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "text.h"

enum outline_record {
	OUTLINE_KIND = 1,
	OUTLINE_TITLE,
	OUTLINE_FIELD,
	OUTLINE_PAGE,
	OUTLINE_HEADING,
	OUTLINE_BLOCK,
	OUTLINE_END,		/* must be the last: what is cut off lacks it */
};

enum { OUTLINE_HEAD_BYTES = 8, OUTLINE_CELLS_MAX = 16384 };

/* ---- writing ---- */

struct outline {
	struct buf *out;	/* borrowed */
	struct buf region;	/* the open list or table */
	enum text_block_kind kind;
	struct buf row;
	size_t cells;		/* of the row, with those at its end that are empty */
	size_t pending;		/* empty cells that are not written yet */
};

void outline_init(struct outline *o, struct buf *out);
void outline_fini(struct outline *o);
void outline_kind(struct outline *o, enum text_kind kind);
void outline_title(struct outline *o, const char *s, size_t n);
void outline_field(struct outline *o, const char *name, const char *value, size_t n);
void outline_page(struct outline *o);
/* Words without any but white space are left out, here and below. */
void outline_heading(struct outline *o, unsigned level, const char *s, size_t n);
void outline_block(struct outline *o, enum text_block_kind kind, const char *s, size_t n);
void outline_item(struct outline *o, unsigned depth, const char *s, size_t n);
void outline_cell(struct outline *o, const char *s, size_t n);
void outline_end_row(struct outline *o);
/* ERR_LIMIT, ERR_NOMEM when something did not fit. */
int outline_end(struct outline *o, struct err *e);

/* ---- reading ---- */

struct text_builder;
/* ERR_EXTRACTOR when the records are not what is promised above. */
int text_walk_outline(struct text_builder *b, const char *bytes, size_t n, struct err *e);

#endif
