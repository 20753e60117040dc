/* text_epub.c - books: the chapters of the spine in order, each as the page it is. */
#include "text_office.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"

enum { ITEMS_MAX = 10000, ID_BYTES = 128, CHAPTER_BYTES_MAX = 32 << 20 };

struct item {
	char id[ID_BYTES];
	char part[PART_NAME_BYTES];
};

struct book {
	struct outline *o;
	char opf[PART_NAME_BYTES];
	char folder[PART_NAME_BYTES];
	struct item *items;		/* owned: the manifest */
	size_t item_count;
	struct item *spine;		/* owned: ids in order */
	size_t spine_count;
	bool failed;
	bool is_encrypted;
	const char *field;		/* of the metadata, the open one */
	struct buf value;
};

static bool
is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static void
find_opf(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;

	if (is(name, "rootfile") && b->opf[0] == '\0')
		xml_attribute(a, "full-path", b->opf, sizeof b->opf);
}

/* Fonts may be scrambled; anything else that is means a copy-protected book. */
static void
find_encryption(void *context, const char *name, const struct xml_attributes *a)
{
	struct book *b = context;
	char how[128] = "";

	if (is(name, "EncryptionMethod") && xml_attribute(a, "Algorithm", how, sizeof how) &&
	    strstr(how, "idpf.org/2008/embedding") == NULL &&
	    strstr(how, "ns.adobe.com/pdf/enc") == NULL)
		b->is_encrypted = true;
}

static struct item *
add_item(struct book *b, struct item **list, size_t *count)
{
	struct item *more;

	if (*count == ITEMS_MAX)
		return NULL;
	if ((more = reallocarray(*list, *count + 1, sizeof *more)) == NULL) {
		b->failed = true;
		return NULL;
	}
	*list = more;
	more += (*count)++;
	*more = (struct item){.id = ""};
	return more;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "chapter%201.xhtml#top" to a part's name. */
static void
part_of_href(const struct book *b, char out[PART_NAME_BYTES], char *href)
{
	char *to = href;

	for (char *s = href; *s != '\0' && *s != '#'; s++) {
		if (*s == '%' && hex_digit(s[1]) >= 0 && hex_digit(s[2]) >= 0) {
			*to++ = (char)(hex_digit(s[1]) * 16 + hex_digit(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	}
	*to = '\0';
	if (!pack_join(out, b->folder, href))
		out[0] = '\0';
}

static void
open_opf(void *context, const char *name, const struct xml_attributes *a)
{
	static const struct {
		const char *element, *field;
	} known[] = {{"title", "title"}, {"creator", "author"}, {"language", "language"},
	    {"publisher", "publisher"}, {"date", "date"}};
	struct book *b = context;
	char href[PART_NAME_BYTES] = "", type[64] = "";
	struct item *i;

	b->field = NULL;
	buf_reset(&b->value);
	for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
		if (is(known[k].element, name))
			b->field = known[k].field;
	if (is(name, "itemref")) {
		if ((i = add_item(b, &b->spine, &b->spine_count)) != NULL)
			xml_attribute(a, "idref", i->id, sizeof i->id);
	} else if (is(name, "item") && xml_attribute(a, "media-type", type, sizeof type) &&
		   strstr(type, "html") != NULL && xml_attribute(a, "href", href, sizeof href)) {
		if ((i = add_item(b, &b->items, &b->item_count)) != NULL) {
			xml_attribute(a, "id", i->id, sizeof i->id);
			part_of_href(b, i->part, href);
		}
	}
}

static void
add_opf_text(void *context, const char *s, size_t n)
{
	struct book *b = context;

	if (b->field != NULL)
		buf_add(&b->value, s, n);
}

static void
close_opf(void *context, const char *name)
{
	struct book *b = context;

	(void)name;
	if (b->field != NULL && b->value.len > 0) {
		if (is(b->field, "title"))
			outline_title(b->o, b->value.data, b->value.len);
		else
			outline_field(b->o, b->field, b->value.data, b->value.len);
	}
	b->field = NULL;
}

/* ---- chapters ---- */

static void
put_chapter(struct outline *o, const struct text_document *d)
{
	for (size_t i = 0; i < d->block_count; i++) {
		const struct text_block *k = &d->blocks[i];

		if (k->kind == TEXT_HEADING)
			outline_heading(o, k->level, d->text + k->start, k->end - k->start);
		else
			outline_block(o, (enum text_block_kind)k->kind, d->text + k->start,
			    k->end - k->start);
	}
}

/* A chapter without text (a cover) is no fault. */
static int
read_chapter(struct book *b, struct pack *p, const char *part, struct err *e)
{
	struct text_document d;
	struct buf page;
	int rc = 0;

	if (!pack_has(p, part))
		return 0;
	buf_init(&page, CHAPTER_BYTES_MAX + 1);
	rc = pack_read(p, part, CHAPTER_BYTES_MAX, &page, e);
	if (rc == 0 && page.len > 0) {
		if (text_extract("chapter.html", page.data, page.len, &d, e) == 0) {
			put_chapter(b->o, &d);
			text_document_fini(&d);
		} else if (e->code != ERR_NOT_TEXT) {
			rc = -1;
		}
	}
	buf_fini(&page);
	return rc;
}

static int
read_spine(struct book *b, struct pack *p, struct err *e)
{
	for (size_t i = 0; i < b->spine_count; i++)
		for (size_t k = 0; k < b->item_count; k++)
			if (is(b->items[k].id, b->spine[i].id)) {
				if (read_chapter(b, p, b->items[k].part, e) == -1)
					return -1;
				break;
			}
	return 0;
}

static int
read_book(struct book *b, struct pack *p, struct err *e)
{
	static const struct xml_handler container = {.open = find_opf};
	static const struct xml_handler encryption = {.open = find_encryption};
	static const struct xml_handler opf = {open_opf, add_opf_text, close_opf};
	const char *slash;

	if (pack_read_xml(p, "META-INF/container.xml", &container, b, e) == -1 ||
	    pack_read_xml_if(p, "META-INF/encryption.xml", &encryption, b, e) == -1)
		return -1;
	if (b->is_encrypted)
		return err_set(e, ERR_ENCRYPTED, "the book is copy-protected");
	if ((slash = strrchr(b->opf, '/')) != NULL)
		snprintf(b->folder, sizeof b->folder, "%.*s", (int)(slash - b->opf), b->opf);
	if (pack_read_xml(p, b->opf, &opf, b, e) == -1)
		return -1;
	if (b->failed)
		return err_set(e, ERR_NOMEM, "no memory for the book's contents");
	return read_spine(b, p, e);
}

int
text_read_epub(struct pack *p, struct outline *o, struct err *e)
{
	struct book b = {.o = o};
	int rc;

	buf_init(&b.value, 64 * 1024);
	rc = read_book(&b, p, e);
	buf_fini(&b.value);
	free(b.items);
	free(b.spine);
	return rc;
}
