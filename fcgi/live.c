/* live.c - which generation of each tenant the pointers on disk name. */
#include "live.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
live_fini(struct live *l)
{
	free(l->at);
	*l = (struct live){0};
}

/* The index of the first tenant not before `name`. */
static size_t
place_of(const struct live *l, const char *name)
{
	size_t low = 0, high = l->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(l->at[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct live_tenant *
live_find(const struct live *l, const char *tenant)
{
	size_t at = place_of(l, tenant);

	return at < l->count && strcmp(l->at[at].name, tenant) == 0 ? &l->at[at] : NULL;
}

static struct live_tenant *
insert(struct live *l, const char *tenant, struct err *e)
{
	size_t at = place_of(l, tenant), room;
	struct live_tenant *grown;

	if (l->count == l->room) {
		room = l->room == 0 ? 64 : l->room * 2;
		if ((grown = reallocarray(l->at, room, sizeof *grown)) == NULL) {
			err_sys(e, ERR_NOMEM, "tenants");
			return NULL;
		}
		l->at = grown;
		l->room = room;
	}
	memmove(&l->at[at + 1], &l->at[at], (l->count - at) * sizeof l->at[0]);
	l->count++;
	l->at[at] = (struct live_tenant){0};
	snprintf(l->at[at].name, sizeof l->at[at].name, "%s", tenant);
	return &l->at[at];
}

/* Takes over what the manifest of the generation says; on failure nothing changes. */
static int
take_generation(struct live_tenant *t, const char *data_dir, const char *name, struct err *e)
{
	char dir[PATH_MAX];
	struct manifest m;

	if (generation_dir(dir, data_dir, t->name, name, e) == -1 ||
	    manifest_read(&m, dir, NULL, e) == -1)
		return -1;
	snprintf(t->generation, sizeof t->generation, "%s", name);
	snprintf(t->version, sizeof t->version, "%s", m.config_version);
	snprintf(t->embedder, sizeof t->embedder, "%s", m.embedder);
	t->documents = m.documents;
	t->chunks = m.chunks;
	t->is_swept = false;
	return 0;
}

int
live_refresh(
    struct live *l, const char *data_dir, const char *tenant, bool *changed, struct err *e)
{
	struct live_tenant *t = live_find(l, tenant);
	char name[GENERATION_NAME_BYTES];
	struct err why;

	*changed = t == NULL;
	if (t == NULL && (t = insert(l, tenant, e)) == NULL)
		return -1;
	err_clear(&why);
	if (generation_current(name, data_dir, tenant, &why) == 0 &&
	    strcmp(name, t->generation) != 0 &&
	    take_generation(t, data_dir, name, &why) == 0)
		*changed = true;
	if (why.code == ERR_NOT_READY)
		err_clear(&why);
	snprintf(t->trouble, sizeof t->trouble, "%s", why.text);
	return 0;
}

bool
live_remove(struct live *l, const char *tenant)
{
	struct live_tenant *t = live_find(l, tenant);
	size_t at;

	if (t == NULL)
		return false;
	at = (size_t)(t - l->at);
	memmove(t, t + 1, (l->count - at - 1) * sizeof *t);
	l->count--;
	return true;
}

int
live_roster(const struct live *l, struct roster *r, uint64_t epoch, struct err *e)
{
	*r = (struct roster){.epoch = epoch};
	for (size_t i = 0; i < l->count; i++) {
		const struct live_tenant *t = &l->at[i];
		const char *generation = t->generation[0] != '\0' ? t->generation : NULL;
		if (roster_add(r, t->name, generation, e) == -1)
			return -1;
	}
	return 0;
}
