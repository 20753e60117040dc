/* store.c - store.db of a generation. */
#include "store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "store_parts.h"

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

/* The file is private until it is sealed and fsynced by generation_publish(): no journal on
 * disk (none at all is what the defensive mode does not allow, without a word) and no sync
 * while it is written, a crash throws the folder away. */
static int
prepare_writer(struct store_writer *w, struct err *e)
{
	char identity[96];

	sqlite3_snprintf(sizeof identity, identity,
	    "pragma application_id = %d; pragma user_version = %d;", (int)STORE_APPLICATION_ID,
	    STORE_VERSION);
	if (db_run(w->db, "pragma page_size = 4096; pragma journal_mode = memory;"
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

int
store_add_document(
    struct store_writer *w, const struct store_document *d, uint64_t *id, struct err *e)
{
	sqlite3_stmt *s = w->add_document;

	*id = ++w->documents;
	sqlite3_bind_int64(s, 1, (sqlite3_int64)*id);
	db_bind_text(s, 2, d->key);
	db_bind_text(s, 3, d->title);
	db_bind_text(s, 4, d->source);
	sqlite3_bind_int64(s, 5, (sqlite3_int64)d->bytes);
	db_bind_text(s, 6, d->sha256);
	db_bind_text(s, 7, d->charset);
	db_bind_text(s, 8, d->meta != NULL ? d->meta : "{}");
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
		db_bind_text(s, 5, p->heading);
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
	db_bind_text(s, 5, c->heading);
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

int
store_open(struct store **out, const char *path, struct err *e)
{
	struct store *s = calloc(1, sizeof *s);
	struct err why;

	*out = NULL;
	if (s == NULL)
		return err_sys(e, ERR_NOMEM, "%s", path);
	s->version = STORE_VERSION;
	if (db_open_sealed(&s->db, path, STORE_APPLICATION_ID, STORE_VERSION, &why) == -1) {
		s->version = 1;
		if (db_open_sealed(&s->db, path, STORE_APPLICATION_ID, 1, NULL) == -1) {
			store_close(s);
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	if (store_fetch_open(s, path, e) == -1) {
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
	store_fetch_close(s);
	db_close(s->db);
	free(s);
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

#define DOCUMENTS "select id, key, title, source, bytes, sha256, charset, meta from document"

typedef int document_fn(
    void *context, uint64_t id, const struct store_document *d, struct err *e);

/* Every document of a query with one number in it. */
static int
each_document(struct store *s, const char *sql, uint64_t number, document_fn *each,
    void *context, struct err *e)
{
	struct store_document d;
	sqlite3_stmt *q;
	int got, rc = 0;

	if (db_statement(&q, s->db, sql, e) == -1)
		return -1;
	sqlite3_bind_int64(q, 1, (sqlite3_int64)number);
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

/* ---- finding, where what is ordered is numbered in that order ---- */

static int
ask_number(struct store *s, const char *sql, uint64_t *out, struct err *e)
{
	sqlite3_stmt *q;
	int got;

	if (db_statement(&q, s->db, sql, e) == -1)
		return -1;
	if ((got = db_step_row(q, e)) == 1)
		*out = (uint64_t)sqlite3_column_int64(q, 0);
	sqlite3_finalize(q);
	return got == 1 ? 0 : -1;
}

/* The lowest id in 1..count of which is_low() says no; count + 1: none.  The query takes the
 * id and answers one column. */
static int
lower_bound(struct store *s, const char *sql, uint64_t count,
    bool (*is_low)(const void *wanted, sqlite3_stmt *q), const void *wanted, uint64_t *out,
    struct err *e)
{
	uint64_t low = 1, high = count + 1, middle;
	sqlite3_stmt *q;
	int got = 1;

	if (db_statement(&q, s->db, sql, e) == -1)
		return -1;
	while (low < high) {
		middle = low + (high - low) / 2;
		sqlite3_reset(q);
		sqlite3_bind_int64(q, 1, (sqlite3_int64)middle);
		if ((got = db_step_row(q, e)) != 1)
			break;
		if (is_low(wanted, q))
			low = middle + 1;
		else
			high = middle;
	}
	sqlite3_finalize(q);
	*out = low;
	return got == 1 ? 0 :
	    got == 0    ? err_set(e, ERR_CORRUPT, "store.db: its rows are not numbered in order") :
			  -1;
}

static bool
is_before_key(const void *wanted, sqlite3_stmt *q)
{
	const char *key = (const char *)sqlite3_column_text(q, 0);

	return key != NULL && strcmp(key, wanted) < 0;
}

static bool
is_not_behind_key(const void *wanted, sqlite3_stmt *q)
{
	const char *key = (const char *)sqlite3_column_text(q, 0);

	return key != NULL && strcmp(key, wanted) <= 0;
}

static bool
is_of_earlier_document(const void *wanted, sqlite3_stmt *q)
{
	return (uint64_t)sqlite3_column_int64(q, 0) < *(const uint64_t *)wanted;
}

static int
find_place(struct store *s, const char *key, bool (*is_low)(const void *, sqlite3_stmt *),
    uint64_t *id, struct err *e)
{
	uint64_t count;

	return ask_number(s, "select coalesce(max(id), 0) from document", &count, e) == -1 ?
	    -1 :
	    lower_bound(s, "select key from document where id = ?", count, is_low, key, id, e);
}

struct match {
	const char *key;
	document_fn *each;
	void *context;
	bool is_found;
};

static int
pass_match(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	struct match *m = context;

	m->is_found = strcmp(d->key, m->key) == 0;
	return m->is_found ? m->each(m->context, id, d, e) : 0;
}

int
store_find_document(struct store *s, const char *key, document_fn *each, void *context,
    struct err *e)
{
	struct match m = {.key = key, .each = each, .context = context};
	uint64_t id;

	if (find_place(s, key, is_before_key, &id, e) == -1 ||
	    each_document(s, DOCUMENTS " where id = ?", id, pass_match, &m, e) == -1)
		return -1;
	return m.is_found;
}

static int
is_there(void *context, uint64_t id, const struct store_document *d, struct err *e)
{
	(void)context;
	(void)id;
	(void)d;
	(void)e;
	return 0;
}

int
store_has_document(struct store *s, const char *key, struct err *e)
{
	return store_find_document(s, key, is_there, NULL, e);
}

int
store_first_row(struct store *s, uint64_t document, uint32_t *row, struct err *e)
{
	uint64_t count, id, owner;
	char sql[64];

	if (ask_number(s, "select coalesce(max(id), 0) from chunk", &count, e) == -1 ||
	    lower_bound(s, "select document from chunk where id = ?", count,
		is_of_earlier_document, &document, &id, e) == -1)
		return -1;
	if (id > count)
		return 0;
	snprintf(sql, sizeof sql, "select document from chunk where id = %llu",
	    (unsigned long long)id);
	if (ask_number(s, sql, &owner, e) == -1)
		return -1;
	*row = (uint32_t)(id - 1);
	return owner == document;
}

/* ---- walking ---- */

int
store_each_document_after(
    struct store *s, const char *after, document_fn *each, void *context, struct err *e)
{
	uint64_t id = 1;

	if (after[0] != '\0' && find_place(s, after, is_not_behind_key, &id, e) == -1)
		return -1;
	return each_document(s, DOCUMENTS " where id >= ? order by id", id, each, context, e);
}

int
store_each_document_before(struct store *s, const char *before_or_null, document_fn *each,
    void *context, struct err *e)
{
	uint64_t id = INT64_MAX;

	if (before_or_null != NULL && find_place(s, before_or_null, is_before_key, &id, e) == -1)
		return -1;
	return each_document(
	    s, DOCUMENTS " where id < ? order by id desc", id, each, context, e);
}

int
store_each_document(struct store *s, document_fn *each, void *context, struct err *e)
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

	if (db_run(s->db, "pragma cell_size_check = on", e) == -1 ||
	    db_statement(&q, s->db, "pragma quick_check(1)", e) == -1)
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
	return check_chunks(s, e) == -1 ? -1 : store_fetch_verify(s, e);
}
