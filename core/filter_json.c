/* filter_json.c - a filter from JSON. */
#include "filter_json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { PLACE_BYTES = 160 };

struct reader {
	struct arena *a;
	unsigned nodes;
	unsigned level;
	char place[PLACE_BYTES];	/* cut when it is too long: it is for people */
	size_t used;
};

static int read_object(
    struct reader *r, struct json_object *o, struct filter **out, struct err *e);

/* ---- where we are ---- */

static size_t enter(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Answers what leave() wants back. */
static size_t
enter(struct reader *r, const char *fmt, ...)
{
	size_t before = r->used;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->place + r->used, sizeof r->place - r->used, fmt, ap);
	va_end(ap);
	if (n > 0)
		r->used += (size_t)n < sizeof r->place - r->used ? (size_t)n
								 : sizeof r->place - 1 - r->used;
	return before;
}

static void
leave(struct reader *r, size_t before)
{
	r->used = before;
	r->place[before] = '\0';
}

static int
refuse(struct reader *r, const char *what, struct err *e)
{
	return err_set(e, ERR_FILTER, "%s: %s", r->place, what);
}

/* ---- nodes ---- */

static struct filter *
new_node(struct reader *r, enum filter_op op, struct err *e)
{
	struct filter *f = NULL;

	if (++r->nodes > FILTER_NODES_MAX)
		err_set(e, ERR_FILTER, "%s: more than %d conditions", r->place, FILTER_NODES_MAX);
	else if ((f = arena_calloc(r->a, 1, sizeof *f)) == NULL)
		err_set(e, ERR_NOMEM, "no memory for the filter");
	else
		f->op = op;
	return f;
}

/* Any number of nodes under one; a single one stands for itself. */
static int
join(struct reader *r, struct filter *first, struct filter **out, struct err *e)
{
	*out = first;
	if (first != NULL && first->next == NULL)
		return 0;
	if ((*out = new_node(r, FILTER_AND, e)) == NULL)
		return -1;
	(*out)->first = first;
	return 0;
}

static int
negate(struct reader *r, struct filter *f, struct filter **out, struct err *e)
{
	if ((*out = new_node(r, FILTER_NOT, e)) == NULL)
		return -1;
	(*out)->first = f;
	return 0;
}

/* ---- leaves ---- */

static int
read_value(struct reader *r, struct json_object *o, struct filter_value *v, struct err *e)
{
	switch (json_object_get_type(o)) {
	case json_type_string:
		v->type = FILTER_STRING;
		v->len = (size_t)json_object_get_string_len(o);
		v->text = arena_copy(r->a, json_object_get_string(o), v->len);
		return v->text != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for the filter");
	case json_type_int:
	case json_type_double:
		v->type = FILTER_NUMBER;
		v->number = json_object_get_double(o);
		return 0;
	case json_type_boolean:
		v->type = FILTER_BOOL;
		v->truth = json_object_get_boolean(o);
		return 0;
	default:
		return refuse(r, "the value must be a string, a number, true or false", e);
	}
}

static int
read_list(struct reader *r, struct json_object *o, struct filter *f, struct err *e)
{
	struct filter_value *values;
	size_t n;

	if (!json_object_is_type(o, json_type_array))
		return refuse(r, "the value must be a list", e);
	if ((n = json_object_array_length(o)) > FILTER_LIST_MAX)
		return refuse(r, "the list has more than 1000 values", e);
	if ((values = arena_calloc(r->a, n, sizeof *values)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	f->values = values;
	f->count = (uint32_t)n;
	for (size_t i = 0; i < n; i++) {
		size_t before = enter(r, "[%zu]", i);
		if (read_value(r, json_object_array_get_idx(o, i), &values[i], e) == -1)
			return -1;
		leave(r, before);
	}
	return 0;
}

static int
read_operand(struct reader *r, struct json_object *o, struct filter *f, struct err *e)
{
	struct filter_value *value;

	if (f->op == FILTER_IN || f->op == FILTER_NIN)
		return read_list(r, o, f, e);
	if ((value = arena_calloc(r->a, 1, sizeof *value)) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	f->values = value;
	f->count = 1;
	return read_value(r, o, value, e);
}

/* o is NULL for an exists that names no value. */
static int
read_exists(struct reader *r, struct json_object *o, bool is_given, struct filter *f,
    struct filter **out, struct err *e)
{
	if (is_given && !json_object_is_type(o, json_type_boolean))
		return refuse(r, "exists takes true or false", e);
	if (is_given && !json_object_get_boolean(o))
		return negate(r, f, out, e);
	return 0;
}

static int
read_leaf(struct reader *r, enum filter_op op, const char *field, struct json_object *o,
    bool is_given, struct filter **out, struct err *e)
{
	struct filter *f = new_node(r, op, e);
	struct err why;

	*out = f;
	if (f == NULL)
		return -1;
	if ((f->field = arena_copy(r->a, field, strlen(field))) == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	if (op == FILTER_EXISTS ? read_exists(r, o, is_given, f, out, e) == -1
				: read_operand(r, o, f, e) == -1)
		return -1;
	return filter_check(f, &why) == 0 ? 0 : refuse(r, why.text, e);
}

/* ---- {"type": ..} ---- */

static int
only_members(struct reader *r, struct json_object *o, const char *second, const char *third,
    struct err *e)
{
	json_object_object_foreach(o, name, value) {
		(void)value;
		if (strcmp(name, "type") == 0 || strcmp(name, second) == 0 ||
		    strcmp(name, third) == 0)
			continue;
		enter(r, ".%.64s", name);
		return refuse(r, "means nothing here", e);
	}
	return 0;
}

/* Each member of the array, in order, linked. */
static int
read_array(struct reader *r, struct json_object *o, struct filter **first, struct err *e)
{
	struct filter **link = first;
	size_t n;

	if (!json_object_is_type(o, json_type_array) || (n = json_object_array_length(o)) == 0)
		return refuse(r, "must be a list of at least one filter", e);
	for (size_t i = 0; i < n; i++) {
		size_t before = enter(r, "[%zu]", i);
		if (read_object(r, json_object_array_get_idx(o, i), link, e) == -1)
			return -1;
		link = &(*link)->next;
		leave(r, before);
	}
	return 0;
}

static int
read_compound(struct reader *r, enum filter_op op, struct json_object *list,
    struct filter **out, struct err *e)
{
	if ((*out = new_node(r, op, e)) == NULL)
		return -1;
	if (read_array(r, list, &(*out)->first, e) == -1)
		return -1;
	if (op == FILTER_NOT && (*out)->first->next != NULL)
		return refuse(r, "not takes one filter", e);
	return 0;
}

static int
read_typed(struct reader *r, struct json_object *o, enum filter_op op, struct filter **out,
    struct err *e)
{
	struct json_object *key, *value = NULL;
	bool is_given;

	if (op == FILTER_OP_MAX) {
		enter(r, ".type");
		return refuse(r, "must be eq, ne, gt, gte, lt, lte, in, nin, prefix, suffix,"
				 " contains, exists, and, or, not", e);
	}
	if (filter_is_compound(op)) {
		if (only_members(r, o, "filters", "filters", e) == -1)
			return -1;
		json_object_object_get_ex(o, "filters", &value);
		enter(r, ".filters");
		return read_compound(r, op, value, out, e);
	}
	if (only_members(r, o, "key", "value", e) == -1)
		return -1;
	if (!json_object_object_get_ex(o, "key", &key) ||
	    !json_object_is_type(key, json_type_string))
		return refuse(r, "\"key\" must be the name of a field", e);
	is_given = json_object_object_get_ex(o, "value", &value);
	if (!is_given && op != FILTER_EXISTS)
		return refuse(r, "\"value\" is missing", e);
	enter(r, ".value");
	return read_leaf(r, op, json_object_get_string(key), value, is_given, out, e);
}

/* ---- {"field": ..}, {"$and": ..} ---- */

static int
read_operators(struct reader *r, const char *field, struct json_object *o, struct filter **out,
    struct err *e)
{
	struct filter *first = NULL, **link = &first;

	if (++r->level > FILTER_DEPTH_MAX)
		return refuse(r, "more than 8 levels", e);
	if (json_object_object_length(o) == 0)
		return refuse(r, "names no operator", e);
	json_object_object_foreach(o, name, value) {
		enum filter_op op = name[0] == '$' ? filter_op_of(name + 1) : FILTER_OP_MAX;
		size_t before = enter(r, ".%.64s", name);
		struct filter *inner;
		if (op == FILTER_NOT && json_object_is_type(value, json_type_object)) {
			if (read_operators(r, field, value, &inner, e) == -1 ||
			    negate(r, inner, link, e) == -1)
				return -1;
		} else if (op == FILTER_OP_MAX || filter_is_compound(op)) {
			return refuse(r, "is no operator on a field", e);
		} else if (read_leaf(r, op, field, value, true, link, e) == -1) {
			return -1;
		}
		link = &(*link)->next;
		leave(r, before);
	}
	r->level--;
	return join(r, first, out, e);
}

static int
read_member(struct reader *r, const char *name, struct json_object *value,
    struct filter **out, struct err *e)
{
	enum filter_op op = name[0] == '$' ? filter_op_of(name + 1) : FILTER_OP_MAX;
	struct filter *inner;

	if (op == FILTER_AND || op == FILTER_OR)
		return read_compound(r, op, value, out, e);
	if (op == FILTER_NOT) {
		if (read_object(r, value, &inner, e) == -1)
			return -1;
		return negate(r, inner, out, e);
	}
	if (name[0] == '$')
		return refuse(r, "is no operator here", e);
	if (json_object_is_type(value, json_type_object))
		return read_operators(r, name, value, out, e);
	return read_leaf(r, FILTER_EQ, name, value, true, out, e);
}

static int
read_members(struct reader *r, struct json_object *o, struct filter **out, struct err *e)
{
	struct filter *first = NULL, **link = &first;

	if (json_object_object_length(o) == 0 && r->level > 1)
		return refuse(r, "the filter is empty", e);
	json_object_object_foreach(o, name, value) {
		size_t before = enter(r, ".%.64s", name);
		if (read_member(r, name, value, link, e) == -1)
			return -1;
		link = &(*link)->next;
		leave(r, before);
	}
	return join(r, first, out, e);
}

static bool
is_typed(struct json_object *o, enum filter_op *op)
{
	struct json_object *type;

	if (!json_object_object_get_ex(o, "type", &type) ||
	    !json_object_is_type(type, json_type_string))
		return false;
	*op = filter_op_of(json_object_get_string(type));
	return *op != FILTER_OP_MAX || json_object_object_get_ex(o, "key", NULL) ||
	    json_object_object_get_ex(o, "filters", NULL);
}

static int
read_object(struct reader *r, struct json_object *o, struct filter **out, struct err *e)
{
	size_t before = r->used;
	enum filter_op op;
	int rc;

	if (!json_object_is_type(o, json_type_object))
		return refuse(r, "must be an object", e);
	if (++r->level > FILTER_DEPTH_MAX)
		return refuse(r, "more than 8 levels", e);
	rc = is_typed(o, &op) ? read_typed(r, o, op, out, e) : read_members(r, o, out, e);
	if (rc == 0)
		leave(r, before);
	r->level--;
	return rc;
}

int
filter_from_json(const struct filter **out, struct json_object *o, const char *name,
    struct arena *a, struct err *e)
{
	struct reader r = {.a = a};
	struct filter *f = NULL;
	struct err why;

	*out = NULL;
	enter(&r, "%.64s", name);
	if (read_object(&r, o, &f, e) == -1)
		return -1;
	if (filter_check(f, &why) == -1)
		return refuse(&r, why.text, e);
	*out = f;
	return 0;
}
