/* text_build.c - blocks and headings, added in order. */
#include "text_parts.h"

#include <stdlib.h>
#include <string.h>

void
text_builder_init(struct text_builder *b, struct text_document *d)
{
	*b = (struct text_builder){.d = d, .current = TEXT_NO_HEADING};
	buf_init(&b->names, (size_t)TEXT_HEADINGS_MAX * TEXT_HEADING_BYTES);
	metadata_fields_init(&b->fields);
	for (size_t i = 0; i < sizeof b->open / sizeof b->open[0]; i++)
		b->open[i] = TEXT_NO_HEADING;
}

int
text_builder_finish(struct text_builder *b, struct err *e)
{
	if (b->names.failed)
		b->failed = true;
	b->d->names = b->names.len > 0 ? buf_take(&b->names) : NULL;
	buf_fini(&b->names);
	b->failed |= b->fields.out.failed;
	b->d->fields = b->fields.out.len > 0 ? buf_take(&b->fields.out) : NULL;
	metadata_fields_fini(&b->fields);
	return b->failed ? err_set(e, ERR_NOMEM, "no memory for the document's structure") : 0;
}

/* One item more in an array that doubles; false out of memory. */
static bool
grow(void **items, size_t *cap, size_t count, size_t size)
{
	size_t more = *cap != 0 ? *cap * 2 : 64;
	void *p;

	if (count < *cap)
		return true;
	if ((p = reallocarray(*items, more, size)) == NULL)
		return false;
	*items = p;
	*cap = more;
	return true;
}

static void
put_block(struct text_builder *b, struct text_block block)
{
	struct text_document *d = b->d;

	if (b->failed)
		return;
	if (d->block_count == TEXT_BLOCKS_MAX) {
		d->blocks[d->block_count - 1].end = block.end;
		d->blocks[d->block_count - 1].kind = TEXT_PARAGRAPH;
		return;
	}
	if (!grow((void **)&d->blocks, &b->block_cap, d->block_count, sizeof block)) {
		b->failed = true;
		return;
	}
	d->blocks[d->block_count++] = block;
}

void
text_add_block(struct text_builder *b, enum text_block_kind kind, size_t start, size_t end,
    bool continues)
{
	start = text_skip_space(b->d->text, start, end);
	end = text_trim_space(b->d->text, start, end);
	if (start < end)
		put_block(b, (struct text_block){.start = start, .end = end,
		    .heading = b->current, .kind = (uint8_t)kind, .continues = continues});
}

/* Returns the new heading, or the current one when there are too many. */
static uint32_t
put_heading(struct text_builder *b, unsigned level, const char *name, size_t len)
{
	struct text_document *d = b->d;
	struct text_heading h = {.parent = TEXT_NO_HEADING, .level = level};
	char clean[TEXT_HEADING_BYTES];

	if (!grow((void **)&d->headings, &b->heading_cap, d->heading_count, sizeof h)) {
		b->failed = true;
		return b->current;
	}
	for (unsigned above = 1; above < level; above++)
		if (b->open[above] != TEXT_NO_HEADING)
			h.parent = b->open[above];
	h.name_at = b->names.len;
	h.name_len = text_squeeze(clean, sizeof clean, name, len);
	buf_add(&b->names, clean, h.name_len);
	d->headings[d->heading_count] = h;
	b->open[level] = (uint32_t)d->heading_count;
	for (unsigned below = level + 1; below < 7; below++)
		b->open[below] = TEXT_NO_HEADING;
	return (uint32_t)d->heading_count++;
}

void
text_add_heading(struct text_builder *b, unsigned level, size_t start, size_t end,
    const char *name, size_t name_len)
{
	size_t from = text_skip_space(b->d->text, start, end);

	if (b->failed || text_trim_space(b->d->text, from, end) == from)
		return;
	/* A heading without words ("# ") bounds nothing. */
	if (b->d->heading_count == TEXT_HEADINGS_MAX ||
	    text_skip_space(name, 0, name_len) == name_len) {
		text_add_block(b, TEXT_PARAGRAPH, start, end, false);
		return;
	}
	b->current = put_heading(b, level, name, name_len);
	put_block(b, (struct text_block){.start = from,
	    .end = text_trim_space(b->d->text, from, end), .heading = b->current,
	    .kind = TEXT_HEADING, .level = (uint8_t)level});
}

void
text_open_section(struct text_builder *b, unsigned level, const char *name, size_t name_len)
{
	if (b->failed || b->d->heading_count == TEXT_HEADINGS_MAX ||
	    text_skip_space(name, 0, name_len) == name_len)
		return;
	b->current = put_heading(b, level, name, name_len);
}

void
text_add_page(struct text_builder *b, size_t at)
{
	struct text_document *d = b->d;

	if (b->failed || d->page_count == TEXT_PAGES_MAX)
		return;
	if (!grow((void **)&d->pages, &b->page_cap, d->page_count, sizeof *d->pages)) {
		b->failed = true;
		return;
	}
	d->pages[d->page_count++] = at;
}

size_t
text_squeeze(char *out, size_t size, const char *s, size_t n)
{
	size_t len = 0, at = text_skip_space(s, 0, n), step;
	uint32_t cp;

	while (at < n) {
		size_t after = text_skip_space(s, at, n);

		if (after > at) {
			if (after < n && len + 1 < size)
				out[len++] = ' ';
			at = after;
			continue;
		}
		if ((step = utf8_next(s + at, n - at, &cp)) == 0) {
			at++;
			continue;
		}
		if (len + step >= size)
			break;
		if (cp >= 0x20 && (cp < 0x7f || cp > 0x9f)) {
			memcpy(out + len, s + at, step);
			len += step;
		}
		at += step;
	}
	if (len > 0 && out[len - 1] == ' ')
		len--;
	out[len] = '\0';
	return len;
}
