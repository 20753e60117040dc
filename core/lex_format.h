/* lex_format.h - the bytes of the sections TERM, POST, posn and LENS.
 *
 * All little endian.  "varint": seven bits a byte, low first, the high bit set on all but
 * the last, at most five bytes (u32).  "packed": values of w bits (0..32) one behind the
 * other from the low bit of the first byte up, the last byte filled with zeros.
 *
 * TERM, the lexicon.  items = terms.  Terms are sorted bytewise; their places are the
 * term ids.
 *
 *   OFFSET  SIZE  MEANING
 *        0     4  version, 1
 *        4     4  terms in a block, 16
 *        8     8  terms
 *       16     8  blocks
 *       24     8  0
 *       32     8  x (blocks + 1): where each block begins, from the start of the section;
 *                 the last is the section's length
 *        .     .  blocks:
 *                   u64 where the first term's list begins, from the start of POST
 *                   u64 the same in posn (0 without that section)
 *                   for each term: u8 bytes shared with the term before (0 for the first),
 *                     u8 bytes that follow, these bytes, varint df, varint length of its
 *                     list in POST, varint length of its list in posn
 *                 lists of a block's terms follow one another without gap
 *
 * POST, postings.  items = postings of all terms.
 *
 *        0     4  version, 1
 *        4     4  postings in a block, 128
 *        8     8  postings
 *       16    16  0
 *       32     .  a list for each term, in the order of the lexicon:
 *                   a skip entry for each block (all but the last hold 128 postings):
 *                     u32 last row of the block
 *                     u32 where its data begins, from the end of the skip entries
 *                     u16 impact: (impact + 1) / 65536 is not below any tf / (tf + norm)
 *                         of the block
 *                     u8  bits of a row distance
 *                     u8  bits of a term frequency
 *                   for each block: packed row distances less 1, one less than there are
 *                     postings (the last row is in the skip entry; the first counts from
 *                     the last row of the block before, or from -1); packed tf - 1
 *      end     8  zeros, so that a packed value may be read with one 8-byte load
 *
 * posn, positions; may be absent.  items = tokens.
 *
 *        0     4  version, 1
 *        4     4  0
 *        8     8  tokens
 *       16    16  0
 *       32     .  a list for each term, in the order of the lexicon:
 *                   u32 for each block of its postings: where the block's positions begin,
 *                       from the end of these
 *                   for each block: u8 bits, then packed, for each posting and each of its
 *                     tf occurrences: the distance to the occurrence before in the same
 *                     row (the first: the position itself; positions count tokens from 0)
 *      end     8  zeros
 *
 * LENS, lengths.  items = rows.
 *
 *        0     4  version, 1
 *        4     4  f32 k1
 *        8     4  f32 b
 *       12     4  rows
 *       16     8  tokens of all rows
 *       24     8  0
 *       32     4  x rows: f32 norm = k1 * (1 - b + b * length / average length)
 *        .     4  x rows: u32 length in tokens
 */
#ifndef RAGPOOL_LEX_FORMAT_H
#define RAGPOOL_LEX_FORMAT_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
	LEX_FORMAT = 1,
	LEX_HEADER_BYTES = 32,
	LEX_TERMS_IN_BLOCK = 16,
	LEX_BLOCK = 128,
	LEX_TAIL_BYTES = 8,
	LEX_TERM_BLOCK_HEAD = 16,
};

struct lex_terms_header {
	uint32_t version;
	uint32_t terms_in_block;
	uint64_t terms;
	uint64_t blocks;
	uint64_t zero;
};
_Static_assert(sizeof(struct lex_terms_header) == LEX_HEADER_BYTES, "a file format");

struct lex_postings_header {	/* of POST and posn */
	uint32_t version;
	uint32_t block;		/* 0 in posn */
	uint64_t items;
	uint64_t zero[2];
};
_Static_assert(sizeof(struct lex_postings_header) == LEX_HEADER_BYTES, "a file format");

struct lex_lengths_header {
	uint32_t version;
	float k1;
	float b;
	uint32_t rows;
	uint64_t tokens;
	uint64_t zero;
};
_Static_assert(sizeof(struct lex_lengths_header) == LEX_HEADER_BYTES, "a file format");

struct lex_skip {
	uint32_t last_row;
	uint32_t at;
	uint16_t impact;
	uint8_t row_bits;
	uint8_t tf_bits;
};
_Static_assert(sizeof(struct lex_skip) == 12, "a file format");

static inline uint32_t
lex_blocks(uint32_t df)
{
	return df / LEX_BLOCK + (df % LEX_BLOCK != 0);
}

static inline size_t
lex_packed_bytes(uint64_t values, unsigned bits)
{
	return (size_t)((values * bits + 7) / 8);
}

/* Value i of a packed array; may read 7 bytes past the value (LEX_TAIL_BYTES). */
static inline uint32_t
lex_packed_at(const unsigned char *p, uint64_t i, unsigned bits)
{
	uint64_t bit = i * bits, word;

	memcpy(&word, p + bit / 8, sizeof word);
	return (uint32_t)(word >> bit % 8 & ((UINT64_C(1) << bits) - 1));
}

/* How strong a posting is, 0..1; the one place that computes it.  A norm from a hostile
 * file (negative, NaN) still lands in 0..1. */
static inline float
lex_impact(uint32_t tf, float norm)
{
	float f = (float)tf / ((float)tf + norm);

	f = f < 1 ? f : 1;
	return f > 0 ? f : 0;
}

#endif
