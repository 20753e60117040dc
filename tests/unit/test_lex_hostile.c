/* test_lex_hostile.c - sections with right checksums and wrong content: whatever they
 * say, opening and searching end with an answer or an error, never a wild read (the
 * sanitizer build watches). */
#include "lex_corpus.h"

#include "file.h"

static const enum rpx_kind kinds[] = {RPX_TERMS, RPX_POSTINGS, RPX_POSITION, RPX_LENGTHS};
enum { KINDS = 4 };
static struct lex_query query;

/* The sections of a good index, on the heap with their exact sizes. */
struct sections {
	unsigned char *bytes[KINDS];
	size_t n[KINDS];
};

static void
copy_sections(const struct corpus *c, struct sections *s)
{
	for (int i = 0; i < KINDS; i++) {
		const void *p = rpx_find(&c->r, kinds[i], &s->n[i], NULL);
		s->bytes[i] = malloc(s->n[i]);
		memcpy(s->bytes[i], p, s->n[i]);
	}
}

/* An opened container of these sections, section `last` at the very end of one heap
 * block, so that the sanitizer sees a read past it (in a mapped file it would find the
 * next section there).  Returns the block. */
static unsigned char *
lay_out(const struct sections *s, int last, struct rpx *r)
{
	size_t at = 0, total = s->n[last];
	unsigned char *block;

	for (int i = 0; i < KINDS; i++)
		total += i != last ? (s->n[i] + 15) / 16 * 16 : 0;
	block = malloc(total);
	memset(r, 0, sizeof *r);
	r->map.data = block;
	r->map.len = total;
	for (int step = 0; step < KINDS; step++) {
		int i = (last + 1 + step) % KINDS;
		memcpy(block + at, s->bytes[i], s->n[i]);
		r->table[r->sections++] = (struct rpx_entry){
		    .kind = (uint32_t)kinds[i], .offset = at, .bytes = s->n[i]};
		at += (s->n[i] + 15) / 16 * 16;
	}
	return block;
}

static void
ask(const struct lex *x, struct corpus *c, const char *text)
{
	struct lex_options o = {.k = 7};
	struct lex_part part[QUERY_TERMS_MAX];
	struct lex_hit hit[7];
	float score;
	uint32_t n;

	if (lex_query_parse(&query, x, c->a, text, strlen(text), LEX_OPERATORS, NULL) == -1)
		return;
	if (lex_search(x, c->s, &query, &o, hit, &n, NULL, NULL) == 0) {
		assert_in_range(n, 0, 7);
		for (uint32_t i = 0; i < n; i++)
			assert_true(hit[i].row < lex_rows(x));
	}
	lex_explain(x, c->s, &query, corpus_random(400), part, &score, NULL);
}

static void
use_sections(struct corpus *c, const struct sections *s, int last, uint64_t *opened,
    uint64_t *verified)
{
	char bytes[TERM_BYTES_MAX];
	unsigned char *block;
	struct lex_term t;
	struct lex *x;
	struct rpx r;
	size_t len;

	block = lay_out(s, last, &r);
	if (lex_open(&x, &r, NULL) == 0) {
		(*opened)++;
		*verified += lex_verify(x, NULL) == 0;
		ask(x, c, "0 1 2 17 30");
		ask(x, c, "3 +0 -5 \"0 1\"");
		ask(x, c, "\"1 0 2\" 40");
		for (uint32_t id = 0; id < 50; id++)
			lex_term_at(x, id, &t, bytes, &len, NULL);
		lex_close(x);
	}
	free(block);
}

static void
small_index(struct corpus *c, struct sections *s)
{
	static const struct lex_params usual = LEX_PARAMS_DEFAULT;

	corpus_begin(c);
	corpus_random_rows(c, 400, 50, 30);
	corpus_end(c, &usual);
	copy_sections(c, s);
}

static void
drop(struct corpus *c, struct sections *s)
{
	for (int i = 0; i < KINDS; i++)
		free(s->bytes[i]);
	corpus_gone(c);
}

/* Half the flips hit the first 200 bytes of a section, where its numbers are. */
static void
flipped_bytes_never_lead_astray(void **state)
{
	uint64_t opened = 0, verified = 0;
	struct sections s;
	struct corpus c;

	(void)state;
	small_index(&c, &s);
	for (int round = 0; round < 1500; round++) {
		int section = (int)corpus_random(KINDS);
		size_t at[3];
		unsigned char was[3];
		uint32_t flips = 1 + corpus_random(3);

		for (uint32_t i = 0; i < flips; i++) {
			uint32_t span = (uint32_t)s.n[section];
			if (corpus_random(2) == 0 && span > 200)
				span = 200;
			at[i] = corpus_random(span);
			was[i] = s.bytes[section][at[i]];
			s.bytes[section][at[i]] = (unsigned char)(corpus_random(3) == 0
				? 0xff
				: was[i] ^ 1u << corpus_random(8));
		}
		use_sections(&c, &s, section, &opened, &verified);
		for (uint32_t i = flips; i-- > 0;)
			s.bytes[section][at[i]] = was[i];
	}
	assert_true(opened > 500);	/* most damage is behind the headers */
	assert_true(verified < opened / 2);	/* and is mostly seen by a full check */
	drop(&c, &s);
}

static void
cut_sections_never_lead_astray(void **state)
{
	uint64_t opened = 0, verified = 0;
	struct sections s;
	struct corpus c;

	(void)state;
	small_index(&c, &s);
	for (int round = 0; round < 300; round++) {
		int section = round % KINDS;
		size_t whole = s.n[section];

		s.n[section] = round < 100 ? whole - 1 - (size_t)round / 4
					   : corpus_random((uint32_t)whole);
		use_sections(&c, &s, section, &opened, &verified);
		s.n[section] = whole;
	}
	assert_int_equal(verified, 0);
	drop(&c, &s);
}

static void
same_rows_give_same_bytes(void **state)
{
	static const struct lex_params usual = LEX_PARAMS_DEFAULT;
	char *bytes[2];
	size_t n[2];
	struct err e;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct corpus c;
		corpus_seed = 99;
		corpus_begin(&c);
		corpus_random_rows(&c, 1000, 500, 30);
		corpus_end(&c, &usual);
		assert_ok(file_read(&bytes[i], &n[i], c.path, 1 << 24, &e), &e);
		corpus_gone(&c);
	}
	assert_int_equal(n[0], n[1]);
	assert_memory_equal(bytes[0], bytes[1], n[0]);
	free(bytes[0]);
	free(bytes[1]);
}

static void
newer_format_is_named_as_such(void **state)
{
	struct sections s;
	struct corpus c;
	unsigned char *block;
	struct rpx r;
	struct lex *x;
	struct err e;

	(void)state;
	small_index(&c, &s);
	for (int i = 0; i < KINDS; i++) {
		s.bytes[i][0] = 2;
		block = lay_out(&s, i, &r);
		assert_refused(lex_open(&x, &r, &e), &e, ERR_FORMAT_NEW);
		assert_null(x);
		free(block);
		s.bytes[i][0] = 1;
	}
	drop(&c, &s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(flipped_bytes_never_lead_astray),
	    cmocka_unit_test(cut_sections_never_lead_astray),
	    cmocka_unit_test(same_rows_give_same_bytes),
	    cmocka_unit_test(newer_format_is_named_as_such),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
