/* gateway_service.c - the gateway as what core asks for vectors. */
#include "gateway_service.h"

#include <string.h>
#include <time.h>

enum { WAIT_MIN_MS = 100, WAIT_MAX_MS = 10000 };

static int
describe(void *context, const char *model, struct embed_about *about, struct err *e)
{
	struct gateway_service *s = context;

	return gateway_describe(s->client, model, about, e);
}

static int
query(void *context, const char *model, uint32_t identity, const struct embed_text *text,
    uint32_t dim, float *out, struct err *e)
{
	struct gateway_service *s = context;
	struct gateway_embed q = {.model = model, .identity = identity, .texts = text, .count = 1,
	    .is_query = true, .budget_ms = s->query_ms};
	const float *vector;
	uint32_t got;

	if (gateway_embed(s->client, &q, &vector, &got, e) == -1)
		return -1;
	if (got != dim)
		return err_set(e, ERR_EMBED_ANSWER, "model %s answers %u numbers, the index has %u",
		    model, got, dim);
	memcpy(out, vector, dim * sizeof *out);
	return 0;
}

static int
submit(void *context, const char *model, uint32_t identity, uint32_t ticket,
    const struct embed_text *texts, size_t count, struct err *e)
{
	struct gateway_service *s = context;
	struct gateway_embed q = {
	    .model = model, .identity = identity, .texts = texts, .count = count};

	return gateway_send(s->client, &q, ticket, e);
}

static int
collect(void *context, uint32_t *ticket, const float **vectors, size_t *count, uint32_t *dim,
    struct err *e)
{
	struct gateway_service *s = context;

	return gateway_receive(s->client, ticket, vectors, count, dim, 0, e);
}

/* 0.1, 0.2, 0.4 ... 10 s, or as long as the gateway said. */
static int
recover(void *context, unsigned attempt, struct err *e)
{
	struct gateway_service *s = context;
	int64_t wait = WAIT_MIN_MS, asked = gateway_retry_after_ms(s->client);
	struct timespec t;

	(void)e;
	gateway_forget(s->client);
	if (attempt >= SERVICE_PATIENCE)
		return -1;
	for (unsigned i = 0; i < attempt && wait < WAIT_MAX_MS; i++)
		wait *= 2;
	wait = asked > wait ? asked : wait;
	wait = wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
	t = (struct timespec){.tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000};
	nanosleep(&t, NULL);
	return 0;
}

void
gateway_service_init(
    struct gateway_service *s, struct gateway_client *client, int64_t query_ms)
{
	*s = (struct gateway_service){.client = client, .query_ms = query_ms};
	s->service = (struct embed_service){.context = s,
	    .describe = describe,
	    .query = query,
	    .submit = submit,
	    .collect = collect,
	    .recover = recover};
}
