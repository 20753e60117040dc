/* leftover.c - temporary files and folders of processes that were killed. */
#include "leftover.h"

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

struct sweeping {
	const char *folder, *suffix;
};

static int
sweep_name(void *context, int folder, const char *name, struct err *e)
{
	const struct sweeping *w = context;
	char path[PATH_MAX];

	(void)folder;
	if (!is_wanted(name, w->suffix))
		return 0;
	return file_join(path, sizeof path, w->folder, name, e) == -1 ? -1 : file_remove_tree(path, e);
}

static int
sweep(const char *folder, const char *suffix, struct err *e)
{
	struct sweeping w = {folder, suffix};

	return file_each_name(folder, sweep_name, &w, e);
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
