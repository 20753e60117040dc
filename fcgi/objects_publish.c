/* objects_publish.c - a sealed generation to the store: pieces first, the recipe last. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "generation.h"
#include "objects.h"

/* One piece that is still to be sent. */
struct sending {
	int file;
	size_t piece;
};

struct publication {
	const struct objects *o;
	struct recipe recipe;
	int fd[RECIPE_FILES];
	struct sending *queue;
	size_t count;
	struct objects_report *report;
};

static int
open_files(struct publication *p, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];

	if (generation_dir(dir, p->o->data_dir, p->o->tenant, p->o->generation, e) == -1)
		return -1;
	for (int i = 0; i < RECIPE_FILES; i++) {
		if (file_join(path, sizeof path, dir, recipe_names[i], e) == -1)
			return -1;
		if ((p->fd[i] = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			return err_sys(e, ERR_IO, "%s", path);
	}
	return 0;
}

static size_t
size_of_piece(const struct recipe_file *f, size_t piece)
{
	uint64_t from = (uint64_t)piece * PIECE_BYTES;

	return f->bytes - from < PIECE_BYTES ? (size_t)(f->bytes - from) : PIECE_BYTES;
}

/* What the store has not, or has so long that a sweep may be about to take it. */
static int
queue_pieces(struct publication *p, struct err *e)
{
	int64_t old = (int64_t)time(NULL) - OBJECTS_GRACE_S / 2;
	struct stored_piece *stored;
	size_t count, pieces = 0;

	if (objects_stored_pieces(p->o, &stored, &count, e) == -1)
		return -1;
	for (int f = 0; f < RECIPE_FILES; f++)
		pieces += p->recipe.file[f].piece_count;
	free(p->queue);
	p->count = 0;
	if ((p->queue = calloc(pieces + 1, sizeof *p->queue)) == NULL) {
		free(stored);
		return err_sys(e, ERR_NOMEM, "a publication");
	}
	for (int f = 0; f < RECIPE_FILES; f++)
		for (size_t i = 0; i < p->recipe.file[f].piece_count; i++) {
			const struct stored_piece *s = objects_find_piece(
			    stored, count, p->recipe.file[f].pieces[i]);
			if (s == NULL || s->modified < old)
				p->queue[p->count++] = (struct sending){f, i};
		}
	p->report->pieces = pieces;
	free(stored);
	return 0;
}

static int
give_piece(void *context, size_t i, struct object_move *m, struct err *e)
{
	struct publication *p = context;
	const struct sending *s = &p->queue[i];
	const struct recipe_file *f = &p->recipe.file[s->file];
	size_t used = 0;
	ssize_t n;

	if (objects_piece_key(m->key, p->o, f->pieces[s->piece], e) == -1)
		return -1;
	m->size = size_of_piece(f, s->piece);
	if ((m->bytes = malloc(m->size)) == NULL)
		return err_sys(e, ERR_NOMEM, "a piece of %s", f->name);
	while (used < m->size) {
		n = pread(p->fd[s->file], m->bytes + used, m->size - used,
		    (off_t)(s->piece * (uint64_t)PIECE_BYTES + used));
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(e, ERR_IO, "%s", f->name);
		used += (size_t)n;
	}
	p->report->moved_bytes += m->size;
	p->report->moved_pieces++;
	return 0;
}

static int
send_pieces(struct publication *p, struct err *e)
{
	return p->o->store->put_each(p->o->store, p->count, give_piece, p, e);
}

static int
send_recipe(struct publication *p, struct err *e)
{
	char key[OBJECT_KEY_BYTES];
	struct buf b;
	int rc = -1;

	buf_init(&b, RECIPE_BYTES_MAX);
	if (recipe_write(&p->recipe, &b, e) == 0 &&
	    objects_recipe_key(key, p->o, p->o->generation, e) == 0)
		rc = object_store_put(p->o->store, key, b.data, b.len, e);
	buf_fini(&b);
	return rc;
}

/* A sweep on another host may have taken a piece between our listing and our recipe: now
 * that the recipe names it, it stays. */
static int
check_pieces(struct publication *p, struct err *e)
{
	if (queue_pieces(p, e) == -1)
		return -1;
	return p->count == 0 ? 0 : send_pieces(p, e);
}

static bool
is_published(const struct publication *p)
{
	char key[OBJECT_KEY_BYTES], *bytes;
	size_t n;

	if (objects_recipe_key(key, p->o, p->o->generation, NULL) == -1 ||
	    object_store_get(p->o->store, key, RECIPE_BYTES_MAX, &bytes, &n, NULL) == -1)
		return false;
	free(bytes);
	return true;
}

int
objects_publish(const struct objects *o, struct objects_report *report, struct err *e)
{
	struct publication p = {.o = o, .fd = {-1, -1, -1}, .report = report};
	int rc = -1;

	*report = (struct objects_report){0};
	if (recipe_make(&p.recipe, o->data_dir, o->tenant, o->generation, e) == -1)
		return -1;
	for (int i = 0; i < RECIPE_FILES; i++)
		report->bytes += p.recipe.file[i].bytes;
	if (open_files(&p, e) == -1 || queue_pieces(&p, e) == -1)
		goto out;
	report->existed = p.count == 0 && is_published(&p);
	if (report->existed)
		rc = 0;
	else if (send_pieces(&p, e) == 0 && send_recipe(&p, e) == 0)
		rc = check_pieces(&p, e);
out:
	for (int i = 0; i < RECIPE_FILES; i++)
		if (p.fd[i] != -1)
			close(p.fd[i]);
	free(p.queue);
	recipe_fini(&p.recipe);
	return rc;
}
