/* index_questions.h - vectors of questions such as a collection will be asked.
 *
 * Nobody has asked anything when an index is built.  A few words in a row out of a passage,
 * embedded as a question is, lie where questions lie: further from every passage than
 * passages are from each other.  Walks of the graph are calibrated by them.
 *
 * Shapes  at most INDEX_QUESTIONS vectors of the model's dimension, unit length; spans of 4
 *         to 10 words, of passages spread evenly.  The same rows give the same questions.
 * Memory  *out is the caller's to free; NULL when there are none.
 * Cost    some 20 us each.
 */
#ifndef RAGPOOL_INDEX_QUESTIONS_H
#define RAGPOOL_INDEX_QUESTIONS_H

#include <stdint.h>

#include "err.h"
#include "lsa.h"
#include "termdoc.h"

enum { INDEX_QUESTIONS = 500 };

int index_questions(const struct lsa *m, const struct termdoc *t, float **out,
    uint32_t *count, struct err *e);

#endif
