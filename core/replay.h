/* replay.h - golden queries asked of two generations, and how their answers differ.
 *
 * Fair    What a change of content does to a ranking is no fault: a new document may stand
 *         above an old one, a removed one stands nowhere.  So rankings are compared over
 *         what both generations hold, and nothing else: both lists are asked REPLAY_DEPTH
 *         deep, freed of what the other generation lacks, and their first GOLDEN_TOP_K
 *         compared.  The same holds for the passages that sampled questions come from.
 *         Documents that people expect are different: those have to be found, whatever
 *         else changed.
 * Unit    passages by their identity (index_row.chunk) when both generations cut texts the
 *         same way, else documents by key and SHA-256.
 * Speed   each question is asked REPLAY_ROUNDS times, the generations in turn, and its
 *         shortest time counts: what else runs on the machine hits both alike.
 * Errors  ERR_NOMEM.  A question that a generation cannot answer is counted, not an error.
 * Cost    O(rows log rows) once, then the queries.
 */
#ifndef RAGPOOL_REPLAY_H
#define RAGPOOL_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "golden.h"
#include "index.h"

enum { REPLAY_DEPTH = 50, REPLAY_ROUNDS = 3, REPLAY_LOST_MAX = 5 };

struct replay {
	bool by_passage;		/* else by document */
	unsigned asked;			/* of both, or of the candidate alone */
	unsigned compared;		/* questions with hits that both generations hold */
	double overlap;			/* 0..1, the mean of those */
	unsigned known, known_again;	/* sampled from what both hold and found; found again */
	unsigned judged;		/* given ones that expect documents */
	double found_current;		/* their recall, 0..1; 0 without a current one */
	double found_candidate;
	double p95_current_ms, p95_candidate_ms;
	bool was_cut_short;		/* the time was over before the questions were */
	unsigned failed;		/* the candidate answered with an error, the other did not */
	struct err failure;		/* the first of those */
	const struct golden_query *lost[REPLAY_LOST_MAX];	/* the first that find less */
	unsigned losses;		/* all of those */
};

/* current NULL: the candidate alone.  until_ns of clk_ns(), INT64_MAX for no end. */
int replay_run(struct replay *out, struct index *current, struct index *candidate,
    const struct golden *g, int64_t until_ns, struct err *e);

#endif
