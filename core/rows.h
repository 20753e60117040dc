/* rows.h - files whose rows are documents: CSV, TSV, JSONL.
 *
 * Each row becomes a document of its own, with its fields as metadata that can be filtered
 * by.  A field named text, content, body or page_content is its text (JSONL: also
 * pageContent); without one, the text is a line "name: value" for each field.  A field named
 * title, name or subject is its title.  "row" counts from 1, without the header.
 *
 * CSV     RFC 4180: quotes, doubled quotes, line feeds in quotes.  The first row names the
 *         fields; the separator of .csv is the most frequent of , ; tab | in it.  A row with
 *         more fields than names calls them "column 7".
 * JSONL   strict JSON, an object a line.  Objects within become part of the text.
 * Id      of a field named id, _id, key or uuid, if it has one; else "".
 * Bounds  ROWS_MAX rows, ROW_FIELDS_MAX fields.  Rows without any text are passed by.
 * Errors  ERR_DAMAGED and ERR_JSON and their like naming the row: the whole file is refused;
 *         ERR_LIMIT; what text_decode() answers.
 */
#ifndef RAGPOOL_ROWS_H
#define RAGPOOL_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "text.h"

enum { ROWS_MAX = 1000000, ROW_FIELDS_MAX = 4096, ROW_ID_BYTES = 128 };

/* Borrowed for the call. */
struct row {
	uint64_t number;
	char id[ROW_ID_BYTES];
	const struct text_document *text;
};
typedef int row_fn(void *context, const struct row *r, struct err *e);

/* By the extension of its name. */
bool rows_are_in(const char *name);
int rows_each(const char *name, const char *bytes, size_t n, row_fn *each, void *context,
    struct err *e);

#endif
