/* load_topics.h - the questions of a load test, and what should be found.
 *
 * A file with one question a line: plain text, or {"query": "...", "relevant": ["path", ...]}
 * with the documents that answer it, by the end of their source.  Empty lines and lines that
 * begin with '#' are left out.
 *
 * Memory  owned by the struct; load_topics_fini() frees.
 * Errors  ERR_IO, ERR_LIMIT (LOAD_TOPICS_MAX), and what json_parse() says, with the line.
 */
#ifndef RAGPOOL_LOAD_TOPICS_H
#define RAGPOOL_LOAD_TOPICS_H

#include <stddef.h>

#include "err.h"

enum { LOAD_TOPICS_MAX = 100000, LOAD_RELEVANT_MAX = 1000 };

struct load_topic {
	char *request;		/* the JSON to post */
	size_t request_bytes;
	char **relevant;
	size_t relevant_count;	/* 0: not judged */
};

struct load_topics {
	struct load_topic *list;
	size_t count;
	size_t judged;
};

/* path NULL: three questions that the product's own documents can be asked.  tenant: for
 * /retrieve, NULL when the address names it. */
int load_topics_read(struct load_topics *t, const char *path, const char *tenant, unsigned top_k,
    struct err *e);
void load_topics_fini(struct load_topics *t);
/* How many of the topic's documents are among the hits of an answer; -1: it is no answer. */
long load_topic_found(const struct load_topic *t, const char *answer, size_t n);

#endif
