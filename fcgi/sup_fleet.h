/* sup_fleet.h - what the files of the fleet share: sup_fleet.c has the session and the
 * locks, sup_pointer.c the keys that say what is live, sup_service.c what others are told.
 */
#ifndef RAGPOOL_SUP_FLEET_H
#define RAGPOOL_SUP_FLEET_H

#include "base64.h"
#include "consul_call.h"
#include "consul_lock.h"
#include "fleet.h"
#include "sup.h"

enum {
	FLEET_ALONE_MS = 5000,		/* a lock nobody can be asked for is done without */
	FLEET_LOST_MS = 60000,		/* and a lost one, in the middle of a roll */
	FLEET_DENIED_MS = 300000,	/* until a right that was refused is tried again */
	FLEET_HOST_BYTES = 64,
	STATUS_EVERY_MS = 10000,	/* keys that say what this host serves, all together */
	CHECK_EVERY_MS = 10000,		/* a third of the check's TTL */
};

struct fleet_lock {
	struct consul_lock lock;
	char tenant[TENANT_NAME_BYTES + 1];	/* "": a free place, or the roll's */
	char holder[FLEET_HOST_BYTES];	/* who has it instead, "" unknown */
	bool is_checking, is_checked;	/* the pointer, after it was granted */
	bool is_finished;		/* to be dropped when the key is written */
	unsigned place, tried;		/* of the roll's: which of the k, how many were tried */
	int64_t lost_ms;
	int64_t warned_ms;		/* of the roll's: how long it had waited then */
};

struct transfer {
	struct child child;
	char tenant[TENANT_NAME_BYTES + 1];
	char generation[GENERATION_NAME_BYTES];
	bool is_fetch;
};

struct service {
	char id[2 * FLEET_HOST_BYTES + 2];
	bool is_registered, is_asking;
	int64_t due_ms, look_ms;
	char said[300];			/* status and output that were told last */
};

struct status_keys {
	bool is_writing;
	int64_t due_ms;
	size_t next;			/* tenant of the catalog to look at */
};

struct sup_fleet {
	struct consul_calls *calls;
	char host[FLEET_HOST_BYTES];
	char locks[300];		/* prefix of the locks' keys */

	struct consul_session session;
	struct fleet_lock builds[BUILDS_MAX];
	struct fleet_lock roll;
	int64_t locks_denied_ms;	/* none is asked for until then */

	struct fleet tenants;
	struct transfer transfers[TRANSFERS_MAX];	/* child.pid 0: a free place */
	bool is_dirty;			/* something may have to be decided */
	int64_t due_ms;			/* or by then */
	char writing[TENANT_NAME_BYTES + 1];	/* whose key is being written, "" none */
	struct consul_pointer written;	/* with that */
	bool is_fenced;
	int64_t writes_denied_ms;
	int64_t gone_denied_ms;		/* stale keys of what is gone are left until then */

	struct service service;
	struct status_keys keys;
	struct err trouble;		/* the last that a person should know of */
};

/* True when Consul answered well the last time. */
bool fleet_is_reachable(const struct sup *s);
/* A request whose answer goes to `done` with the supervisor as its context. */
int fleet_call(struct sup *s, const char *method, const char *path, const char *query,
    const char *body, consul_done *done, uint64_t ticket);
/* A `done` for what needs no answer. */
void fleet_ignore_reply(
    void *context, uint64_t ticket, const struct consul_reply *reply, int64_t now_ms);
/* The session that holds the tenant's build lock; "" without one. */
const char *fleet_build_session(const struct sup *s, const char *tenant);
/* The build lock was taken from us, as a transaction showed. */
void fleet_build_lock_is_lost(struct sup *s, const char *tenant);
/* The server does not believe in the session any more. */
void fleet_session_is_gone(struct sup *s);

/* sup_pointer.c */
void fleet_pointers_open(struct sup *s);
void fleet_pointers_turn(struct sup *s);
int64_t fleet_pointers_due(const struct sup *s);
/* The pointer as it was read under the build lock. */
void fleet_pointer_seen(struct sup *s, const char *tenant, const struct consul_pointer *key);

/* sup_pointer_file.c: the newest pointer that was followed, across a restart */
void fleet_keep_pointer(const struct sup *s, const struct fleet_tenant *t);
void fleet_load_pointer(const struct sup *s, struct fleet_tenant *t);

/* sup_gone.c: keys that say that tenants were deleted by clients */
void fleet_take_gone(struct sup *s, const struct consul_set *set);

/* sup_transfer.c: the tenant is busy until it has ended, or rests for a while */
void fleet_transfer(struct sup *s, struct fleet_tenant *t, bool is_fetch);
void fleet_transfers_turn(struct sup *s);

/* sup_service.c */
void fleet_service_open(struct sup *s);
void fleet_service_turn(struct sup *s);
/* Warns of a roll that waits for its place among the hosts for too long. */
void fleet_wait_turn(struct sup *s);
void fleet_service_close(struct sup *s);
int64_t fleet_service_due(const struct sup *s);

#endif
