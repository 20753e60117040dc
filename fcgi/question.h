/* question.h - what a caller may ask of a knowledge base, whichever wire it came by.
 *
 * A wire reads its own shape and fills a question; the members that mean the same on every
 * wire are read here, by the same names, with the same ranges and errors:
 *
 *   top_k, mode, operators, mmr, recall (min_recall), group_by, group_size, explain,
 *   filters (filter), with_metadata, score_threshold, generation, rerank, rerank_top
 *
 * then question_open() gives the generation to ask, and question_ask() runs one text.
 *
 * Memory  texts are borrowed from the JSON they were read from; results are arena.
 * Errors  those of json.h for the shape, ERR_TENANT, ERR_NOT_READY, ERR_UNAVAILABLE and
 *         ERR_GENERATION for the place, those of query.h for the question.
 */
#ifndef RAGPOOL_QUESTION_H
#define RAGPOOL_QUESTION_H

#include "api.h"
#include "json.h"

struct question {
	const char *tenant;
	const char *generation;		/* to ask another than the live one; NULL: the live one */
	struct query query;		/* text and text_len are filled by question_ask() */
	float threshold;		/* hits with a lower score are left out */
	bool has_threshold;
	const char *rerank;		/* rerank.h; "": the first that is configured; NULL: no */
	unsigned rerank_top;		/* so many hits are put in order anew */
	bool explain;			/* show how each score came about */
	bool with_metadata;
};

/* The names that question_read() knows, for the lists of json_only(). */
#define QUESTION_MEMBERS \
	"top_k", "mode", "operators", "mmr", "recall", "min_recall", "group_by", "group_size", \
	    "explain", "filters", "filter", "with_metadata", "score_threshold", "generation", "rerank", \
	    "rerank_top"

/* Fills all of it but the tenant; what is not in the object gets its default. */
int question_read(struct question *q, struct json_object *o, unsigned top_k_max,
    struct arena *a, struct err *e);
/* Only "filters", or "filter". */
int question_read_filter(
    struct question *q, struct json_object *o, struct arena *a, struct err *e);
/* Through the tenant's door (enter.h) to the generation to ask, borrowed as serving_get()
 * says; the answer's headers name it.  The caller's own filter joins the question's. */
int question_open(struct api *api, struct question *q, const struct req *r, struct reply *p,
    struct index **out, struct err *e);
/* The answer to the same request was kept: it is in p, and nothing is left to do.  After
 * question_open(), before anything is written. */
bool question_was_answered(
    struct api *api, const struct question *q, const struct req *r, const struct index *x, struct reply *p);
/* Keeps what is in p for the next who asks the same. */
void question_keep_answer(struct api *api, const struct reply *p);
/* The same of a part of an answer, where the request is a call among others: `asked` is all that
 * the caller says, in bytes, `path` what is called, and the part goes to the end of b. */
bool question_call_was_answered(struct api *api, const struct question *q, const struct req *r,
    const struct index *x, const char *path, const char *asked, struct reply *p, struct buf *b);
void question_keep_call(struct api *api, const char *bytes, size_t n);
/* With a reranker the score of a hit is the reranker's; when it cannot be asked now, the hits
 * stay as they were, and out->degraded says why. */
int question_ask(struct api *api, const struct question *q, struct index *x, const char *text,
    size_t n, struct arena *a, struct query_result *out, struct err *e);

#endif
