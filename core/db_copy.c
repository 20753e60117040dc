/* db_copy.c - a consistent copy of a database that others write meanwhile. */
#include "db.h"

#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 1024, RESTARTS_MAX = 3, WAIT_MS = 10, WAITS_MAX = 3000 };

/* Between two steps nothing is locked; what was committed there begins the copy anew, and
 * shows as more pages left than before. */
static int
copy_pages(sqlite3_backup *b)
{
	int left, before = 0, restarts = 0, waits = 0, rc;

	for (;;) {
		rc = sqlite3_backup_step(b, restarts < RESTARTS_MAX ? STEP_PAGES : -1);
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
			if (waits++ == WAITS_MAX)
				return rc;
			sqlite3_sleep(WAIT_MS);
			continue;
		}
		if (rc != SQLITE_OK)
			return rc;	/* SQLITE_DONE among them */
		left = sqlite3_backup_remaining(b);
		restarts += before != 0 && left >= before;
		before = left;
	}
}

static int
copy(sqlite3 *from, sqlite3 *to, const char *name, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc;

	if (b == NULL)
		return db_fail(to, name, e);
	rc = copy_pages(b);
	sqlite3_backup_finish(b);
	if (rc == SQLITE_DONE)
		return 0;
	return err_set(e, rc == SQLITE_BUSY || rc == SQLITE_LOCKED ? ERR_BUSY :
		(rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ? ERR_CORRUPT :
		(rc & 0xff) == SQLITE_NOMEM ? ERR_NOMEM : ERR_DB,
	    "copy of %s: %s", name, sqlite3_errstr(rc));
}

int
db_copy(const char *from, const char *to, struct err *e)
{
	sqlite3 *in = NULL, *out = NULL;
	struct stat st;
	int rc = -1;

	if (stat(from, &st) == -1)
		return err_sys(e, ERR_IO, "%s", from);
	if (access(to, F_OK) == 0)
		return err_set(e, ERR_IO, "%s: it is there already", to);
	/* For writing: what a writer that was killed left half done can only be undone so. */
	if (db_open_write(&in, from, e) == 0 && db_open_write(&out, to, e) == 0)
		rc = copy(in, out, from, e);
	db_close(out);
	db_close(in);
	if (rc == -1)
		unlink(to);
	return rc;
}
