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
	if (file_join(path, sizeof path, dir, "store.db", e) == -1)
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
	lex_close(x->lex);
	rpx_close(&x->rpx);
	free(x);
}

const char *
index_generation(const struct index *x)
{
	return x->generation;
}
