/* pins.c - tenants that are held on a generation. */
#include "pins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "generation.h"
#include "list_file.h"
#include "tenant.h"

enum { PINS_FILE_MAX = PINS_MAX * 128 };

static const char FILE_NAME[] = "pins";

static const char *const origin_names[PIN_ORIGIN_MAX] = {
#define X(symbol, name) [symbol] = name,
    PIN_ORIGINS(X)
#undef X
};

const char *
pin_origin_name(enum pin_origin origin)
{
	return (unsigned)origin < PIN_ORIGIN_MAX ? origin_names[origin] : "unknown";
}

void
pins_fini(struct pins *p)
{
	free(p->at);
	*p = (struct pins){0};
}

/* ---- places ---- */

static int
compare(const struct pin *a, const char *tenant, enum pin_origin origin)
{
	int by_tenant = strcmp(a->tenant, tenant);

	return by_tenant != 0 ? by_tenant : (int)a->origin - (int)origin;
}

/* The index of the first pin not before this one. */
static size_t
place_of(const struct pins *p, const char *tenant, enum pin_origin origin)
{
	size_t low = 0, high = p->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare(&p->at[middle], tenant, origin) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct pin *
pins_find(const struct pins *p, const char *tenant, enum pin_origin origin)
{
	size_t at = place_of(p, tenant, origin);

	return at < p->count && compare(&p->at[at], tenant, origin) == 0 ? &p->at[at] : NULL;
}

const struct pin *
pins_of(const struct pins *p, const char *tenant)
{
	size_t at = place_of(p, tenant, PIN_OPERATOR);	/* the first of its tenant holds */

	return at < p->count && strcmp(p->at[at].tenant, tenant) == 0 ? &p->at[at] : NULL;
}

static void
remove_at(struct pins *p, size_t at)
{
	memmove(&p->at[at], &p->at[at + 1], (p->count - at - 1) * sizeof p->at[0]);
	p->count--;
}

static int
make_room(struct pins *p, struct err *e)
{
	size_t room = p->room == 0 ? 16 : p->room * 2;
	struct pin *grown;

	if (p->count < p->room)
		return 0;
	if (p->count == PINS_MAX)
		return err_set(e, ERR_LIMIT, "%d pins are the most there can be", PINS_MAX);
	if ((grown = reallocarray(p->at, room, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "pins");
	p->at = grown;
	p->room = room;
	return 0;
}

static int
put(struct pins *p, const char *tenant, const char *generation, enum pin_origin origin,
    bool *changed, struct err *e)
{
	size_t at = place_of(p, tenant, origin);

	if (pins_find(p, tenant, origin) == NULL) {
		if (make_room(p, e) == -1)
			return -1;
		memmove(&p->at[at + 1], &p->at[at], (p->count - at) * sizeof p->at[0]);
		p->count++;
		p->at[at] = (struct pin){.origin = origin};
		snprintf(p->at[at].tenant, sizeof p->at[at].tenant, "%s", tenant);
	} else if (strcmp(p->at[at].generation, generation) == 0) {
		return 0;
	}
	snprintf(p->at[at].generation, sizeof p->at[at].generation, "%s", generation);
	*changed = true;
	return 0;
}

int
pins_set(struct pins *p, const char *tenant, const char *generation, enum pin_origin origin,
    bool *changed, struct err *e)
{
	*changed = false;
	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	if (generation != NULL)
		return generation_name_check(generation, e) == -1 ?
		    -1 :
		    put(p, tenant, generation, origin, changed, e);
	if (pins_find(p, tenant, origin) != NULL) {
		remove_at(p, place_of(p, tenant, origin));
		*changed = true;
	}
	return 0;
}

bool
pins_forget(struct pins *p, const char *tenant)
{
	bool had = false;

	while (pins_of(p, tenant) != NULL) {
		remove_at(p, place_of(p, tenant, PIN_OPERATOR));
		had = true;
	}
	return had;
}

/* ---- the file ---- */

int
pins_save(const struct pins *p, const char *data_dir, struct err *e)
{
	struct buf lines;
	int rc;

	buf_init(&lines, PINS_FILE_MAX);
	for (size_t i = 0; i < p->count; i++)
		buf_addf(&lines, "%s\t%s\t%s\n", p->at[i].tenant,
		    pin_origin_name(p->at[i].origin), p->at[i].generation);
	rc = list_file_save(data_dir, FILE_NAME, &lines, p->count, e);
	buf_fini(&lines);
	return rc;
}

static int
origin_of(const char *name, enum pin_origin *out, struct err *e)
{
	for (int i = 0; i < PIN_ORIGIN_MAX; i++)
		if (strcmp(origin_names[i], name) == 0) {
			*out = (enum pin_origin)i;
			return 0;
		}
	return err_set(e, ERR_CORRUPT, "unknown origin");
}

/* Tenant, origin, generation. */
static int
load_pin(void *context, char *const *field, struct err *e)
{
	struct pins *p = context;
	enum pin_origin by = PIN_OPERATOR;
	bool changed;

	if (origin_of(field[1], &by, e) == -1)
		return -1;
	if (p->count > 0 && compare(&p->at[p->count - 1], field[0], by) >= 0)
		return err_set(e, ERR_CORRUPT, "pins out of order");
	if (pins_set(p, field[0], field[2], by, &changed, e) == 0)
		return 0;
	if (e != NULL && e->code != ERR_NOMEM)
		e->code = ERR_CORRUPT;
	return -1;
}

int
pins_load(struct pins *p, const char *data_dir, struct err *e)
{
	pins_fini(p);
	if (list_file_load(data_dir, FILE_NAME, 3, PINS_FILE_MAX, load_pin, p, e) == 0)
		return 0;
	pins_fini(p);
	return -1;
}
