/* knowledge_damage.c - a source.db that is damaged is moved aside. */
#include "knowledge_parts.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "file.h"
#include "generation.h"

static const char database[] = "source.db", mark[] = "source.db.damaged-";

/* Damage that leaves a database whole: what this program never wrote. */
static const char impossible[] =
    "select 'a chunk outside its document' from chunk, document"
    " on document.id = chunk.document"
    " where start > end or end > length(cast(text as blob))"
    " or parent_start > parent_end or parent_end > length(cast(text as blob))"
    " union all select 'it does not say what was synced'"
    " where not exists (select 1 from synced) limit 1";
static const char no_vector[] = "select 'a vector of ' || length(vector) || ' bytes' from vector"
    " where length(vector) = 0 or length(vector) % 4 <> 0 limit 1";

/* ---- the verdict ---- */

/* A failure of the disk or of memory is no damage, and tells nothing of the file. */
static bool
is_damage(const struct err *e)
{
	return e->code == ERR_CORRUPT;
}

static void
note(char what[DAMAGE_TEXT_BYTES], const char *text)
{
	snprintf(what, DAMAGE_TEXT_BYTES, "%.*s", DAMAGE_TEXT_BYTES - 1, text != NULL ? text : "");
}

/* The first row of a statement is what is wrong; "ok" or none: nothing. */
static bool
is_wrong(sqlite3 *db, const char *sql, char what[DAMAGE_TEXT_BYTES])
{
	sqlite3_stmt *s;
	struct err e;
	bool wrong = false;

	if (db_statement(&s, db, sql, &e) == -1) {
		note(what, e.text);
		/* SQLITE_ERROR: a table or a column that was there is not. */
		return is_damage(&e) || (sqlite3_errcode(db) & 0xff) == SQLITE_ERROR;
	}
	switch (db_step_row(s, &e)) {
	case 1:
		wrong = !db_column_is(s, 0, "ok");
		note(what, (const char *)sqlite3_column_text(s, 0));
		break;
	case -1:
		wrong = is_damage(&e);
		note(what, e.text);
	}
	sqlite3_finalize(s);
	return wrong;
}

static bool
has_vectors(sqlite3 *db)
{
	char found[DAMAGE_TEXT_BYTES];

	return is_wrong(db, "select 'vectors' from sqlite_schema where name = 'vector'", found);
}

static bool
is_damaged(const char *path, char what[DAMAGE_TEXT_BYTES])
{
	sqlite3 *db;
	struct err e;
	bool damaged;

	if (db_open_write(&db, path, &e) == -1) {
		note(what, e.text);
		return is_damage(&e);
	}
	damaged = is_wrong(db, "pragma quick_check(1)", what);
	if (!damaged && knowledge_is_foreign(db)) {
		note(what, "it does not say that it is one of ragpool");
		damaged = true;
	}
	if (!damaged && db_pragma(db, "user_version") == KNOWLEDGE_VERSION)
		damaged = is_wrong(db, impossible, what) ||
		    (has_vectors(db) && is_wrong(db, no_vector, what));
	db_close(db);
	return damaged;
}

/* ---- out of the way ---- */

struct sweeping {
	const char *dir, *kept;
};

static int
remove_older(void *context, int folder, const char *name, struct err *e)
{
	const struct sweeping *w = context;

	if (strncmp(name, mark, sizeof mark - 1) != 0 ||
	    strncmp(name, w->kept, strlen(w->kept)) == 0)
		return 0;
	return unlinkat(folder, name, 0) == 0 ? 0 : err_sys(e, ERR_IO, "%s/%s", w->dir, name);
}

static void
name_by_time(char name[BUILD_ASIDE_BYTES])
{
	time_t now = time(NULL);
	struct tm utc;
	char when[20] = "";

	gmtime_r(&now, &utc);
	strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
	snprintf(name, BUILD_ASIDE_BYTES, "%s%s", mark, when);
}

/* With its journal, which must not be played into the file that comes next: the journal first,
 * because what happens in between leaves a database that is still damaged. */
static int
move_aside(const char *dir, const char *name, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX], journal_from[PATH_MAX + 16], journal_to[PATH_MAX + 16];
	struct sweeping w = {dir, name};

	if (file_join(from, sizeof from, dir, database, e) == -1 ||
	    file_join(to, sizeof to, dir, name, e) == -1)
		return -1;
	snprintf(journal_from, sizeof journal_from, "%s-journal", from);
	snprintf(journal_to, sizeof journal_to, "%s-journal", to);
	if (access(journal_from, F_OK) == 0 && rename(journal_from, journal_to) == -1)
		return err_sys(e, ERR_IO, "%s", journal_from);
	if (rename(from, to) == -1)
		return err_sys(e, ERR_IO, "%s", from);
	return file_sync(dir, e) == -1 ? -1 : file_each_name(dir, remove_older, &w, e);
}

int
knowledge_set_aside(struct knowledge_damage *d, const char *data_dir, const char *tenant,
    struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int lock, rc = 0;

	*d = (struct knowledge_damage){0};
	if (generation_tenant_dir(dir, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, database, e) == -1 ||
	    (lock = knowledge_lock(data_dir, tenant, e)) == -1)
		return -1;
	if (access(path, F_OK) == 0 && is_damaged(path, d->what)) {
		name_by_time(d->name);
		rc = move_aside(dir, d->name, e) == -1 ? -1 : 1;
	}
	close(lock);
	return rc;
}
