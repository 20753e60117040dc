/* lsa.h - the built-in embedder: latent semantic analysis of the tenant's own chunks.
 *
 * Rows of the matrix are chunks, columns the lexicon's terms, entries BM25 weights with the
 * idf to the power 1.5, rows of length one.  A truncated SVD A ~ U S V' gives every term the
 * vector V S^(1/2); a chunk's vector is the sum of its terms' vectors with the weights of
 * its row of A, a query's the sum with log(1 + tf) * idf, both made unit length.  So a chunk
 * that the training did not see is embedded exactly as one that it saw ("fold-in").
 *
 * The powers 1.5 and 1/2 are ours and measured (doc/notes/ranking.md): the first lets rare
 * words weigh more, the second fades the small singular values out instead of cutting them,
 * so that one dimension serves small and large collections.
 *
 * Shapes  dim = min(256, rows - 1, terms), no model below LSA_ROWS_MIN rows; at most
 *         LSA_SAMPLE_ROWS evenly spaced rows are trained on.  At most LSA_SLOTS_MAX terms have a
 *         vector: where the rows hold more, those of the fewest rows go without.  (Leaving out all
 *         terms of one row costs 0.2 % of nDCG@10, of fewer than five 0.6 %.)  A text
 *         without a known term has no vector: zeros.
 * Memory  training: 1.1 KiB a sampled row, 1.1 KiB a term with a vector, 8 bytes a distinct
 *         term of each row.
 * Cost    100,000 rows of 200 words, 256 dimensions: 17 s of CPU to train, 2.6 s for the rows'
 *         vectors, 559 MiB with the tokens (bench/bench_lsa.c); shared by threads (crew.h).  A
 *         query of eight terms 1.6 us.
 * Errors  a section that is not exactly as below is ERR_CORRUPT or ERR_FORMAT_NEW.
 * Source  Halko, Martinsson, Tropp 2011 (randomised range finder, 4 power iterations, 16
 *         extra columns); Deerwester et al. 1990.
 *
 * The section RPX_EMBEDDER, little endian, items = terms with a vector:
 *
 *   OFFSET  SIZE  MEANING
 *        0    64  struct embed_header (embed_format.h), kind EMBED_KIND_LSA,
 *                 count = T, the terms of the lexicon
 *       64     4  S, terms with a vector ("slots")
 *       68     4  0
 *       72     8  rows the model was trained on
 *       80    48  0
 *      128   4*T  u32 slot of each term of the lexicon, 0xffffffff: none
 *        .     .  zeros to a multiple of 64
 *        .   4*S  float scale of each slot
 *        .     .  zeros to a multiple of 64
 *        . dim*S  int8 codes; component = scale * code
 */
#ifndef RAGPOOL_LSA_H
#define RAGPOOL_LSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "rpx.h"
#include "termdoc.h"
#include "told.h"

enum {
	LSA_DIM_MAX = 256,
	LSA_ROWS_MIN = 32,		/* below, the dense arm is left out */
	LSA_SAMPLE_ROWS = 131072,
	LSA_SLOTS_MAX = 131072,
};
#define LSA_NO_SLOT 0xffffffffu

struct lsa {
	uint32_t dim;
	uint32_t terms;			/* of the lexicon */
	uint32_t slots;
	uint64_t trained_rows;
	const uint32_t *slot;		/* terms */
	const float *scale;		/* slots */
	const int8_t *code;		/* slots * dim */
	void *owned;			/* what lsa_fini() frees; NULL for an opened model */
};

/* One term of a text: its id in the lexicon, how often the text has it, and lsa_idf() of how
 * many rows of the collection do. */
struct lsa_term {
	uint32_t id;
	uint32_t tf;
	double idf;
};

/* ---- query time (lsa.c) ---- */

/* The model in a section's bytes, which it borrows.  `terms` is the lexicon's count. */
int lsa_open(struct lsa *m, const void *section, size_t bytes, uint64_t terms, struct err *e);
/* The vector of a query, unit length, into out[dim]; false (and zeros) when no term has
 * one.  Ids outside the lexicon are skipped. */
bool lsa_embed(const struct lsa *m, const struct lsa_term *terms, size_t n, float *out);

/* ---- build time (lsa_train.c) ---- */

/* Is the collection large enough for a model? */
bool lsa_is_worthwhile(const struct termdoc *t);
/* Trains a model; owned, lsa_fini(); told (may be NULL) counts passes over the matrix.  ERR_INPUT when it is not worthwhile. */
int lsa_train(struct lsa *m, const struct termdoc *t, const struct told *told, struct err *e);
/* The model `base` for the lexicon of t: terms keep their vectors, terms that base did not
 * know have none.  old_id answers a term's id in base's lexicon, or -1.  Owned. */
int lsa_carry(struct lsa *m, const struct lsa *base,
    int64_t (*old_id)(void *lexicon, const char *term, size_t len), void *lexicon,
    const struct termdoc *t, struct err *e);
/* The vectors of rows first..first+n-1 of t into out[n * dim]; a row without a known term
 * gets zeros.  t must have the lexicon the model is for. */
int lsa_rows(const struct lsa *m, const struct termdoc *t, uint32_t first, uint32_t n,
    float *out, struct err *e);
/* The same of n rows in any order: row[i]'s into out[row[i] * dim], the rest is left. */
int lsa_rows_listed(const struct lsa *m, const struct termdoc *t, const uint32_t *row,
    uint32_t n, float *out, struct err *e);
/* Writes the section. */
int lsa_put(const struct lsa *m, struct rpx_writer *w, struct err *e);
void lsa_fini(struct lsa *m);

/* ---- shared by the two ---- */

/* ln(1 + (rows - df + 0.5) / (df + 0.5)), never negative. */
double lsa_idf(uint64_t rows, uint32_t df);
/* sum += weight * vector of the slot. */
void lsa_add(const struct lsa *m, uint32_t slot, float weight, float *sum);

#endif
