/* gate_limits.c - what a tenant's document says of the gate. */
#include "gate.h"

int
gate_limits_read(struct gate_limits *l, struct json_object *gate, struct err *e)
{
	static const char *const names[] = {
	    "max_shrink", "queries", "min_overlap", "min_recall", "max_slowdown", NULL};
	struct {
		unsigned *to;
		int64_t max;
	} limits[] = {{&l->max_shrink, 100}, {&l->queries, 400}, {&l->min_overlap, 100},
	    {&l->min_recall, 100}, {&l->max_slowdown, 100000}};
	int64_t value;

	if (gate == NULL)
		return 0;
	if (!json_object_is_type(gate, json_type_object))
		return err_set(e, ERR_TYPE, "\"gate\" is not an object");
	if (json_only(gate, names, e) == -1)
		goto fail;
	for (size_t i = 0; names[i] != NULL; i++) {
		value = *limits[i].to;
		if (json_get_int(gate, names[i], false, 0, limits[i].max, &value, e) == -1)
			goto fail;
		*limits[i].to = (unsigned)value;
	}
	return 0;
fail:
	err_prefix(e, "gate");
	return -1;
}
