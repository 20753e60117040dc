/* static_model.h - a folder of static word vectors as an embedder ("model2vec").
 *
 *   model.safetensors   u64 header length, JSON header, data; the tensor "embeddings",
 *                       I8, F16 or F32 [tokens][dim], row = token id
 *   tokenizer.json      WordPiece (wordpiece.h)
 *
 * A text's vector is the mean of its tokens' rows, made unit length.  Rows carry their
 * weight in their length, so there is no other weighting.
 *
 * Shapes  1 <= dim <= INDEX_DIM_MAX; text of any length.
 * Memory  the matrix is mapped, not read; the vocabulary is owned.
 * Trust   the files are input: every size is checked on opening, an id past the matrix is
 *         left out.
 * Errors  ERR_CORRUPT, ERR_UNSUPPORTED, ERR_NOT_FOUND, those of JSON.
 * Cost    one row's additions a token.
 */
#ifndef RAGPOOL_STATIC_MODEL_H
#define RAGPOOL_STATIC_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct static_model;

int static_model_open(struct static_model **out, const char *folder, struct err *e);
/* NULL is fine. */
void static_model_close(struct static_model *m);
uint32_t static_model_dim(const struct static_model *m);
/* crc32c of the two files: what tells whether a folder is still the one that was used. */
void static_model_crc(const struct static_model *m, uint32_t *model, uint32_t *tokenizer);
/* The ids of a text's tokens, the first max of them into id; all are counted. */
size_t static_model_tokens(
    const struct static_model *m, const char *text, size_t len, uint32_t *id, size_t max);
/* The vector of a text into out[dim]; false, and zeros, when no token is known. */
bool static_model_embed(const struct static_model *m, const char *text, size_t len, float *out);

#endif
