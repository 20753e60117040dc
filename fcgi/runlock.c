/* runlock.c - one supervisor per run folder. */
#include "runlock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static pid_t
pid_in(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	long pid;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

int
runlock_take(struct runlock *lock, const char *run_dir, struct err *e)
{
	char path[PATH_MAX];
	int fd;
	pid_t pid;

	*lock = (struct runlock){.fd = -1};
	if (file_join(path, sizeof path, run_dir, "ragpoold.lock", e) == -1)
		return -1;
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	pid = pid_in(fd);
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK)
			err_sys(e, ERR_IO, "%s", path);
		else if (pid > 0)
			err_set(e, ERR_BUSY, "already running (pid %d)", (int)pid);
		else
			err_set(e, ERR_BUSY, "already running (%s is locked)", path);
		close(fd);
		return -1;
	}
	lock->fd = fd;
	lock->predecessor = pid;
	return 0;
}

int
runlock_give(const struct runlock *lock, uid_t uid, gid_t gid, struct err *e)
{
	return fchown(lock->fd, uid, gid) == 0 ? 0 : err_sys(e, ERR_IO, "ragpoold.lock");
}

int
runlock_write_pid(const struct runlock *lock, const char *pid_file, struct err *e)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
	int fd;

	if (ftruncate(lock->fd, 0) == -1 || pwrite(lock->fd, text, (size_t)n, 0) != n)
		return err_sys(e, ERR_IO, "the lock of %s", pid_file);
	if (unlink(pid_file) == -1 && errno != ENOENT)
		return err_sys(e, ERR_IO, "%s", pid_file);
	fd = open(pid_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd == -1 || write(fd, text, (size_t)n) != n) {
		err_sys(e, ERR_IO, "%s", pid_file);
		if (fd != -1)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

void
runlock_release(struct runlock *lock, const char *pid_file)
{
	if (lock->fd == -1)
		return;
	if (pid_in(lock->fd) == getpid()) {
		unlink(pid_file);
		(void)!ftruncate(lock->fd, 0);
	}
	close(lock->fd);
	lock->fd = -1;
}
