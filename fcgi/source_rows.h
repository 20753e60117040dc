/* source_rows.h - rows of a query as documents, for whatever database they come from.
 *
 * One column is the key, one the text, one may be the title; the others become fields for
 * filters: numbers and truth values as such, the rest as text, none for NULL.  The stamp is a
 * hash of all of it, so an unchanged row is neither chunked nor embedded again.
 *
 * Errors  ERR_SOURCE: no such column, a row without a key.  A key that is not text, a text
 *         past DOCUMENT_BYTES_MAX: that document alone is left out.
 */
#ifndef RAGPOOL_SOURCE_ROWS_H
#define RAGPOOL_SOURCE_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "err.h"
#include "hash.h"
#include "source.h"
#include "source_options.h"

enum row_kind { ROW_NULL, ROW_TEXT, ROW_NUMBER, ROW_BOOL, ROW_BYTES };
enum { ROW_COLUMNS_MAX = 200 };

struct rows {
	const struct source_options *options;	/* borrowed */
	source_item_fn *each;
	void *context;
	const char *names[ROW_COLUMNS_MAX];	/* borrowed */
	size_t columns;
	int key_at, text_at, title_at;		/* -1: none */
	uint64_t count;
	/* The row under way; its text is borrowed until rows_end_row(). */
	const char *key, *title, *text;
	size_t key_len, title_len, text_len;
	struct buf meta, words;
	struct hash_sha256 *hash;
};

int rows_init(struct rows *r, const struct source_options *o, const char *const *names,
    size_t columns, source_item_fn *each, void *context, struct err *e);
void rows_fini(struct rows *r);

int rows_begin_row(struct rows *r, struct err *e);
/* bytes are borrowed until rows_end_row(); NULL for ROW_NULL. */
void rows_add(struct rows *r, size_t column, enum row_kind kind, const char *bytes, size_t n);
/* Passes the row on. */
int rows_end_row(struct rows *r, struct err *e);

#endif
