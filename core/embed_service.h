/* embed_service.h - vectors made elsewhere: what core asks of whoever reaches the model.
 *
 * core knows no endpoint.  A process that can reach one hands these functions down; fcgi/
 * does it by the gateway (gateway_service.h).
 *
 * identity  stands for what a vector depends on besides the text (model, dimension, prefix).
 *           Vectors of two identities cannot be compared.  0 in a question: any.
 * Errors    those of err.def for embeddings: ERR_EMBED_UNAVAILABLE, ERR_EMBED_TIMEOUT and
 *           ERR_MODEL_BUSY may pass (embed_error_may_pass()), the others will not.
 */
#ifndef RAGPOOL_EMBED_SERVICE_H
#define RAGPOOL_EMBED_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct embed_text {
	const char *text;	/* UTF-8, borrowed */
	size_t len;
};

struct embed_about {
	uint32_t identity;
	uint32_t dim;		/* 0: not known before the first vector */
	unsigned batch;		/* texts of one request */
	unsigned batch_tokens;
	unsigned in_flight;	/* requests worth having under way at once */
};

struct embed_service {
	void *context;
	/* ERR_MODEL_UNKNOWN when there is no such model. */
	int (*describe)(
	    void *context, const char *model, struct embed_about *about, struct err *e);
	/* One query, waited for: dim floats into out. */
	int (*query)(void *context, const char *model, uint32_t identity,
	    const struct embed_text *text, uint32_t dim, float *out, struct err *e);
	/* Passages: several requests may be under way, told apart by ticket; they come back
	 * in any order.  What collect() answers is borrowed until the next call; -1 from it
	 * with *ticket set is of that request alone. */
	int (*submit)(void *context, const char *model, uint32_t identity, uint32_t ticket,
	    const struct embed_text *texts, size_t count, struct err *e);
	int (*collect)(void *context, uint32_t *ticket, const float **vectors, size_t *count,
	    uint32_t *dim, struct err *e);
	/* After a failure that may pass: forgets all that is under way, waits as long as the
	 * attempt (from 0) deserves.  -1 with *e as it was when it is to be given up. */
	int (*recover)(void *context, unsigned attempt, struct err *e);
};

static inline bool
embed_error_may_pass(const struct err *e)
{
	return e->code == ERR_EMBED_UNAVAILABLE || e->code == ERR_EMBED_TIMEOUT ||
	    e->code == ERR_MODEL_BUSY;
}

#endif
