/* lex_open.c - opening the lexical index, the lexicon, checking everything. */
#include "lex_parts.h"

#include <stdlib.h>

int
lex_corrupt(struct err *e)
{
	return err_set(e, ERR_CORRUPT, "index.rpx: the lexical sections contradict themselves");
}

/* ---- opening ---- */

/* POST or posn: header, lists, tail.  *bytes is then without the tail. */
static int
check_lists(const unsigned char *p, size_t *bytes, uint32_t block, struct err *e)
{
	struct lex_postings_header h;

	if (*bytes < sizeof h + LEX_TAIL_BYTES)
		return lex_corrupt(e);
	memcpy(&h, p, sizeof h);
	if (h.version > LEX_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "index.rpx: newer lexical sections");
	if (h.version != LEX_FORMAT || h.block != block)
		return lex_corrupt(e);
	*bytes -= LEX_TAIL_BYTES;
	return 0;
}

static int
open_terms(struct lex *x, const struct rpx *r, struct err *e)
{
	struct lex_terms_header h;

	if ((x->term = rpx_need(r, RPX_TERMS, &x->term_bytes, NULL, e)) == NULL)
		return -1;
	if (x->term_bytes < sizeof h)
		return lex_corrupt(e);
	memcpy(&h, x->term, sizeof h);
	if (h.version > LEX_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "index.rpx: newer lexical sections");
	if (h.version != LEX_FORMAT || h.terms_in_block != LEX_TERMS_IN_BLOCK ||
	    h.terms >= UINT32_MAX ||
	    h.blocks != (h.terms + LEX_TERMS_IN_BLOCK - 1) / LEX_TERMS_IN_BLOCK ||
	    (x->term_bytes - sizeof h) / 8 < h.blocks + 1)
		return lex_corrupt(e);
	x->terms = (uint32_t)h.terms;
	x->term_blocks = (uint32_t)h.blocks;
	return 0;
}

static int
open_lengths(struct lex *x, const struct rpx *r, struct err *e)
{
	struct lex_lengths_header h;
	const unsigned char *p;
	size_t bytes;

	if ((p = rpx_need(r, RPX_LENGTHS, &bytes, NULL, e)) == NULL)
		return -1;
	if (bytes < sizeof h)
		return lex_corrupt(e);
	memcpy(&h, p, sizeof h);
	if (h.version > LEX_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "index.rpx: newer lexical sections");
	if (h.version != LEX_FORMAT || h.rows > INDEX_ROWS_MAX ||
	    bytes != sizeof h + (size_t)h.rows * 8 || !(h.k1 >= 0 && h.k1 <= 100))
		return lex_corrupt(e);
	x->rows = h.rows;
	x->k1 = h.k1;
	x->average = h.rows > 0 ? (double)h.tokens / h.rows : 0;
	x->norm = (const float *)(const void *)(p + sizeof h);
	x->length = (const uint32_t *)(const void *)(p + sizeof h + (size_t)h.rows * 4);
	return 0;
}

int
lex_open(struct lex **out, const struct rpx *r, struct err *e)
{
	static uint32_t serial;
	struct lex *x = calloc(1, sizeof *x);

	*out = NULL;
	if (x == NULL)
		return err_sys(e, ERR_NOMEM, "lexical index");
	if (open_terms(x, r, e) == -1 || open_lengths(x, r, e) == -1)
		goto fail;
	if ((x->post = rpx_need(r, RPX_POSTINGS, &x->post_bytes, NULL, e)) == NULL ||
	    check_lists(x->post, &x->post_bytes, LEX_BLOCK, e) == -1)
		goto fail;
	x->posn = rpx_find(r, RPX_POSITION, &x->posn_bytes, NULL);
	if (x->posn != NULL && check_lists(x->posn, &x->posn_bytes, 0, e) == -1)
		goto fail;
	x->serial = __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED);
	*out = x;
	return 0;
fail:
	lex_close(x);
	return -1;
}

void
lex_close(struct lex *x)
{
	free(x);
}

uint32_t
lex_rows(const struct lex *x)
{
	return x->rows;
}

uint32_t
lex_terms(const struct lex *x)
{
	return x->terms;
}

double
lex_average_length(const struct lex *x)
{
	return x->average;
}

uint32_t
lex_length(const struct lex *x, uint32_t row)
{
	return row < x->rows ? x->length[row] : 0;
}

double
lex_idf(const struct lex *x, uint32_t df)
{
	return log1p(((double)x->rows - df + 0.5) / (df + 0.5));
}

/* ---- the lexicon ---- */

/* A block of the lexicon, read term by term. */
struct term_reader {
	const unsigned char *p, *end;
	uint32_t left;		/* terms not yet read */
	size_t len;		/* of the term read last */
	struct lex_term term;	/* its entry */
	char bytes[TERM_BYTES_MAX];
};

static int
reader_open(struct term_reader *t, const struct lex *x, uint32_t block, struct err *e)
{
	const unsigned char *index = x->term + LEX_HEADER_BYTES;
	uint64_t from, to, first = (uint64_t)block * LEX_TERMS_IN_BLOCK;

	memcpy(&from, index + (size_t)block * 8, 8);
	memcpy(&to, index + (size_t)block * 8 + 8, 8);
	if (to > x->term_bytes || from > to || to - from < LEX_TERM_BLOCK_HEAD)
		return lex_corrupt(e);
	t->p = x->term + from + LEX_TERM_BLOCK_HEAD;
	t->end = x->term + to;
	t->left = x->terms - (uint32_t)first < LEX_TERMS_IN_BLOCK ? x->terms - (uint32_t)first
								  : LEX_TERMS_IN_BLOCK;
	t->len = 0;
	memset(&t->term, 0, sizeof t->term);
	t->term.id = (uint32_t)first - 1;	/* the first term's, after one step */
	memcpy(&t->term.postings_at, x->term + from, 8);
	memcpy(&t->term.positions_at, x->term + from + 8, 8);
	return 0;
}

static bool
read_varint(struct term_reader *t, uint32_t *out)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 35 && t->p < t->end; shift += 7) {
		unsigned char c = *t->p++;
		value |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*out = (uint32_t)value;
			return value <= UINT32_MAX;
		}
	}
	return false;
}

static int
reader_next(struct term_reader *t, const struct lex *x, struct err *e)
{
	size_t shared, more;

	if (t->end - t->p < 2)
		return lex_corrupt(e);
	shared = t->p[0];
	more = t->p[1];
	t->p += 2;
	if (shared > t->len || shared + more > TERM_BYTES_MAX || shared + more == 0 ||
	    (size_t)(t->end - t->p) < more)
		return lex_corrupt(e);
	memcpy(t->bytes + shared, t->p, more);
	t->len = shared + more;
	t->p += more;
	t->term.id++;
	t->term.postings_at += t->term.postings_bytes;
	t->term.positions_at += t->term.positions_bytes;
	if (!read_varint(t, &t->term.df) || !read_varint(t, &t->term.postings_bytes) ||
	    !read_varint(t, &t->term.positions_bytes) || t->term.df == 0 ||
	    t->term.df > x->rows)
		return lex_corrupt(e);
	t->left--;
	return 0;
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c != 0 ? c : a_len < b_len ? -1 : a_len > b_len;
}

/* The block's first term, which shares nothing with another, where it lies; NULL when it does
 * not. */
static const char *
first_of_block(const struct lex *x, uint32_t block, size_t *len)
{
	const unsigned char *index = x->term + LEX_HEADER_BYTES + (size_t)block * 8, *p;
	uint64_t from, to;

	memcpy(&from, index, 8);
	memcpy(&to, index + 8, 8);
	if (to > x->term_bytes || from > to || to - from < LEX_TERM_BLOCK_HEAD + 2)
		return NULL;
	p = x->term + from + LEX_TERM_BLOCK_HEAD;
	*len = p[1];
	if (p[0] != 0 || *len == 0 || *len > TERM_BYTES_MAX ||
	    *len > to - from - LEX_TERM_BLOCK_HEAD - 2)
		return NULL;
	return (const char *)p + 2;
}

/* The last block whose first term is not behind the one looked for. */
static int
block_of(const struct lex *x, const char *term, size_t len, uint32_t *out, struct err *e)
{
	uint32_t low = 0, high = x->term_blocks;
	const char *first;
	size_t first_len;

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;
		if ((first = first_of_block(x, mid, &first_len)) == NULL)
			return lex_corrupt(e);
		if (compare_bytes(first, first_len, term, len) <= 0)
			low = mid;
		else
			high = mid;
	}
	*out = low;
	return 0;
}

int
lex_find(
    const struct lex *x, const char *term, size_t len, struct lex_term *out, struct err *e)
{
	struct term_reader t;
	uint32_t block = 0;
	int c;

	if (x->terms == 0 || len == 0 || len > TERM_BYTES_MAX)
		return 0;
	if (block_of(x, term, len, &block, e) == -1 || reader_open(&t, x, block, e) == -1)
		return -1;
	while (t.left > 0) {
		if (reader_next(&t, x, e) == -1)
			return -1;
		if ((c = compare_bytes(t.bytes, t.len, term, len)) == 0) {
			*out = t.term;
			out->idf = lex_idf(x, out->df);
			return 1;
		}
		if (c > 0)
			break;
	}
	return 0;
}

int
lex_term_at(const struct lex *x, uint32_t id, struct lex_term *out, char bytes[TERM_BYTES_MAX],
    size_t *len, struct err *e)
{
	struct term_reader t;

	if (id >= x->terms)
		return err_set(e, ERR_RANGE, "no term %u", id);
	if (reader_open(&t, x, id / LEX_TERMS_IN_BLOCK, e) == -1)
		return -1;
	for (uint32_t i = 0; i <= id % LEX_TERMS_IN_BLOCK; i++)
		if (reader_next(&t, x, e) == -1)
			return -1;
	*out = t.term;
	out->idf = lex_idf(x, out->df);
	memcpy(bytes, t.bytes, t.len);
	*len = t.len;
	return 0;
}

/* ---- checking everything ---- */

/* Every block of a list decodes and ends below the number of rows, and its impact
 * covers its postings; with positions, these are below the rows' lengths. */
static int
verify_list(struct lex_cursor *c, const struct lex *x, const struct lex_term *t, struct err *e)
{
	uint32_t position[1024];
	int n;

	if (lex_cursor_open(c, x, t, 1, e) == -1)
		return -1;
	for (; c->block < c->blocks; c->block++) {
		struct lex_skip s = lex_cursor_skip(c, c->block);
		if (lex_cursor_decode(c, e) == -1)
			return -1;
		for (uint32_t i = 0; i < c->n; i++) {
			uint32_t tf = lex_cursor_tf(c, i), row = c->row[i];
			if (lex_impact(tf, x->norm[row]) > (float)(s.impact + 1) * 0x1p-16f ||
			    tf > x->length[row])
				return lex_corrupt(e);
			if (x->posn == NULL)
				continue;
			if ((n = lex_cursor_positions(c, t, i, position, 1024)) < 1 ||
			    position[n - 1] >= x->length[row])
				return lex_corrupt(e);
		}
	}
	return 0;
}

int
lex_verify(const struct lex *x, struct err *e)
{
	struct lex_cursor *c = malloc(sizeof *c);
	char before[TERM_BYTES_MAX];
	size_t before_len = 0;
	struct term_reader t;
	int rc = -1;

	if (c == NULL)
		return err_sys(e, ERR_NOMEM, "lexical index");
	for (uint32_t block = 0; block < x->term_blocks; block++) {
		if (reader_open(&t, x, block, e) == -1)
			goto out;
		while (t.left > 0) {
			if (reader_next(&t, x, e) == -1)
				goto out;
			if (compare_bytes(before, before_len, t.bytes, t.len) >= 0) {
				lex_corrupt(e);
				goto out;
			}
			memcpy(before, t.bytes, t.len);
			before_len = t.len;
			if (verify_list(c, x, &t.term, e) == -1)
				goto out;
		}
	}
	rc = 0;
out:
	free(c);
	return rc;
}
