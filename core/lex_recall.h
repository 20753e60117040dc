/* lex_recall.h - what became of words lately: stop word or not, and the lexicon's entry.
 *
 * A word costs one cache line here, where stemming and the lexicon's binary search touch two or
 * three dozen.  Exact: what is recalled is what would be found again, for an index is never
 * changed while it is open, and has a serial number that no other of the process has.
 *
 * Shapes  words up to LEX_RECALL_BYTES; longer ones are not kept.  Words as written, but in
 *         lower case, and terms are told apart: a term is not stemmed again.
 * Memory  256 KB, of one thread; for all indexes it asks about, the newest words push out
 *         others.  Private to lex_*.c.
 */
#ifndef RAGPOOL_LEX_RECALL_H
#define RAGPOOL_LEX_RECALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "lex.h"

enum { LEX_RECALL_BYTES = 18 };

enum lex_recall_flag {
	LEX_RECALL_WRITTEN = 1,		/* a word as written, not a term */
	LEX_RECALL_STOP_WORD = 2,	/* which is all that is kept of it */
	LEX_RECALL_IN_LEXICON = 4,
};

struct lex_recalled {
	uint32_t serial;	/* of the index; 0: none */
	uint8_t len;
	uint8_t flags;
	char bytes[LEX_RECALL_BYTES];
	struct lex_term term;	/* LEX_RECALL_IN_LEXICON */
};
_Static_assert(sizeof(struct lex_recalled) == 64, "one line of the cache");

struct lex_recall;

struct lex_recall *lex_recall_new(struct err *e);
void lex_recall_free(struct lex_recall *r);
/* NULL: not known.  Borrowed until the next lex_recall_put(). */
const struct lex_recalled *lex_recall_find(const struct lex_recall *r, uint32_t serial,
    bool is_written, const char *bytes, size_t len);
/* term may be NULL: it is not in the lexicon, or a stop word. */
void lex_recall_put(struct lex_recall *r, uint32_t serial, unsigned flags, const char *bytes,
    size_t len, const struct lex_term *term);
/* Has the lines of a text's words on their way before they are asked for. */
void lex_recall_fetch(
    const struct lex_recall *r, uint32_t serial, const char *text, size_t len);

#endif
