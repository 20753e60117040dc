/* grow.c - which rows of a new generation are rows of the one before. */
#include "grow.h"

#include <stdlib.h>
#include <string.h>

struct named {
	uint64_t chunk;
	uint32_t row;
};

static int
by_name(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	if (x->chunk != y->chunk)
		return x->chunk < y->chunk ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static struct named *
sorted(const struct index_row *rows, uint32_t n, struct err *e)
{
	struct named *list = malloc(((size_t)n + 1) * sizeof *list);

	if (list == NULL) {
		err_sys(e, ERR_NOMEM, "%u rows", n);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		list[i] = (struct named){rows[i].chunk, i};
	qsort(list, n, sizeof *list, by_name);
	return list;
}

static void
match(struct grow *g, const struct named *new, const struct named *old)
{
	uint32_t i = 0, k = 0;

	while (i < g->rows && k < g->old_rows) {
		if (new[i].chunk < old[k].chunk) {
			i++;
		} else if (new[i].chunk > old[k].chunk) {
			k++;
		} else {
			g->old_row_of_new[new[i++].row] = old[k++].row;
			g->same++;
		}
	}
}

int
grow_match(struct grow *g, const struct index_row *rows, uint32_t n,
    const struct index_row *old, uint32_t old_n, struct err *e)
{
	struct named *a = NULL, *b = NULL;
	int rc = -1;

	*g = (struct grow){.rows = n, .old_rows = old_n};
	if ((a = sorted(rows, n, e)) == NULL || (b = sorted(old, old_n, e)) == NULL)
		goto out;
	if ((g->old_row_of_new = malloc(((size_t)n + 1) * sizeof *g->old_row_of_new)) == NULL) {
		err_sys(e, ERR_NOMEM, "%u rows", n);
		goto out;
	}
	for (uint32_t i = 0; i < n; i++)
		g->old_row_of_new[i] = DENSE_NO_ROW;
	match(g, a, b);
	rc = 0;
out:
	free(a);
	free(b);
	return rc;
}

void
grow_fini(struct grow *g)
{
	free(g->old_row_of_new);
	memset(g, 0, sizeof *g);
}

uint64_t
grow_changed(const struct grow *g)
{
	uint32_t came = g->rows - g->same, went = g->old_rows - g->same;

	return came > went ? came : went;
}

bool
grow_is_gone_too_much(const struct grow *g)
{
	uint64_t went = g->old_rows - g->same;

	return went * 100 > (uint64_t)g->old_rows * GROW_GONE_MAX_PERCENT;
}

bool
grow_is_trained_too_long_ago(const struct grow *g, uint64_t before)
{
	return (before + grow_changed(g)) * 100 >= (uint64_t)g->rows * GROW_CHANGED_PERCENT;
}
