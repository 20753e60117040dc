/* catalog.h - the tenants that are wanted, and the document each is built from.
 *
 * Sources (a folder of files, Consul) offer documents; the catalog judges them, keeps what
 * it accepted, and tells the supervisor by a queue of changes.  It knows no generation and
 * starts no build.
 *
 *   offered document   unreadable, unusable          refused, the accepted one stays
 *                      same content                  nothing
 *                      other content, same version   refused (ALERT_VERSION_REUSED)
 *                      another version               accepted: CATALOG_CHANGED
 *                      a key older than the accepted
 *                      one, with what it replaced    refused (ALERT_OLDER): Consul was
 *                                                    restored to the past
 *                      tenant of another source      refused, the first source keeps it
 *
 * A complete reading of a source is bracketed by catalog_begin() and catalog_end(); what was
 * neither offered nor seen in between has vanished:
 *
 *   a file             removed, unless more than 5 and more than 20 % vanished at once:
 *                      then all are kept and shown as gone, until they come back or
 *                      catalog_accept_deletions() is called
 *   a key in Consul    kept and shown as gone; removed by the second of two trusted readings
 *                      CATALOG_CONFIRM_MS apart, under the same rule of 5 and 20 %.
 *                      A reading that is not trusted removes nothing and starts no clock
 *
 * Accepted documents are written to DATA/lkg/<tenant>.json, those from Consul with a
 * <tenant>.consul beside them (the key's index, and the hashes of what was in force before),
 * so that a pool boots and serves with its source unreachable, and a source that is switched
 * off takes no tenant with it.  A document that cannot be
 * written there is refused: a build reads that file.
 *
 * Memory  what catalog_find() and catalog_at() answer is borrowed until the next call that
 *         changes the catalog.
 * Units   milliseconds of clk_ms().
 * Errors  only memory and the last-known-good files; a refused document is not an error of
 *         the call, it is in the tenant's record.
 * Cost    O(log n) to find, O(n) to add.  Accepting a document is two fsyncs (7 ms on a busy
 *         disk), but all of one reading share them: doc_batch.h.  Known content costs 30 us,
 *         loading lkg 60 us a tenant.
 */
#ifndef RAGPOOL_CATALOG_H
#define RAGPOOL_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "build.h"
#include "err.h"
#include "hash.h"
#include "tenant_doc.h"

enum { CATALOG_CONFIRM_MS = 30000, CATALOG_VANISH_COUNT = 5, CATALOG_VANISH_PERCENT = 20,
	CATALOG_PAST_MAX = 16 };

#define CATALOG_ORIGINS(X) \
	X(ORIGIN_FILE, "file") \
	X(ORIGIN_CONSUL, "consul")
enum catalog_origin {
#define X(symbol, name) symbol,
	CATALOG_ORIGINS(X)
#undef X
	    ORIGIN_MAX
};

#define CATALOG_CHANGES(X) \
	X(CATALOG_CHANGED, "changed")	/* there is a new accepted document */ \
	X(CATALOG_REMOVED, "removed")	/* the tenant is not wanted any more */ \
	X(CATALOG_REFUSED, "refused")	/* a document was refused; see ->refusal */ \
	X(CATALOG_GONE, "gone")		/* vanished from its source, kept */ \
	X(CATALOG_BACK, "back")		/* there again after CATALOG_GONE */
enum catalog_change_kind {
#define X(symbol, name) symbol,
	CATALOG_CHANGES(X)
#undef X
	    CATALOG_CHANGE_MAX
};

#define CATALOG_ALERTS(X) \
	X(ALERT_NONE, "") \
	X(ALERT_VERSION_REUSED, "config_changed_without_version") \
	X(ALERT_OLDER, "config_older_than_accepted")
enum catalog_alert {
#define X(symbol, name) symbol,
	CATALOG_ALERTS(X)
#undef X
	    CATALOG_ALERT_MAX
};

struct catalog_tenant {
	char name[TENANT_NAME_BYTES + 1];
	enum catalog_origin origin;
	bool confirmed;			/* seen at its source since the start (not only in lkg) */
	/* what was accepted; document NULL when nothing was yet */
	char *document;			/* owned, NUL-terminated, as offered */
	size_t document_bytes;
	struct build_config config;
	int64_t canary_window_ms;	/* 0: as the pool says */
	struct tenant_life life;
	char hash[SHA256_HEX_BYTES];
	char *notes;			/* owned, one sentence a line, "" for none */
	uint64_t revision;		/* ModifyIndex, or the file's mtime in ns; 0 unknown */
	char (*past)[SHA256_HEX_BYTES];	/* owned; of former documents, oldest first */
	size_t past_count;
	/* the last document that was refused; code ERR_NONE when the newest was accepted */
	struct err refusal;
	enum catalog_alert alert;	/* of that refusal: what a person must look at */
	uint64_t refused_revision;
	char refused_hash[SHA256_HEX_BYTES];	/* of the bytes as offered */
	/* absence */
	bool gone;
	int64_t gone_ms;		/* of the first trusted reading without it; 0: none */
	bool deletion_refused;		/* by the rule of 5 and 20 % */
	/* the catalog's own */
	bool seen;			/* in the reading under way */
	unsigned pending;		/* bit per kind of change that is in the queue */
};

struct catalog_change {
	enum catalog_change_kind kind;
	char tenant[TENANT_NAME_BYTES + 1];
};

struct catalog;

/* data_dir is copied; DATA/lkg is made when it is absent. */
int catalog_new(struct catalog **out, const char *data_dir, struct err *e);
void catalog_free(struct catalog *c);
/* Takes in DATA/lkg, one CATALOG_CHANGED each; once, before any offer.  A file in it that
 * is damaged is skipped: *skipped counts them. */
int catalog_load_lkg(struct catalog *c, size_t *skipped, struct err *e);

/* One complete reading of a source. */
void catalog_begin(struct catalog *c, enum catalog_origin origin);
/* A document; also outside of begin and end.  `name` must be a valid tenant name.  After
 * -1 (memory, or DATA/lkg cannot be written) the same document must be offered again. */
int catalog_offer(struct catalog *c, const char *name, const char *bytes, size_t n,
    enum catalog_origin origin, uint64_t revision, struct err *e);
/* As an offer that could not even be read: `why` becomes the refusal. */
int catalog_refuse(struct catalog *c, const char *name, enum catalog_origin origin,
    uint64_t revision, const struct err *why, struct err *e);
/* It is still there, unchanged; false: the tenant is not this origin's, offer it. */
bool catalog_seen(struct catalog *c, const char *name, enum catalog_origin origin);
/* Answers how many of the origin's tenants are gone and wait to be confirmed. */
size_t catalog_end(struct catalog *c, enum catalog_origin origin, bool trusted, int64_t now_ms);

/* It is not wanted any more, whatever its source still says: for who has removed it there.
 * False: there is none of that name. */
bool catalog_withdraw(struct catalog *c, const char *name);
/* Removes all tenants whose deletion was refused; answers how many. */
size_t catalog_accept_deletions(struct catalog *c);

/* The oldest change not yet taken; false when there is none.  Of every kind but
 * CATALOG_REMOVED the tenant is there, and of CATALOG_REMOVED it is not. */
bool catalog_next_change(struct catalog *c, struct catalog_change *out);

const struct catalog_tenant *catalog_find(const struct catalog *c, const char *name);
size_t catalog_count(const struct catalog *c);
/* Sorted bytewise by name. */
const struct catalog_tenant *catalog_at(const struct catalog *c, size_t i);
/* DATA/lkg/<tenant>.json, what ragpool-build is given, into out[PATH_MAX]. */
int catalog_document_path(
    const struct catalog *c, const char *name, char *out, size_t size, struct err *e);
/* The last trouble with the last-known-good files; code ERR_NONE when they are fine. */
const struct err *catalog_trouble(const struct catalog *c);
const char *catalog_origin_name(enum catalog_origin origin);
const char *catalog_alert_name(enum catalog_alert alert);
const char *catalog_change_name(enum catalog_change_kind kind);

#endif
