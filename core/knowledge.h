/* knowledge.h - source.db: a tenant's documents and chunks, kept between builds.
 *
 * The truth that generations are made from.  Syncing compares the source's listing with
 * what is kept: unchanged documents are neither read nor chunked again, changed ones
 * are, vanished ones go.  What is read is committed in pieces, so that a sync that was killed
 * goes on where it was; what vanished goes with the last piece, after a complete listing and
 * when all is read.  In between source.db is neither the old state nor the new: what makes a
 * generation of it is a sync that came to its end.
 *
 *   document(key primary key, size, stamp, sha256, params, title, charset, refused, text,
 *            meta, part_of -> document.id, has_parts)
 *            refused = "" or why the document gave no text; meta: JSON (metadata.h);
 *            a file whose rows are documents (rows.h) has_parts and gives none itself
 *   chunk(document -> document.id, ordinal, start, end, heading, page, parent_start,
 *         parent_end, parent_heading, parent_page)      page 0: none; parent 0..0: none
 *
 *   synced(documents, texts, removals)     how many there were when a sync last came to its end:
 *            what the next one is compared with, however many were killed between
 *
 * A source.db of an older version than 3 is emptied and filled again by the next sync.
 *
 * One process at a time writes a tenant: knowledge_open() takes DATA/tenants/<t>/lock
 * (ERR_BUSY when another build has it) and holds it until knowledge_close().
 */
#ifndef RAGPOOL_KNOWLEDGE_H
#define RAGPOOL_KNOWLEDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "build.h"
#include "err.h"
#include "source.h"
#include "store.h"

struct knowledge;

struct sync_report {
	uint64_t listed;	/* documents the source names; a file of rows is one */
	uint64_t added, changed, removed;
	uint64_t unchanged;	/* neither read nor chunked again */
	uint64_t refused;	/* documents that gave no text */
};

/* The lock alone, for who replaces the file: close() what it answers.  The tenant's folder has
 * to be there. */
int knowledge_lock(const char *data_dir, const char *tenant, struct err *e);

/* ERR_CORRUPT: see knowledge_set_aside(). */
int knowledge_open(
    struct knowledge **out, const char *data_dir, const char *tenant, struct err *e);
void knowledge_close(struct knowledge *k);

/* A source.db that is damaged by its own account (SQLite finds it malformed, or it holds what is
 * never written) is renamed to source.db.damaged-TIME, with its journal; an older such file goes.
 * What cannot be read or written for other reasons, a disk that fails or is full, is no damage.
 * Answers 1: moved, `d` says what and where to; 0: it is sound, or nobody can tell.  For who does
 * not hold it open; takes and leaves the lock.  Cost: reads all of the file. */
enum { DAMAGE_TEXT_BYTES = 200 };
struct knowledge_damage {
	char name[BUILD_ASIDE_BYTES];	/* in the tenant's folder; "": none */
	char what[DAMAGE_TEXT_BYTES];
};
int knowledge_set_aside(struct knowledge_damage *d, const char *data_dir, const char *tenant,
    struct err *e);

/* source.db itself, borrowed, for what is kept beside the documents (vectors.h). */
sqlite3 *knowledge_db(struct knowledge *k);

/* So many documents were ever removed on request: those since the last sync that came to its end
 * are no shrinking. */
void knowledge_expect_removals(struct knowledge *k, uint64_t ever);
/* Told now and then while documents are read: how many are, of how many. */
void knowledge_set_progress(struct knowledge *k,
    void (*progress)(void *context, uint64_t done, uint64_t all), void *context);

/* After so many documents or bytes read a piece is committed. */
enum { SYNC_PIECE_DOCUMENTS = 500, SYNC_PIECE_BYTES = 32 << 20 };

/* ERR_SHRINK when more than max_shrink percent of the documents kept before are gone (shrink.h),
 * or more than that of those that gave text give none any more; 100 lets everything through. */
int knowledge_sync(struct knowledge *k, struct source *s, const struct build_config *config,
    unsigned max_shrink, struct sync_report *report, struct err *e);
/* The same, but what it wrote is forgotten by knowledge_close(): nothing is changed. */
int knowledge_rehearse(struct knowledge *k, struct source *s, const struct build_config *config,
    unsigned max_shrink, struct sync_report *report, struct err *e);

/* Walks documents by key, each followed by its chunks in order; refused documents are
 * left out.  What is passed is borrowed for the call; c->document counts as d's. */
struct knowledge_walk {
	int (*document)(void *context, const struct store_document *d, struct err *e);
	int (*chunk)(void *context, const struct store_chunk *c, struct err *e);
};
int knowledge_each(
    struct knowledge *k, const struct knowledge_walk *walk, void *context, struct err *e);

/* How many chunks it walks. */
int knowledge_count_chunks(struct knowledge *k, uint64_t *count, struct err *e);

/* Walks what was refused: key and reason. */
int knowledge_each_refused(struct knowledge *k,
    void (*each)(void *context, const char *key, const char *why), void *context,
    struct err *e);

#endif
