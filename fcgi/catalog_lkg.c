/* catalog_lkg.c - last known good documents: DATA/lkg, written before they count, and loaded
 * once at the start. */
#include "catalog_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "tenant.h"

enum { MARKER_MAX = 4096 };

static int
lkg_path(const struct catalog *c, const char *name, const char *suffix, char *out, size_t size,
    struct err *e)
{
	int n = snprintf(out, size, "%s/%s%s", c->folder, name, suffix);

	if (n < 0 || (size_t)n >= size)
		return err_set(e, ERR_LIMIT, "path too long: %.200s", c->folder);
	return 0;
}

int
catalog_document_path(
    const struct catalog *c, const char *name, char *out, size_t size, struct err *e)
{
	return lkg_path(c, name, ".json", out, size, e);
}

/* The index of the key, then the hashes of what was in force before, oldest first. */
static void
describe_origin(struct buf *b, const struct catalog_tenant *t, uint64_t revision)
{
	buf_addf(b, "revision %" PRIu64 "\n", revision);
	for (size_t i = 0; i < t->past_count; i++)
		buf_addf(b, "%s\n", t->past[i]);
	if (t->document != NULL)
		buf_addf(b, "%s\n", t->hash);
}

static int
write_marker(const char *path, const struct catalog_tenant *t, uint64_t revision, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	struct buf b;
	int rc;

	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", path);
	buf_init(&b, MARKER_MAX);
	describe_origin(&b, t, revision);
	if ((rc = buf_check(&b, path, e)) == 0)
		rc = file_write_all(fd, b.data, b.len, path, e);
	buf_fini(&b);
	close(fd);
	return rc;
}

/* What it cannot understand is left out: the rule it serves is then weaker, not wrong. */
static void
read_marker(struct catalog_tenant *t, const char *path)
{
	char *text, *line, *rest;
	size_t n;

	if (file_read(&text, &n, path, MARKER_MAX, NULL) == -1)
		return;
	if (sscanf(text, "revision %" SCNu64, &t->revision) != 1)
		t->revision = 0;
	line = strtok_r(text, "\n", &rest);
	while (line != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL)
		if (strlen(line) == SHA256_HEX_BYTES - 1 && strcmp(line, t->hash) != 0)
			catalog_remember_past(t, line);
	free(text);
}

/* Within a reading together with the others, else by itself.  A document that takes the place
 * of one from Consul goes by itself too: its marker may only go after it. */
static int
write_document(struct catalog *c, const char *name, const char *path, const char *marker,
    enum catalog_origin origin, const char *bytes, size_t n, struct err *e)
{
	bool has_marker = access(marker, F_OK) == 0;

	if (c->batch.is_open && (origin == ORIGIN_CONSUL || !has_marker))
		return doc_batch_write(&c->batch, name, bytes, n, e);
	if (file_replace(path, bytes, n, 0640, e) == -1)
		return -1;
	if (origin == ORIGIN_FILE)
		unlink(marker);
	return 0;
}

/* The marker comes before the document and goes after it, so that a document is never
 * taken for a file's when it came from Consul.  file_replace() syncs the folder for both. */
int
catalog_write_lkg(struct catalog *c, const struct catalog_tenant *t, enum catalog_origin origin,
    uint64_t revision, const char *bytes, size_t n, struct err *e)
{
	char marker[PATH_MAX], path[PATH_MAX];

	if (lkg_path(c, t->name, ".consul", marker, sizeof marker, e) == -1 ||
	    lkg_path(c, t->name, ".json", path, sizeof path, e) == -1 ||
	    (origin == ORIGIN_CONSUL && write_marker(marker, t, revision, e) == -1) ||
	    write_document(c, t->name, path, marker, origin, bytes, n, e) == -1) {
		if (e != NULL)
			c->trouble = *e;
		return -1;
	}
	err_clear(&c->trouble);
	return 0;
}

void
catalog_remove_lkg(struct catalog *c, const char *name)
{
	static const char *const suffixes[] = {".json", ".consul"};
	char path[PATH_MAX];

	for (size_t i = 0; i < 2; i++)
		if (lkg_path(c, name, suffixes[i], path, sizeof path, &c->trouble) == 0 &&
		    unlink(path) == -1 && errno != ENOENT)
			err_sys(&c->trouble, ERR_IO, "%s", path);
}

/* ---- loading ---- */

static int
is_document_name(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 5 && strcmp(entry->d_name + n - 5, ".json") == 0 &&
	    tenant_name_is_valid(entry->d_name, n - 5);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* 1: taken in; 0: damaged, skipped; -1: no memory. */
static int
load_one(struct catalog *c, const char *file, struct err *e)
{
	char name[NAME_MAX + 1], path[PATH_MAX], *bytes = NULL;
	struct catalog_tenant *t;
	struct tenant_doc d = {0};
	struct err why;
	size_t n;
	int rc = 0;

	snprintf(name, sizeof name, "%.*s", (int)(strlen(file) - 5), file);
	if (lkg_path(c, name, ".json", path, sizeof path, &why) == -1 ||
	    file_read(&bytes, &n, path, TENANT_CONFIG_MAX, &why) == -1 ||
	    tenant_doc_parse(&d, bytes, n, &why) == -1) {
		c->trouble = why;
		err_prefix(&c->trouble, "%s", file);
		goto out;
	}
	rc = -1;
	if (catalog_have_tenant(c, &t, name, ORIGIN_FILE, e) == -1 ||
	    catalog_accept(c, t, &d, bytes, n, 0, e) == -1)
		goto out;
	if (lkg_path(c, name, ".consul", path, sizeof path, &why) == 0 &&
	    access(path, F_OK) == 0) {
		t->origin = ORIGIN_CONSUL;
		read_marker(t, path);
	}
	rc = 1;
out:
	tenant_doc_fini(&d);
	free(bytes);
	return rc;
}

int
catalog_load_lkg(struct catalog *c, size_t *skipped, struct err *e)
{
	struct dirent **entries = NULL;
	int n, got = 1;

	*skipped = 0;
	if ((n = scandir(c->folder, &entries, is_document_name, by_name)) == -1)
		return err_sys(e, ERR_IO, "%s", c->folder);
	for (int i = 0; i < n; i++) {
		if (got != -1 && (got = load_one(c, entries[i]->d_name, e)) == 0)
			++*skipped;
		free(entries[i]);
	}
	free(entries);
	return got == -1 ? -1 : 0;
}
