/* poison.c - tenants whose data ends workers. */
#include "poison.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "tenant.h"

enum { FILE_MAX = BOARD_POISONED_MAX * (TENANT_NAME_BYTES + GENERATION_NAME_BYTES + 2) };

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

bool
poison_note_death(struct poison *p, struct board *b, const char *tenant, const char *generation,
    int64_t now_ms)
{
	struct poison_suspect *s;

	if (tenant[0] == '\0' || poison_is_listed(b, tenant, generation))
		return false;
	s = place_of(p, tenant, generation);
	memmove(s->deaths_ms, s->deaths_ms + 1, sizeof s->deaths_ms - sizeof s->deaths_ms[0]);
	s->deaths_ms[POISON_DEATHS - 1] = now_ms;
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

/* ---- on disk: "<tenant> <generation>", one a line ---- */

static int
load_line(struct poison *p, struct board *b, char *line, struct err *e)
{
	char *blank = strchr(line, ' ');

	if (blank == NULL)
		return err_set(e, ERR_CORRUPT, "a line without a generation");
	*blank = '\0';
	if (tenant_name_check(line, strlen(line), e) == -1 ||
	    generation_name_check(blank + 1, e) == -1) {
		e->code = ERR_CORRUPT;
		return -1;
	}
	if (!poison_is_listed(b, line, blank + 1))
		list(p, b, line, blank + 1);
	return 0;
}

int
poison_load(struct poison *p, struct board *b, const char *data_dir, struct err *e)
{
	char path[PATH_MAX], *text, *end;
	int rc = 0;

	if (file_join(path, sizeof path, data_dir, "poisoned", e) == -1)
		return -1;
	if (file_read(&text, NULL, path, FILE_MAX, e) == -1)
		return e->code == ERR_NOT_FOUND ? 0 : -1;
	for (char *line = text; rc == 0 && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		rc = load_line(p, b, line, e);
	}
	free(text);
	if (rc == -1)
		err_prefix(e, "%s", path);
	return rc;
}

int
poison_save(const struct board *b, const char *data_dir, struct err *e)
{
	char path[PATH_MAX];
	struct buf text;
	int rc = -1;

	buf_init(&text, FILE_MAX + 1);
	for (int i = 0; i < BOARD_POISONED_MAX; i++) {
		const struct board_poisoned *entry = &b->head->poisoned[i];
		if (atomic_load(&entry->is_live) != 0)
			buf_addf(&text, "%s %s\n", entry->tenant, entry->generation);
	}
	if (buf_check(&text, "the poisoned", e) == 0 &&
	    file_join(path, sizeof path, data_dir, "poisoned", e) == 0)
		rc = file_replace(path, text.len > 0 ? text.data : "", text.len, 0640, e);
	buf_fini(&text);
	return rc;
}
