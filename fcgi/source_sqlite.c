/* source_sqlite.c - documents from the rows of a query on somebody's SQLite database.
 *
 * The file is opened read-only and the query may only read: whoever may write a tenant's
 * document gets no way to write, to attach another file, or to call into the host.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "beneath.h"
#include "db.h"
#include "source_kinds.h"
#include "source_rows.h"

struct sqlite_source {
	struct source base;
	struct source_options options;
	sqlite3 *db;
};

/* ---- what a query may do ---- */

static int
authorize(void *context, int action, const char *a, const char *b, const char *database,
    const char *trigger)
{
	(void)context, (void)database, (void)trigger;
	switch (action) {
	case SQLITE_PRAGMA:		/* full-text tables ask this of themselves */
		return strcmp(a, "data_version") == 0 ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_FUNCTION:
		return b != NULL && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int
prepare_query(struct sqlite_source *s, sqlite3_stmt **out, struct err *e)
{
	const char *rest;

	if (sqlite3_prepare_v2(s->db, s->options.query, -1, out, &rest) != SQLITE_OK) {
		db_fail(s->db, "query", e);
		if (e != NULL)
			e->code = ERR_SOURCE;
		return -1;
	}
	if (*out == NULL)
		return err_set(e, ERR_SOURCE, "the query is empty");
	if (rest[strspn(rest, " \t\r\n;")] != '\0')
		return err_set(e, ERR_SOURCE, "the query has more than one statement");
	if (!sqlite3_stmt_readonly(*out))
		return err_set(e, ERR_SOURCE, "the query writes");
	return 0;
}

/* ---- rows ---- */

static enum row_kind
kind_of(int type)
{
	switch (type) {
	case SQLITE_INTEGER:
	case SQLITE_FLOAT:
		return ROW_NUMBER;
	case SQLITE_TEXT:
		return ROW_TEXT;
	case SQLITE_BLOB:
		return ROW_BYTES;
	default:
		return ROW_NULL;
	}
}

static int
pass_row(struct rows *r, sqlite3_stmt *q, struct err *e)
{
	if (rows_begin_row(r, e) == -1)
		return -1;
	for (int i = 0; i < (int)r->columns; i++) {
		enum row_kind kind = kind_of(sqlite3_column_type(q, i));
		const char *bytes = kind == ROW_BYTES ? sqlite3_column_blob(q, i)
						      : (const char *)sqlite3_column_text(q, i);
		rows_add(r, (size_t)i, kind, bytes, (size_t)sqlite3_column_bytes(q, i));
	}
	return rows_end_row(r, e);
}

static int
pass_rows(struct sqlite_source *s, sqlite3_stmt *q, source_item_fn *each, void *context,
    struct err *e)
{
	const char *names[ROW_COLUMNS_MAX];
	size_t columns = (size_t)sqlite3_column_count(q);
	struct rows r;
	int got = 1, rc;

	for (size_t i = 0; i < columns && i < ROW_COLUMNS_MAX; i++)
		names[i] = sqlite3_column_name(q, (int)i);
	rc = rows_init(&r, &s->options, names, columns, each, context, e);
	while (rc == 0 && (got = db_step_row(q, e)) == 1)
		rc = pass_row(&r, q, e);
	rows_fini(&r);
	return rc == 0 && got == 0 ? 0 : -1;
}

static int
sqlite_list(struct source *base, source_item_fn *each, void *context, struct err *e)
{
	struct sqlite_source *s = (struct sqlite_source *)base;
	sqlite3_stmt *q = NULL;
	int rc = -1;

	if (prepare_query(s, &q, e) == 0)
		rc = pass_rows(s, q, each, context, e);
	sqlite3_finalize(q);
	if (rc == -1)
		err_prefix(e, "%s", s->options.path);
	return rc;
}

static void
sqlite_close(struct source *base)
{
	struct sqlite_source *s = (struct sqlite_source *)base;

	db_close(s->db);
	free(s);
}

/* The path as the kernel resolved it below its root: no link is left in it. */
static int
resolve_path(char out[PATH_MAX], const char *path, const char *allowed, struct err *e)
{
	char root[PATH_MAX], self[64];
	ssize_t n;
	int fd;

	if (beneath_choose(root, sizeof root, path, allowed, e) == -1 ||
	    (fd = beneath_open(path, root, O_RDONLY | O_NONBLOCK, e)) == -1)
		return -1;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	n = readlink(self, out, PATH_MAX - 1);
	close(fd);
	if (n == -1)
		return err_sys(e, ERR_SOURCE, "%s", path);
	out[n] = '\0';
	return 0;
}

int
source_sqlite_open(struct source **out, const struct source_options *o,
    const struct source_world *w, struct err *e)
{
	struct sqlite_source *s = calloc(1, sizeof *s);
	char path[PATH_MAX];

	if (s == NULL)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base = (struct source){sqlite_list, NULL, NULL, sqlite_close};
	s->options = *o;
	if (resolve_path(path, o->path, w->allowed_paths, e) == -1 ||
	    db_open_foreign(&s->db, path, e) == -1) {
		free(s);
		return -1;
	}
	sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_set_authorizer(s->db, authorize, NULL);
	*out = &s->base;
	return 0;
}
