/* cite.h - the marks [n] in an answer as it arrives, and what they cite.
 *
 * A model is asked to name its passages by number.  What it writes goes through here piece by
 * piece:  [2], [1, 3], [1][3], [2-4], 【2】 and [^2] are marks.  Each becomes [n] for every n that
 * names a passage the model was given, and nothing for one that does not; so every [n] in the
 * text that leaves cites something.  Between backticks nothing is a mark: a[1] is code there.
 *
 * A citation is the passage, and a quote from it: what the sentence before the mark itself puts in
 * quotation marks, where that stands in the passage word by word; else the sentence of the
 * passage that shares the most with it.  A quote is a span of the stored bytes, and cite_check()
 * reads them again before it leaves, unless the answer is the passages themselves.
 *
 * Bounds  text: CITE_TEXT_MAX, after which cite_add() answers ERR_LIMIT; CITE_MARKS_MAX marks, a
 *         mark beyond is dropped; numbers up to CITE_NUMBER_MAX.
 * Memory  owned by the struct; quotes are borrowed from the passages.
 */
#ifndef RAGPOOL_CITE_H
#define RAGPOOL_CITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "buf.h"
#include "err.h"
#include "index.h"
#include "query.h"

enum { CITE_TEXT_MAX = 1 << 20, CITE_MARKS_MAX = 256, CITE_NUMBER_MAX = 1000,
	CITE_HELD_MAX = 64, CITE_QUOTE_MAX = 400 };

struct cite {
	struct buf text;	/* what may leave, so far */
	struct answer_mark marks[CITE_MARKS_MAX];
	size_t mark_count;
	const bool *is_given;	/* is_given[n - 1]: the model knows passage n; borrowed */
	size_t given_count;
	char held[CITE_HELD_MAX];	/* may become a mark */
	size_t held_len;
	unsigned ticks, code;	/* backticks in a row; how many opened the code, 0: none */
	unsigned dropped;	/* numbers that cite nothing */
};

void cite_init(struct cite *c, const bool *is_given, size_t given_count);
void cite_fini(struct cite *c);
/* The next piece.  What may leave is added to c->text. */
int cite_add(struct cite *c, const char *piece, size_t n, struct err *e);
/* Nothing more comes: what was held leaves as it is. */
int cite_end(struct cite *c, struct err *e);

/* The quote from a passage for a sentence: its span there. */
void cite_quote(const char *sentence, size_t sentence_len, const char *passage,
    size_t passage_len, size_t *start, size_t *len);
/* The sentence that the mark stands at the end of. */
void cite_sentence(const struct cite *c, size_t mark, const char **sentence, size_t *len);

struct citation {
	unsigned number;
	const struct query_hit *hit;	/* borrowed */
	const char *quote;		/* borrowed from the hit's text */
	size_t quote_len;
	uint64_t start, end;		/* in the document's text, bytes */
};

/* The quote is what the store holds at that span: ERR_CORRUPT when it is not. */
int cite_check(struct index *x, const struct citation *c, struct arena *a, struct err *e);
/* One citation for each passage that is cited, by its first mark; checked.  One that does not
 * hold is left out, and *failed counts it.  about: what quotes are to be about, in place of the
 * sentence of the mark, in an answer of passages as they were just read; NULL: that.  The array
 * is arena. */
int cite_all(const struct cite *c, const char *about, const struct query_result *r,
    struct index *x, struct arena *a, struct citation **out, size_t *count, unsigned *failed,
    struct err *e);

#endif
