/* gate.h - may this generation take the place of the one that serves?
 *
 *   integrity   checksums of every file and section, every term, link and row, the store's
 *               own check, all counts: a damaged candidate fails, whatever else is said
 *   counts      not far fewer documents than the current one, nor passages where both are
 *               cut the same way (shrink.h)
 *   embedder    the same one, and vectors for as many rows, where parameters are the same
 *   questions   golden queries replayed on both (golden.h, replay.h): expected documents,
 *               known passages, rankings, speed
 *
 * Verdict pass; fail, with reasons; inconclusive, when what was to be compared could not be:
 *         golden queries that cannot be read, nothing that both generations hold, too
 *         little time.  The first generation of a tenant has nothing to compare: what is
 *         left of the above is integrity.
 * Rules   a ranking is judged only where parameters are the same: another model or another
 *         cut is meant to change it.  Slowness is allowed to grow with the rows, and only
 *         what is beyond both limits fails: max_slowdown and GATE_SLOW_MS.
 * Memory  the report owns nothing.
 * Errors  only what says nothing about the candidate: ERR_NOMEM, ERR_TENANT_NAME, ERR_INPUT.
 * Cost    reads every byte of the candidate about twice.
 */
#ifndef RAGPOOL_GATE_H
#define RAGPOOL_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "generation.h"
#include "json.h"

enum { GATE_REASONS_MAX = 8, GATE_REASON_BYTES = 256, GATE_LOST_MAX = 5, GATE_SLOW_MS = 20 };

#define VERDICTS(X) \
	X(VERDICT_PASS, "pass") \
	X(VERDICT_INCONCLUSIVE, "inconclusive") \
	X(VERDICT_FAIL, "fail")
enum verdict {
#define X(symbol, name) symbol,
	VERDICTS(X)
#undef X
	    VERDICT_MAX
};

struct gate_limits {
	unsigned max_shrink;	/* percent fewer documents or passages */
	uint64_t removed;	/* documents removed on request: not counted as gone, nor theirs */
	unsigned queries;	/* in all: given ones, filled up by sampled ones */
	unsigned min_overlap;	/* percent of the rankings' first ten */
	unsigned min_recall;	/* percent of what the current generation finds */
	unsigned max_slowdown;	/* percent on top of the current one's p95 */
	int64_t time_ms;	/* for the questions; 0: no end */
};

/* What the member "gate" of a tenant's document says takes the place of what *l holds:
 *   {"max_shrink": 20, "queries": 50, "min_overlap": 40, "min_recall": 100, "max_slowdown": 100}
 * NULL, and members that are absent, leave it.  ERR_TYPE, ERR_RANGE, ERR_UNKNOWN_FIELD. */
int gate_limits_read(struct gate_limits *l, struct json_object *gate_or_null, struct err *e);

struct gate_request {
	const char *data_dir, *tenant, *candidate;
	const char *current;		/* NULL or "": nothing serves yet */
	struct json_object *golden;	/* of the tenant's document, borrowed; NULL: none */
	struct gate_limits limits;
	bool is_accepted;	/* somebody says that it is meant: integrity alone decides */
};

struct gate_counts {
	uint64_t documents, chunks, bytes;
	uint32_t dim;
};

struct gate_report {
	char tenant[TENANT_NAME_BYTES + 1];
	char candidate[GENERATION_NAME_BYTES];
	char current[GENERATION_NAME_BYTES];	/* "": none that could be compared with */
	bool is_accepted;
	enum verdict verdict;
	struct {
		enum verdict weight;
		char text[GATE_REASON_BYTES];
	} reason[GATE_REASONS_MAX];
	unsigned reasons;
	struct gate_counts was, is;
	bool has_same_parameters;
	/* of the questions; see replay.h */
	unsigned given, sampled, asked, compared, known, known_again, judged;
	bool by_passage;
	double overlap, found_current, found_candidate;
	double p95_current_ms, p95_candidate_ms;
	char lost[GATE_LOST_MAX][GATE_REASON_BYTES];
	unsigned losses;
	double seconds;
	int64_t at_s;			/* since 1970, the caller's business */
};

int gate_run(const struct gate_request *r, struct gate_report *out, struct err *e);
/* The weightiest sentence; "" when there is nothing to say. */
const char *gate_reason(const struct gate_report *r);
/* One object, without a line's end. */
void gate_report_write(const struct gate_report *r, struct buf *b);
const char *verdict_name(enum verdict v);
/* VERDICT_MAX when it is no name of one. */
enum verdict verdict_of(const char *name);

#endif
