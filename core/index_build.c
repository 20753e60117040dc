/* index_build.c - rows of terms, and their vectors, to index.rpx. */
#include "index_build.h"

#include <stdlib.h>

#include "lsa.h"

static int
write_vectors(struct rpx_writer *w, const float *vectors, uint32_t rows, uint32_t dim,
    struct err *e)
{
	struct dense_params p = {.dim = dim, .metric = DENSE_COSINE, .exact = DENSE_FP16};

	return dense_write(w, vectors, rows, &p, NULL, NULL, e);
}

static int
write_lsa(struct rpx_writer *w, const struct termdoc *t, uint32_t *dim, struct err *e)
{
	float *vectors = NULL;
	struct lsa m;
	int rc = -1;

	if (!lsa_is_worthwhile(t))
		return 0;
	if (lsa_train(&m, t, e) == -1)
		return -1;
	if ((vectors = malloc((size_t)t->rows * m.dim * sizeof *vectors)) == NULL) {
		err_sys(e, ERR_NOMEM, "vectors");
		goto out;
	}
	if (lsa_rows(&m, t, 0, t->rows, vectors, e) == -1 ||
	    write_vectors(w, vectors, t->rows, m.dim, e) == -1 || lsa_put(&m, w, e) == -1)
		goto out;
	*dim = m.dim;
	rc = 0;
out:
	free(vectors);
	lsa_fini(&m);
	return rc;
}

static int
write_static(struct rpx_writer *w, const struct index_input *in, uint32_t *dim, struct err *e)
{
	*dim = static_model_dim(in->model);
	if (write_vectors(w, in->vectors, in->terms->rows, *dim, e) == -1)
		return -1;
	return embed_put_static(w, in->model, in->model_name, e);
}

static int
write_sections(
    struct rpx_writer *w, const struct index_input *in, uint32_t *dim, struct err *e)
{
	struct lex_params words = LEX_PARAMS_DEFAULT;
	uint32_t rows = in->terms->rows;

	if (rpx_add(w, RPX_ROWS, in->rows, rows * sizeof in->rows[0], rows, e) == -1 ||
	    lex_write(w, in->terms, &words, e) == -1)
		return -1;
	if (in->vectors != NULL)
		return write_static(w, in, dim, e);
	return write_lsa(w, in->terms, dim, e);
}

int
index_write(const char *path, const struct index_input *in, uint32_t *dim, struct err *e)
{
	struct rpx_writer *w;

	*dim = 0;
	if (rpx_create(&w, path, in->tenant, e) == -1)
		return -1;
	if (write_sections(w, in, dim, e) == -1) {
		rpx_abandon(w);
		return -1;
	}
	return rpx_finish(w, e);
}
