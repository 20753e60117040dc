/* doc_batch.c - many small files made durable together. */
#include "doc_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"

static int
path_of(const struct doc_batch *b, const char *name, const char *suffix, char path[PATH_MAX],
    struct err *e)
{
	int n = snprintf(path, PATH_MAX, "%s/%s.json%s", b->folder, name, suffix);

	return n > 0 && n < PATH_MAX ? 0 : err_set(e, ERR_LIMIT, "path too long: %.200s", b->folder);
}

void
doc_batch_begin(struct doc_batch *b, const char *folder)
{
	b->folder = folder;
	b->is_open = true;
}

static int
add_name(struct doc_batch *b, const char *name, struct err *e)
{
	size_t room = b->room > 0 ? b->room * 2 : 64;
	void *names;

	if (b->count == b->room) {
		if ((names = reallocarray(b->names, room, sizeof *b->names)) == NULL)
			return err_set(e, ERR_NOMEM, "no memory for tenant %s", name);
		b->names = names;
		b->room = room;
	}
	snprintf(b->names[b->count++], sizeof *b->names, "%s", name);
	return 0;
}

int
doc_batch_write(
    struct doc_batch *b, const char *name, const char *bytes, size_t n, struct err *e)
{
	char path[PATH_MAX];
	int fd, rc;

	if (path_of(b, name, ".new", path, e) == -1)
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd == -1)
		return err_sys(e, ERR_IO, "%s", path);
	rc = file_write_all(fd, bytes, n, path, e);
	close(fd);
	if (rc == 0)
		rc = add_name(b, name, e);
	if (rc == -1)
		unlink(path);
	return rc;
}

/* The same name twice is one file: the second time it is where it belongs. */
static int
put_in_place(const struct doc_batch *b, const char *name, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (path_of(b, name, ".new", from, e) == -1 || path_of(b, name, "", to, e) == -1)
		return -1;
	if (rename(from, to) == -1 && (errno != ENOENT || access(to, F_OK) == -1))
		return err_sys(e, ERR_IO, "%s", to);
	return 0;
}

int
doc_batch_end(struct doc_batch *b, struct err *e)
{
	size_t count = b->count;
	int fd = -1, rc = 0;

	b->is_open = false;
	b->count = 0;
	if (count == 0)
		return 0;
	if ((fd = open(b->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1 || syncfs(fd) == -1) {
		rc = err_sys(e, ERR_IO, "%s", b->folder);
		goto out;
	}
	for (size_t i = 0; i < count; i++)
		if (put_in_place(b, b->names[i], e) == -1)
			rc = -1;
	if (fsync(fd) == -1)
		rc = err_sys(e, ERR_IO, "fsync %s", b->folder);
out:
	if (fd != -1)
		close(fd);
	return rc;
}

void
doc_batch_fini(struct doc_batch *b)
{
	free(b->names);
	*b = (struct doc_batch){0};
}
