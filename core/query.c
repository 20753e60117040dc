/* query.c - from a question to the passages that answer it. */
#include "query.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"

struct query_scratch {
	struct analyzer *analyzer;
	struct lex_scratch *lex;
	struct lex_query words;
};

static const char *const mode_names[QUERY_MODE_MAX] = {
#define X(symbol, name) [symbol] = name,
    QUERY_MODES(X)
#undef X
};

int
query_mode_of(const char *name, enum query_mode *out)
{
	for (int i = 0; i < QUERY_MODE_MAX; i++) {
		if (strcmp(mode_names[i], name) == 0) {
			*out = i;
			return 0;
		}
	}
	return -1;
}

int
query_scratch_new(struct query_scratch **out, struct err *e)
{
	struct query_scratch *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "query");
	if (analyzer_new(&s->analyzer, "english", e) == -1 ||
	    (s->lex = lex_scratch_new(e)) == NULL) {
		query_scratch_free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
query_scratch_free(struct query_scratch *s)
{
	if (s == NULL)
		return;
	lex_scratch_free(s->lex);
	analyzer_free(s->analyzer);
	free(s);
}

static int
check_query(const struct query *q, struct err *e)
{
	if (q->text_len > QUERY_TEXT_MAX)
		return err_set(e, ERR_QUERY_SIZE, "the query is longer than %d bytes", QUERY_TEXT_MAX);
	if (strspn(q->text, " \t\r\n") == q->text_len)
		return err_set(e, ERR_EMPTY_QUERY, "the query has no text");
	if (q->top_k == 0 || q->top_k > TOP_K_MAX)
		return err_set(e, ERR_RANGE, "top_k must be from 1 to %d", TOP_K_MAX);
	return 0;
}

int
query_rank(struct index *x, struct query_scratch *s, const struct query *q, struct arena *a,
    struct query_result *out, struct err *e)
{
	struct lex_options o = {.k = q->top_k};
	struct lex_hit *hits;
	uint32_t count;

	*out = (struct query_result){0};
	if (check_query(q, e) == -1)
		return -1;
	hits = arena_calloc(a, q->top_k, sizeof *hits);
	out->hits = arena_calloc(a, q->top_k, sizeof *out->hits);
	if (a->failed)
		return err_set(e, ERR_NOMEM, "no memory for the answer");
	if (lex_query_parse(&s->words, x->lex, s->analyzer, q->text, q->text_len, LEX_OPERATORS,
	        e) == -1 ||
	    lex_search(x->lex, s->lex, &s->words, &o, hits, &count, NULL, e) == -1)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		out->hits[i] = (struct query_hit){.row = hits[i].row, .score = hits[i].score};
	out->count = count;
	return 0;
}

int
query_run(struct index *x, struct query_scratch *s, const struct query *q, struct arena *a,
    struct query_result *out, struct err *e)
{
	if (query_rank(x, s, q, a, out, e) == -1)
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (store_fetch(x->store, out->hits[i].row, a, &out->hits[i].chunk, e) == -1)
			return -1;
	return 0;
}
