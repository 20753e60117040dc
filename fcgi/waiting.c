/* waiting.c - what is sent to a tenant and not built yet, by document. */
#include "waiting.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct reading {
	struct waiting *w;
	struct arena *arena;
	int64_t accepted;
};

static const char *
copy(struct arena *a, const char *text)
{
	return text != NULL ? arena_copy(a, text, strlen(text)) : NULL;
}

static int
add_item(void *context, const struct inbox_item *item, const char *bytes, struct err *e)
{
	struct reading *r = context;
	struct waiting *w = r->w;
	struct waiting_item *more;

	(void)bytes;
	if (w->count == w->room) {
		size_t room = w->room == 0 ? 64 : 2 * w->room;
		if ((more = arena_alloc(r->arena, room * sizeof *more)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for what waits");
		if (w->count > 0)
			memcpy(more, w->at, w->count * sizeof *more);
		w->at = more;
		w->room = room;
	}
	w->at[w->count] = (struct waiting_item){.key = copy(r->arena, item->key),
	    .name = copy(r->arena, item->name), .meta = copy(r->arena, item->meta),
	    .op = item->op, .bytes = item->bytes, .accepted = r->accepted, .turn = w->count};
	w->count++;
	return r->arena->failed ? err_set(e, ERR_NOMEM, "no memory for what waits") : 0;
}

/* The moment of its writing is all that says when it was accepted. */
static int64_t
accepted_at(const char *data_dir, const char *tenant, const char *name)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/inbox/%s/%s", data_dir, tenant, name);
	return stat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec : 0;
}

/* What is broken is the build's to put aside; what is gone was taken in meanwhile. */
static int
read_entry(struct reading *r, const char *data_dir, const char *tenant, const char *name,
    struct err *e)
{
	struct err why;

	r->accepted = accepted_at(data_dir, tenant, name);
	if (inbox_read(data_dir, tenant, name, false, add_item, r, &why) == 0 ||
	    why.code != ERR_NOMEM)
		return 0;
	return err_set(e, why.code, "%s", why.text);
}

static int
by_key(const void *a, const void *b)
{
	const struct waiting_item *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	return order != 0 ? order : x->turn < y->turn ? -1 : x->turn > y->turn;
}

static void
join_two(struct waiting_item *was, const struct waiting_item *next)
{
	if (next->op != INBOX_DESCRIBE) {
		*was = *next;
	} else if (was->op != INBOX_REMOVE) {
		was->meta = next->meta;
		was->accepted = was->op == INBOX_PUT ? was->accepted : next->accepted;
	}
}

static void
join_words(struct waiting *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++)
		if (kept > 0 && strcmp(w->at[kept - 1].key, w->at[i].key) == 0)
			join_two(&w->at[kept - 1], &w->at[i]);
		else
			w->at[kept++] = w->at[i];
	w->count = kept;
}

int
waiting_read(struct waiting *w, const char *data_dir, const char *tenant, struct arena *a,
    struct err *e)
{
	struct reading r = {.w = w, .arena = a};
	char(*names)[INBOX_NAME_BYTES];
	size_t count;
	int rc = 0;

	*w = (struct waiting){0};
	if (inbox_list(&names, &count, data_dir, tenant, e) == -1)
		return -1;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = read_entry(&r, data_dir, tenant, names[i], e);
	free(names);
	if (w->count > 1)
		qsort(w->at, w->count, sizeof *w->at, by_key);
	join_words(w);
	return rc;
}

const struct waiting_item *
waiting_find(const struct waiting *w, const char *key)
{
	size_t low = 0, high = w->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(w->at[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < w->count && strcmp(w->at[low].key, key) == 0 ? &w->at[low] : NULL;
}
