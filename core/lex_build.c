/* lex_build.c - the lexical sections, from the rows' tokens.
 *
 * Tokens come row by row and postings are wanted term by term.  The terms are taken in
 * ranges whose tokens fit a buffer; each range costs one pass over all tokens.  POST and
 * posn are made in two rounds of this, so that neither is ever held in memory. */
#include "lex.h"

#include <stdlib.h>

#include "lex_format.h"

enum { RANGE_TOKENS = 8 << 20 };	/* 64 MB */

struct occurrence {
	uint32_t row;
	uint32_t position;
};

struct builder {
	struct rpx_writer *w;
	const struct termdoc *t;
	float *norm;			/* rows */
	uint64_t *count;		/* terms: tokens of each term */
	uint32_t *postings_bytes;	/* terms: of its list */
	uint32_t *positions_bytes;
	struct occurrence *range;	/* tokens of the terms first..end-1 */
	size_t range_cap;
	uint64_t *fill;			/* terms of the range: next free place */
	uint32_t *row, *tf;		/* postings of one term */
	size_t postings_cap;
	unsigned char *out;		/* one list, encoded */
	size_t out_len, out_cap;
};

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for the lexical index");
}

/* ---- encoding ---- */

static unsigned
bits_of(uint32_t value)
{
	return value == 0 ? 0 : 32 - (unsigned)__builtin_clz(value);
}

/* Room for n more bytes and the 8 that packing may touch. */
static int
out_room(struct builder *b, size_t n, struct err *e)
{
	size_t want = b->out_len + n + 8;
	unsigned char *moved;

	if (want <= b->out_cap)
		return 0;
	want += want / 2;
	if ((moved = realloc(b->out, want)) == NULL)
		return no_memory(e);
	b->out = moved;
	b->out_cap = want;
	return 0;
}

static void
pack(unsigned char *to, const uint32_t *value, size_t n, unsigned bits)
{
	uint64_t held = 0;
	unsigned used = 0;

	for (size_t i = 0; i < n; i++) {
		held |= (uint64_t)value[i] << used;
		used += bits;
		while (used >= 8) {
			*to++ = (unsigned char)held;
			held >>= 8;
			used -= 8;
		}
	}
	if (used > 0)
		*to = (unsigned char)held;
}

static void
out_packed(struct builder *b, const uint32_t *value, size_t n, unsigned bits)
{
	pack(b->out + b->out_len, value, n, bits);
	b->out_len += lex_packed_bytes(n, bits);
}

static unsigned
widest(const uint32_t *value, size_t n)
{
	uint32_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= value[i];
	return bits_of(all);
}

/* The largest impact in 1/65536, rounded up, less 1. */
static uint16_t
block_impact(const struct builder *b, const uint32_t *row, const uint32_t *tf, size_t n)
{
	float most = 0;
	long q;

	for (size_t i = 0; i < n; i++) {
		float f = lex_impact(tf[i], b->norm[row[i]]);
		if (f > most)
			most = f;
	}
	q = lrintf(ceilf(most * 65536.0f)) - 1;
	return (uint16_t)(q < 0 ? 0 : q);
}

/* before: the last row of the block before, -1 at the first (as u32, wrapping). */
static void
encode_block(struct builder *b, struct lex_skip *s, const uint32_t *row, const uint32_t *tf,
    size_t n, uint32_t before)
{
	uint32_t gap[LEX_BLOCK], more[LEX_BLOCK];

	for (size_t i = 0; i < n; i++) {
		gap[i] = row[i] - (i > 0 ? row[i - 1] : before) - 1;
		more[i] = tf[i] - 1;
	}
	s->last_row = row[n - 1];
	s->impact = block_impact(b, row, tf, n);
	s->row_bits = (uint8_t)widest(gap, n - 1);
	s->tf_bits = (uint8_t)widest(more, n);
	out_packed(b, gap, n - 1, s->row_bits);
	out_packed(b, more, n, s->tf_bits);
}

static int
encode_postings(struct builder *b, uint32_t df, struct err *e)
{
	uint32_t blocks = lex_blocks(df);
	size_t head = (size_t)blocks * sizeof(struct lex_skip);

	b->out_len = 0;
	if (out_room(b, head + (size_t)df * 8 + (size_t)blocks * 2, e) == -1)
		return -1;
	b->out_len = head;
	for (uint32_t i = 0; i < blocks; i++) {
		uint32_t first = i * LEX_BLOCK;
		size_t n = df - first < LEX_BLOCK ? df - first : LEX_BLOCK;
		struct lex_skip s = {.at = (uint32_t)(b->out_len - head)};
		encode_block(b, &s, b->row + first, b->tf + first, n,
		    first > 0 ? b->row[first - 1] : UINT32_MAX);
		memcpy(b->out + i * sizeof s, &s, sizeof s);
	}
	if (b->out_len > UINT32_MAX)
		return err_set(e, ERR_LIMIT, "a word's postings are over 4 GB");
	return 0;
}

static uint32_t
position_gap(const struct occurrence *o, size_t i)
{
	return o[i].position - (i > 0 && o[i].row == o[i - 1].row ? o[i - 1].position : 0);
}

/* The distances of one block's positions, packed with the width they need. */
static int
encode_block_positions(struct builder *b, const struct occurrence *o, size_t n, struct err *e)
{
	uint32_t all = 0;
	uint64_t held = 0;
	unsigned bits, used = 0;

	for (size_t i = 0; i < n; i++)
		all |= position_gap(o, i);
	bits = bits_of(all);
	if (out_room(b, 1 + lex_packed_bytes(n, bits), e) == -1)
		return -1;
	b->out[b->out_len++] = (unsigned char)bits;
	for (size_t i = 0; i < n; i++) {
		held |= (uint64_t)position_gap(o, i) << used;
		for (used += bits; used >= 8; used -= 8, held >>= 8)
			b->out[b->out_len++] = (unsigned char)held;
	}
	if (used > 0)
		b->out[b->out_len++] = (unsigned char)held;
	return 0;
}

static int
encode_positions(
    struct builder *b, const struct occurrence *o, size_t n, uint32_t df, struct err *e)
{
	size_t head = (size_t)lex_blocks(df) * 4, from = 0, to;
	uint32_t at;

	b->out_len = 0;
	if (out_room(b, head, e) == -1)
		return -1;
	b->out_len = head;
	for (uint32_t i = 0; i < lex_blocks(df); i++, from = to) {
		uint32_t rows = 0;
		for (to = from; to < n; to++) {
			rows += to == from || o[to].row != o[to - 1].row;
			if (rows > LEX_BLOCK)
				break;
		}
		if (b->out_len - head > UINT32_MAX)
			break;
		at = (uint32_t)(b->out_len - head);
		memcpy(b->out + (size_t)i * 4, &at, 4);
		if (encode_block_positions(b, o + from, to - from, e) == -1)
			return -1;
	}
	if (b->out_len > UINT32_MAX)
		return err_set(e, ERR_LIMIT, "a word's positions are over 4 GB");
	return 0;
}

/* ---- term by term ---- */

/* One term's postings from its occurrences into b->row and b->tf; answers the df. */
static uint32_t
gather_postings(struct builder *b, const struct occurrence *o, size_t n)
{
	uint32_t df = 0;

	for (size_t i = 0; i < n; i++) {
		if (i > 0 && o[i].row == o[i - 1].row) {
			b->tf[df - 1]++;
			continue;
		}
		b->row[df] = o[i].row;
		b->tf[df] = 1;
		df++;
	}
	return df;
}

static int
fit_postings(struct builder *b, uint32_t df, struct err *e)
{
	size_t want = (size_t)df + df / 2 + LEX_BLOCK;

	if (df <= b->postings_cap)
		return 0;
	free(b->row);
	free(b->tf);
	b->row = malloc(want * sizeof *b->row);
	b->tf = malloc(want * sizeof *b->tf);
	b->postings_cap = b->row != NULL && b->tf != NULL ? want : 0;
	return b->postings_cap > 0 ? 0 : no_memory(e);
}

static int
put_postings(
    struct builder *b, uint32_t term, const struct occurrence *o, size_t n, struct err *e)
{
	uint32_t df = b->t->df[term];

	if (fit_postings(b, df, e) == -1)
		return -1;
	if (gather_postings(b, o, n) != df)
		return err_set(e, ERR_INTERNAL, "a word's rows were counted wrongly");
	if (encode_postings(b, df, e) == -1)
		return -1;
	b->postings_bytes[term] = (uint32_t)b->out_len;
	return rpx_put(b->w, b->out, b->out_len, e);
}

static int
put_positions(
    struct builder *b, uint32_t term, const struct occurrence *o, size_t n, struct err *e)
{
	if (encode_positions(b, o, n, b->t->df[term], e) == -1)
		return -1;
	b->positions_bytes[term] = (uint32_t)b->out_len;
	return rpx_put(b->w, b->out, b->out_len, e);
}

typedef int put_term(
    struct builder *b, uint32_t term, const struct occurrence *o, size_t n, struct err *e);

/* The first term behind those that fit the buffer with `first`; their tokens. */
static uint32_t
end_of_range(const struct builder *b, uint32_t first, uint64_t *tokens)
{
	uint32_t end = first;

	*tokens = 0;
	do
		*tokens += b->count[end++];
	while (end < b->t->terms && *tokens + b->count[end] <= RANGE_TOKENS);
	return end;
}

/* Sorts the tokens of the terms first..end-1 by term; within one they stay in order. */
static int
fill_range(struct builder *b, uint32_t first, uint32_t end, uint64_t tokens, struct err *e)
{
	const struct termdoc *t = b->t;
	uint64_t at = 0;

	if (tokens > b->range_cap) {
		free(b->range);
		b->range_cap = 0;
		if ((b->range = malloc((size_t)tokens * sizeof *b->range)) == NULL)
			return no_memory(e);
		b->range_cap = (size_t)tokens;
	}
	for (uint32_t term = first; term < end; term++) {
		b->fill[term] = at;
		at += b->count[term];
	}
	for (uint32_t row = 0; row < t->rows; row++) {
		uint64_t from = t->row_at[row];
		for (uint64_t i = from; i < t->row_at[row + 1]; i++) {
			uint32_t term = t->token[i];
			if (term - first < end - first)
				b->range[b->fill[term]++] =
				    (struct occurrence){row, (uint32_t)(i - from)};
		}
	}
	return 0;
}

static int
each_term(struct builder *b, put_term *put, struct err *e)
{
	uint32_t end;
	uint64_t tokens, at;

	for (uint32_t first = 0; first < b->t->terms; first = end) {
		end = end_of_range(b, first, &tokens);
		if (fill_range(b, first, end, tokens, e) == -1)
			return -1;
		at = 0;
		for (uint32_t term = first; term < end; term++) {
			if (put(b, term, b->range + at, (size_t)b->count[term], e) == -1)
				return -1;
			at += b->count[term];
		}
	}
	return 0;
}

/* ---- sections ---- */

static int
write_lists(struct builder *b, enum rpx_kind kind, put_term *put, struct err *e)
{
	static const unsigned char tail[LEX_TAIL_BYTES];
	const struct termdoc *t = b->t;
	struct lex_postings_header h = {.version = LEX_FORMAT};

	for (uint32_t i = 0; i < t->terms; i++)
		h.items += kind == RPX_POSTINGS ? t->df[i] : b->count[i];
	h.block = kind == RPX_POSTINGS ? LEX_BLOCK : 0;
	if (rpx_begin(b->w, kind, e) == -1 || rpx_put(b->w, &h, sizeof h, e) == -1 ||
	    each_term(b, put, e) == -1 || rpx_put(b->w, tail, sizeof tail, e) == -1)
		return -1;
	return rpx_end(b->w, h.items, e);
}

static void
out_varint(struct builder *b, uint32_t value)
{
	for (; value >= 0x80; value >>= 7)
		b->out[b->out_len++] = (unsigned char)(value | 0x80);
	b->out[b->out_len++] = (unsigned char)value;
}

static void
out_term(struct builder *b, uint32_t term, bool is_first)
{
	const struct termdoc *t = b->t;
	const char *bytes = t->term_bytes + t->term_at[term];
	size_t len = (size_t)(t->term_at[term + 1] - t->term_at[term]), shared = 0;

	if (!is_first) {
		const char *before = t->term_bytes + t->term_at[term - 1];
		size_t before_len = (size_t)(bytes - before);
		while (shared < before_len && shared < len && before[shared] == bytes[shared])
			shared++;
	}
	b->out[b->out_len++] = (unsigned char)shared;
	b->out[b->out_len++] = (unsigned char)(len - shared);
	memcpy(b->out + b->out_len, bytes + shared, len - shared);
	b->out_len += len - shared;
	out_varint(b, t->df[term]);
	out_varint(b, b->postings_bytes[term]);
	out_varint(b, b->positions_bytes[term]);
}

/* One block of the lexicon into b->out; moves the two places behind its lists. */
static int
encode_terms(struct builder *b, uint32_t first, uint64_t *postings_at, uint64_t *positions_at,
    struct err *e)
{
	uint32_t terms = b->t->terms - first;

	if (terms > LEX_TERMS_IN_BLOCK)
		terms = LEX_TERMS_IN_BLOCK;
	b->out_len = 0;
	if (out_room(b, LEX_TERM_BLOCK_HEAD + (size_t)terms * (TERM_BYTES_MAX + 17), e) == -1)
		return -1;
	memcpy(b->out, postings_at, 8);
	memcpy(b->out + 8, positions_at, 8);
	b->out_len = LEX_TERM_BLOCK_HEAD;
	for (uint32_t term = first; term < first + terms; term++) {
		out_term(b, term, term == first);
		*postings_at += b->postings_bytes[term];
		*positions_at += b->positions_bytes[term];
	}
	return 0;
}

/* Calls for every block of the lexicon, twice: once for the places, once for the bytes. */
static int
each_term_block(
    struct builder *b, uint64_t at, bool is_index, bool with_positions, struct err *e)
{
	uint64_t postings_at = LEX_HEADER_BYTES;
	uint64_t positions_at = with_positions ? LEX_HEADER_BYTES : 0;

	for (uint32_t first = 0; first < b->t->terms; first += LEX_TERMS_IN_BLOCK) {
		if (encode_terms(b, first, &postings_at, &positions_at, e) == -1)
			return -1;
		if (is_index ? rpx_put(b->w, &at, sizeof at, e) == -1
			     : rpx_put(b->w, b->out, b->out_len, e) == -1)
			return -1;
		at += b->out_len;
	}
	return is_index ? rpx_put(b->w, &at, sizeof at, e) : 0;
}

static int
write_terms(struct builder *b, bool with_positions, struct err *e)
{
	struct lex_terms_header h = {.version = LEX_FORMAT,
	    .terms_in_block = LEX_TERMS_IN_BLOCK,
	    .terms = b->t->terms,
	    .blocks = ((uint64_t)b->t->terms + LEX_TERMS_IN_BLOCK - 1) / LEX_TERMS_IN_BLOCK};
	uint64_t at = sizeof h + (h.blocks + 1) * 8;

	if (rpx_begin(b->w, RPX_TERMS, e) == -1 || rpx_put(b->w, &h, sizeof h, e) == -1 ||
	    each_term_block(b, at, true, with_positions, e) == -1 ||
	    each_term_block(b, at, false, with_positions, e) == -1)
		return -1;
	return rpx_end(b->w, h.terms, e);
}

static int
write_lengths(struct builder *b, const struct lex_params *p, struct err *e)
{
	const struct termdoc *t = b->t;
	struct lex_lengths_header h = {.version = LEX_FORMAT,
	    .k1 = p->k1, .b = p->b, .rows = t->rows, .tokens = t->row_at[t->rows]};

	if (rpx_begin(b->w, RPX_LENGTHS, e) == -1 || rpx_put(b->w, &h, sizeof h, e) == -1 ||
	    rpx_put(b->w, b->norm, (size_t)t->rows * sizeof *b->norm, e) == -1)
		return -1;
	for (uint32_t row = 0; row < t->rows; row++) {
		uint32_t length = (uint32_t)(t->row_at[row + 1] - t->row_at[row]);
		if (rpx_put(b->w, &length, sizeof length, e) == -1)
			return -1;
	}
	return rpx_end(b->w, t->rows, e);
}

/* ---- the whole ---- */

static int
builder_init(struct builder *b, const struct lex_params *p, struct err *e)
{
	const struct termdoc *t = b->t;
	size_t rows = (size_t)t->rows + 1, terms = (size_t)t->terms + 1;
	double average = t->rows > 0 ? (double)t->row_at[t->rows] / t->rows : 0;

	b->norm = malloc(rows * sizeof *b->norm);
	b->count = calloc(terms, sizeof *b->count);
	b->fill = malloc(terms * sizeof *b->fill);
	b->postings_bytes = calloc(terms, sizeof *b->postings_bytes);
	b->positions_bytes = calloc(terms, sizeof *b->positions_bytes);
	if (b->norm == NULL || b->count == NULL || b->fill == NULL ||
	    b->postings_bytes == NULL || b->positions_bytes == NULL)
		return no_memory(e);
	for (uint32_t row = 0; row < t->rows; row++) {
		double length = (double)(t->row_at[row + 1] - t->row_at[row]);
		double share = average > 0 ? length / average : 0;
		b->norm[row] = (float)((double)p->k1 * (1 - (double)p->b + (double)p->b * share));
	}
	for (uint64_t i = 0; i < t->row_at[t->rows]; i++)
		b->count[t->token[i]]++;
	return 0;
}

int
lex_write(
    struct rpx_writer *w, const struct termdoc *t, const struct lex_params *p, struct err *e)
{
	struct builder b = {.w = w, .t = t};
	int rc = -1;

	if (!(p->k1 >= 0 && p->k1 <= 100 && p->b >= 0 && p->b <= 1))
		return err_set(e, ERR_RANGE, "k1 has to be 0..100 and b 0..1");
	if (t->building != NULL)
		return err_set(e, ERR_INTERNAL, "the words of the rows are not sealed");
	if (builder_init(&b, p, e) == -1 ||
	    write_lists(&b, RPX_POSTINGS, put_postings, e) == -1)
		goto out;
	if (p->with_positions && write_lists(&b, RPX_POSITION, put_positions, e) == -1)
		goto out;
	if (write_terms(&b, p->with_positions, e) == -1 || write_lengths(&b, p, e) == -1)
		goto out;
	rc = 0;
out:
	free(b.norm);
	free(b.count);
	free(b.fill);
	free(b.postings_bytes);
	free(b.positions_bytes);
	free(b.range);
	free(b.row);
	free(b.tf);
	free(b.out);
	return rc;
}
