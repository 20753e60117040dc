/* dense_open.c - the dense sections of a mapped index: opening, checking, reading back. */
#include "dense.h"

#include <math.h>
#include <stdlib.h>

#include "dense_coarse.h"

static int
check_header(const struct dense_header *h, struct err *e)
{
	if (h->layout > DENSE_LAYOUT)
		return err_set(e, ERR_FORMAT_NEW, "dense section: layout %u", h->layout);
	if (h->layout != DENSE_LAYOUT || h->header_bytes != DENSE_HEADER_BYTES ||
	    h->code_bits != 7 || h->metric >= DENSE_METRIC_MAX || h->exact >= DENSE_EXACT_MAX)
		return err_set(e, ERR_CORRUPT, "dense section: bad header");
	if (h->rows > INDEX_ROWS_MAX || h->dim == 0 || h->dim > INDEX_DIM_MAX ||
	    h->code_stride != code_bytes_of(h->dim) + CODE_TAIL_BYTES ||
	    h->exact_stride != h->dim * (h->exact == DENSE_FP32 ? 4 : 2) ||
	    h->rows_with_vector > h->rows || h->nodes > h->rows_with_vector)
		return err_set(e, ERR_CORRUPT, "dense section: sizes contradict each other");
	if (!(h->flags & DENSE_HAS_GRAPH))
		return 0;
	if (h->m < 2 || h->m > DENSE_M_MAX || h->levels > DENSE_LEVELS_MAX ||
	    h->entry_row >= h->rows || h->upper_nodes > h->rows ||
	    (h->upper_nodes > 0) != (h->levels > 0) ||
	    (h->upper_nodes > 0 && h->entry_upper >= h->upper_nodes))
		return err_set(e, ERR_CORRUPT, "dense section: bad graph parameters");
	return 0;
}

/* A section that must have exactly this size. */
static int
need(const void **out, const struct rpx *r, enum rpx_kind kind, uint64_t bytes, struct err *e)
{
	char name[5];
	size_t have;

	if ((*out = rpx_need(r, kind, &have, NULL, e)) == NULL)
		return -1;
	if (have == bytes)
		return 0;
	rpx_kind_name(kind, name);
	return err_set(e, ERR_CORRUPT, "section %s has %zu bytes, not %llu", name, have,
	    (unsigned long long)bytes);
}

/* Files written before there were coarse codes have none. */
static int
open_coarse(struct dense *d, const struct rpx *r, struct err *e)
{
	size_t bytes;
	const void *coarse = rpx_find(r, RPX_COARSE, &bytes, NULL);

	d->coarse_stride = coarse_stride_of(d->h.dim);
	if (coarse == NULL)
		return 0;
	if (need(&coarse, r, RPX_COARSE, (uint64_t)d->h.rows * d->coarse_stride, e) == -1)
		return -1;
	d->coarse = coarse;
	return 0;
}

static int
open_same(struct dense *d, const struct rpx *r, struct err *e)
{
	size_t bytes;
	const uint32_t *p = rpx_find(r, RPX_SAME, &bytes, NULL);
	uint64_t groups, rows;

	if (p == NULL || bytes == 0)
		return 0;
	if (bytes < 8)
		return err_set(e, ERR_CORRUPT, "section same: cut short");
	groups = p[0];
	rows = p[1];
	if (groups > d->h.rows || rows > d->h.rows || bytes != 4 * (2 + 2 * groups + 1 + rows))
		return err_set(e, ERR_CORRUPT, "section same: sizes contradict each other");
	d->same_groups = (uint32_t)groups;
	d->same_rows = (uint32_t)rows;
	d->same_head = p + 2;
	d->same_at = d->same_head + groups;
	d->same_row = d->same_at + groups + 1;
	return 0;
}

static int
open_graph(struct dense *d, const struct rpx *r, struct err *e)
{
	const struct dense_header *h = &d->h;
	const void *links, *upper;
	uint64_t nodes_bytes = (uint64_t)h->upper_nodes * sizeof(struct upper_node);

	if (need(&links, r, RPX_LINKS, (uint64_t)h->rows * 8 * h->m, e) == -1 ||
	    need(&upper, r, RPX_UPPER, nodes_bytes + (uint64_t)h->upper_links * 4, e) == -1)
		return -1;
	d->links = links;
	d->upper = upper;
	d->upper_links = (const uint32_t *)((const uint8_t *)upper + nodes_bytes);
	return open_same(d, r, e);
}

int
dense_open(struct dense **out, const struct rpx *r, struct err *e)
{
	const void *header, *codes, *exact;
	struct dense *d = NULL;

	*out = NULL;
	if (need(&header, r, RPX_DENSE, DENSE_HEADER_BYTES, e) == -1)
		return -1;
	if ((d = calloc(1, sizeof *d)) == NULL)
		return err_sys(e, ERR_NOMEM, "dense section");
	memcpy(&d->h, header, sizeof d->h);
	if (check_header(&d->h, e) == -1 ||
	    need(&codes, r, RPX_CODES, (uint64_t)d->h.rows * d->h.code_stride, e) == -1 ||
	    need(&exact, r, RPX_EXACT, (uint64_t)d->h.rows * d->h.exact_stride, e) == -1)
		goto fail;
	d->code_bytes = code_bytes_of(d->h.dim);
	d->codes = codes;
	d->exact = exact;
	d->ops = vec_ops();
	if (open_coarse(d, r, e) == -1)
		goto fail;
	if ((d->h.flags & DENSE_HAS_GRAPH) && open_graph(d, r, e) == -1)
		goto fail;
	*out = d;
	return 0;
fail:
	dense_close(d);
	return -1;
}

void
dense_close(struct dense *d)
{
	free(d);
}

void
dense_info(const struct dense *d, struct dense_info *out)
{
	const struct dense_header *h = &d->h;

	*out = (struct dense_info){
	    .rows = h->rows,
	    .rows_with_vector = h->rows_with_vector,
	    .dim = h->dim,
	    .metric = (enum dense_metric)h->metric,
	    .exact = (enum dense_exact)h->exact,
	    .has_graph = d->links != NULL,
	    .m = h->m,
	    .ef_construction = h->ef_construction,
	    .hot_bytes = (size_t)h->rows * h->code_stride,
	    .scan_bytes = (size_t)h->rows *
		(d->coarse != NULL ? d->coarse_stride : h->code_stride),
	};
	memcpy(out->slack, h->slack, sizeof out->slack);
	if (d->links != NULL)
		out->hot_bytes += (size_t)h->rows * 8 * h->m +
		    h->upper_nodes * sizeof(struct upper_node) + (size_t)h->upper_links * 4;
}

const uint32_t *
dense_copies(const struct dense *d, uint32_t head, uint32_t *n)
{
	uint32_t lo = 0, hi = d->same_groups, mid, from, to;

	*n = 0;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (d->same_head[mid] < head)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == d->same_groups || d->same_head[lo] != head)
		return NULL;
	from = d->same_at[lo];
	to = d->same_at[lo + 1];
	if (from > to || to > d->same_rows)
		return NULL;
	*n = to - from;
	return d->same_row + from;
}

bool
dense_vector(const struct dense *d, uint32_t row, float *out)
{
	const uint8_t *exact;

	memset(out, 0, d->h.dim * sizeof *out);
	/* Where all have one, the code is not looked at: it is not near. */
	if (row >= d->h.rows ||
	    (d->h.rows_with_vector != d->h.rows && !dense_has_vector(d, row)))
		return false;
	exact = d->exact + (size_t)row * d->h.exact_stride;
	if (d->h.exact == DENSE_FP32)
		memcpy(out, exact, d->h.exact_stride);
	else
		d->ops->from_half(out, (const uint16_t *)(const void *)exact, d->h.dim);
	return true;
}

/* ---- verifying ---- */

static int
bad(struct err *e, const char *what, uint32_t row)
{
	return err_set(e, ERR_CORRUPT, "dense sections: %s of row %u", what, row);
}

static int
verify_codes(const struct dense *d, struct err *e)
{
	uint32_t with = 0;

	for (uint32_t row = 0; row < d->h.rows; row++) {
		const uint8_t *code = dense_code(d, row);
		const struct code_tail *t = dense_tail(d, row);
		uint32_t sum = 0;
		for (size_t i = 0; i < d->code_bytes; i++) {
			if (code[i] > CODE_MAX || (i >= d->h.dim && code[i] != 0))
				return bad(e, "bad code", row);
			sum += code[i];
		}
		if (sum != (t->sum & ~CODE_IS_HEAD) || !isfinite(t->lo) || !isfinite(t->step) ||
		    !isfinite(t->norm2) || t->step < 0 || t->norm2 < 0)
			return bad(e, "bad code record", row);
		with += t->norm2 != 0;
	}
	if (with != d->h.rows_with_vector)
		return err_set(e, ERR_CORRUPT, "dense sections: wrong number of vectors");
	return 0;
}

static int
verify_coarse(const struct dense *d, struct err *e)
{
	uint8_t record[COARSE_STRIDE_MAX];

	if (d->coarse == NULL)
		return 0;
	for (uint32_t row = 0; row < d->h.rows; row++) {
		dense_coarse_of_row(d, row, record);
		if (memcmp(record, d->coarse + row * d->coarse_stride, d->coarse_stride) != 0)
			return bad(e, "bad coarse code", row);
	}
	return 0;
}

static int
verify_links(const struct dense *d, struct err *e)
{
	size_t n = 2 * (size_t)d->h.m;

	for (uint32_t row = 0; row < d->h.rows; row++)
		for (size_t i = 0; i < n; i++) {
			uint32_t to = d->links[row * n + i];
			if (to >= d->h.rows || (to != row && !dense_has_vector(d, to)))
				return bad(e, "bad link", row);
		}
	return 0;
}

static int
verify_upper(const struct dense *d, struct err *e)
{
	uint32_t m = d->h.m;

	for (uint32_t i = 0; i < d->h.upper_nodes; i++) {
		struct upper_node u = d->upper[i];
		if (u.row >= d->h.rows || u.level == 0 || u.level > d->h.levels ||
		    (i > 0 && u.row <= d->upper[i - 1].row) ||
		    (uint64_t)u.at + (uint64_t)u.level * m > d->h.upper_links)
			return bad(e, "bad upper node", u.row);
		for (uint32_t k = 0; k < u.level * m; k++) {
			uint32_t to = d->upper_links[u.at + k];
			if (to >= d->h.upper_nodes || d->upper[to].level < k / m + 1)
				return bad(e, "bad upper link", u.row);
		}
	}
	return 0;
}

static int
verify_same(const struct dense *d, struct err *e)
{
	for (uint32_t g = 0; g < d->same_groups; g++) {
		uint32_t head = d->same_head[g];
		if (head >= d->h.rows || (g > 0 && head <= d->same_head[g - 1]) ||
		    d->same_at[g] >= d->same_at[g + 1] || d->same_at[g + 1] > d->same_rows ||
		    !(dense_tail(d, head)->sum & CODE_IS_HEAD))
			return bad(e, "bad group", head);
		for (uint32_t i = d->same_at[g]; i < d->same_at[g + 1]; i++)
			if (d->same_row[i] >= d->h.rows || d->same_row[i] <= head ||
			    memcmp(dense_code(d, d->same_row[i]), dense_code(d, head),
				d->code_bytes) != 0)
				return bad(e, "bad copy", head);
	}
	return 0;
}

int
dense_verify(const struct dense *d, struct err *e)
{
	if (verify_codes(d, e) == -1 || verify_coarse(d, e) == -1)
		return -1;
	if (d->links == NULL)
		return 0;
	if (verify_links(d, e) == -1 || verify_upper(d, e) == -1)
		return -1;
	return verify_same(d, e);
}
