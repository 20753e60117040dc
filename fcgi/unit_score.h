/* unit_score.h - a score between 0 and 1, for the wires that promise one.
 *
 * A hybrid score is about 1 for a passage that both halves put first, and a little more when
 * the words stand close together (fuse.h); it is cut at 1, which keeps the order.
 */
#ifndef RAGPOOL_UNIT_SCORE_H
#define RAGPOOL_UNIT_SCORE_H

static inline float
unit_score(float score)
{
	return score < 0 ? 0 : score > 1 ? 1 : score;
}

#endif
