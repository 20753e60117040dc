/* worker_options.h - what a worker is told: its command line (worker_args.h writes it).
 *
 * One table gives the names, what each takes, and --help.
 *
 * Memory  texts are borrowed from argv.
 * Errors  ERR_USAGE, with a sentence for who typed it.
 */
#ifndef RAGPOOL_WORKER_OPTIONS_H
#define RAGPOOL_WORKER_OPTIONS_H

#include <stdio.h>

#include "worker.h"

/* What holds when nothing is said, and what the environment says. */
void worker_options_init(struct worker_options *o);
/* 0; 1: it only asked for something that was printed (--help, --version, --routes); -1. */
int worker_options_read(struct worker_options *o, int argc, char **argv, struct err *e);
void worker_options_help(FILE *f);

#endif
