/* knowledge_put.c - a document that was read becomes rows of source.db. */
#include "knowledge_parts.h"

#include <stdio.h>
#include <string.h>

#include "bounds.h"
#include "chunk.h"
#include "db.h"
#include "digest.h"
#include "hash.h"
#include "knowledge_exchange.h"
#include "metadata.h"
#include "rows.h"
#include "text.h"
#include "utf8.h"

int
sync_see(struct sync *y, int64_t id, struct err *e)
{
	sqlite3_stmt *s = y->k->s[SEE_DOCUMENT];

	sqlite3_bind_int64(s, 1, id);
	return db_step_done(s, e);
}

static int
clear(struct sync *y, enum statement which, int64_t id, struct err *e)
{
	sqlite3_stmt *s = y->k->s[which];

	sqlite3_bind_int64(s, 1, id);
	return db_step_done(s, e);
}

static int
put_chunk(struct sync *y, int64_t id, size_t ordinal, const struct digest *d, struct err *e)
{
	static const struct chunk none;
	const struct chunk *c = &d->chunks.at[ordinal];
	const struct chunk *parent =
	    c->parent != CHUNK_NO_PARENT ? &d->chunks.parents[c->parent] : &none;
	char heading[TEXT_PATH_BYTES], parent_heading[TEXT_PATH_BYTES] = "";
	sqlite3_stmt *s = y->k->s[PUT_CHUNK];

	digest_heading(d, c, heading, sizeof heading);
	if (parent != &none)
		digest_heading(d, parent, parent_heading, sizeof parent_heading);
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int64(s, 2, (sqlite3_int64)ordinal);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)c->start);
	sqlite3_bind_int64(s, 4, (sqlite3_int64)c->end);
	db_bind_text(s, 5, heading);
	sqlite3_bind_int64(s, 6, c->page);
	sqlite3_bind_int64(s, 7, (sqlite3_int64)parent->start);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)parent->end);
	db_bind_text(s, 9, parent_heading);
	sqlite3_bind_int64(s, 10, parent->page);
	return db_step_done(s, e);
}

static int
put_chunks(struct sync *y, int64_t id, const struct digest *d, struct err *e)
{
	if (clear(y, CLEAR_CHUNKS, id, e) == -1)
		return -1;
	for (size_t i = 0; i < d->chunks.count; i++)
		if (put_chunk(y, id, i, d, e) == -1)
			return -1;
	return 0;
}

/* What a document's row says besides its digest. */
struct place {
	const char *key;
	int64_t part_of;	/* 0: it is whole */
	bool has_parts;
};

static int
put_row(struct sync *y, const struct source_item *item, const struct place *at,
    const struct digest *d, int64_t *id, struct err *e)
{
	sqlite3_stmt *s = y->k->s[PUT_DOCUMENT];

	db_bind_text(s, 1, at->key);
	sqlite3_bind_int64(
	    s, 2, at->part_of == 0 ? (sqlite3_int64)item->size : (sqlite3_int64)d->text.len);
	db_bind_text(s, 3, d->refused[0] == '\0' ? item->stamp : "");	/* hold_stamp() */
	db_bind_text(s, 4, d->sha256);
	db_bind_text(s, 5, y->params);
	db_bind_text(s, 6, d->text.title);
	db_bind_text(s, 7, d->text.charset);
	db_bind_text(s, 8, d->refused);
	sqlite3_bind_text64(s, 9, d->text.text != NULL ? d->text.text : "", d->text.len,
	    SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_text64(s, 10, y->meta.data, y->meta.len, SQLITE_STATIC, SQLITE_UTF8);
	if (at->part_of != 0)
		sqlite3_bind_int64(s, 11, at->part_of);
	else
		sqlite3_bind_null(s, 11);
	sqlite3_bind_int(s, 12, at->has_parts);
	if (db_step_row(s, e) != 1) {
		sqlite3_reset(s);
		return -1;
	}
	*id = sqlite3_column_int64(s, 0);
	return db_step_done(s, e);	/* the row is written once the statement is done */
}

/* A document that gave no text gets its stamp when the sync has come to its end: if that ends
 * because too many of them do not, they are read again. */
static int
hold_stamp(struct sync *y, int64_t id, const char *stamp, struct err *e)
{
	sqlite3_stmt *s = y->k->s[HOLD_STAMP];

	sqlite3_bind_int64(s, 1, id);
	db_bind_text(s, 2, stamp);
	return db_step_done(s, e);
}

static int
put_document(struct sync *y, const struct source_item *item, const struct place *at,
    const struct digest *d, int64_t *id, struct err *e)
{
	buf_reset(&y->meta);
	metadata_of(&y->meta, item->key, item->size, &d->text);
	if (item->meta != NULL && metadata_add(&y->meta, item->meta, e) == -1)
		return -1;
	if (buf_check(&y->meta, "the metadata", e) == -1 ||
	    put_row(y, item, at, d, id, e) == -1 || clear(y, CLEAR_PARTS, *id, e) == -1)
		return -1;
	if (at->part_of == 0 && sync_see(y, *id, e) == -1)
		return -1;
	if (d->refused[0] != '\0' && hold_stamp(y, *id, item->stamp, e) == -1)
		return -1;
	return put_chunks(y, *id, d, e);
}

/* The title that the source knows, for a text that names none. */
static void
name_document(struct text_document *d, const char *title)
{
	size_t n;

	if (d->title[0] != '\0' || title == NULL)
		return;
	n = strlen(title);
	if (n >= sizeof d->title)
		n = utf8_floor(title, sizeof d->title - 1);
	memcpy(d->title, title, n);
	d->title[n] = '\0';
}

static int
take_whole(struct sync *y, const struct source_item *item, const char *name, const char *bytes,
    size_t n, struct err *e)
{
	struct place at = {.key = item->key};
	struct digest d;
	int64_t id;
	int rc;

	if (digest_make(&d, name, bytes, n, &y->chunking, e) == -1)
		return -1;
	y->report->refused += d.refused[0] != '\0';
	name_document(&d.text, item->title);
	rc = put_document(y, item, &at, &d, &id, e);
	digest_fini(&d);
	return rc;
}

int
sync_refuse(struct sync *y, const struct source_item *item, const struct err *why, struct err *e)
{
	struct place at = {.key = item->key};
	struct digest d = {0};
	int64_t id;

	digest_refuse(&d, why);
	y->report->refused++;
	return put_document(y, item, &at, &d, &id, e);
}

int
sync_find_kept(struct sync *y, const char *key, int64_t *id, bool *refused, struct err *e)
{
	sqlite3_stmt *find = y->k->s[FIND_DOCUMENT];
	int got;

	db_bind_text(find, 1, key);
	if ((got = db_step_row(find, e)) == 1) {
		*id = sqlite3_column_int64(find, 0);
		*refused = !db_column_is(find, 5, "");
	}
	sqlite3_reset(find);
	return got;
}

/* ---- rows as documents ---- */

struct taking {
	struct sync *y;
	const struct source_item *item;
	int64_t whole;
	uint64_t rows;
	bool broke;		/* not for the file's sake */
};

/* "prices.csv#12", or "#" and its id; two rows of one id are told apart by number. */
static int
name_part(struct taking *t, const struct row *r, char key[DOCUMENT_PATH_BYTES + ROW_ID_BYTES + 64],
    struct err *e)
{
	size_t size = DOCUMENT_PATH_BYTES + ROW_ID_BYTES + 64;
	bool refused;
	int64_t id;
	int got;

	if (r->id[0] == '\0')
		snprintf(key, size, "%s#%llu", t->item->key, (unsigned long long)r->number);
	else
		snprintf(key, size, "%s#%s", t->item->key, r->id);
	if ((got = sync_find_kept(t->y, key, &id, &refused, e)) == 1)
		snprintf(key + strlen(key), 32, "~%llu", (unsigned long long)r->number);
	return got == -1 ? -1 : 0;
}

static int
take_row(void *context, const struct row *r, struct err *e)
{
	char key[DOCUMENT_PATH_BYTES + ROW_ID_BYTES + 64];
	struct taking *t = context;
	struct place at = {.key = key, .part_of = t->whole};
	struct digest d;
	int64_t id;
	int rc;

	t->broke = true;
	if (name_part(t, r, key, e) == -1)
		return -1;
	if (digest_of_text(&d, r->text, &t->y->chunking, e) == -1) {
		t->broke = !digest_is_fault(e);
		return -1;
	}
	rc = put_document(t->y, t->item, &at, &d, &id, e);
	d.text = (struct text_document){0};	/* the row's own */
	digest_fini(&d);
	t->rows++;
	t->broke = rc == -1;
	return rc;
}

static int
take_rows(struct sync *y, const struct source_item *item, const char *name, const char *bytes,
    size_t n, struct err *e)
{
	struct taking t = {.y = y, .item = item};
	struct place at = {.key = item->key, .has_parts = true};
	struct digest d = {0};
	struct err why;

	if (put_document(y, item, &at, &d, &t.whole, e) == -1)
		return -1;
	if (rows_each(name, bytes, n, take_row, &t, &why) == 0) {
		if (t.rows > 0)
			return 0;
		err_set(&why, ERR_NOT_TEXT, "there is no row with text in the file");
	}
	/* What came of it so far goes: a file is taken as a whole or not. */
	if (!t.broke && digest_is_fault(&why))
		return sync_refuse(y, item, &why, e);
	if (e != NULL)
		*e = why;
	return -1;
}

/* 1: the bytes are those of an imported document that is cut the same way: what was imported
 * is kept, and from here on it is a document like others. */
static int
keep_imported(
    struct sync *y, const struct source_item *item, const char *bytes, size_t n, struct err *e)
{
	sqlite3_stmt *find = y->k->s[FIND_DOCUMENT], *keep = y->k->s[KEEP_IMPORTED];
	char hex[SHA256_HEX_BYTES];
	uint8_t digest[SHA256_BYTES];
	bool waits = false, is_it = false;
	int64_t id = 0;
	int got;

	db_bind_text(find, 1, item->key);
	if ((got = db_step_row(find, e)) == 1)
		waits = db_column_is(find, 2, KNOWLEDGE_IMPORTED) && db_column_is(find, 4, y->params);
	if (waits && hash_sha256_of(bytes, n, digest, e) == 0) {
		hash_hex(digest, hex);
		is_it = db_column_is(find, 3, hex);
		id = sqlite3_column_int64(find, 0);
	}
	sqlite3_reset(find);
	if (got == -1 || !is_it)
		return got == -1 ? -1 : 0;
	sqlite3_bind_int64(keep, 1, (sqlite3_int64)item->size);
	db_bind_text(keep, 2, item->stamp);
	sqlite3_bind_int64(keep, 3, id);
	if (db_step_done(keep, e) == -1 || sync_see(y, id, e) == -1)
		return -1;
	y->report->changed--;
	y->report->unchanged++;
	return 1;
}

int
sync_take(
    struct sync *y, const struct source_item *item, const char *bytes, size_t n, struct err *e)
{
	const char *name = item->name != NULL ? item->name : item->key;
	int kept = keep_imported(y, item, bytes, n, e);

	if (kept != 0)
		return kept == 1 ? 0 : -1;
	return rows_are_in(name) ? take_rows(y, item, name, bytes, n, e)
				 : take_whole(y, item, name, bytes, n, e);
}
