/* ledger.h - what became of a tenant's accepted writes: its jobs, and its pushed documents.
 *
 *   DATA/tenants/<tenant>/ledger.db
 *
 *   job(id, key, content, accepted, taken, ended, state, build, documents, removed, bytes,
 *       generation, reason, rejected)     one an inbox entry; times in ms since 1970
 *   item(job, n, op, key)                 what it said of which document
 *   document(key, file, name, title, type, bytes, taken, job)     what is pushed now
 *   refused(key, why)                     of these, what the last build got no text from
 *   made(generation, build)               what the last builds made: all that was taken in by
 *                                         then is in it, also of jobs of a generation before it
 *                                         that never went live
 *
 * A job      queued      its entry waits in the inbox (there is no row yet)
 *            building    taken in; a build makes a generation with it, or will be retried
 *            gated       in a sealed generation that is not yet on every worker
 *            live        every worker serves it
 *            failed      the reason says why (one that waits still can be, when nothing will
 *                        build it by itself); but for a rejected one its documents are kept,
 *                        and the next build that succeeds brings them all the same
 *
 * The build of the tenant writes what it took in and made (under the tenant's lock), the
 * supervisor what went live or failed; workers read.  Short transactions, rollback journal.
 * Rows of jobs that ended go when LEDGER_JOBS_MAX newer ones are there.
 *
 * Errors  as db.h.  Reading without a file answers nothing, it is no error.
 */
#ifndef RAGPOOL_LEDGER_H
#define RAGPOOL_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"
#include "inbox.h"

enum { LEDGER_JOBS_MAX = 10000, LEDGER_REASON_BYTES = 512, LEDGER_FILE_BYTES = 25 };

#define JOB_STATES(X) \
	X(JOB_QUEUED, "queued") \
	X(JOB_BUILDING, "building") \
	X(JOB_GATED, "gated") \
	X(JOB_LIVE, "live") \
	X(JOB_FAILED, "failed")
enum job_state {
#define X(symbol, name) symbol,
	JOB_STATES(X)
#undef X
	    JOB_STATE_MAX
};

struct ledger_job {
	char id[INBOX_ID_BYTES];
	enum job_state state;
	int64_t accepted_ms, taken_ms, ended_ms;	/* 0: not yet */
	uint64_t documents, removed, bytes;
	uint64_t refused;		/* of its documents, by the last build */
	char generation[GENERATION_NAME_BYTES];	/* "" until there is one */
	char reason[LEDGER_REASON_BYTES];
};

struct ledger_document {
	const char *key, *name, *title, *type;	/* borrowed for the call; "" for none */
	const char *file;			/* LEDGER_FILE_BYTES - 1 hex digits */
	const char *job;
	const char *why;			/* refused by the last build; "": not */
	uint64_t bytes;
	int64_t taken_ms;
	/* of its job; as it is when that has been pruned: live, 0, "" */
	enum job_state state;
	int64_t accepted_ms;
	const char *reason;
};

struct ledger;

const char *job_state_name(enum job_state state);
/* JOB_STATE_MAX when it is none. */
enum job_state job_state_of(const char *name);
/* What names a document where a name has no slashes: the first 24 hex digits of the key's
 * SHA-256; of a key "file-<24 hex digits>/..." these, as that is an uploaded file's. */
void ledger_file_of(const char *key, char out[LEDGER_FILE_BYTES]);

/* ---- the build ---- */

bool ledger_is_there(const char *data_dir, const char *tenant);
int ledger_open(struct ledger **out, const char *data_dir, const char *tenant, struct err *e);
void ledger_close(struct ledger *l);
/* Everything from here to ledger_commit() is one transaction. */
int ledger_begin(struct ledger *l, struct err *e);
int ledger_commit(struct ledger *l, struct err *e);
void ledger_rollback(struct ledger *l);
/* A build begins: its number; what former ones left unfinished is its work, too. */
int ledger_begin_build(struct ledger *l, uint64_t *build, size_t *open, struct err *e);
int ledger_add_job(struct ledger *l, const struct inbox_name *name, uint64_t build,
    int64_t accepted_ms, struct err *e);
/* *was_there, of a removal: it was found where documents lie; set when it was known here. */
int ledger_add_item(struct ledger *l, const char *job, const struct inbox_item *item,
    bool *was_there, struct err *e);
/* The entry cannot be taken in; replaces what ledger_add_job() said. */
int ledger_reject(
    struct ledger *l, const struct inbox_name *name, const char *why, struct err *e);
/* Documents that were removed on request since the last build that succeeded, and ever. */
int ledger_removed(struct ledger *l, uint64_t *since, uint64_t *ever, struct err *e);
/* The build has sealed this generation. */
int ledger_built(struct ledger *l, uint64_t build, const char *generation, struct err *e);
int ledger_clear_refused(struct ledger *l, struct err *e);
/* Of documents that are not pushed nothing is kept. */
int ledger_add_refused(struct ledger *l, const char *key, const char *why, struct err *e);

/* ---- the supervisor; each opens, writes and closes, and does nothing without a ledger ---- */

/* Every worker serves the generation.  *open: jobs that are not at their end. */
int ledger_settle(const char *data_dir, const char *tenant, const char *generation,
    size_t *open, struct err *e);
/* is_final: they have failed, else they are retried.  generation "": those being built. */
int ledger_fail(const char *data_dir, const char *tenant, const char *generation,
    const char *reason, bool is_final, struct err *e);
/* What waits in the inbox and will not be taken in by itself: its jobs have failed for this reason
 * until a build takes them in after all.  Makes the ledger if there is none. */
int ledger_fail_waiting(
    const char *data_dir, const char *tenant, const char *reason, struct err *e);
int ledger_count_open(const char *data_dir, const char *tenant, size_t *open, struct err *e);

/* ---- reading ---- */

/* *out NULL: the tenant has none. */
int ledger_open_read(
    struct ledger **out, const char *data_dir, const char *tenant, struct err *e);
/* 1 found, 0 not. */
int ledger_find_job(struct ledger *l, const char *id, struct ledger_job *out, struct err *e);
/* Newest first, those before `before` ("": all); state JOB_STATE_MAX: any.  A non-zero answer
 * of each ends it. */
int ledger_each_job(struct ledger *l, const char *before, enum job_state state,
    int (*each)(void *context, const struct ledger_job *job, struct err *e), void *context,
    struct err *e);
/* What a job said, in order; why "": indexed or not known yet. */
int ledger_each_item(struct ledger *l, const char *job,
    int (*each)(void *context, enum inbox_op op, const char *key, const char *why,
	struct err *e),
    void *context, struct err *e);
/* By key, or by file when key is NULL.  1 and each was called, 0 not found. */
int ledger_find_document(struct ledger *l, const char *key, const char *file,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e);
/* By key, from the first behind `after`. */
int ledger_each_document(struct ledger *l, const char *after,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e);
/* Backwards, from the last before `before`; NULL: from the last. */
int ledger_each_document_before(struct ledger *l, const char *before_or_null,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e);
/* Those that gave no text, and those of jobs that are not live; some may be so of an older
 * job only. */
int ledger_each_unsettled(struct ledger *l,
    int (*each)(void *context, const struct ledger_document *d, struct err *e), void *context,
    struct err *e);
/* Keys of what was removed, and is not yet from the generation that serves. */
int ledger_each_leaving(struct ledger *l,
    int (*each)(void *context, const char *key, struct err *e), void *context, struct err *e);
int ledger_count_documents(
    struct ledger *l, uint64_t *documents, uint64_t *refused, struct err *e);
/* Does a job that is not at its end remove this document?  The live generation may have it yet. */
int ledger_is_removing(const char *data_dir, const char *tenant, const char *key, bool *is_it,
    struct err *e);
/* The job that a key made; id "" when there is none. */
int ledger_find_key(const char *data_dir, const char *tenant, const char key[17],
    struct inbox_name *out, struct err *e);

#endif
