/* objects_verify.c - whether the store can give a generation back: it is read, all of it. */
#include <stdlib.h>
#include <string.h>

#include "generation.h"
#include "objects.h"

struct verifying {
	const struct objects *o;
	const struct recipe *ours;
	struct objects_report *report;
};

/* The file and the place in it of the i-th of all pieces. */
static const struct recipe_file *
file_of(const struct recipe *r, size_t i, size_t *piece)
{
	const struct recipe_file *f = r->file;

	while (i >= f->piece_count)
		i -= (f++)->piece_count;
	*piece = i;
	return f;
}

static size_t
count_pieces(const struct recipe *r)
{
	size_t n = 0;

	for (int i = 0; i < RECIPE_FILES; i++)
		n += r->file[i].piece_count;
	return n;
}

static int
compare(const struct recipe *ours, const struct recipe *theirs, struct err *e)
{
	for (int i = 0; i < RECIPE_FILES; i++) {
		const struct recipe_file *a = &ours->file[i], *b = &theirs->file[i];
		if (strcmp(a->name, b->name) != 0 || a->bytes != b->bytes ||
		    strcmp(a->sha256, b->sha256) != 0 || a->piece_count != b->piece_count ||
		    memcmp(a->pieces, b->pieces, a->piece_count * sizeof *a->pieces) != 0)
			return err_set(e, ERR_CORRUPT, "the store's %s of generation %s is another",
			    b->name, theirs->generation);
	}
	return 0;
}

static int
want_piece(void *context, size_t i, struct object_move *m, struct err *e)
{
	struct verifying *v = context;
	size_t piece;
	const struct recipe_file *f = file_of(v->ours, i, &piece);

	m->size = recipe_piece_bytes(f, piece);
	return objects_piece_key(m->key, v->o, f->pieces[piece], e);
}

static int
check_piece(void *context, size_t i, const char *bytes, size_t n, struct err *e)
{
	struct verifying *v = context;
	size_t piece;
	const struct recipe_file *f = file_of(v->ours, i, &piece);

	if (n != recipe_piece_bytes(f, piece) || !recipe_is_piece(bytes, n, f->pieces[piece]))
		return err_set(e, ERR_CORRUPT, "the store's piece %s is not what its name says",
		    f->pieces[piece]);
	v->report->moved_bytes += n;
	v->report->moved_pieces++;
	return 0;
}

int
objects_verify(const struct objects *o, struct objects_report *report, struct err *e)
{
	struct recipe ours = {0}, theirs = {0};
	struct verifying v = {.o = o, .ours = &ours, .report = report};
	int rc = -1;

	*report = (struct objects_report){.existed = true};
	if (generation_verify(o->data_dir, o->tenant, o->generation, e) == -1 ||
	    recipe_make(&ours, o->data_dir, o->tenant, o->generation, e) == -1 ||
	    objects_get_recipe(o, &theirs, e) == -1 || compare(&ours, &theirs, e) == -1)
		goto out;
	report->pieces = count_pieces(&ours);
	for (int i = 0; i < RECIPE_FILES; i++)
		report->bytes += ours.file[i].bytes;
	rc = o->store->get_each(o->store, count_pieces(&ours), want_piece, check_piece, &v, e);
out:
	recipe_fini(&ours);
	recipe_fini(&theirs);
	return rc;
}
