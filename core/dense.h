/* dense.h - nearest vectors: the dense sections of index.rpx, written once, searched often.
 *
 * Every vector is kept three times: as a 7-bit code with its own affine pair, which the
 * graph walk reads; in 3 bits a value with a bound on what that loses, which scans read; and
 * exactly (halves or floats), read only for the last few candidates.  Small collections are
 * scanned; large ones carry an HNSW graph.
 *
 * Shapes  rows 0..rows-1 of one dimension, 1 <= dim <= INDEX_DIM_MAX.  A row whose vector
 *         is all zeros has no vector and is never returned.
 * Scores  larger is better, ties go to the lower row:
 *           cosine  cosine of the angle; vectors and queries are normalised here
 *           ip      inner product
 *           l2      minus the squared distance
 *         Scores of hits come from the exact vectors (halves: 11 bits).
 * Result  always min(k, rows with a vector that are allowed) hits, unless the deadline cut
 *         the search short.  The same question gives the same answer on every CPU tier.
 *         A scan is exact, but for `nearly`: its hits are those of comparing every exact vector.  (A file
 *         without coarse codes is scanned by the 7-bit ones, of which 2k rows, at least 20,
 *         are re-ranked.)
 * Memory  a struct dense borrows the struct rpx it was opened on.
 * Threads a struct dense may be shared; a struct dense_scratch belongs to one thread.
 * Trust   sections are input: what opening reads is checked there, ids are checked where
 *         they are followed.  Wrong bytes give wrong answers, never a wild read.
 * Cost    open O(1).  Scan of 384 dimensions about 9 to 15 ns a row; see bench/bench_ann.
 * Source  HNSW: Malkov, Yashunin 2016.  Codes in 7 bits so that every instruction set
 *         computes the same integer.  Sorted pool and bitset instead of two heaps.
 */
#ifndef RAGPOOL_DENSE_H
#define RAGPOOL_DENSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "told.h"
#include "rpx.h"

enum dense_metric { DENSE_COSINE, DENSE_IP, DENSE_L2, DENSE_METRIC_MAX };
enum dense_exact { DENSE_FP16, DENSE_FP32, DENSE_EXACT_MAX };
enum dense_graph { DENSE_GRAPH_AUTO, DENSE_GRAPH_NEVER, DENSE_GRAPH_ALWAYS };

enum {
	DENSE_M = 16,			/* links a node, twice as many at the bottom */
	DENSE_M_MAX = 64,
	DENSE_EF_CONSTRUCTION = 200,
	DENSE_EF_MAX = 1 << 16,
	DENSE_NO_ROW = 0xffffffff,
};

/* ---- writing ---- */

struct dense_params {
	uint32_t dim;
	enum dense_metric metric;
	enum dense_exact exact;		/* halves turn to floats when a value needs it */
	enum dense_graph graph;		/* auto: from 4,096 rows on */
	unsigned m;			/* 0: DENSE_M */
	unsigned ef_construction;	/* 0: DENSE_EF_CONSTRUCTION */
	unsigned threads;		/* 0: crew_size(); the bytes are always the same */
	uint64_t seed;
	const struct told *told;	/* of the rows that are linked; may be NULL */
	/* Vectors such as will be asked, dim floats each, borrowed: walks are calibrated by
	 * 500 of them.  NULL, or fewer than 50: by vectors made of rows. */
	const float *questions;
	uint32_t question_count;
};

/* The previous generation, whose graph is used again for rows that did not change. */
struct dense_base {
	const struct dense *old;
	const uint32_t *old_row_of_new;	/* rows entries; DENSE_NO_ROW for a new row */
	bool keeps_vectors;		/* old rows keep code and exact vector as they are there;
					 * `vectors` is not read for them */
};

/* What a build did; every field is filled. */
struct dense_built {
	uint32_t rows_with_vector;
	uint32_t nodes;			/* of the graph, 0 without one */
	uint32_t reused;		/* nodes taken over from the base */
	uint32_t healed;		/* nodes relinked around deleted ones */
	float slack[3];			/* for recall 0.90, 0.95 and 0.99, as estimated */
	float recall[3];		/* that these reached on the sample */
};

/* Adds the sections of rows x dim floats to w.  The vectors of all rows are needed, also
 * with a base that does not keep its vectors: a row counts as unchanged only if its bytes
 * are.  One that keeps them must have the same dimension, metric and exact kind, or
 * ERR_RANGE.  base and built may be NULL.  A base of other parameters, or of which more
 * than a fifth went away, is not used; built->reused tells.  Errors: ERR_RANGE for
 * parameters and for a value that is not finite or too large to square, ERR_NOMEM, and the
 * writer's own. */
int dense_write(struct rpx_writer *w, const float *vectors, uint32_t rows,
    const struct dense_params *p, const struct dense_base *base, struct dense_built *built,
    struct err *e);

/* ---- reading ---- */

struct dense;
struct dense_scratch;

/* r is borrowed and has to outlive *out. */
int dense_open(struct dense **out, const struct rpx *r, struct err *e);
void dense_close(struct dense *d);
/* Reads everything: each link, each number.  For `check`, not for opening. */
int dense_verify(const struct dense *d, struct err *e);

struct dense_info {
	uint32_t rows;
	uint32_t rows_with_vector;
	uint32_t dim;
	enum dense_metric metric;
	enum dense_exact exact;
	bool has_graph;
	unsigned m;
	unsigned ef_construction;
	float slack[3];			/* for recall 0.90, 0.95, 0.99, by calibration */
	size_t hot_bytes;		/* codes and links: what walking touches */
	size_t scan_bytes;		/* coarse codes: what scanning touches */
};
void dense_info(const struct dense *d, struct dense_info *out);

/* The exact vector of a row (normalised for cosine) into out[dim]; false and zeros when
 * the row has none or does not exist. */
bool dense_vector(const struct dense *d, uint32_t row, float *out);
/* Exact score of one row; -INFINITY when it has no vector or does not exist. */
float dense_score(const struct dense *d, uint32_t row, const float *query);
/* The same of many rows for one query: ready[dim] is what dense_ready() made of it. */
void dense_ready(const struct dense *d, const float *query, float *ready);
/* Brings the exact vector of a row near, which is asked for next; or after other work, which
 * keeps the first cache for itself: of 30 vectors, half of it. */
void dense_fetch_exact(const struct dense *d, uint32_t row);
void dense_fetch_exact_early(const struct dense *d, uint32_t row);
float dense_score_ready(const struct dense *d, uint32_t row, const float *ready);

/* Working memory, kept from query to query; grows to the largest index it met. */
struct dense_scratch *dense_scratch_new(struct err *e);
void dense_scratch_free(struct dense_scratch *s);

struct dense_hit {
	uint32_t row;
	float score;
};

struct dense_options {
	uint32_t k;			/* 1.. */
	float recall;			/* 0: 0.95.  An estimate: see dense_params.questions */
	float slack;			/* not 0: how far behind the k-th hit to look on, as
					 * a part of its squared distance, instead of recall */
	uint32_t ef;			/* not 0: a walk of this fixed width instead */
	bool exact;			/* scan in spite of a graph */
	bool nearly;			/* a scan may go by what rounding loses in all
					 * likelihood instead of at most: it misses one hit in a
					 * million or fewer, and reads a tenth of the exact vectors */
	const uint64_t *allowed;	/* bit of each row, borrowed; NULL: all rows */
	uint32_t allowed_count;		/* how many bits are set, exactly */
	int64_t deadline_ns;		/* on clk_ns(); 0: none */
};

/* How a search went. */
struct dense_report {
	uint32_t scored;		/* codes compared */
	uint32_t exact;			/* rows whose exact vector a scan read */
	bool scanned;			/* by scan, or by walk and then scan */
	bool cut;			/* by the deadline: hits may be missing */
};

/* Best first into out[k]; their number into *count.  report may be NULL.  A query of
 * zeros has no direction: no hits under cosine and ip.  Errors: ERR_RANGE for k,
 * ERR_INPUT for a query that is not finite, ERR_NOMEM. */
int dense_search(const struct dense *d, struct dense_scratch *s, const float *query,
    const struct dense_options *o, struct dense_hit *out, uint32_t *count,
    struct dense_report *report, struct err *e);

/* `queries` queries of dim floats in a row, o for each: hits of query i at out[i * k].
 * Where each would be scanned, one pass over the codes serves all. */
int dense_search_many(const struct dense *d, struct dense_scratch *s, const float *query,
    uint32_t queries, const struct dense_options *o, struct dense_hit *out, uint32_t *count,
    struct err *e);

#endif
