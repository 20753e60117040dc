/* keys_edit.c - new keys, and keys that are taken back: the file is replaced as a whole. */
#include "keys.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "file.h"
#include "json.h"

enum { ID_RANDOM = 9, SECRET_RANDOM = 32 };	/* 12 and 43 characters */

/* One change at a time; the lock ends with the descriptor. */
static int
lock_keys(const char *data_dir, int *fd, struct err *e)
{
	char path[PATH_MAX];

	if (file_join(path, sizeof path, data_dir, "keys.lock", e) == -1)
		return -1;
	if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (flock(*fd, LOCK_EX) == -1) {
		err_sys(e, ERR_IO, "%s", path);
		close(*fd);
		return -1;
	}
	return 0;
}

/* The workers must be able to read it, whoever writes it: it belongs to the folder's owner. */
static int
replace_keys(const char *data_dir, struct json_object *root, struct err *e)
{
	const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY);
	char path[PATH_MAX], fresh[PATH_MAX];
	struct stat folder;

	if (text == NULL)
		return err_set(e, ERR_NOMEM, "keys");
	if (file_join(path, sizeof path, data_dir, "keys.json", e) == -1 ||
	    file_join(fresh, sizeof fresh, data_dir, "keys.json.new", e) == -1 ||
	    file_replace(fresh, text, strlen(text), 0640, e) == -1)
		return -1;
	if (stat(data_dir, &folder) == -1 ||
	    (geteuid() == 0 && chown(fresh, folder.st_uid, folder.st_gid) == -1) ||
	    rename(fresh, path) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	return file_sync(data_dir, e);
}

static void
fill_random(void *bytes, size_t n)
{
	size_t got = 0;

	while (got < n) {
		ssize_t more = getrandom((char *)bytes + got, n - got, 0);
		got += more > 0 ? (size_t)more : 0;
	}
}

static void
make_key(char text[KEY_TEXT_BYTES], char id[KEY_ID_BYTES + 1])
{
	uint8_t bytes[SECRET_RANDOM];
	char secret[44];

	fill_random(bytes, ID_RANDOM);
	base64url_encode(bytes, ID_RANDOM, id);
	fill_random(bytes, SECRET_RANDOM);
	base64url_encode(bytes, SECRET_RANDOM, secret);
	snprintf(text, KEY_TEXT_BYTES, "rp_%s_%s", id, secret);
	explicit_bzero(bytes, sizeof bytes);
	explicit_bzero(secret, sizeof secret);
}

static struct json_object *
key_as_json(const struct key_wish *w, const char *id, const char *hash)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();

	for (size_t i = 0; i < w->tenant_count; i++)
		json_object_array_add(list, json_object_new_string(w->tenants[i]));
	json_object_object_add(o, "id", json_object_new_string(id));
	json_object_object_add(o, "hash", json_object_new_string(hash));
	json_object_object_add(o, "role", json_object_new_string(caller_role_name(w->role)));
	json_object_object_add(o, "tenants", list);
	json_object_object_add(o, "name", json_object_new_string(w->name));
	json_object_object_add(o, "created", json_object_new_int64((int64_t)time(NULL)));
	json_object_object_add(o, "expires", json_object_new_int64(w->expires));
	if (w->filter != NULL)
		json_object_object_add(o, "filter", json_object_get(w->filter));
	if (w->rate > 0)
		json_object_object_add(o, "rate", json_object_new_double(w->rate));
	return o;
}

/* What is in the file, or the beginning of one; owned. */
static struct json_object *
take_root(struct keys *k)
{
	struct json_object *root = k->root != NULL ? json_object_get(k->root) :
						     json_object_new_object();
	struct json_object *list;

	if (!json_object_object_get_ex(root, "keys", &list))
		json_object_object_add(root, "keys", json_object_new_array());
	return root;
}

static int
check_wish(const struct key_wish *w, struct err *e)
{
	if (w->role == ROLE_NONE)
		return err_set(e, ERR_USAGE, "a role is needed: reader, editor or admin");
	if (w->tenant_count == 0)
		return err_set(e, ERR_USAGE, "a tenant is needed, or \"*\" for all");
	for (size_t i = 0; i < w->tenant_count; i++)
		if (caller_check_scope(w->tenants[i], e) == -1)
			return -1;
	if (strlen(w->name) > KEY_NAME_BYTES)
		return err_set(e, ERR_USAGE, "the name is longer than %d bytes", KEY_NAME_BYTES);
	return 0;
}

int
keys_create(const char *data_dir, const struct key_wish *wish, char text[KEY_TEXT_BYTES],
    struct err *e)
{
	char id[KEY_ID_BYTES + 1], hex[SHA256_HEX_BYTES];
	uint8_t hash[SHA256_BYTES];
	struct json_object *root = NULL, *list;
	struct keys k;
	int fd, rc = -1;

	if (check_wish(wish, e) == -1 || lock_keys(data_dir, &fd, e) == -1)
		return -1;
	if (keys_load(&k, data_dir, e) == -1)
		goto out;
	make_key(text, id);
	if (hash_sha256_of(text, strlen(text), hash, e) == -1)
		goto out;
	hash_hex(hash, hex);
	root = take_root(&k);
	json_object_object_get_ex(root, "keys", &list);
	json_object_array_add(list, key_as_json(wish, id, hex));
	if (k.count >= KEYS_MAX)
		err_set(e, ERR_LIMIT, "there are %d keys already: revoke some", KEYS_MAX);
	else
		rc = replace_keys(data_dir, root, e);
out:
	json_object_put(root);
	keys_fini(&k);
	close(fd);
	return rc;
}

int
keys_revoke(const char *data_dir, const char *id, struct err *e)
{
	struct json_object *root = NULL, *list;
	struct keys k;
	int fd, rc = -1;

	if (lock_keys(data_dir, &fd, e) == -1)
		return -1;
	if (keys_load(&k, data_dir, e) == -1)
		goto out;
	root = take_root(&k);
	json_object_object_get_ex(root, "keys", &list);
	for (size_t i = json_object_array_length(list); i-- > 0;) {
		struct json_object *o = json_object_array_get_idx(list, i), *name;
		if (!json_object_object_get_ex(o, "id", &name) ||
		    strcmp(json_object_get_string(name), id) != 0)
			continue;
		json_object_array_del_idx(list, i, 1);
		rc = replace_keys(data_dir, root, e);
		goto out;
	}
	err_set(e, ERR_NOT_FOUND, "there is no key %.32s", id);
out:
	json_object_put(root);
	keys_fini(&k);
	close(fd);
	return rc;
}
