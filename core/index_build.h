/* index_build.h - rows of terms to index.rpx.
 *
 * Cost    linear in the tokens for the lexical half; see lsa.h and dense.h for theirs.
 */
#ifndef RAGPOOL_INDEX_BUILD_H
#define RAGPOOL_INDEX_BUILD_H

#include <stdint.h>

#include "build.h"
#include "err.h"
#include "index.h"
#include "termdoc.h"

struct index_input {
	const char *tenant;
	const struct build_config *config;
	const struct termdoc *terms;	/* sealed */
	const struct index_row *rows;	/* terms->rows of them */
};

/* *dim: of the dense arm, 0 when there is none. */
int index_write(
    const char *path, const struct index_input *in, uint32_t *dim, struct err *e);

#endif
