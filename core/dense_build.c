/* dense_build.c - from vectors to the dense sections of an index. */
#include "dense.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dense_build.h"
#include "dense_coarse.h"

/* From here on walking pays: a hybrid question, which asks twice for 50 rows, takes 65 us less
 * at 5,000 rows of 256 dimensions and 110 us less at 10,000, for 50 to 70 us a row when built. */
enum { GRAPH_FROM_ROWS = 4096, LARGE_PAGE = 2 << 20 };

static const float half_max = 65504;

/* ---- parameters and input ---- */

static int
check_params(struct dense_params *p, uint32_t rows, struct err *e)
{
	if (p->dim == 0 || p->dim > INDEX_DIM_MAX)
		return err_set(e, ERR_RANGE, "dimension %u, at most %d", p->dim, INDEX_DIM_MAX);
	if (rows > INDEX_ROWS_MAX)
		return err_set(e, ERR_RANGE, "%u rows, at most %d", rows, INDEX_ROWS_MAX);
	if (p->metric >= DENSE_METRIC_MAX || p->exact >= DENSE_EXACT_MAX ||
	    p->graph > DENSE_GRAPH_ALWAYS)
		return err_set(e, ERR_RANGE, "unknown metric, exact kind or graph kind");
	if (p->m == 0)
		p->m = DENSE_M;
	if (p->ef_construction == 0)
		p->ef_construction = DENSE_EF_CONSTRUCTION;
	if (p->m < 2 || p->m > DENSE_M_MAX)
		return err_set(e, ERR_RANGE, "m is %u, 2 to %d", p->m, DENSE_M_MAX);
	if (p->ef_construction < p->m || p->ef_construction > 4096)
		return err_set(e, ERR_RANGE, "ef_construction is %u, %u to 4096",
		    p->ef_construction, p->m);
	return 0;
}

/* The row of the base whose vector this one keeps. */
static uint32_t
kept_row(const struct dense_base *base, uint32_t row)
{
	return base != NULL && base->keeps_vectors ? base->old_row_of_new[row] : DENSE_NO_ROW;
}

/* Every value must be finite, and its square too; what halves cannot hold wants floats. */
static int
check_vectors(const float *vectors, uint32_t rows, const struct dense_base *base,
    struct dense_params *p, struct err *e)
{
	for (uint32_t row = 0; row < rows; row++) {
		const float *v = vectors + (size_t)row * p->dim;
		if (kept_row(base, row) != DENSE_NO_ROW)
			continue;
		float norm2 = (float)vec_norm2(v, p->dim);
		if (!isfinite(norm2))
			return err_set(e, ERR_RANGE, "the vector of row %u is not finite", row);
		if (p->metric == DENSE_COSINE || norm2 <= half_max)
			continue;
		for (uint32_t i = 0; i < p->dim; i++)
			if (fabsf(v[i]) > half_max)
				p->exact = DENSE_FP32;
	}
	return 0;
}

static bool
wants_graph(const struct dense_params *p, uint32_t with)
{
	if (p->graph != DENSE_GRAPH_AUTO)
		return p->graph == DENSE_GRAPH_ALWAYS && with > 0;
	return with >= GRAPH_FROM_ROWS;
}

/* ---- encoding ---- */

struct build {
	struct dense d;			/* the index as it grows, over the arrays below */
	struct dense_params p;
	uint8_t *codes;
	uint8_t *exact;
	uint8_t *coarse;
	struct dense_same same;
	struct hnsw graph;
};

/* Rows are met in no order, and with pages of 4 KiB every one costs a page walk: large
 * arrays ask for large pages. */
void *
dense_grab(size_t bytes, struct err *e)
{
	size_t align = bytes < LARGE_PAGE ? 64 : LARGE_PAGE;
	void *p = aligned_alloc(align, (bytes + align) & ~(align - 1));

	if (p == NULL)
		err_sys(e, ERR_NOMEM, "dense build");
	else if (align == LARGE_PAGE)
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

static void
fill_header(struct build *b, uint32_t rows)
{
	struct dense_header *h = &b->d.h;

	*h = (struct dense_header){
	    .layout = DENSE_LAYOUT,
	    .header_bytes = DENSE_HEADER_BYTES,
	    .rows = rows,
	    .dim = b->p.dim,
	    .metric = (uint8_t)b->p.metric,
	    .exact = (uint8_t)b->p.exact,
	    .code_bits = 7,
	    .code_stride = (uint32_t)code_bytes_of(b->p.dim) + CODE_TAIL_BYTES,
	    .exact_stride = b->p.dim * (b->p.exact == DENSE_FP32 ? 4 : 2),
	    .m = b->p.m,
	    .ef_construction = b->p.ef_construction,
	    .entry_upper = DENSE_NO_ROW,
	    .seed = b->p.seed,
	};
	b->d.code_bytes = code_bytes_of(b->p.dim);
	b->d.coarse_stride = coarse_stride_of(b->p.dim);
	b->d.ops = vec_ops();
}

/* What is kept must fit: same strides, same meaning, rows that exist. */
static int
check_base(const struct build *b, const struct dense_base *base, struct err *e)
{
	const struct dense_header *h = &b->d.h, *old;

	if (base == NULL || !base->keeps_vectors)
		return 0;
	old = &base->old->h;
	if (old->dim != h->dim || old->metric != h->metric || old->exact != h->exact ||
	    old->code_stride != h->code_stride || old->exact_stride != h->exact_stride)
		return err_set(e, ERR_RANGE, "the base's vectors are of another kind");
	for (uint32_t row = 0; row < h->rows; row++)
		if (kept_row(base, row) != DENSE_NO_ROW && kept_row(base, row) >= old->rows)
			return err_set(e, ERR_RANGE, "row %u of the base: it has %u",
			    kept_row(base, row), old->rows);
	return 0;
}

static void
encode_row(struct build *b, uint32_t row, const float *v)
{
	const struct dense_header *h = &b->d.h;
	void *exact = b->exact + (size_t)row * h->exact_stride;
	float unit[INDEX_DIM_MAX];

	if (b->p.metric == DENSE_COSINE) {
		vec_normalise(unit, v, h->dim);
		v = unit;
	}
	dense_encode(b->codes + (size_t)row * h->code_stride, v, h->dim);
	if (b->p.exact == DENSE_FP32)
		memcpy(exact, v, h->exact_stride);
	else
		b->d.ops->to_half(exact, v, h->dim);
}

/* Which rows share a vector is found out anew. */
static void
copy_row(struct build *b, uint32_t row, const struct dense *old, uint32_t old_row)
{
	const struct dense_header *h = &b->d.h;
	uint8_t *code = b->codes + (size_t)row * h->code_stride;
	struct code_tail *tail = (void *)(code + b->d.code_bytes);

	memcpy(code, dense_code(old, old_row), h->code_stride);
	tail->sum &= ~CODE_IS_HEAD;
	memcpy(b->exact + (size_t)row * h->exact_stride,
	    old->exact + (size_t)old_row * h->exact_stride, h->exact_stride);
}

static int
encode_all(
    struct build *b, const float *vectors, const struct dense_base *base, struct err *e)
{
	struct dense_header *h = &b->d.h;

	if ((b->codes = dense_grab((size_t)h->rows * h->code_stride, e)) == NULL ||
	    (b->exact = dense_grab((size_t)h->rows * h->exact_stride, e)) == NULL ||
	    (b->coarse = dense_grab((size_t)h->rows * b->d.coarse_stride, e)) == NULL)
		return -1;
	b->d.codes = b->codes;
	b->d.exact = b->exact;
	b->d.coarse = b->coarse;
	for (uint32_t row = 0; row < h->rows; row++) {
		if (kept_row(base, row) != DENSE_NO_ROW)
			copy_row(b, row, base->old, kept_row(base, row));
		else
			encode_row(b, row, vectors + (size_t)row * h->dim);
		dense_coarse_of_row(&b->d, row, b->coarse + (size_t)row * b->d.coarse_stride);
		h->rows_with_vector += dense_has_vector(&b->d, row);
		h->longest = fmaxf(h->longest, sqrtf(dense_tail(&b->d, row)->norm2));
	}
	return 0;
}

/* ---- the graph ---- */

static void
adopt_graph(struct build *b)
{
	struct dense_header *h = &b->d.h;
	struct hnsw *g = &b->graph;

	h->flags |= DENSE_HAS_GRAPH;
	h->levels = (uint8_t)g->levels;
	h->nodes = b->same.nodes;
	h->entry_row = g->entry_row;
	h->entry_upper = g->entry_upper;
	h->upper_nodes = g->upper_nodes;
	h->upper_links = g->upper_count;
	h->deleted = g->deleted;
	b->d.links = g->links;
	b->d.upper = g->upper;
	b->d.upper_links = g->upper_links;
	if (b->same.groups == 0)
		return;
	b->d.same_groups = b->same.section[0];
	b->d.same_rows = b->same.section[1];
	b->d.same_head = b->same.section + 2;
	b->d.same_at = b->d.same_head + b->d.same_groups;
	b->d.same_row = b->d.same_at + b->d.same_groups + 1;
}

static int
make_graph(struct build *b, const struct dense_base *base, struct err *e)
{
	if (dense_same_find(&b->same, &b->d, b->codes, e) == -1 ||
	    hnsw_build(&b->graph, &b->d, &b->same, &b->p, base, e) == -1)
		return -1;
	adopt_graph(b);
	return dense_tune(&b->d, &b->p, e);
}

static int
write_graph(struct rpx_writer *w, const struct build *b, struct err *e)
{
	const struct dense_header *h = &b->d.h;
	size_t nodes_bytes = h->upper_nodes * sizeof(struct upper_node);

	if (rpx_add(w, RPX_LINKS, b->graph.links, (size_t)h->rows * 8 * h->m, h->rows,
	    e) == -1 ||
	    rpx_begin(w, RPX_UPPER, e) == -1 ||
	    rpx_put(w, b->graph.upper, nodes_bytes, e) == -1 ||
	    rpx_put(w, b->graph.upper_links, (size_t)h->upper_links * 4, e) == -1 ||
	    rpx_end(w, h->upper_nodes, e) == -1)
		return -1;
	if (b->same.groups == 0)
		return 0;
	return rpx_add(w, RPX_SAME, b->same.section, b->same.section_bytes, b->same.groups, e);
}

static int
write_sections(struct rpx_writer *w, const struct build *b, struct err *e)
{
	const struct dense_header *h = &b->d.h;

	if (rpx_add(w, RPX_DENSE, h, sizeof *h, h->rows, e) == -1 ||
	    rpx_add(w, RPX_CODES, b->codes, (size_t)h->rows * h->code_stride, h->rows,
	    e) == -1 ||
	    rpx_add(w, RPX_EXACT, b->exact, (size_t)h->rows * h->exact_stride, h->rows,
	    e) == -1 ||
	    rpx_add(w, RPX_COARSE, b->coarse, (size_t)h->rows * b->d.coarse_stride, h->rows,
	    e) == -1)
		return -1;
	return b->d.links != NULL ? write_graph(w, b, e) : 0;
}

int
dense_write(struct rpx_writer *w, const float *vectors, uint32_t rows,
    const struct dense_params *p, const struct dense_base *base, struct dense_built *built,
    struct err *e)
{
	struct build b = {.p = *p};
	int rc = -1;

	if (check_params(&b.p, rows, e) == -1 ||
	    check_vectors(vectors, rows, base, &b.p, e) == -1)
		return -1;
	fill_header(&b, rows);
	if (check_base(&b, base, e) == -1 || encode_all(&b, vectors, base, e) == -1)
		goto out;
	if (wants_graph(p, b.d.h.rows_with_vector) &&
	    make_graph(&b, base, e) == -1)
		goto out;
	if (write_sections(w, &b, e) == -1)
		goto out;
	if (built != NULL) {
		*built = (struct dense_built){.rows_with_vector = b.d.h.rows_with_vector,
		    .nodes = b.d.h.nodes, .reused = b.graph.reused, .healed = b.graph.healed};
		memcpy(built->slack, b.d.h.slack, sizeof built->slack);
		memcpy(built->recall, b.d.h.recall, sizeof built->recall);
	}
	rc = 0;
out:
	hnsw_free(&b.graph);
	dense_same_free(&b.same);
	free(b.codes);
	free(b.exact);
	free(b.coarse);
	return rc;
}
