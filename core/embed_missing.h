/* embed_missing.h - the passages of a tenant that have no vector yet, embedded elsewhere.
 *
 * Walks the chunks once, asks for what source.db does not hold, several requests at a time,
 * and keeps each answer as it comes: a build that ends half-way has paid for nothing twice.
 *
 * Failures that may pass (embed_service.h) are waited for as long as the service says; then,
 * and after any other, the error is the service's.
 * Memory  the requests under way, some hundred passages.
 */
#ifndef RAGPOOL_EMBED_MISSING_H
#define RAGPOOL_EMBED_MISSING_H

#include <stdint.h>

#include "embed_service.h"
#include "err.h"
#include "knowledge.h"
#include "vectors.h"

struct embed_missing_report {
	uint64_t passages;	/* different ones */
	uint64_t embedded;	/* now; counted only, in a rehearsal */
	uint64_t reused;	/* that source.db held */
	uint64_t tokens;	/* of those embedded, by our own estimate */
	uint64_t requests;
};

/* Whatever has passages: each() walks them as knowledge_each() does. */
struct embed_passages {
	int (*each)(void *context, const struct knowledge_walk *walk, void *walker, struct err *e);
	void *context;
};

/* service NULL: a rehearsal, which counts what would be asked and asks nothing. */
int embed_missing(const struct embed_passages *p, struct vectors *v, const char *model,
    const struct embed_about *about, const struct embed_service *service,
    struct embed_missing_report *report, struct err *e);

#endif
