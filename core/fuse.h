/* fuse.h - one list of hits from a lexical and a dense one, and what follows it.
 *
 * Pure functions over arrays of hits: nothing is read from an index but by the callbacks.
 *
 *   hybrid   (1 - w) * (bm25 + n * near) / M  +  w * c        (the default)
 *            M is the largest bm25 + n * near of the lexical list.  c is the cosine: as it
 *            is, or put on 0..1 by the smallest and largest of all candidates
 *            (is_spread), for models whose cosines lie in a narrow band.
 *   minmax   (1 - w) * l + w * d, each list put on 0..1 by its own smallest and largest
 *            (all alike: 1)
 *   rrf      1 / (60 + place in the lexical list) + 1 / (60 + place in the dense list)
 *   dense    c          lexical   bm25 + n * near
 *
 * A row that one list does not have counts 0 from there, except that hybrid asks for its
 * cosine.  (Asking for the exact bm25 of dense-only rows changed no figure.)  Under hybrid
 * and minmax a list that is empty gives its weight to the other.
 *
 * So hybrid needs no dense list at all to tell how the rows of the lexical one score, and those
 * that stand above w, which is the most that any other row can have, are the first of both lists.
 * And where only a few are wanted, how near words stand is needed of those rows alone that could be
 * among them for all that their words and vectors say: fuse_first().
 *
 * Shapes  each list has a row once at most; places are by score, ties by the lower row.
 * Result  best first, ties by the lower row; the three parts of a hit add up to its score:
 *         score == (bm25 + near) + dense, in float, exactly.
 * Numbers that are not finite count 0.
 * Memory  everything is the caller's.
 * Cost    n log n of the candidates, some ten microseconds for two hundred; fuse_first() n for
 *         each of its hits and each near it asks for.
 * Source  Bruch, Gai, Ingber 2022 (why not ranks); Cormack et al. 2009 (rrf); Carbonell,
 *         Goldstein 1998 (MMR).  Weights: doc/notes/ranking.md.
 */
#ifndef RAGPOOL_FUSE_H
#define RAGPOOL_FUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "embed_format.h"
#include "err.h"

#define FUSE_MODES(X) \
	X(FUSE_HYBRID, "hybrid") \
	X(FUSE_MINMAX, "minmax") \
	X(FUSE_RRF, "rrf") \
	X(FUSE_DENSE, "dense") \
	X(FUSE_LEXICAL, "lexical")
enum fuse_mode {
#define X(symbol, name) symbol,
	FUSE_MODES(X)
#undef X
	FUSE_MODE_MAX
};

enum {
	FUSE_CANDIDATES = 100,	/* of each list, or top_k when that is more */
	FUSE_CANDIDATES_MIN = 30,	/* for a few hits: 6 a hit, this many at least */
	FUSE_RRF_K = 60,
	FUSE_FEEDBACK_HITS = 5,
};

/* Cosines come from vectors in halves, of length 1 but for 2^-11. */
#define FUSE_COSINE_MOST 1.001f

/* -1 for a name that is no mode. */
int fuse_mode_of(const char *name, enum fuse_mode *out);

struct fuse_lexical {
	uint32_t row;
	float bm25;
	float near;		/* lex_near.h; 0 when it is not known */
	bool is_most;		/* near is what it can be at most: for fuse_first() only */
};

struct fuse_dense {
	uint32_t row;
	float cosine;
};

struct fuse_options {
	enum fuse_mode mode;
	float dense_weight;	/* w, 0..1 */
	float near_weight;	/* n */
	bool is_spread;
	/* Exact cosine of a row that the dense list does not have; -INFINITY: it has no
	 * vector.  NULL: such rows count 0. */
	float (*cosine)(void *context, uint32_t row);
	float others;		/* of fuse_first(): the largest cosine, or more, of rows that
				 * count and are not in the lexical list */
	/* Of fuse_first(): the exact near of the i-th of the lexical list. */
	int (*near)(void *context, size_t i, float *out, struct err *e);
	void *context;
};

/* The measured defaults for an embedder; mode hybrid, no callback. */
struct fuse_options fuse_options_for(enum embed_kind kind);

struct fuse_hit {
	uint32_t row;
	float score;
	struct {
		float bm25, near, dense;
	} part;			/* of the score */
	float bm25, near, cosine;	/* as they came; 0 when unknown */
	uint32_t lexical_place;	/* from 1; 0: not in that list */
	uint32_t dense_place;
	uint32_t document;	/* fuse_group() fills it */
	float likeness;		/* fuse_diversify()'s working place */
};

/* Into out[lexical_count + dense_count]; answers how many. */
size_t fuse(const struct fuse_lexical *lexical, size_t lexical_count,
    const struct fuse_dense *dense, size_t dense_count, const struct fuse_options *o,
    struct fuse_hit *out);

/* The first hits of hybrid, not spread, by the lexical list alone: as many, at most k, as no other
 * row (o->others) could come before, without their places; 0 where the best of them has no cosine,
 * for then there may be no vectors at all.  Into out[k], their number into *n.  Only those nears
 * are made exact, in place, that could belong to one of them.  key[count] and cosine[count] are
 * working memory.  Errors: near()'s. */
int fuse_first(struct fuse_lexical *lexical, size_t count, const struct fuse_options *o,
    size_t k, uint64_t *key, float *cosine, struct fuse_hit *out, size_t *n, struct err *e);

/* One round of feedback for the built-in embedder: the unit vector of query + the unit
 * mean of the best five hits' vectors, weighted by score.  vector() answers false
 * for a row without one.  scratch[2 * dim]; out[dim] may be query itself. */
void fuse_feedback(const struct fuse_hit *hits, size_t count,
    bool (*vector)(void *context, uint32_t row, float *out), void *context,
    const float *query, uint32_t dim, float *scratch, float *out);

/* Maximal marginal relevance: puts first the k hits chosen one by one for
 * lambda * score / best score - (1 - lambda) * likeness to the most alike one chosen.
 * The rest keeps its order behind them.  lambda 1 changes nothing.  k * count calls. */
void fuse_diversify(struct fuse_hit *hits, size_t count, size_t k, float lambda,
    float (*likeness)(void *context, uint32_t row, uint32_t other), void *context);

/* Keeps at most `most` hits of a document, the first ones; answers how many are left. */
size_t fuse_group(struct fuse_hit *hits, size_t count, unsigned most,
    uint32_t (*document)(void *context, uint32_t row), void *context);

#endif
