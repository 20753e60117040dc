/* lsa.c - the built-in embedder at query time. */
#include "lsa.h"

#include <math.h>
#include <string.h>

#include "bounds.h"
#include "embed_format.h"
#include "lsa_format.h"
#include "vec.h"

double
lsa_idf(uint64_t rows, uint32_t df)
{
	double n = (double)rows, held = df;

	if (held > n)			/* a hostile lexicon; also keeps the log real */
		held = n;
	return log1p((n - held + 0.5) / (held + 0.5));
}

void
lsa_add(const struct lsa *m, uint32_t slot, float weight, float *sum)
{
	vec_ops()->add_codes(
	    sum, weight * m->scale[slot], m->code + (size_t)slot * m->dim, m->dim);
}

/* Brings the terms' vectors near, all at once: they lie anywhere. */
static void
fetch_terms(const struct lsa *m, const struct lsa_term *terms, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (terms[i].id < m->terms)
			__builtin_prefetch(&m->slot[terms[i].id]);
	for (size_t i = 0; i < n; i++) {
		uint32_t slot = terms[i].id < m->terms ? m->slot[terms[i].id] : LSA_NO_SLOT;
		if (slot >= m->slots)
			continue;
		__builtin_prefetch(&m->scale[slot]);
		for (size_t at = 0; at < m->dim; at += 64)
			__builtin_prefetch(m->code + (size_t)slot * m->dim + at);
	}
}

bool
lsa_embed(const struct lsa *m, const struct lsa_term *terms, size_t n, float *out)
{
	double often = 0;
	uint32_t tf = 0;		/* of `often`: mostly the same for all */

	fetch_terms(m, terms, n);
	memset(out, 0, m->dim * sizeof *out);
	for (size_t i = 0; i < n; i++) {
		const struct lsa_term *t = &terms[i];
		uint32_t slot = t->id < m->terms ? m->slot[t->id] : LSA_NO_SLOT;
		if (slot >= m->slots)	/* LSA_NO_SLOT and what a damaged file may hold */
			continue;
		if (t->tf != tf)
			often = log1p(tf = t->tf);
		lsa_add(m, slot, (float)(often * t->idf), out);
	}
	return vec_normalise(out, out, m->dim);
}

static int
check_header(const struct embed_header *h, const struct lsa_header *own, uint64_t terms,
    struct err *e)
{
	static const uint8_t zero[48];

	if (h->format > EMBED_FORMAT)
		return err_set(e, ERR_FORMAT_NEW, "embedder section: format %u, this program "
		    "reads up to %d", h->format, EMBED_FORMAT);
	if (h->format != EMBED_FORMAT || h->kind != EMBED_KIND_LSA || h->name_bytes != 0 ||
	    h->dim == 0 || h->dim > LSA_DIM_MAX || memcmp(h->zero, zero, sizeof h->zero) != 0 ||
	    own->unused != 0 || memcmp(own->zero, zero, sizeof own->zero) != 0)
		return err_set(e, ERR_CORRUPT, "embedder section: bad header");
	if (h->count != terms || h->count > UINT32_MAX - 1 || own->slots > h->count)
		return err_set(e, ERR_CORRUPT, "embedder section: %llu terms, the lexicon has %llu",
		    (unsigned long long)h->count, (unsigned long long)terms);
	return 0;
}

int
lsa_open(struct lsa *m, const void *section, size_t bytes, uint64_t terms, struct err *e)
{
	const struct embed_header *h = section;
	const struct lsa_header *own = (const void *)((const char *)section + sizeof *h);
	struct lsa_layout at;

	memset(m, 0, sizeof *m);
	if (bytes < sizeof *h + sizeof *own)
		return err_set(e, ERR_CORRUPT, "embedder section: cut short: %zu bytes", bytes);
	if (check_header(h, own, terms, e) == -1)
		return -1;
	at = lsa_layout(h->count, own->slots, h->dim);
	if (at.bytes != bytes)
		return err_set(e, ERR_CORRUPT, "embedder section: %zu bytes instead of %llu", bytes,
		    (unsigned long long)at.bytes);
	*m = (struct lsa){
	    .dim = h->dim,
	    .terms = (uint32_t)h->count,
	    .slots = own->slots,
	    .trained_rows = own->trained_rows,
	    .slot = (const void *)((const char *)section + at.slot),
	    .scale = (const void *)((const char *)section + at.scale),
	    .code = (const void *)((const char *)section + at.code),
	};
	return 0;
}
