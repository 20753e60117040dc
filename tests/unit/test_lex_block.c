/* test_lex_block.c - whole blocks of postings: the same as value by value, nothing read behind
 * the end. */
#include "unit.h"

#include "lex_block.h"
#include "lex_parts.h"

enum { TAIL = LEX_TAIL_BYTES };

static uint64_t random_state = 7;

static uint32_t
next_random(void)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 32);
}

/* n packed values as they lie at the very end of a section, in memory of exactly that size. */
static unsigned char *
make_packed(uint32_t n, unsigned bits, const unsigned char **end)
{
	size_t bytes = lex_packed_bytes(n, bits);
	unsigned char *p = calloc(1, bytes + TAIL);

	assert_non_null(p);
	for (size_t i = 0; i < bytes; i++)
		p[i] = (unsigned char)next_random();
	*end = p + bytes + TAIL;
	return p;
}

static void
check_rows(const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n)
{
	uint32_t row[LEX_BLOCK], first = next_random() >> 2;
	uint64_t next = first;

	if (lex_block_rows(row, p, end, bits, n, first) < first)
		fail_msg("%u bits, %u values: the lowest row that can follow", bits, n);
	for (uint32_t i = 0; i < n; i++) {
		next += lex_packed_at(p, i, bits);
		if (row[i] != (uint32_t)next++)
			fail_msg("%u bits, %u values: row %u", bits, n, i);
	}
	assert_true(lex_block_rows(row, p, end, bits, n, first) == next);
}

static void
check_sums(const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += lex_packed_at(p, i, bits);
	if (lex_block_sum(p, end, bits, n) != sum)
		fail_msg("%u bits, %u values: the sum", bits, n);
}

static void
check_scores(const unsigned char *p, const unsigned char *end, unsigned bits, uint32_t n)
{
	static const float odd[] = {0, -1, -5, NAN, INFINITY, -INFINITY, 1e-20f};
	uint32_t row[LEX_BLOCK] = {0}, score[LEX_BLOCK];
	float norm[2 * LEX_BLOCK], weight = (float)(next_random() % (1 << 22));

	for (uint32_t i = 0; i < 2 * LEX_BLOCK; i++)
		norm[i] = next_random() % 8 != 0 ? (float)(next_random() % 1000) / 300
						 : odd[next_random() % 7];
	for (uint32_t i = 0; i < n; i++)
		row[i] = next_random() % (2 * LEX_BLOCK);
	lex_block_score(score, row, n, norm, weight, p, end, bits);
	for (uint32_t i = 0; i < n; i++)
		if (score[i] != lex_units_of(weight,
				    lex_impact(lex_packed_at(p, i, bits) + 1, norm[row[i]])))
			fail_msg("%u bits, %u values: score %u", bits, n, i);
}

/* Behind the n rows lie some that are looked for, too. */
static void
rows_are_found_where_they_are(void **state)
{
	uint32_t row[LEX_BLOCK], wanted[2 * LEX_BLOCK], at[2 * LEX_BLOCK];

	(void)state;
	for (uint32_t n = 1; n <= LEX_BLOCK; n++) {
		for (uint32_t i = 0; i < LEX_BLOCK; i++) {
			row[i] = i < n ? (i > 0 ? row[i - 1] + 2 : 5) + 2 * (next_random() % 3)
				       : row[next_random() % n] - next_random() % 2;
		}
		for (uint32_t k = 0; k < 2 * n; k++)	/* each, and what is not there */
			wanted[k] = row[k / 2] - k % 2;
		lex_block_find(row, n, wanted, 2 * n, at);
		for (uint32_t k = 0; k < 2 * n; k++)
			if (at[k] != (k % 2 == 0 ? k / 2 : LEX_BLOCK))
				fail_msg("%u rows: row %u at %u", n, k / 2, at[k]);
	}
}

static void
blocks_are_the_same_as_value_by_value(void **state)
{
	const unsigned char *end;
	unsigned char *p;

	(void)state;
	for (unsigned bits = 0; bits <= 32; bits++) {
		for (uint32_t n = 0; n <= LEX_BLOCK; n++) {
			p = make_packed(n, bits, &end);
			check_rows(p, end, bits, n);
			check_sums(p, end, bits, n);
			check_scores(p, end, bits, n);
			free(p);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_are_the_same_as_value_by_value),
	    cmocka_unit_test(rows_are_found_where_they_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
