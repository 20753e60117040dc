/* answer.h - an answer without a language model: the best passages, cited.
 *
 * The beginning of each of the first hits, cut at a sentence, on one line, followed by
 * its citation mark [n]; n counts hits from 1.
 *
 * Known   a question that nothing in the knowledge base has to do with (known.h) gets one fixed
 *         sentence, and no model is asked.
 * Language  fixed sentences are in Chinese for a question in Chinese, else in English.
 */
#ifndef RAGPOOL_ANSWER_H
#define RAGPOOL_ANSWER_H

#include <stdbool.h>

#include "arena.h"
#include "buf.h"
#include "query.h"

enum { ANSWER_PASSAGES = 3, ANSWER_PASSAGE_BYTES = 600 };

/* "[n]" in an answer. */
struct answer_mark {
	unsigned number;	/* of the passage, from 1 */
	size_t start, end;	/* in the text, bytes */
};

enum answer_language { ANSWER_ENGLISH, ANSWER_CHINESE };

/* Chinese: as many Han characters as other words at least, and no Kana. */
enum answer_language answer_language_of(const char *text, size_t n);
/* "English", "Chinese". */
const char *answer_language_name(enum answer_language language);
/* The sentence for what is not. */
const char *answer_unknown(enum answer_language language);
/* Appends the text to out (empty before), its marks to marks[ANSWER_PASSAGES]; how many.  The
 * sentence above, without a mark, when nothing is known. */
size_t answer_extract(const struct query_result *r, enum answer_language language,
    struct buf *out, struct answer_mark *marks);

#endif
