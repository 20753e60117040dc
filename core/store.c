/* store.c - store.db of a generation. */
#include "store.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "db.h"

static const char schema[] =
    "create table document(id integer primary key, key text not null, title text not null,"
    " source text not null, bytes integer not null, sha256 text not null,"
    " charset text not null, meta text not null) strict;"
    "create table chunk(id integer primary key, document integer not null,"
    " start integer not null, end integer not null, heading text not null,"
    " text text not null, page integer not null, passage integer not null) strict;"
    "create table passage(id integer primary key, document integer not null,"
    " start integer not null, end integer not null, heading text not null,"
    " text text not null, page integer not null) strict;";

/* ---- writing ---- */

struct store_writer {
	sqlite3 *db;
	sqlite3_stmt *add_document;
	sqlite3_stmt *add_chunk;
	sqlite3_stmt *add_passage;
	uint64_t documents;
	uint64_t chunks;
	uint64_t passages;
	/* the passage added last */
	uint64_t passage_document, passage_start, passage_end;
};

/* The file is private until it is sealed and fsynced by generation_publish(): no
 * journal and no sync while it is written, a crash throws the folder away. */
static int
prepare_writer(struct store_writer *w, struct err *e)
{
	char identity[96];

	sqlite3_snprintf(sizeof identity, identity,
	    "pragma application_id = %d; pragma user_version = %d;", (int)STORE_APPLICATION_ID,
	    STORE_VERSION);
	if (db_run(w->db, "pragma page_size = 4096; pragma journal_mode = off;"
			  "pragma synchronous = off; pragma locking_mode = exclusive;",
		e) == -1 ||
	    db_run(w->db, identity, e) == -1 || db_run(w->db, "begin immediate", e) == -1 ||
	    db_run(w->db, schema, e) == -1)
		return -1;
	if (db_statement(&w->add_document, w->db,
		"insert into document values(?,?,?,?,?,?,?,?)", e) == -1)
		return -1;
	if (db_statement(&w->add_passage, w->db, "insert into passage values(?,?,?,?,?,?,?)", e) ==
	    -1)
		return -1;
	return db_statement(
	    &w->add_chunk, w->db, "insert into chunk values(?,?,?,?,?,?,?,?)", e);
}

int
store_create(struct store_writer **out, const char *path, struct err *e)
{
	struct store_writer *w = calloc(1, sizeof *w);

	*out = NULL;
	if (w == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	if (db_open_write(&w->db, path, e) == -1 || prepare_writer(w, e) == -1) {
		store_abandon(w);
		return -1;
	}
	*out = w;
	return 0;
}

static void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text != NULL ? text : "", -1, SQLITE_STATIC);
}

int
store_add_document(
    struct store_writer *w, const struct store_document *d, uint64_t *id, struct err *e)
{
	sqlite3_stmt *s = w->add_document;

	*id = ++w->documents;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)*id);
	bind_text(s, 2, d->key);
	bind_text(s, 3, d->title);
	bind_text(s, 4, d->source);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)d->bytes);
	bind_text(s, 6, d->sha256);
	bind_text(s, 7, d->charset);
	bind_text(s, 8, d->meta != NULL ? d->meta : "{}");
	return db_step_done(s, e);
}

/* Unless it is the one that the chunk before is a part of. */
static int
add_passage(struct store_writer *w, const struct store_chunk *c, uint64_t *id, struct err *e)
{
	const struct store_passage *p = &c->parent;
	sqlite3_stmt *s = w->add_passage;

	*id = 0;
	if (p->text_len == 0)
		return 0;
	if (w->passages == 0 || w->passage_document != c->document ||
	    w->passage_start != p->start || w->passage_end != p->end) {
		w->passages++;
		w->passage_document = c->document;
		w->passage_start = p->start;
		w->passage_end = p->end;
		sqlite3_bind_int64(s, 1, (sqlite3_int64)w->passages);
		sqlite3_bind_int64(s, 2, (sqlite3_int64)c->document);
		sqlite3_bind_int64(s, 3, (sqlite3_int64)p->start);
		sqlite3_bind_int64(s, 4, (sqlite3_int64)p->end);
		bind_text(s, 5, p->heading);
		sqlite3_bind_text64(s, 6, p->text, p->text_len, SQLITE_STATIC, SQLITE_UTF8);
		sqlite3_bind_int64(s, 7, p->page);
		if (db_step_done(s, e) == -1)
			return -1;
	}
	*id = w->passages;
	return 0;
}

int
store_add_chunk(struct store_writer *w, const struct store_chunk *c, uint32_t *passage,
    struct err *e)
{
	sqlite3_stmt *s = w->add_chunk;
	uint64_t id;

	if (add_passage(w, c, &id, e) == -1)
		return -1;
	if (passage != NULL)
		*passage = (uint32_t)id;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)++w->chunks);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)c->document);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)c->start);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)c->end);
	bind_text(s, 5, c->heading);
	sqlite3_bind_text64(s, 6, c->text, c->text_len, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(s, 7, c->page);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)id);
	return db_step_done(s, e);
}

void
store_abandon(struct store_writer *w)
{
	if (w == NULL)
		return;
	sqlite3_finalize(w->add_document);
	sqlite3_finalize(w->add_chunk);
	sqlite3_finalize(w->add_passage);
	db_close(w->db);
	free(w);
}

int
store_finish(struct store_writer *w, struct err *e)
{
	int rc = db_run(w->db, "commit", e);

	store_abandon(w);
	return rc;
}

/* ---- reading ---- */

struct store {
	sqlite3 *db;
	sqlite3_stmt *fetch;
};

static const char fetch_chunk[] =
    "select c.document, c.start, c.end, c.heading, c.text, d.title, d.source, d.key, d.meta,"
    " c.page, p.start, p.end, p.heading, p.text, p.page from chunk c"
    " join document d on d.id = c.document left join passage p on p.id = c.passage"
    " where c.id = ?";
static const char fetch_chunk_of_1[] =
    "select c.document, c.start, c.end, c.heading, c.text, d.title, d.source, d.key, d.meta,"
    " 0, null, null, null, null, null from chunk c join document d on d.id = c.document"
    " where c.id = ?";

int
store_open(struct store **out, const char *path, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);
	bool is_older = false;
	struct err why;

	*out = NULL;
	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	if (db_open_sealed(&s->db, path, STORE_APPLICATION_ID, STORE_VERSION, &why) == -1) {
		is_older = db_open_sealed(&s->db, path, STORE_APPLICATION_ID, 1, NULL) == 0;
		if (!is_older) {
			store_close(s);
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	if (db_statement(&s->fetch, s->db, is_older ? fetch_chunk_of_1 : fetch_chunk, e) == -1) {
		store_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	sqlite3_finalize(s->fetch);
	db_close(s->db);
	free(s);
}

static const char *
copy_text(sqlite3_stmt *s, int column, struct arena *a, size_t *len)
{
	const unsigned char *text = sqlite3_column_text(s, column);
	size_t n = (size_t)sqlite3_column_bytes(s, column);

	if (len != NULL)
		*len = n;
	return arena_copy(a, text != NULL ? (const char *)text : "", text != NULL ? n : 0);
}

static int
copy_chunk(sqlite3_stmt *s, struct arena *a, struct store_chunk *out, struct err *e)
{
	out->document = (uint64_t)sqlite3_column_int64(s, 0);
	out->start = (uint64_t)sqlite3_column_int64(s, 1);
	out->end = (uint64_t)sqlite3_column_int64(s, 2);
	out->heading = copy_text(s, 3, a, NULL);
	out->text = copy_text(s, 4, a, &out->text_len);
	out->title = copy_text(s, 5, a, NULL);
	out->source = copy_text(s, 6, a, NULL);
	out->key = copy_text(s, 7, a, NULL);
	out->meta = copy_text(s, 8, a, NULL);
	out->page = (uint32_t)sqlite3_column_int64(s, 9);
	out->parent = (struct store_passage){0};
	if (sqlite3_column_type(s, 13) != SQLITE_NULL) {
		out->parent.start = (uint64_t)sqlite3_column_int64(s, 10);
		out->parent.end = (uint64_t)sqlite3_column_int64(s, 11);
		out->parent.heading = copy_text(s, 12, a, NULL);
		out->parent.text = copy_text(s, 13, a, &out->parent.text_len);
		out->parent.page = (uint32_t)sqlite3_column_int64(s, 14);
	}
	return a->failed ? err_set(e, ERR_NOMEM, "no memory for the answer") : 0;
}

int
store_fetch(
    struct store *s, uint32_t row, struct arena *a, struct store_chunk *out, struct err *e)
{
	int got, rc = -1;

	sqlite3_bind_int64(s->fetch, 1, (sqlite3_int64)row + 1);
	got = db_step_row(s->fetch, e);
	if (got == 1)
		rc = copy_chunk(s->fetch, a, out, e);
	else if (got == 0)
		err_set(e, ERR_CORRUPT, "store.db has no chunk %u", row + 1);
	sqlite3_reset(s->fetch);
	return rc;
}

/* ---- a document's text ---- */

/* Chunks of a document follow each other: the ids around it that are of others. */
static int
bounds_of_document(struct store *s, uint32_t row, sqlite3_int64 *before, sqlite3_int64 *after,
    sqlite3_int64 *start, struct err *e)
{
	static const char sql[] =
	    "select c.start, coalesce((select id from chunk where id < c.id and document <> c.document"
	    " order by id desc limit 1), 0), coalesce((select id from chunk where id > c.id and"
	    " document <> c.document order by id limit 1), (select max(id) + 1 from chunk))"
	    " from chunk c where c.id = ?";
	sqlite3_stmt *q;
	int got;

	if (db_statement(&q, s->db, sql, e) == -1)
		return -1;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)row + 1);
	if ((got = db_step_row(q, e)) == 1) {
		*start = sqlite3_column_int64(q, 0);
		*before = sqlite3_column_int64(q, 1);
		*after = sqlite3_column_int64(q, 2);
	} else if (got == 0) {
		err_set(e, ERR_CORRUPT, "store.db has no chunk %u", row + 1);
	}
	sqlite3_finalize(q);
	return got == 1 ? 0 : -1;
}

/* Appends what of the chunk the text does not have yet. */
static void
append_chunk(struct buf *b, struct store_text *t, sqlite3_stmt *q)
{
	uint64_t start = (uint64_t)sqlite3_column_int64(q, 0), end = (uint64_t)sqlite3_column_int64(q, 1);
	const char *text = (const char *)sqlite3_column_text(q, 2);
	size_t n = (size_t)sqlite3_column_bytes(q, 2), had = 0;

	if (b->len == 0)
		t->start = start;
	else if (start > t->end)
		buf_adds(b, "\n\n");
	else if (n == end - start)
		had = t->end - start;
	if (text != NULL && had < n)
		buf_add(b, text + had, n - had);
	t->end = end > t->end ? end : t->end;
}

int
store_document_text(struct store *s, uint32_t row, size_t max, struct arena *a,
    struct store_text *out, struct err *e)
{
	sqlite3_int64 before, after, start, low, chunks = 0;
	sqlite3_stmt *q = NULL;
	struct buf b;
	int got = -1;

	*out = (struct store_text){0};
	if (bounds_of_document(s, row, &before, &after, &start, e) == -1)
		return -1;
	low = start > (sqlite3_int64)max / 2 ? start - (sqlite3_int64)max / 2 : 0;
	buf_init(&b, 2 * max + 1024);
	if (db_statement(&q, s->db, "select start, end, text, id from chunk where id > ?1 and id < ?2"
		" and (id = ?3 or (start >= ?4 and end <= ?5)) order by id", e) == -1)
		goto out;
	sqlite3_bind_int64(q, 1, before);
	sqlite3_bind_int64(q, 2, after);
	sqlite3_bind_int64(q, 3, (sqlite3_int64)row + 1);
	sqlite3_bind_int64(q, 4, low);
	sqlite3_bind_int64(q, 5, low + (sqlite3_int64)max);
	for (; (got = db_step_row(q, e)) == 1; chunks++)
		append_chunk(&b, out, q);
	if (got == -1 || buf_check(&b, "a document", e) == -1 ||
	    (out->text = arena_copy(a, b.len > 0 ? b.data : "", b.len)) == NULL) {
		got = got == -1 || b.failed ? -1 : err_set(e, ERR_NOMEM, "no memory for a document");
		goto out;
	}
	out->len = b.len;
	out->is_whole = chunks == after - before - 1;
out:
	sqlite3_finalize(q);
	buf_fini(&b);
	return got == 0 ? 0 : -1;
}

int
store_counts(struct store *s, uint64_t *documents, uint64_t *chunks, struct err *e)
{
	sqlite3_stmt *q;
	int got;

	if (db_statement(&q, s->db,
		"select (select count(*) from document), (select count(*) from chunk)", e) == -1)
		return -1;
	if ((got = db_step_row(q, e)) == 1) {
		*documents = (uint64_t)sqlite3_column_int64(q, 0);
		*chunks = (uint64_t)sqlite3_column_int64(q, 1);
	}
	sqlite3_finalize(q);
	return got == 1 ? 0 : -1;
}

static void
read_document(sqlite3_stmt *q, struct store_document *d)
{
	*d = (struct store_document){
	    .key = (const char *)sqlite3_column_text(q, 1),
	    .title = (const char *)sqlite3_column_text(q, 2),
	    .source = (const char *)sqlite3_column_text(q, 3),
	    .bytes = (uint64_t)sqlite3_column_int64(q, 4),
	    .sha256 = (const char *)sqlite3_column_text(q, 5),
	    .charset = (const char *)sqlite3_column_text(q, 6),
	    .meta = (const char *)sqlite3_column_text(q, 7),
	};
}

int
store_each_document_after(struct store *s, const char *after,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e)
{
	struct store_document d;
	sqlite3_stmt *q;
	int got, rc = 0;

	if (db_statement(&q, s->db,
		"select id, key, title, source, bytes, sha256, charset, meta from document"
		" where key > ? order by id",
		e) == -1)
		return -1;
	sqlite3_bind_text(q, 1, after, -1, SQLITE_STATIC);
	while (rc == 0 && (got = db_step_row(q, e)) != 0) {
		if (got == -1) {
			rc = -1;
			break;
		}
		read_document(q, &d);
		if (d.key == NULL || d.title == NULL || d.source == NULL || d.sha256 == NULL ||
		    d.charset == NULL || d.meta == NULL)
			rc = err_set(e, ERR_CORRUPT, "store.db: a document without its columns");
		else
			rc = each(context, (uint64_t)sqlite3_column_int64(q, 0), &d, e);
	}
	sqlite3_finalize(q);
	return rc;
}

int
store_each_document(struct store *s,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e)
{
	return store_each_document_after(s, "", each, context, e);
}

/* ---- verifying ---- */

static int
quick_check(struct store *s, struct err *e)
{
	const char *said;
	sqlite3_stmt *q;
	int rc = -1;

	if (db_statement(&q, s->db, "pragma quick_check(1)", e) == -1)
		return -1;
	if (db_step_row(q, e) == 1) {
		said = (const char *)sqlite3_column_text(q, 0);
		rc = said != NULL && strcmp(said, "ok") == 0
		    ? 0
		    : err_set(e, ERR_CORRUPT, "store.db: %s", said != NULL ? said : "damaged");
	}
	sqlite3_finalize(q);
	return rc;
}

static int
check_chunks(struct store *s, struct err *e)
{
	sqlite3_stmt *q;
	int got;

	if (db_statement(&q, s->db,
		"select c.id from chunk c left join document d on d.id = c.document"
		" where d.id is null or c.start < 0 or c.start > c.end limit 1",
		e) == -1)
		return -1;
	if ((got = db_step_row(q, e)) == 1)
		err_set(e, ERR_CORRUPT, "store.db: chunk %lld has no document or no span",
		    (long long)sqlite3_column_int64(q, 0));
	sqlite3_finalize(q);
	return got == 0 ? 0 : -1;
}

int
store_verify(struct store *s, uint64_t documents, uint64_t chunks, struct err *e)
{
	uint64_t have_documents, have_chunks;

	if (quick_check(s, e) == -1 || store_counts(s, &have_documents, &have_chunks, e) == -1)
		return -1;
	if (have_documents != documents || have_chunks != chunks)
		return err_set(e, ERR_CORRUPT,
		    "store.db: %llu documents and %llu chunks, the manifest says %llu and %llu",
		    (unsigned long long)have_documents, (unsigned long long)have_chunks,
		    (unsigned long long)documents, (unsigned long long)chunks);
	return check_chunks(s, e);
}
