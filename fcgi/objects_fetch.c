/* objects_fetch.c - a published generation to this host's disk, as a build would seal it.
 *
 * Works in gen/.tmp-<pid>-fetch-<GEN>.  What a killed fetch of the same generation left is
 * taken over: each of its pieces is hashed and only the others are asked for.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "generation.h"
#include "index.h"
#include "objects.h"

struct wanted {
	int file;
	size_t piece;
};

struct fetching {
	const struct objects *o;
	struct recipe recipe;
	char dir[PATH_MAX];
	int fd[RECIPE_FILES];
	struct wanted *queue;
	size_t count;
	struct objects_report *report;
};

/* ---- the recipe ---- */

int
objects_get_recipe(const struct objects *o, struct recipe *r, struct err *e)
{
	char key[OBJECT_KEY_BYTES], *bytes;
	size_t n;
	int rc;

	if (objects_recipe_key(key, o, o->generation, e) == -1)
		return -1;
	if (object_store_get(o->store, key, RECIPE_BYTES_MAX, &bytes, &n, e) == -1) {
		if (e != NULL && e->code == ERR_NOT_FOUND)
			err_set(e, ERR_NOT_FOUND, "the store has no generation %s of %s",
			    o->generation, o->tenant);
		return -1;
	}
	rc = recipe_parse(r, bytes, n, e);
	free(bytes);
	if (rc == -1)
		return -1;
	if (strcmp(r->generation, o->generation) == 0 && strcmp(r->tenant, o->tenant) == 0)
		return 0;
	return err_set(e, ERR_CORRUPT, "the recipe is of %s of %s", r->generation, r->tenant);
}

/* ---- the folder ---- */

/* ".tmp-<pid>-fetch-<GEN>" of a process that is gone. */
static bool
is_left_over(const char *name, const char *generation)
{
	char *end;
	long pid;

	if (strncmp(name, ".tmp-", 5) != 0)
		return false;
	pid = strtol(name + 5, &end, 10);
	return pid > 0 && strncmp(end, "-fetch-", 7) == 0 && strcmp(end + 7, generation) == 0 &&
	    kill((pid_t)pid, 0) == -1 && errno == ESRCH;
}

static bool
take_over(struct fetching *f, const char *parent)
{
	DIR *dir = opendir(parent);
	struct dirent *entry;
	char old[PATH_MAX];
	bool taken = false;

	while (dir != NULL && !taken && (entry = readdir(dir)) != NULL)
		taken = is_left_over(entry->d_name, f->o->generation) &&
		    file_join(old, sizeof old, parent, entry->d_name, NULL) == 0 &&
		    rename(old, f->dir) == 0;
	if (dir != NULL)
		closedir(dir);
	return taken;
}

static int
make_folder(struct fetching *f, struct err *e)
{
	char parent[PATH_MAX], name[GENERATION_NAME_BYTES + 32];

	if (generation_dir(parent, f->o->data_dir, f->o->tenant, "", e) == -1 ||
	    file_make_dirs(parent, 0755, e) == -1)
		return -1;
	snprintf(name, sizeof name, ".tmp-%d-fetch-%s", (int)getpid(), f->o->generation);
	if (file_join(f->dir, sizeof f->dir, parent, name, e) == -1 ||
	    file_remove_tree(f->dir, e) == -1)
		return -1;
	if (take_over(f, parent))
		return 0;
	return mkdir(f->dir, 0755) == 0 ? 0 : err_sys(e, ERR_IO, "mkdir %s", f->dir);
}

/* ---- what is here already ---- */

/* Another generation of this host has the very file: a link costs nothing. */
static bool
link_local(struct fetching *f, const struct recipe_file *file, const char *path)
{
	char(*names)[GENERATION_NAME_BYTES];
	char dir[PATH_MAX], from[PATH_MAX];
	struct manifest m;
	bool linked = false;
	size_t count;

	if (strcmp(file->name, "manifest.json") == 0 ||
	    generation_list(&names, &count, f->o->data_dir, f->o->tenant, NULL) == -1)
		return false;
	for (size_t i = 0; i < count && !linked; i++) {
		const char *sha256 =
		    strcmp(file->name, "index.rpx") == 0 ? m.index_sha256 : m.store_sha256;
		if (generation_dir(dir, f->o->data_dir, f->o->tenant, names[i], NULL) == 0 &&
		    manifest_read(&m, dir, NULL, NULL) == 0 && strcmp(sha256, file->sha256) == 0 &&
		    file_join(from, sizeof from, dir, file->name, NULL) == 0)
			linked = link(from, path) == 0;
	}
	free(names);
	return linked;
}

static bool
has_piece(int fd, const struct recipe_file *f, size_t piece, char *bytes)
{
	size_t size = recipe_piece_bytes(f, piece);

	return pread(fd, bytes, size, (off_t)((uint64_t)piece * PIECE_BYTES)) == (ssize_t)size &&
	    recipe_is_piece(bytes, size, f->pieces[piece]);
}

static int
queue_missing(struct fetching *f, int i, bool is_new, char *bytes, struct err *e)
{
	const struct recipe_file *file = &f->recipe.file[i];
	struct wanted *grown =
	    reallocarray(f->queue, f->count + file->piece_count + 1, sizeof *grown);

	if (grown == NULL)
		return err_sys(e, ERR_NOMEM, "%s", file->name);
	f->queue = grown;
	for (size_t p = 0; p < file->piece_count; p++)
		if (is_new || !has_piece(f->fd[i], file, p, bytes))
			f->queue[f->count++] = (struct wanted){i, p};
	return 0;
}

static int
prepare_file(struct fetching *f, int i, char *bytes, struct err *e)
{
	const struct recipe_file *file = &f->recipe.file[i];
	char path[PATH_MAX];
	struct stat st;
	bool is_new;

	f->report->bytes += file->bytes;
	f->report->pieces += file->piece_count;
	if (file_join(path, sizeof path, f->dir, file->name, e) == -1)
		return -1;
	is_new = lstat(path, &st) == -1;
	/* One that is sealed is a link that the killed fetch made: adopting verifies it. */
	if (!is_new && (st.st_mode & S_IWUSR) == 0)
		return 0;
	if (is_new && link_local(f, file, path))
		return 0;
	f->fd[i] = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (f->fd[i] == -1 || ftruncate(f->fd[i], (off_t)file->bytes) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	return queue_missing(f, i, is_new, bytes, e);
}

static int
prepare(struct fetching *f, struct err *e)
{
	char *bytes = malloc(PIECE_BYTES);
	int rc = 0;

	if (bytes == NULL)
		return err_sys(e, ERR_NOMEM, "a fetch");
	for (int i = 0; i < RECIPE_FILES && rc == 0; i++)
		rc = prepare_file(f, i, bytes, e);
	free(bytes);
	return rc;
}

/* ---- the rest ---- */

static int
want_piece(void *context, size_t i, struct object_move *m, struct err *e)
{
	struct fetching *f = context;
	const struct wanted *w = &f->queue[i];

	m->size = recipe_piece_bytes(&f->recipe.file[w->file], w->piece);
	return objects_piece_key(m->key, f->o, f->recipe.file[w->file].pieces[w->piece], e);
}

static int
take_piece(void *context, size_t i, const char *bytes, size_t n, struct err *e)
{
	struct fetching *f = context;
	const struct wanted *w = &f->queue[i];
	const struct recipe_file *file = &f->recipe.file[w->file];
	off_t at = (off_t)((uint64_t)w->piece * PIECE_BYTES);
	ssize_t wrote;

	if (n != recipe_piece_bytes(file, w->piece) || !recipe_is_piece(bytes, n, file->pieces[w->piece]))
		return err_set(e, ERR_PEER, "the store's piece %s is not what its name says",
		    file->pieces[w->piece]);
	f->report->moved_bytes += n;
	f->report->moved_pieces++;
	for (; n > 0; bytes += wrote, at += wrote, n -= (size_t)wrote) {
		wrote = pwrite(f->fd[w->file], bytes, n, at);
		if (wrote == -1 && errno == EINTR)
			wrote = 0;
		if (wrote == -1)
			return err_sys(e, ERR_IO, "%s/%s", f->dir, file->name);
	}
	return 0;
}

/* Its bytes are those of who made it; whether they mean what they should is looked at before
 * anybody follows a pointer to it. */
static int
verify_adopted(const struct objects *o, struct err *e)
{
	struct index *x = NULL;
	char dir[PATH_MAX];
	int rc = -1;

	if (index_open(&x, o->data_dir, o->tenant, o->generation, e) == 0)
		rc = index_verify(x, e);
	index_close(x);
	if (rc == -1 && e->code == ERR_CORRUPT &&
	    generation_dir(dir, o->data_dir, o->tenant, o->generation, NULL) == 0)
		file_remove_tree(dir, NULL);
	return rc;
}

static int
fetch_into_folder(struct fetching *f, struct err *e)
{
	if (make_folder(f, e) == -1 || prepare(f, e) == -1 ||
	    f->o->store->get_each(f->o->store, f->count, want_piece, take_piece, f, e) == -1)
		return -1;
	return generation_adopt(f->o->data_dir, f->o->tenant, f->o->generation, f->dir,
		   &f->report->existed, e) == -1 ?
	    -1 :
	    verify_adopted(f->o, e);
}

/* What a server did not give this time is worth keeping for the next; what does not fit on
 * the disk, or is not what it should be, is not. */
static bool
is_worth_keeping(const struct err *e)
{
	return e->code == ERR_PEER || e->code == ERR_TIMEOUT || e->code == ERR_SOURCE;
}

/* 1: it is here, whole; 0: it is not, any more. */
static int
look_at_local(const struct objects *o, struct err *e)
{
	char dir[PATH_MAX], aside[PATH_MAX];

	if (generation_name_check(o->generation, e) == -1 ||
	    generation_dir(dir, o->data_dir, o->tenant, o->generation, e) == -1)
		return -1;
	if (access(dir, F_OK) == -1 ||
	    generation_is_away(o->data_dir, o->tenant, o->generation))
		return 0;
	if (generation_verify(o->data_dir, o->tenant, o->generation, NULL) == 0)
		return 1;
	/* Damaged: who has it open keeps it, the name is free for a whole one. */
	snprintf(aside, sizeof aside, "%.*s/.tmp-%d-damaged", (int)(strrchr(dir, '/') - dir), dir,
	    (int)getpid());
	if (rename(dir, aside) == -1)
		return err_sys(e, ERR_IO, "%s", dir);
	return file_remove_tree(aside, e);
}

int
objects_fetch(const struct objects *o, struct objects_report *report, struct err *e)
{
	struct fetching f = {.o = o, .fd = {-1, -1, -1}, .report = report};
	struct err why;
	int rc = -1, here;

	*report = (struct objects_report){0};
	if ((here = look_at_local(o, e)) != 0) {
		report->existed = here == 1;
		return here == 1 ? 0 : -1;
	}
	if (objects_get_recipe(o, &f.recipe, &why) == 0)
		rc = fetch_into_folder(&f, &why);
	for (int i = 0; i < RECIPE_FILES; i++)
		if (f.fd[i] != -1)
			close(f.fd[i]);
	if (rc == -1 && f.dir[0] != '\0' && !is_worth_keeping(&why))
		file_remove_tree(f.dir, NULL);
	if (rc == -1 && e != NULL)
		*e = why;
	free(f.queue);
	recipe_fini(&f.recipe);
	return rc;
}
