/* stop.h - words that questions are made of and documents are not found by.
 *
 * Shapes  words and characters as the analyzer folds them; no NUL.
 * Source  English: Snowball's list united with Lucene's 33.  Against the 33 alone, for
 *         queries only, nDCG@10 rose by 3 % (CACM) to 8 % (questions about source code).
 *         Chinese: interrogatives; with single characters as terms +0.7 to +3 %.
 * Cost    a word: at most 8 comparisons.  A character: at most 5, then its few phrases.
 */
#ifndef RAGPOOL_STOP_H
#define RAGPOOL_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* word: before stemming.  What stands before 't counts too: "doesn" of "doesn't". */
bool stop_is_english(const char *word, size_t len);

/* The longest Chinese question phrase, simplified or traditional, whose first character
 * is cp: how many of the len bytes behind cp belong to it, 0 when cp is a phrase by
 * itself, -1 when none begins here. */
int stop_chinese_question(uint32_t cp, const char *after, size_t len);

#endif
