/* dense_scratch.h - the working memory of a search and the steps that share it.
 * Private to dense_*.c and hnsw_*.c. */
#ifndef RAGPOOL_DENSE_SCRATCH_H
#define RAGPOOL_DENSE_SCRATCH_H

#include "dense_coarse.h"

struct dense_scratch {
	int8_t *code;			/* queries: code_bytes each, 64 apart at least */
	size_t code_bytes;
	float *exact;
	size_t exact_bytes;
	uint64_t *pool;			/* of each query */
	size_t pool_bytes;
	uint64_t *final;		/* re-ranked */
	size_t final_bytes;
	int8_t *coarse;			/* queries turned: coarse_values_of(dim) each */
	size_t coarse_bytes;
	uint8_t *unpacked;		/* coarse codes of a batch */
	size_t unpacked_bytes;
	float *upper;			/* of each query: bounds of a chunk's rows */
	size_t upper_bytes;
	uint32_t *rows;			/* of a chunk, under a filter */
	size_t rows_bytes;
	uint64_t *seen;			/* a bit a row, all clear between searches */
	size_t seen_bytes;
	uint32_t *touched;		/* rows whose bit is set, as far as they fit */
	size_t touched_bytes;
	uint64_t *open;			/* heap of a filtered walk */
	size_t open_bytes;
};

/* *array holds at least `bytes`, zeroed where it grew anew; contents are lost. */
int scratch_fit(void *array, size_t *have, size_t bytes, struct err *e);

/* One query on its way through a scan. */
struct scan_lane {
	struct dense_query query;
	struct pool pool;		/* by codes; by coarse codes: bounds of a chunk */
	struct coarse_query coarse;
	struct pool best;		/* by exact scores, k of them */
	float *upper;
};

/* What is asked, apart from the vector. */
struct dense_ask {
	const uint64_t *allowed;	/* NULL: all */
	uint32_t allowed_count;
	int64_t deadline_ns;
	uint32_t ef;			/* places in the pool */
	uint32_t k;
	uint32_t keep;			/* rows to find before slack counts */
	bool nearly;			/* dense_options.nearly */
	float slack;			/* behind the k-th; INFINITY: ef alone counts */
	uint32_t budget;		/* codes a walk may compare before it gives up */
};

enum { SCAN_ROWS_A_DEADLINE = 4096, SCAN_ROW_NS = 10 };

/* The next rows that are allowed, at most VEC_BATCH; *row is where to go on. */
uint32_t scan_next_allowed(const uint64_t *allowed, uint32_t rows, uint32_t *row,
    uint32_t *ids);
/* Whether the deadline has come, asked once a batch; *until_check begins at
 * SCAN_ROWS_A_DEADLINE. */
bool scan_is_late(const struct dense_ask *ask, uint32_t *until_check,
    struct dense_report *report);

/* By coarse codes: the exact k best of the allowed rows into every lane's `best`.  `pool` is
 * room for 2k keys, scratch is fitted here. */
int dense_scan_coarse(const struct dense *d, struct dense_scratch *s,
    const struct dense_ask *ask, struct scan_lane *lane, uint32_t lanes,
    struct dense_report *report, struct err *e);
/* By codes, for an index without coarse ones: offers every allowed row that has a vector to
 * every lane's pool. */
void dense_scan_codes(const struct dense *d, const struct dense_ask *ask,
    struct scan_lane *lane, uint32_t lanes, struct dense_report *report);

/* Walks the graph; the best ef rows into the pool.  False when it gave up: out of budget,
 * or out of graph before `wanted` rows were found.  Scratch is fitted by hnsw_fit(). */
int hnsw_fit(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct err *e);
bool hnsw_walk(const struct dense *d, struct dense_scratch *s, const struct dense_query *q,
    const struct dense_ask *ask, uint32_t wanted, struct pool *pool,
    struct dense_report *report);

#endif
