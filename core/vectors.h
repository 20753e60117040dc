/* vectors.h - vectors of passages that a model elsewhere made, kept in source.db.
 *
 * By what a vector depends on: the identity of the model (embed_service.h) and the text.  A
 * passage that did not change is never embedded again, whichever document it stands in, and
 * what a build that was ended had embedded is there for the next one.
 *
 *   vector(identity, hash, vector)   hash: SHA-256 of the passage; vector: floats
 *
 * Vectors of other identities stay as long as their passage does: going back to a model costs
 * nothing.  Everything is written by the one process that holds the tenant's lock.
 */
#ifndef RAGPOOL_VECTORS_H
#define RAGPOOL_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "buf.h"
#include "err.h"
#include "hash.h"

struct vectors;

/* db is borrowed and has to outlive *out. */
int vectors_open(struct vectors **out, sqlite3 *db, uint32_t identity, struct err *e);
/* NULL is fine. */
void vectors_close(struct vectors *v);

/* 1: *vector, borrowed until the next call, has *dim numbers; 0: there is none. */
int vectors_find(struct vectors *v, const uint8_t hash[SHA256_BYTES], const float **vector,
    uint32_t *dim, struct err *e);
/* count of them, of one dimension, durably or not at all. */
int vectors_put(struct vectors *v, uint8_t (*hashes)[SHA256_BYTES], const float *vectors,
    size_t count, uint32_t dim, struct err *e);
/* One, in a transaction of the caller's. */
int vectors_add(struct vectors *v, const uint8_t hash[SHA256_BYTES], const float *vector,
    uint32_t dim, struct err *e);
/* The passage is one of this build's; *is_first: it was not met before. */
int vectors_use(struct vectors *v, const uint8_t hash[SHA256_BYTES], bool *is_first, struct err *e);
/* Drops what this build did not use. */
int vectors_sweep(struct vectors *v, struct err *e);

/* What is embedded of a chunk: its text under its title and headings. */
void passage_put(struct buf *b, const char *title, const char *heading, const char *text,
    size_t len);

#endif
