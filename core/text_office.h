/* text_office.h - the readers of packed formats, run in a child (sandbox.h).
 *
 * Each takes an open archive and writes what it finds to the outline, or refuses as pack.h
 * does.  A reader keeps no more than a paragraph, a row, and its tables of names.
 */
#ifndef RAGPOOL_TEXT_OFFICE_H
#define RAGPOOL_TEXT_OFFICE_H

#include "pack.h"
#include "text_outline.h"
#include "text_parts.h"

int text_read_docx(struct pack *p, const char *main_part, struct outline *o, struct err *e);
int text_read_pptx(struct pack *p, const char *main_part, struct outline *o, struct err *e);
int text_read_xlsx(struct pack *p, const char *main_part, struct outline *o, struct err *e);
int text_read_odf(struct pack *p, struct outline *o, struct err *e);
int text_read_epub(struct pack *p, struct outline *o, struct err *e);

/* docProps/core.xml, or OpenDocument's meta.xml: title, author, dates, subject. */
int text_read_properties(
    struct pack *p, const char *part, struct outline *o, struct err *e);

/* The walk itself, without the child: what the tests damage. */
int text_read_archive(const char *bytes, size_t n, struct buf *out, struct err *e);

#endif
