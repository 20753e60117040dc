/* knowledge_sync.c - source.db brought to what the source lists. */
#include "knowledge_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "db.h"
#include "digest.h"
#include "failpoint.h"
#include "metadata.h"
#include "shrink.h"

/* Raised whenever extraction or chunking changes what comes out. */
enum { EXTRACTION_VERSION = 3 };
/* The words of all documents of one listing that are to be read. */
#define LISTING_BYTES_MAX ((size_t)4 << 30)

/* ---- the listing ---- */

/* The source read nothing: what is kept of it is still true. */
static int
see_unchanged(struct sync *y, const char *key, struct err *e)
{
	bool refused;
	int64_t id;
	int got = sync_find_kept(y, key, &id, &refused, e);

	if (got == 0)
		return err_set(e, ERR_INTERNAL, "%s: unchanged, but not kept", key);
	if (got == -1)
		return -1;
	y->report->unchanged++;
	y->report->refused += refused;
	return sync_see(y, id, e);
}

static int
count_read(struct sync *y, const struct source_item *item, struct err *e)
{
	bool refused;
	int64_t id;
	int got = sync_find_kept(y, item->key, &id, &refused, e);

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
		return sync_take(y, item, bytes, n, e);
	if (why->code == ERR_NOT_FOUND)
		return 0;	/* vanished since it was listed: it goes as unseen */
	if (digest_is_fault(why))
		return sync_refuse(y, item, why, e);
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
	return item->stamp[0] != '\0' && db_column_is(found, 2, item->stamp) &&
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

/* What the listing has already settled is written at once, and committed in pieces like what is
 * read; the rest is read later, so that a listing that breaks off or shrinks costs no reading. */
static int
settle_item(struct sync *y, const struct source_item *item, const char *known, struct err *e)
{
	uint64_t bytes = 0;
	struct err why;
	int rc;

	if (item->why == NULL && item->bytes == NULL)
		return want(y, item, known, e);
	if (count_read(y, item, e) == -1)
		return -1;
	if (item->why == NULL) {
		bytes = item->size;
		rc = sync_take(y, item, item->bytes, (size_t)bytes, e);
	} else {
		err_set(&why, ERR_UNSUPPORTED, "%s", item->why);
		rc = sync_refuse(y, item, &why, e);
	}
	return rc == -1 ? -1 : end_piece(y, bytes, e);
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
	db_bind_text(find, 1, item->key);
	if ((got = db_step_row(find, e)) == 1) {
		id = sqlite3_column_int64(find, 0);
		same = db_column_is(find, 4, y->params) && is_same_document(find, item);
		refused = !db_column_is(find, 5, "");
		same &= !may_succeed_now(find);
		if (db_column_is(find, 4, y->params) && !may_succeed_now(find))
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
	return sync_see(y, id, e);
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
