/* objects.h - sealed generations in an object store, for other hosts and for later.
 *
 * The program, run as a child of the supervisor or by hand:
 *
 *   ragpool-objects publish --config FILE --data DIR --tenant T --generation GEN [--cold]
 *   ragpool-objects fetch   --config FILE --data DIR --tenant T --generation GEN [--cold]
 *   ragpool-objects verify  --config FILE --data DIR --tenant T --generation GEN
 *   ragpool-objects list    --config FILE --tenant T
 *   ragpool-objects gc      --config FILE --tenant T [--keep N] [--pin GEN]... [--grace TIME]
 *
 * --config is ragpool.conf; --store NAME chooses one of its [object_store NAME] sections and
 * may be left out while there is only one.  --data may be left out: data_dir of the file.
 * The last line of standard output is one JSON object:
 *
 *   publish, fetch  {"generation": "7-0123456789ab", "existed": false, "bytes": 123456,
 *                    "moved_bytes": 65536, "pieces": 9, "moved_pieces": 4, "seconds": 0.412}
 *   verify          the same; moved_bytes is what was read back
 *   list            {"generations": [{"generation": "7-...", "modified": 1700000000}]}
 *   gc              {"removed_generations": 1, "removed_pieces": 12, "kept_pieces": 30,
 *                    "cold_generations": 1}
 *   any, failed     {"error": {"code": "peer_error", "message": "..."}}
 *
 * Exit codes are those of sysexits.h: 0 done; 66 the store has no such generation; 75 busy or
 * timed out, try again; 69 the store answered wrongly or not at all; 78 the configuration.
 *
 * publish  may be run again at any time; what is there is not sent again.  When it ended with
 *          0, the generation can be fetched from any host.
 * fetch    makes DATA/tenants/T/gen/GEN, verified in full, exactly as a build seals it, under
 *          the very name it was published by; does not touch the pointer.  Run again after it
 *          was killed, it goes on where it stopped.  What an older local generation has is
 *          taken from there.  A generation that is there already is verified: "existed".
 *
 * verify   reads every piece back and compares it with the generation on this host, which is
 *          hashed anew: with exit code 0 the store can give back all of it.
 *
 * gc       what any host has in the store alone stays: a host that is about to let go of its
 *          files says so with --cold, and takes that back with --cold when it has them again.
 *
 * In the store:
 *
 *   PREFIX T/pieces/<aa>/<sha256>        PIECE_BYTES of a file, the last one shorter
 *   PREFIX T/generations/<GEN>.json      the recipe: every file's pieces; written last
 *   PREFIX T/cold/<host>/<GEN>           this host has it here alone
 *
 * Everything is named by its content, so half a publication is invisible, and a piece never
 * changes.  A recipe is not trusted: the name of the generation is a hash of its manifest,
 * which has the SHA-256 of the files.
 */
#ifndef RAGPOOL_OBJECTS_H
#define RAGPOOL_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "buf.h"
#include "err.h"
#include "hash.h"
#include "object_store.h"

enum { PIECE_BYTES = 16 << 20, RECIPE_FILES = 3, OBJECTS_PREFIX_BYTES = 256 };

/* What a generation consists of. */
struct recipe_file {
	const char *name;		/* one of recipe_names */
	uint64_t bytes;
	char sha256[SHA256_HEX_BYTES];
	char (*pieces)[SHA256_HEX_BYTES];	/* owned */
	size_t piece_count;
};
struct recipe {
	char generation[GENERATION_NAME_BYTES];
	char tenant[TENANT_NAME_BYTES + 1];
	struct recipe_file file[RECIPE_FILES];
};
extern const char *const recipe_names[RECIPE_FILES];

/* From a sealed generation on disk, by reading it once. */
int recipe_make(struct recipe *r, const char *data_dir, const char *tenant,
    const char *generation, struct err *e);
/* ERR_CORRUPT, ERR_FORMAT_NEW: nothing in it is trusted but its form. */
int recipe_parse(struct recipe *r, const char *bytes, size_t n, struct err *e);
int recipe_write(const struct recipe *r, struct buf *out, struct err *e);
void recipe_fini(struct recipe *r);
size_t recipe_piece_bytes(const struct recipe_file *f, size_t piece);
/* The bytes are what their name says. */
bool recipe_is_piece(const char *bytes, size_t n, const char *sha256);

/* Where and what; all borrowed. */
struct objects {
	struct object_store *store;
	const char *prefix;		/* "" or "some/where/" */
	const char *data_dir, *tenant, *generation;
};
struct objects_report {
	bool existed;
	uint64_t bytes, moved_bytes, pieces, moved_pieces;
};

int objects_publish(const struct objects *o, struct objects_report *report, struct err *e);
int objects_fetch(const struct objects *o, struct objects_report *report, struct err *e);
/* ERR_CORRUPT: the store holds something else under this name, or this host does. */
int objects_verify(const struct objects *o, struct objects_report *report, struct err *e);
/* What the store says that the generation consists of; recipe_fini(). */
int objects_get_recipe(const struct objects *o, struct recipe *r, struct err *e);

/* Every published generation of the tenant. */
typedef int objects_each_fn(
    void *context, const char *generation, int64_t modified, struct err *e);
int objects_list(
    const struct objects *o, objects_each_fn *each, void *context, struct err *e);

/* ---- what hosts have in the store alone ---- */

enum { OBJECTS_HOST_BYTES = 128 };
/* What a host is called in keys: its name ("": the machine's) and which data folder. */
void objects_host_name(char out[OBJECTS_HOST_BYTES], const char *host, const char *data_dir);
/* ->generation; what the host had marked before, it does not any more. */
int objects_mark_cold(const struct objects *o, const char *host, struct err *e);
int objects_unmark_cold(const struct objects *o, const char *host, struct err *e);
/* What any host has marked; one may come several times. */
int objects_each_cold(
    const struct objects *o, objects_each_fn *each, void *context, struct err *e);

struct objects_gc {
	unsigned keep;			/* newest ones; what is cold anywhere stays besides */
	const char *const *pins;	/* and these; NULL-terminated */
	int64_t grace_s;		/* pieces younger than this stay: one may be publishing */
	int64_t now_s;
	uint64_t removed_generations, removed_pieces, kept_pieces;	/* the answer */
	uint64_t cold_generations;	/* that stayed for this alone */
};
int objects_gc(const struct objects *o, struct objects_gc *gc, struct err *e);

/* PREFIX T/pieces/<aa>/<sha256> and PREFIX T/generations/<GEN>.json */
int objects_piece_key(
    char out[OBJECT_KEY_BYTES], const struct objects *o, const char *sha256, struct err *e);
int objects_recipe_key(
    char out[OBJECT_KEY_BYTES], const struct objects *o, const char *generation, struct err *e);
/* The pieces that are in the store, sorted; *list owned. */
struct stored_piece {
	char sha256[SHA256_HEX_BYTES];
	int64_t modified;
};
int objects_stored_pieces(
    const struct objects *o, struct stored_piece **list, size_t *count, struct err *e);
const struct stored_piece *objects_find_piece(
    const struct stored_piece *list, size_t count, const char *sha256);

enum { RECIPE_BYTES_MAX = 64 << 20, OBJECTS_GRACE_S = 24 * 3600 };

#endif
