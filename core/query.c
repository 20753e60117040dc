/* query.c - from a question to the passages that answer it. */
#include "query.h"

#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "known.h"
#include "lex_near.h"
#include "lsa.h"

enum { LANGUAGES_MAX = 32, PARTS_OF_PASSAGE = 4, CANDIDATES_A_HIT = 6 };

struct query_scratch {
	struct {
		char name[32];
		struct analyzer *analyzer;
	} language[LANGUAGES_MAX];
	struct lex_words said;		/* of the question at hand, the operators' too */
	struct lex_query words;
	struct lsa_term term[QUERY_TERMS_MAX];
	struct lex_scratch *lex;
	struct lex_near *near;
	struct dense_scratch *dense;
};

/* One query under way; everything in it is arena. */
struct ranking {
	struct index *x;
	struct query_scratch *s;
	const struct query *q;
	struct arena *a;
	struct analyzer *analyzer;
	uint32_t wanted;		/* candidates of each half */
	struct fuse_lexical *lexical;
	uint32_t lexical_count;
	struct fuse_dense *dense;
	uint32_t dense_count;
	float *vector;			/* NULL: the query has none */
	float *ready;			/* the same as rows are compared with it (dense.h) */
	uint64_t *allowed;		/* NULL: all rows */
	uint32_t allowed_count;
	struct fuse_hit *hits;
	size_t count;
	uint64_t *key;			/* working memory of fuse_first() */
	float *cosine;
	float *other;			/* vector of the row in other_row */
	uint32_t other_row;
	struct err degraded;
};

int
query_scratch_new(struct query_scratch **out, struct err *e)
{
	struct query_scratch *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "query");
	if ((s->lex = lex_scratch_new(e)) == NULL || (s->near = lex_near_new(e)) == NULL ||
	    (s->dense = dense_scratch_new(e)) == NULL) {
		query_scratch_free(s);
		return -1;
	}
	lex_near_share(s->near, s->lex);
	*out = s;
	return 0;
}

void
query_scratch_free(struct query_scratch *s)
{
	if (s == NULL)
		return;
	for (int i = 0; i < LANGUAGES_MAX; i++)
		analyzer_free(s->language[i].analyzer);
	lex_words_fini(&s->said);
	lex_scratch_free(s->lex);
	lex_near_free(s->near);
	dense_scratch_free(s->dense);
	free(s);
}

struct analyzer *
query_analyzer(struct query_scratch *s, const char *language, struct err *e)
{
	int i = 0;

	for (; i < LANGUAGES_MAX && s->language[i].analyzer != NULL; i++)
		if (strcmp(s->language[i].name, language) == 0)
			return s->language[i].analyzer;
	if (i == LANGUAGES_MAX || strlen(language) >= sizeof s->language[i].name) {
		err_set(e, ERR_LIMIT, "too many languages");
		return NULL;
	}
	if (analyzer_new(&s->language[i].analyzer, language, e) == -1)
		return NULL;
	memcpy(s->language[i].name, language, strlen(language) + 1);
	return s->language[i].analyzer;
}

int
query_hit_by_score(const void *a, const void *b)
{
	const struct query_hit *x = a, *y = b;

	if (x->score != y->score)
		return x->score < y->score ? 1 : -1;
	return x->row < y->row ? -1 : x->row > y->row;
}

static void
enter_stage(const struct query *q, enum query_stage stage)
{
	if (q->on_stage != NULL)
		q->on_stage(q->stage_context, stage);
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

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_NOMEM, "no memory for the answer");
}

/* ---- words ---- */

/* What is asked: the words once for all, and the terms and clauses for the lexical half. */
static int
read_question(struct ranking *r, struct err *e)
{
	const struct query *q = r->q;
	struct query_scratch *s = r->s;

	if ((r->analyzer = query_analyzer(s, r->x->manifest.language, e)) == NULL ||
	    lex_words_read(&s->said, r->x->lex, r->analyzer, q->text, q->text_len, e) == -1)
		return -1;
	if (q->operators)
		return lex_query_parse(&s->words, r->x->lex, r->analyzer, q->text, q->text_len,
		    LEX_OPERATORS, e);
	lex_query_of_words(&s->words, &s->said);
	return 0;
}

/* How near the words can stand at most, until near_of() is asked. */
static int
bound_nearness(struct ranking *r, struct err *e)
{
	uint32_t *row = arena_alloc(r->a, r->lexical_count * sizeof *row);
	float *most = arena_alloc(r->a, r->lexical_count * sizeof *most);

	if (r->a->failed)
		return no_memory(e);
	for (uint32_t i = 0; i < r->lexical_count; i++)
		row[i] = r->lexical[i].row;
	lex_near_pairs(r->s->near, &r->s->said);
	if (lex_near_find(r->s->near, r->x->lex, row, r->lexical_count, most, e) == -1)
		return -1;
	for (uint32_t i = 0; i < r->lexical_count; i++) {
		r->lexical[i].near = most[i];
		r->lexical[i].is_most = most[i] > 0;
	}
	return 0;
}

static int
near_of(void *context, size_t i, float *out, struct err *e)
{
	struct ranking *r = context;

	return lex_near_score(r->s->near, (uint32_t)i, out, e);
}

/* Where all candidates are compared. */
static int
complete_nearness(struct ranking *r, struct err *e)
{
	for (uint32_t i = 0; i < r->lexical_count; i++) {
		struct fuse_lexical *l = &r->lexical[i];
		if (l->is_most && near_of(r, i, &l->near, e) == -1)
			return -1;
		l->is_most = false;
	}
	return 0;
}

static int
search_words(struct ranking *r, struct err *e)
{
	struct lex_options o = {.k = r->wanted, .allowed = r->allowed};
	struct lex_hit *hits = arena_alloc(r->a, r->wanted * sizeof *hits);

	r->lexical = arena_calloc(r->a, r->wanted, sizeof *r->lexical);
	if (r->a->failed)
		return no_memory(e);
	if (lex_search(r->x->lex, r->s->lex, &r->s->words, &o, hits, &r->lexical_count, NULL,
		e) == -1)
		return -1;
	for (uint32_t i = 0; i < r->lexical_count; i++) {
		r->lexical[i] = (struct fuse_lexical){.row = hits[i].row, .bm25 = hits[i].score};
		if (r->x->dense != NULL && r->q->mode == FUSE_HYBRID)
			dense_fetch_exact_early(r->x->dense, hits[i].row);
	}
	return bound_nearness(r, e);
}

/* Which documents may answer is known before anything is searched. */
static int
apply_filter(struct ranking *r, struct err *e)
{
	size_t words = ((size_t)r->x->rows + 63) / 64;

	if (r->q->filter == NULL)
		return 0;
	if ((r->allowed = arena_alloc(r->a, words * sizeof *r->allowed)) == NULL)
		return no_memory(e);
	return index_filter(r->x, r->q->filter, r->allowed, &r->allowed_count, r->a, e);
}

/* What +word, -word and "phrases" rule out is ruled out for the dense half too. */
static int
apply_clauses(struct ranking *r, struct err *e)
{
	size_t words = ((size_t)r->x->rows + 63) / 64;
	const uint64_t *filtered = r->allowed;

	if (r->s->words.clauses == 0 && !r->s->words.is_impossible)
		return 0;
	if ((r->allowed = arena_alloc(r->a, words * sizeof *r->allowed)) == NULL)
		return no_memory(e);
	return lex_rows_allowed(
	    r->x->lex, r->s->lex, &r->s->words, filtered, r->allowed, &r->allowed_count, e);
}

/* ---- vectors ---- */

/* 1: there is a vector; 0: words alone have to do, r->degraded tells why; -1. */
static int
embed_elsewhere(struct ranking *r, float *vector, bool *has, struct err *e)
{
	const struct embed *m = r->x->embed;
	const struct embed_service *s = r->q->service;
	struct embed_text text = {r->q->text, r->q->text_len};

	if (s != NULL && s->query(s->context, embed_name(m), embed_identity(m), &text,
			     embed_dim(m), vector, &r->degraded) == 0) {
		err_clear(&r->degraded);
		return embed_given(m, vector, embed_dim(m), vector, has, e) == 0 ? 1 : -1;
	}
	if (s == NULL)
		err_set(&r->degraded, ERR_EMBED_UNAVAILABLE, "nobody here reaches the model %s",
		    embed_name(m));
	if (!r->q->needs_vectors && r->q->mode != FUSE_DENSE)
		return 0;
	if (e != NULL)
		*e = r->degraded;
	return -1;
}

/* The known words, each once. */
static size_t
count_terms(const struct lex_words *w, struct lsa_term term[QUERY_TERMS_MAX])
{
	size_t n = 0, k;

	for (uint32_t i = 0; i < w->count; i++) {
		const struct lex_word *word = &w->word[i];
		if (!word->is_known)
			continue;
		for (k = 0; k < n && term[k].id != word->term.id; k++)
			continue;
		if (k < n)
			term[k].tf++;
		else if (n < QUERY_TERMS_MAX)
			term[n++] = (struct lsa_term){
			    .id = word->term.id, .tf = 1, .idf = word->term.idf};
	}
	return n;
}

static int
embed_by(struct ranking *r, float *vector, bool *has, struct err *e)
{
	const struct embed *m = r->x->embed;

	*has = false;
	switch (embed_kind(m)) {
	case EMBED_KIND_EXTERNAL:
		return embed_elsewhere(r, vector, has, e) == -1 ? -1 : 0;
	case EMBED_KIND_LSA:
		*has = embed_terms(m, r->s->term, count_terms(&r->s->said, r->s->term), vector);
		return 0;
	default:
		return embed_query(m, r->q->text, r->q->text_len, vector, has, e);
	}
}

/* After read_question(). */
static int
embed_text(struct ranking *r, struct err *e)
{
	float *vector;
	bool has;

	if (r->x->dense == NULL)
		return 0;
	vector = arena_alloc(r->a, embed_dim(r->x->embed) * sizeof *vector);
	r->ready = arena_alloc(r->a, embed_dim(r->x->embed) * sizeof *r->ready);
	if (r->a->failed)
		return no_memory(e);
	enter_stage(r->q, QUERY_EMBED);
	if (embed_by(r, vector, &has, e) == -1)
		return -1;
	enter_stage(r->q, QUERY_SEARCH);
	r->vector = has ? vector : NULL;
	return 0;
}

static int
search_vectors(struct ranking *r, struct err *e)
{
	struct dense_options o = {.k = r->wanted,
	    .recall = r->q->recall < 1 ? r->q->recall : 0,
	    .exact = r->q->recall >= 1,
	    .nearly = r->q->recall < 1,
	    .allowed = r->allowed, .allowed_count = r->allowed_count};
	struct dense_hit *hits;

	if (r->vector == NULL)
		return 0;
	hits = arena_alloc(r->a, r->wanted * sizeof *hits);
	r->dense = arena_calloc(r->a, r->wanted, sizeof *r->dense);
	if (r->a->failed)
		return no_memory(e);
	if (dense_search(r->x->dense, r->s->dense, r->vector, &o, hits, &r->dense_count, NULL,
		e) == -1)
		return -1;
	for (uint32_t i = 0; i < r->dense_count; i++)
		r->dense[i] = (struct fuse_dense){.row = hits[i].row, .cosine = hits[i].score};
	return 0;
}

static float
cosine_of(void *context, uint32_t row)
{
	struct ranking *r = context;

	return dense_score_ready(r->x->dense, row, r->ready);
}

static bool
vector_of(void *context, uint32_t row, float *out)
{
	struct ranking *r = context;

	return dense_vector(r->x->dense, row, out);
}

/* ---- both ---- */

static struct fuse_options
fuse_options_of(struct ranking *r)
{
	struct fuse_options o = fuse_options_for(embed_kind(r->x->embed));

	o.mode = r->q->mode;
	if (r->vector != NULL) {
		dense_ready(r->x->dense, r->vector, r->ready);
		o.cosine = cosine_of;
		o.near = near_of;
		o.context = r;
	}
	return o;
}

/* The first `most` hits of the words, each with its cosine, as far as they stand above whatever
 * other rows could have, whose cosines are at most `others`.  There may be as many as there are
 * candidates, and none where both halves have to be compared. */
static int
fuse_words(struct ranking *r, size_t most, float others, struct err *e)
{
	struct fuse_options o = fuse_options_of(r);

	r->count = 0;
	if (r->vector == NULL || o.mode != FUSE_HYBRID || o.is_spread)
		return 0;
	o.others = others;
	return fuse_first(
	    r->lexical, r->lexical_count, &o, most, r->key, r->cosine, r->hits, &r->count, e);
}

/* The best cosine in the list of the nearest rows that the words did not find. */
static float
best_of_others(const struct ranking *r)
{
	for (uint32_t i = 0; i < r->dense_count; i++) {
		uint32_t k = 0;
		while (k < r->lexical_count && r->lexical[k].row != r->dense[i].row)
			k++;
		if (k == r->lexical_count)
			return r->dense[i].cosine;
	}
	return 0;
}

static int
fuse_halves(struct ranking *r, struct err *e)
{
	struct fuse_options o;

	if (complete_nearness(r, e) == -1)
		return -1;
	o = fuse_options_of(r);
	r->count = fuse(r->lexical, r->lexical_count, r->dense, r->dense_count, &o, r->hits);
	return 0;
}

/* The hits that feedback looks at: without a list of the nearest rows where none could be among
 * them, and without comparing all of both where none is. */
static int
fuse_for_feedback(struct ranking *r, struct err *e)
{
	if (fuse_words(r, FUSE_FEEDBACK_HITS, FUSE_COSINE_MOST, e) == -1)
		return -1;
	if (r->count == FUSE_FEEDBACK_HITS)
		return 0;
	if (search_vectors(r, e) == -1 ||
	    (r->dense_count > 0 &&
		fuse_words(r, FUSE_FEEDBACK_HITS, best_of_others(r), e) == -1))
		return -1;
	return r->count == FUSE_FEEDBACK_HITS ? 0 : fuse_halves(r, e);
}

/* The best hits move the query's vector, for all that follows. */
static int
feed_back(struct ranking *r, struct err *e)
{
	uint32_t dim = embed_dim(r->x->embed);
	float *scratch;

	if (r->vector == NULL || r->q->mode != FUSE_HYBRID ||
	    embed_kind(r->x->embed) != EMBED_KIND_LSA)
		return 0;
	if (fuse_for_feedback(r, e) == -1)
		return -1;
	if (r->count == 0)
		return 0;
	if ((scratch = arena_alloc(r->a, 2 * dim * sizeof *scratch)) == NULL)
		return no_memory(e);
	fuse_feedback(r->hits, r->count, vector_of, r, r->vector, dim, scratch, r->vector);
	return 0;
}

/* ---- what the request asks besides ---- */

static uint32_t
document_of(void *context, uint32_t row)
{
	struct ranking *r = context;

	return r->x->row[row].document;
}

/* Cosine of two rows.  Asked for many rows against one, so that one's vector is kept. */
static float
likeness_of(void *context, uint32_t row, uint32_t other)
{
	struct ranking *r = context;
	float score;

	if (r->other_row != other) {
		dense_vector(r->x->dense, other, r->other);
		dense_ready(r->x->dense, r->other, r->other);
		r->other_row = other;
	}
	score = dense_score_ready(r->x->dense, row, r->other);
	return score > -1 ? score : 0;
}

static int
diversify(struct ranking *r, struct err *e)
{
	if (!r->q->diverse || r->x->dense == NULL)
		return 0;
	r->other_row = DENSE_NO_ROW;
	r->other = arena_alloc(r->a, embed_dim(r->x->embed) * sizeof *r->other);
	if (r->other == NULL)
		return no_memory(e);
	fuse_diversify(r->hits, r->count, r->q->top_k, r->q->lambda, likeness_of, r);
	return 0;
}

/* A row without a passage is one of its own. */
static uint32_t
passage_of(void *context, uint32_t row)
{
	struct ranking *r = context;
	uint32_t passage = r->x->row[row].passage;

	return passage != 0 ? passage : row | 1u << 31;
}

static bool
has_passages(const struct index *x)
{
	return x->rows > 0 && x->row[0].passage != 0;
}

static void
group(struct ranking *r)
{
	if (has_passages(r->x))
		r->count = fuse_group(r->hits, r->count, 1, passage_of, r);
	if (r->q->per_document > 0)
		r->count = fuse_group(r->hits, r->count, r->q->per_document, document_of, r);
}

/* Whether the words' hits, above all that others could have, are as many as are asked for: then
 * these are left, grouped. */
static int
settle(struct ranking *r, float others, bool *is_settled, struct err *e)
{
	bool is_grouped = has_passages(r->x) || r->q->per_document > 0;

	*is_settled = false;
	if (r->q->diverse || r->q->places || r->lexical_count < r->q->top_k)
		return 0;
	if (fuse_words(r, is_grouped ? r->lexical_count : r->q->top_k, others, e) == -1)
		return -1;
	group(r);
	*is_settled = r->count >= r->q->top_k;
	return 0;
}

static int
fuse_and_arrange(struct ranking *r, struct err *e)
{
	bool is_settled;

	r->hits = arena_alloc(r->a, 2 * r->wanted * sizeof *r->hits);
	r->key = arena_alloc(r->a, r->wanted * sizeof *r->key);
	r->cosine = arena_alloc(r->a, r->wanted * sizeof *r->cosine);
	if (r->a->failed)
		return no_memory(e);
	if (feed_back(r, e) == -1 || settle(r, FUSE_COSINE_MOST, &is_settled, e) == -1)
		return -1;
	if (is_settled)
		return 0;
	if (search_vectors(r, e) == -1 ||
	    (r->dense_count > 0 && settle(r, best_of_others(r), &is_settled, e) == -1))
		return -1;
	if (is_settled)
		return 0;
	if (fuse_halves(r, e) == -1)
		return -1;
	group(r);
	return diversify(r, e);
}

static int
rank(struct ranking *r, struct err *e)
{
	const struct query *q = r->q;

	if (read_question(r, e) == -1 ||
	    apply_filter(r, e) == -1 || apply_clauses(r, e) == -1)
		return -1;
	if (r->allowed != NULL && r->allowed_count == 0)
		return 0;
	if (q->mode != FUSE_DENSE && search_words(r, e) == -1)
		return -1;
	if (q->mode != FUSE_LEXICAL && embed_text(r, e) == -1)
		return -1;
	return fuse_and_arrange(r, e);
}

/* Of each half.  Few hits need few: for ten, 50 or 30 find what 100 find (doc/notes/ranking.md), at a
 * part of the cost of all that follows; what is rearranged afterwards is chosen from more. */
static uint32_t
candidates_for(const struct index *x, const struct query *q)
{
	uint32_t wanted = FUSE_CANDIDATES, few = CANDIDATES_A_HIT * q->top_k;

	if (has_passages(x)) {		/* several hits may be parts of one, shown once */
		few = q->top_k < TOP_K_MAX / PARTS_OF_PASSAGE ? q->top_k * PARTS_OF_PASSAGE
							      : TOP_K_MAX;
		return few > wanted ? few : wanted;
	}
	if (!q->diverse && q->per_document == 0 && few < wanted)
		wanted = few > FUSE_CANDIDATES_MIN ? few : FUSE_CANDIDATES_MIN;
	return q->top_k > wanted ? q->top_k : wanted;
}

int
query_rank(struct index *x, struct query_scratch *s, const struct query *q, struct arena *a,
    struct query_result *out, struct err *e)
{
	struct ranking r = {.x = x, .s = s, .q = q, .a = a};

	*out = (struct query_result){0};
	if (check_query(q, e) == -1)
		return -1;
	enter_stage(q, QUERY_SEARCH);
	r.wanted = candidates_for(x, q);
	if (rank(&r, e) == -1)
		return -1;
	out->degraded = r.degraded;
	out->count = r.count < q->top_k ? r.count : q->top_k;
	if ((out->hits = arena_calloc(a, out->count, sizeof *out->hits)) == NULL)
		return no_memory(e);
	for (size_t i = 0; i < out->count; i++)
		out->hits[i] = (struct query_hit){
		    .row = r.hits[i].row, .score = r.hits[i].score, .how = r.hits[i]};
	return 0;
}

/* What was found is a part of what is shown. */
static void
show_passage(struct query_hit *h)
{
	struct store_chunk *c = &h->chunk;

	if (c->parent.text_len == 0)
		return;
	h->matched_start = c->start;
	h->matched_end = c->end;
	c->start = c->parent.start;
	c->end = c->parent.end;
	c->heading = c->parent.heading;
	c->text = c->parent.text;
	c->text_len = c->parent.text_len;
	c->page = c->parent.page;
}

int
query_embed(struct index *x, struct query_scratch *s, const struct query *q, struct arena *a,
    const float **vector, struct err *e)
{
	struct ranking r = {.x = x, .s = s, .q = q, .a = a};

	if (check_query(q, e) == -1 || read_question(&r, e) == -1 || embed_text(&r, e) == -1)
		return -1;
	*vector = r.vector;
	return 0;
}

int
query_run(struct index *x, struct query_scratch *s, const struct query *q, struct arena *a,
    struct query_result *out, struct err *e)
{
	if (query_rank(x, s, q, a, out, e) == -1 ||
	    known_check(x, s->lex, &s->words, out->hits, out->count, &out->is_known, e) == -1)
		return -1;
	enter_stage(q, QUERY_FETCH);
	for (size_t i = 0; i < out->count; i++) {
		if (store_fetch(x->store, out->hits[i].row, a, &out->hits[i].chunk, e) == -1)
			return -1;
		show_passage(&out->hits[i]);
	}
	return 0;
}
