/* intake.h - what waits in a tenant's inbox becomes its pushed documents.
 *
 *   entry -> pushed/ (each document by rename) -> one syncfs -> ledger, one transaction
 *         -> entries unlinked
 *
 * Killed anywhere in it, the next run takes the same entries again and comes to the same.
 * The caller holds the tenant's lock.  An entry that is damaged, or names a document by a key
 * that is none, is moved to the inbox's dead/ with the reason, and is a failed job; so is one
 * that ended INTAKE_TRIES_MAX builds while it was taken in, by a crash and not by an error.  The
 * others are not touched by it.
 * Cost    two passes over an entry, mapped; memory of one document.
 */
#ifndef RAGPOOL_INTAKE_H
#define RAGPOOL_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "ledger.h"

enum { INTAKE_TRIES_MAX = 3 };

struct intake {
	struct ledger *ledger;	/* NULL: nothing was ever sent to this tenant */
	uint64_t build;		/* this build's number */
	size_t jobs;		/* whose documents this build brings */
	uint64_t entries, rejected;	/* taken in now, put aside now */
	uint64_t documents, removed;	/* put and removed now */
	uint64_t removed_since;	/* removed on request since the last build that succeeded */
	uint64_t removed_ever;
};

/* Everything that waits; intake_close() also after -1. */
int intake_run(struct intake *i, const char *data_dir, const char *tenant, struct err *e);
/* The generation is sealed.  refused: begins, and is called with the function that takes each
 * document that gave no text. */
int intake_built(struct intake *i, const char *generation,
    int (*each_refused)(void *context, struct ledger *l, struct err *e), void *context,
    struct err *e);
void intake_close(struct intake *i);

#endif
