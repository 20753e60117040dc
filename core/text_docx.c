/* text_docx.c - Word: paragraphs, headings by style, lists, tables, notes, pages.
 *
 * Pages are those Word last drew, where it left its marks; a document without them has
 * none.  Deleted text and the second of two alternatives are left out.
 */
#include "text_office.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"

enum { STYLES_MAX = 4096, STYLE_NAME_BYTES = 64, NESTED_MAX = 16 };

struct style {
	char id[STYLE_NAME_BYTES], based_on[STYLE_NAME_BYTES];
	unsigned level;		/* of a heading, else 0 */
	bool is_title;
};

struct docx {
	struct outline *o;
	struct style *styles;	/* owned */
	size_t style_count;
	bool failed;
	bool has_pages;
	unsigned pages_due;	/* begun within the open paragraph */
	unsigned skipped;	/* open elements whose text is left out */
	bool in_text;
	unsigned tables;
	struct buf words;
	size_t start[NESTED_MAX];	/* of the open paragraphs' words: boxes nest them */
	unsigned paragraphs;
	struct buf cell;
	unsigned level;		/* of the open paragraph */
	bool is_item, is_title, has_title;
	unsigned depth;
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* ---- styles ---- */

static void
open_style(void *context, const char *name, const struct xml_attributes *a)
{
	struct docx *d = context;
	struct style *s = d->style_count > 0 ? &d->styles[d->style_count - 1] : NULL;
	char text[STYLE_NAME_BYTES] = "";
	long level;

	if (is(name, "style") && d->style_count < STYLES_MAX) {
		s = reallocarray(d->styles, d->style_count + 1, sizeof *s);
		d->failed |= s == NULL;
		if (s == NULL)
			return;
		d->styles = s;
		s += d->style_count++;
		*s = (struct style){.level = 0};
		xml_attribute(a, "styleId", s->id, sizeof s->id);
	} else if (s != NULL && is(name, "basedOn")) {
		xml_attribute(a, "val", s->based_on, sizeof s->based_on);
	} else if (s != NULL && is(name, "outlineLvl")) {
		level = xml_number(a, "val", 9);
		if (level >= 0 && level < 9)
			s->level = (unsigned)level < 6 ? (unsigned)level + 1 : 6;
	} else if (s != NULL && is(name, "name")) {
		xml_attribute(a, "val", text, sizeof text);
		if (strncasecmp(text, "heading ", 8) == 0 && text[8] >= '1' && text[8] <= '9')
			s->level = text[8] - '0' < 6 ? (unsigned)(text[8] - '0') : 6;
		s->is_title = strcasecmp(text, "title") == 0;
	}
}

static const struct style *
find_style(const struct docx *d, const char *id)
{
	for (size_t i = 0; i < d->style_count; i++)
		if (is(d->styles[i].id, id))
			return &d->styles[i];
	return NULL;
}

static void
apply_style(struct docx *d, const char *id)
{
	const struct style *s = find_style(d, id);

	for (int i = 0; s != NULL && i < 16; i++) {
		if (s->level > 0 || s->is_title) {
			d->level = s->level > 0 ? s->level : 1;
			d->is_title = s->is_title;
			return;
		}
		s = s->based_on[0] != '\0' ? find_style(d, s->based_on) : NULL;
	}
}

/* ---- the text ---- */

static bool
is_skipped(const char *name)
{
	return is(name, "Fallback") || is(name, "moveFrom") || is(name, "instrText") ||
	    is(name, "delText") || is(name, "del");
}

static void
begin_paragraph(struct docx *d)
{
	d->paragraphs++;
	if (d->paragraphs <= NESTED_MAX)
		d->start[d->paragraphs - 1] = d->words.len;
	d->level = d->depth = 0;
	d->is_item = d->is_title = false;
}

static void
put_pages(struct docx *d)
{
	for (; d->pages_due > 0; d->pages_due--)
		outline_page(d->o);
}

static void
end_paragraph(struct docx *d)
{
	size_t from, n;
	const char *s;

	if (d->paragraphs == 0 || d->paragraphs-- > NESTED_MAX)
		return;
	from = d->start[d->paragraphs];
	s = d->words.data + from;
	n = d->words.len - from;
	if (n == 0 || d->words.failed)
		return;
	if (d->tables > 0) {
		buf_add(&d->cell, s, n);
		buf_addc(&d->cell, ' ');
	} else if (d->level > 0) {
		if (d->is_title && !d->has_title)
			outline_title(d->o, s, n);
		d->has_title |= d->is_title;
		outline_heading(d->o, d->level, s, n);
	} else if (d->is_item) {
		outline_item(d->o, d->depth, s, n);
	} else {
		outline_block(d->o, TEXT_PARAGRAPH, s, n);
	}
	d->words.len = from;
	d->level = 0;		/* what follows a box is not what the box was */
	d->is_item = d->is_title = false;
	if (d->tables == 0)
		put_pages(d);
}

static void
open_in_paragraph(struct docx *d, const char *name, const struct xml_attributes *a)
{
	char text[STYLE_NAME_BYTES] = "";
	long level;

	if (is(name, "t")) {
		d->in_text = true;
	} else if (is(name, "tab")) {
		buf_addc(&d->words, '\t');
	} else if (is(name, "br") || is(name, "cr")) {
		buf_addc(&d->words, '\n');
	} else if (is(name, "noBreakHyphen")) {
		buf_addc(&d->words, '-');
	} else if (is(name, "pStyle")) {
		if (xml_attribute(a, "val", text, sizeof text))
			apply_style(d, text);
	} else if (is(name, "outlineLvl")) {
		level = xml_number(a, "val", 9);
		if (level >= 0 && level < 6)
			d->level = (unsigned)level + 1;
	} else if (is(name, "ilvl")) {
		d->depth = (unsigned)xml_number(a, "val", 0) & 15;
	} else if (is(name, "numId")) {
		d->is_item = xml_number(a, "val", 0) != 0;
	} else if (is(name, "lastRenderedPageBreak") && d->has_pages) {
		d->pages_due++;
	}
}

static void
open_element(void *context, const char *name, const struct xml_attributes *a)
{
	struct docx *d = context;

	if (d->skipped > 0 || is_skipped(name)) {
		d->skipped++;
		return;
	}
	if (is(name, "p"))
		begin_paragraph(d);
	else if (is(name, "tbl"))
		d->tables++;
	else if (d->paragraphs > 0)
		open_in_paragraph(d, name, a);
}

static void
add_text(void *context, const char *s, size_t n)
{
	struct docx *d = context;

	if (d->in_text && d->skipped == 0)
		buf_add(&d->words, s, n);
}

static void
close_element(void *context, const char *name)
{
	struct docx *d = context;

	if (d->skipped > 0) {
		d->skipped--;
	} else if (is(name, "t")) {
		d->in_text = false;
	} else if (is(name, "p")) {
		end_paragraph(d);
	} else if (is(name, "tc") && d->tables == 1) {
		outline_cell(d->o, d->cell.data, d->cell.len);
		buf_reset(&d->cell);
	} else if (is(name, "tr") && d->tables == 1) {
		outline_end_row(d->o);
	} else if (is(name, "tbl") && d->tables > 0 && --d->tables == 0) {
		put_pages(d);
	}
}

/* ---- pages ---- */

static void
find_page_break(void *context, const char *name, const struct xml_attributes *a)
{
	struct docx *d = context;

	(void)a;
	d->has_pages |= is(name, "lastRenderedPageBreak");
}

static int
read_parts(struct docx *d, struct pack *p, const char *main_part, struct err *e)
{
	static const struct xml_handler pages = {.open = find_page_break};
	static const struct xml_handler styles = {.open = open_style};
	static const struct xml_handler body = {open_element, add_text, close_element};
	static const char *const notes[] = {"footnotes", "endnotes"};
	struct relations r;
	const char *part;
	int rc = -1;

	if (relations_read(&r, p, main_part, e) == -1)
		return -1;
	if ((part = relations_find_type(&r, "styles")) != NULL &&
	    pack_read_xml_if(p, part, &styles, d, e) == -1)
		goto out;
	if (pack_read_xml(p, main_part, &pages, d, e) == -1)
		goto out;
	if (d->has_pages)
		outline_page(d->o);
	if (pack_read_xml(p, main_part, &body, d, e) == -1)
		goto out;
	for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
		if ((part = relations_find_type(&r, notes[i])) != NULL &&
		    pack_read_xml_if(p, part, &body, d, e) == -1)
			goto out;
	rc = d->failed ? err_set(e, ERR_NOMEM, "no memory for the styles") : 0;
out:
	relations_fini(&r);
	return rc;
}

int
text_read_docx(struct pack *p, const char *main_part, struct outline *o, struct err *e)
{
	struct docx d = {.o = o};
	int rc;

	buf_init(&d.words, ARCHIVE_TEXT_MAX);
	buf_init(&d.cell, ARCHIVE_TEXT_MAX);
	rc = read_parts(&d, p, main_part, e);
	if (rc == 0)
		rc = buf_check(&d.words, "a paragraph", e);
	if (rc == 0)
		rc = buf_check(&d.cell, "a table's cell", e);
	buf_fini(&d.words);
	buf_fini(&d.cell);
	free(d.styles);
	return rc;
}
