/* keys.h - API keys: who may ask, kept as hashes.
 *
 *   DATA/keys.json  {"keys": [{"id", "hash", "role", "tenants", "name", "created",
 *                   "expires", "filter", "rate"}, ...]}, mode 0640
 *
 * A key is "rp_" ID "_" SECRET; ID is 12 and SECRET 43 characters of base64url.  The secret
 * is 256 random bits, shown once and never stored: the file holds the SHA-256 of the whole
 * key, which for so many bits is as good as a slow hash.  A key is found by its id and
 * compared in constant time.
 *
 * Workers look at the file before every request (one stat) and read it again when it
 * changed, so that a key that is revoked opens nothing from the next request on.  A file
 * that cannot be read or is damaged leaves the keys that were known.
 *
 * Memory  keys are owned by struct keys: what is borrowed from them is valid until the next
 *         keys_refresh().
 * Errors  ERR_CONFIG for a damaged file, naming the key.
 */
#ifndef RAGPOOL_KEYS_H
#define RAGPOOL_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <json-c/json.h>

#include "caller.h"
#include "err.h"
#include "hash.h"

enum { KEY_ID_BYTES = 12, KEY_TEXT_BYTES = 64, KEY_NAME_BYTES = 128, KEYS_MAX = 20000 };

struct key {
	char id[KEY_ID_BYTES + 1];
	uint8_t hash[SHA256_BYTES];
	enum caller_role role;
	const char **scope;		/* owned list, words borrowed from keys->root */
	size_t scope_count;
	const char *name;		/* "" for none */
	int64_t created, expires;	/* seconds since 1970; 0: never */
	struct json_object *filter;	/* NULL: none */
	double rate;			/* 0: none of its own */
};

struct keys {
	struct json_object *root;	/* owned */
	struct key *at;			/* owned, sorted by id */
	size_t count;
	struct stat seen;		/* of the file that was read */
};

/* What a new key is to be. */
struct key_wish {
	enum caller_role role;
	const char *const *tenants;
	size_t tenant_count;
	const char *name;		/* "" for none */
	int64_t expires;		/* seconds since 1970; 0: never */
	struct json_object *filter;	/* borrowed, NULL for none */
	double rate;			/* 0: none */
};

/* An absent file means no keys. */
int keys_load(struct keys *k, const char *data_dir, struct err *e);
void keys_fini(struct keys *k);
/* Reads the file again if it is another one than was read; false: it was not, or is bad
 * (*e says why; code ERR_NONE when nothing changed). */
bool keys_refresh(struct keys *k, const char *data_dir, struct err *e);
/* The key whose text this is, expired or not; NULL for none. */
const struct key *keys_find(const struct keys *k, const char *text);

/* Both change the file under a lock (DATA/keys.lock), so that two at once lose nothing. */
int keys_create(const char *data_dir, const struct key_wish *wish, char text[KEY_TEXT_BYTES],
    struct err *e);
int keys_revoke(const char *data_dir, const char *id, struct err *e);

#endif
