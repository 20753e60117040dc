/* gateway_client.h - asking the gateway, from a worker or a build.
 *
 * A client holds one connection, made when it is needed and made anew when the gateway was
 * replaced: a question that got no answer because its gateway went away is asked once more,
 * unless pieces of a chat were passed on already.  Everything blocks, up to a deadline.
 *
 * Units   budget_ms: what the gateway may take, with all its tries.  The client itself waits
 *         GATEWAY_MARGIN_MS longer, then gives the question up.
 * Memory  a client is its caller's; what functions answer is borrowed until the next call.
 * Errors  those of err.def for models: *_TIMEOUT, *_ANSWER (the endpoint answered wrongly),
 *         *_UNAVAILABLE, ERR_MODEL_BUSY, ERR_MODEL_UNKNOWN.  A gateway that cannot be reached
 *         is *_UNAVAILABLE.  gateway_retry_after_ms() tells how long the last of them lasts.
 * Threads none: one client, one question at a time, but for the tickets below.
 */
#ifndef RAGPOOL_GATEWAY_CLIENT_H
#define RAGPOOL_GATEWAY_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "embed_service.h"
#include "err.h"

enum { GATEWAY_MARGIN_MS = 300 };

struct gateway_client;

/* The socket of the gateway of this pool, from RAGPOOL_GATEWAY; NULL: there is none. */
const char *gateway_socket(void);

/* Connects when first asked.  socket is copied. */
int gateway_open(struct gateway_client **out, const char *socket, struct err *e);
/* Does somebody keep a gateway at that socket?  Without any [model NAME] nobody does. */
bool gateway_is_kept(const struct gateway_client *c);
/* NULL is fine.  Takes back what was asked and not answered. */
void gateway_close(struct gateway_client *c);
/* Of the last error; 0 when nothing is known. */
int64_t gateway_retry_after_ms(const struct gateway_client *c);

/* ---- embeddings ---- */

int gateway_describe(
    struct gateway_client *c, const char *model, struct embed_about *about, struct err *e);

struct gateway_embed {
	const char *model;		/* a section's name or an alias */
	uint32_t identity;		/* of embed_about, 0: any */
	const struct embed_text *texts;
	size_t count;			/* 1..MODEL_TEXTS_MAX */
	bool is_query;
	int64_t budget_ms;		/* 0: the model's own */
};
/* *vectors: count x *dim floats, borrowed. */
int gateway_embed(struct gateway_client *c, const struct gateway_embed *q,
    const float **vectors, uint32_t *dim, struct err *e);

/* Several at once: send, then receive as many times, in any order.  -1 from receive with
 * *ticket not 0 is of that question alone; otherwise all that was sent is lost. */
int gateway_send(struct gateway_client *c, const struct gateway_embed *q, uint32_t ticket,
    struct err *e);
int gateway_receive(struct gateway_client *c, uint32_t *ticket, const float **vectors,
    size_t *count, uint32_t *dim, int64_t wait_ms, struct err *e);
/* Drops the connection, and with it all that was sent. */
void gateway_forget(struct gateway_client *c);

/* ---- rerank ---- */

/* scores[count], in the order of the texts, larger is better; their scale is the model's. */
int gateway_rerank(struct gateway_client *c, const char *model, const char *query,
    const struct embed_text *texts, size_t count, int64_t budget_ms, float *scores,
    struct err *e);

/* ---- chat ---- */

/* Called while nothing comes; -1 with *e ends the chat. */
typedef int gateway_idle_fn(void *context, struct err *e);
struct gateway_chat {
	const char *model;
	const char *messages;		/* JSON: [{"role", "content"}, ...] */
	int64_t max_tokens;		/* 0: the endpoint's own */
	double temperature;		/* below 0: the endpoint's own */
	int64_t budget_ms;		/* 0: the model's own */
	/* Who waits for the answer: once that peer has hung up the chat ends with ERR_PEER. */
	int reader_fd;			/* -1: nobody to look at */
	gateway_idle_fn *idle;		/* after idle_ms without a piece, and again; may be NULL */
	int64_t idle_ms;
};
struct gateway_chat_end {
	char finish_reason[32];		/* "stop", "length", ... */
	uint64_t prompt_tokens, completion_tokens;
};
/* A piece of the answer, as it arrives: UTF-8.  -1 with *e ends the chat, also at the
 * endpoint.  The context is idle's too. */
typedef int gateway_piece_fn(void *context, const char *text, size_t n, struct err *e);
int gateway_chat(struct gateway_client *c, const struct gateway_chat *q, gateway_piece_fn *piece,
    void *context, struct gateway_chat_end *end, struct err *e);

/* ---- status ---- */

/* What the gateway counts, as a JSON object into out. */
int gateway_status(struct gateway_client *c, struct buf *out, struct err *e);

#endif
