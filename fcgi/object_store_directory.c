/* object_store_directory.c - published generations in a folder, such as a share of all hosts. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "object_store.h"

enum { FOLDER_DEPTH = 16 };

struct directory_store {
	struct object_store base;
	char root[PATH_MAX];
};

static int
path_of(char out[PATH_MAX], struct object_store *base, const char *key, struct err *e)
{
	return file_join(out, PATH_MAX, ((struct directory_store *)base)->root, key, e);
}

/* ---- listing ---- */

struct listing {
	const struct directory_store *s;
	const char *prefix;
	object_info_fn *each;
	void *context;
};

static int walk(struct listing *l, const char *key, int depth, struct err *e);

/* Names with a dot in front, and what a killed writer left, are no objects. */
static bool
is_object_name(const char *name)
{
	return name[0] != '.' && strstr(name, ".tmp-") == NULL;
}

static int
walk_entry(struct listing *l, const char *key, int depth, struct err *e)
{
	char path[PATH_MAX];
	struct object_info info = {.key = key};
	struct stat st;

	if (file_join(path, sizeof path, l->s->root, key, e) == -1)
		return -1;
	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
	if (S_ISDIR(st.st_mode))
		return depth == FOLDER_DEPTH ? 0 : walk(l, key, depth + 1, e);
	if (!S_ISREG(st.st_mode) || strncmp(key, l->prefix, strlen(l->prefix)) != 0)
		return 0;
	info.size = (uint64_t)st.st_size;
	info.modified = st.st_mtime;
	return l->each(l->context, &info, e);
}

static int
walk(struct listing *l, const char *key, int depth, struct err *e)
{
	char path[PATH_MAX], inner[OBJECT_KEY_BYTES];
	struct dirent *entry;
	DIR *dir;
	int rc = 0, n;

	if (file_join(path, sizeof path, l->s->root, key, e) == -1)
		return -1;
	if ((dir = opendir(path)) == NULL)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		n = snprintf(inner, sizeof inner, "%s%s%s", key, key[0] != '\0' ? "/" : "",
		    entry->d_name);
		if (is_object_name(entry->d_name) && n < (int)sizeof inner)
			rc = walk_entry(l, inner, depth, e);
	}
	closedir(dir);
	return rc;
}

/* Only the folder that the prefix names is walked. */
static int
directory_list(struct object_store *base, const char *prefix, object_info_fn *each,
    void *context, struct err *e)
{
	struct listing l = {(struct directory_store *)base, prefix, each, context};
	const char *slash = strrchr(prefix, '/');
	char from[OBJECT_KEY_BYTES];

	snprintf(from, sizeof from, "%.*s", slash != NULL ? (int)(slash - prefix) : 0, prefix);
	return walk(&l, from, 0, e);
}

/* ---- moving ---- */

static int
directory_get_each(struct object_store *base, size_t count, object_move_fn *want,
    object_got_fn *got, void *context, struct err *e)
{
	char path[PATH_MAX], *bytes;
	size_t n;
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct object_move m = {.key = ""};
		if (want(context, i, &m, e) == -1 || path_of(path, base, m.key, e) == -1 ||
		    file_read(&bytes, &n, path, m.size, e) == -1)
			return -1;
		rc = got(context, i, bytes, n, e);
		free(bytes);
	}
	return rc;
}

static int
put_file(const char *path, const char *bytes, size_t n, struct err *e)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	if (!file_is_folder(folder) && file_make_dirs(folder, 0750, e) == -1)
		return -1;
	return file_replace(path, bytes, n, 0640, e);
}

static int
directory_put_each(struct object_store *base, size_t count, object_move_fn *give, void *context,
    struct err *e)
{
	char path[PATH_MAX];
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct object_move m = {.key = ""};
		rc = give(context, i, &m, e);
		if (rc == 0 && (rc = path_of(path, base, m.key, e)) == 0)
			rc = put_file(path, m.bytes, m.size, e);
		free(m.bytes);
	}
	return rc;
}

static int
directory_remove(struct object_store *base, const char *key, struct err *e)
{
	char path[PATH_MAX];

	if (path_of(path, base, key, e) == -1)
		return -1;
	return unlink(path) == 0 || errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
}

static void
directory_close(struct object_store *base)
{
	free(base);
}

int
object_store_directory(struct object_store **out, const char *path, struct err *e)
{
	struct directory_store *s = calloc(1, sizeof *s);

	*out = NULL;
	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for an object store");
	s->base = (struct object_store){directory_list, directory_get_each, directory_put_each,
	    directory_remove, directory_close};
	snprintf(s->root, sizeof s->root, "%s", path);
	if (!file_is_folder(path)) {
		free(s);
		return err_set(e, ERR_NOT_FOUND, "%s is not a folder", path);
	}
	*out = &s->base;
	return 0;
}
