/* index_build.h - rows of terms, and their vectors, to index.rpx.
 *
 * Vectors come from outside (a static model's, by the caller) or are made here: latent
 * semantic analysis of the rows themselves, when there are enough of them (lsa.h).
 *
 * Cost    linear in the tokens for the lexical half; see lsa.h and dense.h for theirs.
 */
#ifndef RAGPOOL_INDEX_BUILD_H
#define RAGPOOL_INDEX_BUILD_H

#include <stdint.h>

#include "err.h"
#include "index.h"
#include "static_model.h"
#include "termdoc.h"

struct index_input {
	const char *tenant;
	const struct termdoc *terms;	/* sealed */
	const struct index_row *rows;	/* terms->rows of them */
	/* A static model's vectors, rows x its dimension; NULL: the built-in embedder. */
	const float *vectors;
	const struct static_model *model;
	const char *model_name;		/* as it is to be found again */
};

/* *dim: of the dense arm, 0 when there is none. */
int index_write(
    const char *path, const struct index_input *in, uint32_t *dim, struct err *e);

#endif
