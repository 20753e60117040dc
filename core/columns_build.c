/* columns_build.c - the documents' metadata to columns. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "columns_format.h"
#include "json.h"
#include "utf8.h"

#define WORDS_MAX ((size_t)1 << 36)	/* bytes of one column's strings */

/* One value of one document. */
struct cell {
	uint32_t document;
	uint32_t len;		/* of a string */
	union {
		uint64_t at;	/* a string, in the column's text */
		double number;
		bool truth;
	};
};

struct draft {
	struct cell *cells;
	size_t count, room;
	struct buf text;
	/* made when it is written */
	uint32_t *code;		/* of each cell */
	struct buf places, bytes;
	uint32_t words;
};

struct field {
	char name[FILTER_FIELD_BYTES + 1];
	struct draft draft[COLUMNS_TYPES];	/* by type - 1 */
};

struct columns_writer {
	struct field *field[COLUMNS_FIELDS_MAX];
	uint32_t fields;
	uint32_t documents;
};

int
columns_new(struct columns_writer **out, struct err *e)
{
	*out = calloc(1, sizeof **out);
	return *out != NULL ? 0 : err_sys(e, ERR_NOMEM, "columns");
}

static void
draft_fini(struct draft *d)
{
	buf_fini(&d->text);
	buf_fini(&d->places);
	buf_fini(&d->bytes);
	free(d->cells);
	free(d->code);
}

void
columns_free(struct columns_writer *w)
{
	if (w == NULL)
		return;
	for (uint32_t i = 0; i < w->fields; i++) {
		for (int t = 0; t < COLUMNS_TYPES; t++)
			draft_fini(&w->field[i]->draft[t]);
		free(w->field[i]);
	}
	free(w);
}

/* ---- documents coming in ---- */

static struct field *
new_field(const char *name)
{
	struct field *f = calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	memcpy(f->name, name, strlen(name) + 1);
	for (int t = 0; t < COLUMNS_TYPES; t++) {
		buf_init(&f->draft[t].text, WORDS_MAX);
		buf_init(&f->draft[t].places, WORDS_MAX);
		buf_init(&f->draft[t].bytes, WORDS_MAX);
	}
	return f;
}

/* *out is NULL when there is no room for another field. */
static int
field_of(struct columns_writer *w, const char *name, struct field **out, struct err *e)
{
	size_t len = strlen(name);

	*out = NULL;
	if (len == 0 || len > FILTER_FIELD_BYTES)
		return 0;
	for (uint32_t i = 0; i < w->fields; i++)
		if (strcmp(w->field[i]->name, name) == 0) {
			*out = w->field[i];
			return 0;
		}
	if (w->fields == COLUMNS_FIELDS_MAX)
		return 0;
	if ((*out = new_field(name)) == NULL)
		return err_sys(e, ERR_NOMEM, "columns");
	w->field[w->fields++] = *out;
	return 0;
}

static int
push(struct draft *d, struct cell cell, struct err *e)
{
	size_t room = d->room == 0 ? 64 : 2 * d->room;
	struct cell *cells;

	if (d->count == UINT32_MAX)
		return err_set(e, ERR_LIMIT, "too many values of one field");
	if (d->count == d->room) {
		if ((cells = reallocarray(d->cells, room, sizeof *cells)) == NULL)
			return err_sys(e, ERR_NOMEM, "columns");
		d->cells = cells;
		d->room = room;
	}
	d->cells[d->count++] = cell;
	return 0;
}

static int
add_string(struct columns_writer *w, struct draft *d, struct json_object *o, struct err *e)
{
	const char *text = json_object_get_string(o);
	size_t len = (size_t)json_object_get_string_len(o);
	struct cell cell = {.document = w->documents, .at = d->text.len};

	if (len > FILTER_TEXT_BYTES)
		len = utf8_floor(text, FILTER_TEXT_BYTES);
	cell.len = (uint32_t)len;
	buf_add(&d->text, text, len);
	if (buf_check(&d->text, "the metadata", e) == -1)
		return -1;
	return push(d, cell, e);
}

static int
add_value(struct columns_writer *w, struct field *f, struct json_object *o, struct err *e)
{
	struct cell cell = {.document = w->documents};

	switch (json_object_get_type(o)) {
	case json_type_string:
		return add_string(w, &f->draft[FILTER_STRING - 1], o, e);
	case json_type_int:
	case json_type_double:
		cell.number = json_object_get_double(o);
		return push(&f->draft[FILTER_NUMBER - 1], cell, e);
	case json_type_boolean:
		cell.truth = json_object_get_boolean(o);
		return push(&f->draft[FILTER_BOOL - 1], cell, e);
	default:
		return 0;
	}
}

static int
add_values(struct columns_writer *w, struct field *f, struct json_object *o, struct err *e)
{
	size_t n;

	if (!json_object_is_type(o, json_type_array))
		return add_value(w, f, o, e);
	n = json_object_array_length(o);
	for (size_t i = 0; i < n && i < COLUMNS_LIST_MAX; i++)
		if (add_value(w, f, json_object_array_get_idx(o, i), e) == -1)
			return -1;
	return 0;
}

int
columns_add(struct columns_writer *w, const char *meta, struct err *e)
{
	struct json_object *o;
	struct field *f;
	int rc = 0;

	if (json_parse_object(&o, meta, strlen(meta), e) == -1)
		return err_prefix(e, "metadata"), -1;
	json_object_object_foreach(o, name, value) {
		if (rc == 0 && json_object_get_type(value) != json_type_null &&
		    json_object_get_type(value) != json_type_object &&
		    (rc = field_of(w, name, &f, e)) == 0 && f != NULL)
			rc = add_values(w, f, value, e);
	}
	json_object_put(o);
	w->documents++;
	return rc;
}

/* ---- dictionaries ---- */

static int
compare_cells(const void *a, const void *b, void *context)
{
	const struct draft *d = context;
	const struct cell *x = &d->cells[*(const uint32_t *)a], *y = &d->cells[*(const uint32_t *)b];
	size_t n = x->len < y->len ? x->len : y->len;
	int order = n > 0 ? memcmp(d->text.data + x->at, d->text.data + y->at, n) : 0;

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static void
put_words(struct draft *d, const uint32_t *order)
{
	for (size_t i = 0; i < d->count; i++) {
		const struct cell *c = &d->cells[order[i]];
		if (i == 0 || compare_cells(&order[i - 1], &order[i], d) != 0) {
			uint64_t place = d->bytes.len;
			buf_add(&d->places, &place, sizeof place);
			if (c->len > 0)
				buf_add(&d->bytes, d->text.data + c->at, c->len);
			d->words++;
		}
		d->code[order[i]] = d->words - 1;
	}
	uint64_t end = d->bytes.len;
	buf_add(&d->places, &end, sizeof end);
}

static int
make_dictionary(struct draft *d, struct err *e)
{
	uint32_t *order = calloc(d->count, sizeof *order);

	buf_reset(&d->places);
	buf_reset(&d->bytes);
	free(d->code);
	d->words = 0;
	d->code = calloc(d->count, sizeof *d->code);
	if (order == NULL || d->code == NULL) {
		free(order);
		return err_sys(e, ERR_NOMEM, "columns");
	}
	for (size_t i = 0; i < d->count; i++)
		order[i] = (uint32_t)i;
	qsort_r(order, d->count, sizeof *order, compare_cells, d);
	put_words(d, order);
	free(order);
	if (buf_check(&d->places, "the metadata", e) == -1)
		return -1;
	return buf_check(&d->bytes, "the metadata", e);
}

/* ---- the section ---- */

struct out {
	struct rpx_writer *rpx;
	uint64_t at;
};

static int
put(struct out *o, const void *bytes, size_t n, struct err *e)
{
	o->at += n;
	return n > 0 ? rpx_put(o->rpx, bytes, n, e) : 0;
}

static int
pad(struct out *o, struct err *e)
{
	static const char zeros[8];

	return put(o, zeros, (8 - o->at % 8) % 8, e);
}

static uint64_t
padded(uint64_t n)
{
	return (n + 7) / 8 * 8;
}

struct plan {
	struct columns_entry entry[COLUMNS_MAX];
	struct draft *draft[COLUMNS_MAX];
	const char *name[COLUMNS_MAX];
	uint32_t columns;
};

static int
compare_fields(const void *a, const void *b)
{
	return strcmp((*(struct field *const *)a)->name, (*(struct field *const *)b)->name);
}

static void
place_columns(struct plan *p, uint32_t documents)
{
	uint64_t at = sizeof(struct columns_header) + p->columns * sizeof p->entry[0];

	for (uint32_t i = 0; i < p->columns; i++) {
		p->entry[i].name_at = at;
		at += p->entry[i].name_len;
	}
	for (uint32_t i = 0; i < p->columns; i++) {
		struct columns_entry *c = &p->entry[i];
		c->first_at = padded(at);
		c->values_at = padded(c->first_at + ((uint64_t)documents + 1) * sizeof(uint32_t));
		at = c->values_at + c->values * columns_width(c->type);
		if (c->type != FILTER_STRING)
			continue;
		c->places_at = padded(at);
		c->bytes_at = c->places_at + ((uint64_t)c->words + 1) * sizeof(uint64_t);
		at = c->bytes_at + c->bytes;
	}
}

static int
plan_columns(struct columns_writer *w, struct plan *p, struct err *e)
{
	qsort(w->field, w->fields, sizeof w->field[0], compare_fields);
	for (uint32_t i = 0; i < w->fields; i++) {
		for (uint32_t t = 0; t < COLUMNS_TYPES; t++) {
			struct draft *d = &w->field[i]->draft[t];
			if (d->count == 0)
				continue;
			if (t + 1 == FILTER_STRING && make_dictionary(d, e) == -1)
				return -1;
			p->draft[p->columns] = d;
			p->name[p->columns] = w->field[i]->name;
			p->entry[p->columns++] = (struct columns_entry){.type = t + 1,
			    .name_len = (uint32_t)strlen(w->field[i]->name),
			    .values = (uint32_t)d->count,
			    .words = d->words,
			    .bytes = d->bytes.len};
		}
	}
	place_columns(p, w->documents);
	return 0;
}

static int
put_firsts(struct out *o, const struct draft *d, uint32_t documents, struct err *e)
{
	uint32_t at = 0;

	for (uint32_t document = 0; document <= documents; document++) {
		while (at < d->count && d->cells[at].document < document)
			at++;
		if (put(o, &at, sizeof at, e) == -1)
			return -1;
	}
	return pad(o, e);
}

static int
put_values(struct out *o, const struct draft *d, uint32_t type, struct err *e)
{
	for (size_t i = 0; i < d->count; i++) {
		uint8_t truth = type == FILTER_BOOL && d->cells[i].truth;
		const void *value = type == FILTER_STRING ? (const void *)&d->code[i]
				    : type == FILTER_NUMBER ? (const void *)&d->cells[i].number
							    : (const void *)&truth;
		if (put(o, value, columns_width(type), e) == -1)
			return -1;
	}
	return 0;
}

static int
put_column(struct out *o, const struct plan *p, uint32_t i, uint32_t documents, struct err *e)
{
	const struct draft *d = p->draft[i];

	if (pad(o, e) == -1 || put_firsts(o, d, documents, e) == -1 ||
	    put_values(o, d, p->entry[i].type, e) == -1)
		return -1;
	if (p->entry[i].type != FILTER_STRING)
		return 0;
	if (pad(o, e) == -1 || put(o, d->places.data, d->places.len, e) == -1)
		return -1;
	return put(o, d->bytes.data, d->bytes.len, e);
}

static int
put_section(struct out *o, const struct plan *p, uint32_t documents, struct err *e)
{
	struct columns_header h = {
	    .version = COLUMNS_VERSION, .columns = p->columns, .documents = documents};

	if (put(o, &h, sizeof h, e) == -1 ||
	    put(o, p->entry, p->columns * sizeof p->entry[0], e) == -1)
		return -1;
	for (uint32_t i = 0; i < p->columns; i++)
		if (put(o, p->name[i], p->entry[i].name_len, e) == -1)
			return -1;
	for (uint32_t i = 0; i < p->columns; i++)
		if (put_column(o, p, i, documents, e) == -1)
			return -1;
	return 0;
}

int
columns_write(struct columns_writer *w, struct rpx_writer *rpx, struct err *e)
{
	struct out o = {.rpx = rpx};
	struct plan *p = calloc(1, sizeof *p);
	int rc = -1;

	if (p == NULL)
		return err_sys(e, ERR_NOMEM, "columns");
	if (plan_columns(w, p, e) == 0 && rpx_begin(rpx, RPX_COLUMNS, e) == 0 &&
	    put_section(&o, p, w->documents, e) == 0)
		rc = rpx_end(rpx, w->documents, e);
	free(p);
	return rc;
}
