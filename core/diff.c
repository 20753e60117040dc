/* diff.c - which documents two generations of a tenant differ in. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "arena.h"

enum { KEYS_BYTES_MAX = 1 << 30 };

static const char *const kind_names[DIFF_KIND_MAX] = {
#define X(symbol, name) [symbol] = name,
    DIFF_KINDS(X)
#undef X
};

struct known {
	const char *key, *sha256;
};

struct differing {
	struct known *before;		/* sorted by key: stores are */
	size_t count, room, at;
	struct arena a;
	struct diff_counts *counts;
	int (*each)(void *context, enum diff_kind kind, const char *key, struct err *e);
	void *context;
};

const char *
diff_kind_name(enum diff_kind kind)
{
	return (unsigned)kind < DIFF_KIND_MAX ? kind_names[kind] : "unknown";
}

static int
tell(struct differing *d, enum diff_kind kind, const char *key, struct err *e)
{
	d->counts->of[kind]++;
	return d->each != NULL ? d->each(d->context, kind, key, e) : 0;
}

static int
keep(void *context, uint64_t id, const struct store_document *doc, struct err *e)
{
	struct differing *d = context;
	struct known *grown;
	size_t room = d->room == 0 ? 1024 : d->room * 2;

	(void)id;
	if (d->count == d->room) {
		if ((grown = reallocarray(d->before, room, sizeof *grown)) == NULL)
			return err_sys(e, ERR_NOMEM, "documents");
		d->before = grown;
		d->room = room;
	}
	d->before[d->count++] = (struct known){.key = arena_copy(&d->a, doc->key, strlen(doc->key)),
	    .sha256 = arena_copy(&d->a, doc->sha256, strlen(doc->sha256))};
	return d->a.failed ? err_set(e, ERR_NOMEM, "no memory for documents") : 0;
}

/* Those before `key` are gone; NULL: all that are left. */
static int
pass_over(struct differing *d, const char *key, struct err *e)
{
	for (; d->at < d->count; d->at++) {
		if (key != NULL && strcmp(d->before[d->at].key, key) >= 0)
			return 0;
		if (tell(d, DIFF_REMOVED, d->before[d->at].key, e) != 0)
			return -1;
	}
	return 0;
}

static int
compare(void *context, uint64_t id, const struct store_document *doc, struct err *e)
{
	struct differing *d = context;
	const struct known *was;

	(void)id;
	if (pass_over(d, doc->key, e) == -1)
		return -1;
	if (d->at == d->count || strcmp(d->before[d->at].key, doc->key) != 0)
		return tell(d, DIFF_ADDED, doc->key, e);
	was = &d->before[d->at++];
	if (strcmp(was->sha256, doc->sha256) != 0)
		return tell(d, DIFF_CHANGED, doc->key, e);
	d->counts->same++;
	return 0;
}

int
diff_documents(struct store *before, struct store *after, struct diff_counts *counts,
    int (*each)(void *context, enum diff_kind kind, const char *key, struct err *e),
    void *context, struct err *e)
{
	struct differing d = {.counts = counts, .each = each, .context = context};
	int rc = -1;

	*counts = (struct diff_counts){0};
	arena_init(&d.a, KEYS_BYTES_MAX);
	if (store_each_document(before, keep, &d, e) == 0 &&
	    store_each_document(after, compare, &d, e) == 0)
		rc = pass_over(&d, NULL, e);
	arena_fini(&d.a);
	free(d.before);
	return rc;
}
