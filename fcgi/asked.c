/* asked.c - when somebody asked for a tenant last. */
#include "asked.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

enum { NOTE_MODE = 0640 };

int
asked_folder(char *out, size_t size, const char *data_dir, struct err *e)
{
	return snprintf(out, size, "%s/inbox/.asked", data_dir) < (int)size ?
	    0 :
	    err_set(e, ERR_LIMIT, "data folder's path too long");
}

static int
note_path(char out[PATH_MAX], const char *data_dir, const char *tenant)
{
	char folder[PATH_MAX];

	return asked_folder(folder, sizeof folder, data_dir, NULL) == -1
	    ? -1 : file_join(out, PATH_MAX, folder, tenant, NULL);
}

void
asked_note(const char *data_dir, const char *tenant)
{
	char path[PATH_MAX];
	int fd;

	if (note_path(path, data_dir, tenant) == -1 ||
	    (fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, NOTE_MODE)) == -1)
		return;
	(void)!write(fd, "\n", 1);	/* sets the time; the close is the event */
	close(fd);
}

int64_t
asked_last_s(const char *data_dir, const char *tenant)
{
	char path[PATH_MAX];
	struct stat st;

	return note_path(path, data_dir, tenant) == 0 && stat(path, &st) == 0
	    ? (int64_t)st.st_mtime : 0;
}

void
asked_forget(const char *data_dir, const char *tenant)
{
	char path[PATH_MAX];

	if (note_path(path, data_dir, tenant) == 0)
		unlink(path);
}
