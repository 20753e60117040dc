/* lex_words.h - the words of a question, analysed and looked up once for all who ask about them.
 *
 * Those that count: all but stop words, or all where there is nothing else.  In the order of the
 * text, every time they are said, known or not.
 *
 * Memory  belongs to one thread, grows to the longest question and is used again; 256 KB for what
 *         became of words lately (lex_recall.h).
 * Errors  ERR_CORRUPT of the lexicon, ERR_NOMEM.
 * Cost    a claim of SciFact, nine words: 1.3 us, 2.4 with cold caches; 4 us where none of them was said lately.
 */
#ifndef RAGPOOL_LEX_WORDS_H
#define RAGPOOL_LEX_WORDS_H

#include "lex.h"

struct lex_word {
	bool is_known;			/* to the lexicon */
	uint32_t start, end;		/* in the text */
	struct lex_term term;		/* if it is */
};

struct lex_words {
	struct lex_word *word;
	uint32_t count;
	uint32_t cap;
	struct lex_recall *recall;
};

/* *w begins as zeros.  With one x always by analyzers of one language: words are remembered. */
int lex_words_read(struct lex_words *w, const struct lex *x, struct analyzer *a,
    const char *text, size_t len, struct err *e);
void lex_words_fini(struct lex_words *w);

#endif
