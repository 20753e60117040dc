/* file.c - files the durable way. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int
file_map(struct file_map *m, const char *path, struct err *e)
{
	struct stat st;
	void *p;
	int fd, rc = -1;

	*m = (struct file_map){0};
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (fstat(fd, &st) == -1) {
		err_sys(e, ERR_IO, "%s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_IO, "%s: not a regular file", path);
		goto out;
	}
	if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED) {
			err_sys(e, ERR_IO, "%s", path);
			goto out;
		}
		*m = (struct file_map){.data = p, .len = (size_t)st.st_size};
	}
	rc = 0;
out:
	close(fd);
	return rc;
}

void
file_unmap(struct file_map *m)
{
	if (m == NULL || m->data == NULL)
		return;
	munmap((void *)(uintptr_t)m->data, m->len);
	*m = (struct file_map){0};
}

int
file_read(char **out, size_t *len, const char *path, size_t max, struct err *e)
{
	char *bytes = NULL;
	size_t used = 0, cap;
	struct stat st;
	ssize_t n = 0;
	int fd, rc = -1;

	/* O_NONBLOCK: a FIFO must not hang us before fstat() can refuse it. */
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (fstat(fd, &st) == -1) {
		err_sys(e, ERR_IO, "%s", path);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(e, ERR_IO, "%s: not a regular file", path);
		goto out;
	}
	if ((uintmax_t)st.st_size > max) {
		err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
		goto out;
	}
	cap = (size_t)st.st_size;
	if ((bytes = malloc(cap + 1)) == NULL) {
		err_sys(e, ERR_NOMEM, "%s", path);
		goto out;
	}
	while (used < cap && (n = read(fd, bytes + used, cap - used)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, ERR_IO, "%s", path);
			goto out;
		}
		used += (size_t)n;
	}
	bytes[used] = '\0';
	*out = bytes;
	bytes = NULL;
	if (len != NULL)
		*len = used;
	rc = 0;
out:
	free(bytes);
	close(fd);
	return rc;
}

int
file_write_all(int fd, const void *bytes, size_t n, const char *path, struct err *e)
{
	const char *p = bytes;

	while (n > 0) {
		ssize_t wrote = write(fd, p, n);
		if (wrote == -1 && errno == EINTR)
			continue;
		if (wrote == -1)
			return err_sys(e, ERR_IO, "%s", path);
		p += wrote;
		n -= (size_t)wrote;
	}
	return 0;
}

int
file_sync(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (fsync(fd) == -1)
		rc = err_sys(e, ERR_IO, "fsync %s", path);
	close(fd);
	return rc;
}

static int
sync_folder_of(const char *path, struct err *e)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return file_sync(".", e);
	if ((size_t)(slash - path) >= sizeof folder)
		return err_set(e, ERR_LIMIT, "path too long: %.200s", path);
	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	return file_sync(slash == path ? "/" : folder, e);
}

int
file_replace(const char *path, const void *bytes, size_t n, mode_t mode, struct err *e)
{
	char temporary[PATH_MAX];
	int fd = -1, rc = -1;
	bool exists = false;

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp-%d", path, (int)getpid()) >=
	    sizeof temporary)
		return err_set(e, ERR_LIMIT, "path too long: %.200s", path);
	unlink(temporary);
	if ((fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) == -1) {
		err_sys(e, ERR_IO, "%s", temporary);
		goto out;
	}
	exists = true;
	if (file_write_all(fd, bytes, n, temporary, e) == -1)
		goto out;
	if (fchmod(fd, mode) == -1 || fsync(fd) == -1 || rename(temporary, path) == -1) {
		err_sys(e, ERR_IO, "%s", path);
		goto out;
	}
	exists = false;
	rc = sync_folder_of(path, e);
out:
	if (fd != -1)
		close(fd);
	if (exists)
		unlink(temporary);
	return rc;
}

bool
file_is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int
make_dirs(const char *path, mode_t mode, bool is_durable, struct err *e)
{
	char partial[PATH_MAX];
	size_t n = strlen(path);

	if (n == 0 || n >= sizeof partial)
		return err_set(e, ERR_LIMIT, "path empty or too long: %.200s", path);
	memcpy(partial, path, n + 1);
	for (size_t i = 1; i <= n; i++) {
		if (partial[i] != '/' && partial[i] != '\0')
			continue;
		partial[i] = '\0';
		if (mkdir(partial, mode) == -1) {
			if (errno != EEXIST)
				return err_sys(e, ERR_IO, "mkdir %s", partial);
		} else if (is_durable && sync_folder_of(partial, e) == -1) {
			return -1;
		}
		partial[i] = path[i];
	}
	return 0;
}

int
file_make_dirs(const char *path, mode_t mode, struct err *e)
{
	return make_dirs(path, mode, true, e);
}

int
file_make_dirs_unsynced(const char *path, mode_t mode, struct err *e)
{
	return make_dirs(path, mode, false, e);
}

static int
remove_below(int dirfd, const char *name, struct err *e)
{
	struct dirent *entry;
	DIR *dir;
	int fd, rc = 0;

	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (dir = fdopendir(fd)) == NULL) {
		rc = err_sys(e, ERR_IO, "%s", name);
		if (fd != -1)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		const char *child = entry->d_name;
		if (strcmp(child, ".") == 0 || strcmp(child, "..") == 0)
			continue;
		if (unlinkat(fd, child, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			rc = err_sys(e, ERR_IO, "unlink %s", child);
		else
			rc = remove_below(fd, child, e);
	}
	closedir(dir);
	if (rc == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) == -1 && errno != ENOENT)
		rc = err_sys(e, ERR_IO, "rmdir %s", name);
	return rc;
}

int
file_remove_tree(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", path);
	if (!S_ISDIR(st.st_mode))
		return unlink(path) == 0 ? 0 : err_sys(e, ERR_IO, "%s", path);
	return remove_below(AT_FDCWD, path, e);
}

int
file_join(char *out, size_t size, const char *a, const char *b, struct err *e)
{
	int n = snprintf(out, size, "%s/%s", a, b);

	if (n < 0 || (size_t)n >= size)
		return err_set(e, ERR_LIMIT, "path too long: %.100s/%.100s", a, b);
	return 0;
}

int
file_make_folder(const char *path, mode_t mode, struct err *e)
{
	if (mkdir(path, mode) == -1)
		return errno == EEXIST ? 0 : err_sys(e, ERR_IO, "%s", path);
	return sync_folder_of(path, e);
}

int
file_each_name(const char *folder, int (*each)(void *, int, const char *, struct err *),
    void *context, struct err *e)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);
	int rc = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", folder);
	while (rc == 0 && (entry = readdir(dir)) != NULL)
		rc = each(context, dirfd(dir), entry->d_name, e);
	closedir(dir);
	return rc;
}
