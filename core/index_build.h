/* index_build.h - rows of terms, and their vectors, to index.rpx.
 *
 * Vectors come from outside (a static model's, by the caller) or are made here: latent
 * semantic analysis of the rows themselves, when there are enough of them (lsa.h).
 *
 * Base    with the generation before given, and near enough (grow.h), rows that it holds
 *         keep their vectors, new ones are folded into its model, and its graph is renewed.
 *         The lexical sections are made anew from the rows, always: that costs a
 *         quarter of analysing the texts (doc/notes/incremental.md).  So the bytes depend
 *         on the input and, where made->has_grown, on the base; otherwise on the input
 *         alone.
 * Cost    linear in the tokens for the lexical half; see lsa.h and dense.h for theirs.
 */
#ifndef RAGPOOL_INDEX_BUILD_H
#define RAGPOOL_INDEX_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "build.h"
#include "err.h"
#include "index.h"
#include "static_model.h"
#include "termdoc.h"
#include "told.h"

struct index_input {
	const char *tenant;
	const struct termdoc *terms;	/* sealed */
	const struct index_row *rows;	/* terms->rows of them */
	struct columns_writer *columns;	/* NULL: no columns */
	/* rows x dim, of a static model or of one elsewhere; NULL: the built-in embedder. */
	const float *vectors;
	uint32_t dim;
	const struct static_model *model;	/* NULL: elsewhere */
	const char *model_name;		/* as it is to be found again */
	/* Of the same parameters, borrowed; NULL: from the input alone. */
	const struct index *base;
	const struct build_config *config;	/* how vectors are indexed */
	const struct told *training, *linking;	/* may be NULL */
};

struct index_made {
	uint32_t dim;			/* of the dense arm, 0 when there is none */
	bool has_grown;			/* something of the base is in it */
	uint32_t reused_rows;		/* of the base, when it has grown */
	uint64_t changed;		/* rows, since the model was trained */
};

int index_write(const char *path, const struct index_input *in, struct index_made *made,
    struct err *e);

#endif
