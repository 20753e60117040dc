/* dense_scratch.h - the working memory of a search and the steps that share it.
 * Private to dense_*.c and hnsw_*.c. */
#ifndef RAGPOOL_DENSE_SCRATCH_H
#define RAGPOOL_DENSE_SCRATCH_H

#include "dense_format.h"

struct dense_scratch {
	int8_t *code;			/* queries: code_bytes each, 64 apart at least */
	size_t code_bytes;
	float *exact;
	size_t exact_bytes;
	uint64_t *pool;			/* of each query */
	size_t pool_bytes;
	uint64_t *final;		/* re-ranked */
	size_t final_bytes;
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
	struct pool pool;
};

/* What is asked, apart from the vector. */
struct dense_ask {
	const uint64_t *allowed;	/* NULL: all */
	uint32_t allowed_count;
	int64_t deadline_ns;
	uint32_t ef;			/* places in the pool */
	uint32_t k;
	uint32_t keep;			/* rows to find before slack counts */
	float slack;			/* behind the k-th; INFINITY: ef alone counts */
	uint32_t budget;		/* codes a walk may compare before it gives up */
};

/* Offers every allowed row that has a vector to every lane's pool. */
void dense_scan(const struct dense *d, const struct dense_ask *ask, struct scan_lane *lane,
    uint32_t lanes, struct dense_report *report);

/* Walks the graph; the best ef rows into the pool.  False when it gave up: out of budget,
 * or out of graph before `wanted` rows were found.  Scratch is fitted by hnsw_fit(). */
int hnsw_fit(const struct dense *d, struct dense_scratch *s, const struct dense_ask *ask,
    struct err *e);
bool hnsw_walk(const struct dense *d, struct dense_scratch *s, const struct dense_query *q,
    const struct dense_ask *ask, uint32_t wanted, struct pool *pool,
    struct dense_report *report);

#endif
