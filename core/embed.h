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

#include "embed_format.h"
#include "err.h"
#include "rpx.h"
#include "static_model.h"

struct embed;
struct lsa;

struct lsa_term;

/* folder: of the generation; terms: of the lexicon that the built-in model speaks of. */
int embed_open(struct embed **out, const struct rpx *r, const char *folder, uint64_t terms,
    struct err *e);
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

/* The vector of a query, unit length, into out[dim], by the built-in model: of its terms, each
 * once (lsa.h).  False, and zeros, when none has a vector. */
bool embed_terms(const struct embed *m, const struct lsa_term *term, size_t n, float *out);
/* The same by a static model, of the text.  *has is also false when there is no dense arm.
 * ERR_MISSING_FIELD when vectors come from outside.  Not for the built-in model. */
int embed_query(const struct embed *m, const char *text, size_t len, float *out, bool *has,
    struct err *e);
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
