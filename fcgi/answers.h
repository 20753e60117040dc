/* answers.h - an answer to a question, by a language model or without one.
 *
 *   hits -> prompt (prompt.h) -> gateway -> marks checked (cite.h) -> pieces of text
 *
 * The model is the one that the tenant's document names, else the pool's.  Whatever goes wrong
 * with it, there is an answer: the best passages (answer.h), with the reason in ->degraded.
 * When pieces have left already by then, they are void: sink.replace gets what stands in their
 * place.  A question that nothing in the knowledge base has to do with is answered so, and the
 * model is not asked.
 *
 * Time    answer_options.timeout_ms from when the request came, whatever the model does.
 * Peers   while a model is waited for, the worker is engaged (board.h), and a client that hangs
 *         up ends the wait and the model's work: at once where the web server hangs up with it
 *         (nginx, lighttpd, Caddy); with Apache, which looks at its client only when it has
 *         something for it, two sink.idle() later, and never when there is no sink.
 * Memory  texts and citations are arena.
 * Errors  ERR_PEER: the client is gone, nobody needs an answer.  ERR_NOMEM.
 */
#ifndef RAGPOOL_ANSWERS_H
#define RAGPOOL_ANSWERS_H

#include "api.h"
#include "cite.h"
#include "prompt.h"

/* Where the text goes as it is made; -1 with *e ends it all. */
struct answer_sink {
	int (*piece)(void *context, const char *text, size_t n, struct err *e);
	int (*replace)(void *context, const char *text, size_t n, struct err *e);
	int (*idle)(void *context, struct err *e);	/* nothing came for a while */
	void *context;
};

struct answer_request {
	const char *question;
	size_t question_len;
	const struct prompt_turn *turns;	/* what was said before, oldest first */
	size_t turn_count;
	int64_t max_tokens;		/* 0, or more than the pool allows: as the pool says */
	double temperature;		/* below 0: the model's own */
	bool without_model;
	const struct answer_sink *sink;	/* NULL: the whole at the end */
};

struct answer {
	const char *text;
	size_t len;
	bool is_generated;
	enum err_code degraded;		/* why not, where a model was to be asked; else ERR_NONE */
	char finish_reason[32];
	uint64_t prompt_tokens, completion_tokens;	/* as the endpoint counted, else estimated */
	const struct answer_mark *marks;
	size_t mark_count;
	const struct citation *citations;
	size_t citation_count;
};

int answer_make(struct api *api, const struct answer_request *q, struct reply *p,
    struct index *x, const struct query_result *r, struct arena *a, struct answer *out,
    struct err *e);

/* A model would be asked. */
bool answer_has_model(
    const struct api *api, const struct answer_request *q, const struct index *x);

/* [{"n", "document", "title", "source", "start", "end", "generation", "quote"}], with "page"
 * where there are pages. */
void answer_put_citations(struct buf *b, const struct answer *w, const char *generation);
/* {"prompt_tokens", "completion_tokens", "total_tokens"} */
void answer_put_usage(struct buf *b, const struct answer *w);

#endif
