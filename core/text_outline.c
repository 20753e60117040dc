/* text_outline.c - a document on its way out of the child that read it. */
#include "text_outline.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "text_parts.h"

/* ---- writing ---- */

void
outline_init(struct outline *o, struct buf *out)
{
	*o = (struct outline){.out = out};
	buf_init(&o->region, ARCHIVE_TEXT_MAX);
	buf_init(&o->row, ARCHIVE_TEXT_MAX);
}

void
outline_fini(struct outline *o)
{
	buf_fini(&o->region);
	buf_fini(&o->row);
}

static void
put(struct outline *o, enum outline_record record, unsigned detail, const char *s, size_t n)
{
	unsigned char head[OUTLINE_HEAD_BYTES] = {(unsigned char)record, (unsigned char)detail};
	uint32_t len = (uint32_t)n;

	memcpy(head + 4, &len, sizeof len);
	buf_add(o->out, head, sizeof head);
	buf_add(o->out, s, n);
}

static void
close_region(struct outline *o)
{
	if (o->region.len > 0)
		put(o, OUTLINE_BLOCK, o->kind, o->region.data, o->region.len);
	buf_reset(&o->region);
}

void
outline_kind(struct outline *o, enum text_kind kind)
{
	put(o, OUTLINE_KIND, kind, "", 0);
}

void
outline_title(struct outline *o, const char *s, size_t n)
{
	put(o, OUTLINE_TITLE, 0, s, n);
}

void
outline_field(struct outline *o, const char *name, const char *value, size_t n)
{
	struct buf both;

	buf_init(&both, ARCHIVE_TEXT_MAX);
	buf_add(&both, name, strlen(name) + 1);
	buf_add(&both, value, n);
	if (!both.failed)
		put(o, OUTLINE_FIELD, 0, both.data, both.len);
	buf_fini(&both);
}

void
outline_page(struct outline *o)
{
	close_region(o);
	put(o, OUTLINE_PAGE, 0, "", 0);
}

void
outline_heading(struct outline *o, unsigned level, const char *s, size_t n)
{
	if (text_skip_space(s, 0, n) == n)
		return;
	close_region(o);
	put(o, OUTLINE_HEADING, level >= 1 && level <= 6 ? level : 6, s, n);
}

void
outline_block(struct outline *o, enum text_block_kind kind, const char *s, size_t n)
{
	if (text_skip_space(s, 0, n) == n)
		return;
	close_region(o);
	put(o, OUTLINE_BLOCK, kind, s, n);
}

/* A line of a list or a table. */
static void
begin_line(struct outline *o, enum text_block_kind kind)
{
	if (o->region.len > 0 && o->kind != kind)
		close_region(o);
	o->kind = kind;
	if (o->region.len > 0)
		buf_addc(&o->region, '\n');
}

void
outline_item(struct outline *o, unsigned depth, const char *s, size_t n)
{
	size_t from = text_skip_space(s, 0, n);

	if (from == n)
		return;
	begin_line(o, TEXT_LIST);
	for (unsigned i = 0; i < depth && i < 8; i++)
		buf_adds(&o->region, "  ");
	buf_adds(&o->region, "- ");
	buf_add(&o->region, s + from, text_trim_space(s, from, n) - from);
}

/* Words on one line, so that a row stays one. */
static void
add_squeezed(struct buf *b, const char *s, size_t n)
{
	size_t len;

	for (size_t at = text_skip_space(s, 0, n); at < n;) {
		size_t from = at;

		while (at < n && text_space_len(s + at, n - at) == 0)
			at += (len = utf8_next(s + at, n - at, &(uint32_t){0})) > 0 ? len : 1;
		buf_add(b, s + from, at - from);
		if ((at = text_skip_space(s, at, n)) < n)
			buf_addc(b, ' ');
	}
}

void
outline_cell(struct outline *o, const char *s, size_t n)
{
	if (o->cells++ >= OUTLINE_CELLS_MAX)
		return;
	if (text_skip_space(s, 0, n) == n) {
		o->pending++;
		return;
	}
	for (size_t i = 0; i < o->pending; i++)
		buf_adds(&o->row, " | ");
	o->pending = 1;
	add_squeezed(&o->row, s, n);
}

void
outline_end_row(struct outline *o)
{
	if (o->row.len > 0) {
		begin_line(o, TEXT_TABLE);
		buf_add(&o->region, o->row.data, o->row.len);
	}
	o->cells = o->pending = 0;
	buf_reset(&o->row);
}

int
outline_end(struct outline *o, struct err *e)
{
	close_region(o);
	put(o, OUTLINE_END, 0, "", 0);
	if (buf_check(&o->region, "a list or table of the document", e) == -1 ||
	    buf_check(&o->row, "a table's row", e) == -1)
		return -1;
	return buf_check(o->out, "the document's text", e);
}

/* ---- reading ---- */

struct reading {
	struct text_builder *b;
	char *text;		/* never longer than the records */
	size_t len;
};

static size_t
add_words(struct reading *r, const char *s, size_t n)
{
	size_t at;

	if (r->len > 0) {
		r->text[r->len++] = '\n';
		r->text[r->len++] = '\n';
	}
	at = r->len;
	memcpy(r->text + at, s, n);
	r->len += n;
	r->text[r->len] = '\0';
	r->b->d->len = r->len;
	return at;
}

static void
take_field(struct text_builder *b, const char *s, size_t n)
{
	const char *value = memchr(s, '\0', n);

	if (value != NULL)
		metadata_add_text(&b->fields, s, value + 1, n - (size_t)(value + 1 - s));
}

static bool
take_record(struct reading *r, unsigned record, unsigned detail, const char *s, size_t n)
{
	struct text_document *d = r->b->d;
	size_t at;

	if (!utf8_is_valid(s, n) || (record != OUTLINE_FIELD && memchr(s, '\0', n) != NULL))
		return false;
	switch (record) {
	case OUTLINE_KIND:
		d->kind = (enum text_kind)detail;
		return detail < TEXT_KIND_MAX;
	case OUTLINE_TITLE:
		text_squeeze(d->title, sizeof d->title, s, n);
		return true;
	case OUTLINE_FIELD:
		take_field(r->b, s, n);
		return true;
	case OUTLINE_PAGE:
		text_add_page(r->b, r->len > 0 ? r->len + 2 : 0);
		return true;
	case OUTLINE_HEADING:
		at = add_words(r, s, n);
		if (detail < 1 || detail > 6)
			return false;
		text_add_heading(r->b, detail, at, r->len, s, n);
		return true;
	case OUTLINE_BLOCK:
		at = add_words(r, s, n);
		text_add_block(r->b, (enum text_block_kind)detail, at, r->len, false);
		return detail > TEXT_HEADING && detail < TEXT_BLOCK_KIND_MAX;
	default:
		return false;
	}
}

static bool
take_records(struct reading *r, const char *bytes, size_t n)
{
	while (n >= OUTLINE_HEAD_BYTES) {
		unsigned record = (unsigned char)bytes[0], detail = (unsigned char)bytes[1];
		uint32_t len;

		memcpy(&len, bytes + 4, sizeof len);
		bytes += OUTLINE_HEAD_BYTES;
		n -= OUTLINE_HEAD_BYTES;
		if (record == OUTLINE_END)
			return n == 0 && len == 0;
		if (len > n || !take_record(r, record, detail, bytes, len))
			return false;
		bytes += len;
		n -= len;
	}
	return false;
}

int
text_walk_outline(struct text_builder *b, const char *bytes, size_t n, struct err *e)
{
	struct reading r = {.b = b, .text = malloc(n + 1)};
	struct text_document *d = b->d;

	if (r.text == NULL)
		return err_sys(e, ERR_NOMEM, "the text of a document");
	r.text[0] = '\0';
	d->text = d->owned = r.text;
	d->len = 0;
	memcpy(d->charset, "UTF-8", sizeof "UTF-8");
	if (!take_records(&r, bytes, n))
		return err_set(e, ERR_EXTRACTOR, "the reader of this format answered nonsense");
	if (d->title[0] == '\0' && d->heading_count > 0)
		text_squeeze(d->title, sizeof d->title, b->names.data + d->headings[0].name_at,
		    d->headings[0].name_len);
	return 0;
}
