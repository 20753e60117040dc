/* backup_place.c - one file from here to there: a link where that is possible, else a copy. */
#include "backup_place.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

enum { BLOCK_BYTES = 1 << 20, SEALED_MODE = 0440, KEPT_MODE = 0640 };

int
place_make_parent(const char *path, struct err *e)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
	return file_is_folder(folder) ? 0 : file_make_dirs_unsynced(folder, 0755, e);
}

/* ---- copying ---- */

static int
copy_bytes(int from, int to, const char *name, struct placed *out, struct err *e)
{
	struct hash_sha256 *h = hash_sha256_new(e);
	char *block = malloc(BLOCK_BYTES);
	uint8_t digest[SHA256_BYTES];
	ssize_t n = 0;

	*out = (struct placed){0};
	if (h == NULL || block == NULL) {
		err_set(e, ERR_NOMEM, "no memory to copy %s", name);
		goto fail;
	}
	while ((n = read(from, block, BLOCK_BYTES)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			err_sys(e, ERR_IO, "%s", name);
			goto fail;
		}
		hash_sha256_add(h, block, (size_t)n);
		out->bytes += (uint64_t)n;
		if (file_write_all(to, block, (size_t)n, name, e) == -1)
			goto fail;
	}
	hash_sha256_end(h, digest);
	hash_hex(digest, out->sha256);
	free(block);
	return 0;
fail:
	hash_sha256_free(h);
	free(block);
	return -1;
}

int
place_copy(const char *from, const char *to, mode_t mode, struct placed *out, struct err *e)
{
	int in = open(from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), made = -1, rc = -1;
	struct stat st;

	if (in == -1)
		return err_sys(e, ERR_IO, "%s", from);
	if (fstat(in, &st) == 0 && !S_ISREG(st.st_mode)) {
		err_set(e, ERR_IO, "%s: not a regular file", from);
		goto out;
	}
	if ((made = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)) == -1) {
		err_sys(e, ERR_IO, "%s", to);
		goto out;
	}
	if (copy_bytes(in, made, from, out, e) == -1)
		goto out;
	if (fchmod(made, mode) == -1 || fsync(made) == -1)
		err_sys(e, ERR_IO, "%s", to);
	else
		rc = 0;
out:
	if (made != -1)
		close(made);
	if (made != -1 && rc == -1)
		unlink(to);
	close(in);
	return rc;
}

int
place_link_or_copy(
    const char *from, const char *to, mode_t mode, bool may_link, struct err *e)
{
	struct placed ignored;
	struct stat st;

	if (may_link && lstat(from, &st) == 0 && S_ISREG(st.st_mode) && link(from, to) == 0)
		return 0;
	return place_copy(from, to, mode, &ignored, e);
}

/* ---- into a backup ---- */

/* Where the backup before keeps the file, if it does and still has it in that size. */
static const struct backup_file *
find_before(const struct place *p, const char *path, char where[PATH_MAX], struct stat *st)
{
	const struct backup_file *f = p->before != NULL ? backup_list_find(p->listed, path) : NULL;

	if (f == NULL || file_join(where, PATH_MAX, p->before, path, NULL) == -1 ||
	    lstat(where, st) == -1 || !S_ISREG(st->st_mode) || (uint64_t)st->st_size != f->bytes)
		return NULL;
	return f;
}

static int
list(struct place *p, const char *path, const struct placed *file, bool is_new, struct err *e)
{
	p->files++;
	p->bytes += file->bytes;
	p->new_bytes += is_new ? file->bytes : 0;
	return backup_list_add(p->list, path, file->bytes, file->sha256, e);
}

/* The backup before holds it: the very inode, hashed then and never written since, or what it
 * is known to be.  1: it is linked and listed. */
static int
link_before(struct place *p, const char *from, const char *path, const char *to,
    const char *sha256, struct err *e)
{
	char where[PATH_MAX];
	const struct backup_file *f;
	struct stat old, now;
	struct placed file;

	if ((f = find_before(p, path, where, &old)) == NULL || lstat(from, &now) == -1)
		return 0;
	if ((now.st_dev != old.st_dev || now.st_ino != old.st_ino) &&
	    (sha256 == NULL || strcmp(sha256, f->sha256) != 0))
		return 0;
	if (link(where, to) == -1)
		return 0;
	file.bytes = f->bytes;
	memcpy(file.sha256, f->sha256, sizeof file.sha256);
	return list(p, path, &file, false, e) == 0 ? 1 : -1;
}

/* What lies at `to` gives way to a link to an equal file of the backup before. */
static bool
share_before(const struct place *p, const char *path, const char *to, const struct placed *file)
{
	char where[PATH_MAX], beside[PATH_MAX];
	const struct backup_file *f;
	struct stat old;

	if ((f = find_before(p, path, where, &old)) == NULL || f->bytes != file->bytes ||
	    strcmp(f->sha256, file->sha256) != 0 ||
	    snprintf(beside, sizeof beside, "%s.same", to) >= (int)sizeof beside ||
	    link(where, beside) == -1)
		return false;
	if (rename(beside, to) == 0)
		return true;
	unlink(beside);
	return false;
}

static int
hash_placed(const char *path, struct placed *out, struct err *e)
{
	uint8_t digest[SHA256_BYTES];

	if (hash_sha256_file(path, digest, &out->bytes, e) == -1)
		return -1;
	hash_hex(digest, out->sha256);
	return 0;
}

int
place_into(struct place *p, const char *from, const char *path, enum place_how how,
    const char *sha256, struct err *e)
{
	char to[PATH_MAX];
	struct placed file;
	struct stat st;
	bool is_linked;
	int rc;

	if (file_join(to, sizeof to, p->folder, path, e) == -1 || place_make_parent(to, e) == -1)
		return -1;
	if (how == PLACE_SEALED && (rc = link_before(p, from, path, to, sha256, e)) != 0)
		return rc == 1 ? 0 : -1;
	is_linked = how == PLACE_SEALED && !p->copies && lstat(from, &st) == 0 &&
	    S_ISREG(st.st_mode) && link(from, to) == 0;
	rc = is_linked ?
	    hash_placed(to, &file, e) :
	    place_copy(from, to, how == PLACE_SEALED ? SEALED_MODE : KEPT_MODE, &file, e);
	if (rc == -1)
		return -1;
	return list(p, path, &file, !is_linked && !share_before(p, path, to, &file), e);
}

int
place_listed(struct place *p, const char *path, struct err *e)
{
	char to[PATH_MAX];
	struct placed file;

	if (file_join(to, sizeof to, p->folder, path, e) == -1 || hash_placed(to, &file, e) == -1 ||
	    file_sync(to, e) == -1)
		return -1;
	return list(p, path, &file, !share_before(p, path, to, &file), e);
}
