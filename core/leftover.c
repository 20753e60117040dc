/* leftover.c - temporary files and folders of processes that were killed. */
#include "leftover.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

static const char mark[] = ".tmp-";

bool
leftover_is(const char *name)
{
	const char *at = strstr(name, mark);
	char *end;
	long pid;

	if (at == NULL)
		return false;
	pid = strtol(at + sizeof mark - 1, &end, 10);
	if (pid <= 0 || pid > INT_MAX || (*end != '\0' && *end != '-'))
		return false;
	return kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

/* suffix NULL: by pid. */
static bool
is_wanted(const char *name, const char *suffix)
{
	size_t n = strlen(name), m;

	if (suffix == NULL)
		return leftover_is(name);
	m = strlen(suffix);
	return strncmp(name, mark, sizeof mark - 1) == 0 && n >= m &&
	    strcmp(name + n - m, suffix) == 0;
}

static int
sweep(const char *folder, const char *suffix, struct err *e)
{
	DIR *dir = opendir(folder);
	char path[PATH_MAX];
	struct dirent *entry;
	int rc = 0;

	if (dir == NULL)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", folder);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_wanted(entry->d_name, suffix))
			continue;
		rc = file_join(path, sizeof path, folder, entry->d_name, e);
		if (rc == 0)
			rc = file_remove_tree(path, e);
	}
	closedir(dir);
	return rc;
}

int
leftover_sweep(const char *folder, struct err *e)
{
	return sweep(folder, NULL, e);
}

int
leftover_sweep_locked(const char *folder, const char *suffix, struct err *e)
{
	return sweep(folder, suffix, e);
}
