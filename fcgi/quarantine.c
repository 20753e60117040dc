/* quarantine.c - generations that may not serve, kept over restarts. */
#include "quarantine.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "generation.h"
#include "list_file.h"
#include "tenant.h"

enum { QUARANTINE_FILE_MAX = QUARANTINE_MAX * 512 };

static const char FILE_NAME[] = "quarantine";

void
quarantine_fini(struct quarantine *q)
{
	free(q->at);
	*q = (struct quarantine){0};
}

/* ---- places ---- */

static const char *
content_of(const char *generation)
{
	const char *dash = strchr(generation, '-');

	return dash != NULL ? dash + 1 : "";
}

static int
compare(const struct quarantine_entry *a, const char *tenant, const char *content)
{
	int by_tenant = strcmp(a->tenant, tenant);

	return by_tenant != 0 ? by_tenant : strcmp(content_of(a->generation), content);
}

/* The index of the first entry not before this one. */
static size_t
place_of(const struct quarantine *q, const char *tenant, const char *content)
{
	size_t low = 0, high = q->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (compare(&q->at[middle], tenant, content) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct quarantine_entry *
find(const struct quarantine *q, const char *tenant, const char *generation)
{
	const char *content = content_of(generation);
	size_t at = place_of(q, tenant, content);

	return at < q->count && compare(&q->at[at], tenant, content) == 0 ? &q->at[at] : NULL;
}

const struct quarantine_entry *
quarantine_find(const struct quarantine *q, const char *tenant, const char *generation)
{
	return find(q, tenant, generation);
}

const struct quarantine_entry *
quarantine_of(const struct quarantine *q, const char *tenant, size_t *count)
{
	size_t first = place_of(q, tenant, ""), end = first;

	while (end < q->count && strcmp(q->at[end].tenant, tenant) == 0)
		end++;
	*count = end - first;
	return end > first ? &q->at[first] : NULL;
}

/* ---- removing ---- */

static void
remove_range(struct quarantine *q, size_t first, size_t count)
{
	memmove(&q->at[first], &q->at[first + count],
	    (q->count - first - count) * sizeof q->at[0]);
	q->count -= count;
}

bool
quarantine_remove(struct quarantine *q, const char *tenant, const char *generation)
{
	const struct quarantine_entry *x = find(q, tenant, generation);

	if (x == NULL)
		return false;
	remove_range(q, (size_t)(x - q->at), 1);
	return true;
}

size_t
quarantine_remove_all(struct quarantine *q, const char *tenant)
{
	size_t count;
	const struct quarantine_entry *first = quarantine_of(q, tenant, &count);

	if (first != NULL)
		remove_range(q, (size_t)(first - q->at), count);
	return count;
}

static void
remove_oldest(struct quarantine *q, size_t first, size_t count)
{
	size_t oldest = first;

	for (size_t i = first; i < first + count; i++)
		if (q->at[i].since_s < q->at[oldest].since_s)
			oldest = i;
	remove_range(q, oldest, 1);
}

/* ---- adding ---- */

static void
keep_bounds(struct quarantine *q, const char *tenant)
{
	size_t count;
	const struct quarantine_entry *first = quarantine_of(q, tenant, &count);

	if (count >= QUARANTINE_PER_TENANT)
		remove_oldest(q, (size_t)(first - q->at), count);
	if (q->count >= QUARANTINE_MAX)
		remove_oldest(q, 0, q->count);
}

static int
make_room(struct quarantine *q, struct err *e)
{
	size_t room = q->room == 0 ? 16 : q->room * 2;
	struct quarantine_entry *grown;

	if (q->count < q->room)
		return 0;
	if ((grown = reallocarray(q->at, room, sizeof *grown)) == NULL)
		return err_sys(e, ERR_NOMEM, "quarantine");
	q->at = grown;
	q->room = room;
	return 0;
}

/* One line of text, whatever it was. */
static void
set_reason(struct quarantine_entry *x, const char *reason)
{
	snprintf(x->reason, sizeof x->reason, "%s", reason);
	for (char *c = x->reason; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
}

int
quarantine_add(struct quarantine *q, const char *tenant, const char *generation,
    const char *reason, int64_t since_s, struct err *e)
{
	struct quarantine_entry *x;
	size_t at;

	if (tenant_name_check(tenant, strlen(tenant), e) == -1 ||
	    generation_name_check(generation, e) == -1)
		return -1;
	if ((x = find(q, tenant, generation)) != NULL) {
		set_reason(x, reason);
		return 0;
	}
	keep_bounds(q, tenant);
	if (make_room(q, e) == -1)
		return -1;
	at = place_of(q, tenant, content_of(generation));
	memmove(&q->at[at + 1], &q->at[at], (q->count - at) * sizeof q->at[0]);
	q->count++;
	x = &q->at[at];
	*x = (struct quarantine_entry){.since_s = since_s};
	memcpy(x->tenant, tenant, strlen(tenant));
	memcpy(x->generation, generation, strlen(generation));
	set_reason(x, reason);
	return 0;
}

/* ---- the file ---- */

int
quarantine_save(const struct quarantine *q, const char *data_dir, struct err *e)
{
	struct buf lines;
	int rc;

	buf_init(&lines, QUARANTINE_FILE_MAX);
	for (size_t i = 0; i < q->count; i++)
		buf_addf(&lines, "%s\t%s\t%" PRId64 "\t%s\n", q->at[i].tenant,
		    q->at[i].generation, q->at[i].since_s, q->at[i].reason);
	rc = list_file_save(data_dir, FILE_NAME, &lines, q->count, e);
	buf_fini(&lines);
	return rc;
}

/* Tenant, generation, since when, why. */
static int
load_entry(void *context, char *const *field, struct err *e)
{
	struct quarantine *q = context;
	int64_t since;
	char *rest;

	since = strtoll(field[2], &rest, 10);
	if (*rest != '\0' || rest == field[2])
		return err_set(e, ERR_CORRUPT, "not a time: %.40s", field[2]);
	if (find(q, field[0], field[1]) != NULL)
		return err_set(e, ERR_CORRUPT, "%.60s twice", field[1]);
	if (quarantine_add(q, field[0], field[1], field[3], since, e) == 0)
		return 0;
	if (e != NULL && e->code != ERR_NOMEM)
		e->code = ERR_CORRUPT;
	return -1;
}

int
quarantine_load(struct quarantine *q, const char *data_dir, struct err *e)
{
	quarantine_fini(q);
	if (list_file_load(data_dir, FILE_NAME, 4, QUARANTINE_FILE_MAX, load_entry, q, e) == 0)
		return 0;
	quarantine_fini(q);
	return -1;
}
