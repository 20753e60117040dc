/* metadata.h - what is known about a document besides its text, as a JSON object.
 *
 *   path    its file's key                title   as text.h found it, or ""
 *   kind    text_kind_name()              folder  the path without its last part, or ""
 *   bytes   of the file
 *
 * then what the format says (a PDF's author, a mail's sender, a row's fields),
 *
 * and what the front matter of a Markdown document says (YAML between "---" lines, TOML
 * between "+++" lines), of which this much is read:
 *
 *   key: plain words      key: "quoted"      key: 'quoted'      key: 12.5      key: true
 *   key: [one, "two", 3]
 *   key:
 *     - one
 *     - two
 *
 * Everything else (nested maps, block scalars, anchors, multi-line values) is left out, as
 * are nulls, a key named before, and the five names above.  A number is what JSON calls
 * one; dates are strings, which compare as dates do.
 *
 * Bounds  METADATA_FIELDS_MAX keys of at most FILTER_FIELD_BYTES; strings are cut to
 *         FILTER_TEXT_BYTES, on a character; lists to METADATA_LIST_MAX values.
 * Cost    linear.
 */
#ifndef RAGPOOL_METADATA_H
#define RAGPOOL_METADATA_H

#include <stdint.h>

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"

struct text_document;

enum { METADATA_FIELDS_MAX = 48, METADATA_LIST_MAX = 256, METADATA_BYTES_MAX = 1 << 20 };

/* ---- fields that are found on the way ---- */

/* Members of a JSON object, ", \"name\": value" each, the first named wins. */
struct metadata_fields {
	struct buf out;
	size_t count;
};

void metadata_fields_init(struct metadata_fields *f);
void metadata_fields_fini(struct metadata_fields *f);
/* A string; white space around it goes, an empty one is left out. */
void metadata_add_text(
    struct metadata_fields *f, const char *name, const char *value, size_t n);
/* What a table's cell says: a number, true, false, or a string. */
void metadata_add_cell(struct metadata_fields *f, const char *name, size_t name_len,
    const char *value, size_t n);
/* Value is JSON already: a scalar, or a list of scalars. */
void metadata_add_json(
    struct metadata_fields *f, const char *name, size_t name_len, const char *value);
struct json_object;
/* The scalars of a JSON array; a list of more than 64 KiB is left out. */
void metadata_add_list(
    struct metadata_fields *f, const char *name, struct json_object *list);

/* Appends the object; buf_check() tells whether it fitted.  d may be zeroed: a document
 * that gave no text. */
void metadata_of(
    struct buf *out, const char *key, uint64_t bytes, const struct text_document *d);

/* One of the five names above. */
bool metadata_is_built_in(const char *name);

/* Adds to the object that metadata_of() wrote the fields of another, given as JSON text:
 * strings, numbers, truth values and lists of them.  What was said about a document goes before
 * what it says of itself, but for the five names above.  The rest is passed by.  ERR_JSON and its like when it is no object. */
int metadata_add(struct buf *out, const char *fields, struct err *e);

#endif
