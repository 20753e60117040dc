/* index_questions.c - questions made of passages: a span of words, embedded as a question. */
#include "index_questions.h"

#include <stdlib.h>

enum { WORDS_MIN = 4, WORDS_KINDS = 7 };

/* The span's terms, each once with its count. */
static size_t
count_terms(const struct termdoc *t, const uint32_t *token, size_t words,
    struct lsa_term *terms)
{
	size_t n = 0, k;

	for (size_t i = 0; i < words; i++) {
		for (k = 0; k < n && terms[k].id != token[i]; k++)
			;
		if (k == n)
			terms[n++] = (struct lsa_term){.id = token[i], .idf = lsa_idf(t->rows, t->df[token[i]])};
		terms[k].tf++;
	}
	return n;
}

/* False for a passage of no word that the model knows. */
static bool
ask(const struct lsa *m, const struct termdoc *t, uint32_t row, uint32_t number, float *out)
{
	struct lsa_term terms[WORDS_MIN + WORDS_KINDS];
	uint64_t from = t->row_at[row], len = t->row_at[row + 1] - from;
	uint64_t words = WORDS_MIN + number % WORDS_KINDS;

	if (words > len)
		words = len;
	from += (number * 2654435761u) % (len - words + 1);
	return lsa_embed(m, terms, count_terms(t, t->token + from, words, terms), out);
}

int
index_questions(const struct lsa *m, const struct termdoc *t, float **out, uint32_t *count,
    struct err *e)
{
	uint32_t most = t->rows < INDEX_QUESTIONS ? t->rows : INDEX_QUESTIONS;

	*count = 0;
	if ((*out = malloc(((size_t)most * m->dim + 1) * sizeof **out)) == NULL)
		return err_sys(e, ERR_NOMEM, "questions");
	for (uint32_t i = 0; i < most; i++) {
		uint32_t row = (uint32_t)((uint64_t)i * t->rows / most);
		*count += ask(m, t, row, i, *out + (size_t)*count * m->dim);
	}
	return 0;
}
