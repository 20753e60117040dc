/* worker_args.h - what a worker is told on its command line, from ragpool.conf.
 *
 * A worker knows of the configuration what its command line says and nothing else: it never
 * reads ragpool.conf.  So an option of a worker that has another value after a reload is
 * another command line, and takes new workers (sup_conf.c).
 *
 * Memory  texts are borrowed from the configuration, or lie in the struct itself, which must
 *         not be moved once it is filled.
 */
#ifndef RAGPOOL_WORKER_ARGS_H
#define RAGPOOL_WORKER_ARGS_H

#include "buf.h"
#include "conf.h"

enum { WORKER_ARGS_MAX = 96, WORKER_NUMBERS_MAX = 24 };

struct worker_args {
	const char *argv[WORKER_ARGS_MAX + 1];	/* ended by NULL */
	unsigned count, numbers;
	char number[WORKER_NUMBERS_MAX][32];
};

void worker_args_fill(
    struct worker_args *a, const struct conf_global *g, const struct conf_pool *pool);
/* Everything that workers of all pools are started with, into b: two configurations with the
 * same text need no new workers. */
void worker_args_describe(const struct conf *c, struct buf *b);

#endif
