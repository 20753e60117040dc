/* tenants_dir.c - the folder of tenants' documents. */
#include "tenants_dir.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "tenant.h"

/* A link that is made to point at another folder raises no event: look now and then. */
enum { RECHECK_MS = 5000 };

/* What a file was like when it was offered. */
struct stamp {
	char name[TENANT_NAME_BYTES + 1];
	bool taken;			/* the catalog has judged it */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
};

struct tenants_dir {
	char *path;
	struct catalog *catalog;	/* borrowed */
	int fd;				/* inotify */
	int watch;			/* -1: the folder is not watched */
	dev_t dev;			/* of the folder that is */
	ino_t ino;
	int64_t due_ms;			/* of the next reading; 0: none */
	int64_t check_ms;		/* of the next look at the folder itself */
	struct stamp *stamps;		/* sorted by name */
	size_t count;
	struct err trouble;
};

static int
by_stamp_name(const void *a, const void *b)
{
	return strcmp(((const struct stamp *)a)->name, ((const struct stamp *)b)->name);
}

/* "alpha.json" -> "alpha"; hidden files, backups and all else are no documents. */
static bool
tenant_of_file(const char *file, char name[TENANT_NAME_BYTES + 1])
{
	size_t n = strlen(file);

	if (n < 6 || strcmp(file + n - 5, ".json") != 0 || !tenant_name_is_valid(file, n - 5))
		return false;
	memcpy(name, file, n - 5);
	name[n - 5] = '\0';
	return true;
}

static bool
is_same_file(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    memcmp(&a->mtime, &b->mtime, sizeof a->mtime) == 0 &&
	    memcmp(&a->ctime, &b->ctime, sizeof a->ctime) == 0;
}

/* The documents' stamps, sorted; 0, or -1 when the folder could not be read to its end. */
static int
list_files(const char *path, struct stamp **out, size_t *count, struct err *e)
{
	struct stamp *stamps = NULL, *more;
	size_t n = 0, room = 0;
	struct dirent *entry;
	struct stat st;
	DIR *dir;
	int rc = -1;

	if ((dir = opendir(path)) == NULL)
		return err_sys(e, ERR_IO, "%s", path);
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		char name[TENANT_NAME_BYTES + 1];
		if (!tenant_of_file(entry->d_name, name))
			continue;
		if (n == room) {
			room = room > 0 ? room * 2 : 64;
			if ((more = reallocarray(stamps, room, sizeof *stamps)) == NULL) {
				err_set(e, ERR_NOMEM, "no memory for %s", path);
				goto out;
			}
			stamps = more;
		}
		stamps[n] = (struct stamp){0};
		memcpy(stamps[n].name, name, sizeof name);
		/* A link that leads nowhere is there, and will be refused by name. */
		if (fstatat(dirfd(dir), entry->d_name, &st, 0) == 0) {
			stamps[n].dev = st.st_dev;
			stamps[n].ino = st.st_ino;
			stamps[n].size = st.st_size;
			stamps[n].mtime = st.st_mtim;
			stamps[n].ctime = st.st_ctim;
		}
		n++;
	}
	if (errno != 0) {
		err_sys(e, ERR_IO, "%s", path);
		goto out;
	}
	if (n > 0)
		qsort(stamps, n, sizeof *stamps, by_stamp_name);
	*out = stamps;
	*count = n;
	stamps = NULL;
	rc = 0;
out:
	free(stamps);
	closedir(dir);
	return rc;
}

static int
offer_file(struct tenants_dir *d, const struct stamp *s)
{
	uint64_t revision = (uint64_t)s->mtime.tv_sec * 1000000000u + (uint64_t)s->mtime.tv_nsec;
	char path[PATH_MAX], *bytes = NULL;
	struct err why;
	size_t n;
	int rc;

	if (snprintf(path, sizeof path, "%s/%s.json", d->path, s->name) >= (int)sizeof path)
		return -1;
	if (file_read(&bytes, &n, path, TENANT_CONFIG_MAX, &why) == -1)
		return catalog_refuse(d->catalog, s->name, ORIGIN_FILE, revision, &why, NULL);
	rc = catalog_offer(d->catalog, s->name, bytes, n, ORIGIN_FILE, revision, NULL);
	free(bytes);
	return rc;
}

static void
read_folder(struct tenants_dir *d, int64_t now_ms)
{
	struct stamp *stamps = NULL, *old;
	size_t count = 0;

	if (list_files(d->path, &stamps, &count, &d->trouble) == -1) {
		d->due_ms = now_ms + TENANTS_DIR_RETRY_MS;
		return;
	}
	err_clear(&d->trouble);
	catalog_begin(d->catalog, ORIGIN_FILE);
	for (size_t i = 0; i < count; i++) {
		old = d->count > 0 ? bsearch(&stamps[i], d->stamps, d->count, sizeof stamps[i],
					 by_stamp_name)
				   : NULL;
		stamps[i].taken = old != NULL && old->taken && is_same_file(old, &stamps[i]) &&
		    catalog_seen(d->catalog, stamps[i].name, ORIGIN_FILE);
		if (!stamps[i].taken)
			stamps[i].taken = offer_file(d, &stamps[i]) == 0;
		if (!stamps[i].taken)		/* disk or memory: try again */
			d->due_ms = now_ms + TENANTS_DIR_RETRY_MS;
	}
	catalog_end(d->catalog, ORIGIN_FILE, true, now_ms);
	free(d->stamps);
	d->stamps = stamps;
	d->count = count;
}

/* Watches what the path names now.  Called before the reading, so that a change between
 * the two is an event. */
static void
watch_folder(struct tenants_dir *d)
{
	const uint32_t mask = IN_ONLYDIR | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
	    IN_DELETE | IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;
	struct stat st;

	if (d->watch != -1)
		inotify_rm_watch(d->fd, d->watch);
	d->watch = inotify_add_watch(d->fd, d->path, mask);
	if (d->watch == -1 || stat(d->path, &st) == -1)
		return;
	d->dev = st.st_dev;
	d->ino = st.st_ino;
}

static bool
is_other_folder(const struct tenants_dir *d)
{
	struct stat st;

	return d->watch == -1 || stat(d->path, &st) == -1 || st.st_dev != d->dev ||
	    st.st_ino != d->ino;
}

int
tenants_dir_open(struct tenants_dir **out, const char *path, struct catalog *catalog,
    int64_t now_ms, struct err *e)
{
	struct tenants_dir *d = calloc(1, sizeof *d);

	if (d == NULL || (d->path = strdup(path)) == NULL) {
		free(d);
		return err_set(e, ERR_NOMEM, "no memory for %s", path);
	}
	d->catalog = catalog;
	d->watch = -1;
	if ((d->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) == -1) {
		err_sys(e, ERR_IO, "inotify");
		tenants_dir_close(d);
		return -1;
	}
	d->due_ms = now_ms;
	tenants_dir_tick(d, now_ms);
	*out = d;
	return 0;
}

void
tenants_dir_close(struct tenants_dir *d)
{
	if (d == NULL)
		return;
	if (d->fd != -1)
		close(d->fd);
	free(d->stamps);
	free(d->path);
	free(d);
}

int
tenants_dir_fd(const struct tenants_dir *d)
{
	return d->fd;
}

static void
read_later(struct tenants_dir *d, int64_t now_ms)
{
	if (d->due_ms == 0)
		d->due_ms = now_ms + TENANTS_DIR_SETTLE_MS;
}

/* A plain file that was just made is still empty: its close will be an event.  A link is
 * complete when it is made. */
static bool
is_complete(const struct tenants_dir *d, const char *file)
{
	char path[PATH_MAX];
	struct stat st;

	if (file_join(path, sizeof path, d->path, file, NULL) == -1 || lstat(path, &st) == -1)
		return false;
	return !S_ISREG(st.st_mode) || st.st_nlink > 1;
}

static void
take_event(struct tenants_dir *d, const struct inotify_event *event, int64_t now_ms)
{
	if ((event->mask & IN_Q_OVERFLOW) != 0) {
		read_later(d, now_ms);
		return;
	}
	if (event->wd != d->watch)
		return;			/* of a folder that was there before */
	if ((event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
		if ((event->mask & IN_IGNORED) != 0)
			d->watch = -1;	/* the kernel has removed it */
		d->check_ms = now_ms + TENANTS_DIR_SETTLE_MS;
		return;
	}
	if ((event->mask & IN_CREATE) == 0 || (event->len > 0 && is_complete(d, event->name)))
		read_later(d, now_ms);
}

void
tenants_dir_on_readable(struct tenants_dir *d, int64_t now_ms)
{
	char bytes[8192] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t n;

	while ((n = read(d->fd, bytes, sizeof bytes)) > 0)
		for (char *at = bytes; at < bytes + n; at += sizeof *event + event->len) {
			event = (const struct inotify_event *)(const void *)at;
			take_event(d, event, now_ms);
		}
}

int64_t
tenants_dir_timeout(const struct tenants_dir *d, int64_t now_ms)
{
	int64_t due = d->check_ms;

	if (d->due_ms != 0 && d->due_ms < due)
		due = d->due_ms;
	return due > now_ms ? due - now_ms : 0;
}

void
tenants_dir_tick(struct tenants_dir *d, int64_t now_ms)
{
	if (now_ms >= d->check_ms) {
		d->check_ms = now_ms + (d->watch == -1 ? TENANTS_DIR_RETRY_MS : RECHECK_MS);
		if (is_other_folder(d)) {
			watch_folder(d);
			d->due_ms = now_ms;
		}
	}
	if (d->due_ms == 0 || now_ms < d->due_ms)
		return;
	d->due_ms = 0;
	read_folder(d, now_ms);
}

void
tenants_dir_rescan(struct tenants_dir *d, int64_t now_ms)
{
	d->check_ms = now_ms;
	d->due_ms = now_ms;
}

const struct err *
tenants_dir_trouble(const struct tenants_dir *d)
{
	return &d->trouble;
}
