/* poison.c - tenants whose data ends workers. */
#include "poison.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "generation.h"
#include "list_file.h"
#include "tenant.h"

#define FILE_NAME "poisoned"
#define SUSPECTS_NAME "suspects"
enum {
	FILE_MAX = BOARD_POISONED_MAX * (TENANT_NAME_BYTES + GENERATION_NAME_BYTES + 2),
	TIME_BYTES = 20,
	SUSPECTS_MAX = POISON_SUSPECTS_MAX * POISON_DEATHS *
	    (TENANT_NAME_BYTES + GENERATION_NAME_BYTES + TIME_BYTES + 3)
};

static void
unlist(struct board *b, struct board_poisoned *p)
{
	if (atomic_exchange(&p->is_live, 0) != 0)
		atomic_fetch_sub(&b->head->poisoned_count, 1);
}

static void
list(struct poison *p, struct board *b, const char *tenant, const char *generation)
{
	struct board_poisoned *entry = &b->head->poisoned[p->next++ % BOARD_POISONED_MAX];

	unlist(b, entry);
	snprintf(entry->tenant, sizeof entry->tenant, "%s", tenant);
	snprintf(entry->generation, sizeof entry->generation, "%s", generation);
	atomic_store(&entry->is_live, 1);
	atomic_fetch_add(&b->head->poisoned_count, 1);
}

static int64_t
newest_death(const struct poison_suspect *s)
{
	return s->deaths_ms[POISON_DEATHS - 1];
}

/* The suspect's place, or the one longest without a death. */
static struct poison_suspect *
place_of(struct poison *p, const char *tenant, const char *generation)
{
	struct poison_suspect *oldest = &p->suspects[0];

	for (int i = 0; i < POISON_SUSPECTS_MAX; i++) {
		struct poison_suspect *s = &p->suspects[i];
		if (strcmp(s->tenant, tenant) == 0 && strcmp(s->generation, generation) == 0)
			return s;
		if (newest_death(s) < newest_death(oldest))
			oldest = s;
	}
	*oldest = (struct poison_suspect){0};
	snprintf(oldest->tenant, sizeof oldest->tenant, "%s", tenant);
	snprintf(oldest->generation, sizeof oldest->generation, "%s", generation);
	return oldest;
}

static struct poison_suspect *
add_death(struct poison *p, const char *tenant, const char *generation, int64_t at_ms)
{
	struct poison_suspect *s = place_of(p, tenant, generation);

	memmove(s->deaths_ms, s->deaths_ms + 1, sizeof s->deaths_ms - sizeof s->deaths_ms[0]);
	s->deaths_ms[POISON_DEATHS - 1] = at_ms;
	return s;
}

bool
poison_note_death(struct poison *p, struct board *b, const char *tenant, const char *generation,
    int64_t now_ms)
{
	struct poison_suspect *s;

	if (tenant[0] == '\0' || poison_is_listed(b, tenant, generation))
		return false;
	s = add_death(p, tenant, generation, now_ms);
	if (s->deaths_ms[0] == 0 || now_ms - s->deaths_ms[0] > POISON_WINDOW_MS)
		return false;
	list(p, b, tenant, generation);
	return true;
}

bool
poison_lift(struct poison *p, struct board *b, const char *tenant, const char *keep)
{
	bool was_listed = false;

	for (int i = 0; i < POISON_SUSPECTS_MAX; i++) {
		struct poison_suspect *s = &p->suspects[i];
		if (strcmp(s->tenant, tenant) == 0 &&
		    (keep == NULL || strcmp(s->generation, keep) != 0))
			*s = (struct poison_suspect){0};
	}
	for (int i = 0; i < BOARD_POISONED_MAX; i++) {
		struct board_poisoned *entry = &b->head->poisoned[i];
		if (atomic_load(&entry->is_live) == 0 || strcmp(entry->tenant, tenant) != 0 ||
		    (keep != NULL && strcmp(entry->generation, keep) == 0))
			continue;
		unlist(b, entry);
		was_listed = true;
	}
	return was_listed;
}

static const struct board_poisoned *
find(const struct board *b, const char *tenant, const char *generation)
{
	if (b->head == NULL || atomic_load(&b->head->poisoned_count) == 0)
		return NULL;
	for (int i = 0; i < BOARD_POISONED_MAX; i++) {
		const struct board_poisoned *entry = &b->head->poisoned[i];
		if (atomic_load(&entry->is_live) != 0 && strcmp(entry->tenant, tenant) == 0 &&
		    (generation == NULL || strcmp(entry->generation, generation) == 0))
			return entry;
	}
	return NULL;
}

bool
poison_is_listed(const struct board *b, const char *tenant, const char *generation)
{
	return find(b, tenant, generation) != NULL;
}

const char *
poison_of_tenant(const struct board *b, const char *tenant)
{
	const struct board_poisoned *entry = find(b, tenant, NULL);

	return entry != NULL ? entry->generation : NULL;
}

/* ---- on disk ---- */

struct loading {
	struct poison *p;
	struct board *b;
};

static int
load_entry(void *context, char *const *field, struct err *e)
{
	struct loading *l = context;

	if (!tenant_name_is_valid(field[0], strlen(field[0])) ||
	    generation_name_check(field[1], NULL) == -1)
		return err_set(e, ERR_CORRUPT, "not a tenant and a generation: %.40s", field[0]);
	if (!poison_is_listed(l->b, field[0], field[1]))
		list(l->p, l->b, field[0], field[1]);
	return 0;
}

int
poison_load(struct poison *p, struct board *b, const char *data_dir, struct err *e)
{
	struct loading l = {p, b};

	return list_file_load(data_dir, FILE_NAME, 2, FILE_MAX, load_entry, &l, e);
}

int
poison_save(const struct board *b, const char *data_dir, struct err *e)
{
	struct buf lines;
	size_t count = 0;
	int rc;

	buf_init(&lines, FILE_MAX + 1);
	for (int i = 0; i < BOARD_POISONED_MAX; i++) {
		const struct board_poisoned *entry = &b->head->poisoned[i];
		if (atomic_load(&entry->is_live) == 0)
			continue;
		buf_addf(&lines, "%s\t%s\n", entry->tenant, entry->generation);
		count++;
	}
	rc = list_file_save(data_dir, FILE_NAME, &lines, count, e);
	buf_fini(&lines);
	return rc;
}

struct loading_suspects {
	struct poison *p;
	int64_t now_ms, wall_ms;
};

/* The clock may have been started since: then it is one of its first moments, not zero, which
 * is no death at all. */
static int
load_death(void *context, char *const *field, struct err *e)
{
	struct loading_suspects *l = context;
	int64_t ago_ms = l->wall_ms - strtoll(field[2], NULL, 10), at_ms;

	if (!tenant_name_is_valid(field[0], strlen(field[0])) ||
	    generation_name_check(field[1], NULL) == -1)
		return err_set(e, ERR_CORRUPT, "not a tenant and a generation: %.40s", field[0]);
	if (ago_ms > POISON_WINDOW_MS)
		return 0;
	at_ms = ago_ms > 0 ? l->now_ms - ago_ms : l->now_ms;
	add_death(l->p, field[0], field[1], at_ms > 0 ? at_ms : 1);
	return 0;
}

int
poison_load_suspects(
    struct poison *p, const char *data_dir, int64_t now_ms, int64_t wall_ms, struct err *e)
{
	struct loading_suspects l = {p, now_ms, wall_ms};

	return list_file_load(data_dir, SUSPECTS_NAME, 3, SUSPECTS_MAX, load_death, &l, e);
}

int
poison_save_suspects(const struct poison *p, const char *data_dir, int64_t now_ms,
    int64_t wall_ms, struct err *e)
{
	struct buf lines;
	size_t count = 0;
	int rc;

	buf_init(&lines, SUSPECTS_MAX + 1);
	for (int i = 0; i < POISON_SUSPECTS_MAX; i++)
		for (int n = 0; n < POISON_DEATHS; n++) {
			const struct poison_suspect *s = &p->suspects[i];
			if (s->deaths_ms[n] == 0 || now_ms - s->deaths_ms[n] > POISON_WINDOW_MS)
				continue;
			buf_addf(&lines, "%s\t%s\t%" PRId64 "\n", s->tenant, s->generation,
			    wall_ms - (now_ms - s->deaths_ms[n]));
			count++;
		}
	rc = list_file_save(data_dir, SUSPECTS_NAME, &lines, count, e);
	buf_fini(&lines);
	return rc;
}
