/* json.h - strict JSON (RFC 8259) in, by json-c behind a scan of our own.
 *
 * json-c 0.16 in its strict mode still accepts NaN, single quotes, raw control
 * characters, lone surrogates, duplicate keys, and cuts a key at \u0000.  The scan
 * before it refuses all of these, and bounds depth, so that the tree which comes
 * out means exactly what the bytes say.
 *
 * Memory  the tree is owned: json_object_put().  What the getters answer is borrowed
 *         until then.
 * Errors  json_parse(): ERR_EMPTY_BODY, ERR_UTF8, ERR_JSON_DEPTH, ERR_DUPLICATE_KEY,
 *         ERR_RANGE (a number no double holds), ERR_JSON with line and column.
 *         Getters: ERR_MISSING_FIELD, ERR_TYPE, ERR_RANGE, naming the member.
 */
#ifndef RAGPOOL_JSON_H
#define RAGPOOL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "buf.h"
#include "err.h"

int json_parse(struct json_object **out, const char *bytes, size_t n, struct err *e);
/* As json_parse(), and the root must be an object (ERR_NOT_OBJECT). */
int json_parse_object(struct json_object **out, const char *bytes, size_t n, struct err *e);

/* Refuses members of the object that are not in the NULL-terminated list. */
int json_only(struct json_object *o, const char *const *names, struct err *e);

/* Each getter answers 0 with *out set, or -1.  A member that is absent or null leaves
 * *out alone when `needed` is false. */
int json_get_text(struct json_object *o, const char *name, bool needed, size_t max,
    const char **out, struct err *e);
int json_get_int(struct json_object *o, const char *name, bool needed, int64_t min,
    int64_t max, int64_t *out, struct err *e);
int json_get_double(struct json_object *o, const char *name, bool needed, double min,
    double max, double *out, struct err *e);
int json_get_bool(
    struct json_object *o, const char *name, bool needed, bool *out, struct err *e);
int json_get_object(struct json_object *o, const char *name, bool needed,
    struct json_object **out, struct err *e);
int json_get_array(struct json_object *o, const char *name, bool needed,
    struct json_object **out, struct err *e);

/* A quoted JSON string of n bytes of UTF-8; bytes that are not UTF-8 become U+FFFD. */
void json_put_text(struct buf *b, const char *text, size_t n);
/* The shortest decimal that reads back as the same float. */
void json_put_float(struct buf *b, float value);

#endif
