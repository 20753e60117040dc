/* json.c - strict JSON by json-c behind json_scan(). */
#include "json.h"

#include <endian.h>
#include <math.h>
#include <string.h>

#include "bounds.h"
#include "decimal.h"
#include "glance.h"
#include "json_scan.h"
#include "utf8.h"

/* Counts members and finds numbers that no double holds. */
static int
walk_tree(struct json_object *o, size_t *members, struct err *e)
{
	switch (json_object_get_type(o)) {
	case json_type_object: {
		json_object_object_foreach(o, key, child) {
			++*members;
			if (walk_tree(child, members, e) == -1)
				return err_prefix(e, "%.64s", key), -1;
		}
		return 0;
	}
	case json_type_array:
		for (size_t i = 0; i < json_object_array_length(o); i++)
			if (walk_tree(json_object_array_get_idx(o, i), members, e) == -1)
				return -1;
		return 0;
	case json_type_double:
		if (!isfinite(json_object_get_double(o)))
			return err_set(e, ERR_RANGE, "a number too large to hold");
		return 0;
	default:
		return 0;
	}
}

int
json_parse(struct json_object **out, const char *bytes, size_t n, struct err *e)
{
	struct json_tokener *tok = NULL;
	struct json_object *root = NULL;
	size_t scanned = 0, held = 0;
	int rc = -1;

	*out = NULL;
	if (n > INT32_MAX)
		return err_set(e, ERR_LIMIT, "the JSON is larger than 2 GiB");
	if (json_scan(bytes, n, &scanned, e) == -1)
		return -1;
	if ((tok = json_tokener_new_ex(JSON_DEPTH_MAX + 2)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for JSON");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
		JSON_TOKENER_ALLOW_TRAILING_CHARS);
	root = json_tokener_parse_ex(tok, bytes, (int)n);
	if (json_tokener_get_error(tok) == json_tokener_continue)
		root = json_tokener_parse_ex(tok, "", 1);	/* a bare number at the end */
	if (json_tokener_get_error(tok) != json_tokener_success) {
		err_set(e, ERR_JSON, "%s", json_tokener_error_desc(json_tokener_get_error(tok)));
		goto out;
	}
	if (walk_tree(root, &held, e) == -1)
		goto out;
	if (held != scanned) {
		err_set(e, ERR_DUPLICATE_KEY, "an object names the same key twice");
		goto out;
	}
	*out = root;
	root = NULL;
	rc = 0;
out:
	json_object_put(root);
	json_tokener_free(tok);
	return rc;
}

int
json_parse_object(struct json_object **out, const char *bytes, size_t n, struct err *e)
{
	if (json_parse(out, bytes, n, e) == -1)
		return -1;
	if (json_object_is_type(*out, json_type_object))
		return 0;
	json_object_put(*out);
	*out = NULL;
	return err_set(e, ERR_NOT_OBJECT, "a JSON object is expected");
}

int
json_only(struct json_object *o, const char *const *names, struct err *e)
{
	json_object_object_foreach(o, key, child) {
		const char *const *name = names;
		(void)child;
		while (*name != NULL && strcmp(*name, key) != 0)
			name++;
		if (*name == NULL)
			return err_set(e, ERR_UNKNOWN_FIELD, "\"%.64s\" means nothing here", key);
	}
	return 0;
}

/* 1: there; 0: absent and allowed to be; -1: refused. */
static int
member(struct json_object *o, const char *name, bool needed, enum json_type type,
    const char *type_name, struct json_object **out, struct err *e)
{
	if (!json_object_object_get_ex(o, name, out) || *out == NULL) {
		if (needed)
			return err_set(e, ERR_MISSING_FIELD, "\"%s\" is missing", name);
		return 0;
	}
	if (json_object_is_type(*out, type) ||
	    (type == json_type_double && json_object_is_type(*out, json_type_int)))
		return 1;
	return err_set(e, ERR_TYPE, "\"%s\" must be %s", name, type_name);
}

int
json_get_text(struct json_object *o, const char *name, bool needed, size_t max,
    const char **out, struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_string, "a string", &m, e);

	if (got != 1)
		return got;
	if ((size_t)json_object_get_string_len(m) > max)
		return err_set(e, ERR_RANGE, "\"%s\" is longer than %zu bytes", name, max);
	*out = json_object_get_string(m);
	return 0;
}

int
json_get_int(struct json_object *o, const char *name, bool needed, int64_t min, int64_t max,
    int64_t *out, struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_int, "a whole number", &m, e);
	int64_t value;

	if (got != 1)
		return got;
	value = json_object_get_int64(m);
	if (value < min || value > max)
		return err_set(e, ERR_RANGE, "\"%s\" must be from %lld to %lld", name,
		    (long long)min, (long long)max);
	*out = value;
	return 0;
}

int
json_get_double(struct json_object *o, const char *name, bool needed, double min, double max,
    double *out, struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_double, "a number", &m, e);
	double value;

	if (got != 1)
		return got;
	value = json_object_get_double(m);
	if (!(value >= min && value <= max))
		return err_set(e, ERR_RANGE, "\"%s\" must be from %g to %g", name, min, max);
	*out = value;
	return 0;
}

int
json_get_bool(struct json_object *o, const char *name, bool needed, bool *out, struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_boolean, "true or false", &m, e);

	if (got == 1)
		*out = json_object_get_boolean(m);
	return got == -1 ? -1 : 0;
}

int
json_get_object(struct json_object *o, const char *name, bool needed,
    struct json_object **out, struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_object, "an object", &m, e);

	if (got == 1)
		*out = m;
	return got == -1 ? -1 : 0;
}

int
json_get_array(struct json_object *o, const char *name, bool needed, struct json_object **out,
    struct err *e)
{
	struct json_object *m;
	int got = member(o, name, needed, json_type_array, "an array", &m, e);

	if (got == 1)
		*out = m;
	return got == -1 ? -1 : 0;
}

static void
put_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '"':
		buf_adds(b, "\\\"");
		break;
	case '\\':
		buf_adds(b, "\\\\");
		break;
	case '\n':
		buf_adds(b, "\\n");
		break;
	case '\r':
		buf_adds(b, "\\r");
		break;
	case '\t':
		buf_adds(b, "\\t");
		break;
	default:
		buf_addf(b, "\\u%04x", c);
	}
}

static inline bool
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* Of the upper bits of eight bytes those of bytes that do not stand for themselves in a string; where there is one, the
 * lowest is right.  Of each byte of x - 0x01... the upper bit tells whether x was 0 there, as long as x has none of its
 * own; a borrow spoils what is behind, never before. */
static inline uint64_t
other_of_eight(const char *text)
{
	const uint64_t ones = UINT64_MAX / 255, high = ones << 7;
	uint64_t x;

	memcpy(&x, text, sizeof x);
	x = le64toh(x);
	uint64_t quote = (x ^ ones * '"') - ones, slash = (x ^ ones * '\\') - ones;
	uint64_t rubout = (x ^ ones * 0x7f) - ones, control = x - ones * 0x20;
	return (x | quote | slash | rubout | control) & high;
}

/* The first byte from text[i] on that does not stand for itself; n: none.  By eights where the next is
 * not far, or there are not many. */
static size_t
plain_end(const char *text, size_t n, size_t i)
{
	uint64_t other;

	for (size_t eights = 0; n - i >= 8; eights++) {
		if (eights > 0 && n - i >= GLANCE_BYTES) {
			if ((other = glance_special(text + i)) != 0)
				return i + (size_t)__builtin_ctzll(other);
			i += GLANCE_BYTES;
			continue;
		}
		if ((other = other_of_eight(text + i)) != 0)
			return i + (size_t)__builtin_ctzll(other) / 8;
		i += 8;
	}
	while (i < n && is_plain((unsigned char)text[i]))
		i++;
	return i;
}

/* Where characters from text[i] on end that are not of ASCII; i: at what is no character. */
static size_t
wide_end(const char *text, size_t n, size_t i)
{
	size_t len;
	uint32_t cp;

	while (i < n && (signed char)text[i] < 0) {
		unsigned char c = (unsigned char)text[i];
		if (c > 0xe0 && c < 0xed && n - i >= 3 && (text[i + 1] & 0xc0) == 0x80 &&
		    (text[i + 2] & 0xc0) == 0x80)
			i += 3;		/* nearly all of Chinese */
		else if ((len = utf8_next(text + i, n - i, &cp)) != 0)
			i += len;
		else
			break;
	}
	return i;
}

void
json_put_text(struct buf *b, const char *text, size_t n)
{
	size_t plain = 0, i, end;

	buf_addc(b, '"');
	for (i = plain_end(text, n, 0); i < n; i = plain_end(text, n, end)) {
		if ((end = wide_end(text, n, i)) > i)
			continue;
		buf_add(b, text + plain, i - plain);
		if ((signed char)text[i] < 0)
			buf_adds(b, "\xef\xbf\xbd");
		else
			put_escaped(b, (unsigned char)text[i]);
		plain = end = i + 1;
	}
	buf_add(b, text + plain, n - plain);
	buf_addc(b, '"');
}

void
json_put_float(struct buf *b, float value)
{
	char text[DECIMAL_BYTES];

	if (isfinite(value))
		buf_add(b, text, decimal_of_float(value, text));
	else
		buf_adds(b, "null");
}
