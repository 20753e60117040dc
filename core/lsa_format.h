/* lsa_format.h - where the parts of the LSA model lie in its section (lsa.h). */
#ifndef RAGPOOL_LSA_FORMAT_H
#define RAGPOOL_LSA_FORMAT_H

#include <stdint.h>

#include "embed_format.h"

/* Behind struct embed_header. */
struct lsa_header {
	uint32_t slots;
	uint32_t unused;
	uint64_t trained_rows;
	uint8_t zero[48];
};
_Static_assert(sizeof(struct lsa_header) == 64, "the header is a file format");

struct lsa_layout {
	uint64_t slot, scale, code, bytes;
};

/* terms and slots are below 2^32 and dim below 2^16, so nothing overflows. */
static inline struct lsa_layout
lsa_layout(uint64_t terms, uint64_t slots, uint64_t dim)
{
	struct lsa_layout at;

	at.slot = sizeof(struct embed_header) + sizeof(struct lsa_header);
	at.scale = (at.slot + 4 * terms + 63) / 64 * 64;
	at.code = (at.scale + 4 * slots + 63) / 64 * 64;
	at.bytes = at.code + dim * slots;
	return at;
}

#endif
