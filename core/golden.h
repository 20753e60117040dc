/* golden.h - the questions by which two generations of a tenant are compared.
 *
 * Given by people, one object a line of DATA/tenants/<tenant>/golden.jsonl, or in the member
 * "golden" of the tenant's document:
 *
 *   {"query": "how are backups made?", "expected": ["ops/backup.md"],
 *    "filters": {"lang": "en"}}
 *
 *   query      what is asked
 *   expected   keys of documents that have to be among the first GOLDEN_TOP_K hits; a
 *              string or a list; optional
 *   filters    as in a query; optional
 *
 * Or sampled from a generation: the passages with the smallest hashed identities, at most
 * one a document while there are documents enough.  So the same generation gives the same
 * questions, and the next one mostly the same again.  A question is the passage's title
 * and heading, or its first sentence; the passage itself is what it should find.
 *
 * Bounds  GOLDEN_MAX questions of each kind, GOLDEN_EXPECTED_MAX documents a question,
 *         GOLDEN_FILE_MAX bytes of file, GOLDEN_QUERY_BYTES a question.
 * Memory  everything is arena.
 * Errors  ERR_JSON and its like, naming file and line or the place in the member;
 *         ERR_LIMIT, ERR_FILTER, ERR_NOMEM; sampling: what the store answers.
 */
#ifndef RAGPOOL_GOLDEN_H
#define RAGPOOL_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"
#include "filter.h"
#include "index.h"
#include "json.h"

enum {
	GOLDEN_MAX = 200,
	GOLDEN_EXPECTED_MAX = 32,
	GOLDEN_QUERY_BYTES = 2048,
	GOLDEN_FILE_MAX = 1 << 20,
	GOLDEN_TOP_K = 10,
};

struct golden_query {
	const char *text;
	size_t len;
	const char **expected;		/* keys of documents */
	size_t expected_count;
	const struct filter *filter;	/* NULL: none */
	bool is_sampled;
	uint32_t row;			/* of the passage it was sampled from */
};

struct golden {
	struct golden_query *query;
	size_t count, given, room;
};

/* Of one tenant; a file that is absent adds nothing. */
int golden_read_file(struct golden *g, const char *path, struct arena *a, struct err *e);
/* The member "golden" of a tenant's document; NULL adds nothing. */
int golden_read_member(struct golden *g, struct json_object *list, struct arena *a,
    struct err *e);
/* Adds up to `count` questions; fewer when the generation has fewer passages. */
int golden_sample(struct golden *g, struct index *x, unsigned count, struct arena *a,
    struct err *e);

#endif
