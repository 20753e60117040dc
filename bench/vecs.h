/* vecs.h - benchmark sets: a folder of base.fvecs, query.fvecs, gt.ivecs, meta.json.
 *
 * An fvecs row is a little-endian int32 dimension and that many floats; in an ivecs file
 * they are int32.  gt.ivecs holds the exact nearest rows of each query, meta.json names
 * the metric: "ip" (unit vectors) or "l2".  A broken set ends the program. */
#ifndef RAGPOOL_VECS_H
#define RAGPOOL_VECS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vecs {
	uint32_t rows;
	uint32_t dim;
	float *data;
};

struct vecs_set {
	const char *name;
	bool is_ip;
	struct vecs base;
	struct vecs query;
	struct vecs truth;	/* int32 behind the floats */
};

void vecs_read(struct vecs_set *s, const char *folder);
void vecs_drop_base(struct vecs_set *s);
void vecs_free(struct vecs_set *s);
/* How many of row[0..n) are among the k nearest. */
uint32_t vecs_hits(const struct vecs_set *s, uint32_t query, const uint32_t *row, uint32_t n,
    uint32_t k);

#endif
