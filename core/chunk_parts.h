/* chunk_parts.h - what chunk*.c share and nobody else needs. */
#ifndef RAGPOOL_CHUNK_PARTS_H
#define RAGPOOL_CHUNK_PARTS_H

#include "chunk.h"
#include "text_parts.h"

/* How good a place is to cut, strongest last. */
enum chunk_cut {
	CUT_INSIDE,		/* within a word, because it must be */
	CUT_AFTER_HEADING,
	CUT_WORD,
	CUT_LINE,
	CUT_CLAUSE,
	CUT_SENTENCE,
	CUT_ITEM,		/* before a list item or a table row */
	CUT_BLOCK,
	CUT_HEADING,		/* + 6 - level */
	CUT_RULE = CUT_HEADING + 6,	/* + separators - 1 - index */
};

/* ---- chunk_split.c: where text may be cut ---- */

/* Whether no grapheme cluster spans `at`, for a place between two characters.  Looks
 * at the two neighbours only and answers no when in doubt. */
bool chunk_may_cut(const char *s, size_t n, size_t at);
/* The end of the sentence that begins at `at`: the byte behind its last mark, or end. */
size_t chunk_sentence_end(const char *s, size_t at, size_t end);
/* The next piece of a sentence that is too long: to the end of a clause, a line or the
 * last word that fits into max.  *cut tells how good its end is. */
size_t chunk_piece_end(const char *s, size_t at, size_t end, enum chunk_unit unit, size_t max,
    enum chunk_cut *cut);
size_t chunk_measure(enum chunk_unit unit, const char *s, size_t n);

/* ---- chunk_rules.c ---- */

/* Begins with a text. */
void chunk_rules_start(struct chunk_rules *r, const char *text, size_t len);
/* The first cut in (after, before), or 0 when there is none; `after` never goes back.
 * *cut is its strength.  -1 when matching costs too much. */
int chunk_rules_next(struct chunk_rules *r, size_t after, size_t before, size_t *at,
    enum chunk_cut *cut, struct err *e);

#endif
