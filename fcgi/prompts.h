/* prompts.h - the prompts of a worker: its pool's, and those that tenants have of their own.
 *
 * A file is read when it is first needed, and again when it has changed.  One that cannot be
 * taken is logged, and what was read before it stays: of a tenant that has none, the pool's; of the
 * pool, the built-in one.
 */
#ifndef RAGPOOL_PROMPTS_H
#define RAGPOOL_PROMPTS_H

#include <stddef.h>
#include <stdint.h>

#include "prompt.h"

enum { PROMPTS_KEPT = 32 };	/* of tenants */

/* How answers are made with a language model (answers.h). */
struct answer_options {
	const char *model;	/* "": none but for tenants that name one */
	const char *prompt;	/* a file; "": the built-in one */
	const char *prompts_dir;	/* of tenants, TENANT.txt; "": none */
	int64_t timeout_ms;	/* of all of an answer, from when its request came */
	int64_t keepalive_ms;	/* a stream that has nothing to say says so so often */
	size_t context_tokens;	/* of passages and earlier turns */
	int64_t max_tokens;	/* of an answer */
};

struct prompts;

/* The options are borrowed. */
int prompts_new(struct prompts **out, const struct answer_options *o, struct err *e);
/* NULL is fine. */
void prompts_free(struct prompts *p);
/* Borrowed until the next call; never NULL. */
const struct prompt *prompts_for(struct prompts *p, const char *tenant);

#endif
