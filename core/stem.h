/* stem.h - stems and stop words of one language, with a small cache.
 *
 * Shapes  words and stems are 1..TERM_BYTES_MAX bytes, folded to lower case already.
 * Memory  a stem is borrowed until the next call.
 * Cost    a word in the cache costs one hash and one comparison.
 */
#ifndef RAGPOOL_STEM_H
#define RAGPOOL_STEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"

enum stem_script { STEM_NONE, STEM_LATIN, STEM_CYRILLIC, STEM_GREEK, STEM_ARABIC, STEM_ARMENIAN,
	STEM_HEBREW, STEM_DEVANAGARI, STEM_TAMIL };

struct stem {
	const char *bytes;
	size_t len;
	bool is_stop_word;
};

struct stemmer;

/* language as for analyzer_new(). */
int stemmer_new(struct stemmer **out, const char *language, struct err *e);
void stemmer_free(struct stemmer *s);
/* Whether the stemmer wants words that hold this letter. */
bool stemmer_reads(const struct stemmer *s, uint32_t cp);
bool stemmer_is_english(const struct stemmer *s);
struct stem stemmer_stem(struct stemmer *s, const char *word, size_t len);
bool stem_is_latin(uint32_t cp);

#endif
