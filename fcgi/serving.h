/* serving.h - the generations a worker has open, and the roster it serves from.
 *
 * Generations are opened on the first request for their tenant and kept, at most
 * SERVING_OPEN_MAX of them, the least recently used closed first.  serving_move() is
 * the reload: between two requests, every open generation that the new roster replaces
 * is opened beside the old one, checked, swapped, and only then the old one is closed.
 * A tenant whose new generation cannot be opened stays on its old one, and is tried again,
 * with its requests, every second.  Where descriptors or memory are short, what has been open
 * longest without a request is closed to make room.
 *
 * Without a roster (a worker run by hand, epoch 0) each tenant's `current` pointer is
 * followed instead, and serving_move() looks at the pointers again.
 *
 * Errors  serving_get(): ERR_TENANT unknown, ERR_NOT_READY not built yet, ERR_COLD in an object
 *         store, and asked for by this request,
 *         ERR_UNAVAILABLE its generation cannot be opened.
 */
#ifndef RAGPOOL_SERVING_H
#define RAGPOOL_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "err.h"
#include "index.h"
#include "roster.h"

enum { SERVING_OPEN_MAX = 256 };

struct serving;

struct serving_move_report {
	unsigned moved;			/* tenants now on another generation */
	unsigned refused;		/* tenants that stayed on their old one */
	bool is_data;			/* of one of them: its own fault, not the machine's */
	char tenant[TENANT_NAME_BYTES + 1];	/* the first such one, else the first */
	char refusal[240];		/* why */
};

/* Asked before a generation is opened or used, also within a move; what it refuses is not
 * served. */
typedef int serving_guard_fn(
    void *context, const char *tenant, const char *generation, struct err *e);

/* Told of a tenant's request, at most once a minute; of each when the tenant is cold. */
typedef void serving_asked_fn(void *context, const char *tenant);

int serving_new(struct serving **out, const char *data_dir, struct err *e);
void serving_free(struct serving *s);
void serving_set_guard(struct serving *s, serving_guard_fn *guard, void *context);
void serving_set_asked(struct serving *s, serving_asked_fn *asked, void *context);
/* epoch 0: no roster.  On failure everything stays as it was. */
int serving_move(
    struct serving *s, uint64_t epoch, struct serving_move_report *report, struct err *e);
/* Borrowed until the next serving_get() or serving_move(). */
int serving_get(struct serving *s, const char *tenant, struct index **out, struct err *e);
/* A generation that is asked for by name, live or not, as long as it is kept on disk; the
 * last one asked for stays open.  Not what was judged unfit, or is still being judged (pinned.h).  Borrowed until the next serving_get_pinned() or
 * serving_move().  ERR_GENERATION: there is none of that name. */
int serving_get_pinned(struct serving *s, const char *tenant, const char *generation,
    struct index **out, struct err *e);
/* The only tenant there is, NULL when there are none or several. */
const char *serving_only_tenant(const struct serving *s);
/* NULL when it runs without a roster. */
const struct roster *serving_roster(const struct serving *s);
const char *serving_data_dir(const struct serving *s);
/* Tenants that are not on the generation that the roster says. */
size_t serving_behind_count(const struct serving *s);
size_t serving_open_count(const struct serving *s);

#endif
