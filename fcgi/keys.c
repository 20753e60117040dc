/* keys.c - API keys: who may ask, kept as hashes. */
#include "keys.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "file.h"
#include "filter_json.h"
#include "json.h"
#include "watched.h"

enum { KEYS_BYTES_MAX = 16 << 20, KEY_PREFIX = 3, KEY_SECRET_AT = KEY_PREFIX + KEY_ID_BYTES + 1,
	KEY_BYTES = KEY_SECRET_AT + 43 };

static int
keys_path(char out[PATH_MAX], const char *data_dir, struct err *e)
{
	return file_join(out, PATH_MAX, data_dir, "keys.json", e);
}

void
keys_fini(struct keys *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->at[i].scope);
	free(k->at);
	json_object_put(k->root);
	*k = (struct keys){0};
}

static int
read_hash(struct key *key, const char *hex, struct err *e)
{
	for (int i = 0; i < SHA256_BYTES; i++) {
		unsigned byte;
		if (strspn(hex, "0123456789abcdef") != 2 * SHA256_BYTES ||
		    sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return err_set(e, ERR_CONFIG, "\"hash\" must be 64 hexadecimal digits");
		key->hash[i] = (uint8_t)byte;
	}
	return hex[2 * SHA256_BYTES] == '\0' ? 0 :
		err_set(e, ERR_CONFIG, "\"hash\" must be 64 hexadecimal digits");
}

static int
read_scope(struct key *key, struct json_object *o, struct err *e)
{
	struct json_object *list;
	size_t n;

	if (json_get_array(o, "tenants", true, &list, e) == -1)
		return -1;
	n = json_object_array_length(list);
	if ((key->scope = calloc(n + 1, sizeof key->scope[0])) == NULL)
		return err_sys(e, ERR_NOMEM, "keys");
	for (size_t i = 0; i < n; i++) {
		struct json_object *word = json_object_array_get_idx(list, i);
		if (!json_object_is_type(word, json_type_string))
			return err_set(e, ERR_CONFIG, "\"tenants\" must hold names");
		if (caller_check_scope(json_object_get_string(word), e) == -1)
			return -1;
		key->scope[key->scope_count++] = json_object_get_string(word);
	}
	return 0;
}

static int
read_filter(struct key *key, struct json_object *o, struct err *e)
{
	struct arena a;
	const struct filter *f;
	int rc = 0;

	if (!json_object_object_get_ex(o, "filter", &key->filter) || key->filter == NULL)
		return 0;
	arena_init(&a, 1 << 20);
	rc = filter_from_json(&f, key->filter, "filter", &a, e);
	arena_fini(&a);
	return rc;
}

static int
read_key(struct key *key, struct json_object *o, struct err *e)
{
	static const char *const members[] = {"id", "hash", "role", "tenants", "name", "created",
	    "expires", "filter", "rate", NULL};
	const char *id, *hash, *role;

	key->name = "";
	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "id", true, KEY_ID_BYTES, &id, e) == -1 ||
	    json_get_text(o, "hash", true, 2 * SHA256_BYTES, &hash, e) == -1 ||
	    json_get_text(o, "role", true, 16, &role, e) == -1 ||
	    json_get_text(o, "name", false, KEY_NAME_BYTES, &key->name, e) == -1 ||
	    json_get_int(o, "created", false, 0, INT64_MAX, &key->created, e) == -1 ||
	    json_get_int(o, "expires", false, 0, INT64_MAX, &key->expires, e) == -1 ||
	    json_get_double(o, "rate", false, 0, 1e6, &key->rate, e) == -1 ||
	    read_hash(key, hash, e) == -1 || read_scope(key, o, e) == -1 ||
	    read_filter(key, o, e) == -1)
		return -1;
	if (strlen(id) != KEY_ID_BYTES)
		return err_set(e, ERR_CONFIG, "\"id\" must have %d characters", KEY_ID_BYTES);
	memcpy(key->id, id, KEY_ID_BYTES + 1);
	if ((key->role = caller_role_of(role)) == ROLE_NONE)
		return err_set(e, ERR_CONFIG, "\"role\" must be reader, editor or admin");
	return 0;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct key *)a)->id, ((const struct key *)b)->id);
}

static int
read_keys(struct keys *k, struct json_object *list, struct err *e)
{
	size_t n = json_object_array_length(list);

	if (n > KEYS_MAX)
		return err_set(e, ERR_CONFIG, "more than %d keys", KEYS_MAX);
	if ((k->at = calloc(n + 1, sizeof k->at[0])) == NULL)
		return err_sys(e, ERR_NOMEM, "keys");
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		k->count++;
		if (!json_object_is_type(o, json_type_object))
			return err_set(e, ERR_CONFIG, "key %zu is no object", i + 1);
		if (read_key(&k->at[i], o, e) == -1) {
			err_prefix(e, "key %zu", i + 1);
			return -1;
		}
	}
	qsort(k->at, k->count, sizeof k->at[0], by_id);
	return 0;
}

/* `seen` first: what is written in between is read the next time. */
int
keys_load(struct keys *k, const char *data_dir, struct err *e)
{
	struct json_object *list;
	char path[PATH_MAX], *bytes = NULL;
	size_t n;
	int rc = -1;

	*k = (struct keys){0};
	if (keys_path(path, data_dir, e) == -1)
		return -1;
	watched_changed(&k->seen, path);
	if (k->seen.st_ino == 0)
		return 0;
	if (file_read(&bytes, &n, path, KEYS_BYTES_MAX, e) == -1)
		return -1;
	if (json_parse_object(&k->root, bytes, n, e) == 0 &&
	    json_get_array(k->root, "keys", true, &list, e) == 0)
		rc = read_keys(k, list, e);
	free(bytes);
	if (rc == -1) {
		e->code = e->code == ERR_NOMEM ? ERR_NOMEM : ERR_CONFIG;
		err_prefix(e, "%s", path);
		keys_fini(k);
	}
	return rc;
}

bool
keys_refresh(struct keys *k, const char *data_dir, struct err *e)
{
	struct keys fresh;
	char path[PATH_MAX];

	err_clear(e);
	if (keys_path(path, data_dir, e) == -1)
		return false;
	if (!watched_changed(&k->seen, path) || keys_load(&fresh, data_dir, e) == -1)
		return false;	/* a bad file is read and told of once */
	keys_fini(k);
	*k = fresh;
	return true;
}

const struct key *
keys_find(const struct keys *k, const char *text)
{
	uint8_t hash[SHA256_BYTES];
	struct key wanted;
	const struct key *found;

	if (strlen(text) != KEY_BYTES || strncmp(text, "rp_", KEY_PREFIX) != 0 || k->count == 0)
		return NULL;
	memcpy(wanted.id, text + KEY_PREFIX, KEY_ID_BYTES);
	wanted.id[KEY_ID_BYTES] = '\0';
	found = bsearch(&wanted, k->at, k->count, sizeof k->at[0], by_id);
	if (found == NULL || hash_sha256_of(text, KEY_BYTES, hash, NULL) == -1)
		return NULL;
	return CRYPTO_memcmp(hash, found->hash, SHA256_BYTES) == 0 ? found : NULL;
}
