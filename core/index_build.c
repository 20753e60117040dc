/* index_build.c - rows of terms to index.rpx. */
#include "index_build.h"

int
index_write(const char *path, const struct index_input *in, uint32_t *dim, struct err *e)
{
	const struct lex_params lex = LEX_PARAMS_DEFAULT;
	struct rpx_writer *w;
	uint32_t rows = in->terms->rows;

	*dim = 0;
	if (rpx_create(&w, path, in->tenant, e) == -1)
		return -1;
	if (rpx_add(w, RPX_ROWS, in->rows, rows * sizeof in->rows[0], rows, e) == -1 ||
	    lex_write(w, in->terms, &lex, e) == -1) {
		rpx_abandon(w);
		return -1;
	}
	return rpx_finish(w, e);
}
