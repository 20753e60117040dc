/* hnsw_build.h - the graph builder's workshop, shared by building anew and renewing.
 * Private to hnsw_*.c. */
#ifndef RAGPOOL_HNSW_BUILD_H
#define RAGPOOL_HNSW_BUILD_H

#include "dense_build.h"

enum { HNSW_NO_LEVEL = 0xff };

/* A row as a query by its own code: likeness(b) = score of the two dequantised rows =
 *   by_lo * lo_b + step_b * (by_step_sum * sum_b + by_step_dot * dot7)
 *   - by_norm2 * norm2_b - norm2 */
struct hnsw_like {
	const int8_t *code;
	float by_lo;
	float by_step_sum;
	float by_step_dot;
	float by_norm2;
	float norm2;
	float origin;			/* likeness at distance 0 */
};

void hnsw_like(struct hnsw_like *q, const struct dense *d, uint32_t row);
void hnsw_likeness(const struct dense *d, const struct hnsw_like *q, const uint32_t *rows,
    uint32_t n, float *out);
/* At most `most` of the n candidates, best first, none of which has a chosen one nearer to
 * it than the row they are candidates for (algorithm 4 of the paper). */
uint32_t hnsw_choose(const struct dense *d, const uint64_t *key, uint32_t n, uint32_t most,
    uint32_t *out);

struct hnsw_builder;

/* One thread's own memory. */
struct hnsw_hand {
	struct hnsw_builder *builder;
	uint32_t number;
	uint64_t *seen;
	uint64_t *pool;
};

struct hnsw_builder {
	const struct told *told;	/* may be NULL */
	const struct dense *d;
	const struct dense_same *same;
	struct hnsw *g;
	uint32_t m;
	uint32_t ef;
	uint64_t seed;
	size_t seen_bytes;
	uint8_t *level;			/* of each row */
	uint8_t *count0;		/* links at the bottom */
	uint32_t *upper_of;		/* row: index in g->upper */
	uint8_t *upper_count;		/* links of each upper list */
	uint32_t inserted;
	uint32_t entry;
	uint32_t top;			/* level of entry */
	const uint32_t *batch;
	uint32_t batch_len;
	uint32_t *own;			/* what each row of the batch chose */
	uint8_t *own_count;
	uint32_t next;
	bool is_linking;
	uint32_t hands;
	struct hnsw_hand *hand;
};

/* b->d, same and g are set, the rest is zero.  levels: HNSW_NO_LEVEL where one is to be
 * drawn, or NULL.  On failure too, hnsw_release() follows. */
int hnsw_begin(struct hnsw_builder *b, const struct dense_params *p, const uint8_t *levels,
    struct err *e);
uint32_t hnsw_order(const struct hnsw_builder *b, const uint8_t *skip, uint32_t *order);
void hnsw_insert(struct hnsw_builder *b, const uint32_t *rows, uint32_t n);
void hnsw_end(struct hnsw_builder *b);
void hnsw_release(struct hnsw_builder *b);
/* A row's list on a level, rows as entries, and its length. */
uint32_t *hnsw_list(const struct hnsw_builder *b, uint32_t row, uint32_t level,
    uint8_t **count);

/* Takes the graph of the base over.  1: the base cannot be used, nothing was done. */
int hnsw_renew(struct hnsw *g, const struct dense *d, const struct dense_same *same,
    const struct dense_params *p, const struct dense_base *base, struct err *e);

#endif
