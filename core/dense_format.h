/* dense_format.h - the dense sections byte by byte, and the opened index.
 * Private to dense_*.c and hnsw_*.c.
 *
 * RPX_DENSE, 128 bytes:
 *
 *   OFFSET SIZE MEANING
 *        0    4 layout version, 1
 *        4    4 bytes of this header, 128
 *        8    4 rows
 *       12    4 dim
 *       16    1 metric: 0 cosine, 1 ip, 2 l2
 *       17    1 exact vectors: 0 halves, 1 floats
 *       18    1 bits of a code, 7
 *       19    1 levels of the graph above the bottom
 *       20    4 code stride, bytes: dim rounded up to 16, and 16
 *       24    4 exact stride, bytes: 2 or 4 times dim
 *       28    4 flags: 1 the graph sections are present
 *       32    4 rows that have a vector
 *       36    4 nodes of the graph (rows less further copies of a vector)
 *       40    4 m, links a node above the bottom; 2m at the bottom
 *       44    4 efConstruction
 *       48    4 row the walk starts from when no node is above the bottom
 *       52    4 index in RPX_UPPER the walk starts from, else 0xffffffff
 *       56    4 nodes in RPX_UPPER
 *       60    4 links in RPX_UPPER
 *       64    8 seed
 *       72   12 f32 slack[3] of a walk for recall 0.90, 0.95, 0.99
 *       84   12 f32 recall[3] these reach on the sample, at most 0.90, 0.95, 0.99 by
 *            interpolation
 *       96    4 nodes deleted since the graph was last built anew
 *      100    4 f32 length of the longest vector
 *      104   24 0
 *
 * RPX_CODES  rows records of the code stride:
 *            u8 code[dim rounded up to 16], zeros behind dim;
 *            f32 lo, f32 step: v[i] ~ lo + step * code[i]; f32 norm2; u32 sum of the codes,
 *            in its top bit whether RPX_SAME lists the row as a head.
 *            A record of zeros has no vector (norm2 is 0 for no other).
 *            400 bytes at 384 dimensions: 16-byte alignment makes every record touch
 *            exactly 7 lines, as padding to 448 would, and a scan reads 11 % less.
 * RPX_EXACT  rows x dim halves or floats.
 * RPX_COARSE rows records, what a scan reads: the exact vector turned (dense_coarse.c) and
 *            rounded to 3 bits, 128 values in 48 bytes (vec.h, vec_pack3), the last group
 *            filled up with zeros; f32 step: turned[i] ~ step * (code[i] - 3.5); f32 error:
 *            not below the length of what that leaves, rounding included, 0 for a row
 *            without a vector and no other; f32 norm2 of the exact vector.
 *            156 bytes at 384 dimensions.  May be absent: a scan then reads RPX_CODES.
 * RPX_LINKS  rows x 2m u32: neighbours, a short list is filled up with the row itself, so
 *            that a walk needs neither count nor branch.
 * RPX_UPPER  nodes of level 1 and above, by row: {u32 row, u32 level, u32 at} each; then
 *            u32 links, m for each level 1..level, from `at` on: indices in this section,
 *            filled up with the node itself.
 * RPX_SAME   u32 groups, u32 rows; u32 head[groups] ascending; u32 at[groups + 1];
 *            u32 row[rows], ascending in each group: rows equal to head[g], which alone
 *            is linked.  Empty without a graph or without copies.
 */
#ifndef RAGPOOL_DENSE_FORMAT_H
#define RAGPOOL_DENSE_FORMAT_H

#include <string.h>

#include "dense.h"
#include "vec.h"

enum {
	DENSE_LAYOUT = 1,
	DENSE_HEADER_BYTES = 128,
	DENSE_HAS_GRAPH = 1,
	DENSE_LEVELS_MAX = 16,
	CODE_MAX = 127,
	CODE_TAIL_BYTES = 16,
};
#define CODE_IS_HEAD 0x80000000u

struct dense_header {
	uint32_t layout;
	uint32_t header_bytes;
	uint32_t rows;
	uint32_t dim;
	uint8_t metric;
	uint8_t exact;
	uint8_t code_bits;
	uint8_t levels;
	uint32_t code_stride;
	uint32_t exact_stride;
	uint32_t flags;
	uint32_t rows_with_vector;
	uint32_t nodes;
	uint32_t m;
	uint32_t ef_construction;
	uint32_t entry_row;
	uint32_t entry_upper;
	uint32_t upper_nodes;
	uint32_t upper_links;
	uint64_t seed;
	float slack[3];
	float recall[3];
	uint32_t deleted;
	float longest;
	uint8_t zero[24];
};
_Static_assert(sizeof(struct dense_header) == DENSE_HEADER_BYTES, "a file format");
_Static_assert(offsetof(struct dense_header, seed) == 64, "a file format");
_Static_assert(offsetof(struct dense_header, deleted) == 96, "a file format");

/* Behind the codes of a row. */
struct code_tail {
	float lo;
	float step;
	float norm2;
	uint32_t sum;
};
_Static_assert(sizeof(struct code_tail) == CODE_TAIL_BYTES, "a file format");

/* Behind the coarse codes of a row. */
struct coarse_tail {
	float step;
	float error;
	float norm2;
};
_Static_assert(sizeof(struct coarse_tail) == 12, "a file format");

struct upper_node {
	uint32_t row;
	uint32_t level;
	uint32_t at;
};
_Static_assert(sizeof(struct upper_node) == 12, "a file format");

struct dense {
	struct dense_header h;		/* copied and checked */
	size_t code_bytes;		/* dim rounded up to 16 */
	const uint8_t *codes;
	const uint8_t *exact;
	const uint8_t *coarse;		/* NULL: the file has none */
	size_t coarse_stride;
	const struct vec_ops *ops;
	const uint32_t *links;		/* NULL without a graph */
	const struct upper_node *upper;
	const uint32_t *upper_links;
	uint32_t same_groups;
	uint32_t same_rows;
	const uint32_t *same_head;
	const uint32_t *same_at;
	const uint32_t *same_row;
};

static inline size_t
code_bytes_of(uint32_t dim)
{
	return ((size_t)dim + 15) & ~(size_t)15;
}

enum { COARSE_STRIDE_MAX = INDEX_DIM_MAX / 8 * 3 + sizeof(struct coarse_tail) };

/* Values of a coarse record, and its bytes with the tail. */
static inline size_t
coarse_values_of(uint32_t dim)
{
	return ((size_t)dim + VEC_GROUP - 1) / VEC_GROUP * VEC_GROUP;
}

static inline size_t
coarse_stride_of(uint32_t dim)
{
	return coarse_values_of(dim) / VEC_GROUP * VEC_GROUP_BYTES + sizeof(struct coarse_tail);
}

static inline const uint8_t *
dense_code(const struct dense *d, uint32_t row)
{
	return d->codes + (size_t)row * d->h.code_stride;
}

/* Sections are at least 4-aligned and so are the tails. */
static inline const struct code_tail *
dense_tail(const struct dense *d, uint32_t row)
{
	return (const void *)(dense_code(d, row) + d->code_bytes);
}

static inline bool
dense_has_vector(const struct dense *d, uint32_t row)
{
	return dense_tail(d, row)->norm2 != 0;
}

static inline bool
bit_is_set(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

/* The further rows of a head's group; their number into *n. */
const uint32_t *dense_copies(const struct dense *d, uint32_t head, uint32_t *n);

/* ---- keys: a score and a row in one integer that sorts as hits do ---- */

/* Larger key, better hit: the float's order in the high half, the lower row first in the
 * low half.  Bit 0 is free for a mark. */
static inline uint64_t
key_of(float score, uint32_t row)
{
	uint32_t x;

	memcpy(&x, &score, sizeof x);
	x ^= (x >> 31) ? 0xffffffffu : 0x80000000u;
	return (uint64_t)x << 32 | (uint32_t)(~row << 1);
}

static inline uint32_t
key_row(uint64_t key)
{
	return ~(uint32_t)key >> 1 & 0x7fffffff;
}

static inline float
key_score(uint64_t key)
{
	uint32_t x = (uint32_t)(key >> 32);
	float score;

	x ^= (x >> 31) ? 0x80000000u : 0xffffffffu;
	memcpy(&score, &x, sizeof score);
	return score;
}

/* ---- the pool: the best `cap` keys, best first ---- */

struct pool {
	uint64_t *key;
	uint32_t len;
	uint32_t cap;
	uint64_t floor;			/* what a key must exceed to enter; at least the
					 * last key's of a full pool */
};

/* Where it went; cap when it was not good enough. */
static inline uint32_t
pool_put(struct pool *p, uint64_t key)
{
	uint32_t lo = 0, n = p->len;

	if (key <= p->floor)
		return p->cap;
	for (uint32_t half; n > 1; n -= half) {	/* by masks: no branch to guess wrong */
		half = n / 2;
		lo += half & -(uint32_t)(p->key[lo + half - 1] > key);
	}
	lo += n > 0 && p->key[lo] > key;
	if (p->len < p->cap)
		p->len++;
	memmove(p->key + lo + 1, p->key + lo, (p->len - 1 - lo) * sizeof *p->key);
	p->key[lo] = key;
	if (p->len == p->cap && p->key[p->cap - 1] > p->floor)
		p->floor = p->key[p->cap - 1];
	return lo;
}

/* ---- a query made ready ---- */

struct dense_query {
	int8_t *code;			/* code_bytes, 32-aligned, zeros behind dim */
	float *exact;			/* dim floats, normalised for cosine */
	float by_lo;			/* of approx_score() */
	float by_step;
	float by_norm2;
	float norm2;
	float origin;			/* score of distance 0: see hnsw_search.c */
	bool is_zero;
};

static inline float
approx_score(const struct dense_query *q, const struct code_tail *t, int32_t dot)
{
	return q->by_lo * t->lo + q->by_step * t->step * (float)dot - q->by_norm2 * t->norm2;
}

/* Fills q, whose two arrays the caller provides. */
int dense_query_fill(struct dense_query *q, const struct dense *d, const float *v,
    struct err *e);
/* Approximate score keys of up to VEC_BATCH rows. */
void dense_key_ids(const struct dense *d, const struct dense_query *q, const uint32_t *ids,
    uint32_t n, uint64_t *key);
void dense_key_rows(const struct dense *d, const struct dense_query *q, uint32_t first,
    uint32_t n, uint64_t *key);
/* Score of the exact vector; NaN turns into -INFINITY. */
float dense_exact_score(const struct dense *d, const struct dense_query *q, uint32_t row);

/* ---- encoding ---- */

/* One record from a vector (normalised already for cosine); zeros for a vector of zeros. */
void dense_encode(uint8_t *record, const float *v, uint32_t dim);

#endif
