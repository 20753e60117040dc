/* wire.h - the languages of endpoints: requests to bytes, bytes to checked answers.
 *
 *   api      embeddings                chat                    rerank
 *   openai   {url}/embeddings          {url}/chat/completions  {url}/rerank, as Jina
 *   ollama   {url}/api/embed           {url}/api/chat          -
 *   cohere   {url}/v2/embed            -                       {url}/v2/rerank
 *   jina     {url}/embeddings          -                       {url}/rerank
 *
 * Pure: no socket, no clock.  What an endpoint answers is hostile until it was checked: strict
 * JSON, as many results as texts, each in its place, of one dimension, finite, no vector of
 * zeros.
 *
 * Errors  of answers: ERR_PEER with a sentence; the caller chooses the code for its kind.
 * Source  OpenAI's openapi.yaml, ollama docs/api.md, Cohere's v2 API reference.
 */
#ifndef RAGPOOL_WIRE_H
#define RAGPOOL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "buf.h"
#include "conf.h"
#include "embed_service.h"
#include "err.h"

/* What comes behind the url of the model. */
const char *wire_path(const struct conf_model *m);

/* ---- embeddings ---- */

/* The texts have their prefix already. */
void wire_embed_question(struct buf *b, const struct conf_model *m,
    const struct embed_text *texts, size_t count, bool is_query);
struct wire_vectors {
	float *at;		/* count x dim, owned: free() */
	uint32_t dim;
	uint64_t tokens;	/* as the endpoint counted, 0 if it did not */
};
/* dim: what it has to be, 0: anything that all have. */
int wire_embed_answer(struct wire_vectors *v, const struct conf_model *m, const char *bytes,
    size_t n, size_t count, uint32_t dim, struct err *e);

/* ---- rerank ---- */

void wire_rerank_question(struct buf *b, const struct conf_model *m, const char *query,
    const struct embed_text *texts, size_t count);
/* scores[count], in the order of the texts. */
int wire_rerank_answer(
    float *scores, size_t count, const char *bytes, size_t n, struct err *e);

/* ---- chat ---- */

struct wire_chat_question {
	struct json_object *messages;	/* [{"role", "content"}] */
	int64_t max_tokens;		/* 0: the endpoint's own */
	double temperature;		/* below 0: the endpoint's own */
};
void wire_chat_question(
    struct buf *b, const struct conf_model *m, const struct wire_chat_question *q);

/* A chat's answer as it arrives, in pieces of any size; a stream (SSE or JSON lines) or,
 * from an endpoint that does not stream, one object. */
struct wire_chat {
	bool is_ollama;
	bool is_whole;			/* one object, read at the end */
	bool is_done;			/* its end was seen */
	struct buf line;
	void (*piece)(void *context, const char *text, size_t n);
	void *context;
	uint64_t pieces;
	char finish[32];		/* "stop", "length", ... */
	uint64_t prompt_tokens, answer_tokens;
};
void wire_chat_init(struct wire_chat *w, const struct conf_model *m,
    void (*piece)(void *context, const char *text, size_t n), void *context);
void wire_chat_fini(struct wire_chat *w);
int wire_chat_add(struct wire_chat *w, const char *bytes, size_t n, struct err *e);
/* Nothing more comes: an answer without its end was cut. */
int wire_chat_end(struct wire_chat *w, struct err *e);

/* ---- refusals ---- */

/* The sentence in an endpoint's error, in any of the usual shapes; "" when there is none.
 * Control characters are left out. */
void wire_error_words(char *out, size_t size, const char *bytes, size_t n);

#endif
