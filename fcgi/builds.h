/* builds.h - which tenant is built when, as a table without system calls.
 *
 * Rules   one build per tenant, `at_once` in all, first come first served.
 *         What counts is the document: its version, and a digest of its bytes.  The
 *         newest one wins: a document that changes while its tenant is built lets the
 *         build finish (its result goes live, so a document that changes all the time
 *         cannot keep its tenant old for ever) and queues another.
 *         Documents that wait in the tenant's inbox are work: they are built a moment after
 *         the first came (builds_work()), also when the live generation is of the document's
 *         version.  A tenant has one place in the queue however much it sends, and goes to
 *         its end with each wish: that is its fair share.
 *         A failed build is not tried again until the document changes, more work comes or an
 *         operator asks; nothing else depends on it.  When it failed for want of something
 *         that others held, it is tried again by builds_retry_busy(); when it died, stalled or
 *         a disk was full, by the clock (builds_retry_later()), longer and longer after.
 * Memory  the table is owned: builds_fini().  What the finders answer is borrowed until
 *         the next call that takes `struct builds *`.
 * Cost    O(log n) to find, O(n) to choose the next one.
 */
#ifndef RAGPOOL_BUILDS_H
#define RAGPOOL_BUILDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "build.h"
#include "err.h"

enum { BUILD_DIGEST_BYTES = 65, BUILD_REASON_BYTES = ERR_TEXT_BYTES, BUILD_TRIES_MAX = 8,
	BUILD_BACKOFF_MS = 1000, BUILD_BACKOFF_MAX_MS = 60000 };

#define BUILD_STATES(X) \
	X(BUILD_CURRENT, "current")	/* nothing to do */ \
	X(BUILD_QUEUED, "queued") \
	X(BUILD_RUNNING, "running") \
	X(BUILD_STALE, "stale")		/* running, but a newer document waits */ \
	X(BUILD_LEAVING, "leaving")	/* running for a tenant that is gone */ \
	X(BUILD_FAILED, "failed")
enum build_state {
#define X(symbol, name) symbol,
	BUILD_STATES(X)
#undef X
	    BUILD_STATE_MAX
};

#define BUILD_EVENTS(X) \
	X(BUILD_EV_HAVE, "have")	/* the live generation is of the document's version */ \
	X(BUILD_EV_SAME, "same")	/* the document as it was, and not live */ \
	X(BUILD_EV_NEW, "new")		/* another document */ \
	X(BUILD_EV_RETRY, "retry")	/* an operator asks */ \
	X(BUILD_EV_START, "start") \
	X(BUILD_EV_DONE, "done") \
	X(BUILD_EV_FAIL, "fail") \
	X(BUILD_EV_GONE, "gone")	/* the tenant is not wanted any more */ \
	X(BUILD_EV_WORK, "work")	/* its inbox has something */ \
	X(BUILD_EV_CANCEL, "cancel")	/* an operator does not want the one that waits */
enum build_event {
#define X(symbol, name) symbol,
	BUILD_EVENTS(X)
#undef X
	    BUILD_EV_MAX
};

struct build_job {
	char tenant[TENANT_NAME_BYTES + 1];
	char version[VERSION_BYTES + 1];	/* of the newest document */
	char digest[BUILD_DIGEST_BYTES];	/* of its bytes */
	char building[VERSION_BYTES + 1];	/* what the running build took up */
	char reason[BUILD_REASON_BYTES];	/* of the last failure; "" after a success */
	enum build_state state;
	bool is_busy;				/* FAILED, but only for the moment */
	bool is_accepted;			/* asked for by one who accepts what was refused */
	uint64_t turn;				/* place in the queue */
	int64_t due_ms;				/* QUEUED, but not before; 0: at once */
	int64_t retry_ms;			/* FAILED, tried again then; 0: not by itself */
	unsigned failures;			/* one after the other */
	bool has_work;				/* the inbox holds what no build has taken up */
	bool takes_work;			/* the running build does */
	bool has_open;				/* the ledger has jobs that are not at their end */
	uint64_t removals;			/* asked for, in the last generation that was built */
	char set_aside[BUILD_ASIDE_BYTES];	/* the damaged source.db a build found; "": none */
	char settled[GENERATION_NAME_BYTES];	/* the ledger was told that this one is live */
};

struct builds {
	struct build_job *jobs;		/* sorted by tenant */
	size_t count, room;
	unsigned running, at_once;
	size_t queued;
	uint64_t turns;
	int64_t now_ms;			/* as builds_tick() said */
};

/* The bare table: the state after the event; BUILD_STATE_MAX: the job is dropped. */
enum build_state build_next_state(enum build_state state, enum build_event event);

void builds_init(struct builds *b, unsigned at_once);
void builds_fini(struct builds *b);
/* The tenant's newest document; `have` says that its live generation carries that
 * version already.  ERR_NOMEM only. */
int builds_want(struct builds *b, const char *tenant, const char *version, const char *digest,
    bool have, struct err *e);
/* The tenant is gone; true when its build is running and is to be ended. */
bool builds_forget(struct builds *b, const char *tenant);
/* Who is to be started now; NULL: nobody, or no room. */
const struct build_job *builds_next(const struct builds *b);
void builds_started(struct builds *b, const char *tenant);
/* A running build has ended; a tenant that is gone is forgotten now. */
void builds_done(struct builds *b, const char *tenant);
void builds_failed(struct builds *b, const char *tenant, const char *reason, bool is_busy);
/* False when there is nothing to try: unknown tenant, or a build waits or runs.  is_accepted
 * holds until that build has ended. */
bool builds_retry(struct builds *b, const char *tenant, bool is_accepted);
/* Queues those that failed for the moment; answers how many. */
size_t builds_retry_busy(struct builds *b);
/* Moves the clock, and queues what is to be tried again by now; answers how many. */
size_t builds_tick(struct builds *b, int64_t now_ms);
/* When the clock matters next; INT64_MAX: it does not. */
int64_t builds_due(const struct builds *b);
/* The tenant's inbox has something, to be built not before due_ms; a first wish is not put
 * off by those that follow it.  Unknown tenants are passed over. */
void builds_work(struct builds *b, const char *tenant, int64_t due_ms);
/* After builds_failed(), for a failure that may pass: tried again by the clock.  is_limited: unless
 * it was the BUILD_TRIES_MAX-th; false then.  Without: for as long as it takes, because it is
 * neither the data's nor the program's fault: a full disk. */
bool builds_retry_later(struct builds *b, const char *tenant, int64_t now_ms, bool is_limited);
/* The ledger has jobs of the tenant that are not at their end; a build has brought some. */
void builds_note_open(struct builds *b, const char *tenant, bool is_open);
/* Those of this generation, and before, are. */
void builds_settled(struct builds *b, const char *tenant, const char *generation, bool is_open);
void builds_note_aside(struct builds *b, const char *tenant, const char *name);
void builds_note_removals(struct builds *b, const char *tenant, uint64_t removals);
/* The one that waits is not wanted; false when none does. */
bool builds_cancel(struct builds *b, const char *tenant, const char *reason);
/* Doubling from BUILD_BACKOFF_MS. */
int64_t builds_backoff_ms(unsigned failures);
const struct build_job *builds_find(const struct builds *b, const char *tenant);
const char *build_state_name(enum build_state state);

#endif
