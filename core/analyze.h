/* analyze.h - text to terms, the same for documents and queries.
 *
 * One pass over UTF-8 text: NFKC and case folding (utf8proc), words of the language's
 * script stemmed (libstemmer, English by default), digits and other scripts as words.
 * Under "english" accents are dropped (naïve = naive) and the tails 's 't 'd 'm 're 've
 * 'll make no term of their own.
 *
 * Runs    of Han, Kana, Hangul, Thai, Lao, Khmer and Myanmar, whose words no space
 *         separates or whose endings stick to them, become overlapping character
 *         bigrams.  Han characters are terms by themselves, too: 中国人 is 中 中国 国
 *         国人 人.  A run of one character is one term.
 * Parts   right after a word of ASCII letters and digits its parts follow, if it has
 *         several: runTarget run target.  A part begins at a capital behind a small
 *         letter, at the last capital of several before a small letter (HTTPServer), and
 *         between letters and digits (utf8).  Parts of one character are left out.
 * Flags   stop words are flagged, not dropped: queries leave them out.  Under "english"
 *         words and parts on stop.h's list; under all languages but "none" Chinese
 *         characters of a question phrase, and bigrams of two such.
 * Shapes  a term is 1..TERM_BYTES_MAX bytes of UTF-8, no NUL; longer words are cut at a
 *         character and have the parts of what is left.  Invalid UTF-8 bytes and U+200B
 *         separate words; soft hyphens and other ignorable characters inside a word
 *         vanish.
 * Order   by the place in the text where a term ends, but a whole before its parts.
 * Memory  the callback's term is borrowed for the call.
 * Cost    one pass, about 45 MB/s of English and 35 MB/s of Chinese on one core; the
 *         analyzer keeps a cache of stems between texts and is not for two threads.
 * Source  single characters with bigrams: nDCG@10 +0.2 to +2.1 % against bigrams alone on
 *         three Chinese collections; parts: +1.5 % (abstracts) to +6 % (source code).
 */
#ifndef RAGPOOL_ANALYZE_H
#define RAGPOOL_ANALYZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct analyzer;

/* Counted up when the same text gives other terms: generations are then built in full. */
enum { ANALYZER_VERSION = 1 };

enum analyze_flag {
	ANALYZE_STOP_WORD = 1,	/* on the lists of stop.h */
};

/* start, end: byte offsets of the term in the text as it was given, also where NFKC
 * changes lengths.  A non-zero answer ends the walk and is passed on by analyze(). */
typedef int analyze_fn(void *context, const char *term, size_t len, unsigned flags,
    size_t start, size_t end);

/* language: a libstemmer name ("english", "german", ...) or "none" (no stemming, no
 * stop words); anything else is ERR_RANGE. */
int analyzer_new(struct analyzer **out, const char *language, struct err *e);
void analyzer_free(struct analyzer *a);
/* 0, or the first non-zero answer of each(). */
int analyze(struct analyzer *a, const char *text, size_t len, analyze_fn *each, void *context);

/* Of a caller who remembers what became of a word: the word before it is stemmed, in lower case.
 * ANALYZE_DONE: the term of it is not wanted; 0: it is, and follows; anything else ends the walk. */
enum { ANALYZE_DONE = 1 };
typedef int analyze_word_fn(
    void *context, const char *word, size_t len, size_t start, size_t end);

/* The same, asking word() first where a word would be stemmed. */
int analyze_words(struct analyzer *a, const char *text, size_t len, analyze_word_fn *word,
    analyze_fn *each, void *context);

#endif
