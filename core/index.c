/* index.c - one generation, open. */
#include "index.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

static int
open_rows(struct index *x, struct err *e)
{
	size_t bytes;
	uint64_t items;

	if ((x->row = rpx_need(&x->rpx, RPX_ROWS, &bytes, &items, e)) == NULL)
		return -1;
	if (items > INDEX_ROWS_MAX || bytes != items * sizeof *x->row ||
	    items != x->manifest.chunks)
		return err_set(e, ERR_CORRUPT, "index.rpx: %llu rows, the manifest says %llu",
		    (unsigned long long)items, (unsigned long long)x->manifest.chunks);
	x->rows = (uint32_t)items;
	return 0;
}

static int
open_columns(struct index *x, struct err *e)
{
	if (columns_open(&x->columns, &x->rpx, e) == -1)
		return -1;
	if (x->columns != NULL && columns_documents(x->columns) != x->manifest.documents)
		return err_set(e, ERR_CORRUPT, "index.rpx: columns of %u documents, the manifest "
			"says %llu", columns_documents(x->columns),
		    (unsigned long long)x->manifest.documents);
	return 0;
}

static int
open_vectors(struct index *x, const char *dir, struct err *e)
{
	struct dense_info info;

	if (embed_open(&x->embed, &x->rpx, dir, lex_terms(x->lex), e) == -1)
		return -1;
	if (embed_dim(x->embed) != x->manifest.dim)
		return err_set(e, ERR_CORRUPT,
		    "index.rpx: vectors of %u numbers, the manifest says %u",
		    embed_dim(x->embed), x->manifest.dim);
	if (x->manifest.dim == 0)
		return 0;
	if (dense_open(&x->dense, &x->rpx, e) == -1)
		return -1;
	dense_info(x->dense, &info);
	if (info.rows != x->rows || info.dim != x->manifest.dim)
		return err_set(e, ERR_CORRUPT, "index.rpx: sections disagree about the vectors");
	return 0;
}

static int
open_parts(struct index *x, const char *dir, struct err *e)
{
	char path[PATH_MAX];

	if (manifest_read(&x->manifest, dir, NULL, e) == -1)
		return -1;
	if (strcmp(x->manifest.tenant, x->tenant) != 0)
		return err_set(e, ERR_CORRUPT, "the manifest is of tenant %s", x->manifest.tenant);
	if (file_join(path, sizeof path, dir, "index.rpx", e) == -1 ||
	    rpx_open(&x->rpx, path, e) == -1)
		return -1;
	if (strcmp(x->rpx.tenant, x->tenant) != 0)
		return err_set(e, ERR_CORRUPT, "index.rpx is of tenant %s", x->rpx.tenant);
	if (open_rows(x, e) == -1 || lex_open(&x->lex, &x->rpx, e) == -1)
		return -1;
	if (lex_rows(x->lex) != x->rows)
		return err_set(e, ERR_CORRUPT, "index.rpx: sections disagree about the rows");
	if (open_columns(x, e) == -1 || open_vectors(x, dir, e) == -1 ||
	    file_join(path, sizeof path, dir, "store.db", e) == -1)
		return -1;
	return store_open(&x->store, path, e);
}

int
index_open(struct index **out, const char *data_dir, const char *tenant, const char *generation,
    struct err *e)
{
	char dir[PATH_MAX];
	struct index *x;

	*out = NULL;
	if (generation_name_check(generation, e) == -1 ||
	    generation_dir(dir, data_dir, tenant, generation, e) == -1)
		return -1;
	if ((x = calloc(1, sizeof *x)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", dir);
	memcpy(x->tenant, tenant, strlen(tenant));
	memcpy(x->generation, generation, strlen(generation));
	if (open_parts(x, dir, e) == -1) {
		err_prefix(e, "%s/%s", tenant, generation);
		index_close(x);
		return -1;
	}
	*out = x;
	return 0;
}

void
index_close(struct index *x)
{
	if (x == NULL)
		return;
	store_close(x->store);
	dense_close(x->dense);
	embed_close(x->embed);
	lex_close(x->lex);
	columns_close(x->columns);
	rpx_close(&x->rpx);
	free(x);
}

static int
verify_rows(const struct index *x, struct err *e)
{
	uint32_t last = 0;

	for (uint32_t row = 0; row < x->rows; row++) {
		uint32_t d = x->row[row].document;
		if (d < 1 || d > x->manifest.documents || d < last)
			return err_set(e, ERR_CORRUPT, "index.rpx: row %u is of document %u", row, d);
		last = d;
	}
	return 0;
}

int
index_verify(struct index *x, struct err *e)
{
	if (verify_rows(x, e) == -1 || lex_verify(x->lex, e) == -1 ||
	    (x->dense != NULL && dense_verify(x->dense, e) == -1) ||
	    store_verify(x->store, x->manifest.documents, x->manifest.chunks, e) == -1) {
		err_prefix(e, "%s/%s", x->tenant, x->generation);
		return -1;
	}
	return 0;
}

int
index_filter(const struct index *x, const struct filter *f, uint64_t *out, uint32_t *count,
    struct arena *a, struct err *e)
{
	uint32_t documents = x->columns != NULL ? columns_documents(x->columns) : 0;
	uint64_t *is = arena_calloc(a, documents / 64 + 1, sizeof *is);

	*count = 0;
	if (x->columns == NULL)
		return err_set(e, ERR_UNAVAILABLE,
		    "this generation was built without columns to filter by; build it again");
	if (is == NULL)
		return err_set(e, ERR_NOMEM, "no memory for the filter");
	if (columns_filter(x->columns, f, is, a, e) == -1)
		return -1;
	memset(out, 0, ((size_t)x->rows + 63) / 64 * sizeof *out);
	for (uint32_t row = 0; row < x->rows; row++) {
		uint32_t d = x->row[row].document - 1;	/* from 1: 0 is out of bounds too */
		if (d >= documents)
			return err_set(e, ERR_CORRUPT, "index.rpx: row %u has no document", row);
		if ((is[d / 64] >> d % 64 & 1) == 0)
			continue;
		out[row / 64] |= UINT64_C(1) << row % 64;
		++*count;
	}
	return 0;
}

const char *
index_generation(const struct index *x)
{
	return x->generation;
}
