/* fleet.h - what the hosts of a fleet agree on about each tenant, without system calls.
 *
 * The key PREFIX{tenant}/generation says what is live.  A host that made a generation offers
 * it to the key by check-and-set and serves it when the key has taken it; every other host
 * sees the key, gets the generation and serves it too.
 *
 *   key newer than what was taken    its generation is here -> TAKE
 *                                    it can be fetched -> FETCH, then TAKE
 *                                    our own build of the same document -> TAKE_OWN, ADOPT
 *                                    its document is ours -> BUILD (the scheduler's work)
 *                                    else WAIT
 *   we made one                      PUBLISH to the store if there is one, WRITE the key;
 *                                    ALONE when the key may not be written
 *   the key names ours, no store     it is published when the store is back, and the key says so
 *   key older than what was taken    nothing: Consul was restored to the past
 *   no key                           what is live is offered
 *
 * Rules   What is decided is decided on one reading of Consul, documents and pointers
 *         together, and written only if the key is still the one of that reading.
 *         A host with nothing to serve does not wait for Consul: SERVE.
 *         Of two generations that were made, the one of the document in force is offered.
 * Memory  the table is owned: fleet_fini().  What fleet_find() answers is borrowed until a
 *         tenant is added or removed.
 * Units   milliseconds of clk_ms().
 */
#ifndef RAGPOOL_FLEET_H
#define RAGPOOL_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "consul_pointer.h"
#include "err.h"

enum { FLEET_PUBLISH_TRIES = 2, FLEET_RETRY_MIN_MS = 1000, FLEET_RETRY_MAX_MS = 60000 };

#define FLEET_STEPS(X) \
	X(FLEET_REST, "rest")		/* all is said and done */ \
	X(FLEET_TAKE, "take")		/* the key's generation is here: it goes live */ \
	X(FLEET_TAKE_OWN, "take own")	/* ours, of the same document as the key's */ \
	X(FLEET_ADOPT, "adopt")		/* what is live will do: only note the key */ \
	X(FLEET_FETCH, "fetch") \
	X(FLEET_BUILD, "build")		/* it is made here, from the same document */ \
	X(FLEET_PUBLISH, "publish") \
	X(FLEET_WRITE, "write") \
	X(FLEET_ALONE, "alone")		/* ours goes live, and the key stays as it is */ \
	X(FLEET_SERVE, "serve")		/* ours goes live, and is offered later */ \
	X(FLEET_OFFER, "offer")		/* what is live is offered to the key */ \
	X(FLEET_WAIT, "wait")
enum fleet_step {
#define X(symbol, name) symbol,
	FLEET_STEPS(X)
#undef X
	    FLEET_STEP_MAX
};

struct fleet_tenant {
	char name[TENANT_NAME_BYTES + 1];
	struct consul_pointer key;	/* of the last reading; generation "" without one */
	struct err bad;			/* why its value is unusable */
	struct consul_pointer taken;	/* the newest that was followed or written */
	char pin[GENERATION_NAME_BYTES];	/* of the key; "" without one */
	struct err bad_pin;
	char own[GENERATION_NAME_BYTES];	/* made here, to be offered; "" for none */
	char own_version[VERSION_BYTES + 1];
	char withdrawn[VERSION_BYTES + 1];	/* what it is to replace was rolled back */
	bool is_published;
	unsigned publish_tries;
	bool is_listed;			/* its document was in the last reading */
	bool is_busy;			/* a child or a request is under way for it */
	bool was_fetched_in_vain;	/* the key's generation cannot be had */
	int64_t retry_ms;		/* rests until then; 0: does not */
	int64_t backoff_ms;
	uint64_t told;			/* of what its status key says; 0: nothing yet */
	int64_t written_ms;		/* of our own last write; 0: none */
	char waits[256];		/* what it waits for, "" when it does not */
};

struct fleet {
	struct fleet_tenant **at;	/* sorted by name */
	size_t count, room;
};

/* What the decision depends on besides the tenant's record.  Texts are borrowed, "" for
 * none. */
struct fleet_view {
	bool is_reachable;		/* the last answer of Consul was good */
	bool may_write;
	bool has_store;			/* an object store between the hosts */
	const char *wanted;		/* version of the document in force */
	const char *live;		/* generation the pointer on disk names */
	const char *live_version;
	const char *host;		/* what this host is called in keys */
	const char *here;		/* the key's generation as it is called on this host */
	bool is_away;			/* of that only the manifest is here, and the tenant serves
					 * another: it comes back first */
	int64_t now_ms;
};

enum fleet_step fleet_decide(const struct fleet_tenant *t, const struct fleet_view *v);
/* The key of a new reading, or none; what failed for the one before counts no more.  What
 * was ours and stood in the one before, and does not in this, has had its time. */
void fleet_take_key(struct fleet_tenant *t, const struct consul_pointer *key,
    const struct err *bad);
/* This host made a generation, or goes back to one (then `withdrawn` is the version that
 * is taken back, else ""). */
void fleet_offer(struct fleet_tenant *t, const char *generation, const char *version,
    const char *withdrawn);
/* What is to be offered stands in the key already, and only its publication is awaited. */
bool fleet_own_is_in_key(const struct fleet_tenant *t);
/* The key is followed now, or what is live will do for it. */
void fleet_took_key(struct fleet_tenant *t);
void fleet_forget_own(struct fleet_tenant *t);
/* What is to be written for ->own. */
void fleet_next_pointer(const struct fleet_tenant *t, const char *manifest, const char *where,
    const char *host, struct consul_pointer *out);
/* The key names a generation of this version that is on its way here, or we have made one
 * that is on its way to the key: none need be built. */
bool fleet_covers(const struct fleet_tenant *t, const char *version, bool has_store);
/* The fleet went back from this version, whose document has this ModifyIndex: it is not
 * built before the document changes. */
bool fleet_holds_back(const struct fleet_tenant *t, const char *version, uint64_t revision);
/* Rests for a while, longer each time. */
void fleet_back_off(struct fleet_tenant *t, int64_t now_ms);

void fleet_fini(struct fleet *f);
struct fleet_tenant *fleet_find(const struct fleet *f, const char *name);
/* Finds it or adds an empty one; NULL without memory. */
struct fleet_tenant *fleet_have(struct fleet *f, const char *name);
void fleet_remove(struct fleet *f, const char *name);
const char *fleet_step_name(enum fleet_step step);

#endif
