/* knowledge.c - source.db: a tenant's documents and chunks, kept between builds. */
#include "knowledge_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "db.h"
#include "file.h"
#include "generation.h"

#define KNOWLEDGE_APPLICATION_ID 0x5250534bu	/* "RPSK" */
enum { VERSION_IN_PLACE = 3 };	/* from here on it is brought up without losing anything */

static const char schema[] =
    "create table document(id integer primary key, key text not null unique,"
    " size integer not null, stamp text not null, sha256 text not null,"
    " params text not null, title text not null, charset text not null,"
    " refused text not null, text text not null, meta text not null,"
    " part_of integer references document(id) on delete cascade,"
    " has_parts integer not null) strict;"
    "create index part on document(part_of) where part_of is not null;"
    "create table chunk(document integer not null references document(id) on delete cascade,"
    " ordinal integer not null, start integer not null, end integer not null,"
    " heading text not null, page integer not null, parent_start integer not null,"
    " parent_end integer not null, parent_heading text not null,"
    " parent_page integer not null, primary key(document, ordinal)) strict, without rowid;";

static const char schema_synced[] =
    "create table synced(id integer primary key check (id = 1), documents integer not null,"
    " texts integer not null, removals integer not null) strict;"
    "insert into synced select 1, count(*), count(*) filter (where refused = ''), 0"
    " from document where part_of is null;";

static const char drop_older[] = "drop table if exists chunk; drop table if exists document";

static const char *const statements[STATEMENTS] = {
    [FIND_DOCUMENT] = "select id, size, stamp, sha256, params, refused from document"
		      " where key = ?",
    [PUT_DOCUMENT] = "insert into document(key, size, stamp, sha256, params, title, charset,"
		     " refused, text, meta, part_of, has_parts)"
		     " values(?,?,?,?,?,?,?,?,?,?,?,?)"
		     " on conflict(key) do update set size = excluded.size,"
		     " stamp = excluded.stamp, sha256 = excluded.sha256,"
		     " params = excluded.params, title = excluded.title,"
		     " charset = excluded.charset, refused = excluded.refused,"
		     " text = excluded.text, meta = excluded.meta,"
		     " part_of = excluded.part_of, has_parts = excluded.has_parts"
		     " returning id",
    [SEE_DOCUMENT] = "insert or ignore into temp.seen values(?)",
    [HOLD_STAMP] = "insert or replace into temp.held values(?,?)",
    [GIVE_STAMPS] = "update document set stamp = held.stamp from temp.held as held"
		    " where document.id = held.id",
    [CLEAR_CHUNKS] = "delete from chunk where document = ?",
    [CLEAR_PARTS] = "delete from document where part_of = ?",
    [PUT_CHUNK] = "insert into chunk values(?,?,?,?,?,?,?,?,?,?)",
    [COUNT_DOCUMENTS] = "select count(*), count(*) filter (where refused = '') from document"
			" where part_of is null",
    [COUNT_CHUNKS] = "select count(*) from chunk",
    [FIND_SYNCED] = "select documents, texts, removals from synced",
    [PUT_SYNCED] = "update synced set documents = ?, texts = ?, removals = ?",
    [DROP_UNSEEN] = "delete from document where part_of is null"
		    " and id not in (select id from temp.seen)",
    [KEEP_IMPORTED] = "update document set size = ?, stamp = ? where id = ?",
    [EACH_DOCUMENT] = "select id, key, size, sha256, title, charset, text, meta from document"
		      " where refused = '' and has_parts = 0 order by key",
    [EACH_CHUNK] = "select start, end, heading, page, parent_start, parent_end,"
		   " parent_heading, parent_page from chunk where document = ?"
		   " order by ordinal",
    [EACH_REFUSED] = "select key, refused from document where refused <> '' order by key",
};

/* ---- opening ---- */

int
knowledge_lock(const char *data_dir, const char *tenant, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];
	int fd;

	if (generation_tenant_dir(dir, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, "lock", e) == -1)
		return -1;
	if ((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) == -1)
		return err_sys(e, ERR_IO, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		err_set(e, ERR_BUSY, "%s: another build of this tenant is running", path);
	else
		err_sys(e, ERR_IO, "%s", path);
	close(fd);
	return -1;
}

bool
knowledge_is_foreign(sqlite3 *db)
{
	return db_pragma(db, "user_version") >= VERSION_IN_PLACE &&
	    (uint32_t)db_pragma(db, "application_id") != KNOWLEDGE_APPLICATION_ID;
}

static int
prepare_schema(struct knowledge *k, const char *path, struct err *e)
{
	char identity[96];
	int64_t version = db_pragma(k->db, "user_version");

	if (db_run(k->db, "pragma foreign_keys = on; pragma temp_store = memory;"
			  "create temp table seen(id integer primary key);"
			  "create temp table held(id integer primary key, stamp text not null)",
		e) == -1)
		return -1;
	if (knowledge_is_foreign(k->db))
		return err_set(e, ERR_CORRUPT, "%s: not a source.db of ragpool", path);
	if (version == KNOWLEDGE_VERSION)
		return 0;
	if (version > KNOWLEDGE_VERSION)
		return err_set(e, ERR_FORMAT_NEW, "%s: format %lld, this program knows %d", path,
		    (long long)version, KNOWLEDGE_VERSION);
	snprintf(identity, sizeof identity,
	    "pragma application_id = %d; pragma user_version = %d;",
	    (int)KNOWLEDGE_APPLICATION_ID, KNOWLEDGE_VERSION);
	if (db_run(k->db, "begin immediate", e) == -1 ||
	    (version < VERSION_IN_PLACE &&
		(db_run(k->db, drop_older, e) == -1 || db_run(k->db, schema, e) == -1)) ||
	    db_run(k->db, schema_synced, e) == -1 || db_run(k->db, identity, e) == -1)
		return -1;
	return db_run(k->db, "commit", e);
}

int
knowledge_open(struct knowledge **out, const char *data_dir, const char *tenant, struct err *e)
{
	char dir[PATH_MAX], path[PATH_MAX];
	struct knowledge *k;

	*out = NULL;
	if (generation_dir(dir, data_dir, tenant, "", e) == -1 ||
	    file_make_dirs(dir, 0755, e) == -1 ||
	    generation_tenant_dir(dir, data_dir, tenant, e) == -1 ||
	    file_join(path, sizeof path, dir, "source.db", e) == -1)
		return -1;
	if ((k = calloc(1, sizeof *k)) == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	if ((k->lock = knowledge_lock(data_dir, tenant, e)) == -1 || db_open_write(&k->db, path, e) == -1 ||
	    prepare_schema(k, path, e) == -1)
		goto fail;
	for (int i = 0; i < STATEMENTS; i++)
		if (db_statement(&k->s[i], k->db, statements[i], e) == -1)
			goto fail;
	*out = k;
	return 0;
fail:
	knowledge_close(k);
	return -1;
}

sqlite3 *
knowledge_db(struct knowledge *k)
{
	return k->db;
}

void
knowledge_close(struct knowledge *k)
{
	if (k == NULL)
		return;
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(k->s[i]);
	db_close(k->db);
	if (k->lock != -1)
		close(k->lock);		/* and with it the lock */
	free(k);
}

/* ---- walking ---- */

static const char *
column_text(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

static int
walk_chunks(struct knowledge *k, int64_t id, const char *text, size_t len,
    const struct knowledge_walk *walk, void *context, struct err *e)
{
	sqlite3_stmt *s = k->s[EACH_CHUNK];
	struct store_chunk c;
	int got, rc = 0;

	sqlite3_bind_int64(s, 1, id);
	while (rc == 0 && (got = db_step_row(s, e)) != 0) {
		if (got == -1) {
			rc = -1;
			break;
		}
		c = (struct store_chunk){
		    .start = (uint64_t)sqlite3_column_int64(s, 0),
		    .end = (uint64_t)sqlite3_column_int64(s, 1),
		    .heading = column_text(s, 2),
		    .page = (uint32_t)sqlite3_column_int64(s, 3),
		    .parent = {.start = (uint64_t)sqlite3_column_int64(s, 4),
			.end = (uint64_t)sqlite3_column_int64(s, 5),
			.heading = column_text(s, 6),
			.page = (uint32_t)sqlite3_column_int64(s, 7)},
		};
		if (c.start > c.end || c.end > len || c.parent.start > c.parent.end ||
		    c.parent.end > len) {
			rc = err_set(e, ERR_CORRUPT, "source.db: a chunk outside its document");
			break;
		}
		c.text = text + c.start;
		c.text_len = (size_t)(c.end - c.start);
		c.parent.text = text + c.parent.start;
		c.parent.text_len = (size_t)(c.parent.end - c.parent.start);
		rc = walk->chunk(context, &c, e);
	}
	sqlite3_reset(s);
	return rc;
}

int
knowledge_each(
    struct knowledge *k, const struct knowledge_walk *walk, void *context, struct err *e)
{
	sqlite3_stmt *s = k->s[EACH_DOCUMENT];
	int got, rc = 0;

	while (rc == 0 && (got = db_step_row(s, e)) != 0) {
		if (got == -1) {
			rc = -1;
			break;
		}
		struct store_document d = {
		    .key = column_text(s, 1),
		    .bytes = (uint64_t)sqlite3_column_int64(s, 2),
		    .sha256 = column_text(s, 3),
		    .title = column_text(s, 4),
		    .source = column_text(s, 1),
		    .charset = column_text(s, 5),
		    .meta = column_text(s, 7),
		};
		rc = walk->document(context, &d, e);
		if (rc == 0)
			rc = walk_chunks(k, sqlite3_column_int64(s, 0), column_text(s, 6),
			    (size_t)sqlite3_column_bytes(s, 6), walk, context, e);
	}
	sqlite3_reset(s);
	return rc;
}

int
knowledge_count_chunks(struct knowledge *k, uint64_t *count, struct err *e)
{
	sqlite3_stmt *s = k->s[COUNT_CHUNKS];
	int got = db_step_row(s, e);

	*count = got == 1 ? (uint64_t)sqlite3_column_int64(s, 0) : 0;
	sqlite3_reset(s);
	return got == 1 ? 0 : -1;
}

int
knowledge_each_refused(struct knowledge *k,
    void (*each)(void *context, const char *key, const char *why), void *context,
    struct err *e)
{
	sqlite3_stmt *s = k->s[EACH_REFUSED];
	int got;

	while ((got = db_step_row(s, e)) == 1)
		each(context, column_text(s, 0), column_text(s, 1));
	sqlite3_reset(s);
	return got;
}
