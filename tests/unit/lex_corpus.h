/* lex_corpus.h - random corpora for the tests of the lexical index, and a scorer that
 * shares no code with it. */
#ifndef RAGPOOL_TEST_LEX_CORPUS_H
#define RAGPOOL_TEST_LEX_CORPUS_H

#include "unit.h"

#include <math.h>
#include <unistd.h>

#include "lex.h"
#include "rpx.h"
#include "termdoc.h"

struct corpus {
	char *folder;
	char path[600];
	struct termdoc t;
	struct rpx r;
	struct lex *x;
	struct analyzer *a;
	struct lex_scratch *s;
};

static uint32_t corpus_seed = 1;

static inline uint32_t
corpus_random(uint32_t below)
{
	corpus_seed = corpus_seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(corpus_seed >> 4) * below >> 28);
}

/* Word number by a law like Zipf's: half the words are among the first few. */
static inline uint32_t
corpus_word(uint32_t words)
{
	double u = corpus_random(1 << 20) / 1048576.0;

	return (uint32_t)(pow((double)words, u)) - 1;
}

static inline void
corpus_begin(struct corpus *c)
{
	struct err e;

	memset(c, 0, sizeof *c);
	c->folder = unit_folder();
	snprintf(c->path, sizeof c->path, "%s/index.rpx", c->folder);
	assert_ok(analyzer_new(&c->a, "none", &e), &e);
	assert_ok(termdoc_init(&c->t, &e), &e);
	assert_non_null(c->s = lex_scratch_new(&e));
}

static inline void
corpus_row(struct corpus *c, const char *text)
{
	struct err e;

	assert_ok(termdoc_begin_row(&c->t, &e), &e);
	assert_ok(termdoc_add_text(&c->t, c->a, text, strlen(text), &e), &e);
}

static inline void
corpus_write(struct corpus *c, const struct lex_params *p)
{
	struct rpx_writer *w;
	struct err e;

	unlink(c->path);
	assert_ok(rpx_create(&w, c->path, "alpha", &e), &e);
	assert_ok(lex_write(w, &c->t, p, &e), &e);
	assert_ok(rpx_finish(w, &e), &e);
}

static inline void
corpus_end(struct corpus *c, const struct lex_params *p)
{
	struct err e;

	assert_ok(termdoc_seal(&c->t, &e), &e);
	corpus_write(c, p);
	assert_ok(rpx_open(&c->r, c->path, &e), &e);
	assert_ok(lex_open(&c->x, &c->r, &e), &e);
	assert_ok(lex_verify(c->x, &e), &e);
}

/* rows rows of up to `longest` words, every tenth row empty.  Words are numbers: one with a
 * letter before it would have parts. */
static inline void
corpus_random_rows(struct corpus *c, uint32_t rows, uint32_t words, uint32_t longest)
{
	char text[8192];

	for (uint32_t row = 0; row < rows; row++) {
		uint32_t n = corpus_random(10) == 0 ? 0 : 1 + corpus_random(longest);
		size_t len = 0;
		text[0] = '\0';
		for (uint32_t i = 0; i < n && len < sizeof text - 16; i++)
			len += (size_t)snprintf(
			    text + len, sizeof text - len, "%u ", corpus_word(words));
		corpus_row(c, text);
	}
}

static inline void
corpus_gone(struct corpus *c)
{
	lex_close(c->x);
	rpx_close(&c->r);
	lex_scratch_free(c->s);
	termdoc_fini(&c->t);
	analyzer_free(c->a);
	unit_folder_gone(c->folder);
}

static inline void
corpus_query(const struct corpus *c, struct lex_query *q, const char *text)
{
	struct err e;

	assert_ok(lex_query_parse(q, c->x, c->a, text, strlen(text), LEX_OPERATORS, &e), &e);
}

/* BM25 of a row in double, straight from its tokens. */
static inline double
corpus_score(
    const struct corpus *c, const struct lex_query *q, uint32_t row, double k1, double b)
{
	const struct termdoc *t = &c->t;
	double length = (double)(t->row_at[row + 1] - t->row_at[row]), score = 0;
	double average = (double)t->row_at[t->rows] / t->rows;

	for (uint32_t i = 0; i < q->terms; i++) {
		uint32_t id = q->term[i].term.id, tf = 0;
		double df = t->df[id], idf = log(1 + (t->rows - df + 0.5) / (df + 0.5));
		for (uint64_t k = t->row_at[row]; k < t->row_at[row + 1]; k++)
			tf += t->token[k] == id;
		if (tf == 0)
			continue;
		score += (double)q->term[i].weight * idf * tf * (k1 + 1) /
		    (tf + k1 * (1 - b + b * length / average));
	}
	return score;
}

#endif
