/* filter.h - which documents a query may answer from: a tree over their metadata.
 *
 *   and, or, not                 over other nodes
 *   eq ne gt gte lt lte          a field and one value
 *   in nin                       a field and a list of values
 *   prefix, suffix, contains     a field and a string
 *   exists                       a field
 *
 * Shapes  values are strings (compared bytewise), numbers (doubles: integers are exact up
 *         to 2^53) and bools (eq, ne, in, nin only).  A field may hold several values.
 *
 *         eq gt gte lt lte in prefix   match when any value of the field does; a missing
 *         suffix contains              field and a value of another type never match
 *         exists                       matches when the field has a value of any type
 *         ne, nin                      are exactly not eq, not in: they match documents
 *                                      without the field, or with other types
 *         and of nothing               matches everything; or of nothing, nothing
 * Memory  a tree and its values are arena.
 * Errors  ERR_FILTER: more than FILTER_NODES_MAX nodes, FILTER_DEPTH_MAX levels,
 *         FILTER_LIST_MAX values or FILTER_TEXT_BYTES; a value the operator does not take.
 */
#ifndef RAGPOOL_FILTER_H
#define RAGPOOL_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum {
	FILTER_NODES_MAX = 64,
	FILTER_DEPTH_MAX = 8,
	FILTER_LIST_MAX = 1000,
	FILTER_TEXT_BYTES = 1024,
	FILTER_FIELD_BYTES = 64,
};

enum filter_op {
	FILTER_AND,
	FILTER_OR,
	FILTER_NOT,
	FILTER_EQ,
	FILTER_NE,
	FILTER_GT,
	FILTER_GTE,
	FILTER_LT,
	FILTER_LTE,
	FILTER_IN,
	FILTER_NIN,
	FILTER_PREFIX,
	FILTER_SUFFIX,
	FILTER_CONTAINS,
	FILTER_EXISTS,
	FILTER_OP_MAX
};

enum filter_type { FILTER_STRING = 1, FILTER_NUMBER = 2, FILTER_BOOL = 3 };

struct filter_value {
	enum filter_type type;
	double number;
	bool truth;
	const char *text;
	size_t len;
};

struct filter {
	enum filter_op op;
	const char *field;			/* NULL for and, or, not */
	const struct filter_value *values;	/* of a leaf */
	uint32_t count;				/* of values */
	struct filter *first;			/* of and, or, not (which has one) */
	struct filter *next;			/* beside this one, in its parent */
};

/* "eq", "and", ...; FILTER_OP_MAX when it is no name of one. */
enum filter_op filter_op_of(const char *name);
const char *filter_op_name(enum filter_op op);
/* and, or, not: over other nodes. */
bool filter_is_compound(enum filter_op op);
/* prefix, suffix, contains: of a string, a part. */
bool filter_is_part(enum filter_op op);
/* Is it that part of the text? */
bool filter_part_matches(enum filter_op op, const struct filter_value *part, const char *text,
    size_t n);

/* The whole tree is within its bounds, each leaf has what its operator takes. */
int filter_check(const struct filter *f, struct err *e);
/* The levels of the tree, at most FILTER_DEPTH_MAX + 1; a leaf has one. */
unsigned filter_depth(const struct filter *f);

/* Less than, equal to or greater than 0; of one type. */
int filter_compare(const struct filter_value *a, const struct filter_value *b);

#endif
