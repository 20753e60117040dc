/* eval.h - how well a set of judged questions is answered.
 *
 * A set is a folder with corpus.jsonl or corpus.jsonl.gz ({"id", "title", "text"} a line),
 * queries.jsonl ({"id", "text"}) and qrels.tsv (query-id, doc-id, relevance; one header
 * line).  Each document is one row, as it is: this measures ranking, not chunking.
 *
 * Scores  as trec_eval: nDCG@10 (gain = relevance, log2 discount), recall@10, MRR@10,
 *         recall@100; means over every query that has a relevant document, a query
 *         without hits counts 0.  Of fewer hits than 100, recall@100 is that of these.  A
 *         question for few hits is ranked from fewer candidates (query.h), which is what
 *         top_k is for here.
 * Errors  ERR_NOT_FOUND, ERR_JSON and their like naming file and line; ERR_CORRUPT for
 *         judgements of unknown ids; what building and querying answer.
 */
#ifndef RAGPOOL_EVAL_H
#define RAGPOOL_EVAL_H

#include <stdint.h>
#include <stdio.h>

#include "build.h"
#include "embed_service.h"
#include "err.h"
#include "query.h"

enum { EVAL_DEPTH = 100 };

struct eval_options {
	const char *embedder;	/* as embedding_model of a tenant's document */
	const char *language;
	enum fuse_mode mode;
	unsigned top_k;		/* hits asked for; 0: EVAL_DEPTH */
	/* Of an embedder that is a model elsewhere (embed_service.h), else NULL. */
	const struct embed_service *service;
	const struct embed_about *about;
	const char *vectors;	/* a file that keeps what was embedded; NULL: kept nowhere */
	FILE *run;		/* if not NULL: "query-id doc-id score", tabs, all hits */
};

struct eval_scores {
	uint64_t documents;
	uint64_t queries;	/* judged ones */
	uint64_t embedded;	/* documents, by a model elsewhere, in this run */
	double ndcg_10, recall_10, mrr_10, recall_100;
	double build_seconds, query_seconds;
};

/* Builds in a temporary folder below TMPDIR and removes it. */
int eval_run(const char *set_dir, const struct eval_options *o, struct eval_scores *scores,
    struct err *e);

#endif
