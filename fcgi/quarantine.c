/* quarantine.c - generations that may not serve, kept over restarts. */
#include "quarantine.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "tenant.h"

enum { QUARANTINE_FILE_MAX = QUARANTINE_MAX * 512 };

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

static int
path_of(char out[PATH_MAX], const char *data_dir, struct err *e)
{
	return file_join(out, PATH_MAX, data_dir, "quarantine", e);
}

int
quarantine_save(const struct quarantine *q, const char *data_dir, struct err *e)
{
	char path[PATH_MAX];
	struct buf lines, whole;
	int rc = -1;

	buf_init(&lines, QUARANTINE_FILE_MAX);
	buf_init(&whole, QUARANTINE_FILE_MAX + 128);
	for (size_t i = 0; i < q->count; i++) {
		const struct quarantine_entry *x = &q->at[i];
		buf_addf(&lines, "%s\t%s\t%" PRId64 "\t%s\n", x->tenant, x->generation,
		    x->since_s, x->reason);
	}
	buf_addf(&whole, "ragpool-quarantine 1 %zu %08x\n", q->count,
	    hash_crc32c(0, lines.data, lines.len));
	buf_add(&whole, lines.data, lines.len);
	if (buf_check(&lines, "quarantine", e) == 0 && buf_check(&whole, "quarantine", e) == 0 &&
	    path_of(path, data_dir, e) == 0)
		rc = file_replace(path, whole.data, whole.len, 0640, e);
	buf_fini(&lines);
	buf_fini(&whole);
	return rc;
}

/* One line, split in place; *at moves behind it. */
static int
load_line(struct quarantine *q, char **at, struct err *e)
{
	char *field[4], *end = strchr(*at, '\n'), *rest;
	int64_t since;

	if (end == NULL)
		return err_set(e, ERR_CORRUPT, "a line without its end");
	*end = '\0';
	field[0] = *at;
	for (int i = 1; i < 4; i++) {
		if ((field[i] = strchr(field[i - 1], '\t')) == NULL)
			return err_set(e, ERR_CORRUPT, "a line without four fields");
		*field[i]++ = '\0';
	}
	*at = end + 1;
	since = strtoll(field[2], &rest, 10);
	if (*rest != '\0' || rest == field[2])
		return err_set(e, ERR_CORRUPT, "not a time: %.40s", field[2]);
	if (quarantine_add(q, field[0], field[1], field[3], since, e) == -1 &&
	    (e == NULL || e->code != ERR_NOMEM))
		return err_set(e, ERR_CORRUPT, "a line with names that are none");
	return 0;
}

static int
load_text(struct quarantine *q, char *text, size_t n, struct err *e)
{
	size_t count;
	unsigned crc;
	char *lines = n > 0 ? memchr(text, '\n', n) : NULL;

	if (lines == NULL || memchr(text, '\0', n) != NULL ||
	    sscanf(text, "ragpool-quarantine 1 %zu %8x\n", &count, &crc) != 2)
		return err_set(e, ERR_CORRUPT, "not a list of generations");
	lines++;
	if (hash_crc32c(0, lines, n - (size_t)(lines - text)) != crc)
		return err_set(e, ERR_CORRUPT, "the checksum differs");
	while (lines < text + n)
		if (load_line(q, &lines, e) == -1)
			return -1;
	if (q->count != count)
		return err_set(e, ERR_CORRUPT, "%zu entries, the header says %zu", q->count, count);
	return 0;
}

int
quarantine_load(struct quarantine *q, const char *data_dir, struct err *e)
{
	char path[PATH_MAX], *text = NULL;
	struct err why;
	size_t n;
	int rc;

	quarantine_fini(q);
	if (path_of(path, data_dir, e) == -1)
		return -1;
	if (file_read(&text, &n, path, QUARANTINE_FILE_MAX + 128, &why) == -1) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (e != NULL)
			*e = why;
		return -1;
	}
	rc = load_text(q, text, n, e);
	free(text);
	if (rc == -1) {
		err_prefix(e, "%s", path);
		quarantine_fini(q);
	}
	return rc;
}
