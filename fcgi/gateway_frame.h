/* gateway_frame.h - what workers, builds and the gateway say to each other.
 *
 * A stream socket carries frames in both directions, each a head, a JSON object and bytes:
 *
 *   OFFSET  SIZE  MEANING
 *        0     4  "RPGW", as a number in the byte order of the machine
 *        4     1  FRAME_VERSION
 *        5     1  enum frame_type
 *        6     2  0
 *        8     4  id: chosen by who asks, repeated in every answer to it
 *       12     4  bytes of the JSON object, at most FRAME_JSON_MAX
 *       16     4  bytes of the body, at most FRAME_BODY_MAX
 *
 *   question   JSON                                          body
 *   DESCRIBE   model                                         -
 *   EMBED      model, identity, texts, query, budget_ms      the texts
 *   RERANK     model, query, texts, budget_ms                the texts
 *   CHAT       model, messages, max_tokens, temperature,     -
 *              budget_ms
 *   STATUS     -                                             -
 *
 *   answer
 *   RESULT     what the question deserves: see gateway_client.h
 *              EMBED: texts x dim floats in the body; RERANK: a float each
 *   DELTA      {}, the next piece of a chat's text in the body; any number before a RESULT
 *   ERROR      code, message, retry_after_ms
 *
 * Every question gets one RESULT or ERROR, in any order; closing the connection takes all
 * of its questions back.  Texts stand in a body one after another, each behind its length
 * in 4 bytes.  The socket is local, so numbers are in the machine's own order.
 *
 * Errors  frame_take(): ERR_PEER for bytes that are no frame; nothing can be read after it.
 */
#ifndef RAGPOOL_GATEWAY_FRAME_H
#define RAGPOOL_GATEWAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "embed_service.h"
#include "err.h"

enum {
	FRAME_MAGIC = 0x57475052,
	FRAME_VERSION = 1,
	FRAME_HEAD_BYTES = 20,
	FRAME_JSON_MAX = MODEL_CHAT_MAX,
	FRAME_BODY_MAX = 16 << 20,
};

enum frame_type {
	FRAME_DESCRIBE = 1,
	FRAME_EMBED,
	FRAME_RERANK,
	FRAME_CHAT,
	FRAME_STATUS,
	FRAME_RESULT = 64,
	FRAME_DELTA,
	FRAME_ERROR,
};

struct frame {
	enum frame_type type;
	uint32_t id;
	const char *json;	/* borrowed from the bytes, as is body */
	size_t json_bytes;
	const char *body;
	size_t body_bytes;
};

/* Appends a frame; a part past its limit marks the buffer as failed. */
void frame_put(struct buf *b, enum frame_type type, uint32_t id, const char *json,
    size_t json_bytes, const void *body, size_t body_bytes);
/* 1: *f is the first frame of the bytes and *used its size; 0: it is not whole yet. */
int frame_take(struct frame *f, const char *bytes, size_t n, size_t *used, struct err *e);

void frame_put_texts(struct buf *body, const struct embed_text *texts, size_t count);
/* The texts of a body into at[count], borrowed.  ERR_PEER unless they fill it exactly. */
int frame_take_texts(struct embed_text *at, size_t count, const struct frame *f, struct err *e);

void frame_put_error(struct buf *b, uint32_t id, const struct err *e, int64_t retry_after_ms);
/* An ERROR frame to what it says; answers -1, as err_set() does. */
int frame_take_error(const struct frame *f, int64_t *retry_after_ms, struct err *e);

#endif
