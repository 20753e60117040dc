/* dense_same.c - rows with equal vectors share one node of the graph.
 *
 * Many copies of one vector would link only to each other and cut the graph apart (boiler
 * plate pages do that).  Equal means: the stored bytes are, code and exact vector. */
#include <stdlib.h>

#include "dense_build.h"
#include "hash.h"

struct print {
	uint32_t crc;
	uint32_t row;
};

static int
by_print(const void *a, const void *b)
{
	const struct print *x = a, *y = b;

	if (x->crc != y->crc)
		return x->crc < y->crc ? -1 : 1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static bool
is_equal(const struct dense *d, uint32_t a, uint32_t b)
{
	size_t exact = d->h.exact_stride;

	return memcmp(dense_code(d, a), dense_code(d, b), d->h.code_stride) == 0 &&
	    memcmp(d->exact + a * exact, d->exact + b * exact, exact) == 0;
}

static uint32_t
take_prints(const struct dense *d, struct print *print)
{
	uint32_t n = 0;

	for (uint32_t row = 0; row < d->h.rows; row++)
		if (dense_has_vector(d, row))
			print[n++] = (struct print){
			    hash_crc32c(0, d->exact + (size_t)row * d->h.exact_stride,
				d->h.exact_stride), row};
	qsort(print, n, sizeof *print, by_print);
	return n;
}

/* Within one run of equal checksums, in ascending order: a row joins the first head it
 * equals, or is one.  Different vectors of one checksum are rare; the heads of a run are
 * then compared one after the other. */
static void
join_run(const struct dense *d, struct dense_same *same, const struct print *run, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t row = run[i].row;
		same->head[row] = row;
		for (uint32_t k = 0; k < i && same->head[row] == row; k++)
			if (same->head[run[k].row] == run[k].row &&
			    is_equal(d, run[k].row, row)) {
				same->head[row] = run[k].row;
				break;
			}
	}
}

static int
write_section(const struct dense *d, struct dense_same *same, uint8_t *codes, struct err *e)
{
	uint32_t rows = d->h.rows, copies = 0, groups = 0, at = 0, *size, *head, *from, *row;

	if ((size = calloc((size_t)rows + 1, sizeof *size)) == NULL)
		return err_sys(e, ERR_NOMEM, "dense build");
	for (uint32_t i = 0; i < rows; i++) {
		if (same->head[i] == DENSE_NO_ROW)
			continue;
		same->nodes += same->head[i] == i;
		if (same->head[i] == i)
			continue;
		copies++;
		groups += size[same->head[i]]++ == 0;
	}
	same->groups = groups;
	same->section_bytes = groups == 0 ? 0 : 4 * (2 + 2 * (size_t)groups + 1 + copies);
	if (groups > 0 && (same->section = malloc(same->section_bytes)) == NULL) {
		free(size);
		return err_sys(e, ERR_NOMEM, "dense build");
	}
	if (groups > 0) {
		same->section[0] = groups;
		same->section[1] = copies;
		head = same->section + 2;
		from = head + groups;
		row = from + groups + 1;
		for (uint32_t i = 0, g = 0; i < rows; i++) {
			struct code_tail *t =
			    (void *)(codes + (size_t)i * d->h.code_stride + d->code_bytes);
			if (size[i] == 0)
				continue;
			t->sum |= CODE_IS_HEAD;
			head[g] = i;
			from[g++] = at;
			at += size[i];
			size[i] = at - size[i];	/* now: where its next copy goes */
		}
		from[groups] = copies;
		for (uint32_t i = 0; i < rows; i++)
			if (same->head[i] != DENSE_NO_ROW && same->head[i] != i)
				row[size[same->head[i]]++] = i;
	}
	free(size);
	return 0;
}

int
dense_same_find(struct dense_same *same, const struct dense *d, uint8_t *codes, struct err *e)
{
	uint32_t rows = d->h.rows, n;
	struct print *print = malloc(((size_t)rows + 1) * sizeof *print);
	int rc = -1;

	memset(same, 0, sizeof *same);
	same->head = malloc(((size_t)rows + 1) * sizeof *same->head);
	if (print == NULL || same->head == NULL) {
		err_sys(e, ERR_NOMEM, "dense build");
		goto out;
	}
	memset(same->head, 0xff, (size_t)rows * sizeof *same->head);
	n = take_prints(d, print);
	for (uint32_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && print[end].crc == print[i].crc;)
			end++;
		join_run(d, same, print + i, end - i);
	}
	rc = write_section(d, same, codes, e);
out:
	free(print);
	return rc;
}

void
dense_same_free(struct dense_same *same)
{
	free(same->head);
	free(same->section);
	memset(same, 0, sizeof *same);
}
