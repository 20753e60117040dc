/* backup_uploads.c - uploaded files, into a backup and back. */
#include "backup_uploads.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "uploads.h"

bool
backup_is_no_upload(const char *path)
{
	char area[UPLOAD_AREA_BYTES], id[UPLOAD_ID_BYTES];

	return strncmp(path, UPLOADS_FOLDER "/", sizeof UPLOADS_FOLDER) == 0 &&
	    !upload_path_parse(path, area, id);
}

/* ---- saving ---- */

static int
save(struct place *p, const char *data_dir, const char *area, const char *id, struct err *e)
{
	char path[UPLOAD_PATH_BYTES], from[PATH_MAX];
	const struct backup_file *known;
	struct stat st;

	upload_path(path, area, id);
	if (file_join(from, sizeof from, data_dir, path, e) == -1)
		return -1;
	if (lstat(from, &st) == -1)
		return errno == ENOENT ? 0 : err_sys(e, ERR_IO, "%s", from);
	known = p->before != NULL ? backup_list_find(p->listed, path) : NULL;
	if (place_into(p, from, path, PLACE_SEALED, known != NULL ? known->sha256 : NULL, e) == -1)
		return access(from, F_OK) == -1 && errno == ENOENT ? 0 : -1;
	p->list->files[p->list->count - 1].expires = (int64_t)st.st_mtim.tv_sec;
	return 0;
}

int
backup_save_uploads(struct place *p, const char *data_dir, const char *area, struct err *e)
{
	char(*ids)[UPLOAD_ID_BYTES];
	size_t count;
	int rc = 0;

	if (upload_list(&ids, &count, data_dir, area, e) == -1)
		return -1;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = save(p, data_dir, area, ids[i], e);
	free(ids);
	return rc;
}

/* ---- bringing back ---- */

static int
set_expiry(const char *path, int64_t expires, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)expires}};

	return utimensat(AT_FDCWD, path, times, 0) == 0 ? file_sync(path, e) :
							    err_sys(e, ERR_IO, "%s", path);
}

/* Under a name that nobody looks at, with its time.  A link has the time of the backup's file,
 * which is not ours to change. */
static int
fill(const struct restore_request *r, const struct backup_file *f, const char *aside,
    struct err *e)
{
	char from[PATH_MAX];
	struct stat st;
	bool may_link;

	if (backup_file_check(f, r->backup, e) == -1 ||
	    file_join(from, sizeof from, r->backup, f->path, e) == -1)
		return -1;
	may_link = !r->copies && lstat(from, &st) == 0 && st.st_mtim.tv_sec == f->expires;
	if (place_link_or_copy(from, aside, 0640, may_link, e) == -1)
		return -1;
	return stat(aside, &st) == 0 && st.st_mtim.tv_sec == f->expires ?
	    0 :
	    set_expiry(aside, f->expires, e);
}

/* Into the folder of its area, and never over one that is there. */
static int
bring_back(const struct restore_request *r, const struct backup_file *f, const char *area,
    bool *is_new, struct err *e)
{
	char folder[PATH_MAX], to[PATH_MAX], aside[PATH_MAX];
	struct stat st;

	*is_new = false;
	if (file_join(to, sizeof to, r->data_dir, f->path, e) == -1)
		return -1;
	if (upload_has_expired(f->expires, (int64_t)time(NULL)) || lstat(to, &st) == 0)
		return 0;
	if (upload_area_folder(folder, r->data_dir, area, e) == -1)
		return -1;
	if (snprintf(aside, sizeof aside, "%s/.tmp-%d-restore", folder, (int)getpid()) >=
	    (int)sizeof aside)
		return err_set(e, ERR_LIMIT, "path too long: %.200s", folder);
	unlink(aside);
	if (fill(r, f, aside, e) == 0) {
		if (rename(aside, to) == 0) {
			*is_new = true;
			return 0;
		}
		err_sys(e, ERR_IO, "%s", to);
	}
	unlink(aside);
	return -1;
}

struct restoring {
	const struct restore_request *r;
	char area[UPLOAD_AREA_BYTES];	/* that has new names, not yet synced; "": none */
	size_t restored, failed;
	struct err first;		/* why, when some failed */
};

static void
note_failure(struct restoring *x, const struct err *e)
{
	if (x->failed++ == 0)
		x->first = *e;
}

static void
sync_area(struct restoring *x)
{
	char folder[PATH_MAX];
	struct err e;

	if (x->area[0] != '\0' &&
	    (upload_area_folder(folder, x->r->data_dir, x->area, &e) == -1 ||
		file_sync(folder, &e) == -1))
		note_failure(x, &e);
	x->area[0] = '\0';
}

static void
restore_file(struct restoring *x, const struct backup_file *f)
{
	char area[UPLOAD_AREA_BYTES], id[UPLOAD_ID_BYTES];
	struct err e;
	bool is_new;

	if (!upload_path_parse(f->path, area, id)) {
		err_set(&e, ERR_CORRUPT, "%s: not where an uploaded file lies", f->path);
		note_failure(x, &e);
		return;
	}
	if (strcmp(area, x->area) != 0)
		sync_area(x);
	if (bring_back(x->r, f, area, &is_new, &e) == -1) {
		note_failure(x, &e);
	} else if (is_new) {
		x->restored++;
		memcpy(x->area, area, sizeof area);
	}
}

/* Files of the list whose paths begin so. */
static int
restore_below(
    const struct restore_request *r, const char *prefix, size_t *restored, struct err *e)
{
	struct restoring x = {.r = r};
	size_t count;
	const struct backup_file *f = backup_list_below(r->list, prefix, &count);

	for (size_t i = 0; i < count; i++)
		restore_file(&x, &f[i]);
	sync_area(&x);
	*restored = x.restored;
	return x.failed == 0 ? 0 :
			       err_set(e, x.first.code,
				   "%zu of %zu uploaded files could not be restored: %s", x.failed,
				   count, x.first.text);
}

int
restore_uploads_of(
    const struct restore_request *r, const char *area, size_t *restored, struct err *e)
{
	char prefix[UPLOAD_PATH_BYTES];

	snprintf(prefix, sizeof prefix, UPLOADS_FOLDER "/%s/", area);
	return restore_below(r, prefix, restored, e);
}

int
restore_uploads(const struct restore_request *r, size_t *restored, struct err *e)
{
	return restore_below(r, UPLOADS_FOLDER "/", restored, e);
}
