/* gate.c - may this generation take the place of the one that serves? */
#include "gate.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "clk.h"
#include "file.h"
#include "golden.h"
#include "index.h"
#include "replay.h"
#include "shrink.h"

enum { GATE_ARENA_MAX = 64 << 20, ENOUGH_QUESTIONS = 5 };

/* One judgement under way. */
struct judging {
	const struct gate_request *r;
	struct gate_report *out;
	struct index *current;		/* NULL: nothing to compare with */
	struct index *candidate;
	struct arena a;
	struct golden golden;
};

/* ---- reasons ---- */

static void
say(struct gate_report *out, enum verdict weight, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(struct gate_report *out, enum verdict weight, const char *fmt, ...)
{
	va_list ap;

	if (weight > out->verdict)
		out->verdict = weight;
	if (out->reasons == GATE_REASONS_MAX)
		return;
	out->reason[out->reasons].weight = weight;
	va_start(ap, fmt);
	vsnprintf(out->reason[out->reasons].text, GATE_REASON_BYTES, fmt, ap);
	va_end(ap);
	out->reasons++;
}

const char *
gate_reason(const struct gate_report *r)
{
	for (unsigned i = 0; i < r->reasons; i++)
		if (r->reason[i].weight == r->verdict)
			return r->reason[i].text;
	return "";
}

/* ---- integrity ---- */

static struct gate_counts
counts_of(const struct index *x)
{
	const struct manifest *m = &x->manifest;

	return (struct gate_counts){.documents = m->documents, .chunks = m->chunks,
	    .bytes = m->index_bytes + m->store_bytes, .dim = m->dim};
}

/* 1: it is whole; 0: it is not, and that was said; -1. */
static int
open_candidate(struct judging *j, struct err *e)
{
	const struct gate_request *r = j->r;
	struct err why;

	if (generation_verify(r->data_dir, r->tenant, r->candidate, &why) == 0 &&
	    index_open(&j->candidate, r->data_dir, r->tenant, r->candidate, &why) == 0 &&
	    index_verify(j->candidate, &why) == 0) {
		j->out->is = counts_of(j->candidate);
		return 1;
	}
	if (why.code == ERR_NOMEM || why.code == ERR_TENANT_NAME || why.code == ERR_INPUT)
		return err_set(e, why.code, "%s", why.text);
	say(j->out, VERDICT_FAIL, "%s", why.text);
	return 0;
}

static int
open_current(struct judging *j, struct err *e)
{
	const struct gate_request *r = j->r;
	struct gate_report *out = j->out;
	struct err why;

	if (r->current == NULL || r->current[0] == '\0') {
		say(out, VERDICT_PASS, "it is the first generation: there is nothing to compare");
		return 0;
	}
	if (index_open(&j->current, r->data_dir, r->tenant, r->current, &why) == -1) {
		if (why.code == ERR_NOMEM)
			return err_set(e, ERR_NOMEM, "%s", why.text);
		say(out, VERDICT_PASS, "the current generation cannot be opened, so it is not "
				       "compared with: %s", why.text);
		return 0;
	}
	snprintf(out->current, sizeof out->current, "%s", r->current);
	out->was = counts_of(j->current);
	out->has_same_parameters = strcmp(j->current->manifest.parameters,
				       j->candidate->manifest.parameters) == 0;
	return 0;
}

/* ---- counts and vectors ---- */

static void
judge_counts(struct judging *j)
{
	const struct gate_counts *was = &j->out->was, *is = &j->out->is;
	unsigned most = j->r->limits.max_shrink;
	uint64_t removed = j->r->limits.removed;
	uint64_t expected = was->documents > removed ? was->documents - removed : 0;

	if (shrink_is_too_much(expected, is->documents, most))
		say(j->out, VERDICT_FAIL,
		    "it holds %llu documents, the current one %llu: more than %u %% are gone",
		    (unsigned long long)is->documents, (unsigned long long)was->documents, most);
	else if (removed == 0 && j->out->has_same_parameters &&
	    shrink_is_too_much(was->chunks, is->chunks, most))
		say(j->out, VERDICT_FAIL,
		    "it holds %llu passages, the current one %llu: more than %u %% are gone",
		    (unsigned long long)is->chunks, (unsigned long long)was->chunks, most);
}

static double
share_with_vector(const struct index *x)
{
	struct dense_info info;

	if (x->dense == NULL || x->rows == 0)
		return 0;
	dense_info(x->dense, &info);
	return (double)info.rows_with_vector / x->rows;
}

/* Of the same parameters; a tenant that has grown too small to train a model has none. */
static void
judge_vectors(struct judging *j)
{
	const struct manifest *was = &j->current->manifest, *is = &j->candidate->manifest;
	double before = share_with_vector(j->current), now = share_with_vector(j->candidate);

	if (!j->out->has_same_parameters || was->dim == 0 || is->chunks < was->chunks)
		return;
	if (is->dim == 0)
		say(j->out, VERDICT_FAIL, "it has no vectors, the current one has them by %s",
		    was->embedder);
	else if (strcmp(was->embedder, is->embedder) != 0)
		say(j->out, VERDICT_FAIL, "its embedder is %s, the current one's %s, under the "
					  "same parameters", is->embedder, was->embedder);
	else if (now < before / 2)
		say(j->out, VERDICT_FAIL, "%.0f %% of its passages have a vector, %.0f %% of "
					  "the current one's", 100 * now, 100 * before);
}

/* ---- questions ---- */

static int
read_questions(struct judging *j, struct err *e)
{
	const struct gate_request *r = j->r;
	char dir[PATH_MAX], path[PATH_MAX];
	struct err why;
	unsigned missing;

	if (generation_tenant_dir(dir, r->data_dir, r->tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, "golden.jsonl", e) == -1)
		return -1;
	if (golden_read_member(&j->golden, r->golden, &j->a, &why) == -1 ||
	    golden_read_file(&j->golden, path, &j->a, &why) == -1) {
		if (why.code == ERR_NOMEM)
			return err_set(e, ERR_NOMEM, "%s", why.text);
		say(j->out, VERDICT_INCONCLUSIVE, "golden queries cannot be read: %s", why.text);
		j->golden.count = j->golden.given = 0;
	}
	missing = r->limits.queries > j->golden.given
	    ? r->limits.queries - (unsigned)j->golden.given
	    : 0;
	if (j->current != NULL && golden_sample(&j->golden, j->current, missing, &j->a, &why) == -1) {
		if (why.code == ERR_NOMEM)
			return err_set(e, ERR_NOMEM, "%s", why.text);
		say(j->out, VERDICT_PASS, "the current generation gives no questions: %s", why.text);
	}
	j->out->given = (unsigned)j->golden.given;
	j->out->sampled = (unsigned)(j->golden.count - j->golden.given);
	return 0;
}

static void
take_numbers(struct gate_report *out, const struct replay *p)
{
	out->asked = p->asked;
	out->compared = p->compared;
	out->by_passage = p->by_passage;
	out->overlap = p->overlap;
	out->known = p->known;
	out->known_again = p->known_again;
	out->judged = p->judged;
	out->found_current = p->found_current;
	out->found_candidate = p->found_candidate;
	out->p95_current_ms = p->p95_current_ms;
	out->p95_candidate_ms = p->p95_candidate_ms;
	out->losses = p->losses;
	for (unsigned i = 0; i < p->losses && i < GATE_LOST_MAX; i++)
		snprintf(out->lost[i], sizeof out->lost[i], "%.*s", (int)p->lost[i]->len,
		    p->lost[i]->text);
}

static void
judge_findings(struct judging *j, const struct replay *p)
{
	struct gate_report *out = j->out;
	double least = j->r->limits.min_recall / 100.0;

	if (p->failed > 0)
		say(out, VERDICT_FAIL, "it cannot answer %u of %u questions: %s", p->failed,
		    p->asked, p->failure.text);
	if (p->judged > 0 && p->found_candidate < least * p->found_current)
		say(out, VERDICT_FAIL,
		    "golden queries find %.0f %% of the documents they expect, %.0f %% before; "
		    "lost first: %.80s",
		    100 * p->found_candidate, 100 * p->found_current, out->lost[0]);
	if (p->known_again < least * p->known)
		say(out, VERDICT_FAIL,
		    "%u of %u known %s are found again, less than %u %%; lost first: %.80s",
		    p->known_again, p->known, p->by_passage ? "passages" : "documents",
		    j->r->limits.min_recall, out->lost[0]);
}

static void
judge_rankings(struct judging *j, const struct replay *p)
{
	struct gate_report *out = j->out;
	unsigned least = j->r->limits.min_overlap;

	if (j->current == NULL)
		return;
	if (j->current->rows == 0 || j->candidate->rows == 0) {
		say(out, VERDICT_PASS, "one of the two holds nothing: there are no rankings to compare");
		return;
	}
	if (p->was_cut_short)
		say(out, VERDICT_INCONCLUSIVE, "only %u of %zu questions could be asked in time",
		    p->asked, j->golden.count);
	if (p->compared == 0 && j->golden.count > 0)
		say(out, VERDICT_INCONCLUSIVE,
		    "nothing that the questions find is in both generations: rankings cannot be "
		    "compared");
	else if (out->has_same_parameters && 100 * p->overlap < least)
		say(out, VERDICT_FAIL,
		    "rankings overlap by %.0f %% over %u questions, less than %u %%",
		    100 * p->overlap, p->compared, least);
}

static void
judge_speed(struct judging *j, const struct replay *p)
{
	double allowed, grown = 1, before = p->p95_current_ms;

	if (j->current == NULL || p->asked < ENOUGH_QUESTIONS)
		return;
	if (j->candidate->rows > j->current->rows && j->current->rows > 0)
		grown = (double)j->candidate->rows / j->current->rows;
	allowed = before * grown * (1 + j->r->limits.max_slowdown / 100.0);
	if (p->p95_candidate_ms > allowed && p->p95_candidate_ms > before * grown + GATE_SLOW_MS)
		say(j->out, VERDICT_FAIL, "p95 is %.1f ms, the current one's %.1f ms: more than "
					  "%.1f ms", p->p95_candidate_ms, before, allowed);
}

static int
ask_questions(struct judging *j, struct err *e)
{
	int64_t time_ms = j->r->limits.time_ms;
	struct replay p;

	if (read_questions(j, e) == -1)
		return -1;
	if (replay_run(&p, j->current, j->candidate, &j->golden,
		time_ms > 0 ? clk_ns() + time_ms * 1000000 : INT64_MAX, e) == -1)
		return -1;
	take_numbers(j->out, &p);
	if (j->r->is_accepted)
		return 0;
	judge_findings(j, &p);
	judge_rankings(j, &p);
	judge_speed(j, &p);
	return 0;
}

/* ---- all of it ---- */

static int
judge(struct judging *j, struct err *e)
{
	int is_whole = open_candidate(j, e);

	if (is_whole <= 0)
		return is_whole;
	if (open_current(j, e) == -1)
		return -1;
	if (j->r->is_accepted) {
		say(j->out, VERDICT_PASS, "an operator accepted it");
	} else if (j->current != NULL) {
		judge_counts(j);
		judge_vectors(j);
	}
	return ask_questions(j, e);
}

int
gate_run(const struct gate_request *r, struct gate_report *out, struct err *e)
{
	struct judging j = {.r = r, .out = out};
	int64_t from = clk_ns();
	int rc;

	*out = (struct gate_report){.is_accepted = r->is_accepted};
	snprintf(out->tenant, sizeof out->tenant, "%s", r->tenant);
	snprintf(out->candidate, sizeof out->candidate, "%s", r->candidate);
	arena_init(&j.a, GATE_ARENA_MAX);
	rc = judge(&j, e);
	index_close(j.current);
	index_close(j.candidate);
	arena_fini(&j.a);
	out->seconds = (double)(clk_ns() - from) / 1e9;
	return rc;
}
