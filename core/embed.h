/* embed.h - text to vector, by the embedder a generation was built with.
 *
 *   builtin:lsa      the model is in the section RPX_EMBEDDER (lsa.h)
 *   static:<folder>  a folder of word vectors (static_model.h); a path that does not
 *                    begin with / is taken below the generation's folder
 *   anything else    vectors come from outside: by a service (embed_service.h), or with the
 *                    query
 *
 * A generation without the section has no dense arm: kind EMBED_KIND_NONE, dim 0.
 *
 * Memory  borrows the struct rpx, which has to outlive it.
 * Errors  ERR_CORRUPT, ERR_FORMAT_NEW; for a static model ERR_NOT_FOUND, and ERR_SOURCE
 *         when the folder no longer holds what the generation was built with.
 * Threads none: one process uses it, one query at a time.
 * Cost    LSA: opening O(1), a query microseconds.  Static: opening reads the tokenizer,
 *         about 30 ms.
 */
#ifndef RAGPOOL_EMBED_H
#define RAGPOOL_EMBED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze.h"
#include "embed_format.h"
#include "err.h"
#include "rpx.h"
#include "static_model.h"

struct embed;
struct lsa;

/* How the lexicon is asked: 1 found, 0 unknown, -1 with *e filled. */
struct embed_lexicon {
	int (*find)(void *context, const char *term, size_t len, uint32_t *id, uint32_t *df,
	    struct err *e);
	void *context;
	uint64_t terms;
	uint64_t rows;
};

/* folder: of the generation. */
int embed_open(struct embed **out, const struct rpx *r, const char *folder,
    const struct embed_lexicon *lexicon, struct err *e);
/* NULL is fine. */
void embed_close(struct embed *m);

enum embed_kind embed_kind(const struct embed *m);
uint32_t embed_dim(const struct embed *m);
/* "builtin:lsa", the folder, the name of the model outside; "" without a dense arm. */
const char *embed_name(const struct embed *m);
/* Of the model outside that made the vectors; 0: unknown, or none. */
uint32_t embed_identity(const struct embed *m);
/* The built-in model, borrowed; NULL: the embedder is another. */
const struct lsa *embed_model(const struct embed *m);

/* The vector of a query, unit length, into out[dim].  *has is false when no word of it is
 * known (out is zero then), or there is no dense arm.  Stop words count only when there is
 * nothing else, as in lexical search.  ERR_MISSING_FIELD when vectors come from outside. */
int embed_query(struct embed *m, struct analyzer *a, const char *text, size_t len, float *out,
    bool *has, struct err *e);
/* A vector from outside: checks the length (ERR_DIMENSION) and that it is finite
 * (ERR_RANGE), and makes it unit length; *has is false for zeros. */
int embed_given(const struct embed *m, const float *given, size_t n, float *out, bool *has,
    struct err *e);

/* Writes the section for a static model (name: as it is to be found again) or for vectors
 * from outside (name and identity: of the model, embed_service.h).  lsa_put() writes the one for LSA. */
int embed_put_static(
    struct rpx_writer *w, const struct static_model *m, const char *name, struct err *e);
int embed_put_external(struct rpx_writer *w, uint32_t dim, const char *name, uint32_t identity,
    struct err *e);

#endif
