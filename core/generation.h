/* generation.h - sealed generations on disk: their names, manifests and pointers.
 *
 *   DATA/tenants/<tenant>/gen/<seq>-<hash12>/{manifest.json, store.db, index.rpx}
 *   DATA/tenants/<tenant>/current          the pointer: a generation's name, one line
 *   DATA/tenants/<tenant>/verdict/<seq>-<hash12>.json   what the gate said of it
 *
 * hash12 is the beginning of the SHA-256 of manifest.json, and the manifest names the
 * SHA-256 of the other files, the parameters, the configuration's version and the base
 * it grew from: so the name stands for the content, on any host.  seq counts up per
 * tenant, so that people can see which is newer.
 *
 * A generation is never written again: files 0440, replaced only as a whole, removed
 * only by unlink.  Readers pin it by holding it open.
 */
#ifndef RAGPOOL_GENERATION_H
#define RAGPOOL_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "hash.h"
#include "bounds.h"

enum { GENERATION_FORMAT = 1, EMBEDDER_NAME_BYTES = 128 };

struct manifest {
	char tenant[TENANT_NAME_BYTES + 1];
	char config_version[VERSION_BYTES + 1];
	char parameters[SHA256_HEX_BYTES];	/* SHA-256 of the canonical parameters */
	char embedder[EMBEDDER_NAME_BYTES];	/* "builtin:lsa", ... */
	char language[32];			/* of the analyzer: "english", ..., "none" */
	char base[GENERATION_NAME_BYTES];	/* grown from; "" for a full build */
	char answer_model[EMBEDDER_NAME_BYTES];	/* who writes answers; "": as the pool says */
	uint64_t documents;
	uint64_t chunks;
	uint32_t dim;				/* 0: no dense arm */
	uint64_t changed;			/* chunks, since the embedder was trained */
	uint64_t index_bytes, store_bytes;
	char index_sha256[SHA256_HEX_BYTES];
	char store_sha256[SHA256_HEX_BYTES];
};

/* <seq>-<hash12>, nothing else: such a name is safe in a path. */
int generation_name_check(const char *name, struct err *e);
/* The seq of a valid name. */
uint64_t generation_seq(const char *name);

/* DATA/tenants/<tenant>, .../gen, .../gen/<name>, each into out[PATH_MAX]. */
int generation_tenant_dir(char *out, const char *data_dir, const char *tenant, struct err *e);
int generation_dir(
    char *out, const char *data_dir, const char *tenant, const char *name, struct err *e);

/* .../verdict/<name>.json; goes when its generation is swept. */
int generation_verdict_path(
    char *out, const char *data_dir, const char *tenant, const char *name, struct err *e);

/* Writes manifest.json into the folder `dir` and answers hash12 of it. */
int manifest_write(
    const struct manifest *m, const char *dir, char hash12[13], struct err *e);
/* Reads and checks dir/manifest.json; hash12 (may be NULL) is of the bytes on disk. */
int manifest_read(struct manifest *m, const char *dir, char hash12[13], struct err *e);

/* Seals the finished folder `tmp_dir` (files 0440, all fsynced) and renames it to its
 * name below gen/.  When a generation of the same content is there already and whole,
 * tmp_dir is removed and the old name answered, *existed set. */
int generation_publish(char name[GENERATION_NAME_BYTES], bool *existed, const char *data_dir,
    const char *tenant, const char *tmp_dir, struct err *e);

/* As generation_publish(), for a generation that was made elsewhere: under the name it has
 * there, and verified in full first.  ERR_CORRUPT when tmp_dir is not what the name says;
 * *existed: it is there already, as it should be, and tmp_dir was removed.  One that is away
 * becomes whole, index.rpx last. */
int generation_adopt(const char *data_dir, const char *tenant, const char *name,
    const char *tmp_dir, bool *existed, struct err *e);

/* Everything: sizes and SHA-256 of the files, the name against the manifest, every
 * section's checksum, row counts.  Linear in the bytes; once per generation and host. */
int generation_verify(
    const char *data_dir, const char *tenant, const char *name, struct err *e);
/* The same of a folder that lies elsewhere, and is to be a generation of this name. */
int generation_verify_folder(
    const char *dir, const char *tenant, const char *name, struct err *e);

/* A generation that only an object store holds has its manifest here and nothing else: what it
 * was is known, and fetching it again (generation_adopt()) makes it whole.  Sending away removes
 * index.rpx first, so that a folder without it is away, and durably.  Whoever has the files open
 * keeps them. */
bool generation_is_away(const char *data_dir, const char *tenant, const char *name);
int generation_send_away(
    const char *data_dir, const char *tenant, const char *name, struct err *e);

/* The pointer.  get: ERR_NOT_READY when there is none.  set: durable, by rename; the
 * generation must exist. */
int generation_current(
    char name[GENERATION_NAME_BYTES], const char *data_dir, const char *tenant, struct err *e);
int generation_set_current(
    const char *data_dir, const char *tenant, const char *name, struct err *e);

/* Newest first; *names is owned (free). */
int generation_list(char (**names)[GENERATION_NAME_BYTES], size_t *count, const char *data_dir,
    const char *tenant, struct err *e);
/* What generation_sweep() has to know of a generation. */
struct generation_use {
	bool is_used;		/* it stays */
	bool is_refused;	/* it may not serve */
};
typedef struct generation_use generation_use_fn(void *context, const char *name);

struct generation_rules {
	unsigned keep;		/* so many of those that may serve */
	int64_t ttl_s;		/* none longer than that, 0: for ever */
	int64_t now_s;		/* seconds since 1970 */
};

/* Removes generations beyond the newest `keep` of those that may serve, and beyond the newest
 * one of those that may not, so that what was refused costs no place to go back to; and, however
 * few they are, those whose time is over.  What `current` names and what is used stays.
 * Temporary files and folders of the tenant whose process is gone are removed too (leftover.h).
 * use NULL: nothing is used, nothing refused.
 *
 * Time    counts from the moment a generation was replaced: when the next newer one that may
 *         serve was sealed on this host (or came here).  So what was replaced a minute ago can
 *         be gone back to, however old it is.  For one that may not serve, from its own sealing. */
int generation_sweep(const char *data_dir, const char *tenant,
    const struct generation_rules *rules, generation_use_fn *use, void *context, struct err *e);

#endif
