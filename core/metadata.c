/* metadata.c - what is known about a document besides its text. */
#include "metadata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "filter.h"
#include "json.h"
#include "text.h"
#include "text_parts.h"

struct span {
	const char *s;
	size_t n;
};

struct front {
	struct buf *out;
	struct span name[METADATA_FIELDS_MAX];
	size_t names;
	char separator;		/* ':' or '=' */
	size_t before;		/* of out: where the field under way begins */
	size_t items;		/* of its list */
	bool in_items;		/* "- item" lines may follow */
	bool is_dropped;	/* the field under way turned out to be unreadable */
};

static struct span
trim(const char *s, size_t n)
{
	size_t from = text_skip_space(s, 0, n);

	return (struct span){s + from, text_trim_space(s, from, n) - from};
}

/* ---- scalars ---- */

static void
put_string(struct buf *out, const char *s, size_t n)
{
	json_put_text(out, s, n <= FILTER_TEXT_BYTES ? n : utf8_floor(s, FILTER_TEXT_BYTES));
}

static size_t
digits(struct span v, size_t at)
{
	size_t n = 0;

	while (at + n < v.n && v.s[at + n] >= '0' && v.s[at + n] <= '9')
		n++;
	return n;
}

/* A finite number as JSON writes it. */
static bool
is_number(struct span v)
{
	char text[32];
	size_t at = v.n > 0 && v.s[0] == '-', n = digits(v, at);

	if (v.n >= sizeof text || n == 0 || (n > 1 && v.s[at] == '0'))
		return false;
	at += n;
	if (at < v.n && v.s[at] == '.') {
		if ((n = digits(v, at + 1)) == 0)
			return false;
		at += 1 + n;
	}
	if (at < v.n && (v.s[at] == 'e' || v.s[at] == 'E')) {
		at++;
		at += at < v.n && (v.s[at] == '+' || v.s[at] == '-');
		if ((n = digits(v, at)) == 0)
			return false;
		at += n;
	}
	if (at != v.n)
		return false;
	memcpy(text, v.s, v.n);
	text[v.n] = '\0';
	return isfinite(strtod(text, NULL));
}

static bool
is_word(struct span v, const char *low, const char *title, const char *high)
{
	size_t n = strlen(low);

	return v.n == n && (memcmp(v.s, low, n) == 0 || memcmp(v.s, title, n) == 0 ||
			       memcmp(v.s, high, n) == 0);
}

/* The bytes of the quoted string at the beginning of v, both quotes counted; 0: none that
 * ends. */
static size_t
quoted_len(struct span v)
{
	char quote = v.n > 0 ? v.s[0] : 0;

	if (quote != '"' && quote != '\'')
		return 0;
	for (size_t i = 1; i < v.n; i++) {
		if (quote == '"' && v.s[i] == '\\')
			i++;
		else if (v.s[i] == quote && quote == '\'' && i + 1 < v.n && v.s[i + 1] == quote)
			i++;
		else if (v.s[i] == quote)
			return i + 1;
	}
	return 0;
}

static void
put_quoted(struct buf *out, struct span v)
{
	char text[FILTER_TEXT_BYTES + 8];
	size_t n = 0;

	for (size_t i = 1; i + 1 < v.n && n < sizeof text; i++) {
		char c = v.s[i];
		if (c == '\'' && v.s[0] == '\'') {
			i++;
		} else if (c == '\\' && v.s[0] == '"') {
			c = v.s[++i];
			c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
		}
		text[n++] = c;
	}
	put_string(out, text, n);
}

/* false: it is a null, or nothing that is read. */
static bool
put_scalar(struct buf *out, struct span v)
{
	if (v.n == 0 || quoted_len(v) == v.n) {
		if (v.n > 0)
			put_quoted(out, v);
		return v.n > 0;
	}
	if (strchr("\"'[]{}|>&*!%@`,", v.s[0]) != NULL || is_word(v, "null", "Null", "NULL") ||
	    (v.n == 1 && v.s[0] == '~'))
		return false;
	if (is_word(v, "true", "True", "TRUE"))
		buf_adds(out, "true");
	else if (is_word(v, "false", "False", "FALSE"))
		buf_adds(out, "false");
	else if (is_number(v))
		buf_add(out, v.s, v.n);
	else
		put_string(out, v.s, v.n);
	return true;
}

/* Without a comment behind it. */
static struct span
without_comment(struct span v)
{
	size_t at = quoted_len(v);

	for (; at < v.n; at++)
		if (v.s[at] == '#' && (at == 0 || v.s[at - 1] == ' ' || v.s[at - 1] == '\t'))
			return trim(v.s, at);
	return v;
}

/* ---- fields that are found on the way ---- */

void
metadata_fields_init(struct metadata_fields *f)
{
	f->count = 0;
	buf_init(&f->out, METADATA_BYTES_MAX / 2);
}

void
metadata_fields_fini(struct metadata_fields *f)
{
	buf_fini(&f->out);
}

/* Room for a name and a scalar, every byte of them escaped. */
enum { LIST_BYTES = 64 * 1024, FIELD_BYTES = 6 * (FILTER_FIELD_BYTES + FILTER_TEXT_BYTES) + 64 };

static const char *const ours[] = {"path", "title", "kind", "folder", "bytes"};

static bool
is_ours(struct span name)
{
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strlen(ours[i]) == name.n && memcmp(ours[i], name.s, name.n) == 0)
			return true;
	return false;
}

/* Whether the members so far name it; names are written the same way each time. */
static bool
is_member(const struct buf *out, struct span name)
{
	struct buf wanted;
	bool is;

	buf_init(&wanted, 8 * FILTER_FIELD_BYTES);
	buf_adds(&wanted, ", ");
	json_put_text(&wanted, name.s, name.n);
	buf_adds(&wanted, ": ");
	is = wanted.failed ||
	     (out->len > 0 && memmem(out->data, out->len, wanted.data, wanted.len) != NULL);
	buf_fini(&wanted);
	return is;
}

static bool
begin_field(struct metadata_fields *f, struct span name)
{
	name = trim(name.s, name.n);
	if (name.n == 0 || name.n > FILTER_FIELD_BYTES || name.s[0] == '$' ||
	    !utf8_is_valid(name.s, name.n) || f->count == METADATA_FIELDS_MAX ||
	    f->out.len + FIELD_BYTES > f->out.max || is_ours(name) ||
	    is_member(&f->out, name))
		return false;
	f->count++;
	buf_adds(&f->out, ", ");
	json_put_text(&f->out, name.s, name.n);
	buf_adds(&f->out, ": ");
	return true;
}

void
metadata_add_text(struct metadata_fields *f, const char *name, const char *value, size_t n)
{
	struct span v = trim(value, n);

	if (v.n > 0 && begin_field(f, (struct span){name, strlen(name)}))
		put_string(&f->out, v.s, v.n);
}

void
metadata_add_cell(struct metadata_fields *f, const char *name, size_t name_len,
    const char *value, size_t n)
{
	struct span v = trim(value, n);

	if (v.n == 0 || !begin_field(f, (struct span){name, name_len}))
		return;
	if (is_word(v, "true", "True", "TRUE"))
		buf_adds(&f->out, "true");
	else if (is_word(v, "false", "False", "FALSE"))
		buf_adds(&f->out, "false");
	else if (is_number(v))
		buf_add(&f->out, v.s, v.n);
	else
		put_string(&f->out, v.s, v.n);
}

void
metadata_add_json(
    struct metadata_fields *f, const char *name, size_t name_len, const char *value)
{
	if (begin_field(f, (struct span){name, name_len}))
		buf_adds(&f->out, value);
}

/* ---- lists ---- */

static void
put_item(struct front *f, struct span v)
{
	size_t before = f->out->len;

	if (f->items == METADATA_LIST_MAX)
		return;
	buf_adds(f->out, f->items == 0 ? "" : ", ");
	if (put_scalar(f->out, v))
		f->items++;
	else if (!f->out->failed)
		f->out->len = before;
}

/* "[a, 'b', 3]": v is what stands between the brackets. */
static bool
put_list(struct front *f, struct span v)
{
	f->items = 0;
	buf_addc(f->out, '[');
	for (size_t at = 0; at < v.n;) {
		struct span item = trim(v.s + at, v.n - at);
		size_t len = quoted_len(item);
		const char *end;
		if (item.n == 0)
			break;
		end = memchr(item.s + len, ',', item.n - len);
		len = end != NULL ? (size_t)(end - item.s) : item.n;
		if (item.s[0] == '[' || item.s[0] == '{')
			return false;
		put_item(f, trim(item.s, len));
		at = (size_t)(item.s - v.s) + len + 1;
	}
	buf_addc(f->out, ']');
	return true;
}

/* ---- lines ---- */

static bool
is_taken(const struct front *f, struct span name)
{
	if (is_ours(name))
		return true;
	for (size_t i = 0; i < f->names; i++)
		if (f->name[i].n == name.n && memcmp(f->name[i].s, name.s, name.n) == 0)
			return true;
	return false;
}

/* Ends the field under way: a list of "- item" lines is closed, or all of it goes. */
static void
close_field(struct front *f)
{
	if (f->in_items && f->items > 0 && !f->is_dropped)
		buf_addc(f->out, ']');
	else if ((f->in_items || f->is_dropped) && !f->out->failed)
		f->out->len = f->before;
	f->in_items = f->is_dropped = false;
}

static void
take_value(struct front *f, struct span v)
{
	v = without_comment(v);
	if (v.n == 0 && f->separator == ':') {
		f->in_items = true;
		f->items = 0;
		buf_addc(f->out, '[');
	} else if (v.n >= 2 && v.s[0] == '[' && v.s[v.n - 1] == ']') {
		f->is_dropped = !put_list(f, (struct span){v.s + 1, v.n - 2});
	} else {
		f->is_dropped = !put_scalar(f->out, v);
	}
}

static void
take_field(struct front *f, struct span line)
{
	const char *mark = memchr(line.s, f->separator, line.n);
	size_t at = mark != NULL ? (size_t)(mark - line.s) : 0;
	struct span name = trim(line.s, at);

	close_field(f);
	if (mark == NULL)
		return;
	if (at + 1 < line.n && f->separator == ':' && text_space_len(mark + 1, 1) == 0)
		return;		/* "http://..." is no field */
	if (name.n >= 2 && quoted_len(name) == name.n)
		name = (struct span){name.s + 1, name.n - 2};
	if (name.n == 0 || name.n > FILTER_FIELD_BYTES || name.s[0] == '$' ||
	    utf8_floor(name.s, name.n) != name.n || memchr(name.s, '\\', name.n) != NULL ||
	    is_taken(f, name) || f->names == METADATA_FIELDS_MAX)
		return;
	f->name[f->names++] = name;
	f->before = f->out->len;
	buf_adds(f->out, ", ");
	json_put_text(f->out, name.s, name.n);
	buf_adds(f->out, ": ");
	take_value(f, trim(mark + 1, line.n - at - 1));
}

static void
take_line(struct front *f, const char *s, size_t n)
{
	struct span line = trim(s, n);
	bool is_indented = n > 0 && (s[0] == ' ' || s[0] == '\t');
	bool is_item = line.n > 0 && line.s[0] == '-' &&
		       (line.n == 1 || text_space_len(line.s + 1, 1) > 0);

	if (line.n == 0 || line.s[0] == '#')
		return;
	if (f->separator == '=' && line.s[0] == '[') {
		close_field(f);
		f->names = METADATA_FIELDS_MAX;		/* tables: what follows is nested */
	} else if (is_item && f->in_items) {
		put_item(f, without_comment(trim(line.s + 1, line.n - 1)));
	} else if (is_indented) {
		/* It goes on in a way that is not read: a map, or words on several lines. */
		f->is_dropped = f->in_items || f->is_dropped || f->separator == ':';
	} else {
		take_field(f, line);
	}
}

static void
put_front_matter(struct buf *out, const struct text_document *d)
{
	struct front f = {.out = out, .before = out->len};
	size_t next;

	if (d->front_len == 0)
		return;
	f.separator = d->text[d->front_at] == '+' ? '=' : ':';
	text_line_end(d->text, d->front_at, d->front_at + d->front_len, &next);
	for (size_t at = next; at < d->front_at + d->front_len; at = next) {
		size_t end = text_line_end(d->text, at, d->front_at + d->front_len, &next);
		if (next < d->front_at + d->front_len)
			take_line(&f, d->text + at, end - at);	/* the last is the mark */
	}
	close_field(&f);
}

void
metadata_of(struct buf *out, const char *key, uint64_t bytes, const struct text_document *d)
{
	const char *slash = strrchr(key, '/');

	buf_adds(out, "{\"path\": ");
	put_string(out, key, strlen(key));
	buf_adds(out, ", \"title\": ");
	put_string(out, d->title, strlen(d->title));
	buf_addf(out, ", \"kind\": \"%s\", \"folder\": ", text_kind_name(d->kind));
	put_string(out, key, slash != NULL ? (size_t)(slash - key) : 0);
	buf_addf(out, ", \"bytes\": %llu", (unsigned long long)bytes);
	if (d->fields != NULL)
		buf_adds(out, d->fields);
	else
		put_front_matter(out, d);
	buf_addc(out, '}');
}

/* ---- fields from elsewhere ---- */

static bool
is_scalar(struct json_object *v)
{
	switch (json_object_get_type(v)) {
	case json_type_string:
	case json_type_int:
	case json_type_double:
	case json_type_boolean:
		return true;
	default:
		return false;
	}
}

static void
put_value(struct buf *out, struct json_object *v)
{
	if (json_object_is_type(v, json_type_string))
		put_string(out, json_object_get_string(v), (size_t)json_object_get_string_len(v));
	else
		buf_adds(out, json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN));
}

static void
put_values(struct buf *out, struct json_object *list)
{
	size_t n = json_object_array_length(list), put = 0;

	buf_addc(out, '[');
	for (size_t i = 0; i < n && put < METADATA_LIST_MAX; i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		if (!is_scalar(v))
			continue;
		buf_adds(out, put++ > 0 ? ", " : "");
		put_value(out, v);
	}
	buf_addc(out, ']');
}

static void
put_fields(struct buf *out, struct json_object *have, struct json_object *more)
{
	int room = METADATA_FIELDS_MAX - json_object_object_length(have);

	out->len--;		/* the closing brace */
	json_object_object_foreach(more, name, v) {
		size_t n = strlen(name);
		bool is_list = json_object_is_type(v, json_type_array);
		if (room <= 0 || n == 0 || n > FILTER_FIELD_BYTES || name[0] == '$' ||
		    json_object_object_get_ex(have, name, NULL) || !(is_list || is_scalar(v)))
			continue;
		buf_adds(out, ", ");
		json_put_text(out, name, n);
		buf_adds(out, ": ");
		if (is_list)
			put_values(out, v);
		else
			put_value(out, v);
		room--;
	}
	buf_addc(out, '}');
}

bool
metadata_is_built_in(const char *name)
{
	static const char *const names[] = {"path", "title", "kind", "folder", "bytes"};

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* What the document says of itself under these names goes. */
static void
make_way(struct buf *out, struct json_object *have, struct json_object *more)
{
	bool changed = false;

	json_object_object_foreach(more, name, v) {
		if (metadata_is_built_in(name) || !json_object_object_get_ex(have, name, NULL) ||
		    !(json_object_is_type(v, json_type_array) || is_scalar(v)))
			continue;
		json_object_object_del(have, name);
		changed = true;
	}
	if (!changed)
		return;
	buf_reset(out);
	buf_adds(out, json_object_to_json_string_ext(have, JSON_C_TO_STRING_NOSLASHESCAPE));
}

int
metadata_add(struct buf *out, const char *fields, struct err *e)
{
	struct json_object *have = NULL, *more = NULL;
	int rc = -1;

	if (buf_check(out, "the metadata", e) == 0 &&
	    json_parse_object(&have, out->data, out->len, e) == 0 &&
	    json_parse_object(&more, fields, strlen(fields), e) == 0) {
		make_way(out, have, more);
		put_fields(out, have, more);
		rc = buf_check(out, "the metadata", e);
	}
	json_object_put(have);
	json_object_put(more);
	return rc;
}

void
metadata_add_list(struct metadata_fields *f, const char *name, struct json_object *list)
{
	struct buf values;

	/* A list that does not fit is left out; the document is not worse for it. */
	buf_init(&values, LIST_BYTES);
	put_values(&values, list);
	if (!values.failed && f->out.len + values.len + FIELD_BYTES < f->out.max &&
	    begin_field(f, (struct span){name, strlen(name)}))
		buf_add(&f->out, values.data, values.len);
	buf_fini(&values);
}
