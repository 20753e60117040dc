/* knowledge_sync.c - source.db brought to what the source lists. */
#include "knowledge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "bounds.h"
#include "buf.h"
#include "chunk.h"
#include "db.h"
#include "digest.h"
#include "knowledge_exchange.h"
#include "failpoint.h"
#include "metadata.h"
#include "rows.h"
#include "shrink.h"
#include "text.h"
#include "utf8.h"

/* Raised whenever extraction or chunking changes what comes out. */
enum { EXTRACTION_VERSION = 3 };
/* The words of all documents of one listing that are to be read. */
#define LISTING_BYTES_MAX ((size_t)4 << 30)

/* ---- writing a document ---- */

struct sync {
	struct knowledge *k;
	struct chunk_params chunking;
	char params[CHUNKING_TEXT_BYTES + 16];	/* what the chunks depend on besides the bytes */
	struct buf meta;	/* of the document that is written */
	struct arena words;	/* of the items below */
	struct source_item *wanted;	/* listed, new or changed: still to be read */
	size_t wanted_count, wanted_room, wanted_done;
	unsigned max_shrink;	/* percent of what was kept that may be gone */
	bool keeps;		/* no rehearsal */
	size_t piece_documents;	/* read and not committed yet */
	uint64_t piece_bytes;
	struct sync_report *report;
};

static void
bind_text(sqlite3_stmt *s, int at, const char *text)
{
	sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC);
}

static bool
column_is(sqlite3_stmt *s, int column, const char *text)
{
	const char *is = (const char *)sqlite3_column_text(s, column);

	return is != NULL && strcmp(is, text) == 0;
}

/* Marks a document as still listed. */
static int
see(struct sync *y, int64_t id, struct err *e)
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
	bind_text(s, 5, heading);
	sqlite3_bind_int64(s, 6, c->page);
	sqlite3_bind_int64(s, 7, (sqlite3_int64)parent->start);
	sqlite3_bind_int64(s, 8, (sqlite3_int64)parent->end);
	bind_text(s, 9, parent_heading);
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

	bind_text(s, 1, at->key);
	sqlite3_bind_int64(
	    s, 2, at->part_of == 0 ? (sqlite3_int64)item->size : (sqlite3_int64)d->text.len);
	bind_text(s, 3, d->refused[0] == '\0' ? item->stamp : "");	/* hold_stamp() */
	bind_text(s, 4, d->sha256);
	bind_text(s, 5, y->params);
	bind_text(s, 6, d->text.title);
	bind_text(s, 7, d->text.charset);
	bind_text(s, 8, d->refused);
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
	bind_text(s, 2, stamp);
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
	if (at->part_of == 0 && see(y, *id, e) == -1)
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

/* A document that cannot be read is kept as refused, without bytes. */
static int
refuse(struct sync *y, const struct source_item *item, const struct err *why, struct err *e)
{
	struct place at = {.key = item->key};
	struct digest d = {0};
	int64_t id;

	digest_refuse(&d, why);
	y->report->refused++;
	return put_document(y, item, &at, &d, &id, e);
}

/* ---- rows as documents ---- */

struct taking {
	struct sync *y;
	const struct source_item *item;
	int64_t whole;
	uint64_t rows;
	bool broke;		/* not for the file's sake */
};

static int find_kept(struct sync *y, const char *key, int64_t *id, bool *refused, struct err *e);

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
	if ((got = find_kept(t->y, key, &id, &refused, e)) == 1)
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
		return refuse(y, item, &why, e);
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

	bind_text(find, 1, item->key);
	if ((got = db_step_row(find, e)) == 1)
		waits = column_is(find, 2, KNOWLEDGE_IMPORTED) && column_is(find, 4, y->params);
	if (waits && hash_sha256_of(bytes, n, digest, e) == 0) {
		hash_hex(digest, hex);
		is_it = column_is(find, 3, hex);
		id = sqlite3_column_int64(find, 0);
	}
	sqlite3_reset(find);
	if (got == -1 || !is_it)
		return got == -1 ? -1 : 0;
	sqlite3_bind_int64(keep, 1, (sqlite3_int64)item->size);
	bind_text(keep, 2, item->stamp);
	sqlite3_bind_int64(keep, 3, id);
	if (db_step_done(keep, e) == -1 || see(y, id, e) == -1)
		return -1;
	y->report->changed--;
	y->report->unchanged++;
	return 1;
}

static int
take_document(
    struct sync *y, const struct source_item *item, const char *bytes, size_t n, struct err *e)
{
	const char *name = item->name != NULL ? item->name : item->key;
	int kept = keep_imported(y, item, bytes, n, e);

	if (kept != 0)
		return kept == 1 ? 0 : -1;
	return rows_are_in(name) ? take_rows(y, item, name, bytes, n, e)
				 : take_whole(y, item, name, bytes, n, e);
}

/* ---- the listing ---- */

/* The document's row, if it was kept before; 0: it was not. */
static int
find_kept(struct sync *y, const char *key, int64_t *id, bool *refused, struct err *e)
{
	sqlite3_stmt *find = y->k->s[FIND_DOCUMENT];
	int got;

	bind_text(find, 1, key);
	if ((got = db_step_row(find, e)) == 1) {
		*id = sqlite3_column_int64(find, 0);
		*refused = !column_is(find, 5, "");
	}
	sqlite3_reset(find);
	return got;
}

/* The source read nothing: what is kept of it is still true. */
static int
see_unchanged(struct sync *y, const char *key, struct err *e)
{
	bool refused;
	int64_t id;
	int got = find_kept(y, key, &id, &refused, e);

	if (got == 0)
		return err_set(e, ERR_INTERNAL, "%s: unchanged, but not kept", key);
	if (got == -1)
		return -1;
	y->report->unchanged++;
	y->report->refused += refused;
	return see(y, id, e);
}

static int
count_read(struct sync *y, const struct source_item *item, struct err *e)
{
	bool refused;
	int64_t id;
	int got = find_kept(y, item->key, &id, &refused, e);

	if (got == 1)
		y->report->changed++;
	else if (got == 0)
		y->report->added++;
	return got == -1 ? -1 : 0;
}

static void
tell_progress(struct sync *y)
{
	failpoint(FAIL_SYNC_DOCUMENT);
	y->wanted_done++;
	if (y->k->progress != NULL)
		y->k->progress(y->k->progress_context, y->wanted_done, y->wanted_count);
}

/* A reader that copies source.db may hold the commit up: then the piece grows. */
static int
end_piece(struct sync *y, uint64_t bytes, struct err *e)
{
	struct err why;

	y->piece_documents++;
	y->piece_bytes += bytes;
	if (!y->keeps || (y->piece_documents < SYNC_PIECE_DOCUMENTS &&
			     y->piece_bytes < SYNC_PIECE_BYTES))
		return 0;
	y->piece_documents = 0;
	y->piece_bytes = 0;
	if (db_run(y->k->db, "commit", &why) == 0) {
		failpoint(FAIL_SYNC_PIECE);
		return db_run(y->k->db, "begin immediate", e);
	}
	if (why.code == ERR_BUSY)
		return 0;
	if (e != NULL)
		*e = why;
	return -1;
}

static int
take_read(struct sync *y, const struct source_item *item, const char *bytes, size_t n,
    const struct err *why, struct err *e)
{
	if (why == NULL && bytes == NULL)
		return see_unchanged(y, item->key, e);
	if (count_read(y, item, e) == -1)
		return -1;
	if (why == NULL)
		return take_document(y, item, bytes, n, e);
	if (why->code == ERR_NOT_FOUND)
		return 0;	/* vanished since it was listed: it goes as unseen */
	if (digest_is_fault(why))
		return refuse(y, item, why, e);
	if (e != NULL)
		*e = *why;
	return -1;
}

/* What reading a wanted document came to. */
static int
take_wanted(void *context, const struct source_item *item, const char *bytes, size_t n,
    const struct err *why, struct err *e)
{
	struct sync *y = context;
	struct source_item taken = *item;

	tell_progress(y);
	if (taken.size == SOURCE_SIZE_UNKNOWN)
		taken.size = n;
	return take_read(y, &taken, bytes, n, why, e) == -1 ? -1 : end_piece(y, n, e);
}

static char *
keep_words(struct sync *y, const char *text)
{
	return text == NULL ? NULL : arena_copy(&y->words, text, strlen(text));
}

static int
want(struct sync *y, const struct source_item *item, const char *known, struct err *e)
{
	struct source_item *kept;

	if (y->wanted_count == y->wanted_room) {
		size_t room = y->wanted_room == 0 ? 256 : 2 * y->wanted_room;
		if ((kept = reallocarray(y->wanted, room, sizeof *kept)) == NULL)
			return err_sys(e, ERR_NOMEM, "a listing");
		y->wanted = kept;
		y->wanted_room = room;
	}
	kept = &y->wanted[y->wanted_count];
	*kept = *item;
	kept->key = keep_words(y, item->key);
	kept->name = keep_words(y, item->name);
	kept->title = keep_words(y, item->title);
	kept->meta = keep_words(y, item->meta);
	kept->known = keep_words(y, known);
	if (y->words.failed)
		return err_set(e, ERR_NOMEM, "no memory for a listing");
	y->wanted_count++;
	return 0;
}

static bool
is_same_document(sqlite3_stmt *found, const struct source_item *item)
{
	return item->stamp[0] != '\0' && column_is(found, 2, item->stamp) &&
	    (item->size == SOURCE_SIZE_UNKNOWN ||
		(uint64_t)sqlite3_column_int64(found, 1) == item->size);
}

/* Refused for want of a program, which may have been installed since. */
static bool
may_succeed_now(sqlite3_stmt *found)
{
	const char *why = (const char *)sqlite3_column_text(found, 5);
	const char *slug = err_row(ERR_NO_EXTRACTOR)->slug;

	return why != NULL && strncmp(why, slug, strlen(slug)) == 0;
}

/* What the listing has already settled is written at once, the rest is read later, so that
 * a listing that breaks off or shrinks costs no reading. */
static int
settle_item(struct sync *y, const struct source_item *item, const char *known, struct err *e)
{
	struct err why;

	if (item->why == NULL && item->bytes == NULL)
		return want(y, item, known, e);
	if (count_read(y, item, e) == -1)
		return -1;
	if (item->why == NULL)
		return take_document(y, item, item->bytes, (size_t)item->size, e);
	err_set(&why, ERR_UNSUPPORTED, "%s", item->why);
	return refuse(y, item, &why, e);
}

static int
sync_item(void *context, const struct source_item *item, struct err *e)
{
	struct sync *y = context;
	sqlite3_stmt *find = y->k->s[FIND_DOCUMENT];
	char known[SOURCE_STAMP_BYTES] = "";
	int64_t id = 0;
	bool same = false, refused = false;
	int got;

	y->report->listed++;
	bind_text(find, 1, item->key);
	if ((got = db_step_row(find, e)) == 1) {
		id = sqlite3_column_int64(find, 0);
		same = column_is(find, 4, y->params) && is_same_document(find, item);
		refused = !column_is(find, 5, "");
		same &= !may_succeed_now(find);
		if (column_is(find, 4, y->params) && !may_succeed_now(find))
			snprintf(known, sizeof known, "%s",
			    (const char *)sqlite3_column_text(find, 2));
	}
	sqlite3_reset(find);
	if (got == -1)
		return -1;
	if (!same)
		return settle_item(y, item, known, e);
	y->report->unchanged++;
	y->report->refused += refused;
	return see(y, id, e);
}

/* ---- the whole of it ---- */

/* How many documents there are or were, and how many with text in them. */
struct kept {
	int64_t documents, texts;
};

static bool
is_far_fewer(const struct sync *y, int64_t now, int64_t before)
{
	return shrink_is_too_much((uint64_t)before, (uint64_t)now, y->max_shrink);
}

static int
check_listed(const struct sync *y, const struct kept *before, struct err *e)
{
	if (!is_far_fewer(y, (int64_t)y->report->listed, before->documents))
		return 0;
	return err_set(e, ERR_SHRINK, "the source lists %llu documents, %lld were there before",
	    (unsigned long long)y->report->listed, (long long)before->documents);
}

/* A source whose documents may suddenly not be read any more shrinks, too. */
static int
check_texts(const struct sync *y, const struct kept *now, const struct kept *before, struct err *e)
{
	if (!is_far_fewer(y, now->texts, before->texts))
		return 0;
	return err_set(e, ERR_SHRINK, "only %lld documents of the source give text, %lld did before",
	    (long long)now->texts, (long long)before->texts);
}

static int
drop_vanished(struct sync *y, struct err *e)
{
	sqlite3_stmt *drop = y->k->s[DROP_UNSEEN];

	if (db_step_done(drop, e) == -1)
		return -1;
	y->report->removed = (uint64_t)sqlite3_changes64(y->k->db);
	return 0;
}

static int
count_kept(struct knowledge *k, struct kept *kept, struct err *e)
{
	sqlite3_stmt *s = k->s[COUNT_DOCUMENTS];
	int got = db_step_row(s, e);

	if (got == 1) {
		kept->documents = sqlite3_column_int64(s, 0);
		kept->texts = sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	return got == 1 ? 0 : -1;
}

static int
find_synced(struct sync *y, struct kept *before, struct err *e)
{
	sqlite3_stmt *s = y->k->s[FIND_SYNCED];
	uint64_t removals = 0, was;
	int got = db_step_row(s, e);

	if (got == 1) {
		*before = (struct kept){sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1)};
		was = (uint64_t)sqlite3_column_int64(s, 2);
		removals = y->k->removals > was ? y->k->removals - was : 0;
		before->documents -= (int64_t)removals;
		before->texts -= (int64_t)removals;
		if (before->documents < 0)
			before->documents = 0;
		if (before->texts < 0)
			before->texts = 0;
	}
	sqlite3_reset(s);
	if (got == 0)
		err_set(e, ERR_CORRUPT, "source.db: it does not say what was synced");
	return got == 1 ? 0 : -1;
}

static int
put_synced(struct sync *y, const struct kept *now, struct err *e)
{
	sqlite3_stmt *s = y->k->s[PUT_SYNCED];

	sqlite3_bind_int64(s, 1, now->documents);
	sqlite3_bind_int64(s, 2, now->texts);
	sqlite3_bind_int64(s, 3, (sqlite3_int64)y->k->removals);
	return db_step_done(s, e);
}

/* In a transaction, which is another one when it returns. */
static int
sync_all(struct sync *y, struct source *source, struct err *e)
{
	struct kept before, now;

	if (db_run(y->k->db, "delete from temp.seen; delete from temp.held", e) == -1 ||
	    find_synced(y, &before, e) == -1)
		return -1;
	if (source->list(source, sync_item, y, e) == -1 ||
	    check_listed(y, &before, e) == -1 ||
	    source_read_each(source, y->wanted, y->wanted_count, take_wanted, y, e) == -1 ||
	    drop_vanished(y, e) == -1 || count_kept(y->k, &now, e) == -1 ||
	    check_texts(y, &now, &before, e) == -1)
		return -1;
	return db_step_done(y->k->s[GIVE_STAMPS], e) == -1 ? -1 : put_synced(y, &now, e);
}

static int
sync_source(struct knowledge *k, struct source *source, const struct build_config *config,
    unsigned max_shrink, bool keeps, struct sync_report *report, struct err *e)
{
	struct sync y = {.k = k, .report = report, .max_shrink = max_shrink, .keeps = keeps};
	char chunking[CHUNKING_TEXT_BYTES];
	int rc;

	*report = (struct sync_report){0};
	if (build_chunking_text(config, chunking, e) == -1 ||
	    build_chunk_params(config, &y.chunking, e) == -1)
		return -1;
	snprintf(y.params, sizeof y.params, "v%d %s", EXTRACTION_VERSION, chunking);
	if (db_run(k->db, "begin immediate", e) == -1) {
		chunk_rules_free(y.chunking.rules);
		return -1;
	}
	rc = -1;
	buf_init(&y.meta, METADATA_BYTES_MAX);
	arena_init(&y.words, LISTING_BYTES_MAX);
	if (sync_all(&y, source, e) == 0) {
		failpoint(FAIL_SYNC_COMMIT);
		rc = keeps ? db_run(k->db, "commit", e) : 0;
	}
	if (rc == -1)
		sqlite3_exec(k->db, "rollback", NULL, NULL, NULL);
	free(y.wanted);
	arena_fini(&y.words);
	buf_fini(&y.meta);
	chunk_rules_free(y.chunking.rules);
	return rc;
}

void
knowledge_expect_removals(struct knowledge *k, uint64_t ever)
{
	k->removals = ever;
}

void
knowledge_set_progress(struct knowledge *k,
    void (*progress)(void *context, uint64_t done, uint64_t all), void *context)
{
	k->progress = progress;
	k->progress_context = context;
}

int
knowledge_sync(struct knowledge *k, struct source *source, const struct build_config *config,
    unsigned max_shrink, struct sync_report *report, struct err *e)
{
	return sync_source(k, source, config, max_shrink, true, report, e);
}

int
knowledge_rehearse(struct knowledge *k, struct source *source, const struct build_config *config,
    unsigned max_shrink, struct sync_report *report, struct err *e)
{
	return sync_source(k, source, config, max_shrink, false, report, e);
}
