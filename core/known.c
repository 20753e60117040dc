/* known.c - has what was found to do with the question at all? */
#include "known.h"

#include <math.h>

#include "query.h"

double
known_needed(double all)
{
	double share = all > 0 ? KNOWN_SHARE / pow(all, KNOWN_FALL) : 1;

	return all * (share < 1 ? share : 1);
}

double
known_weight(const struct lex *x, uint32_t df)
{
	return df > 1 ? lex_idf(x, df) / lex_idf(x, 1) : 1;
}

/* rarest: the idf of a word that one row has. */
static double
weight_of_word(const struct lex_query_term *t, double rarest)
{
	return (double)t->weight * (t->term.df > 1 ? t->term.idf / rarest : 1);
}

static double
weight_of_all(const struct lex_query *words, double rarest)
{
	double sum = words->unknown;

	for (uint32_t t = 0; t < words->terms; t++)
		sum += weight_of_word(&words->term[t], rarest);
	return sum;
}

/* 1 when the row holds words of that weight; no more of them are looked for then. */
static int
is_held(const struct index *x, struct lex_scratch *s, const struct lex_query *words, uint32_t row,
    double needed, double rarest, struct err *e)
{
	double held = 0;
	int rc;

	for (uint32_t t = 0; t < words->terms; t++) {
		if ((rc = lex_holds(x->lex, s, &words->term[t].term, row, e)) == -1)
			return -1;
		if (rc == 1)
			held += weight_of_word(&words->term[t], rarest);
		if (held >= needed)
			return 1;
	}
	return 0;
}

static bool
is_near(const struct index *x, const struct query_hit *h)
{
	enum embed_kind kind = embed_kind(x->embed);

	return (kind == EMBED_KIND_STATIC || kind == EMBED_KIND_EXTERNAL) &&
	    h->how.cosine >= KNOWN_COSINE;
}

int
known_check(const struct index *x, struct lex_scratch *s, const struct lex_query *words,
    const struct query_hit *hits, size_t count, bool *is_known, struct err *e)
{
	double rarest = lex_idf(x->lex, 1), all = weight_of_all(words, rarest);
	double needed = known_needed(all);
	int held;

	*is_known = false;
	needed -= 1e-6 * all;	/* sums of the same numbers in another order differ by a hair */
	for (size_t i = 0; i < count && i < KNOWN_HITS && !*is_known; i++) {
		held = is_held(x, s, words, hits[i].row, needed, rarest, e);
		if (held == -1)
			return -1;
		*is_known = held == 1 || is_near(x, &hits[i]);
	}
	return 0;
}
