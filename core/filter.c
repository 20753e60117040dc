/* filter.c - which documents a query may answer from. */
#include "filter.h"

#include <math.h>
#include <string.h>

static const char *const names[] = {"and", "or", "not", "eq", "ne", "gt", "gte", "lt", "lte",
    "in", "nin", "prefix", "suffix", "contains", "exists"};
_Static_assert(sizeof names / sizeof names[0] == FILTER_OP_MAX, "a name each");

enum filter_op
filter_op_of(const char *name)
{
	int op = 0;

	while (op < FILTER_OP_MAX && strcmp(names[op], name) != 0)
		op++;
	return (enum filter_op)op;
}

const char *
filter_op_name(enum filter_op op)
{
	return (unsigned)op < FILTER_OP_MAX ? names[op] : "unknown";
}

bool
filter_is_compound(enum filter_op op)
{
	return op == FILTER_AND || op == FILTER_OR || op == FILTER_NOT;
}

bool
filter_is_part(enum filter_op op)
{
	return op == FILTER_PREFIX || op == FILTER_SUFFIX || op == FILTER_CONTAINS;
}

bool
filter_part_matches(enum filter_op op, const struct filter_value *part, const char *text, size_t n)
{
	if (part->len > n)
		return false;
	if (op == FILTER_CONTAINS)
		return memmem(text, n, part->text, part->len) != NULL;
	return memcmp(op == FILTER_SUFFIX ? text + n - part->len : text, part->text, part->len) == 0;
}

static unsigned
depth_of(const struct filter *f, unsigned level)
{
	unsigned deepest = level, depth;

	if (level > FILTER_DEPTH_MAX)
		return level;
	for (const struct filter *c = f->first; c != NULL; c = c->next)
		if ((depth = depth_of(c, level + 1)) > deepest)
			deepest = depth;
	return deepest;
}

unsigned
filter_depth(const struct filter *f)
{
	return depth_of(f, 1);
}

/* ---- checking ---- */

static int
check_value(const struct filter *f, const struct filter_value *v, struct err *e)
{
	const char *op = filter_op_name(f->op);

	if (v->type == FILTER_STRING && v->len > FILTER_TEXT_BYTES)
		return err_set(e, ERR_FILTER, "a string is longer than %d bytes", FILTER_TEXT_BYTES);
	if (v->type == FILTER_NUMBER && !isfinite(v->number))
		return err_set(e, ERR_FILTER, "%s takes finite numbers", op);
	if (filter_is_part(f->op) && v->type != FILTER_STRING)
		return err_set(e, ERR_FILTER, "%s takes a string", op);
	if (f->op >= FILTER_GT && f->op <= FILTER_LTE && v->type == FILTER_BOOL)
		return err_set(e, ERR_FILTER, "%s takes a string or a number", op);
	return 0;
}

static int
check_leaf(const struct filter *f, struct err *e)
{
	bool is_list = f->op == FILTER_IN || f->op == FILTER_NIN;
	size_t len = f->field != NULL ? strlen(f->field) : 0;

	if (len == 0 || len > FILTER_FIELD_BYTES)
		return err_set(e, ERR_FILTER, "a field's name has 1 to %d bytes",
		    FILTER_FIELD_BYTES);
	if (is_list && f->count > FILTER_LIST_MAX)
		return err_set(e, ERR_FILTER, "%s takes at most %d values", filter_op_name(f->op),
		    FILTER_LIST_MAX);
	if (!is_list && f->count != (f->op == FILTER_EXISTS ? 0 : 1))
		return err_set(e, ERR_FILTER, "%s does not take %u values", filter_op_name(f->op),
		    f->count);
	for (uint32_t i = 0; i < f->count; i++)
		if (check_value(f, &f->values[i], e) == -1)
			return -1;
	return 0;
}

static int
check_node(const struct filter *f, unsigned level, unsigned *nodes, struct err *e)
{
	if (++*nodes > FILTER_NODES_MAX)
		return err_set(
		    e, ERR_FILTER, "the filter has more than %d conditions", FILTER_NODES_MAX);
	if (level > FILTER_DEPTH_MAX)
		return err_set(
		    e, ERR_FILTER, "the filter has more than %d levels", FILTER_DEPTH_MAX);
	if ((unsigned)f->op >= FILTER_OP_MAX)
		return err_set(e, ERR_FILTER, "the filter has an unknown operator");
	if (!filter_is_compound(f->op))
		return check_leaf(f, e);
	if (f->op == FILTER_NOT && (f->first == NULL || f->first->next != NULL))
		return err_set(e, ERR_FILTER, "not takes one filter");
	for (const struct filter *c = f->first; c != NULL; c = c->next)
		if (check_node(c, level + 1, nodes, e) == -1)
			return -1;
	return 0;
}

int
filter_check(const struct filter *f, struct err *e)
{
	unsigned nodes = 0;

	return check_node(f, 1, &nodes, e);
}

/* ---- values ---- */

static int
compare_texts(const struct filter_value *a, const struct filter_value *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int order = n > 0 ? memcmp(a->text, b->text, n) : 0;

	return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

int
filter_compare(const struct filter_value *a, const struct filter_value *b)
{
	switch (a->type) {
	case FILTER_STRING:
		return compare_texts(a, b);
	case FILTER_NUMBER:
		return (a->number > b->number) - (a->number < b->number);
	case FILTER_BOOL:
		return (int)a->truth - (int)b->truth;
	}
	return 0;
}
