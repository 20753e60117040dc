/* objects_cold.c - what hosts hold on to in the store, because they have it nowhere else.
 *
 *   PREFIX T/cold/<host>/<GEN>       "this host keeps generation GEN in the store alone"
 *
 * The name says all, so that one listing tells a sweep of every host.  A host has at most one
 * such mark for a tenant: a new one replaces it, and what comes back takes it away. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generation.h"
#include "objects.h"

void
objects_host_name(char out[OBJECTS_HOST_BYTES], const char *host, const char *data_dir)
{
	char own[OBJECTS_HOST_BYTES] = "", hex[SHA256_HEX_BYTES] = "";
	uint8_t digest[SHA256_BYTES];

	if (host[0] == '\0' && gethostname(own, sizeof own - 1) == 0)
		host = own;
	if (hash_sha256_of(data_dir, strlen(data_dir), digest, NULL) == 0)
		hash_hex(digest, hex);
	snprintf(out, OBJECTS_HOST_BYTES, "%.*s-%.8s", OBJECTS_HOST_BYTES - 10,
	    host[0] != '\0' ? host : "unnamed", hex);
	for (char *c = out; *c != '\0'; c++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._",
			*c) == NULL)
			*c = '-';
}

/* name "": the prefix of all that the host marked; host "": of all hosts. */
static int
mark_key(char out[OBJECT_KEY_BYTES], const struct objects *o, const char *host, const char *name,
    struct err *e)
{
	int n = snprintf(out, OBJECT_KEY_BYTES, "%s%s/cold/%s%s%s", o->prefix, o->tenant, host,
	    host[0] != '\0' ? "/" : "", name);

	return n < OBJECT_KEY_BYTES ? 0 : err_set(e, ERR_LIMIT, "the store's prefix is too long");
}

/* ---- one host's ---- */

struct unmarking {
	const char *but;		/* this one stays; "" for none */
	char (*keys)[OBJECT_KEY_BYTES];
	size_t count;
};

static int
keep_key(void *context, const struct object_info *info, struct err *e)
{
	struct unmarking *u = context;
	const char *name = strrchr(info->key, '/');
	char(*grown)[OBJECT_KEY_BYTES];

	if (name == NULL || strcmp(name + 1, u->but) == 0 ||
	    strlen(info->key) >= sizeof *u->keys)
		return 0;
	if ((grown = reallocarray(u->keys, u->count + 1, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "a listing");
	u->keys = grown;
	strcpy(u->keys[u->count++], info->key);
	return 0;
}

static int
remove_marks(const struct objects *o, const char *host, const char *but, struct err *e)
{
	struct unmarking u = {.but = but};
	char prefix[OBJECT_KEY_BYTES];
	int rc = mark_key(prefix, o, host, "", e);

	if (rc == 0)
		rc = o->store->list(o->store, prefix, keep_key, &u, e);
	for (size_t i = 0; rc == 0 && i < u.count; i++)
		rc = o->store->remove(o->store, u.keys[i], e);
	free(u.keys);
	return rc;
}

int
objects_mark_cold(const struct objects *o, const char *host, struct err *e)
{
	char key[OBJECT_KEY_BYTES];

	if (mark_key(key, o, host, o->generation, e) == -1 ||
	    object_store_put(o->store, key, "cold\n", 5, e) == -1)
		return -1;
	return remove_marks(o, host, o->generation, e);
}

int
objects_unmark_cold(const struct objects *o, const char *host, struct err *e)
{
	return remove_marks(o, host, "", e);
}

/* ---- all hosts' ---- */

struct marks {
	objects_each_fn *each;
	void *context;
};

static int
pass_mark(void *context, const struct object_info *info, struct err *e)
{
	struct marks *m = context;
	const char *name = strrchr(info->key, '/');

	if (name == NULL || generation_name_check(name + 1, NULL) == -1)
		return 0;		/* not one of ours */
	return m->each(m->context, name + 1, info->modified, e);
}

int
objects_each_cold(const struct objects *o, objects_each_fn *each, void *context, struct err *e)
{
	struct marks m = {each, context};
	char prefix[OBJECT_KEY_BYTES];

	if (mark_key(prefix, o, "", "", e) == -1)
		return -1;
	return o->store->list(o->store, prefix, pass_mark, &m, e);
}
