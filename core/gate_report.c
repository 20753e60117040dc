/* gate_report.c - a verdict as JSON, for people and programs. */
#include "gate.h"

#include <inttypes.h>
#include <string.h>

static const char *const verdict_names[VERDICT_MAX] = {
#define X(symbol, name) [symbol] = name,
    VERDICTS(X)
#undef X
};

const char *
verdict_name(enum verdict v)
{
	return (unsigned)v < VERDICT_MAX ? verdict_names[v] : "unknown";
}

enum verdict
verdict_of(const char *name)
{
	int v = 0;

	while (v < VERDICT_MAX && strcmp(verdict_names[v], name) != 0)
		v++;
	return (enum verdict)v;
}

static void
put_text(struct buf *b, const char *name, const char *text)
{
	buf_addf(b, "\"%s\":", name);
	if (text[0] != '\0')
		json_put_text(b, text, strlen(text));
	else
		buf_adds(b, "null");
	buf_addc(b, ',');
}

static void
put_counts(struct buf *b, const char *name, const struct gate_counts *c)
{
	buf_addf(b,
	    "\"%s\":{\"documents\":%" PRIu64 ",\"chunks\":%" PRIu64 ",\"bytes\":%" PRIu64
	    ",\"dim\":%u},",
	    name, c->documents, c->chunks, c->bytes, c->dim);
}

/* A share where something was shared out, else null. */
static void
put_share(struct buf *b, const char *name, double share, bool is_known)
{
	if (is_known)
		buf_addf(b, "\"%s\":%.4f,", name, share);
	else
		buf_addf(b, "\"%s\":null,", name);
}

static void
put_questions(const struct gate_report *r, struct buf *b)
{
	bool has_both = r->current[0] != '\0';

	buf_addf(b,
	    "\"golden\":{\"given\":%u,\"sampled\":%u,\"asked\":%u,\"compared\":%u,"
	    "\"unit\":\"%s\",",
	    r->given, r->sampled, r->asked, r->compared,
	    r->by_passage ? "passage" : "document");
	put_share(b, "overlap", r->overlap, r->compared > 0);
	buf_addf(b, "\"known\":%u,\"known_again\":%u,", r->known, r->known_again);
	put_share(b, "recall_current", r->found_current, has_both && r->judged > 0);
	put_share(b, "recall_candidate", r->found_candidate, r->judged > 0);
	put_share(b, "p95_current_ms", r->p95_current_ms, has_both && r->asked > 0);
	put_share(b, "p95_candidate_ms", r->p95_candidate_ms, r->asked > 0);
	buf_adds(b, "\"lost\":[");
	for (unsigned i = 0; i < r->losses && i < GATE_LOST_MAX; i++) {
		if (i > 0)
			buf_addc(b, ',');
		json_put_text(b, r->lost[i], strlen(r->lost[i]));
	}
	buf_addf(b, "],\"losses\":%u},", r->losses);
}

void
gate_report_write(const struct gate_report *r, struct buf *b)
{
	buf_addf(b, "{\"verdict\":\"%s\",", verdict_name(r->verdict));
	put_text(b, "reason", gate_reason(r));
	put_text(b, "tenant", r->tenant);
	put_text(b, "generation", r->candidate);
	put_text(b, "current", r->current);
	buf_addf(b, "\"accepted\":%s,\"same_parameters\":%s,\"reasons\":[",
	    r->is_accepted ? "true" : "false", r->has_same_parameters ? "true" : "false");
	for (unsigned i = 0; i < r->reasons; i++) {
		buf_adds(b, i > 0 ? ",{" : "{");
		put_text(b, "text", r->reason[i].text);
		buf_addf(b, "\"weight\":\"%s\"}", verdict_name(r->reason[i].weight));
	}
	buf_adds(b, "],");
	put_counts(b, "was", &r->was);
	put_counts(b, "is", &r->is);
	put_questions(r, b);
	buf_addf(b, "\"seconds\":%.3f,\"at\":%" PRId64 "}", r->seconds, r->at_s);
}
