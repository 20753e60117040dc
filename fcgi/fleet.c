/* fleet.c - what the hosts of a fleet agree on about each tenant. */
#include "fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
fleet_step_name(enum fleet_step step)
{
	static const char *const names[FLEET_STEP_MAX] = {
#define X(symbol, name) [symbol] = name,
		FLEET_STEPS(X)
#undef X
	};

	return names[step];
}

static bool
is_same(const char *a, const char *b)
{
	return a[0] != '\0' && strcmp(a, b) == 0;
}

/* A pointer that people wrote says nothing of a store: it is looked for there. */
static bool
is_fetchable(const struct fleet_tenant *t, bool has_store)
{
	return has_store && (t->key.where[0] != '\0' || t->key.host[0] == '\0') &&
	    !t->was_fetched_in_vain;
}

/* The key is newer than what was taken. */
static enum fleet_step
follow(const struct fleet_tenant *t, const struct fleet_view *v)
{
	if (v->here[0] != '\0' && (!v->is_away || !v->has_store))
		return FLEET_TAKE;
	if (v->is_away || is_fetchable(t, v->has_store))
		return FLEET_FETCH;
	if (t->own[0] != '\0' && is_same(t->key.version, t->own_version))
		return FLEET_TAKE_OWN;
	if (is_same(t->key.version, v->live_version))
		return FLEET_ADOPT;
	return is_same(t->key.version, v->wanted) ? FLEET_BUILD : FLEET_WAIT;
}

static enum fleet_step
announce(const struct fleet_tenant *t, const struct fleet_view *v)
{
	bool is_live = generation_is_same_content(t->own, v->live);

	if (!v->may_write)
		return FLEET_ALONE;
	if (!v->is_reachable)
		return v->live[0] == '\0' ? FLEET_SERVE : is_live ? FLEET_REST : FLEET_WAIT;
	if (v->has_store && !t->is_published && t->publish_tries < FLEET_PUBLISH_TRIES)
		return FLEET_PUBLISH;
	return FLEET_WRITE;
}

/* What was made here is of the document in force, and what the key names is not: somebody
 * was slower than the document. */
static bool
is_overtaken(const struct fleet_tenant *t, const struct fleet_view *v)
{
	return t->own[0] != '\0' && is_same(t->own_version, v->wanted) &&
	    t->key.version[0] != '\0' && strcmp(t->key.version, v->wanted) != 0 &&
	    t->key.withdrawn[0] == '\0';
}

bool
fleet_own_is_in_key(const struct fleet_tenant *t)
{
	return t->own[0] != '\0' && generation_is_same_content(t->own, t->key.generation);
}

/* This host made what the key names, and the store did not take it: the others build it
 * themselves, and one that has no source for it waits. */
static bool
owes_store(const struct fleet_tenant *t, const struct fleet_view *v)
{
	return v->has_store && v->may_write && v->is_reachable && t->key.where[0] == '\0' &&
	    is_same(t->key.host, v->host) &&
	    generation_is_same_content(v->live, t->key.generation);
}

static enum fleet_step
rest_on_key(const struct fleet_tenant *t, const struct fleet_view *v)
{
	if (fleet_own_is_in_key(t) && owes_store(t, v))
		return t->is_published ? FLEET_WRITE : FLEET_PUBLISH;
	if (t->own[0] != '\0')
		return fleet_own_is_in_key(t) ? FLEET_TAKE_OWN : announce(t, v);
	if (t->key.index != t->taken.index ||
	    (t->key.flip != 0 && t->key.flip != t->taken.flip))
		return FLEET_ADOPT;
	return owes_store(t, v) ? FLEET_OFFER : FLEET_REST;
}

enum fleet_step
fleet_decide(const struct fleet_tenant *t, const struct fleet_view *v)
{
	if (t->is_busy || v->now_ms < t->retry_ms)
		return FLEET_REST;
	if (t->key.generation[0] == '\0') {
		if (t->own[0] != '\0')
			return announce(t, v);
		if (t->bad.code != ERR_NONE)
			return FLEET_WAIT;
		return v->may_write && v->is_reachable && t->is_listed &&
			is_same(v->live_version, v->wanted)
		    ? FLEET_OFFER
		    : FLEET_REST;
	}
	switch (consul_pointer_compare(&t->taken, &t->key)) {
	case POINTER_NEWER:
		return is_overtaken(t, v) ? announce(t, v) : follow(t, v);
	case POINTER_SAME:
		return rest_on_key(t, v);
	default:
		return t->own[0] != '\0' ? announce(t, v) : FLEET_WAIT;
	}
}

static bool
is_same_key(const struct consul_pointer *a, const struct consul_pointer *b)
{
	return a->index == b->index && a->flip == b->flip &&
	    strcmp(a->generation, b->generation) == 0 && strcmp(a->where, b->where) == 0;
}

void
fleet_take_key(struct fleet_tenant *t, const struct consul_pointer *key, const struct err *bad)
{
	static const struct consul_pointer none;

	if (key == NULL)
		key = &none;
	if (!is_same_key(&t->key, key)) {
		t->was_fetched_in_vain = false;
		t->retry_ms = t->backoff_ms = 0;
	}
	if (fleet_own_is_in_key(t) &&
	    !generation_is_same_content(t->own, key->generation))
		fleet_forget_own(t);
	t->key = *key;
	err_clear(&t->bad);
	if (bad != NULL)
		t->bad = *bad;
}

void
fleet_offer(struct fleet_tenant *t, const char *generation, const char *version,
    const char *withdrawn)
{
	snprintf(t->own, sizeof t->own, "%s", generation);
	snprintf(t->own_version, sizeof t->own_version, "%s", version);
	snprintf(t->withdrawn, sizeof t->withdrawn, "%s", withdrawn);
	t->is_published = false;
	t->publish_tries = 0;
	t->retry_ms = t->backoff_ms = 0;
}

void
fleet_forget_own(struct fleet_tenant *t)
{
	t->own[0] = t->own_version[0] = t->withdrawn[0] = '\0';
	t->backoff_ms = 0;
	t->waits[0] = '\0';
}

void
fleet_next_pointer(const struct fleet_tenant *t, const char *manifest, const char *where,
    const char *host, struct consul_pointer *out)
{
	uint64_t flip = t->key.flip > t->taken.flip ? t->key.flip : t->taken.flip;
	const char *previous =
	    t->key.generation[0] != '\0' ? t->key.generation : t->taken.generation;

	*out = (struct consul_pointer){.flip = flip + 1};
	snprintf(out->generation, sizeof out->generation, "%s", t->own);
	snprintf(out->version, sizeof out->version, "%s", t->own_version);
	snprintf(out->manifest, sizeof out->manifest, "%s", manifest);
	snprintf(out->where, sizeof out->where, "%s", t->is_published ? where : "");
	snprintf(out->previous, sizeof out->previous, "%s", previous);
	snprintf(out->withdrawn, sizeof out->withdrawn, "%s", t->withdrawn);
	snprintf(out->host, sizeof out->host, "%s", host);
}

/* A pointer written by hand counts nothing, but the count goes on behind it. */
void
fleet_took_key(struct fleet_tenant *t)
{
	uint64_t flip = t->taken.flip;

	t->taken = t->key;
	if (t->taken.flip == 0)
		t->taken.flip = flip;
}

bool
fleet_covers(const struct fleet_tenant *t, const char *version, bool has_store)
{
	if (t->own[0] != '\0' && is_same(t->own_version, version))
		return true;
	return is_same(t->key.version, version) && is_fetchable(t, has_store) &&
	    consul_pointer_compare(&t->taken, &t->key) == POINTER_NEWER;
}

bool
fleet_holds_back(const struct fleet_tenant *t, const char *version, uint64_t revision)
{
	/* a host that comes late has taken nothing yet: what the key says counts already */
	const struct consul_pointer *p =
	    t->key.generation[0] != '\0' &&
		    consul_pointer_compare(&t->taken, &t->key) == POINTER_NEWER ? &t->key : &t->taken;

	if (p->generation[0] == '\0' || is_same(p->version, version))
		return false;
	if (is_same(p->withdrawn, version))
		return true;
	/* a pointer written by hand, after the document, is a decision against it */
	return p->host[0] == '\0' && revision < p->index;
}

void
fleet_back_off(struct fleet_tenant *t, int64_t now_ms)
{
	t->backoff_ms = t->backoff_ms == 0 ? FLEET_RETRY_MIN_MS : t->backoff_ms * 2;
	if (t->backoff_ms > FLEET_RETRY_MAX_MS)
		t->backoff_ms = FLEET_RETRY_MAX_MS;
	t->retry_ms = now_ms + t->backoff_ms;
}

/* Where the name is, or where it would have to stand. */
static bool
locate(const struct fleet *f, const char *name, size_t *at)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(f->at[middle]->name, name);
		if (order == 0) {
			*at = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return false;
}

struct fleet_tenant *
fleet_find(const struct fleet *f, const char *name)
{
	size_t at;

	return locate(f, name, &at) ? f->at[at] : NULL;
}

struct fleet_tenant *
fleet_have(struct fleet *f, const char *name)
{
	struct fleet_tenant *t, **more;
	size_t at, room;

	if (locate(f, name, &at))
		return f->at[at];
	if (f->count == f->room) {
		room = f->room > 0 ? f->room * 2 : 16;
		if ((more = reallocarray(f->at, room, sizeof *more)) == NULL)
			return NULL;
		f->at = more;
		f->room = room;
	}
	if ((t = calloc(1, sizeof *t)) == NULL)
		return NULL;
	snprintf(t->name, sizeof t->name, "%s", name);
	memmove(&f->at[at + 1], &f->at[at], (f->count - at) * sizeof *f->at);
	f->at[at] = t;
	f->count++;
	return t;
}

void
fleet_remove(struct fleet *f, const char *name)
{
	size_t at;

	if (!locate(f, name, &at))
		return;
	free(f->at[at]);
	memmove(&f->at[at], &f->at[at + 1], (f->count - at - 1) * sizeof *f->at);
	f->count--;
}

void
fleet_fini(struct fleet *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->at[i]);
	free(f->at);
	*f = (struct fleet){0};
}
