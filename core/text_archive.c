/* text_archive.c - which packed format an archive is, and its reading in a child. */
#include "text_office.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "sandbox.h"

/* ---- what kind of archive ---- */

struct office_part {
	const char *content;		/* its content type says so */
	enum text_kind kind;
	int (*read)(struct pack *p, const char *main_part, struct outline *o, struct err *e);
};

static const struct office_part office_parts[] = {
    {"wordprocessingml", TEXT_DOCX, text_read_docx},
    {"ms-word.document", TEXT_DOCX, text_read_docx},
    {"presentationml", TEXT_PPTX, text_read_pptx},
    {"ms-powerpoint", TEXT_PPTX, text_read_pptx},
    {"spreadsheetml", TEXT_XLSX, text_read_xlsx},
    {"ms-excel.sheet", TEXT_XLSX, text_read_xlsx},
};

struct main_part {
	const struct office_part *office;
	char name[PART_NAME_BYTES];
};

static void
find_main_part(void *context, const char *name, const struct xml_attributes *a)
{
	struct main_part *m = context;
	char type[256];

	if (strcmp(name, "Override") != 0 || m->office != NULL ||
	    !xml_attribute(a, "ContentType", type, sizeof type) ||
	    strstr(type, ".main+xml") == NULL ||
	    !xml_attribute(a, "PartName", m->name, sizeof m->name))
		return;
	memmove(m->name, m->name + (m->name[0] == '/'), strlen(m->name + (m->name[0] == '/')) + 1);
	for (size_t i = 0; i < sizeof office_parts / sizeof office_parts[0]; i++)
		if (m->office == NULL && strstr(type, office_parts[i].content) != NULL)
			m->office = &office_parts[i];
}

static int
read_ooxml(struct pack *p, struct outline *o, struct err *e)
{
	static const struct xml_handler handler = {.open = find_main_part};
	struct main_part m = {0};

	if (pack_read_xml(p, "[Content_Types].xml", &handler, &m, e) == -1)
		return -1;
	if (m.office == NULL)
		return err_set(e, ERR_UNSUPPORTED,
		    "an office file that is no DOCX, PPTX or XLSX (XLSB and Visio are not read)");
	outline_kind(o, m.office->kind);
	if (text_read_properties(p, "docProps/core.xml", o, e) == -1)
		return -1;
	return m.office->read(p, m.name, o, e);
}

static int
read_by_mimetype(struct pack *p, struct outline *o, struct err *e)
{
	struct buf type;
	int rc = -1;

	buf_init(&type, 256);
	if (pack_read(p, "mimetype", 128, &type, e) == -1)
		goto out;
	buf_addc(&type, '\0');
	if (strncmp(type.data, "application/epub+zip", 20) == 0) {
		outline_kind(o, TEXT_EPUB);
		rc = text_read_epub(p, o, e);
	} else if (strncmp(type.data, "application/vnd.oasis.opendocument.", 35) == 0) {
		outline_kind(o, TEXT_ODF);
		rc = text_read_odf(p, o, e);
	} else {
		rc = err_set(e, ERR_UNSUPPORTED, "an archive of a kind that is not read");
	}
out:
	buf_fini(&type);
	return rc;
}

static int
read_pack(struct pack *p, struct outline *o, struct err *e)
{
	if (pack_has(p, "[Content_Types].xml"))
		return read_ooxml(p, o, e);
	if (pack_has(p, "mimetype"))
		return read_by_mimetype(p, o, e);
	if (pack_has(p, "META-INF/container.xml")) {
		outline_kind(o, TEXT_EPUB);
		return text_read_epub(p, o, e);
	}
	return err_set(e, ERR_UNSUPPORTED,
	    "a zip archive that is no DOCX, PPTX, XLSX, ODT, ODS, ODP or EPUB: unpack it first");
}

int
text_read_archive(const char *bytes, size_t n, struct buf *out, struct err *e)
{
	struct outline o;
	struct pack p;
	int rc;

	if (pack_open(&p, bytes, n, e) == -1)
		return -1;
	outline_init(&o, out);
	rc = read_pack(&p, &o, e);
	if (rc == 0)
		rc = outline_end(&o, e);
	outline_fini(&o);
	pack_close(&p);
	return rc;
}

/* ---- properties ---- */

struct properties {
	struct outline *o;
	const char *field;		/* the open one, or NULL */
	struct buf value;
};

static void
open_property(void *context, const char *name, const struct xml_attributes *a)
{
	static const struct {
		const char *element, *field;
	} known[] = {{"title", "title"}, {"creator", "author"}, {"initial-creator", "author"},
	    {"created", "created"}, {"creation-date", "created"}, {"modified", "modified"},
	    {"date", "modified"}, {"subject", "subject"}, {"keywords", "keywords"},
	    {"language", "language"}};
	struct properties *p = context;

	(void)a;
	p->field = NULL;
	buf_reset(&p->value);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strcmp(known[i].element, name) == 0)
			p->field = known[i].field;
}

static void
add_property_text(void *context, const char *s, size_t n)
{
	struct properties *p = context;

	if (p->field != NULL)
		buf_add(&p->value, s, n);
}

static void
close_property(void *context, const char *name)
{
	struct properties *p = context;

	(void)name;
	if (p->field != NULL && p->value.len > 0 && strcmp(p->field, "title") == 0)
		outline_title(p->o, p->value.data, p->value.len);
	else if (p->field != NULL && p->value.len > 0)
		outline_field(p->o, p->field, p->value.data, p->value.len);
	p->field = NULL;
}

int
text_read_properties(struct pack *p, const char *part, struct outline *o, struct err *e)
{
	static const struct xml_handler handler = {
	    open_property, add_property_text, close_property};
	struct properties properties = {.o = o};
	int rc;

	buf_init(&properties.value, 64 * 1024);
	rc = pack_read_xml_if(p, part, &handler, &properties, e);
	buf_fini(&properties.value);
	return rc;
}

/* ---- the child ---- */

struct archive_bytes {
	const char *bytes;
	size_t n;
};

static int
read_in_child(void *context, struct buf *out, struct err *e)
{
	const struct archive_bytes *a = context;

	return text_read_archive(a->bytes, a->n, out, e);
}

int
text_walk_archive(struct text_builder *b, const char *bytes, size_t n, struct err *e)
{
	static const struct sandbox_limits limits = {
	    .cpu_s = 60, .wall_s = 180, .memory = (size_t)1 << 30, .output = ARCHIVE_TEXT_MAX};
	struct archive_bytes a = {bytes, n};
	char *records = NULL;
	size_t len = 0;
	int rc;

	if (sandbox_call(&limits, read_in_child, &a, &records, &len, e) == -1)
		return -1;
	rc = text_walk_outline(b, records, len, e);
	free(records);
	return rc;
}
