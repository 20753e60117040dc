/* objects.c - the store's keys, its listings, and what is swept from it. */
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generation.h"

/* ---- keys ---- */

int
objects_piece_key(
    char out[OBJECT_KEY_BYTES], const struct objects *o, const char *sha256, struct err *e)
{
	int n = snprintf(out, OBJECT_KEY_BYTES, "%s%s/pieces/%.2s/%s", o->prefix, o->tenant, sha256,
	    sha256);

	return n < OBJECT_KEY_BYTES ? 0 : err_set(e, ERR_LIMIT, "the store's prefix is too long");
}

int
objects_recipe_key(
    char out[OBJECT_KEY_BYTES], const struct objects *o, const char *generation, struct err *e)
{
	int n = snprintf(
	    out, OBJECT_KEY_BYTES, "%s%s/generations/%s.json", o->prefix, o->tenant, generation);

	return n < OBJECT_KEY_BYTES ? 0 : err_set(e, ERR_LIMIT, "the store's prefix is too long");
}

/* ---- pieces ---- */

struct pieces {
	struct stored_piece *list;
	size_t count, room;
};

static int
keep_piece(void *context, const struct object_info *info, struct err *e)
{
	struct pieces *p = context;
	const char *name = strrchr(info->key, '/');
	struct stored_piece *grown;

	if (name == NULL || strlen(++name) != SHA256_HEX_BYTES - 1)
		return 0;		/* not one of ours */
	if (p->count == p->room) {
		size_t room = p->room == 0 ? 256 : 2 * p->room;
		if ((grown = reallocarray(p->list, room, sizeof *grown)) == NULL)
			return err_sys(e, ERR_NOMEM, "a listing");
		p->list = grown;
		p->room = room;
	}
	memcpy(p->list[p->count].sha256, name, SHA256_HEX_BYTES);
	p->list[p->count++].modified = info->modified;
	return 0;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct stored_piece *)a)->sha256,
	    ((const struct stored_piece *)b)->sha256);
}

int
objects_stored_pieces(
    const struct objects *o, struct stored_piece **list, size_t *count, struct err *e)
{
	char prefix[OBJECT_KEY_BYTES];
	struct pieces p = {0};
	int n = snprintf(prefix, sizeof prefix, "%s%s/pieces/", o->prefix, o->tenant);

	if (n >= (int)sizeof prefix)
		return err_set(e, ERR_LIMIT, "the store's prefix is too long");
	if (o->store->list(o->store, prefix, keep_piece, &p, e) == -1) {
		free(p.list);
		return -1;
	}
	if (p.count > 1)
		qsort(p.list, p.count, sizeof p.list[0], by_name);
	*list = p.list;
	*count = p.count;
	return 0;
}

const struct stored_piece *
objects_find_piece(const struct stored_piece *list, size_t count, const char *sha256)
{
	struct stored_piece wanted;

	if (count == 0)
		return NULL;
	memcpy(wanted.sha256, sha256, SHA256_HEX_BYTES);
	return bsearch(&wanted, list, count, sizeof wanted, by_name);
}

/* ---- generations ---- */

struct listing {
	objects_each_fn *each;
	void *context;
};

static int
pass_recipe(void *context, const struct object_info *info, struct err *e)
{
	struct listing *l = context;
	const char *name = strrchr(info->key, '/'), *end;
	char generation[GENERATION_NAME_BYTES];

	if (name == NULL || (end = strstr(++name, ".json")) == NULL || end[5] != '\0' ||
	    (size_t)(end - name) >= sizeof generation)
		return 0;
	memcpy(generation, name, (size_t)(end - name));
	generation[end - name] = '\0';
	if (generation_name_check(generation, NULL) == -1)
		return 0;
	return l->each(l->context, generation, info->modified, e);
}

int
objects_list(const struct objects *o, objects_each_fn *each, void *context, struct err *e)
{
	struct listing l = {each, context};
	char prefix[OBJECT_KEY_BYTES];
	int n = snprintf(prefix, sizeof prefix, "%s%s/generations/", o->prefix, o->tenant);

	if (n >= (int)sizeof prefix)
		return err_set(e, ERR_LIMIT, "the store's prefix is too long");
	return o->store->list(o->store, prefix, pass_recipe, &l, e);
}

/* ---- sweeping ---- */

struct names {
	char (*list)[GENERATION_NAME_BYTES];
	size_t count;
};

static int
keep_name(void *context, const char *generation, int64_t modified, struct err *e)
{
	struct names *n = context;
	char(*grown)[GENERATION_NAME_BYTES];

	(void)modified;
	if ((grown = reallocarray(n->list, n->count + 1, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "a listing");
	n->list = grown;
	snprintf(n->list[n->count++], sizeof *n->list, "%s", generation);
	return 0;
}

static int
newest_first(const void *a, const void *b)
{
	uint64_t x = generation_seq(a), y = generation_seq(b);

	return x != y ? (x < y) - (x > y) : strcmp(a, b);
}

static bool
is_pinned(const struct objects_gc *gc, const char *name)
{
	for (const char *const *pin = gc->pins; pin != NULL && *pin != NULL; pin++)
		if (strcmp(*pin, name) == 0)
			return true;
	return false;
}

static bool
is_named(const struct names *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (strcmp(n->list[i], name) == 0)
			return true;
	return false;
}

/* Of those beyond the newest, which are some host's only copy: they stay. */
static bool
is_cold(struct objects_gc *gc, const struct names *cold, const char *name)
{
	if (!is_named(cold, name))
		return false;
	gc->cold_generations++;
	return true;
}

/* Recipes beyond the newest go first: from then on nobody begins to fetch them. */
static int
sweep_recipes(const struct objects *o, struct objects_gc *gc, struct names *n,
    const struct names *cold, struct err *e)
{
	char key[OBJECT_KEY_BYTES];
	size_t left = 0;

	if (n->count > 1)
		qsort(n->list, n->count, sizeof *n->list, newest_first);
	for (size_t i = 0; i < n->count; i++) {
		if (i < gc->keep || is_pinned(gc, n->list[i]) || is_cold(gc, cold, n->list[i])) {
			memmove(n->list[left++], n->list[i], sizeof *n->list);
			continue;
		}
		if (objects_recipe_key(key, o, n->list[i], e) == -1 ||
		    o->store->remove(o->store, key, e) == -1)
			return -1;
		gc->removed_generations++;
	}
	n->count = left;
	return 0;
}

/* Marks by a time in the future: such a piece is never old. */
static int
mark_pieces(const struct objects *o, const struct names *n, struct stored_piece *list,
    size_t count, struct err *e)
{
	char key[OBJECT_KEY_BYTES], *bytes;
	struct stored_piece *found;
	struct recipe r;
	size_t size;
	int rc;

	for (size_t i = 0; i < n->count; i++) {
		if (objects_recipe_key(key, o, n->list[i], e) == -1 ||
		    object_store_get(o->store, key, RECIPE_BYTES_MAX, &bytes, &size, e) == -1)
			return -1;
		rc = recipe_parse(&r, bytes, size, e);
		free(bytes);
		if (rc == -1)
			return -1;	/* what it needs is unknown: nothing is removed */
		for (int f = 0; f < RECIPE_FILES; f++)
			for (size_t p = 0; p < r.file[f].piece_count; p++) {
				found = (struct stored_piece *)(uintptr_t)objects_find_piece(
				    list, count, r.file[f].pieces[p]);
				if (found != NULL)
					found->modified = INT64_MAX;
			}
		recipe_fini(&r);
	}
	return 0;
}

static int
note_time(void *context, const struct object_info *info, struct err *e)
{
	(void)e;
	*(int64_t *)context = info->modified;
	return 0;
}

/* It is looked at once more just before: a publication may have renewed it meanwhile. */
static int
sweep_piece(const struct objects *o, struct objects_gc *gc, const char *sha256, struct err *e)
{
	char key[OBJECT_KEY_BYTES];
	int64_t modified = INT64_MAX;

	if (objects_piece_key(key, o, sha256, e) == -1 ||
	    o->store->list(o->store, key, note_time, &modified, e) == -1)
		return -1;
	if (modified > gc->now_s - gc->grace_s) {
		gc->kept_pieces++;
		return 0;
	}
	if (o->store->remove(o->store, key, e) == -1)
		return -1;
	gc->removed_pieces++;
	return 0;
}

/* Pieces are listed before recipes are: one that is published between the two names pieces
 * that are either in the list, and then marked, or younger than the list. */
int
objects_gc(const struct objects *o, struct objects_gc *gc, struct err *e)
{
	struct stored_piece *list = NULL;
	struct names n = {0}, cold = {0};
	size_t count = 0;
	int rc = -1;

	if (objects_stored_pieces(o, &list, &count, e) == -1 ||
	    objects_list(o, keep_name, &n, e) == -1 ||
	    objects_each_cold(o, keep_name, &cold, e) == -1 ||
	    sweep_recipes(o, gc, &n, &cold, e) == -1 ||
	    mark_pieces(o, &n, list, count, e) == -1)
		goto out;
	rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (list[i].modified > gc->now_s - gc->grace_s)
			gc->kept_pieces++;
		else
			rc = sweep_piece(o, gc, list[i].sha256, e);
	}
out:
	free(list);
	free(n.list);
	free(cold.list);
	return rc;
}
