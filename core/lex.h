/* lex.h - words: BM25 over the postings of index.rpx.
 *
 * score(row) = sum over the query's terms of
 *              weight * idf * (k1 + 1) * tf / (tf + k1 * (1 - b + b * length / average))
 * idf = ln(1 + (rows - df + 0.5) / (df + 0.5)), as Lucene and never negative.
 *
 * Result  exactly the k best rows that exhaustive scoring finds: pruning (MaxScore by
 *         windows of rows, with block maxima) leaves out only what cannot be among
 *         them.  Best first, ties by the lower row.  Sums are made in integers (2^-22 of
 *         the query's largest possible score a unit), so no order of adding changes them
 *         and explanations add up.
 * Shapes  rows < INDEX_ROWS_MAX; lengths count tokens, stop words included; term ids are
 *         those of the termdoc: places in byte order.
 * Memory  struct lex borrows the struct rpx; struct lex_query (45 KB, no pointers) and
 *         struct lex_scratch belong to one thread and are used again and again; in the
 *         steady state nothing is allocated.
 * Errors  ERR_CORRUPT when a section contradicts itself: every offset is checked when it
 *         is followed, wrong bytes give wrong answers or this error, never a wild read.
 * Cost    open O(1).  Search of 240,000 passages with a natural question: median about 0.2 ms,
 *         of 10,000 8 us; reading it 1 to 5 us; see bench/bench_lexical.c.
 * Source  Turtle, Flood 1995 (MaxScore); Ding, Suel 2011 (block maxima); windows as in
 *         Lucene's MaxScoreBulkScorer.  Layouts are in lex_format.h.
 */
#ifndef RAGPOOL_LEX_H
#define RAGPOOL_LEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyze.h"
#include "bounds.h"
#include "err.h"
#include "rpx.h"
#include "termdoc.h"

/* ---- writing ---- */

struct lex_params {
	float k1;		/* 0..100 */
	float b;		/* 0..1 */
	bool with_positions;	/* without them a phrase asks for its words, anywhere */
};

#define LEX_PARAMS_DEFAULT {.k1 = 1.2f, .b = 0.75f, .with_positions = true}

/* Adds the sections TERM, POST, posn and LENS.  t is sealed.  Takes about 64 MB,
 * 4 bytes a row and 24 a term besides t. */
int lex_write(
    struct rpx_writer *w, const struct termdoc *t, const struct lex_params *p, struct err *e);

/* ---- reading ---- */

struct lex;

/* r is borrowed and has to outlive *out. */
int lex_open(struct lex **out, const struct rpx *r, struct err *e);
void lex_close(struct lex *x);
/* Reads everything: each term, block and position.  For `check`, not for opening. */
int lex_verify(const struct lex *x, struct err *e);

uint32_t lex_rows(const struct lex *x);
uint32_t lex_terms(const struct lex *x);
double lex_average_length(const struct lex *x);
/* Tokens of a row; 0 past the last. */
uint32_t lex_length(const struct lex *x, uint32_t row);
double lex_idf(const struct lex *x, uint32_t df);

/* An entry of the lexicon. */
struct lex_term {
	uint32_t id;
	uint32_t df;			/* rows that hold it */
	double idf;			/* lex_idf(df) */
	uint64_t postings_at;		/* the rest is for lex_*.c */
	uint64_t positions_at;
	uint32_t postings_bytes;
	uint32_t positions_bytes;
};

/* 1 found, 0 not in the lexicon, -1 ERR_CORRUPT. */
int lex_find(const struct lex *x, const char *term, size_t len, struct lex_term *out,
    struct err *e);
/* The term of an id with its bytes (no NUL) and their number; -1: ERR_CORRUPT, ERR_RANGE. */
int lex_term_at(const struct lex *x, uint32_t id, struct lex_term *out,
    char bytes[TERM_BYTES_MAX], size_t *len, struct err *e);

/* ---- queries ---- */

enum { LEX_CLAUSES_MAX = 64 };

struct lex_query_term {
	struct lex_term term;
	float weight;		/* how often the query says it, or as given */
};

/* What a row must or must not hold: one word, or several one behind the other. */
struct lex_clause {
	bool is_not;
	uint16_t word;		/* first of clause_word */
	uint16_t words;
};

struct lex_query {
	uint32_t terms;
	uint32_t clauses;
	uint32_t clause_words;
	uint32_t unknown;	/* words that count but are not in the lexicon */
	bool is_impossible;	/* a word that must be there is not in the lexicon */
	struct lex_query_term term[QUERY_TERMS_MAX];
	struct lex_clause clause[LEX_CLAUSES_MAX];
	struct lex_term clause_word[QUERY_TERMS_MAX];
};

enum lex_syntax {
	LEX_PLAIN,	/* every character is text */
	LEX_OPERATORS,	/* +must -not "a phrase", see below */
};

/* Text to query.  Stop words count only when there is nothing else; a word said twice
 * weighs double; after QUERY_TERMS_MAX distinct words, or as many in clauses, and after
 * LEX_CLAUSES_MAX clauses the rest is not read.
 *
 * LEX_OPERATORS, at the beginning of the text or behind white space:
 *   "some words"   the row must hold them one behind the other (an end quote is needed)
 *   +word          the row must hold it; what the analyzer makes several terms of is a
 *                  phrase.  Also +"some words".
 *   -word          the row must not hold it.  Also -"some words".  Not an operator before
 *                  a digit or another -, so that "-5 degrees" and "--flag" are text.
 * Words of phrases and +words score like any others. */
int lex_query_parse(struct lex_query *q, const struct lex *x, struct analyzer *a,
    const char *text, size_t len, enum lex_syntax syntax, struct err *e);

/* The same of plain text whose words were read (lex_words.h). */
struct lex_words;
void lex_query_of_words(struct lex_query *q, const struct lex_words *w);

/* The same by hand, for feedback: weights of one term add up.  lex_query_add() answers
 * false when the query is full or the weight is not finite and above 0. */
void lex_query_clear(struct lex_query *q);
bool lex_query_add(struct lex_query *q, const struct lex_term *t, float weight);

/* ---- searching ---- */

struct lex_scratch;
struct lex_scratch *lex_scratch_new(struct err *e);
void lex_scratch_free(struct lex_scratch *s);

struct lex_hit {
	uint32_t row;
	float score;
};

struct lex_options {
	uint32_t k;			/* 1..INDEX_ROWS_MAX */
	const uint64_t *allowed;	/* bit of each row, borrowed; NULL: all rows */
	bool exhaustive;		/* prune nothing: the oracle of the tests */
};

/* How a search went. */
struct lex_report {
	uint64_t scored;	/* postings whose score was computed */
	uint64_t looked_up;	/* candidates completed one by one */
};

/* Best first into out[k], their number into *count: rows that hold a term of the query
 * and obey its clauses.  report may be NULL. */
int lex_search(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const struct lex_options *o, struct lex_hit *out, uint32_t *count,
    struct lex_report *report, struct err *e);

/* The rows that obey the query's clauses, and are allowed, into out (a bit a row, of
 * (rows + 63) / 64 words); how many into *count.  For searches besides this one. */
int lex_rows_allowed(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint64_t *allowed, uint64_t *out, uint32_t *count, struct err *e);

/* The scores of given rows, in any order, as lex_search() would give them; 0 for a row
 * that holds no term.  Clauses are not looked at. */
int lex_score_rows(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint32_t *row, uint32_t rows, float *out, struct err *e);

/* Whether the row holds the word: 1, 0, -1 ERR_CORRUPT. */
int lex_holds(const struct lex *x, struct lex_scratch *s, const struct lex_term *t, uint32_t row,
    struct err *e);

/* No row can score more than this. */
float lex_score_bound(const struct lex *x, const struct lex_query *q);

/* What one term of the query adds to a row's score. */
struct lex_part {
	uint32_t id;
	uint32_t df;
	uint32_t tf;		/* 0: the row does not hold it */
	float weight;
	float idf;
	float score;
};

/* One part a term of the query, in its order, into part[q->terms]; the sum into *score. */
int lex_explain(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    uint32_t row, struct lex_part *part, float *score, struct err *e);

#endif
