/* recorder.c - preloaded, writes down what a program does to the files below a folder.
 *
 *   cc -shared -fPIC -o recorder.so recorder.c
 *   RECORDER_ROOT=/folder RECORDER_LOG=/elsewhere/log LD_PRELOAD=recorder.so program...
 *
 * One line for each call that changed something or made it durable, after the call and only if
 * it succeeded; bytes that were written follow their line.  power.py reads it, and finds out
 * whether something was missed: what is written down has to give the folder as it is.
 *
 *   create INODE MODE PATH      mkdir MODE PATH       rename FROM TO     link FROM TO
 *   write INODE OFFSET COUNT    unlink PATH           rmdir PATH         mode INODE MODE
 *   truncate INODE SIZE         sync INODE            syncdir PATH       syncfs
 *
 * Paths have no spaces: the test sees to that.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *root;
static size_t root_bytes;
static int log_fd = -1;

/* Far away from the numbers that programs hand over to each other. */
static void __attribute__((constructor))
begin(void)
{
	const char *path = getenv("RECORDER_LOG");
	int fd;

	root = getenv("RECORDER_ROOT");
	if (root == NULL || path == NULL)
		return;
	root_bytes = strlen(root);
	if ((fd = (int)syscall(SYS_openat, AT_FDCWD, path,
		 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)) == -1)
		abort();
	log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
	syscall(SYS_close, fd);
}

/* ---- writing it down ---- */

static void
say(const void *bytes, size_t n, const char *format, ...)
{
	int saved = errno;
	char line[3 * PATH_MAX];
	struct iovec part[2] = {{.iov_base = line}, {.iov_base = (void *)bytes, .iov_len = n}};
	va_list args;
	int used;

	va_start(args, format);
	used = vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (used < 0 || used >= (int)sizeof line)
		abort();
	part[0].iov_len = (size_t)used;
	if (syscall(SYS_writev, log_fd, part, 2) != (long)(part[0].iov_len + n))
		abort();
	errno = saved;
}

static bool
is_below(const char *path)
{
	return log_fd != -1 && strncmp(path, root, root_bytes) == 0 &&
	    (path[root_bytes] == '/' || path[root_bytes] == '\0');
}

static bool
path_of_fd(int fd, char out[PATH_MAX])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if ((n = readlink(link, out, PATH_MAX - 1)) == -1)
		return false;
	out[n] = '\0';
	return true;
}

/* Absolute, but not made plain. */
static bool
resolve(int dir, const char *path, char out[PATH_MAX])
{
	char base[PATH_MAX];

	if (log_fd == -1)
		return false;
	if (path[0] == '/')
		return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX && is_below(out);
	if (dir == AT_FDCWD ? getcwd(base, sizeof base) == NULL : !path_of_fd(dir, base))
		return false;
	return snprintf(out, PATH_MAX, "%s/%s", base, path) < PATH_MAX && is_below(out);
}

/* The file's number; 0: it is none of those that are looked at. */
static unsigned long
inode_of(int fd)
{
	char path[PATH_MAX];
	struct stat st;
	int saved = errno;
	unsigned long inode = 0;

	if (log_fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && path_of_fd(fd, path) &&
	    is_below(path))
		inode = (unsigned long)st.st_ino;
	errno = saved;
	return inode;
}

/* ---- opening ---- */

static int
opened(int fd, bool was, int flags, const char *path)
{
	struct stat st;
	int saved = errno;

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		if (!was)
			say(NULL, 0, "create %lu %o %s\n", (unsigned long)st.st_ino,
			    (unsigned)st.st_mode & 07777, path);
		else if ((flags & O_TRUNC) != 0)
			say(NULL, 0, "truncate %lu 0\n", (unsigned long)st.st_ino);
	}
	errno = saved;
	return fd;
}

static int
open_any(int dir, const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;
	bool was, mine = (flags & (O_CREAT | O_TRUNC)) != 0 && resolve(dir, name, path);
	int fd;

	was = mine && lstat(path, &st) == 0;
	fd = (int)syscall(SYS_openat, dir, name, flags, mode);
	return mine ? opened(fd, was, flags, path) : fd;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...) \
	{ \
		va_list args; \
		mode_t mode; \
		va_start(args, flags); \
		mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0; \
		va_end(args); \
		return open_any(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name) \
	int name(int dir, const char *path, int flags, ...) \
	{ \
		va_list args; \
		mode_t mode; \
		va_start(args, flags); \
		mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0; \
		va_end(args); \
		return open_any(dir, path, flags, mode); \
	}
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
int __open_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_any(AT_FDCWD, path, flags, 0); }
int __openat_2(int dir, const char *path, int flags) { return open_any(dir, path, flags, 0); }
int __openat64_2(int dir, const char *path, int flags) { return open_any(dir, path, flags, 0); }

/* ---- bytes ---- */

static ssize_t
wrote(int fd, unsigned long inode, const void *bytes, ssize_t n, off_t at)
{
	if (inode != 0 && n > 0)
		say(bytes, (size_t)n, "write %lu %lld %zd\n", inode,
		    (long long)(at != -1 ? at : lseek(fd, 0, SEEK_CUR) - n), n);
	return n;
}

ssize_t
write(int fd, const void *bytes, size_t n)
{
	unsigned long inode = inode_of(fd);

	return wrote(fd, inode, bytes, syscall(SYS_write, fd, bytes, n), -1);
}

ssize_t
pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	unsigned long inode = inode_of(fd);

	return wrote(fd, inode, bytes, syscall(SYS_pwrite64, fd, bytes, n, at), at);
}

ssize_t
pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	return pwrite64(fd, bytes, n, at);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	unsigned long inode = inode_of(fd);
	ssize_t n = 0, more;

	if (inode == 0)
		return syscall(SYS_writev, fd, v, count);
	for (int i = 0; i < count; i++) {
		if ((more = write(fd, v[i].iov_base, v[i].iov_len)) == -1)
			return n > 0 ? n : -1;
		n += more;
		if ((size_t)more < v[i].iov_len)
			break;
	}
	return n;
}

int
ftruncate64(int fd, off64_t size)
{
	unsigned long inode = inode_of(fd);
	int rc = (int)syscall(SYS_ftruncate, fd, size);

	if (rc == 0 && inode != 0)
		say(NULL, 0, "truncate %lu %lld\n", inode, (long long)size);
	return rc;
}

int
ftruncate(int fd, off_t size)
{
	return ftruncate64(fd, size);
}

/* No reserving of room: the size alone changes, where it does. */
int
fallocate64(int fd, int mode, off64_t from, off64_t n)
{
	struct stat st;

	if (inode_of(fd) == 0)
		return (int)syscall(SYS_fallocate, fd, mode, from, n);
	if (mode != 0) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return fstat(fd, &st) == 0 && st.st_size < from + n ? ftruncate64(fd, from + n) : 0;
}

int
fallocate(int fd, int mode, off_t from, off_t n)
{
	return fallocate64(fd, mode, from, n);
}

int
posix_fallocate64(int fd, off64_t from, off64_t n)
{
	return fallocate64(fd, 0, from, n) == 0 ? 0 : errno;
}

int
posix_fallocate(int fd, off_t from, off_t n)
{
	return posix_fallocate64(fd, from, n);
}

/* ---- names ---- */

static int
named(int rc, bool mine, const char *verb, const char *path)
{
	if (rc == 0 && mine)
		say(NULL, 0, "%s %s\n", verb, path);
	return rc;
}

int
unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX];
	bool mine = resolve(dir, name, path);

	return named((int)syscall(SYS_unlinkat, dir, name, flags), mine,
	    (flags & AT_REMOVEDIR) != 0 ? "rmdir" : "unlink", path);
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

int
mkdirat(int dir, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	bool mine = resolve(dir, name, path);
	int rc = (int)syscall(SYS_mkdirat, dir, name, mode);

	if (rc == 0 && mine)
		say(NULL, 0, "mkdir %o %s\n", (unsigned)mode, path);
	return rc;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int
renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	bool mine = resolve(from_dir, from, a), there = resolve(to_dir, to, b);
	int rc = (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);

	if (mine != there || (mine && flags != 0 && flags != 1))
		abort();		/* in or out of the folder: not foreseen */
	if (rc == 0 && mine)
		say(NULL, 0, "rename %s %s\n", a, b);
	return rc;
}

int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
int renameat(int a, const char *from, int b, const char *to) { return renameat2(a, from, b, to, 0); }

int
linkat(int from_dir, const char *from, int to_dir, const char *to, int flags)
{
	char a[PATH_MAX], b[PATH_MAX];
	bool mine = resolve(from_dir, from, a) && resolve(to_dir, to, b);
	int rc = (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);

	if (rc == 0 && mine)
		say(NULL, 0, "link %s %s\n", a, b);
	return rc;
}

int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }

int
fchmod(int fd, mode_t mode)
{
	unsigned long inode = inode_of(fd);
	int rc = (int)syscall(SYS_fchmod, fd, mode);

	if (rc == 0 && inode != 0)
		say(NULL, 0, "mode %lu %o\n", inode, (unsigned)mode);
	return rc;
}

int
chmod(const char *name, mode_t mode)
{
	char path[PATH_MAX];
	struct stat st;
	int rc = (int)syscall(SYS_fchmodat, AT_FDCWD, name, mode);

	if (rc == 0 && resolve(AT_FDCWD, name, path) && stat(name, &st) == 0 &&
	    S_ISREG(st.st_mode))
		say(NULL, 0, "mode %lu %o\n", (unsigned long)st.st_ino, (unsigned)mode);
	return rc;
}

/* ---- durable ---- */

static int
synced(int fd, int rc)
{
	char path[PATH_MAX];
	struct stat st;

	if (rc != 0 || log_fd == -1 || fstat(fd, &st) == -1 || !path_of_fd(fd, path) ||
	    !is_below(path))
		return rc;
	if (S_ISDIR(st.st_mode))
		say(NULL, 0, "syncdir %s\n", path);
	else
		say(NULL, 0, "sync %lu\n", (unsigned long)st.st_ino);
	return rc;
}

/* Nothing need reach a disk here. */
int fsync(int fd) { return synced(fd, fcntl(fd, F_GETFD) == -1 ? -1 : 0); }
int fdatasync(int fd) { return fsync(fd); }

int
syncfs(int fd)
{
	char path[PATH_MAX];

	if (log_fd != -1 && path_of_fd(fd, path) && is_below(path))
		say(NULL, 0, "syncfs\n");
	return 0;
}
