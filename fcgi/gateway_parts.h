/* gateway_parts.h - what the files of gateway.h share; nobody else includes it. */
#ifndef RAGPOOL_GATEWAY_PARTS_H
#define RAGPOOL_GATEWAY_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <curl/curl.h>

#include "breaker.h"
#include "buf.h"
#include "conf.h"
#include "embed_service.h"
#include "err.h"
#include "gateway_cache.h"
#include "gateway_frame.h"
#include "wire.h"

enum {
	PEERS_MAX = 1024,
	PEER_IN_MAX = FRAME_HEAD_BYTES + FRAME_JSON_MAX + FRAME_BODY_MAX,
	PEER_OUT_MAX = 64 << 20,
	PEER_OUT_FULL = 1 << 20,	/* more waiting to be written: its streams pause */
	RETRY_BASE_MS = 200,
	RETRY_MAX_MS = 5000,
	RETRY_PROBED_MS = 50,		/* somebody else asks whether the endpoint is back */
};

struct gateway;
struct call;

/* ---- a model, and the endpoint behind it ---- */

struct text;

struct texts {			/* in the order they came */
	struct text *first, **last;
	size_t count, tokens;
};

struct upstream {
	const struct conf_model *conf;	/* borrowed */
	struct upstream *failover[CONF_FAILOVER_MAX];
	size_t failovers;
	struct breaker breaker;
	struct curl_slist *headers;	/* the key is in them */
	char *key;
	char *url;
	uint32_t identity;
	uint32_t dim;			/* learned from the first answer if not configured */
	struct gateway_cache cache;
	struct texts queries, documents;	/* waiting */
	unsigned running, running_documents;	/* calls for this model */
	struct {
		uint64_t requests, texts, cached, merged, batches, sent, failed, refused, retries,
		    failovers, tokens;
	} count;
};

/* ---- calls ---- */

enum call_end { CALL_ANSWERED, CALL_REFUSED, CALL_FAILED };

/* What one kind of call does; `owner` is its own. */
struct call_kind {
	/* The question in the words of the endpoint that is tried now. */
	void (*ask)(void *owner, const struct upstream *u, struct buf *body);
	/* The endpoint's whole answer; -1 with ERR_PEER when it cannot be believed. */
	int (*answer)(void *owner, const struct upstream *u, const char *bytes, size_t n,
	    struct err *e);
	/* As it arrives, for streams; NULL: it is collected. */
	int (*piece)(void *owner, const struct upstream *u, const char *bytes, size_t n,
	    struct err *e);
	/* A try begins; whatever the one before left is to be forgotten.  May be NULL. */
	void (*begin)(void *owner, const struct upstream *u);
	/* Whether another try may still be made: nothing was passed on yet.  NULL: yes. */
	bool (*may_retry)(void *owner);
	/* Whether the reader is too far behind.  NULL: never. */
	bool (*is_full)(void *owner);
	/* It is over; the call is gone when this returns. */
	void (*end)(void *owner, struct call *call, enum call_end how, const struct err *e);
};

struct call {
	struct call *next;
	struct gateway *g;
	const struct call_kind *kind;
	void *owner;
	struct upstream *model;		/* that was asked for */
	struct upstream *now;		/* that is tried */
	size_t place;			/* of it: 0 the model, then its failovers */
	unsigned round;
	bool is_patient;		/* waits for a breaker rather than fail at once */
	bool is_probe;			/* admitted by the breaker, and not ended yet */
	bool is_transient;		/* something in this round may pass */
	bool has_tried;
	bool is_paused;
	int64_t due_ms;
	int64_t retry_ms;		/* 0: a try is under way */
	int64_t asked_pause_ms;		/* by Retry-After */
	CURL *easy;
	struct buf body, answer;
	char reason[CURL_ERROR_SIZE];
	struct err last;		/* why the try before failed */
	struct err broke;		/* why piece() ended this one */
};

int call_start(struct gateway *g, struct upstream *model, const struct call_kind *kind,
    void *owner, int64_t due_ms, bool is_patient, struct err *e);
/* Nobody wants it any more: end() is not called. */
void call_cancel(struct call *c);
void call_on_done(struct gateway *g, const CURLMsg *message);
/* Tries that are due again; streams whose reader has caught up. */
void calls_turn(struct gateway *g);
int64_t calls_due(const struct gateway *g);

/* gateway_http.c */
int http_prepare(struct call *c, struct err *e);
int upstream_open(struct upstream *u, struct err *e);
void upstream_close(struct upstream *u);

/* The code for the kind of model. */
enum err_code model_timeout(const struct upstream *u);
enum err_code model_bad_answer(const struct upstream *u);
enum err_code model_unavailable(const struct upstream *u);

/* ---- peers ---- */

struct peer {
	int fd;				/* -1: a free place */
	uint64_t serial;		/* no two peers have the same */
	struct buf in, out;
	size_t sent;
	unsigned questions;		/* not answered yet */
	size_t at;			/* in gateway.fds, 0: not in it */
	size_t taken;			/* of `in` */
	bool is_over;			/* nothing more is to be read */
};

/* Adds what they wait for to g->fds. */
void peers_fds(struct gateway *g);
/* Reads, handles and writes what there is. */
void peers_turn(struct gateway *g);
void peers_close(struct gateway *g);
/* Both take back one question. */
void peer_answer(struct peer *p, uint32_t id, const char *json, size_t json_bytes,
    const void *body, size_t body_bytes);
void peer_refuse(struct gateway *g, struct peer *p, uint32_t id, const struct upstream *u,
    const struct err *e);
void peer_delta(struct peer *p, uint32_t id, const char *text, size_t n);

/* ---- what peers ask ---- */

/* NULL with ERR_MODEL_UNKNOWN; identity 0: any.  A model of that identity under another
 * name does as well. */
struct upstream *gateway_model(struct gateway *g, const char *name, uint32_t identity,
    enum conf_model_kind kind, struct err *e);

int embed_ask(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e);
void embed_turn(struct gateway *g);
int64_t embed_due(const struct gateway *g);
void embed_forget(struct gateway *g, const struct peer *p);
void embed_close(struct gateway *g);

int talk_chat(struct gateway *g, struct peer *p, const struct frame *f, struct json_object *o,
    struct err *e);
int talk_rerank(struct gateway *g, struct peer *p, const struct frame *f,
    struct json_object *o, struct err *e);
void talk_forget(struct gateway *g, const struct peer *p);

void gateway_status_put(const struct gateway *g, struct buf *b);

/* ---- the process ---- */

struct request;
struct batch;
struct talk;

struct gateway {
	const struct conf *conf;
	int listen_fd, signal_fd;
	CURLM *multi;
	int64_t now_ms;
	bool is_stopping;
	struct upstream *models;	/* conf->model_count */
	struct call *calls;
	struct peer peers[PEERS_MAX];
	size_t peer_count;		/* one past the highest in use */
	struct curl_waitfd fds[PEERS_MAX + 2];
	size_t fd_count;
	uint64_t serials;
	struct request *requests;	/* gateway_embed.c, as are batches */
	struct batch *batches;
	struct talk *talks;		/* gateway_talk.c */
	uint64_t random;
};

/* 0 <= it < n */
uint64_t gateway_random(struct gateway *g, uint64_t n);

#endif
