/* source_joined.c - a tenant's source and what was pushed to it, as one. */
#include <stdlib.h>
#include <string.h>

#include "pushed.h"

struct joined {
	struct source base;
	struct source *inner;		/* borrowed */
	struct source *pushed;		/* owned */
	char **keys;			/* of the pushed ones, sorted; owned */
	size_t count, room;
	source_item_fn *each;		/* of the listing that runs */
	void *context;
};

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
is_pushed(const struct joined *j, const char *key)
{
	return j->count > 0 &&
	    bsearch(&key, j->keys, j->count, sizeof *j->keys, by_text) != NULL;
}

static void
forget_keys(struct joined *j)
{
	for (size_t i = 0; i < j->count; i++)
		free(j->keys[i]);
	j->count = 0;
}

static int
note_pushed(void *context, const struct source_item *item, struct err *e)
{
	struct joined *j = context;
	char **more;

	if (j->count == j->room) {
		size_t room = j->room == 0 ? 256 : 2 * j->room;
		if ((more = reallocarray(j->keys, room, sizeof *j->keys)) == NULL)
			return err_sys(e, ERR_NOMEM, "a listing");
		j->keys = more;
		j->room = room;
	}
	if ((j->keys[j->count] = strdup(item->key)) == NULL)
		return err_sys(e, ERR_NOMEM, "a listing");
	j->count++;
	return j->each(j->context, item, e);
}

static int
pass_inner(void *context, const struct source_item *item, struct err *e)
{
	struct joined *j = context;

	return is_pushed(j, item->key) ? 0 : j->each(j->context, item, e);
}

static int
joined_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct joined *j = (struct joined *)base;

	forget_keys(j);
	j->each = each;
	j->context = context;
	if (j->pushed->list(j->pushed, note_pushed, j, e) == -1)
		return -1;
	if (j->count > 1)
		qsort(j->keys, j->count, sizeof *j->keys, by_text);
	return j->inner->list(j->inner, pass_inner, j, e);
}

/* The pushed ones to the front; answers how many. */
static size_t
part_items(const struct joined *j, struct source_item *items, size_t count)
{
	size_t front = 0;

	for (size_t i = 0; i < count; i++)
		if (is_pushed(j, items[i].key)) {
			struct source_item moved = items[i];
			items[i] = items[front];
			items[front++] = moved;
		}
	return front;
}

static int
joined_read_each(struct source *base, struct source_item *items, size_t count,
    source_got_fn *got, void *context, struct err *e)
{
	struct joined *j = (struct joined *)base;
	size_t front = part_items(j, items, count);

	if (source_read_each(j->pushed, items, front, got, context, e) == -1)
		return -1;
	/* A source whose listing brings its documents reads none. */
	return front == count ?
	    0 :
	    source_read_each(j->inner, items + front, count - front, got, context, e);
}

static void
joined_close(struct source *base)
{
	struct joined *j = (struct joined *)base;

	forget_keys(j);
	free(j->keys);
	source_close(j->pushed);
	free(j);
}

int
source_joined(struct source **out, struct source *inner, const char *data_dir,
    const char *tenant, struct err *e)
{
	struct source *pushed;
	struct joined *j;

	*out = NULL;
	if (source_pushed_open(&pushed, data_dir, tenant, e) == -1)
		return -1;
	if ((j = calloc(1, sizeof *j)) == NULL) {
		source_close(pushed);
		return err_sys(e, ERR_NOMEM, "a source");
	}
	j->base = (struct source){joined_list, NULL, joined_read_each, joined_close};
	j->inner = inner;
	j->pushed = pushed;
	*out = &j->base;
	return 0;
}
