/* knowledge_exchange.c - documents of source.db with all that was made of them, out and in. */
#include "knowledge_exchange.h"

#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "knowledge_parts.h"

enum { CHUNKS_FIRST = 64 };

static const char *
column_text(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

/* ---- out ---- */

struct exporting {
	sqlite3 *db;
	sqlite3_stmt *documents, *chunks;
	struct store_chunk *chunk;
	size_t room;
	struct arena words;	/* headings of one document */
};

static int
take_chunk(struct exporting *x, struct knowledge_document *d, struct err *e)
{
	sqlite3_stmt *s = x->chunks;
	size_t room = x->room == 0 ? CHUNKS_FIRST : 2 * x->room;
	const char *heading = column_text(s, 2), *parent = column_text(s, 6);
	struct store_chunk *c;

	if (d->count == x->room) {
		if ((c = reallocarray(x->chunk, room, sizeof *c)) == NULL)
			return err_sys(e, ERR_NOMEM, "chunks");
		x->chunk = c;
		x->room = room;
	}
	c = &x->chunk[d->count++];
	*c = (struct store_chunk){
	    .start = (uint64_t)sqlite3_column_int64(s, 0),
	    .end = (uint64_t)sqlite3_column_int64(s, 1),
	    .heading = arena_copy(&x->words, heading, strlen(heading)),
	    .page = (uint32_t)sqlite3_column_int64(s, 3),
	    .parent = {.start = (uint64_t)sqlite3_column_int64(s, 4),
		.end = (uint64_t)sqlite3_column_int64(s, 5),
		.heading = arena_copy(&x->words, parent, strlen(parent)),
		.page = (uint32_t)sqlite3_column_int64(s, 7)},
	};
	if (x->words.failed)
		return err_set(e, ERR_NOMEM, "no memory for chunks");
	if (c->start > c->end || c->end > d->text_len || c->parent.start > c->parent.end ||
	    c->parent.end > d->text_len)
		return err_set(e, ERR_CORRUPT, "source.db: a chunk outside its document");
	c->text = d->text + c->start;
	c->text_len = (size_t)(c->end - c->start);
	c->parent.text = d->text + c->parent.start;
	c->parent.text_len = (size_t)(c->parent.end - c->parent.start);
	return 0;
}

static int
take_document(struct exporting *x, struct knowledge_document *d, struct err *e)
{
	sqlite3_stmt *s = x->documents;
	int got, rc = 0;

	*d = (struct knowledge_document){
	    .key = column_text(s, 1),
	    .bytes = (uint64_t)sqlite3_column_int64(s, 2),
	    .sha256 = column_text(s, 3),
	    .title = column_text(s, 4),
	    .charset = column_text(s, 5),
	    .text = column_text(s, 6),
	    .text_len = (size_t)sqlite3_column_bytes(s, 6),
	    .meta = column_text(s, 7),
	    .params = column_text(s, 8),
	};
	arena_reset(&x->words);
	sqlite3_bind_int64(x->chunks, 1, sqlite3_column_int64(s, 0));
	while (rc == 0 && (got = db_step_row(x->chunks, e)) != 0)
		rc = got == -1 ? -1 : take_chunk(x, d, e);
	sqlite3_reset(x->chunks);
	d->chunks = x->chunk;
	return rc;
}

static int
open_copy(struct exporting *x, const char *path, struct err *e)
{
	if (db_open_foreign(&x->db, path, e) == -1)
		return -1;
	if (db_pragma(x->db, "user_version") != KNOWLEDGE_VERSION)
		return err_set(e, ERR_CORRUPT,
		    "%s: format %lld, this program knows %d: a build brings it up", path,
		    (long long)db_pragma(x->db, "user_version"), KNOWLEDGE_VERSION);
	if (db_statement(&x->documents, x->db,
		"select id, key, size, sha256, title, charset, text, meta, params from document"
		" where refused = '' and has_parts = 0 order by key", e) == -1)
		return -1;
	return db_statement(&x->chunks, x->db,
	    "select start, end, heading, page, parent_start, parent_end, parent_heading,"
	    " parent_page from chunk where document = ? order by ordinal", e);
}

int
knowledge_export(const char *path,
    int (*each)(void *context, sqlite3 *db, const struct knowledge_document *d, struct err *e),
    void *context, struct err *e)
{
	struct exporting x = {0};
	struct knowledge_document d;
	int got, rc;

	arena_init(&x.words, (size_t)1 << 30);
	rc = open_copy(&x, path, e);
	while (rc == 0 && (got = db_step_row(x.documents, e)) != 0) {
		rc = got == -1 ? -1 : take_document(&x, &d, e);
		if (rc == 0)
			rc = each(context, x.db, &d, e);
	}
	sqlite3_finalize(x.documents);
	sqlite3_finalize(x.chunks);
	db_close(x.db);
	arena_fini(&x.words);
	free(x.chunk);
	return rc;
}

/* ---- in ---- */

static int
put_document(struct knowledge *k, const struct knowledge_document *d, int64_t *id, struct err *e)
{
	sqlite3_stmt *s = k->s[PUT_DOCUMENT];

	db_bind_text(s, 1, d->key);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)d->bytes);
	db_bind_text(s, 3, KNOWLEDGE_IMPORTED);
	db_bind_text(s, 4, d->sha256);
	db_bind_text(s, 5, d->params);
	db_bind_text(s, 6, d->title);
	db_bind_text(s, 7, d->charset);
	db_bind_text(s, 8, "");
	sqlite3_bind_text64(s, 9, d->text, d->text_len, SQLITE_STATIC, SQLITE_UTF8);
	db_bind_text(s, 10, d->meta);
	sqlite3_bind_null(s, 11);
	sqlite3_bind_int(s, 12, 0);
	if (db_step_row(s, e) != 1) {
		sqlite3_reset(s);
		return -1;
	}
	*id = sqlite3_column_int64(s, 0);
	return db_step_done(s, e);
}

static int
clear(struct knowledge *k, enum statement which, int64_t id, struct err *e)
{
	sqlite3_bind_int64(k->s[which], 1, id);
	return db_step_done(k->s[which], e);
}

static int
put_chunk(struct knowledge *k, int64_t id, size_t ordinal, const struct store_chunk *c,
    struct err *e)
{
	sqlite3_stmt *s = k->s[PUT_CHUNK];

	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)ordinal);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)c->start);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)c->end);
	db_bind_text(s, 5, c->heading);
	sqlite3_bind_int64(s, 6, c->page);
	sqlite3_bind_int64(s, 7, (sqlite3_int64)c->parent.start);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)c->parent.end);
	db_bind_text(s, 9, c->parent.heading != NULL ? c->parent.heading : "");
	sqlite3_bind_int64(s, 10, c->parent.page);
	return db_step_done(s, e);
}

int
knowledge_import(struct knowledge *k, const struct knowledge_document *d, struct err *e)
{
	int64_t id;

	if (put_document(k, d, &id, e) == -1 || clear(k, CLEAR_CHUNKS, id, e) == -1 ||
	    clear(k, CLEAR_PARTS, id, e) == -1)
		return -1;
	for (size_t i = 0; i < d->count; i++)
		if (put_chunk(k, id, i, &d->chunks[i], e) == -1)
			return -1;
	return 0;
}
