/* index_build.c - rows of terms, and their vectors, to index.rpx. */
#include "index_build.h"

#include <stdlib.h>

#include "grow.h"
#include "index_questions.h"
#include "lsa.h"

/* One writing of one file. */
struct writing {
	struct rpx_writer *w;
	const struct index_input *in;
	struct index_made *made;
	struct grow grow;		/* empty without a base */
	bool grows;
	float *questions;		/* to calibrate walks by; NULL: none */
	uint32_t question_count;
};

/* ---- whether to grow ---- */

/* What the base's vectors must be to be kept beside ours. */
static bool
has_kept_vectors(const struct index *base)
{
	const struct lsa *m = embed_model(base->embed);
	struct dense_info info;

	if (m == NULL || base->dense == NULL)
		return false;
	dense_info(base->dense, &info);
	return info.dim == m->dim && info.metric == DENSE_COSINE && info.exact == DENSE_FP16;
}

static int
decide_growth(struct writing *x, struct err *e)
{
	const struct index *base = x->in->base;
	const struct grow *g = &x->grow;

	if (base == NULL || base->dense == NULL)
		return 0;
	if (grow_match(&x->grow, x->in->rows, x->in->terms->rows, base->row, base->rows, e) == -1)
		return -1;
	if (g->same == 0 || grow_is_gone_too_much(g))
		return 0;
	if (x->in->vectors == NULL &&
	    (!has_kept_vectors(base) || grow_is_trained_too_long_ago(g, base->manifest.changed)))
		return 0;
	x->grows = true;
	return 0;
}

static void
note_growth(struct writing *x)
{
	x->made->has_grown = true;
	x->made->reused_rows = x->grow.same;
}

/* ---- vectors ---- */

static int
write_vectors(struct writing *x, const float *vectors, uint32_t dim, struct dense_built *built,
    struct err *e)
{
	const struct build_config *c = x->in->config;
	struct dense_params p = {.dim = dim,
	    .metric = DENSE_COSINE,
	    .exact = c->exact,
	    .graph = c->graph,
	    .m = c->m,
	    .ef_construction = c->ef_construction,
	    .told = x->in->linking,
	    .questions = x->questions,
	    .question_count = x->question_count};
	struct dense_base base;

	if (!x->grows)
		return dense_write(x->w, vectors, x->in->terms->rows, &p, NULL, built, e);
	base = (struct dense_base){.old = x->in->base->dense,
	    .old_row_of_new = x->grow.old_row_of_new,
	    .keeps_vectors = x->in->vectors == NULL};
	return dense_write(x->w, vectors, x->in->terms->rows, &p, &base, built, e);
}

struct old_lexicon {
	const struct lex *lex;
	struct err *err;
	bool has_failed;
};

static int64_t
old_id(void *context, const char *term, size_t len)
{
	struct old_lexicon *old = context;
	struct lex_term t;
	int found = lex_find(old->lex, term, len, &t, old->err);

	if (found == -1)
		old->has_failed = true;
	return found == 1 ? (int64_t)t.id : -1;
}

static int
carry_model(struct lsa *m, const struct writing *x, struct err *e)
{
	const struct index *base = x->in->base;
	struct old_lexicon old = {.lex = base->lex, .err = e};

	if (lsa_carry(m, embed_model(base->embed), old_id, &old, x->in->terms, e) == -1)
		return -1;
	if (!old.has_failed)
		return 0;
	lsa_fini(m);
	return -1;
}

/* Rows that the base holds keep the vectors they have there: other words' frequencies
 * moved a little meanwhile, but vectors that move would cost the graph. */
static int
embed_rows(const struct writing *x, const struct lsa *m, float *vectors, struct err *e)
{
	const struct termdoc *t = x->in->terms;
	uint32_t *fresh, n = 0;
	int rc;

	if (!x->grows)
		return lsa_rows(m, t, 0, t->rows, vectors, e);
	if ((fresh = malloc(((size_t)t->rows + 1) * sizeof *fresh)) == NULL)
		return err_sys(e, ERR_NOMEM, "vectors");
	for (uint32_t row = 0; row < t->rows; row++)
		if (x->grow.old_row_of_new[row] == DENSE_NO_ROW)
			fresh[n++] = row;
	rc = lsa_rows_listed(m, t, fresh, n, vectors, e);
	free(fresh);
	return rc;
}

static int
write_lsa(struct writing *x, struct err *e)
{
	const struct termdoc *t = x->in->terms;
	float *vectors = NULL;
	struct lsa m;
	int rc = -1;

	if (!lsa_is_worthwhile(t))
		return 0;
	if ((x->grows ? carry_model(&m, x, e) : lsa_train(&m, t, x->in->training, e)) == -1)
		return -1;
	if ((vectors = calloc((size_t)t->rows * m.dim, sizeof *vectors)) == NULL) {
		err_sys(e, ERR_NOMEM, "vectors");
		goto out;
	}
	if (embed_rows(x, &m, vectors, e) == -1 ||
	    index_questions(&m, t, &x->questions, &x->question_count, e) == -1 ||
	    write_vectors(x, vectors, m.dim, NULL, e) == -1 || lsa_put(&m, x->w, e) == -1)
		goto out;
	x->made->dim = m.dim;
	if (x->grows) {
		note_growth(x);
		x->made->changed = x->in->base->manifest.changed + grow_changed(&x->grow);
	}
	rc = 0;
out:
	free(vectors);
	lsa_fini(&m);
	return rc;
}

/* These vectors do not depend on other rows: only a graph can come from the base. */
static int
write_given(struct writing *x, struct err *e)
{
	const struct index_input *in = x->in;
	struct dense_built built;

	x->made->dim = in->dim;
	if (write_vectors(x, in->vectors, x->made->dim, &built, e) == -1)
		return -1;
	if (built.reused > 0)
		note_growth(x);
	if (in->model == NULL)
		return embed_put_external(x->w, in->dim, in->model_name,
		    in->config->embedding_identity, e);
	return embed_put_static(x->w, in->model, in->model_name, e);
}

/* ---- the file ---- */

static int
write_sections(struct writing *x, struct err *e)
{
	const struct index_input *in = x->in;
	struct lex_params words = LEX_PARAMS_DEFAULT;
	uint32_t rows = in->terms->rows;

	if (rpx_add(x->w, RPX_ROWS, in->rows, rows * sizeof in->rows[0], rows, e) == -1 ||
	    lex_write(x->w, in->terms, &words, e) == -1 || decide_growth(x, e) == -1)
		return -1;
	if (in->columns != NULL && columns_write(in->columns, x->w, e) == -1)
		return -1;
	return in->vectors != NULL ? write_given(x, e) : write_lsa(x, e);
}

int
index_write(const char *path, const struct index_input *in, struct index_made *made,
    struct err *e)
{
	struct writing x = {.in = in, .made = made};
	int rc;

	*made = (struct index_made){0};
	if (rpx_create(&x.w, path, in->tenant, e) == -1)
		return -1;
	rc = write_sections(&x, e);
	grow_fini(&x.grow);
	free(x.questions);
	if (rc == -1) {
		rpx_abandon(x.w);
		return -1;
	}
	return rpx_finish(x.w, e);
}
