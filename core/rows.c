/* rows.c - files whose rows are documents: CSV, TSV, JSONL. */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "json.h"
#include "text_charset.h"
#include "text_parts.h"

struct cell {
	const char *s;
	size_t n;
};

struct reading {
	row_fn *each;
	void *context;
	const char *charset;
	uint64_t rows;
};

/* A row on its way to a document. */
struct making {
	struct text_document d;
	struct text_builder b;
	struct buf all;		/* "name: value" lines */
	struct buf text;	/* of the field that is the text */
	struct row row;
};

static const char *
extension_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL && strchr(dot, '/') == NULL ? dot + 1 : "";
}

static bool
is_json(const char *name)
{
	return strcasecmp(extension_of(name), "jsonl") == 0 ||
	    strcasecmp(extension_of(name), "ndjson") == 0;
}

bool
rows_are_in(const char *name)
{
	return is_json(name) || strcasecmp(extension_of(name), "csv") == 0 ||
	    strcasecmp(extension_of(name), "tsv") == 0;
}

/* ---- fields ---- */

static bool
is_one_of(struct cell name, const char *list)
{
	char word[24];

	if (name.n == 0 || name.n > sizeof word - 3)
		return false;
	snprintf(word, sizeof word, " %.*s ", (int)name.n, name.s);
	return strcasestr(list, word) != NULL;
}

static void
begin_row(struct making *m, uint64_t number)
{
	char digits[24];

	*m = (struct making){.d = {.text = "", .kind = TEXT_ROW}, .row = {.number = number}};
	text_builder_init(&m->b, &m->d);
	buf_init(&m->all, DOCUMENT_BYTES_MAX);
	buf_init(&m->text, DOCUMENT_BYTES_MAX);
	snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
	metadata_add_json(&m->b.fields, "row", 3, digits);
}

/* What a field means for the document, besides being metadata.  true: it is the text. */
static bool
place_field(struct making *m, struct cell name, struct cell value)
{
	size_t from = text_skip_space(value.s, 0, value.n);
	size_t len = text_trim_space(value.s, from, value.n) - from;

	if (len == 0)
		return true;
	if (m->text.len == 0 && is_one_of(name, " text content body page_content pagecontent ")) {
		buf_add(&m->text, value.s, value.n);
		return true;
	}
	if (m->d.title[0] == '\0' && is_one_of(name, " title name subject "))
		text_squeeze(m->d.title, sizeof m->d.title, value.s, value.n);
	if (m->row.id[0] == '\0' && is_one_of(name, " id _id key uuid ") && len < ROW_ID_BYTES)
		text_squeeze(m->row.id, sizeof m->row.id, value.s, value.n);
	buf_add(&m->all, name.s, name.n);
	buf_adds(&m->all, ": ");
	buf_add(&m->all, value.s + from, len);
	buf_addc(&m->all, '\n');
	return false;
}

static int
end_row(struct making *m, struct reading *r, struct err *e)
{
	struct buf *text = m->text.len > 0 ? &m->text : &m->all;
	int rc = -1;

	if (buf_check(&m->text, "a row", e) == -1 || buf_check(&m->all, "a row", e) == -1)
		goto out;
	snprintf(m->d.charset, sizeof m->d.charset, "%s", r->charset);
	m->d.len = text->len;
	if (text->len > 0)
		m->d.text = m->d.owned = buf_take(text);
	if (text_walk_plain(&m->b, e) == -1)
		goto out;
	rc = 0;
out:
	if (text_builder_finish(&m->b, rc == 0 ? e : NULL) == -1)
		rc = -1;
	m->row.text = &m->d;
	if (rc == 0 && m->d.block_count > 0)
		rc = r->each(r->context, &m->row, e);
	text_document_fini(&m->d);
	buf_fini(&m->all);
	buf_fini(&m->text);
	return rc;
}

static int
count_row(struct reading *r, struct err *e)
{
	if (++r->rows > ROWS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d rows", ROWS_MAX);
	return 0;
}

/* ---- CSV ---- */

struct csv {
	const char *s;
	size_t n, at;
	char separator;
	struct buf bytes;	/* of the row's cells, unquoted */
	size_t *end;		/* of each in bytes; owned */
	size_t cells;
	size_t line;		/* for messages */
};

static char
sniff_separator(const char *s, size_t n)
{
	static const char candidates[] = ",;\t|";
	size_t count[4] = {0}, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < n && (quoted || (s[i] != '\n' && s[i] != '\r')); i++) {
		const char *found = s[i] != '\0' ? strchr(candidates, s[i]) : NULL;

		quoted ^= s[i] == '"';
		if (!quoted && found != NULL)
			count[found - candidates]++;
	}
	for (size_t i = 1; i < 4; i++)
		if (count[i] > count[best])
			best = i;
	return candidates[best];
}

/* The bytes of a quoted cell, from behind its first quote. */
static int
read_quoted(struct csv *c, struct err *e)
{
	size_t began = c->line;

	while (c->at < c->n) {
		char b = c->s[c->at++];

		c->line += b == '\n';
		if (b != '"') {
			buf_addc(&c->bytes, b);
		} else if (c->at < c->n && c->s[c->at] == '"') {
			buf_addc(&c->bytes, '"');
			c->at++;
		} else {
			return 0;
		}
	}
	return err_set(e, ERR_DAMAGED, "line %zu: a quote that never ends", began);
}

static int
read_cell(struct csv *c, struct err *e)
{
	if (c->cells == ROW_FIELDS_MAX)
		return err_set(e, ERR_LIMIT, "line %zu: more than %d fields", c->line,
		    ROW_FIELDS_MAX);
	if (c->at < c->n && c->s[c->at] == '"') {
		c->at++;
		if (read_quoted(c, e) == -1)
			return -1;
	}
	while (c->at < c->n && c->s[c->at] != c->separator && c->s[c->at] != '\n' &&
	    c->s[c->at] != '\r')
		buf_addc(&c->bytes, c->s[c->at++]);
	c->end[c->cells++] = c->bytes.len;
	return buf_check(&c->bytes, "a row", e);
}

/* 1: a row; 0: no more. */
static int
read_row(struct csv *c, struct err *e)
{
	buf_reset(&c->bytes);
	c->cells = 0;
	if (c->at >= c->n)
		return 0;
	for (;;) {
		if (read_cell(c, e) == -1)
			return -1;
		if (c->at >= c->n || c->s[c->at] != c->separator)
			break;
		c->at++;
	}
	c->at += c->at < c->n && c->s[c->at] == '\r';
	c->at += c->at < c->n && c->s[c->at] == '\n';
	c->line++;
	return 1;
}

static struct cell
cell_of(const struct csv *c, size_t i)
{
	size_t from = i > 0 ? c->end[i - 1] : 0;

	return (struct cell){c->bytes.data != NULL ? c->bytes.data + from : "", c->end[i] - from};
}

struct names {
	struct buf bytes;
	size_t *end;		/* owned */
	size_t count;
};

static int
keep_names(struct names *k, const struct csv *c, struct err *e)
{
	buf_init(&k->bytes, DOCUMENT_BYTES_MAX);
	k->count = 0;
	if ((k->end = calloc(c->cells, sizeof *k->end)) == NULL)
		return err_sys(e, ERR_NOMEM, "the names of fields");
	for (; k->count < c->cells; k->count++) {
		struct cell name = cell_of(c, k->count);
		size_t from = text_skip_space(name.s, 0, name.n);

		buf_add(&k->bytes, name.s + from, text_trim_space(name.s, from, name.n) - from);
		k->end[k->count] = k->bytes.len;
	}
	return buf_check(&k->bytes, "the names of fields", e);
}

static struct cell
name_of(const struct names *k, size_t i, char other[24])
{
	size_t from = i > 0 && i < k->count ? k->end[i - 1] : 0;

	if (i < k->count && k->end[i] > from)
		return (struct cell){k->bytes.data + from, k->end[i] - from};
	return (struct cell){other, (size_t)snprintf(other, 24, "column %zu", i + 1)};
}

static int
take_csv_row(struct csv *c, const struct names *k, struct reading *r, struct err *e)
{
	struct making m;
	char other[24];

	if (c->cells == 1 && c->end[0] == 0)
		return 0;		/* an empty line */
	if (count_row(r, e) == -1)
		return -1;
	begin_row(&m, r->rows);
	for (size_t i = 0; i < c->cells; i++) {
		struct cell name = name_of(k, i, other), value = cell_of(c, i);

		if (!place_field(&m, name, value))
			metadata_add_cell(&m.b.fields, name.s, name.n, value.s, value.n);
	}
	return end_row(&m, r, e);
}

static int
each_csv(const char *name, const char *s, size_t n, struct reading *r, struct err *e)
{
	struct csv c = {.s = s, .n = n, .line = 1};
	struct names k = {.end = NULL};
	int got = -1, rc = -1;

	c.at = text_skip_space(s, 0, n < 3 ? n : 3);	/* a byte order mark */
	c.separator = strcasecmp(extension_of(name), "tsv") == 0 ? '\t'
								 : sniff_separator(s + c.at, n - c.at);
	buf_init(&c.bytes, DOCUMENT_BYTES_MAX);
	buf_init(&k.bytes, 1);
	if ((c.end = calloc(ROW_FIELDS_MAX, sizeof *c.end)) == NULL) {
		err_sys(e, ERR_NOMEM, "the fields of a row");
		goto out;
	}
	if ((got = read_row(&c, e)) != 1 || keep_names(&k, &c, e) == -1) {
		rc = got;
		goto out;
	}
	while ((got = read_row(&c, e)) == 1)
		if (take_csv_row(&c, &k, r, e) == -1)
			goto out;
	rc = got;
out:
	buf_fini(&c.bytes);
	buf_fini(&k.bytes);
	free(c.end);
	free(k.end);
	return rc;
}

/* ---- JSONL ---- */

static void
take_member(struct making *m, const char *name, struct json_object *value)
{
	bool is_text = json_object_is_type(value, json_type_string);
	const char *s = is_text ? json_object_get_string(value)
				: json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
	struct cell what = {s, is_text ? (size_t)json_object_get_string_len(value) : strlen(s)};
	struct cell called = {name, strlen(name)};

	if (value == NULL || place_field(m, called, what))
		return;
	if (is_text)
		metadata_add_text(&m->b.fields, name, what.s, what.n);
	else if (!json_object_is_type(value, json_type_object) &&
		 !json_object_is_type(value, json_type_array))
		metadata_add_json(&m->b.fields, called.s, called.n, s);
	else if (json_object_is_type(value, json_type_array))
		metadata_add_list(&m->b.fields, name, value);
}

static int
take_json_row(const char *s, size_t n, struct reading *r, struct err *e)
{
	struct json_object *o;
	struct making m;
	int rc;

	if (json_parse_object(&o, s, n, e) == -1)
		return -1;
	begin_row(&m, r->rows);
	json_object_object_foreach(o, name, value)
		take_member(&m, name, value);
	rc = end_row(&m, r, e);
	json_object_put(o);
	return rc;
}

static int
each_json(const char *s, size_t n, struct reading *r, struct err *e)
{
	size_t next, line = 0;

	for (size_t at = text_skip_space(s, 0, n < 3 ? n : 3); at < n; at = next) {
		size_t end = text_line_end(s, at, n, &next);

		line++;
		if (text_skip_space(s, at, end) == end)
			continue;
		if (count_row(r, e) == -1)
			return -1;
		if (take_json_row(s + at, end - at, r, e) == -1) {
			err_prefix(e, "line %zu", line);
			return -1;
		}
	}
	return 0;
}

int
rows_each(const char *name, const char *bytes, size_t n, row_fn *each, void *context,
    struct err *e)
{
	struct reading r = {.each = each, .context = context};
	struct text_decoded d = {0};
	int rc;

	if (n > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the file has %zu bytes, %d are read", n,
		    DOCUMENT_BYTES_MAX);
	if (n == 0)
		return err_set(e, ERR_EMPTY, "the file is empty");
	if (text_decode(bytes, n, "", &d, e) == -1)
		return -1;
	r.charset = d.charset;
	rc = is_json(name) ? each_json(d.text, d.len, &r, e) : each_csv(name, d.text, d.len, &r, e);
	text_decoded_fini(&d);
	return rc;
}
