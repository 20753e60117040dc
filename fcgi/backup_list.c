/* backup_list.c - what is in a backup: one line of JSON a file, sealed by the last one. */
#include "backup_list.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "buf.h"
#include "file.h"
#include "json.h"

enum { LINE_MAX_BYTES = 4096 };
#define WORDS_MAX ((size_t)8 << 30)
#define MANIFEST_MAX ((size_t)16 << 30)

static const char manifest_name[] = "manifest.jsonl";

void
backup_list_init(struct backup_list *l)
{
	*l = (struct backup_list){0};
	arena_init(&l->words, WORDS_MAX);
}

void
backup_list_fini(struct backup_list *l)
{
	free(l->files);
	arena_fini(&l->words);
	*l = (struct backup_list){0};
}

int
backup_list_add(struct backup_list *l, const char *path, uint64_t bytes,
    const char sha256[SHA256_HEX_BYTES], struct err *e)
{
	size_t room = l->room == 0 ? 64 : 2 * l->room;
	struct backup_file *f;

	if (l->count == BACKUP_FILES_MAX)
		return err_set(e, ERR_LIMIT, "a backup holds at most %d files", BACKUP_FILES_MAX);
	if (l->count == l->room) {
		if ((f = reallocarray(l->files, room, sizeof *f)) == NULL)
			return err_sys(e, ERR_NOMEM, "a list of files");
		l->files = f;
		l->room = room;
	}
	f = &l->files[l->count];
	*f = (struct backup_file){.path = arena_copy(&l->words, path, strlen(path)), .bytes = bytes};
	if (f->path == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a list of files");
	memcpy(f->sha256, sha256, SHA256_HEX_BYTES);
	l->count++;
	return 0;
}

/* ---- finding ---- */

static int
by_path(const void *a, const void *b)
{
	const struct backup_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static size_t
place_of(const struct backup_list *l, const char *path)
{
	size_t low = 0, high = l->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (strcmp(l->files[middle].path, path) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct backup_file *
backup_list_find(const struct backup_list *l, const char *path)
{
	size_t at = place_of(l, path);

	return at < l->count && strcmp(l->files[at].path, path) == 0 ? &l->files[at] : NULL;
}

const struct backup_file *
backup_list_below(const struct backup_list *l, const char *prefix, size_t *count)
{
	size_t first = place_of(l, prefix), end = first, n = strlen(prefix);

	while (end < l->count && strncmp(l->files[end].path, prefix, n) == 0)
		end++;
	*count = end - first;
	return end > first ? &l->files[first] : NULL;
}

/* ---- writing ---- */

static void
put_file(struct buf *b, const struct backup_file *f)
{
	buf_adds(b, "{\"path\": ");
	json_put_text(b, f->path, strlen(f->path));
	buf_addf(b, ", \"bytes\": %" PRIu64 ", \"sha256\": \"%s\"", f->bytes, f->sha256);
	if (f->expires != 0)
		buf_addf(b, ", \"expires\": %" PRId64, f->expires);
	buf_adds(b, "}\n");
}

int
backup_list_save(struct backup_list *l, const char *folder, struct err *e)
{
	char path[PATH_MAX], hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	struct buf b;
	int rc = -1;

	if (l->count > 1)
		qsort(l->files, l->count, sizeof l->files[0], by_path);
	buf_init(&b, MANIFEST_MAX);
	buf_addf(&b, "{\"ragpool_backup\": 1, \"at\": \"%s\"}\n", l->at);
	for (size_t i = 0; i < l->count; i++)
		put_file(&b, &l->files[i]);
	if (buf_check(&b, "a manifest", e) == -1 ||
	    hash_sha256_of(b.data, b.len, digest, e) == -1)
		goto out;
	hash_hex(digest, hex);
	buf_addf(&b, "{\"files\": %zu, \"sha256\": \"%s\"}\n", l->count, hex);
	if (buf_check(&b, "a manifest", e) == 0 &&
	    file_join(path, sizeof path, folder, manifest_name, e) == 0)
		rc = file_replace(path, b.data, b.len, 0440, e);
out:
	buf_fini(&b);
	return rc;
}

/* ---- reading ---- */

static bool
is_hex(const char *text)
{
	return strlen(text) == SHA256_HEX_BYTES - 1 &&
	    strspn(text, "0123456789abcdef") == SHA256_HEX_BYTES - 1;
}

/* "a/b/c": no empty part, none of dots alone, nothing that a terminal would mind. */
static bool
is_below(const char *path)
{
	const char *part = path;
	size_t n;

	for (const char *c = path; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return false;
	for (;;) {
		n = strcspn(part, "/");
		if (n == 0 || (n == 1 && part[0] == '.') || (n == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[n] == '\0')
			return true;
		part += n + 1;
	}
}

static int
read_file_line(struct backup_list *l, struct json_object *o, struct err *e)
{
	static const char *const members[] = {"path", "bytes", "sha256", "expires", NULL};
	const char *path, *sha256;
	int64_t bytes, expires = 0;

	if (json_only(o, members, e) == -1 ||
	    json_get_text(o, "path", true, BACKUP_PATH_BYTES, &path, e) == -1 ||
	    json_get_int(o, "bytes", true, 0, INT64_MAX, &bytes, e) == -1 ||
	    json_get_text(o, "sha256", true, SHA256_HEX_BYTES, &sha256, e) == -1 ||
	    json_get_int(o, "expires", false, 0, INT64_MAX, &expires, e) == -1)
		return -1;
	if (!is_below(path) || !is_hex(sha256))
		return err_set(e, ERR_CORRUPT, "not a file of a backup");
	if (l->count > 0 && strcmp(l->files[l->count - 1].path, path) >= 0)
		return err_set(e, ERR_CORRUPT, "files out of order");
	if (backup_list_add(l, path, (uint64_t)bytes, sha256, e) == -1)
		return -1;
	l->files[l->count - 1].expires = expires;
	return 0;
}

static int
read_head(struct backup_list *l, struct json_object *o, struct err *e)
{
	const char *at;
	int64_t version;

	if (json_get_int(o, "ragpool_backup", true, 1, INT64_MAX, &version, e) == -1)
		return -1;
	if (version != 1)
		return err_set(e, ERR_FORMAT_NEW, "a backup of format %" PRId64
		    ", this program reads 1", version);
	if (json_get_text(o, "at", true, BACKUP_STAMP_BYTES - 1, &at, e) == -1)
		return -1;
	snprintf(l->at, sizeof l->at, "%s", at);
	return 0;
}

/* The last line, against all bytes before it. */
static int
read_seal(const struct backup_list *l, struct json_object *o, const char *bytes, size_t n,
    struct err *e)
{
	const char *sha256;
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES];
	int64_t files;

	if (json_get_int(o, "files", true, 0, INT64_MAX, &files, e) == -1 ||
	    json_get_text(o, "sha256", true, SHA256_HEX_BYTES, &sha256, e) == -1 ||
	    hash_sha256_of(bytes, n, digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	if ((uint64_t)files != l->count || strcmp(hex, sha256) != 0)
		return err_set(e, ERR_CORRUPT, "its checksum differs");
	return 0;
}

struct reading {
	const char *all;	/* the whole text */
	size_t at, n;		/* where the next line begins */
	size_t line;
	bool is_sealed;
};

static int
read_line(struct backup_list *l, struct reading *r, struct err *e)
{
	const char *from = r->all + r->at, *end = memchr(from, '\n', r->n - r->at);
	struct json_object *o, *seal;
	int rc;

	r->line++;
	if (end == NULL || (size_t)(end - from) > LINE_MAX_BYTES)
		return err_set(e, ERR_CORRUPT, "cut off");
	if (r->is_sealed)
		return err_set(e, ERR_CORRUPT, "something behind its last line");
	if (json_parse_object(&o, from, (size_t)(end - from), e) == -1)
		return -1;
	if (r->line == 1) {
		rc = read_head(l, o, e);
	} else if (json_object_object_get_ex(o, "files", &seal)) {
		rc = read_seal(l, o, r->all, r->at, e);
		r->is_sealed = true;
	} else {
		rc = read_file_line(l, o, e);
	}
	json_object_put(o);
	r->at = (size_t)(end - r->all) + 1;
	return rc;
}

int
backup_list_load(struct backup_list *l, const char *folder, struct err *e)
{
	struct reading r = {0};
	struct err why;
	char path[PATH_MAX], *text;
	int rc = 0;

	if (file_join(path, sizeof path, folder, manifest_name, e) == -1 ||
	    file_read(&text, &r.n, path, MANIFEST_MAX, e) == -1)
		return -1;
	r.all = text;
	while (rc == 0 && r.at < r.n)
		rc = read_line(l, &r, &why);
	if (rc == 0 && !r.is_sealed)
		rc = err_set(&why, ERR_CORRUPT, "cut off");
	free(text);
	if (rc == -1)
		return err_set(e, why.code == ERR_NOMEM || why.code == ERR_FORMAT_NEW ?
			why.code :
			ERR_CORRUPT, "%s, line %zu: %s", path, r.line, why.text);
	return 0;
}

/* ---- checking ---- */

int
backup_file_check(const struct backup_file *f, const char *folder, struct err *e)
{
	char path[PATH_MAX], hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	struct stat st;
	uint64_t bytes;

	if (file_join(path, sizeof path, folder, f->path, e) == -1)
		return -1;
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_CORRUPT, "%s: not a regular file", path);
	if (hash_sha256_file(path, digest, &bytes, e) == -1)
		return -1;
	hash_hex(digest, hex);
	if (bytes != f->bytes)
		return err_set(e, ERR_CORRUPT, "%s: %" PRIu64 " bytes, the backup's manifest says %"
		    PRIu64, path, bytes, f->bytes);
	if (strcmp(hex, f->sha256) != 0)
		return err_set(
		    e, ERR_CORRUPT, "%s: SHA-256 differs from the backup's manifest", path);
	return 0;
}
