/* answer.h - an answer without a language model: the best passages, cited.
 *
 * The beginning of each of the first hits, cut at a sentence, on one line, followed by
 * its citation mark [n]; n counts hits from 1.
 */
#ifndef RAGPOOL_ANSWER_H
#define RAGPOOL_ANSWER_H

#include "arena.h"
#include "buf.h"
#include "query.h"

enum { ANSWER_PASSAGES = 3, ANSWER_PASSAGE_BYTES = 600 };

/* Appends the text to out; says so when there is no hit. */
void answer_extract(const struct query_result *r, struct buf *out);

#endif
