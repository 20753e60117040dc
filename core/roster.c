/* roster.c - which generation of each tenant is live. */
#include "roster.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "tenant.h"

enum { ROSTER_FILE_MAX = 64 << 20 };

void
roster_fini(struct roster *r)
{
	if (r == NULL)
		return;
	free(r->entries);
	*r = (struct roster){0};
}

int
roster_add(struct roster *r, const char *tenant, const char *generation, struct err *e)
{
	struct roster_entry *entry;
	size_t room;

	if (tenant_name_check(tenant, strlen(tenant), e) == -1)
		return -1;
	if (generation != NULL && generation_name_check(generation, e) == -1)
		return -1;
	if (r->count == r->room) {
		room = r->room == 0 ? 64 : r->room * 2;
		entry = reallocarray(r->entries, room, sizeof *entry);
		if (entry == NULL)
			return err_sys(e, ERR_NOMEM, "roster");
		r->entries = entry;
		r->room = room;
	}
	entry = &r->entries[r->count++];
	*entry = (struct roster_entry){
	    .state = generation != NULL ? ROSTER_LIVE : ROSTER_BUILDING};
	memcpy(entry->tenant, tenant, strlen(tenant));
	if (generation != NULL)
		memcpy(entry->generation, generation, strlen(generation));
	return 0;
}

int
roster_add_cold(struct roster *r, const char *tenant, const char *generation, struct err *e)
{
	if (roster_add(r, tenant, generation, e) == -1)
		return -1;
	r->entries[r->count - 1].state = ROSTER_COLD;
	return 0;
}

const char *
roster_state_name(enum roster_state state)
{
	static const char *const names[] = {
	    [ROSTER_BUILDING] = "building", [ROSTER_LIVE] = "live", [ROSTER_COLD] = "cold"};

	return names[state];
}

static int
by_tenant(const void *a, const void *b)
{
	return strcmp(((const struct roster_entry *)a)->tenant,
	    ((const struct roster_entry *)b)->tenant);
}

const struct roster_entry *
roster_find(const struct roster *r, const char *tenant)
{
	struct roster_entry key = {0};

	if (r->count == 0 || strlen(tenant) > TENANT_NAME_BYTES)
		return NULL;
	memcpy(key.tenant, tenant, strlen(tenant));
	return bsearch(&key, r->entries, r->count, sizeof key, by_tenant);
}

static int
roster_path(char *out, size_t size, const char *data_dir, uint64_t epoch, struct err *e)
{
	int n = snprintf(out, size, "%s/roster/%" PRIu64, data_dir, epoch);

	return n > 0 && (size_t)n < size ? 0 : err_set(e, ERR_LIMIT, "path too long");
}

int
roster_save(struct roster *r, const char *data_dir, struct err *e)
{
	char path[PATH_MAX];
	struct buf lines, whole;
	int rc = -1;

	buf_init(&lines, ROSTER_FILE_MAX);
	buf_init(&whole, ROSTER_FILE_MAX + 256);
	if (r->count > 1)
		qsort(r->entries, r->count, sizeof r->entries[0], by_tenant);
	for (size_t i = 0; i < r->count; i++) {
		const struct roster_entry *t = &r->entries[i];
		buf_addf(&lines, "%s\t%s\t%s\n", t->tenant, roster_state_name(t->state),
		    t->state != ROSTER_BUILDING ? t->generation : "-");
	}
	buf_addf(&whole, "ragpool-roster 1 %" PRIu64 " %zu %08x\n", r->epoch, r->count,
	    hash_crc32c(0, lines.data, lines.len));
	buf_add(&whole, lines.data, lines.len);
	if (buf_check(&lines, "roster", e) == -1 || buf_check(&whole, "roster", e) == -1)
		goto out;
	if (snprintf(path, sizeof path, "%s/roster", data_dir) >= (int)sizeof path) {
		err_set(e, ERR_LIMIT, "path too long");
		goto out;
	}
	if (file_make_dirs(path, 0755, e) == -1 ||
	    roster_path(path, sizeof path, data_dir, r->epoch, e) == -1)
		goto out;
	rc = file_replace(path, whole.data, whole.len, 0444, e);
out:
	buf_fini(&lines);
	buf_fini(&whole);
	return rc;
}

/* One line, split in place at its tabs; *at moves behind it. */
static int
load_line(struct roster *r, char **at, struct err *e)
{
	char *tenant = *at, *end = strchr(tenant, '\n'), *state, *generation;

	if (end == NULL)
		return err_set(e, ERR_CORRUPT, "a line without its end");
	*end = '\0';
	*at = end + 1;
	if ((state = strchr(tenant, '\t')) == NULL ||
	    (generation = strchr(state + 1, '\t')) == NULL)
		return err_set(e, ERR_CORRUPT, "a line without three fields");
	*state++ = '\0';
	*generation++ = '\0';
	if (r->count > 0 && strcmp(r->entries[r->count - 1].tenant, tenant) >= 0)
		return err_set(e, ERR_CORRUPT, "tenants out of order");
	if (strcmp(state, "live") == 0)
		return roster_add(r, tenant, generation, e);
	if (strcmp(state, "cold") == 0)
		return roster_add_cold(r, tenant, generation, e);
	if (strcmp(state, "building") == 0)
		return roster_add(r, tenant, NULL, e);
	return err_set(e, ERR_CORRUPT, "unknown state");
}

static int
load_text(struct roster *r, char *text, size_t n, struct err *e)
{
	uint64_t epoch;
	size_t count;
	unsigned crc;
	char *lines = memchr(text, '\n', n);

	if (lines == NULL || memchr(text, '\0', n) != NULL ||
	    sscanf(text, "ragpool-roster 1 %" SCNu64 " %zu %8x\n", &epoch, &count, &crc) != 3)
		return err_set(e, ERR_CORRUPT, "not a roster");
	lines++;
	if (epoch != r->epoch || hash_crc32c(0, lines, n - (size_t)(lines - text)) != crc)
		return err_set(e, ERR_CORRUPT, "epoch or checksum differs");
	while (lines < text + n)
		if (load_line(r, &lines, e) == -1)
			return -1;
	if (r->count != count)
		return err_set(e, ERR_CORRUPT, "%zu tenants, the header says %zu", r->count, count);
	return 0;
}

int
roster_load(struct roster *r, const char *data_dir, uint64_t epoch, struct err *e)
{
	char path[PATH_MAX], *text = NULL;
	size_t n;
	int rc;

	*r = (struct roster){.epoch = epoch};
	if (roster_path(path, sizeof path, data_dir, epoch, e) == -1 ||
	    file_read(&text, &n, path, ROSTER_FILE_MAX, e) == -1)
		return -1;
	rc = load_text(r, text, n, e);
	free(text);
	if (rc == -1) {
		err_prefix(e, "%s", path);
		roster_fini(r);
	}
	return rc;
}

/* A file name that is an epoch and nothing else; 0 when it is not. */
static uint64_t
epoch_of_name(const char *name)
{
	char *end;
	uint64_t epoch;

	if (name[0] < '1' || name[0] > '9')
		return 0;
	epoch = strtoull(name, &end, 10);
	return *end == '\0' ? epoch : 0;
}

uint64_t
roster_proven(const char *data_dir)
{
	char path[PATH_MAX], *text;
	uint64_t epoch;
	size_t n;

	if (snprintf(path, sizeof path, "%s/roster/proven", data_dir) >= (int)sizeof path ||
	    file_read(&text, &n, path, 64, NULL) == -1)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	epoch = epoch_of_name(text);
	free(text);
	return epoch;
}

int
roster_set_proven(const char *data_dir, uint64_t epoch, struct err *e)
{
	char path[PATH_MAX], text[32];

	if (snprintf(path, sizeof path, "%s/roster/proven", data_dir) >= (int)sizeof path)
		return err_set(e, ERR_LIMIT, "path too long");
	snprintf(text, sizeof text, "%" PRIu64 "\n", epoch);
	return file_replace(path, text, strlen(text), 0644, e);
}

static DIR *
open_roster_dir(const char *data_dir)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/roster", data_dir) >= (int)sizeof path)
		return NULL;
	return opendir(path);
}

uint64_t
roster_newest(const char *data_dir)
{
	DIR *dir = open_roster_dir(data_dir);
	uint64_t newest = 0;
	struct dirent *entry;

	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		if (epoch_of_name(entry->d_name) > newest)
			newest = epoch_of_name(entry->d_name);
	closedir(dir);
	return newest;
}

int
roster_sweep(const char *data_dir, uint64_t oldest, struct err *e)
{
	DIR *dir = open_roster_dir(data_dir);
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s/roster", data_dir);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		uint64_t epoch = epoch_of_name(entry->d_name);
		if (epoch != 0 && epoch < oldest &&
		    unlinkat(dirfd(dir), entry->d_name, 0) == -1 && errno != ENOENT)
			rc = err_sys(e, ERR_IO, "unlink roster %s", entry->d_name);
	}
	closedir(dir);
	return rc;
}
