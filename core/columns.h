/* columns.h - the documents' metadata as columns, and which documents a filter lets through.
 *
 * The section RPX_COLUMNS.  items = documents.  A column holds the values of one field that
 * are of one type; a field of mixed types has up to three.  All little endian; every part
 * begins at a multiple of 8 from the start of the section, padded with zeros.
 *
 *   OFFSET  SIZE  MEANING
 *        0     4  version, 1
 *        4     4  columns, at most 192
 *        8     4  documents
 *       12     4  0
 *       16    64  for each column, sorted bytewise by name, then by type:
 *                   0  8  where the name begins, from the start of the section
 *                   8  4  bytes of the name, 1 to 64
 *                  12  4  type: 1 string, 2 number, 3 bool
 *                  16  8  where the list of firsts begins
 *                  24  8  where the values begin
 *                  32  4  values
 *                  36  4  words of the dictionary (strings, else 0)
 *                  40  8  where the words' places begin (strings, else 0)
 *                  48  8  where the words' bytes begin (strings, else 0)
 *                  56  8  bytes of all words (strings, else 0)
 *        .     .  names, one behind the other, and for each column:
 *                   firsts: u32 x (documents + 1): the values of document d are those from
 *                     first[d] to before first[d + 1]; none: the document lacks the field
 *                   values: strings u32 place in the dictionary; numbers f64; bools u8
 *                   places: u64 x (words + 1): where each word begins among the bytes
 *                   bytes: the words, sorted bytewise, each once
 *
 * Bounds  at most COLUMNS_FIELDS_MAX fields: those met first, in the documents' order.
 *         Names of other than 1 to 64 bytes are left out, as are objects and nulls.
 *         Strings are cut to FILTER_TEXT_BYTES, lists to COLUMNS_LIST_MAX values.
 * Cost    opening O(columns); filtering O(documents + values) for each leaf.
 * Errors  ERR_CORRUPT, ERR_FORMAT_NEW, ERR_NOMEM, ERR_FILTER; writing: what JSON and the
 *         container answer.
 */
#ifndef RAGPOOL_COLUMNS_H
#define RAGPOOL_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "filter.h"
#include "rpx.h"

enum { COLUMNS_VERSION = 1, COLUMNS_FIELDS_MAX = 64, COLUMNS_LIST_MAX = 256 };

/* ---- writing ---- */

struct columns_writer;
int columns_new(struct columns_writer **out, struct err *e);
/* NULL is fine. */
void columns_free(struct columns_writer *w);
/* The next document's metadata, a JSON object. */
int columns_add(struct columns_writer *w, const char *meta, struct err *e);
int columns_write(struct columns_writer *w, struct rpx_writer *rpx, struct err *e);

/* ---- reading ---- */

struct columns;
/* *out is NULL when the file has no such section.  Borrows the map. */
int columns_open(struct columns **out, const struct rpx *r, struct err *e);
/* NULL is fine. */
void columns_close(struct columns *c);
uint32_t columns_documents(const struct columns *c);
/* A bit for each document (0-based) into out, (documents + 63) / 64 words; the bits behind
 * the last are 0. */
int columns_filter(const struct columns *c, const struct filter *f, uint64_t *out,
    struct arena *a, struct err *e);

#endif
