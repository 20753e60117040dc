/* query.h - from a question to the passages that answer it.
 *
 *   words  -> lexical candidates, with how near they stand --.
 *                                                             fusion -> texts
 *   vector -> dense candidates ------------------------------'
 *
 * One round of feedback follows for the built-in embedder: the best hits move the vector,
 * and the dense half is asked again (fuse.h, doc/notes/ranking.md).  Neither time it is asked
 * for rows that could not be among the hits: mostly those that the words found are all
 * above what a vector alone can reach, and only they are compared with it.
 *
 * Passages  where chunks were cut from larger passages (chunk.h, parents), the best chunk of
 *         each counts, and the passage is answered.
 * Memory  hits and texts are arena; the scratch belongs to the worker and is kept from
 *         query to query.
 * Order   best first, ties by the lower row, so that an answer repeats exactly.
 * Words   where the model of the generation is elsewhere and cannot be asked, a query that
 *         wants both halves is answered by words alone, unless needs_vectors.
 * Errors  ERR_EMPTY_QUERY, ERR_QUERY_SIZE, ERR_RANGE (top_k), ERR_NOMEM, and what the
 *         store and the columns answer.  No hit is no error.
 */
#ifndef RAGPOOL_QUERY_H
#define RAGPOOL_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "embed_service.h"
#include "err.h"
#include "fuse.h"
#include "index.h"
#include "store.h"

/* What it is about to do, for those who measure. */
enum query_stage { QUERY_SEARCH, QUERY_EMBED, QUERY_FETCH };
typedef void query_stage_fn(void *context, enum query_stage stage);

struct query {
	const char *text;
	size_t text_len;
	unsigned top_k;		/* 1..TOP_K_MAX */
	enum fuse_mode mode;
	float recall;		/* wanted of the graph's walk, 0: dense.h's default; 1: a scan */
	bool operators;		/* +must, -not and "a phrase" mean something (lex.h) */
	unsigned per_document;	/* hits of one document at most; 0: any number */
	bool diverse;		/* maximal marginal relevance (fuse.h) with lambda; by the */
	float lambda;		/* vectors, so without effect where there are none */
	const struct filter *filter;	/* the documents to answer from; NULL: all (filter.h) */
	const struct embed_service *service;	/* for models elsewhere; NULL: there is none */
	bool places;		/* fuse_hit.lexical_place and dense_place are wanted of each
				 * hit, even where the answer can be told without putting
				 * either list in order */
	bool needs_vectors;	/* rather an error than an answer by words alone */
	query_stage_fn *on_stage;	/* called as each stage begins; NULL: nobody asks */
	void *stage_context;
};

struct query_hit {
	uint32_t row;
	float score;
	struct fuse_hit how;	/* the parts of the score */
	struct store_chunk chunk;	/* or the passage that the chunk is a part of: then */
	uint64_t matched_start, matched_end;	/* the chunk's own span, else 0..0 */
};

struct query_result {
	struct query_hit *hits;		/* arena */
	size_t count;
	bool is_known;			/* of query_run(): they have to do with it (known.h) */
	/* Why the query could not be embedded: the hits are by words alone.  ERR_NONE: it was,
	 * or need not be. */
	struct err degraded;
};

/* For qsort() of struct query_hit: best first, equal scores in the order of rows. */
int query_hit_by_score(const void *a, const void *b);

struct query_scratch;
int query_scratch_new(struct query_scratch **out, struct err *e);
void query_scratch_free(struct query_scratch *s);
/* The analyzer of a language, kept for the next query; NULL with *e. */
struct analyzer *query_analyzer(struct query_scratch *s, const char *language, struct err *e);

/* Rows and scores only: what fusion answers, without the texts. */
int query_rank(struct index *x, struct query_scratch *s, const struct query *q,
    struct arena *a, struct query_result *out, struct err *e);
/* The vector of q->text as query_rank() would ask with it, arena, *vector NULL when no word of
 * it is known; of q also service, needs_vectors and on_stage count.  The generation must have
 * vectors (x->dense). */
int query_embed(struct index *x, struct query_scratch *s, const struct query *q,
    struct arena *a, const float **vector, struct err *e);
int query_run(struct index *x, struct query_scratch *s, const struct query *q,
    struct arena *a, struct query_result *out, struct err *e);

#endif
