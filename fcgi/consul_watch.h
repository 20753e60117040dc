/* consul_watch.h - what to ask Consul next and what its answer means, without system calls.
 *
 * Questions  TENANTS   /v1/kv/PREFIX?recurse, held by index and wait, or ?consistent
 *            SENTINEL  /v1/kv/<parent of PREFIX>sentinel?consistent: tells "no tenants"
 *                      from "not allowed to see them"
 *
 *   START -> SYNC (index 0, consistent) -> WATCHING (blocking) -> WATCHING ...
 *
 *   200, index above the last       the set is offered; index := new
 *   same content                    nothing is offered, whatever the index did
 *   index lower, missing, 0, text   index := 0, the next question is consistent
 *   404                             the set is empty but not trusted: nothing is removed
 *   tenants are gone                SENTINEL, then TENANTS consistent: a trusted reading;
 *                                   again CATALOG_CONFIRM_MS later, until none is gone
 *   SENTINEL not 200                readings are not trusted
 *   403                             DENIED: token read anew, retried 30 s ... 5 min
 *   429                             THROTTLED: as Retry-After says (1 s ... 5 min), else 30 s
 *   500, 503, no leader             LEADERLESS: backed off
 *   no connection, time-out, TLS    UNREACHABLE: backed off
 *   400, 413, other, bad JSON       CONFUSED: index := 0, backed off
 *   a bad value of one key          that tenant is refused, all others are offered
 *
 * Health     degraded from the first failure, or 404, until two good answers CONSUL_WELL_MS
 *            apart; after more than CONSUL_FLAPS_MAX such turns in an hour not before
 *            CONSUL_CALM_MS are over.  It is only told: what a good answer says is taken.
 * Back-off   decorrelated jitter from 250 ms to 30 s, without end.  Questions that follow
 *            each other at once are CONSUL_BURST at the most, then one every CONSUL_PACE_MS,
 *            and a millisecond for every CONSUL_BYTES_A_MS of the last answer: a large tree
 *            that changes all the time is not read all the time.
 * Memory     consul_set is the caller's: consul_set_fini().
 * Units      milliseconds of clk_ms().
 */
#ifndef RAGPOOL_CONSUL_WATCH_H
#define RAGPOOL_CONSUL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"
#include "hash.h"

enum { CONSUL_PACE_MS = 250, CONSUL_BURST = 4, CONSUL_BYTES_A_MS = 20000,
	 CONSUL_BACKOFF_MIN_MS = 250, CONSUL_BACKOFF_MAX_MS = 30000,
	CONSUL_DENIED_MIN_MS = 30000, CONSUL_DENIED_MAX_MS = 300000,
	CONSUL_WELL_MS = 5000, CONSUL_FLAPS_MAX = 6, CONSUL_FLAPS_MS = 3600000,
	CONSUL_CALM_MS = 600000 };

#define CONSUL_STATES(X) \
	X(CONSUL_START, "starting")		/* nothing was heard yet */ \
	X(CONSUL_WATCHING, "watching")		/* the last answer was good */ \
	X(CONSUL_EMPTY, "empty")		/* 404: no tenants, or they are hidden */ \
	X(CONSUL_DENIED, "denied") \
	X(CONSUL_THROTTLED, "throttled") \
	X(CONSUL_LEADERLESS, "leaderless") \
	X(CONSUL_UNREACHABLE, "unreachable") \
	X(CONSUL_CONFUSED, "confused")		/* an answer that is not Consul's */
enum consul_state {
#define X(symbol, name) symbol,
	CONSUL_STATES(X)
#undef X
	    CONSUL_STATE_MAX
};

#define CONSUL_SENTINELS(X) \
	X(SENTINEL_UNKNOWN, "not read")	\
	X(SENTINEL_THERE, "there") \
	X(SENTINEL_ABSENT, "absent") \
	X(SENTINEL_DENIED, "denied")
enum consul_sentinel {
#define X(symbol, name) symbol,
	CONSUL_SENTINELS(X)
#undef X
	    SENTINEL_MAX
};

/* For status and metrics. */
struct consul_status {
	enum consul_state state;
	enum consul_sentinel sentinel;
	struct err trouble;		/* ERR_NONE while WATCHING */
	uint64_t index;			/* of the last good answer; 0: none, or reset */
	int64_t heard_ms;		/* of the last good answer; 0: never */
	int64_t since_ms;		/* of the last change of state */
	uint64_t questions, failures, resets;
	size_t keys;			/* tenants' documents in the last good answer */
	size_t bad_keys;		/* keys under the prefix that belong to no tenant */
	size_t gone;			/* tenants that vanished and are kept */
	bool is_degraded;		/* failed, and not yet well for long enough */
	int64_t degraded_ms;		/* since when */
	unsigned flaps;			/* how often within the last hour */
};

enum consul_question_kind { ASK_TENANTS, ASK_SENTINEL };

struct consul_question {
	enum consul_question_kind kind;
	bool consistent;
	uint64_t index;			/* 0: do not block */
	int64_t wait_ms;		/* with index */
	bool new_token;			/* read the token file anew before asking */
};

/* What came back.  Text members are borrowed and may be NULL. */
struct consul_answer {
	bool arrived;			/* false: no complete HTTP answer; `trouble` tells why */
	const char *trouble;
	int status;
	const char *index;		/* X-Consul-Index */
	const char *known_leader;	/* X-Consul-KnownLeader */
	const char *retry_after;	/* Retry-After */
	const char *body;
	size_t body_bytes;
};

struct consul_item {
	char tenant[TENANT_NAME_BYTES + 1];
	char *document;			/* owned, NUL-terminated; NULL: refused, `why` tells */
	size_t document_bytes;
	uint64_t revision;		/* ModifyIndex */
	struct err why;
};

/* One complete reading.  Pointers and pins are the values of PREFIX{tenant}/generation and
 * PREFIX{tenant}/pin: see consul_pointer.h; gones those of PREFIX{tenant}/gone: consul_gone.h. */
struct consul_set {
	struct consul_item *items;	/* owned, sorted by tenant, as all four */
	size_t count;
	struct consul_item *pointers;
	size_t pointer_count;
	struct consul_item *pins;
	size_t pin_count;
	struct consul_item *gones;
	size_t gone_count;
	bool trusted;			/* what is not in it may be counted as deleted */
};

struct consul_watch {
	struct consul_status status;
	char prefix[257];
	int64_t wait_ms;
	uint64_t random;		/* state of the jitter */
	bool asking;			/* an answer is awaited */
	struct consul_question question;	/* the last or the next one */
	int64_t due_ms;			/* when to ask */
	int64_t backoff_ms;		/* the last delay; 0 after a good answer */
	int64_t pace_ms;		/* between questions, by the size of the last answer */
	int64_t rate_ms;		/* when the bucket of questions will be full again */
	bool block;			/* the next TENANTS may wait for the index to rise */
	bool new_token;
	bool verifying;			/* the sentinel was there, the trusted reading follows */
	bool trusted;			/* the set that was answered last is trusted */
	int64_t verify_ms;		/* when to ask the sentinel; 0: no need */
	int64_t well_ms;		/* of the first good answer since it failed; 0: none */
	int64_t calm_ms;		/* flapping: not well before */
	int64_t failed_ms[CONSUL_FLAPS_MAX + 1];	/* when it became degraded, a ring */
	unsigned failed_at;
	uint8_t content[SHA256_BYTES];	/* of the last set that was offered */
	bool has_content;
};

/* The prefix ends in a slash; seed is any number. */
void consul_watch_init(struct consul_watch *w, const char *prefix, int64_t wait_ms,
    uint64_t seed, int64_t now_ms);
/* True when a question is to be asked now: it is in *out, and its answer is awaited. */
bool consul_watch_next(struct consul_watch *w, int64_t now_ms, struct consul_question *out);
/* Milliseconds until consul_watch_next() answers true; -1 while an answer is awaited. */
int64_t consul_watch_timeout(const struct consul_watch *w, int64_t now_ms);
/* Takes the answer.  1: *set is to be offered, then consul_watch_applied() called.
 * 0: nothing to offer.  *set is always made. */
int consul_watch_answer(struct consul_watch *w, const struct consul_answer *a,
    struct consul_set *set, int64_t now_ms);
/* `gone` is what catalog_end() answered; `complete` is false when a document could not be
 * taken in, so that the same set is offered again. */
void consul_watch_applied(
    struct consul_watch *w, size_t gone, bool complete, int64_t now_ms);
/* Forgets the back-off, unless throttled. */
void consul_watch_poke(struct consul_watch *w, int64_t now_ms);
void consul_set_fini(struct consul_set *s);
/* "rag/tenants/" -> "rag/sentinel"; into out[size]. */
void consul_sentinel_key(const char *prefix, char *out, size_t size);
const char *consul_state_name(enum consul_state state);
const char *consul_sentinel_name(enum consul_sentinel sentinel);

#endif
