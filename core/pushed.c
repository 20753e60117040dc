/* pushed.c - documents that were sent to a tenant, kept as files. */
#include "pushed.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "hash.h"
#include "json.h"
#include "utf8.h"

enum { HEAD_MAX = SOURCE_META_BYTES + 8192 };
static const char unfinished[] = ".unfinished";

int
pushed_check_key(const char *key, struct err *e)
{
	size_t n = strlen(key);

	for (const char *s = key; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return err_set(e, ERR_INPUT, "a document's key has a control character in it");
	if (n == 0 || n > DOCUMENT_PATH_BYTES || !utf8_is_valid(key, n))
		return err_set(e, ERR_INPUT, "a document's key is UTF-8 of 1 to %d bytes",
		    DOCUMENT_PATH_BYTES);
	return 0;
}

/* .../pushed into out[PATH_MAX]. */
static int
folder_of(char *out, const char *data_dir, const char *tenant, struct err *e)
{
	size_t used;

	if (generation_tenant_dir(out, data_dir, tenant, e) == -1)
		return -1;
	used = strlen(out);
	snprintf(out + used, PATH_MAX - used, "/pushed");
	return 0;
}

static int
file_of(char *out, const char *folder, const char *key, struct err *e)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_HEX_BYTES], name[SHA256_HEX_BYTES + 4];

	if (hash_sha256_of(key, strlen(key), digest, e) == -1)
		return -1;
	hash_hex(digest, hex);
	snprintf(name, sizeof name, "%.2s/%s", hex, hex);
	return file_join(out, PATH_MAX, folder, name, e);
}

/* ---- putting ---- */

static void
put_member(struct buf *b, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_addf(b, ", \"%s\": ", name);
	json_put_text(b, value, strlen(value));
}

static int
write_head(struct buf *b, const struct pushed_document *d, struct err *e)
{
	buf_adds(b, "{\"key\": ");
	json_put_text(b, d->key, strlen(d->key));
	put_member(b, "name", d->name);
	put_member(b, "title", d->title);
	put_member(b, "meta", d->meta);
	buf_addf(b, ", \"bytes\": %zu}\n", d->n);
	return buf_check(b, "what is said about a document", e);
}

static int
make_parent(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
	return file_is_folder(folder) ? 0 : file_make_dirs_unsynced(folder, 0755, e);
}

/* The path of the key's file, its folder made. */
static int
place_of(char path[PATH_MAX], const char *data_dir, const char *tenant, const char *key,
    struct err *e)
{
	char folder[PATH_MAX];

	return pushed_check_key(key, e) == -1 || folder_of(folder, data_dir, tenant, e) == -1 ?
	    -1 :
	    file_of(path, folder, key, e);
}

static int
write_document(struct buf *all, const struct pushed_document *d, struct err *e)
{
	if (d->n > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d MiB", DOCUMENT_BYTES_MAX >> 20);
	if (write_head(all, d, e) == -1)
		return -1;
	all->max += d->n;
	buf_add(all, d->bytes, d->n);
	return buf_check(all, "a document", e);
}

static bool
is_there(const char *path, const struct buf *all)
{
	struct file_map m;
	bool same;

	if (file_map(&m, path, NULL) == -1)
		return false;
	same = m.len == all->len && memcmp(m.data, all->data, m.len) == 0;
	file_unmap(&m);
	return same;
}

/* One name for all that is being written, because one process writes: what a crash leaves is
 * written over by the next. */
static int
replace(const char *data_dir, const char *tenant, const char *path, const struct buf *all,
    struct err *e)
{
	char folder[PATH_MAX], tmp[PATH_MAX];
	int fd, rc;

	if (folder_of(folder, data_dir, tenant, e) == -1 ||
	    file_join(tmp, sizeof tmp, folder, unfinished, e) == -1)
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", tmp);
	rc = file_write_all(fd, all->data, all->len, tmp, e);
	if (close(fd) == -1 && rc == 0)
		rc = err_sys(e, ERR_IO, "%s", tmp);
	if (rc == 0 && rename(tmp, path) == -1)
		rc = err_sys(e, ERR_IO, "%s", path);
	if (rc == -1)
		unlink(tmp);
	return rc;
}

int
pushed_put(const char *data_dir, const char *tenant, const struct pushed_document *d,
    struct err *e)
{
	char path[PATH_MAX];
	struct buf all;
	int rc = -1;

	if (place_of(path, data_dir, tenant, d->key, e) == -1 || make_parent(path, e) == -1)
		return -1;
	buf_init(&all, HEAD_MAX);
	if (write_document(&all, d, e) == 0)
		rc = is_there(path, &all) ? 0 : replace(data_dir, tenant, path, &all, e);
	buf_fini(&all);
	return rc;
}

int
pushed_remove(
    const char *data_dir, const char *tenant, const char *key, bool *was, struct err *e)
{
	char path[PATH_MAX];

	*was = false;
	if (place_of(path, data_dir, tenant, key, e) == -1)
		return -1;
	if (unlink(path) == -1)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, ERR_IO, "%s", path);
	*was = true;
	return 0;
}

int
pushed_sync(const char *data_dir, const char *tenant, struct err *e)
{
	char folder[PATH_MAX];
	int fd, rc;

	if (folder_of(folder, data_dir, tenant, e) == -1)
		return -1;
	if ((fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", folder);
	unlinkat(fd, unfinished, 0);	/* of a crash in an entry that was given up since */
	rc = syncfs(fd) == 0 ? 0 : err_sys(e, ERR_IO, "%s", folder);
	close(fd);
	return rc;
}

bool
pushed_has(const char *data_dir, const char *tenant, const char *key)
{
	char path[PATH_MAX];

	return place_of(path, data_dir, tenant, key, NULL) == 0 && access(path, F_OK) == 0;
}

bool
pushed_any(const char *data_dir, const char *tenant)
{
	char folder[PATH_MAX];

	return folder_of(folder, data_dir, tenant, NULL) == 0 && file_is_folder(folder);
}

int
pushed_get(const char *data_dir, const char *tenant, const char *key, char **owned,
    const char **text, size_t *n, struct err *e)
{
	char path[PATH_MAX], *end;
	size_t all;

	*owned = NULL;
	if (place_of(path, data_dir, tenant, key, e) == -1)
		return -1;
	if (access(path, F_OK) == -1)
		return err_set(e, ERR_DOCUMENT, "there is no such document among the pushed ones");
	if (file_read(owned, &all, path, (size_t)DOCUMENT_BYTES_MAX + HEAD_MAX, e) == -1)
		return -1;
	if ((end = memchr(*owned, '\n', all)) == NULL) {
		free(*owned);
		*owned = NULL;
		return err_set(e, ERR_CORRUPT, "%s: its first line is missing", path);
	}
	*text = end + 1;
	*n = all - (size_t)(end + 1 - *owned);
	return 0;
}

/* ---- the head alone ---- */

/* The head of an open document; *at is where its bytes begin. */
static int
read_head(int fd, struct json_object **head, size_t *at, const char *path, struct err *e)
{
	char bytes[HEAD_MAX + 1], *end;
	ssize_t n = pread(fd, bytes, HEAD_MAX, 0);

	if (n == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if ((end = memchr(bytes, '\n', (size_t)n)) == NULL)
		return err_set(e, ERR_CORRUPT, "%s: its first line is missing", path);
	*at = (size_t)(end - bytes) + 1;
	if (json_parse_object(head, bytes, (size_t)(end - bytes), e) == 0)
		return 0;
	err_prefix(e, "%s", path);
	return -1;
}

static int
open_document(const char *path, struct json_object **head, size_t *at, struct stat *st,
    struct err *e)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	*head = NULL;
	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (fstat(fd, st) == -1) {
		err_sys(e, ERR_IO, "%s", path);
	} else if (read_head(fd, head, at, path, e) == 0) {
		if ((size_t)st->st_size >= *at)
			return fd;
		err_set(e, ERR_CORRUPT, "%s: cut off", path);
	}
	json_object_put(*head);
	*head = NULL;
	close(fd);
	return -1;
}

int
pushed_meta(const char *data_dir, const char *tenant, const char *key, struct arena *a,
    const char **meta, struct err *e)
{
	struct json_object *head;
	const char *text = NULL;
	char path[PATH_MAX];
	struct stat st;
	size_t at;
	int fd, rc;

	*meta = NULL;
	if (place_of(path, data_dir, tenant, key, e) == -1)
		return -1;
	if ((fd = open_document(path, &head, &at, &st, e)) == -1)
		return access(path, F_OK) == -1 ?
		    err_set(e, ERR_DOCUMENT, "there is no such document among the pushed ones") :
		    -1;
	close(fd);
	rc = json_get_text(head, "meta", false, HEAD_MAX, &text, e);
	if (rc == 0 && text != NULL && (*meta = arena_copy(a, text, strlen(text))) == NULL)
		rc = err_set(e, ERR_NOMEM, "no memory for a document");
	json_object_put(head);
	return rc;
}

static int
put_described(const char *data_dir, const char *tenant, struct json_object *head,
    const char *meta, const char *bytes, size_t n, struct err *e)
{
	struct pushed_document d = {.meta = meta, .bytes = bytes, .n = n};

	return json_get_text(head, "key", true, DOCUMENT_PATH_BYTES, &d.key, e) == -1 ||
		json_get_text(head, "name", false, HEAD_MAX, &d.name, e) == -1 ||
		json_get_text(head, "title", false, HEAD_MAX, &d.title, e) == -1 ?
	    -1 :
	    pushed_put(data_dir, tenant, &d, e);
}

int
pushed_describe(const char *data_dir, const char *tenant, const char *key, const char *meta,
    struct err *e)
{
	struct json_object *head = NULL;
	const char *bytes;
	char *owned;
	size_t n;
	int rc = -1;

	if (!pushed_has(data_dir, tenant, key))
		return pushed_check_key(key, e);
	if (pushed_get(data_dir, tenant, key, &owned, &bytes, &n, e) == -1)
		return -1;
	if (json_parse_object(&head, owned, (size_t)(bytes - 1 - owned), e) == 0)
		rc = put_described(data_dir, tenant, head, meta, bytes, n, e);
	json_object_put(head);
	free(owned);
	return rc;
}

/* ---- listing and reading ---- */

struct pushed_source {
	struct source base;
	char folder[PATH_MAX];
};

static int
pass_document(const char *path, source_item_fn *each, void *context, struct err *e)
{
	struct source_item item = {0};
	struct json_object *head;
	struct stat st;
	size_t at;
	int fd = open_document(path, &head, &at, &st, e), rc = -1;

	if (fd == -1)
		return -1;
	close(fd);
	item.size = (uint64_t)st.st_size - at;
	snprintf(item.stamp, sizeof item.stamp, "%lld.%09ld.%llu", (long long)st.st_mtim.tv_sec,
	    st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
	if (json_get_text(head, "key", true, DOCUMENT_PATH_BYTES, &item.key, e) == 0 &&
	    json_get_text(head, "name", false, HEAD_MAX, &item.name, e) == 0 &&
	    json_get_text(head, "title", false, HEAD_MAX, &item.title, e) == 0 &&
	    json_get_text(head, "meta", false, HEAD_MAX, &item.meta, e) == 0)
		rc = each(context, &item, e);
	else
		err_prefix(e, "%s", path);
	json_object_put(head);
	return rc;
}

static int
only_visible(const struct dirent *entry)
{
	/* Names of ours are hex. */
	return entry->d_name[strspn(entry->d_name, "0123456789abcdef")] == '\0';
}

/* Every name of a folder in order, each joined to it. */
static int
each_name(const char *folder, int (*each)(void *, const char *, struct err *), void *context,
    struct err *e)
{
	struct dirent **names;
	char path[PATH_MAX];
	int n = scandir(folder, &names, only_visible, alphasort), rc = 0;

	if (n == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", folder);
	for (int i = 0; i < n; i++) {
		if (rc == 0 && (rc = file_join(path, sizeof path, folder, names[i]->d_name, e)) == 0)
			rc = each(context, path, e);
		free(names[i]);
	}
	free(names);
	return rc;
}

struct listing {
	source_item_fn *each;
	void *context;
};

static int
list_file(void *context, const char *path, struct err *e)
{
	struct listing *l = context;

	return pass_document(path, l->each, l->context, e);
}

static int
list_folder(void *context, const char *path, struct err *e)
{
	return each_name(path, list_file, context, e);
}

static int
pushed_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct pushed_source *s = (struct pushed_source *)base;
	struct listing l = {each, context};

	return each_name(s->folder, list_folder, &l, e);
}

static int
pushed_read(
    struct source *base, struct source_item *item, char **bytes, size_t *n, struct err *e)
{
	struct pushed_source *s = (struct pushed_source *)base;
	char path[PATH_MAX];
	struct json_object *head;
	struct stat st;
	size_t at, used = 0;
	ssize_t got = 1;
	int fd;

	*bytes = NULL;
	if (file_of(path, s->folder, item->key, e) == -1 ||
	    (fd = open_document(path, &head, &at, &st, e)) == -1)
		return -1;
	json_object_put(head);
	*n = (size_t)st.st_size - at;
	if (*n > DOCUMENT_BYTES_MAX)
		err_set(e, ERR_LIMIT, "larger than %d MiB", DOCUMENT_BYTES_MAX >> 20);
	else if ((*bytes = malloc(*n + 1)) == NULL)
		err_sys(e, ERR_NOMEM, "%s", path);
	while (*bytes != NULL && used < *n && got > 0) {
		got = pread(fd, *bytes + used, *n - used, (off_t)(at + used));
		used += got > 0 ? (size_t)got : 0;
	}
	if (*bytes != NULL && used < *n) {
		err_sys(e, ERR_IO, "%s", path);
		free(*bytes);
		*bytes = NULL;
	}
	close(fd);
	if (*bytes == NULL)
		return -1;
	(*bytes)[*n] = '\0';
	return 0;
}

static void
pushed_close(struct source *base)
{
	free(base);
}

int
source_pushed_open(struct source **out, const char *data_dir, const char *tenant, struct err *e)
{
	struct pushed_source *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "a source");
	s->base = (struct source){pushed_list, pushed_read, NULL, pushed_close};
	if (folder_of(s->folder, data_dir, tenant, e) == -1) {
		free(s);
		return -1;
	}
	*out = &s->base;
	return 0;
}
