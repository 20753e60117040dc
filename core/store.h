/* store.h - store.db of a generation: the text behind each row of the index.
 *
 * A sealed SQLite file.  Row r of the index (0-based) is chunk r + 1; documents count
 * from 1 in the order of their keys.  Written once by the build, read immutable.
 *
 *   document(id, key, title, source, bytes, sha256, charset, meta)
 *   chunk(id, document, start, end, heading, text, page, passage)
 *   passage(id, document, start, end, heading, text, page)
 *
 * page is 0 where there is none.  A chunk with a passage is a part of it: the chunk is what
 * is searched, the passage what is shown; 0: the chunk is shown itself.
 *
 * A chunk's [start, end) is its byte span in its document's text: for plain text and
 * Markdown in UTF-8 that is the file itself, byte for byte; for other formats the text
 * that was extracted, kept in the tenant's source.db.
 */
#ifndef RAGPOOL_STORE_H
#define RAGPOOL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arena.h"
#include "err.h"

enum { STORE_VERSION = 2 };	/* 1, without pages and passages, is still read */
#define STORE_APPLICATION_ID 0x52505353u	/* "RPSS" */

struct store_document {
	const char *key;	/* unique in the tenant: the path below the source */
	const char *title;
	const char *source;	/* what an answer cites */
	uint64_t bytes;
	const char *sha256;	/* of the document's bytes, hex */
	const char *charset;
	const char *meta;	/* JSON object */
};

/* The larger passage that a chunk was cut from; text_len 0: none. */
struct store_passage {
	uint64_t start, end;
	const char *heading;
	const char *text;
	size_t text_len;
	uint32_t page;
};

struct store_chunk {
	uint64_t document;
	uint64_t start, end;
	const char *heading;	/* "A > B", may be "" */
	const char *text;
	size_t text_len;
	uint32_t page;		/* where it begins, from 1; 0: there are no pages */
	struct store_passage parent;
	const char *title;	/* of the document (reading only) */
	const char *source;	/* of the document (reading only) */
	const char *key;	/* of the document (reading only) */
	const char *meta;	/* of the document, a JSON object (reading only) */
};

/* ---- writing ---- */

struct store_writer;
int store_create(struct store_writer **out, const char *path, struct err *e);
/* Answers the document's id: 1, 2, ... */
int store_add_document(
    struct store_writer *w, const struct store_document *d, uint64_t *id, struct err *e);
/* Chunks get ids 1, 2, ... in the order they are added; so do passages, one for chunks of
 * the same one that follow each other.  passage: that id, or 0; may be NULL. */
int store_add_chunk(struct store_writer *w, const struct store_chunk *c, uint32_t *passage,
    struct err *e);
/* Commits and closes; w is taken, also on failure. */
int store_finish(struct store_writer *w, struct err *e);
void store_abandon(struct store_writer *w);

/* ---- reading ---- */

struct store;
int store_open(struct store **out, const char *path, struct err *e);
void store_close(struct store *s);
/* ERR_CORRUPT when there is no such row.  Its text and its passage's, not terminated, lie in the
 * file as it is mapped, until store_close(), or in the arena; all else is arena. */
int store_fetch(struct store *s, uint32_t row, struct arena *a, struct store_chunk *out,
    struct err *e);
/* The text of the document that a row is of, put together again from its chunks, in arena:
 * all of it, or at most `max` bytes around the row.  What no chunk holds (white space between
 * them) is an empty line. */
struct store_text {
	const char *text;
	size_t len;
	uint64_t start, end;	/* in the document's text */
	bool is_whole;
};
int store_document_text(struct store *s, uint32_t row, size_t max, struct arena *a,
    struct store_text *out, struct err *e);
int store_counts(struct store *s, uint64_t *documents, uint64_t *chunks, struct err *e);
/* Walks the documents by id, so by key; what is passed is borrowed for the call.  A non-zero
 * answer ends the walk and is passed on. */
int store_each_document(struct store *s,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e);
/* The document of this key, by binary search: 1 and each was called, 0 there is none. */
int store_find_document(struct store *s, const char *key,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e);
/* 1 there is one, 0 there is none. */
int store_has_document(struct store *s, const char *key, struct err *e);
/* The first row of a document, by binary search; 1 found, 0: it has none. */
int store_first_row(struct store *s, uint64_t document, uint32_t *row, struct err *e);
/* As store_each_document(), from the first whose key is behind `after`. */
int store_each_document_after(struct store *s, const char *after,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e);
/* Backwards, from the last whose key is before `before`; NULL: from the last. */
int store_each_document_before(struct store *s, const char *before_or_null,
    int (*each)(void *context, uint64_t id, const struct store_document *d, struct err *e),
    void *context, struct err *e);
/* Reads the whole file: SQLite's quick_check, the counts, and that every chunk has its
 * document and a span that is one.  ERR_CORRUPT. */
int store_verify(struct store *s, uint64_t documents, uint64_t chunks, struct err *e);

#endif
