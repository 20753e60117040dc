/* embed_format.h - the beginning of the section RPX_EMBEDDER, whatever embedder it is. */
#ifndef RAGPOOL_EMBED_FORMAT_H
#define RAGPOOL_EMBED_FORMAT_H

#include <stdint.h>

enum { EMBED_FORMAT = 1 };

/* Numbers on disk: never change one. */
enum embed_kind {
	EMBED_KIND_NONE = 0,		/* no section: there is no dense arm */
	EMBED_KIND_LSA = 1,		/* builtin:lsa, lsa.h */
	EMBED_KIND_STATIC = 2,		/* static:<folder>, static_model.h */
	EMBED_KIND_EXTERNAL = 3,	/* vectors come from outside */
};

/*   OFFSET  SIZE  MEANING
 *        0     4  EMBED_FORMAT
 *        4     4  enum embed_kind
 *        8     4  dimension
 *       12     4  bytes of the name that follows the header (static: the folder,
 *                 external: the model's name); 0 for LSA
 *       16     8  count: LSA, the terms of the lexicon; otherwise 0
 *       24     4  static: crc32c of model.safetensors; external: the model's identity, 0 if
 *                 unknown
 *       28     4  static: crc32c of tokenizer.json
 *       32    32  0
 */
struct embed_header {
	uint32_t format;
	uint32_t kind;
	uint32_t dim;
	uint32_t name_bytes;
	uint64_t count;
	uint32_t model_crc;
	uint32_t tokenizer_crc;
	uint8_t zero[32];
};
_Static_assert(sizeof(struct embed_header) == 64, "the header is a file format");

#endif
