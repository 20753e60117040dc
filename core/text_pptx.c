/* text_pptx.c - PowerPoint: slides in order as pages, their titles as headings, notes. */
#include "text_office.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"

enum { SLIDES_MAX = 4096, ID_BYTES = 64 };

struct deck {
	char (*ids)[ID_BYTES];	/* owned; of the slides, in order */
	size_t count;
	bool failed;
};

struct slide {
	struct outline *o;
	struct buf words;	/* of the open paragraph */
	struct buf shape;	/* of the open shape, a line a paragraph */
	struct buf cell;
	bool in_text, in_table, is_title, is_number, is_notes;
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void
find_slide(void *context, const char *name, const struct xml_attributes *a)
{
	struct deck *d = context;
	char (*ids)[ID_BYTES];

	if (!is(name, "sldId") || d->count == SLIDES_MAX)
		return;
	if ((ids = reallocarray(d->ids, d->count + 1, sizeof *ids)) == NULL) {
		d->failed = true;
		return;
	}
	d->ids = ids;
	if (xml_relation(a, "id", ids[d->count], ID_BYTES))
		d->count++;
}

static void
open_element(void *context, const char *name, const struct xml_attributes *a)
{
	struct slide *s = context;
	char type[32] = "";

	if (is(name, "sp") || is(name, "graphicFrame")) {
		buf_reset(&s->shape);
		s->is_title = s->is_number = false;
	} else if (is(name, "ph")) {
		xml_attribute(a, "type", type, sizeof type);
		s->is_title = is(type, "title") || is(type, "ctrTitle");
		s->is_number = is(type, "sldNum") || is(type, "dt") || is(type, "ftr") ||
			       is(type, "hdr") || is(type, "sldImg");
	} else if (is(name, "tbl")) {
		s->in_table = true;
	} else if (is(name, "t")) {
		s->in_text = true;
	} else if (is(name, "br")) {
		buf_addc(&s->words, '\n');
	}
}

static void
add_text(void *context, const char *text, size_t n)
{
	struct slide *s = context;

	if (s->in_text)
		buf_add(&s->words, text, n);
}

static void
end_paragraph(struct slide *s)
{
	struct buf *to = s->in_table ? &s->cell : &s->shape;

	if (s->words.len > 0 && !s->is_number) {
		if (to->len > 0)
			buf_addc(to, s->in_table ? ' ' : '\n');
		buf_add(to, s->words.data, s->words.len);
	}
	buf_reset(&s->words);
}

static void
end_shape(struct slide *s)
{
	if (s->shape.len > 0 && s->is_title && !s->is_notes)
		outline_heading(s->o, 2, s->shape.data, s->shape.len);
	else if (s->shape.len > 0)
		outline_block(s->o, TEXT_PARAGRAPH, s->shape.data, s->shape.len);
	buf_reset(&s->shape);
}

static void
close_element(void *context, const char *name)
{
	struct slide *s = context;

	if (is(name, "t")) {
		s->in_text = false;
	} else if (is(name, "p")) {
		end_paragraph(s);
	} else if (is(name, "tc")) {
		outline_cell(s->o, s->cell.data, s->cell.len);
		buf_reset(&s->cell);
	} else if (is(name, "tr")) {
		outline_end_row(s->o);
	} else if (is(name, "tbl")) {
		s->in_table = false;
	} else if (is(name, "sp")) {
		end_shape(s);
	}
}

static int
read_slide(struct slide *s, struct pack *p, const char *part, struct err *e)
{
	static const struct xml_handler handler = {open_element, add_text, close_element};
	struct relations r;
	const char *notes;
	int rc;

	outline_page(s->o);
	s->is_notes = false;
	if (pack_read_xml(p, part, &handler, s, e) == -1 || relations_read(&r, p, part, e) == -1)
		return -1;
	notes = relations_find_type(&r, "notesSlide");
	s->is_notes = true;
	rc = notes != NULL ? pack_read_xml_if(p, notes, &handler, s, e) : 0;
	relations_fini(&r);
	return rc;
}

static int
read_slides(struct slide *s, struct pack *p, const struct deck *d, const struct relations *r,
    struct err *e)
{
	for (size_t i = 0; i < d->count; i++) {
		const char *part = relations_find(r, d->ids[i]);

		if (part != NULL && read_slide(s, p, part, e) == -1)
			return -1;
	}
	if (buf_check(&s->words, "a paragraph", e) == -1 ||
	    buf_check(&s->shape, "a slide", e) == -1)
		return -1;
	return buf_check(&s->cell, "a table's cell", e);
}

int
text_read_pptx(struct pack *p, const char *main_part, struct outline *o, struct err *e)
{
	static const struct xml_handler handler = {.open = find_slide};
	struct slide s = {.o = o};
	struct relations r;
	struct deck d = {0};
	int rc = -1;

	if (relations_read(&r, p, main_part, e) == -1)
		return -1;
	buf_init(&s.words, ARCHIVE_TEXT_MAX);
	buf_init(&s.shape, ARCHIVE_TEXT_MAX);
	buf_init(&s.cell, ARCHIVE_TEXT_MAX);
	if (pack_read_xml(p, main_part, &handler, &d, e) == 0)
		rc = d.failed ? err_set(e, ERR_NOMEM, "no memory for the slides")
			      : read_slides(&s, p, &d, &r, e);
	buf_fini(&s.words);
	buf_fini(&s.shape);
	buf_fini(&s.cell);
	relations_fini(&r);
	free(d.ids);
	return rc;
}
