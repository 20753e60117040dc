/* dense_build.h - what the steps of building the dense sections hand each other.
 * Private to dense_*.c and hnsw_*.c. */
#ifndef RAGPOOL_DENSE_BUILD_H
#define RAGPOOL_DENSE_BUILD_H

#include "dense_format.h"

/* Rows with equal vectors: head[row] is the lowest row of its group, the row itself when
 * it is alone; DENSE_NO_ROW for a row without a vector. */
struct dense_same {
	uint32_t *head;
	uint32_t *section;		/* RPX_SAME as it will be written */
	size_t section_bytes;
	uint32_t groups;
	uint32_t nodes;
};

/* An array that is read all over; free() it.  NULL and *e filled without memory. */
void *dense_grab(size_t bytes, struct err *e);

/* d's codes and exact vectors are in memory; marks heads in d's codes. */
int dense_same_find(struct dense_same *same, const struct dense *d, uint8_t *codes,
    struct err *e);
void dense_same_free(struct dense_same *same);

/* A graph in the making, in the layout of the file. */
struct hnsw {
	uint32_t *links;
	struct upper_node *upper;
	uint32_t *upper_links;
	uint32_t upper_nodes;
	uint32_t upper_count;		/* links in upper_links */
	uint32_t levels;
	uint32_t entry_row;
	uint32_t entry_upper;
	uint32_t deleted;		/* since it was last built anew */
	uint32_t reused;
	uint32_t healed;
};

/* Links every head of `same`; p is complete.  base may be NULL. */
int hnsw_build(struct hnsw *g, const struct dense *d, const struct dense_same *same,
    const struct dense_params *p, const struct dense_base *base, struct err *e);
void hnsw_free(struct hnsw *g);

/* Slacks for recall 0.90, 0.95, 0.99 into d->h, measured on the finished index. */
int dense_tune(struct dense *d, const struct dense_params *p, struct err *e);

/* A well mixed number of its argument (splitmix64, Steele et al. 2014). */
static inline uint64_t
mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

#endif
