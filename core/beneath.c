/* beneath.c - a path that somebody else named, opened only below a folder we allow. */
#include "beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What follows the root in the path, "." for the root itself; NULL: it is not below. */
static const char *
rest_below(const char *path, const char *root, size_t n)
{
	while (n > 0 && root[n - 1] == '/')
		n--;
	if (strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	path += n;
	while (*path == '/')
		path++;
	return *path != '\0' ? path : ".";
}

static int
open_in_root(const char *rest, const char *path, const char *root, int flags, struct err *e)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
	int at = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (at == -1)
		return err_sys(e, ERR_SOURCE, "%s", root);
	fd = (int)syscall(SYS_openat2, at, rest, &how, sizeof how);
	if (fd == -1 && (errno == EXDEV || errno == ELOOP))
		err_set(e, ERR_SOURCE, "%s: a link in it leads out of %s", path, root);
	else if (fd == -1)
		err_sys(e, ERR_SOURCE, "%s", path);
	close(at);
	return fd;
}

int
beneath_open(const char *path, const char *root, int flags, struct err *e)
{
	const char *rest;
	int fd;

	if (root[0] == '\0') {
		if ((fd = open(path, flags | O_CLOEXEC)) == -1)
			err_sys(e, ERR_SOURCE, "%s", path);
		return fd;
	}
	if ((rest = rest_below(path, root, strlen(root))) == NULL)
		return err_set(e, ERR_SOURCE, "%s is not below %s", path, root);
	return open_in_root(rest, path, root, flags, e);
}

int
beneath_choose(char *out, size_t size, const char *path, const char *roots, struct err *e)
{
	size_t n, best = 0;
	const char *root;

	out[0] = '\0';
	if (roots[strspn(roots, " :")] == '\0')
		return 0;
	for (root = roots + strspn(roots, " :"); *root != '\0';
	    root += n + strspn(root + n, " :")) {
		n = strcspn(root, " :");
		if (n <= best || n >= size || rest_below(path, root, n) == NULL)
			continue;
		memcpy(out, root, n);
		out[n] = '\0';
		best = n;
	}
	if (best > 0)
		return 0;
	return err_set(e, ERR_SOURCE,
	    "%s is not below an allowed folder (allowed_paths in [global]: %s)", path, roots);
}
