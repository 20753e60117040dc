/* lex_cursor.c - walking one posting list. */
#include "lex_parts.h"

#include "lex_block.h"

enum { FIND_AT_ONCE = 32 };

int
lex_cursor_open(struct lex_cursor *c, const struct lex *x, const struct lex_term *t,
    float weight, struct err *e)
{
	size_t head = (size_t)lex_blocks(t->df) * sizeof(struct lex_skip);

	if (t->postings_at > x->post_bytes || t->postings_bytes > x->post_bytes - t->postings_at ||
	    t->postings_bytes < head)
		return lex_corrupt(e);
	c->x = x;
	c->skip = x->post + t->postings_at;
	c->data = c->skip + head;
	c->data_bytes = t->postings_bytes - head;
	c->end = x->post + x->post_bytes + LEX_TAIL_BYTES;
	c->df = t->df;
	c->blocks = lex_blocks(t->df);
	c->weight = weight;
	c->kept = NULL;
	lex_cursor_rewind(c);
	return 0;
}

int
lex_cursor_open_kept(struct lex_cursor *c, const struct lex *x, const struct lex_term *t,
    float weight, struct lex_kept_list *kept, struct err *e)
{
	int rc = lex_cursor_open(c, x, t, weight, e);

	c->kept = kept;
	return rc;
}

void
lex_cursor_rewind(struct lex_cursor *c)
{
	c->block = 0;
	c->i = 0;
	c->n = 0;
	c->decoded = UINT32_MAX;
	c->scored = UINT32_MAX;
	c->bound = 0;
	c->bound_block = 0;
}

/* Postings of a block. */
static uint32_t
block_length(const struct lex_cursor *c, uint32_t block)
{
	return block + 1 < c->blocks ? LEX_BLOCK : c->df - block * LEX_BLOCK;
}

/* Where a block's packed frequencies begin, behind its rows; NULL where not all of it lies in
 * the list. */
static const unsigned char *
block_frequencies(const struct lex_cursor *c, const struct lex_skip *s, uint32_t n)
{
	size_t row_bytes, tf_bytes;

	if (s->row_bits > 32 || s->tf_bits > 32)
		return NULL;
	row_bytes = lex_packed_bytes(n - 1, s->row_bits);
	tf_bytes = lex_packed_bytes(n, s->tf_bits);
	if (s->at > c->data_bytes || row_bytes + tf_bytes > c->data_bytes - s->at)
		return NULL;
	return c->data + s->at + row_bytes;
}

/* The rows of c->block, which end with last, into c->row. */
static int
decode_rows(struct lex_cursor *c, const struct lex_skip *s, uint32_t n, struct err *e)
{
	/* The lowest row there can be. */
	uint64_t next = c->block > 0 ? lex_cursor_skip(c, c->block - 1).last_row + UINT64_C(1) : 0;

	if (next > s->last_row || s->last_row >= c->x->rows)
		return lex_corrupt(e);
	/* 127 distances of 32 bits cannot wrap 64, so the last row bounds all others. */
	if (lex_block_rows(c->row, c->data + s->at, c->end, s->row_bits, n - 1, (uint32_t)next) >
	    s->last_row)
		return lex_corrupt(e);
	c->row[n - 1] = s->last_row;
	for (uint32_t i = 0; n < LEX_BLOCK && i < LEX_SPARE; i++)
		c->row[n - 1 + i] = s->last_row;
	return 0;
}

int
lex_cursor_decode(struct lex_cursor *c, struct err *e)
{
	struct lex_skip s = lex_cursor_skip(c, c->block);
	uint32_t n = block_length(c, c->block);
	const unsigned char *tf = block_frequencies(c, &s, n);

	if (tf == NULL)
		return lex_corrupt(e);
	c->row = c->kept != NULL ? c->kept->row + (size_t)c->block * LEX_BLOCK : c->own;
	if (c->kept == NULL || !lex_kept_has(c->kept, c->block)) {
		c->decoded = UINT32_MAX;
		if (decode_rows(c, &s, n, e) == -1)
			return -1;
		if (c->kept != NULL)
			lex_kept_put(c->kept, c->block);
	}
	c->n = n;
	c->i = 0;
	c->decoded = c->block;
	c->tf = tf;
	c->tf_bits = s.tf_bits;
	return 0;
}

void
lex_cursor_score(struct lex_cursor *c)
{
	lex_block_score(
	    c->score, c->row, c->n, c->x->norm, c->weight, c->tf, c->end, c->tf_bits);
	c->scored = c->decoded;
}

/* The first posting at or behind row of those from `from` on in the decoded block, whose last
 * row is not below row.  By masks, since of a choice the compiler makes a branch, and that is
 * guessed wrong every other time: a half of all that it took. */
static uint32_t
place_in_block(const struct lex_cursor *c, uint32_t from, uint32_t row)
{
	uint32_t low = from;

	for (uint32_t left = c->n - from, half; left > 1; left -= half) {
		half = left / 2;
		low += half & -(uint32_t)(c->row[low + half - 1] < row);
	}
	return low;
}

static int
find_in_block(struct lex_cursor *c, uint32_t row)
{
	c->i = place_in_block(c, c->i, row);
	return c->row[c->i] == row;
}

int
lex_cursor_seek(struct lex_cursor *c, uint32_t row, struct err *e)
{
	while (c->block < c->blocks && lex_cursor_skip(c, c->block).last_row < row) {
		c->block++;
		c->i = 0;
	}
	if (c->block == c->blocks)
		return 0;
	if (c->decoded != c->block && lex_cursor_decode(c, e) == -1)
		return -1;
	return find_in_block(c, row);
}

/* Where row lies at or behind the block at hand, a few doubling steps from there; else
 * anywhere before it. */
static void
bracket(const struct lex_cursor *c, uint32_t row, uint32_t *low, uint32_t *high)
{
	uint32_t at = c->block, step = 1;

	*low = 0;
	*high = c->blocks;
	if (at >= c->blocks || (at > 0 && lex_cursor_skip(c, at - 1).last_row >= row))
		return;
	*low = at;
	while (at < c->blocks && lex_cursor_skip(c, at).last_row < row) {
		*low = at + 1;
		at += step;
		step *= 2;
	}
	*high = at < c->blocks ? at : c->blocks;
}

/* Moves to the block that row would lie in; false where it lies behind them all. */
static bool
turn_to(struct lex_cursor *c, uint32_t row)
{
	uint32_t low, high;

	bracket(c, row, &low, &high);
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		if (lex_cursor_skip(c, mid).last_row < row)
			low = mid + 1;
		else
			high = mid;
	}
	if (low != c->block || c->decoded != low || c->i >= c->n || c->row[c->i] > row)
		c->i = 0;
	c->block = low;
	return low < c->blocks;
}

int
lex_cursor_jump(struct lex_cursor *c, uint32_t row, struct err *e)
{
	if (c->decoded == c->block && c->i < c->n && c->row[c->i] <= row &&
	    row <= c->row[c->n - 1])
		return find_in_block(c, row);
	turn_to(c, row);
	return lex_cursor_seek(c, row, e);
}

/* Of rows of the block at hand.  Whether one is there is not for a branch to guess. */
static void
find_in_decoded(const struct lex_cursor *c, const uint32_t *row, uint32_t n, struct lex_spot *spot)
{
	uint32_t at[FIND_AT_ONCE];

	lex_block_find(c->row, c->n, row, n, at);
	for (uint32_t k = 0; k < n; k++) {
		uint32_t tf = lex_cursor_tf(c, at[k] % LEX_BLOCK);
		spot[k].posting = c->block * LEX_BLOCK + at[k];
		spot[k].tf = tf & -(uint32_t)(at[k] != LEX_BLOCK);
	}
}

int
lex_cursor_find(struct lex_cursor *c, const uint32_t *row, uint32_t n, struct lex_spot *spot,
    struct err *e)
{
	uint32_t k = 0, end;

	for (; k < n; k = end) {
		if (!turn_to(c, row[k]))
			break;
		if (c->decoded != c->block && lex_cursor_decode(c, e) == -1)
			return -1;
		for (end = k + 1; end < n && end < k + FIND_AT_ONCE; end++)
			if (row[end] > c->row[c->n - 1])
				break;
		find_in_decoded(c, row + k, end - k, spot + k);
	}
	for (; k < n; k++)
		spot[k].tf = 0;
	return 0;
}

/* Occurrences in a block before posting i: where its positions begin. */
static uint64_t
count_before(const struct lex_cursor *c, const unsigned char *tf, unsigned bits, uint32_t i)
{
	return i + (bits > 0 ? lex_block_sum(tf, c->end, bits, i) : 0);
}

/* Where the positions of a block of the term's list begin, and how many bytes may follow; NULL
 * when the section contradicts itself. */
static const unsigned char *
position_block(const struct lex *x, const struct lex_term *t, uint32_t b, size_t *left)
{
	size_t head = (size_t)lex_blocks(t->df) * 4;
	const unsigned char *list;
	uint32_t at;

	if (x->posn == NULL || t->positions_at > x->posn_bytes ||
	    t->positions_bytes > x->posn_bytes - t->positions_at || t->positions_bytes < head)
		return NULL;
	list = x->posn + t->positions_at;
	memcpy(&at, list + (size_t)b * 4, 4);
	if (at >= t->positions_bytes - head)
		return NULL;
	*left = t->positions_bytes - head - at;
	return list + head + at;
}

void
lex_positions_fetch_block(const struct lex *x, const struct lex_term *t, uint32_t posting)
{
	if (x->posn != NULL && t->positions_at <= x->posn_bytes)
		__builtin_prefetch(x->posn + t->positions_at + (size_t)(posting / LEX_BLOCK) * 4);
}

void
lex_positions_fetch(const struct lex *x, const struct lex_term *t, uint32_t posting)
{
	uint32_t b = posting / LEX_BLOCK;
	size_t left, behind = 0;
	const unsigned char *block = position_block(x, t, b, &left);

	if (block == NULL)
		return;
	if (b + 1 < lex_blocks(t->df) && position_block(x, t, b + 1, &behind) == NULL)
		return;
	__builtin_prefetch(block);
	if (left > behind)	/* about there */
		__builtin_prefetch(block + (left - behind) * (posting % LEX_BLOCK) / LEX_BLOCK);
}

int
lex_cursor_positions_at(const struct lex_cursor *c, const struct lex_term *t, uint32_t posting,
    uint32_t *out, uint32_t max)
{
	uint32_t b = posting / LEX_BLOCK, i = posting % LEX_BLOCK, tf;
	struct lex_skip s = lex_cursor_skip(c, b);
	const unsigned char *block, *frequency = block_frequencies(c, &s, block_length(c, b));
	uint64_t first, position = 0;
	unsigned bits;
	size_t left;

	if (frequency == NULL || (block = position_block(c->x, t, b, &left)) == NULL)
		return -1;
	tf = lex_packed_at(frequency, i, s.tf_bits) + 1;
	if (tf > max)
		tf = max;
	if ((bits = *block++) > 32)
		return -1;
	first = count_before(c, frequency, s.tf_bits, i);
	if (lex_packed_bytes(first + tf, bits) > left - 1)
		return -1;
	for (uint32_t k = 0; k < tf; k++) {
		position += lex_packed_at(block, first + k, bits);
		if (position > UINT32_MAX)
			return -1;
		out[k] = (uint32_t)position;
	}
	return (int)tf;
}

int
lex_cursor_positions(const struct lex_cursor *c, const struct lex_term *t, uint32_t i,
    uint32_t *out, uint32_t max)
{
	return lex_cursor_positions_at(c, t, c->decoded * LEX_BLOCK + i, out, max);
}
