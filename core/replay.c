/* replay.c - golden queries asked of two generations, and how their answers differ. */
#include "replay.h"

#include <stdlib.h>
#include <string.h>

#include "clk.h"
#include "hash.h"
#include "query.h"

enum { ANSWER_BYTES_MAX = 256 << 20 };

/* One generation under question. */
struct side {
	struct index *x;		/* NULL: there is none */
	struct query_scratch *scratch;
	uint64_t *document;		/* identity of document d at d - 1; NULL by passage */
	uint64_t *all;			/* every identity it holds, sorted */
	size_t count;
	double *best_ms;		/* of each question */
	/* of the question in hand */
	struct query_result answer;
	bool has_answered;
	struct err why;
	uint64_t shared[GOLDEN_TOP_K];	/* the first identities that the other holds too */
	size_t shared_count;
};

struct replaying {
	struct replay *out;
	struct side current, candidate;
	struct arena answers;
	double overlap_sum;
};

/* ---- identities ---- */

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool
holds(const struct side *s, uint64_t identity)
{
	return s->count > 0 &&
	    bsearch(&identity, s->all, s->count, sizeof identity, by_value) != NULL;
}

static uint64_t
identity_of(const struct side *s, uint32_t row)
{
	const struct index_row *r = &s->x->row[row];

	if (s->document == NULL)
		return r->chunk;
	return r->document >= 1 && r->document <= s->count ? s->document[r->document - 1] : 0;
}

/* The same document as long as its key and its bytes are. */
static int
take_document(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct side *s = context;
	uint8_t digest[SHA256_BYTES];
	struct hash_sha256 *h;

	if (id < 1 || id > s->count)
		return err_set(e, ERR_CORRUPT, "store.db: document %llu of %zu",
		    (unsigned long long)id, s->count);
	if ((h = hash_sha256_new(e)) == NULL)
		return -1;
	hash_sha256_add(h, d->key, strlen(d->key) + 1);
	hash_sha256_add(h, d->sha256, strlen(d->sha256));
	hash_sha256_end(h, digest);
	memcpy(&s->document[id - 1], digest, sizeof s->document[0]);
	return 0;
}

static int
read_identities(struct side *s, bool by_passage, struct err *e)
{
	s->count = by_passage ? s->x->rows : (size_t)s->x->manifest.documents;
	if ((s->all = calloc(s->count + 1, sizeof *s->all)) == NULL)
		return err_sys(e, ERR_NOMEM, "identities");
	if (by_passage) {
		for (size_t row = 0; row < s->count; row++)
			s->all[row] = s->x->row[row].chunk;
	} else {
		if ((s->document = calloc(s->count + 1, sizeof *s->document)) == NULL)
			return err_sys(e, ERR_NOMEM, "identities");
		if (store_each_document(s->x->store, take_document, s, e) == -1)
			return -1;
		memcpy(s->all, s->document, s->count * sizeof *s->all);
	}
	qsort(s->all, s->count, sizeof *s->all, by_value);
	return 0;
}

static int
open_side(struct side *s, struct index *x, bool by_passage, size_t questions, struct err *e)
{
	s->x = x;
	if (x == NULL)
		return 0;
	if ((s->best_ms = calloc(questions + 1, sizeof *s->best_ms)) == NULL)
		return err_sys(e, ERR_NOMEM, "golden queries");
	if (query_scratch_new(&s->scratch, e) == -1)
		return -1;
	return read_identities(s, by_passage, e);
}

static void
close_side(struct side *s)
{
	query_scratch_free(s->scratch);
	free(s->document);
	free(s->all);
	free(s->best_ms);
}

/* ---- one question ---- */

static int
ask(struct replaying *p, struct side *s, const struct golden_query *g, double *ms, struct err *e)
{
	struct query q = {.text = g->text, .text_len = g->len, .top_k = REPLAY_DEPTH,
	    .filter = g->filter};
	int64_t from = clk_ns();

	s->answer = (struct query_result){0};
	s->has_answered = s->x != NULL &&
	    query_run(s->x, s->scratch, &q, &p->answers, &s->answer, &s->why) == 0;
	*ms = (double)(clk_ns() - from) / 1e6;
	if (s->x != NULL && !s->has_answered && s->why.code == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, "%s", s->why.text);
	return 0;
}

/* All rounds; the answers of the last one are those that are compared. */
static int
ask_both(struct replaying *p, const struct golden_query *g, struct err *e)
{
	unsigned at = p->out->asked;
	struct side *sides[2] = {&p->current, &p->candidate};
	double ms;

	for (int round = 0; round < REPLAY_ROUNDS; round++) {
		arena_reset(&p->answers);
		for (int i = 0; i < 2; i++) {
			if (ask(p, sides[i], g, &ms, e) == -1)
				return -1;
			if (sides[i]->x != NULL && (round == 0 || ms < sides[i]->best_ms[at]))
				sides[i]->best_ms[at] = ms;
		}
	}
	return 0;
}

static bool
is_among(const uint64_t *list, size_t n, uint64_t identity)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == identity)
			return true;
	return false;
}

static void
find_shared(struct side *s, const struct side *other)
{
	s->shared_count = 0;
	for (size_t i = 0; i < s->answer.count && s->shared_count < GOLDEN_TOP_K; i++) {
		uint64_t identity = identity_of(s, s->answer.hits[i].row);
		if (holds(other, identity) && !is_among(s->shared, s->shared_count, identity))
			s->shared[s->shared_count++] = identity;
	}
}

/* The first k of both, k being the shorter one's length: its list ends where the other's
 * new documents filled its depth.  An answer that ended by itself has no such excuse. */
static void
compare_rankings(struct replaying *p)
{
	const struct side *a = &p->current, *b = &p->candidate;
	size_t k = a->shared_count < b->shared_count ? a->shared_count : b->shared_count, same = 0;

	if (b->answer.count < REPLAY_DEPTH && a->shared_count > k)
		k = a->shared_count;
	if (k == 0)
		return;
	for (size_t i = 0; i < k && i < a->shared_count; i++)
		same += is_among(b->shared, k < b->shared_count ? k : b->shared_count,
		    a->shared[i]);
	p->out->compared++;
	p->overlap_sum += (double)same / (double)k;
}

static void
note_loss(struct replay *out, const struct golden_query *g)
{
	if (out->losses < REPLAY_LOST_MAX)
		out->lost[out->losses] = g;
	out->losses++;
}

/* The passage, or document, that the question was made of. */
static void
compare_known(struct replaying *p, const struct golden_query *g)
{
	uint64_t identity = identity_of(&p->current, g->row);

	if (!holds(&p->candidate, identity) ||
	    !is_among(p->current.shared, p->current.shared_count, identity))
		return;
	p->out->known++;
	if (is_among(p->candidate.shared, p->candidate.shared_count, identity))
		p->out->known_again++;
	else
		note_loss(p->out, g);
}

static double
recall_of(const struct side *s, const struct golden_query *g)
{
	size_t found = 0, n = s->answer.count < GOLDEN_TOP_K ? s->answer.count : GOLDEN_TOP_K;

	for (size_t i = 0; i < g->expected_count; i++) {
		bool is_there = false;
		for (size_t j = 0; j < n && !is_there; j++)
			is_there = strcmp(s->answer.hits[j].chunk.key, g->expected[i]) == 0;
		found += is_there;
	}
	return (double)found / (double)g->expected_count;
}

static void
compare_expected(struct replaying *p, const struct golden_query *g)
{
	double before = recall_of(&p->current, g), after = recall_of(&p->candidate, g);

	p->out->judged++;
	p->out->found_current += before;
	p->out->found_candidate += after;
	if (after < before)
		note_loss(p->out, g);
}

/* A filter that a generation has no columns for is not the candidate's fault alone. */
static void
note_failure(struct replaying *p)
{
	const struct side *b = &p->candidate;

	if (b->has_answered || (!p->current.has_answered && b->why.code != ERR_CORRUPT))
		return;
	if (p->out->failed++ == 0)
		p->out->failure = b->why;
}

static void
compare(struct replaying *p, const struct golden_query *g)
{
	note_failure(p);
	if (g->expected_count > 0)
		compare_expected(p, g);
	if (!p->current.has_answered || !p->candidate.has_answered)
		return;
	find_shared(&p->current, &p->candidate);
	find_shared(&p->candidate, &p->current);
	compare_rankings(p);
	if (g->is_sampled)
		compare_known(p, g);
}

/* ---- all of them ---- */

static int
by_ms(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
p95_of(double *ms, unsigned n)
{
	if (ms == NULL || n == 0)
		return 0;
	qsort(ms, n, sizeof *ms, by_ms);
	return ms[(n * 95 + 99) / 100 - 1];
}

static int
ask_all(struct replaying *p, const struct golden *g, int64_t until_ns, struct err *e)
{
	struct replay *out = p->out;

	for (size_t i = 0; i < g->count; i++) {
		if (clk_ns() >= until_ns) {
			out->was_cut_short = true;
			break;
		}
		if (ask_both(p, &g->query[i], e) == -1)
			return -1;
		compare(p, &g->query[i]);
		out->asked++;
	}
	if (out->compared > 0)
		out->overlap = p->overlap_sum / out->compared;
	if (out->judged > 0) {
		out->found_current /= out->judged;
		out->found_candidate /= out->judged;
	}
	out->p95_current_ms = p95_of(p->current.best_ms, out->asked);
	out->p95_candidate_ms = p95_of(p->candidate.best_ms, out->asked);
	return 0;
}

int
replay_run(struct replay *out, struct index *current, struct index *candidate,
    const struct golden *g, int64_t until_ns, struct err *e)
{
	struct replaying p = {.out = out};
	int rc = -1;

	*out = (struct replay){.by_passage = current == NULL ||
		strcmp(current->manifest.parameters, candidate->manifest.parameters) == 0};
	arena_init(&p.answers, ANSWER_BYTES_MAX);
	if (open_side(&p.current, current, out->by_passage, g->count, e) == 0 &&
	    open_side(&p.candidate, candidate, out->by_passage, g->count, e) == 0)
		rc = ask_all(&p, g, until_ns, e);
	close_side(&p.current);
	close_side(&p.candidate);
	arena_fini(&p.answers);
	return rc;
}
