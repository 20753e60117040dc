/* lex_parts.h - the opened lexical index and walking one posting list.
 * Private to lex_*.c. */
#ifndef RAGPOOL_LEX_PARTS_H
#define RAGPOOL_LEX_PARTS_H

#include "lex.h"
#include "lex_best.h"
#include "lex_format.h"
#include "lex_kept.h"
#include "lex_window.h"

struct lex {
	const unsigned char *term;	/* section TERM */
	size_t term_bytes;
	const unsigned char *post;	/* section POST, without its tail */
	size_t post_bytes;
	const unsigned char *posn;	/* section posn, without its tail; NULL without one */
	size_t posn_bytes;
	const float *norm;		/* rows */
	const uint32_t *length;		/* rows */
	uint32_t serial;		/* no other that this process opened has it */
	uint32_t rows;
	uint32_t terms;
	uint32_t term_blocks;
	float k1;
	double average;
};

enum { LEX_SPARE = 8 };	/* values that are read at once may be so many too many */

/* One term's list, read block by block; never backwards but by lex_cursor_rewind(). */
struct lex_cursor {
	const struct lex *x;
	const unsigned char *skip;
	const unsigned char *data;
	size_t data_bytes;
	const unsigned char *end;	/* of what may be read, the section's tail included */
	uint32_t df;
	uint32_t blocks;
	uint32_t block;		/* where the cursor is; == blocks: at the end */
	uint32_t i;		/* posting of the block, when it is decoded */
	uint32_t decoded;	/* block in row[], UINT32_MAX for none */
	uint32_t scored;	/* block in score[], UINT32_MAX for none */
	uint32_t n;		/* postings of the decoded block */
	const unsigned char *tf;	/* of the decoded block, packed */
	unsigned tf_bits;
	float weight;		/* score units at impact 1 */
	/* For the search: */
	uint32_t bound;		/* in the window at hand, 0 when it has no posting there */
	uint32_t bound_block;
	struct lex_kept_list *kept;	/* decoded rows are left in it; NULL: nowhere */
	uint32_t *row;		/* of the decoded block; the last one again behind less than 128 */
	uint32_t own[LEX_BLOCK + LEX_SPARE];	/* where row is when nothing is kept */
	uint32_t score[LEX_BLOCK];
};

int lex_corrupt(struct err *e);

/* Checks that the list lies in POST.  weight is scaled, see lex_units(). */
int lex_cursor_open(struct lex_cursor *c, const struct lex *x, const struct lex_term *t,
    float weight, struct err *e);
/* Back to the first block. */
void lex_cursor_rewind(struct lex_cursor *c);
/* Decodes the rows of c->block (< blocks); all are then below x->rows and ascending. */
int lex_cursor_decode(struct lex_cursor *c, struct err *e);
/* The scores of the decoded block into c->score. */
void lex_cursor_score(struct lex_cursor *c);
/* Moves on to the first posting at or behind row: 1 it is that row, 0 not, -1 corrupt.
 * Rows have to be asked in ascending order. */
int lex_cursor_seek(struct lex_cursor *c, uint32_t row, struct err *e);

/* The same in any order, by binary search; cheapest where rows ascend and are far between. */
int lex_cursor_jump(struct lex_cursor *c, uint32_t row, struct err *e);

static inline struct lex_skip
lex_cursor_skip(const struct lex_cursor *c, uint32_t block)
{
	struct lex_skip s;

	memcpy(&s, c->skip + (size_t)block * sizeof s, sizeof s);
	return s;
}

/* Of posting i of the decoded block. */
static inline uint32_t
lex_cursor_tf(const struct lex_cursor *c, uint32_t i)
{
	return lex_packed_at(c->tf, i, c->tf_bits) + 1;
}

/* Score units of a posting: at least 1, so that a match never weighs nothing. */
static inline uint32_t
lex_units_of(float weight, float impact)
{
	return (uint32_t)(int32_t)(weight * impact) + 1;
}

/* No posting of the block has more. */
static inline uint32_t
lex_units_bound(float weight, const struct lex_skip *s)
{
	return lex_units_of(weight, (float)(s->impact + 1) * 0x1p-16f);
}

/* Where a row stands in a list. */
struct lex_spot {
	uint32_t posting;	/* the how manieth of the list, from 0 */
	uint32_t tf;		/* 0: it is not there */
};
/* Of n ascending rows; each block that may hold one is decoded once. */
int lex_cursor_find(struct lex_cursor *c, const uint32_t *row, uint32_t n, struct lex_spot *spot,
    struct err *e);

/* The first max positions of posting i of the decoded block into out; their number, -1
 * when the section contradicts itself. */
int lex_cursor_positions(const struct lex_cursor *c, const struct lex_term *t, uint32_t i,
    uint32_t *out, uint32_t max);
/* Bring near what the next one will read: first where the block's positions lie, then, once that
 * may have come, about where the posting's do. */
void lex_positions_fetch_block(
    const struct lex *x, const struct lex_term *t, uint32_t posting);
void lex_positions_fetch(const struct lex *x, const struct lex_term *t, uint32_t posting);
/* The same of a posting of the list (< df), decoded or not. */
int lex_cursor_positions_at(const struct lex_cursor *c, const struct lex_term *t,
    uint32_t posting, uint32_t *out, uint32_t max);

enum { LEX_POSITIONS_MAX = 8192 };	/* occurrences in one row a phrase looks at */

/* Working memory of a search. */
struct lex_scratch {
	struct lex_cursor *cursor;	/* one a term */
	uint32_t *order;		/* numbers of cursors, least bound first */
	uint32_t *below;		/* below[i]: sum of the bounds of order[0..i-1] */
	size_t cursors_cap;
	uint32_t *units;		/* of each row of the window */
	struct lex_kept kept;		/* of the last search, for all who ask about it */
	uint64_t passing[LEX_WINDOW / 64];	/* a bit a row */
	struct lex_best best;
	uint64_t *rows, *found;		/* bits, for clauses */
	size_t rows_cap;		/* in 64-bit words */
	uint32_t *position[2];		/* LEX_POSITIONS_MAX each */
};

/* Checks as lex_cursor_open() does; rows that are kept of the list are not decoded again. */
int lex_cursor_open_kept(struct lex_cursor *c, const struct lex *x, const struct lex_term *t,
    float weight, struct lex_kept_list *kept, struct err *e);

int lex_scratch_fit_cursors(struct lex_scratch *s, size_t n, struct err *e);

/* Into s->rows, a bit a row: the allowed rows that obey the clauses. */
int lex_clauses_apply(const struct lex *x, struct lex_scratch *s, const struct lex_query *q,
    const uint64_t *allowed, struct err *e);

#endif
