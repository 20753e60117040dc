/* source_directory.c - documents from the files below a folder.
 *
 * Every step down is an openat() that follows no link, from a folder opened once: a
 * link planted while we walk leads nowhere.
 */
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beneath.h"
#include "bounds.h"
#include "build.h"
#include "utf8.h"

enum { FOLDER_DEPTH_MAX = 64, FILES_MAX = 10 * 1000 * 1000 };

struct directory_source {
	struct source base;
	int root;
	char path[SOURCE_PATH_BYTES];
};

struct listing {
	struct source_item *items;	/* keys owned */
	size_t count;
	size_t room;
};

static void
free_listing(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		free((char *)(uintptr_t)l->items[i].key);
	free(l->items);
}

static int
add_file(struct listing *l, const char *key, const struct stat *st, struct err *e)
{
	struct source_item *item;

	if (l->count == FILES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d files", FILES_MAX);
	if (l->count == l->room) {
		size_t room = l->room == 0 ? 256 : 2 * l->room;
		if ((item = reallocarray(l->items, room, sizeof *item)) == NULL)
			return err_sys(e, ERR_NOMEM, "listing");
		l->items = item;
		l->room = room;
	}
	item = &l->items[l->count];
	*item = (struct source_item){0};
	item->size = (uint64_t)st->st_size;
	/* ctime too: a file put in place with an old mtime still counts as changed. */
	snprintf(item->stamp, sizeof item->stamp, "%lld.%09ld.%lld.%09ld.%llu",
	    (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
	    st->st_ctim.tv_nsec, (unsigned long long)st->st_ino);
	if ((item->key = strdup(key)) == NULL)
		return err_sys(e, ERR_NOMEM, "listing");
	l->count++;
	return 0;
}

static int walk(struct listing *l, int fd, const char *below, int depth, struct err *e);

/* One name in the open folder; what is neither a folder nor a plain file is passed by. */
static int
walk_entry(
    struct listing *l, int folder, const char *below, const char *name, int depth, struct err *e)
{
	char key[DOCUMENT_PATH_BYTES + 1];
	struct stat st;
	int fd, n;

	n = snprintf(key, sizeof key, "%s%s%s", below, below[0] != '\0' ? "/" : "", name);
	if (n >= (int)sizeof key || !utf8_is_valid(key, (size_t)n))
		return err_set(e, ERR_SOURCE,
		    "a path that is too long or not UTF-8 below \"%.100s\"", below);
	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_SOURCE, "%s", key);
	if (S_ISREG(st.st_mode))
		return add_file(l, key, &st, e);
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (depth == FOLDER_DEPTH_MAX)
		return err_set(e, ERR_LIMIT, "%.200s: folders nest too deeply", key);
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_SOURCE, "%s", key);
	return walk(l, fd, key, depth + 1, e);
}

/* fd is taken. */
static int
walk(struct listing *l, int fd, const char *below, int depth, struct err *e)
{
	struct dirent *entry;
	DIR *dir = fdopendir(fd);
	int rc = 0;

	if (dir == NULL) {
		close(fd);
		return err_sys(e, ERR_SOURCE, "%s", below);
	}
	errno = 0;
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.')
			rc = walk_entry(l, dirfd(dir), below, entry->d_name, depth, e);
		errno = 0;
	}
	if (rc == 0 && errno != 0)
		rc = err_sys(e, ERR_SOURCE, "%s", below);
	closedir(dir);
	return rc;
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct source_item *)a)->key, ((const struct source_item *)b)->key);
}

static int
directory_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct directory_source *s = (struct directory_source *)base;
	struct listing l = {0};
	int fd = openat(s->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	if (fd == -1)
		return err_sys(e, ERR_SOURCE, "%s", s->path);
	rc = walk(&l, fd, "", 0, e);
	if (l.count > 1)
		qsort(l.items, l.count, sizeof l.items[0], by_key);
	for (size_t i = 0; i < l.count && rc == 0; i++)
		rc = each(context, &l.items[i], e);
	free_listing(&l);
	return rc;
}

/* Opens a key one component at a time, so that no link on the way is followed. */
static int
open_below(int root, const char *key, struct err *e)
{
	char part[NAME_MAX + 1];
	int at = root, next;
	const char *slash;

	for (;; key = slash + 1) {
		slash = strchr(key, '/');
		size_t n = slash != NULL ? (size_t)(slash - key) : strlen(key);
		if (n == 0 || n > NAME_MAX || key[0] == '.') {
			next = -1;
			errno = ENOENT;
		} else {
			memcpy(part, key, n);
			part[n] = '\0';
			next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
				(slash != NULL ? O_DIRECTORY : 0));
		}
		if (next == -1)
			err_sys(e, ERR_IO, "%s", key);
		if (at != root)
			close(at);
		if (next == -1 || slash == NULL)
			return next;
		at = next;
	}
}

static int
read_all(int fd, char **bytes, size_t *n, const char *key, struct err *e)
{
	struct stat st;
	ssize_t got = 1;
	size_t used = 0;

	if (fstat(fd, &st) == -1)
		return err_sys(e, ERR_IO, "%s", key);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_IO, "%s: not a regular file", key);
	if (st.st_size > DOCUMENT_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "larger than %d MiB", DOCUMENT_BYTES_MAX >> 20);
	/* Read once: it need not push out of memory what serves. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE);
	if ((*bytes = malloc((size_t)st.st_size + 1)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", key);
	while (used < (size_t)st.st_size && got != 0) {
		got = read(fd, *bytes + used, (size_t)st.st_size - used);
		if (got == -1 && errno == EINTR)
			continue;
		if (got == -1) {
			err_sys(e, ERR_IO, "%s", key);
			free(*bytes);
			*bytes = NULL;
			return -1;
		}
		used += (size_t)got;
	}
	(*bytes)[used] = '\0';
	*n = used;
	return 0;
}

static int
directory_read(
    struct source *base, struct source_item *item, char **bytes, size_t *n, struct err *e)
{
	struct directory_source *s = (struct directory_source *)base;
	int fd = open_below(s->root, item->key, e), rc;

	*bytes = NULL;
	if (fd == -1)
		return -1;
	rc = read_all(fd, bytes, n, item->key, e);
	close(fd);
	return rc;
}

static void
directory_close(struct source *base)
{
	struct directory_source *s = (struct directory_source *)base;

	close(s->root);
	free(s);
}

int
source_directory_open(struct source **out, const char *path, const char *root, struct err *e)
{
	struct directory_source *s;

	*out = NULL;
	if (strlen(path) >= sizeof s->path)
		return err_set(e, ERR_LIMIT, "path too long");
	if ((s = calloc(1, sizeof *s)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	memcpy(s->path, path, strlen(path) + 1);
	s->root = beneath_open(path, root, O_RDONLY | O_DIRECTORY, e);
	if (s->root == -1) {
		free(s);
		return -1;
	}
	s->base = (struct source){directory_list, directory_read, NULL, directory_close};
	*out = &s->base;
	return 0;
}
