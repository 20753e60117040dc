/* dense_scan.c - comparing every row by its code, in a file without coarse codes; and what
 * all scans share. */
#include <math.h>

#include "clk.h"
#include "dense_scratch.h"
#include "give_way.h"

/* Rows are rejected by score alone; the key, and whether the row has a vector, matter
 * for the few that are better than the pool's last. */
static void
offer(const struct dense *d, struct scan_lane *lane, const uint32_t *ids, const int32_t *dot,
    uint32_t n)
{
	struct pool *p = &lane->pool;
	float floor = p->len < p->cap ? -INFINITY : key_score(p->floor);

	for (uint32_t i = 0; i < n; i++) {
		const struct code_tail *t = dense_tail(d, ids[i]);
		float s = approx_score(&lane->query, t, dot[i]);
		if (!(s >= floor) || t->norm2 == 0)
			continue;
		if (pool_put(p, key_of(s, ids[i])) < p->cap && p->len == p->cap)
			floor = key_score(p->floor);
	}
}

uint32_t
scan_next_allowed(const uint64_t *allowed, uint32_t rows, uint32_t *row, uint32_t *ids)
{
	uint32_t n = 0, at = *row;

	while (at < rows && n < VEC_BATCH) {
		uint64_t word = allowed[at / 64] >> at % 64;
		if (word == 0) {
			at = (at / 64 + 1) * 64;
			continue;
		}
		at += (uint32_t)__builtin_ctzll(word);
		if (at < rows)
			ids[n++] = at++;
	}
	*row = at;
	return n;
}

static uint32_t
next_rows(uint32_t rows, uint32_t *row, uint32_t *ids)
{
	uint32_t n = rows - *row < VEC_BATCH ? rows - *row : VEC_BATCH;

	for (uint32_t i = 0; i < n; i++)
		ids[i] = *row + i;
	*row += n;
	return n;
}

bool
scan_is_late(const struct dense_ask *ask, uint32_t *until_check, struct dense_report *report)
{
	if (ask->deadline_ns == 0 || (*until_check -= VEC_BATCH) > 0)
		return false;
	*until_check = SCAN_ROWS_A_DEADLINE;
	report->cut = clk_ns() > ask->deadline_ns;
	return report->cut;
}

void
dense_scan_codes(const struct dense *d, const struct dense_ask *ask, struct scan_lane *lane,
    uint32_t lanes, struct dense_report *report)
{
	uint32_t rows = d->h.rows, row = 0, first, n, until_check = SCAN_ROWS_A_DEADLINE;
	uint32_t ids[VEC_BATCH];
	int32_t dot[VEC_BATCH];

	report->scanned = true;
	while (row < rows) {
		first = row;
		n = ask->allowed != NULL ? scan_next_allowed(ask->allowed, rows, &row, ids)
					 : next_rows(rows, &row, ids);
		for (uint32_t l = 0; l < lanes; l++) {
			const int8_t *q = lane[l].query.code;
			if (ask->allowed != NULL)
				d->ops->dot7_ids(q, d->code_bytes, d->codes, d->h.code_stride,
				    ids, n, dot);
			else
				d->ops->dot7_rows(q, d->code_bytes, dense_code(d, first),
				    d->h.code_stride, n, dot);
			offer(d, &lane[l], ids, dot, n);
		}
		report->scored += n * lanes;
		give_way_after((uint64_t)n * lanes * SCAN_ROW_NS);
		if (scan_is_late(ask, &until_check, report))
			return;
	}
}
