/* eval_spans.h - how much of the marked answers the first passages hold: tests cutting.
 *
 * A set is a folder with docs/ (files) and questions.jsonl:
 *
 *   {"id", "doc", "text", "spans": [{"start_byte", "end_byte"}, ...]}      bytes of the file
 *
 * Each document is cut and indexed as a build would, each question asked, and what the
 * first top_k passages hold compared with its spans.
 *
 * Scores  means over the questions, counted in bytes, a byte in two passages once for
 *         recall and twice for precision: recall = found / marked; precision = found /
 *         answered; iou = found / (answered + marked - found).
 * Chunks  cut elsewhere can be scored instead: a file of lines {"doc", "start_byte",
 *         "end_byte"}, those of a document together.
 * Errors  naming file and line; ERR_CORRUPT for spans outside their document.
 */
#ifndef RAGPOOL_EVAL_SPANS_H
#define RAGPOOL_EVAL_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "build.h"
#include "err.h"
#include "query.h"

enum { EVAL_SPANS_TOP_K = 5 };

struct eval_spans_options {
	struct build_config config;	/* language, embedding_model, and how to cut */
	enum fuse_mode mode;
	unsigned top_k;
	const char *chunks;		/* NULL: cut as config says */
};

struct eval_spans_scores {
	uint64_t documents, chunks, questions;
	double chunk_bytes;		/* mean length */
	double answered_bytes;		/* mean of all passages of an answer together */
	double recall, precision, iou;
	double build_seconds, query_seconds;
};

/* Whether the folder is such a set. */
bool eval_spans_is_set(const char *dir);
/* Builds in a temporary folder below TMPDIR and removes it. */
int eval_spans_run(const char *dir, const struct eval_spans_options *o,
    struct eval_spans_scores *s, struct err *e);

#endif
