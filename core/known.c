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

static double
weight_of(const struct lex *x, const struct lex_query *words)
{
	double sum = words->unknown;

	for (uint32_t t = 0; t < words->terms; t++)
		sum += (double)words->term[t].weight * known_weight(x, words->term[t].term.df);
	return sum;
}

static int
weight_held(const struct index *x, struct lex_scratch *s, const struct lex_query *words,
    uint32_t row, double *held, struct err *e)
{
	struct lex_part part[QUERY_TERMS_MAX];
	float score;

	*held = 0;
	if (lex_explain(x->lex, s, words, row, part, &score, e) == -1)
		return -1;
	for (uint32_t t = 0; t < words->terms; t++)
		if (part[t].tf > 0)
			*held += (double)part[t].weight * known_weight(x->lex, part[t].df);
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
	double all = weight_of(x->lex, words), needed = known_needed(all), held;

	*is_known = false;
	for (size_t i = 0; i < count && i < KNOWN_HITS && !*is_known; i++) {
		if (words->terms > 0 && weight_held(x, s, words, hits[i].row, &held, e) == -1)
			return -1;
		/* Sums of the same numbers in another order differ by a hair. */
		*is_known = is_near(x, &hits[i]) ||
		    (words->terms > 0 && held >= needed - 1e-6 * all);
	}
	return 0;
}
