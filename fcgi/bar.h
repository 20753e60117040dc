/* bar.h - one line of a terminal that says how far something has come.
 *
 *   read     [########            ] 410/1000 61/s, 10 s left
 *
 * Of what is not known, nothing is said: no bar without an end, no time without a rate.
 */
#ifndef RAGPOOL_BAR_H
#define RAGPOOL_BAR_H

#include <stddef.h>
#include <stdint.h>

enum { BAR_BYTES = 160 };

struct bar {
	const char *label;
	uint64_t done, all;		/* all 0: not known */
	double rate, eta_s;		/* below 0: not known */
};

void bar_format(char out[BAR_BYTES], const struct bar *b);

#endif
