/* text_odf.c - OpenDocument: text, spreadsheets and presentations in one content.xml. */
#include "text_office.h"

#include <string.h>

#include "bounds.h"

enum { NESTED_MAX = 16, REPEATED_MAX = 64, LISTS_MAX = 8 };

struct odf {
	struct outline *o;
	struct buf words;
	size_t start[NESTED_MAX];	/* of the open paragraphs: notes and boxes nest */
	unsigned level[NESTED_MAX];
	unsigned paragraphs;
	unsigned skipped;
	unsigned lists, tables;
	struct buf cell;
	long repeated;			/* times that the open cell stands there */
	bool is_encrypted;
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void
begin_paragraph(struct odf *d, unsigned level)
{
	d->paragraphs++;
	if (d->paragraphs > NESTED_MAX)
		return;
	d->start[d->paragraphs - 1] = d->words.len;
	d->level[d->paragraphs - 1] = level;
}

static void
end_paragraph(struct odf *d)
{
	size_t from, n;
	const char *s;
	unsigned level;

	if (d->paragraphs == 0 || d->paragraphs-- > NESTED_MAX)
		return;
	from = d->start[d->paragraphs];
	level = d->level[d->paragraphs];
	n = d->words.len - from;
	s = d->words.data + from;
	if (n == 0 || d->words.failed)
		return;
	if (d->tables > 0) {
		buf_add(&d->cell, s, n);
		buf_addc(&d->cell, ' ');
	} else if (level > 0) {
		outline_heading(d->o, level, s, n);
	} else if (d->lists > 0) {
		outline_item(d->o, d->lists - 1, s, n);
	} else {
		outline_block(d->o, TEXT_PARAGRAPH, s, n);
	}
	d->words.len = from;
}

static void
open_table_part(struct odf *d, const char *name, const struct xml_attributes *a)
{
	char title[128] = "";

	if (is(name, "table")) {
		/* In a spreadsheet a table's name is the sheet's. */
		if (d->tables++ == 0 && d->paragraphs == 0 &&
		    xml_attribute(a, "name", title, sizeof title))
			outline_heading(d->o, 6, title, strlen(title));
	} else if (d->tables == 1) {
		d->repeated = xml_number(a, "number-columns-repeated", 1);
		buf_reset(&d->cell);
	}
}

static void
open_element(void *context, const char *name, const struct xml_attributes *a)
{
	struct odf *d = context;
	long n;

	if (d->skipped > 0 || is(name, "tracked-changes") || is(name, "annotation") ||
	    is(name, "ruby-text")) {
		d->skipped++;
	} else if (is(name, "h")) {
		n = xml_number(a, "outline-level", 1);
		begin_paragraph(d, n >= 1 && n <= 6 ? (unsigned)n : 6);
	} else if (is(name, "p")) {
		begin_paragraph(d, 0);
	} else if (is(name, "list")) {
		d->lists++;
	} else if (is(name, "table") || is(name, "table-cell")) {
		open_table_part(d, name, a);
	} else if (is(name, "page")) {
		outline_page(d->o);
	} else if (is(name, "s")) {
		for (n = xml_number(a, "c", 1); n > 0; n = n > 64 ? 0 : n - 1)
			buf_addc(&d->words, ' ');
	} else if (is(name, "tab")) {
		buf_addc(&d->words, '\t');
	} else if (is(name, "line-break")) {
		buf_addc(&d->words, '\n');
	}
}

static void
add_text(void *context, const char *s, size_t n)
{
	struct odf *d = context;

	if (d->paragraphs > 0 && d->skipped == 0)
		buf_add(&d->words, s, n);
}

/* A spreadsheet repeats its last, empty cell to the end of the world. */
static void
end_cell(struct odf *d)
{
	long times = d->repeated < REPEATED_MAX ? d->repeated : REPEATED_MAX;

	for (long i = 0; i < times; i++)
		outline_cell(d->o, d->cell.data, d->cell.len);
	buf_reset(&d->cell);
}

static void
close_element(void *context, const char *name)
{
	struct odf *d = context;

	if (d->skipped > 0)
		d->skipped--;
	else if (is(name, "p") || is(name, "h"))
		end_paragraph(d);
	else if (is(name, "list"))
		d->lists -= d->lists > 0;
	else if (is(name, "table-cell") && d->tables == 1)
		end_cell(d);
	else if (is(name, "table-row") && d->tables == 1)
		outline_end_row(d->o);
	else if (is(name, "table"))
		d->tables -= d->tables > 0;
}

static void
find_encryption(void *context, const char *name, const struct xml_attributes *a)
{
	struct odf *d = context;

	(void)a;
	d->is_encrypted |= is(name, "encryption-data");
}

int
text_read_odf(struct pack *p, struct outline *o, struct err *e)
{
	static const struct xml_handler manifest = {.open = find_encryption};
	static const struct xml_handler content = {open_element, add_text, close_element};
	struct odf d = {.o = o};
	int rc = -1;

	if (pack_read_xml_if(p, "META-INF/manifest.xml", &manifest, &d, e) == -1)
		return -1;
	if (d.is_encrypted)
		return err_set(e, ERR_ENCRYPTED, "the document opens only with a password");
	buf_init(&d.words, ARCHIVE_TEXT_MAX);
	buf_init(&d.cell, ARCHIVE_TEXT_MAX);
	if (text_read_properties(p, "meta.xml", o, e) == 0 &&
	    pack_read_xml(p, "content.xml", &content, &d, e) == 0 &&
	    buf_check(&d.words, "a paragraph", e) == 0)
		rc = buf_check(&d.cell, "a table's cell", e);
	buf_fini(&d.words);
	buf_fini(&d.cell);
	return rc;
}
