/* filter_json.h - a filter from JSON, in either of two shapes, which may be mixed.
 *
 *   {"type": "eq", "key": "lang", "value": "en"}       eq ne gt gte lt lte in nin prefix
 *   {"type": "exists", "key": "lang"}                  "value": false turns it round
 *   {"type": "and", "filters": [..]}                   and or not (of one)
 *
 *   {"lang": "en", "year": {"$gte": 2020, "$lt": 2024}}     all of them
 *   {"$and": [..]}  {"$or": [..]}  {"$not": {..}}  {"year": {"$not": {"$lt": 3}}}
 *   $eq $ne $gt $gte $lt $lte $in $nin $prefix $exists
 *
 * The first shape is meant when "type" names an operator, or "key" or "filters" stands
 * beside it.  {} matches everything.
 *
 * Memory  the tree is arena; its strings are copied.
 * Errors  ERR_FILTER naming the place ("filters.$or[1].year: ..."), ERR_NOMEM.
 */
#ifndef RAGPOOL_FILTER_JSON_H
#define RAGPOOL_FILTER_JSON_H

#include "arena.h"
#include "err.h"
#include "filter.h"
#include "json.h"

/* name: what the member is called, the beginning of every place. */
int filter_from_json(const struct filter **out, struct json_object *o, const char *name,
    struct arena *a, struct err *e);

#endif
