/* store_fetch.c - the row of a hit: read where it lies, or by SQLite where that cannot be. */
#include "store_parts.h"

#include <string.h>

/* ---- by SQLite ---- */

static const char fetch_chunk[] =
    "select c.document, c.start, c.end, c.heading, c.text, d.title, d.source, d.key, d.meta,"
    " c.page, p.start, p.end, p.heading, p.text, p.page from chunk c"
    " join document d on d.id = c.document left join passage p on p.id = c.passage"
    " where c.id = ?";
static const char fetch_chunk_of_1[] =
    "select c.document, c.start, c.end, c.heading, c.text, d.title, d.source, d.key, d.meta,"
    " 0, null, null, null, null, null from chunk c join document d on d.id = c.document"
    " where c.id = ?";

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

static int
fetch_by_query(struct store *s, uint32_t row, struct arena *a, struct store_chunk *out, struct err *e)
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

/* ---- where it lies ---- */

/* As the tables are declared (store.h). */
enum { CHUNK_DOCUMENT = 1, CHUNK_START, CHUNK_END, CHUNK_HEADING, CHUNK_TEXT, CHUNK_PAGE,
	CHUNK_PASSAGE, CHUNK_COLUMNS };
enum { DOCUMENT_KEY = 1, DOCUMENT_TITLE, DOCUMENT_SOURCE, DOCUMENT_BYTES, DOCUMENT_SHA256,
	DOCUMENT_CHARSET, DOCUMENT_META, DOCUMENT_COLUMNS };
enum { PASSAGE_START = 2, PASSAGE_END, PASSAGE_HEADING, PASSAGE_TEXT, PASSAGE_PAGE,
	PASSAGE_COLUMNS };
enum { FETCHED_BYTES = 4096, CACHE_LINE = 64 };

/* N: a number, T: a text; one for each column behind the id. */
static bool
are_kinds(const struct db_cell *cells, const char *kinds)
{
	for (size_t i = 0; kinds[i] != '\0'; i++)
		if (cells[i + 1].kind != (kinds[i] == 'N' ? DB_CELL_NUMBER : DB_CELL_TEXT))
			return false;
	return true;
}

static bool
read_document(const struct store *s, struct arena *a, struct store_chunk *out)
{
	struct db_cell d[DOCUMENT_COLUMNS];

	if (!db_cells_read(&s->cells, &s->document, (int64_t)out->document, a, d, DOCUMENT_COLUMNS) ||
	    !are_kinds(d, "TTTNTTT"))
		return false;
	out->title = arena_copy(a, d[DOCUMENT_TITLE].text, d[DOCUMENT_TITLE].len);
	out->source = arena_copy(a, d[DOCUMENT_SOURCE].text, d[DOCUMENT_SOURCE].len);
	out->key = arena_copy(a, d[DOCUMENT_KEY].text, d[DOCUMENT_KEY].len);
	out->meta = arena_copy(a, d[DOCUMENT_META].text, d[DOCUMENT_META].len);
	return true;
}

static bool
read_passage(const struct store *s, int64_t id, struct arena *a, struct store_passage *out)
{
	struct db_cell p[PASSAGE_COLUMNS];

	*out = (struct store_passage){0};
	if (id == 0)
		return true;
	if (!db_cells_read(&s->cells, &s->passage, id, a, p, PASSAGE_COLUMNS) ||
	    !are_kinds(p, "NNNTTN"))
		return false;
	*out = (struct store_passage){.start = (uint64_t)p[PASSAGE_START].number,
	    .end = (uint64_t)p[PASSAGE_END].number,
	    .heading = arena_copy(a, p[PASSAGE_HEADING].text, p[PASSAGE_HEADING].len),
	    .text = p[PASSAGE_TEXT].text, .text_len = p[PASSAGE_TEXT].len,
	    .page = (uint32_t)p[PASSAGE_PAGE].number};
	return true;
}

/* It lies far away and is read before long, by more than one: all of it is fetched at once. */
static void
fetch_ahead(const char *text, size_t n)
{
	for (size_t i = 0; i < n && i < FETCHED_BYTES; i += CACHE_LINE)
		__builtin_prefetch(text + i);
}

static bool
fetch_in_place(const struct store *s, uint32_t row, struct arena *a, struct store_chunk *out)
{
	size_t columns = s->version == 1 ? CHUNK_PAGE : CHUNK_COLUMNS;
	struct db_cell c[CHUNK_COLUMNS] = {0};

	if (!db_cells_read(&s->cells, &s->chunk, (int64_t)row + 1, a, c, columns) ||
	    !are_kinds(c, s->version == 1 ? "NNNTT" : "NNNTTNN"))
		return false;
	out->document = (uint64_t)c[CHUNK_DOCUMENT].number;
	out->start = (uint64_t)c[CHUNK_START].number;
	out->end = (uint64_t)c[CHUNK_END].number;
	out->heading = arena_copy(a, c[CHUNK_HEADING].text, c[CHUNK_HEADING].len);
	out->text = c[CHUNK_TEXT].text;
	out->text_len = c[CHUNK_TEXT].len;
	out->page = (uint32_t)c[CHUNK_PAGE].number;
	if (!read_passage(s, c[CHUNK_PASSAGE].number, a, &out->parent))
		return false;
	if (out->parent.text_len > 0)		/* then that is shown */
		fetch_ahead(out->parent.text, out->parent.text_len);
	else
		fetch_ahead(out->text, out->text_len);
	return read_document(s, a, out) && !a->failed;
}

int
store_fetch(
    struct store *s, uint32_t row, struct arena *a, struct store_chunk *out, struct err *e)
{
	return fetch_in_place(s, row, a, out) ? 0 : fetch_by_query(s, row, a, out, e);
}

/* ---- both ---- */

int
store_fetch_open(struct store *s, const char *path, struct err *e)
{
	const char *sql = s->version == 1 ? fetch_chunk_of_1 : fetch_chunk;

	if (db_statement(&s->fetch, s->db, sql, e) == -1)
		return -1;
	db_cells_open(&s->cells, path);
	db_cells_table(&s->cells, s->db, "chunk", &s->chunk);
	db_cells_table(&s->cells, s->db, "document", &s->document);
	db_cells_table(&s->cells, s->db, "passage", &s->passage);
	return 0;
}

void
store_fetch_close(struct store *s)
{
	sqlite3_finalize(s->fetch);
	db_cells_close(&s->cells);
}

int
store_fetch_verify(struct store *s, struct err *e)
{
	if (db_cells_verify(&s->cells, &s->chunk, s->db, "chunk", e) == -1 ||
	    db_cells_verify(&s->cells, &s->document, s->db, "document", e) == -1 ||
	    db_cells_verify(&s->cells, &s->passage, s->db, "passage", e) == -1)
		return err_prefix(e, "store.db"), -1;
	return 0;
}
