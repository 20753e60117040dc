/* watched.c - is it still the file that was read? */
#include "watched.h"

bool
watched_changed(struct stat *seen, const char *path)
{
	struct stat now;

	if (stat(path, &now) == -1)
		now = (struct stat){0};
	if (now.st_ino == seen->st_ino && now.st_dev == seen->st_dev &&
	    now.st_size == seen->st_size && now.st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	    now.st_mtim.tv_nsec == seen->st_mtim.tv_nsec &&
	    now.st_ctim.tv_sec == seen->st_ctim.tv_sec &&
	    now.st_ctim.tv_nsec == seen->st_ctim.tv_nsec)
		return false;
	*seen = now;
	return true;
}
