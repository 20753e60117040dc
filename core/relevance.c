/* relevance.c - how well texts answer a query, by their words alone. */
#include "relevance.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bounds.h"

static const double K1 = 0.9, B = 0.4;

struct word {
	const char *term;
	size_t len;
	uint32_t texts;		/* that have it */
	uint32_t found;		/* in the text in hand */
	double idf;
};

struct words {
	struct arena *arena;
	struct word *at;
	size_t count;
	bool with_stop_words;
	uint32_t *found;	/* of each text, in turn */
	uint64_t length;	/* terms of the text in hand */
};

static struct word *
find(const struct words *w, const char *term, size_t len)
{
	for (size_t i = 0; i < w->count; i++)
		if (w->at[i].len == len && memcmp(w->at[i].term, term, len) == 0)
			return &w->at[i];
	return NULL;
}

static int
take_query_term(void *context, const char *term, size_t len, unsigned flags, size_t start,
    size_t end)
{
	struct words *w = context;

	(void)start;
	(void)end;
	if (((flags & ANALYZE_STOP_WORD) != 0 && !w->with_stop_words) ||
	    w->count == QUERY_TERMS_MAX || find(w, term, len) != NULL)
		return 0;
	w->at[w->count++] =
	    (struct word){.term = arena_copy(w->arena, term, len), .len = len};
	return w->arena->failed ? -1 : 0;
}

static int
count_term(void *context, const char *term, size_t len, unsigned flags, size_t start, size_t end)
{
	struct words *w = context;
	struct word *word = find(w, term, len);

	(void)flags;
	(void)start;
	(void)end;
	w->length++;
	if (word != NULL)
		word->found++;
	return 0;
}

static int
read_query(struct words *w, struct analyzer *a, const char *query, size_t n, struct err *e)
{
	if ((w->at = arena_alloc(w->arena, QUERY_TERMS_MAX * sizeof *w->at)) == NULL ||
	    analyze(a, query, n, take_query_term, w) != 0)
		return err_set(e, ERR_NOMEM, "no memory for a query");
	if (w->count > 0 || w->with_stop_words)
		return 0;
	w->with_stop_words = true;
	return read_query(w, a, query, n, e);
}

/* found[text * words + word] and length[text]. */
static void
count_words(struct words *w, struct analyzer *a, const struct embed_text *texts, size_t count,
    uint64_t *length)
{
	for (size_t i = 0; i < count; i++) {
		w->length = 0;
		for (size_t k = 0; k < w->count; k++)
			w->at[k].found = 0;
		analyze(a, texts[i].text, texts[i].len, count_term, w);
		length[i] = w->length;
		for (size_t k = 0; k < w->count; k++) {
			w->found[i * w->count + k] = w->at[k].found;
			w->at[k].texts += w->at[k].found > 0;
		}
	}
}

static double
score_of(const struct words *w, const uint32_t *found, double length, double mean)
{
	double have = 0, most = 0;

	for (size_t k = 0; k < w->count; k++) {
		double tf = found[k], norm = K1 * (1 - B + B * length / mean);
		most += w->at[k].idf * (K1 + 1);
		have += w->at[k].idf * tf * (K1 + 1) / (tf + norm);
	}
	return most > 0 ? have / most : 0;
}

int
relevance_by_words(struct analyzer *a, const char *query, size_t query_len,
    const struct embed_text *texts, size_t count, struct arena *arena, float *score,
    struct err *e)
{
	struct words w = {.arena = arena};
	uint64_t *length = arena_calloc(arena, count + 1, sizeof *length);
	double mean = 0;

	if (read_query(&w, a, query, query_len, e) == -1)
		return -1;
	w.found = arena_calloc(arena, count * w.count + 1, sizeof *w.found);
	if (arena->failed)
		return err_set(e, ERR_NOMEM, "no memory for texts");
	count_words(&w, a, texts, count, length);
	for (size_t i = 0; i < count; i++)
		mean += (double)length[i] / (double)count;
	for (size_t k = 0; k < w.count; k++)
		w.at[k].idf = log(1 + ((double)count - w.at[k].texts + 0.5) / (w.at[k].texts + 0.5));
	for (size_t i = 0; i < count; i++)
		score[i] = mean > 0 ? (float)score_of(&w, &w.found[i * w.count], (double)length[i], mean)
				    : 0;
	return 0;
}
