/* gateway_service.h - the gateway as what core asks for vectors (embed_service.h). */
#ifndef RAGPOOL_GATEWAY_SERVICE_H
#define RAGPOOL_GATEWAY_SERVICE_H

#include "embed_service.h"
#include "gateway_client.h"

enum { SERVICE_PATIENCE = 8 };	/* failures in a row, about half a minute of waiting */

struct gateway_service {
	struct embed_service service;
	struct gateway_client *client;	/* borrowed */
	int64_t query_ms;		/* budget of a query, 0: the model's own */
};

/* Fills s->service, which borrows s. */
void gateway_service_init(
    struct gateway_service *s, struct gateway_client *client, int64_t query_ms);

#endif
