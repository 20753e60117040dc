/* analyze.h - text to terms, the same for documents and queries.
 *
 * One pass over UTF-8 text: NFKC and case folding (utf8proc), Latin-script words
 * stemmed (libstemmer, English by default), digits and other scripts as words, runs
 * of Han and Kana as overlapping character bigrams (a run of one character is one
 * term).  Nothing is dropped: stop words are left out of queries by the search.
 *
 * Shapes  a term is 1..TERM_BYTES_MAX bytes of UTF-8, no NUL; longer words are cut
 *         at a character.  Invalid UTF-8 bytes separate words.
 * Memory  the callback's term is borrowed for the call.
 * Cost    about one pass; the analyzer keeps its buffers between texts.
 */
#ifndef RAGPOOL_ANALYZE_H
#define RAGPOOL_ANALYZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct analyzer;

enum analyze_flag {
	ANALYZE_STOP_WORD = 1,	/* the word, before stemming, is on the language's stop list */
};

/* start, end: byte offsets of the term in the text.  A non-zero answer ends the walk
 * and is passed on by analyze(). */
typedef int analyze_fn(void *context, const char *term, size_t len, unsigned flags,
    size_t start, size_t end);

/* language: a libstemmer name ("english", "german", ...) or "none". */
int analyzer_new(struct analyzer **out, const char *language, struct err *e);
void analyzer_free(struct analyzer *a);
int analyze(struct analyzer *a, const char *text, size_t len, analyze_fn *each, void *context);

#endif
